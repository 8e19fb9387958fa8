"""Numbers as people write them, against values worked out by hand."""

from __future__ import annotations

import math

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geodata.numbers import as_degrees, as_number, heading_factor, numbers


@pytest.mark.parametrize(("cell", "unit", "value"), [
    ("1,234", "1", 1234.0), ("１２３４", "1", 1234.0), (" 12 ", "1", 12.0), ("1e3", "1", 1000.0), (7, "1", 7.0),
    ("1.2万", "persons", 12_000.0), ("3.5 万人", "persons", 35_000.0), ("12人", "persons", 12.0),
    ("5亩", "m2", 50_000 / 15),
    ("2公顷", "m2", 20_000.0), ("1,200户", "households", 1200.0), ("3亿", "CNY", 3e8),
])
def test_numbers_with_units(cell: object, unit: str, value: float) -> None:
    assert as_number(cell, unit) == pytest.approx(value)


@pytest.mark.parametrize("cell", ["", "-", "约100", "12,34", "1.2.3", "十二", None, True, "12人"])
def test_what_is_no_number_is_not_guessed(cell: object) -> None:
    """'12人' is one for persons only."""
    assert math.isnan(as_number(cell, "m2"))


@pytest.mark.parametrize(("cell", "degrees"), [
    ("114°18′22.5″", 114 + 18 / 60 + 22.5 / 3600), ("30°36'00\"", 30.6), ("114度18分", 114.3), ("30.6", 30.6),
    (30.6, 30.6), ("30°36′N", 30.6)])
def test_degrees_and_minutes(cell: object, degrees: float) -> None:
    assert as_degrees(cell) == pytest.approx(degrees)


@pytest.mark.parametrize(("heading", "factor"), [
    ("常住人口(万人)", 1e4), ("常住人口（万人）", 1e4), ("人口_万人", 1e4),
    ("常住人口", 1.0), ("人口(人)", 1.0), ("人口(m2)", 1.0)])
def test_units_in_headings(heading: str, factor: float) -> None:
    assert heading_factor(heading, "persons") == factor


def test_a_cell_with_a_unit_of_its_own_is_not_scaled_twice() -> None:
    column = pd.Series(["1.5", "1.5万", "15000人", "?"], name="常住人口(万人)")
    assert numbers(column, "persons")[:3].tolist() == [15_000.0, 15_000.0, 15_000.0]
    assert math.isnan(numbers(column, "persons")[3])


@given(st.floats(min_value=-1e12, max_value=1e12, allow_nan=False))
def test_a_number_survives_being_written_with_thousands(value: float) -> None:
    assert as_number(f"{value:,.3f}") == pytest.approx(value, abs=6e-4)
