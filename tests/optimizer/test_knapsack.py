"""Knapsacks against trying every set; rounding weights down and up encloses the truth."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import Bounds, LinearConstraint, milp

from optimizer import knapsack
from optimizer.knapsack import EXACT_ITEMS, UNITS, Knapsacks, Packed, solve
from optimizer.problem import FULL_SHARE

ITEM = st.tuples(st.floats(0.0, 1.3), st.floats(-10.0, 3.0))


def pack(*boxes: list[tuple[float, float]]) -> tuple[Knapsacks, np.ndarray]:
    """Knapsacks of (weight, value) pairs."""
    items = [item for box in boxes for item in box]
    first = np.concatenate([[0], np.cumsum([len(box) for box in boxes])]).astype(np.int64)
    return Knapsacks(first, np.array([w for w, _ in items], dtype=float)), np.array([v for _, v in items], dtype=float)


def best_of_all_sets(box: list[tuple[float, float]]) -> float:
    fitting = (sum(v for _, v in chosen) for count in range(len(box) + 1)
               for chosen in itertools.combinations(box, count) if sum(w for w, _ in chosen) <= 1.0)
    return min(fitting)


def best_by_programme(box: list[tuple[float, float]]) -> float:
    weight, value = np.array(box).T
    found = milp(value, integrality=np.ones(len(box)), bounds=Bounds(0, 1), options={"mip_rel_gap": 0.0},
                 constraints=LinearConstraint(weight[None, :], -np.inf, 1.0))
    assert found.status == 0
    return float(found.fun)


def taken_in(packed: Packed, knapsacks: Knapsacks, box: int) -> np.ndarray:
    rows = np.arange(knapsacks.first[box], knapsacks.first[box + 1])
    return rows[packed.taken[rows]]


@settings(max_examples=80, deadline=None)
@given(boxes=st.lists(st.lists(ITEM, max_size=9), min_size=1, max_size=6))
def test_small_knapsacks_are_exact(boxes: list[list[tuple[float, float]]]) -> None:
    knapsacks, value = pack(*boxes)
    packed = knapsack.solve(knapsacks, value, pick=True)
    assert packed.value == pytest.approx([best_of_all_sets(box) for box in boxes], abs=1e-6)
    for number in range(len(boxes)):
        rows = taken_in(packed, knapsacks, number)
        assert knapsacks.weight[rows].sum() <= 1.0 + 1e-6
        assert value[rows].sum() == pytest.approx(packed.value[number], abs=1e-9)


@pytest.mark.parametrize("seed", range(8))
def test_large_knapsacks_are_enclosed(seed: int) -> None:
    """More than EXACT_ITEMS useful items: the table's two roundings lie on either side of the exact value."""
    rng = np.random.default_rng(seed)
    boxes = [list(zip(rng.uniform(0.02, 0.4, n), rng.uniform(-10, -1, n), strict=True))
             for n in (EXACT_ITEMS + 1, 20, 30, EXACT_ITEMS + 1)]
    knapsacks, value = pack(*boxes)
    low = knapsack.solve(knapsacks, value, pick=True)
    high = knapsack.solve(knapsacks, value, round_up=True, pick=True)
    assert low.value == pytest.approx(knapsack.solve(knapsacks, value).value)
    for number, box in enumerate(boxes):
        assert len(box) > EXACT_ITEMS
        exact = best_by_programme(box)
        assert low.value[number] - 1e-6 <= exact <= high.value[number] + 1e-6
        # giving every item 1 / UNITS of room more can only help so far
        assert low.value[number] >= best_by_programme([(w / (1 + len(box) / UNITS), v) for w, v in box]) - 1e-6
        rows = taken_in(high, knapsacks, number)
        assert knapsacks.weight[rows].sum() <= 1.0 + 1e-9
        assert value[rows].sum() == pytest.approx(high.value[number])
        assert value[taken_in(low, knapsacks, number)].sum() == pytest.approx(low.value[number])


def test_weights_in_whole_units_are_exact_in_the_table() -> None:
    rng = np.random.default_rng(4)
    box = [(int(w) / UNITS, v) for w, v in zip(rng.integers(30, 300, 25), rng.uniform(-9, -1, 25), strict=True)]
    knapsacks, value = pack(box)
    exact = best_by_programme(box)
    assert knapsack.solve(knapsacks, value).value == pytest.approx([exact])
    assert knapsack.solve(knapsacks, value, round_up=True).value == pytest.approx([exact])


def test_the_table_at_its_edges() -> None:
    """Twenty weightless items, one that fills the box, and one that is a hair too heavy."""
    light = [(0.0, -1.0)] * 20
    knapsacks, value = pack([*light, (1.0, -5.0), (0.5, -4.0)], [*light, (1.001, -50.0), (0.6, -2.0), (0.7, -3.0)])
    for round_up in (False, True):
        assert knapsack.solve(knapsacks, value, round_up=round_up).value == pytest.approx([-25.0, -23.0])


def test_by_hand() -> None:
    """0.6 + 0.5 do not fit together; 0.5 + 0.5 do; a positive value is never taken; nothing is worth 0."""
    knapsacks, value = pack([(0.6, -5.0), (0.5, -3.0), (0.5, -4.0)], [(0.1, 1.0)], [], [(1.2, -9.0)], [(1.0, -2.0)])
    packed = knapsack.solve(knapsacks, value, pick=True)
    assert packed.value.tolist() == [-7.0, 0.0, 0.0, 0.0, -2.0]
    assert packed.taken.tolist() == [False, True, True, False, False, True]
    assert not knapsack.solve(knapsacks, value).taken.any()


def test_no_knapsacks_and_no_items() -> None:
    assert knapsack.solve(Knapsacks(np.zeros(1, dtype=np.int64), np.empty(0)), np.empty(0)).value.tolist() == []
    empty = Knapsacks(np.zeros(4, dtype=np.int64), np.empty(0))
    assert knapsack.solve(empty, np.empty(0), pick=True).value.tolist() == [0.0, 0.0, 0.0]


def test_blocks_do_not_mix_boxes() -> None:
    """Many boxes of many widths at once give what each gives alone."""
    rng = np.random.default_rng(11)
    boxes = [list(zip(rng.uniform(0.05, 0.6, n), rng.uniform(-5, 1, n), strict=True)) for n in rng.integers(0, 26, 60)]
    knapsacks, value = pack(*boxes)
    together = knapsack.solve(knapsacks, value, pick=True)
    for number, box in enumerate(boxes):
        alone = knapsack.solve(*pack(box), pick=True)
        assert together.value[number] == pytest.approx(alone.value[0])
        rows = slice(knapsacks.first[number], knapsacks.first[number + 1])
        assert together.taken[rows].tolist() == alone.taken.tolist()


@pytest.mark.parametrize("items", [2, EXACT_ITEMS + 4])
def test_every_load_the_referee_lets_pass_fits(items: int) -> None:
    """The referee allows FULL_SHARE above a capacity, the knapsack of the bound no less; a real excess fits neither."""
    for excess, fits in ((FULL_SHARE, True), (1e-6, False)):
        weight = np.full(items, (1.0 + excess) / items)
        packed = solve(Knapsacks(np.array([0, items]), weight), np.full(items, -1.0), round_up=not fits)
        assert bool(packed.value[0] == -items) is fits
