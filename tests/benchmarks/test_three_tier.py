"""The three-tier family: read, solved and refereed on a file small enough to work out by hand."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.benchmarks.siting_families import three_tier as family
from tests.benchmarks.siting_registry import Row, benchmarks

ROW = Row(family.FAMILY, "three-tier", "tiny", "tiny.json.gz", None, None, None)


def tiny() -> dict[str, Any]:
    """Two cells, two points, one station, one centre on a line; two materials of different haul cost."""
    return {"name": "tiny", "units": "km, tonnes/day, cost/day", "distance": "1.3 * Euclidean",
            "rules": "each cell assigned whole to one collection point (all materials); the rest as agreed",
            "materials": ["a", "b"], "cells_xy": [[0, 0], [10, 0]], "collection_xy": [[0, 0], [10, 0]],
            "transfer_xy": [[0, 10]], "sorting_xy": [[0, 20]], "tonnes": [[1, 2], [2, 1]],
            "size_capacity": {"collection": [3, 6], "transfer": [5, 10], "sorting": [100]},
            "fixed_cost": {"collection": [[50, 80], [60, 1000]], "transfer": [[100, 150]], "sorting": [[500]]},
            "unit_cost_per_tonne_km": {"cell_collection": [6, 6], "collection_transfer": [1, 2],
                                       "transfer_sorting": [0.5, 0.25]}}


def read(folder: Path, data: dict[str, Any]) -> family.Instance:
    path = folder / "tiny.json.gz"
    path.write_bytes(gzip.compress(json.dumps(data).encode()))
    return family.read(path, ROW)


def by_hand() -> family.Answer:
    """Both points open in their small size, the station in its large one; everything goes the one way there is."""
    flows = ({(0, 0, 0): 1.0, (0, 0, 1): 2.0, (1, 0, 0): 2.0, (1, 0, 1): 1.0}, {(0, 0, 0): 3.0, (0, 0, 1): 3.0})
    return family.Answer("feasible", 0.0, 0.0, 0.0, False, "", ({0: 0, 1: 0}, {0: 1}, {0: 0}), [0, 1], flows, {})


def test_the_referee_adds_up_the_file(tmp_path: Path) -> None:
    instance = read(tmp_path, tiny())
    cost, wrong = family.referee(instance, by_hand())
    far = 2**0.5 * 10  # from the second point to the station
    first_leg = 1.3 * (10 * (1 * 1 + 2 * 2) + far * (2 * 1 + 1 * 2))
    assert not wrong
    assert cost == pytest.approx(50 + 60 + 150 + 500 + first_leg + 1.3 * 10 * (3 * 0.5 + 3 * 0.25))


def test_the_plan_is_the_best_and_the_bound_below_it(tmp_path: Path) -> None:
    """Two points cost 60 + 184; one large point would cost 30 more and 1.3 x 10 km x 3 t x 6 = 234 of walking."""
    instance = read(tmp_path, tiny())
    answer = family.solve(instance, 20.0, 1)
    cost, wrong = family.referee(instance, answer)
    assert not wrong
    assert cost == pytest.approx(answer.objective, rel=1e-9)
    assert cost == pytest.approx(family.referee(instance, by_hand())[0])
    assert answer.bound <= cost * (1 + 1e-9)
    assert answer.gap == pytest.approx((cost - answer.bound) / cost)
    assert answer.point_of_cell == [0, 1]


TAMPERED = {
    "no open collection point": lambda a: replace(a, point_of_cell=[0, -1]),
    "not one collection point per cell": lambda a: replace(a, point_of_cell=[0]),
    "collection 0 holds": lambda a: replace(a, point_of_cell=[0, 0]),
    "transfer 0 holds": lambda a: replace(a, size_of_site=(a.size_of_site[0], {0: 0}, {0: 0})),
    "t leave": lambda a: replace(a, flows=(a.flows[0], {(0, 0, 0): 3.0, (0, 0, 1): 2.5})),
    "closed": lambda a: replace(a, flows=({**a.flows[0], (0, 1, 0): 0.5}, a.flows[1])),
    "-0.5 t": lambda a: replace(a, flows=({**a.flows[0], (0, 0, 0): -0.5}, a.flows[1])),
}


@pytest.mark.parametrize("message", TAMPERED)
def test_a_tampered_plan_is_refused(tmp_path: Path, message: str) -> None:
    instance = read(tmp_path, tiny())
    _, wrong = family.referee(instance, TAMPERED[message](by_hand()))
    assert any(message in fault for fault in wrong)


def test_other_rules_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="other rules"):
        read(tmp_path, tiny() | {"distance": "Manhattan"})
    prices = {**tiny()["unit_cost_per_tonne_km"], "cell_collection": [6, 7]}
    with pytest.raises(ValueError, match="whatever the material"):
        family.problem_of(read(tmp_path, tiny() | {"unit_cost_per_tonne_km": prices}))


def test_the_harness_knows_the_family() -> None:
    assert (family.FAMILY, "three-tier") in benchmarks()
