"""Conditional tags: hours as minutes of the week, bounds on the vehicle, and what is not understood."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geodata.osm_conditions import ALWAYS, DAY_MINUTES, WEEK_MINUTES, Bound, Condition, clauses, span, week_of
from geodata.osm_values import km_per_h, metres, tonnes

MO, TU, SA, SU = 0, 1, 5, 6


def holds(hours: str, day: int, clock: str) -> bool:
    week = week_of(hours)
    assert week is not None
    hour, minute = clock.split(":")
    return bool(week >> (day * DAY_MINUTES + int(hour) * 60 + int(minute)) & 1)


@pytest.mark.parametrize(("hours", "inside", "outside"), [
    ("Mo-Fr 07:00-19:00", (MO, "07:00"), (MO, "19:00")),
    ("Mo-Fr 07:00-19:00", (4, "18:59"), (SA, "12:00")),
    ("07:00-09:00,16:00-19:00", (SU, "16:30"), (SU, "12:00")),
    ("Sa,Su 10:00-12:00", (SU, "10:00"), (MO, "10:00")),
    ("Mo 22:00-06:00", (TU, "05:59"), (MO, "05:59")),
    ("Su 22:00-06:00", (MO, "03:00"), (SU, "03:00")),
    ("Fr-Mo", (SU, "00:00"), (TU, "00:00")),
    ("24/7", (MO, "00:00"), None),
    ("Mo-Fr 09:00-15:00, 18:00-07:00; Sa-Su 24 h", (SA, "12:00"), (MO, "16:00")),
    ("Mo-Fr 07:00-09:00, Sa 10:00-12:00", (SA, "11:00"), (SA, "08:00")),
    ("Mo-Fr 07:00-09:00; Fr off", (3, "08:00"), (4, "08:00")),
    ("Sa,Su,PH 07:00-20:00", (SA, "07:00"), (MO, "07:00")),
    ("Mo-Fr 07:00-09:00; PH off", (MO, "07:00"), (SA, "07:00")),
])
def test_hours_hold_when_they_say(hours: str, inside: tuple[int, str], outside: tuple[int, str] | None) -> None:
    assert holds(hours, *inside)
    assert outside is None or not holds(hours, *outside)


@pytest.mark.parametrize("hours", ["SH 07:00-09:00", "Apr-Oct", "sunrise-sunset", "Mo-Fr 17:00+", "25:00-26:00", "",
                                   "wet"])
def test_hours_that_need_a_calendar_are_not_understood(hours: str) -> None:
    assert week_of(hours) is None


@given(st.integers(0, WEEK_MINUTES - 1), st.integers(1, WEEK_MINUTES))
def test_a_span_has_its_length_and_wraps(start: int, length: int) -> None:
    week = span(start, start + length)
    assert week.bit_count() == length
    assert week & ~ALWAYS == 0
    assert all(week >> ((start + k) % WEEK_MINUTES) & 1 for k in (0, length - 1))


def test_clauses_keep_order_brackets_and_bounds() -> None:
    first, second, third = clauses("no @ (Mo-Fr 07:00-09:00; Sa 10:00-12:00 AND weight>7.5); yes @ delivery; no @ wet")
    assert (first.value, second.value, third.value) == ("no", "yes", "no")
    assert first.condition is not None
    assert first.condition.bounds == (Bound("weight", ">", 7.5),)
    assert first.condition.week == week_of("Mo-Fr 07:00-09:00; Sa 10:00-12:00")
    assert second.condition == Condition(at_destination=True)
    assert third.condition is None


def test_bounds_compare_in_tonnes_and_metres() -> None:
    (clause,) = clauses("no @ (weight >= 3500 kg AND length>12)")
    assert clause.condition is not None
    weight, length = clause.condition.bounds
    assert weight.holds(3.5)
    assert not weight.holds(3.49)
    assert not length.holds(12.0)


@pytest.mark.parametrize(("text", "value"), [
    ("7.5", 7.5), ("3.5 tonnes", 3.5), ("3500 kg", 3.5), ("3,5", 3.5), ("none", math.inf), ("10 st", 9.0718474),
    ("heavy", None), ("3.5;7.5", None), ("0", None), ("-1", None)])
def test_weights(text: str, value: float | None) -> None:
    assert tonnes(text) == (None if value is None else pytest.approx(value))


@pytest.mark.parametrize(("text", "value"), [
    ("3.8", 3.8), ("3.8 m", 3.8), ("12 ft", 3.6576), ("11'6\"", 3.5052), ("default", math.inf), ("low", None)])
def test_sizes(text: str, value: float | None) -> None:
    assert metres(text) == (None if value is None else pytest.approx(value))


@pytest.mark.parametrize(("text", "value"), [
    ("50", 50.0), ("30 mph", 48.28032), ("none", math.inf), ("CN:urban", 50.0), ("walk", 5.0), ("XX:urban", None),
    ("signals", None)])
def test_speeds(text: str, value: float | None) -> None:
    assert km_per_h(text) == (None if value is None else pytest.approx(value))
