"""Knapsacks against trying every set and against integer programmes, in one measure and in several."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import Bounds, LinearConstraint, milp

from optimizer import knapsack
from optimizer.knapsack import Knapsacks, Packed, solve
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
        assert value[rows].sum() == pytest.approx(packed.value[number], rel=1e-8, abs=1e-9)


@pytest.mark.parametrize("measures", [1, 2, 3])
@pytest.mark.parametrize("seed", range(6))
def test_large_knapsacks_are_exact(seed: int, measures: int) -> None:
    """Up to 70 items that all pay, every measure kept, and the set taken is one that fits and has the value."""
    rng = np.random.default_rng(seed)
    sizes = (13, 20, 30, 70)
    first = np.concatenate([[0], np.cumsum(sizes)])
    share = np.concatenate([rng.uniform(0.02, 0.4, n)[:, None] * rng.uniform(0.5, 1.3, (n, measures)) for n in sizes])
    value = rng.uniform(-10, -1, len(share))
    packed = solve(Knapsacks(first, share if measures > 1 else share[:, 0]), value, pick=True)
    assert solve(Knapsacks(first, share), value).value == pytest.approx(packed.value)
    for number, (start, stop) in enumerate(itertools.pairwise(first)):
        exact = milp(value[start:stop], integrality=np.ones(stop - start), bounds=Bounds(0, 1),
                     options={"mip_rel_gap": 0.0}, constraints=LinearConstraint(share[start:stop].T, -np.inf, 1.0))
        assert packed.value[number] == pytest.approx(exact.fun, rel=1e-6)
        rows = np.arange(start, stop)[packed.taken[start:stop]]
        assert (share[rows].sum(axis=0) <= 1.0 + 1e-7).all()
        assert value[rows].sum() == pytest.approx(packed.value[number])


def test_equal_items_do_not_explode(monkeypatch: pytest.MonkeyPatch) -> None:
    """With too many sets to look at the relaxation answers: never above the exact value."""
    monkeypatch.setattr(knapsack, "MOST_SETS", 50)
    rng = np.random.default_rng(3)
    box = [(float(w), float(v)) for w, v in zip(rng.uniform(0.05, 0.15, 40), rng.uniform(-10.2, -10, 40), strict=True)]
    knapsacks, value = pack(box)
    found, exact = knapsack.solve(knapsacks, value).value[0], best_by_programme(box)
    assert 1.2 * exact <= found <= exact + 1e-6


def test_at_the_edges() -> None:
    """Twenty weightless items, one that fills the box, and one that is a hair too heavy."""
    light = [(0.0, -1.0)] * 20
    knapsacks, value = pack([*light, (1.0, -5.0), (0.5, -4.0)], [*light, (1.001, -50.0), (0.6, -2.0), (0.7, -3.0)])
    assert knapsack.solve(knapsacks, value).value == pytest.approx([-25.0, -23.0])


def test_by_hand() -> None:
    """0.6 + 0.5 do not fit together; 0.5 + 0.5 do; a positive value is never taken; nothing is worth 0."""
    knapsacks, value = pack([(0.6, -5.0), (0.5, -3.0), (0.5, -4.0)], [(0.1, 1.0)], [], [(1.2, -9.0)], [(1.0, -2.0)])
    packed = knapsack.solve(knapsacks, value, pick=True)
    assert packed.value == pytest.approx([-7.0, 0.0, 0.0, 0.0, -2.0])
    assert packed.taken.tolist() == [False, True, True, False, False, True]
    assert not knapsack.solve(knapsacks, value).taken.any()


def test_no_knapsacks_and_no_items() -> None:
    assert knapsack.solve(Knapsacks(np.zeros(1, dtype=np.int64), np.empty(0)), np.empty(0)).value.tolist() == []
    empty = Knapsacks(np.zeros(4, dtype=np.int64), np.empty(0))
    assert knapsack.solve(empty, np.empty(0), pick=True).value.tolist() == [0.0, 0.0, 0.0]


def test_boxes_do_not_mix() -> None:
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


@pytest.mark.parametrize("items", [2, 16])
def test_every_load_the_referee_lets_pass_fits(items: int) -> None:
    """The referee allows FULL_SHARE above a capacity, the knapsack of the bound no less; a real excess fits neither."""
    for excess, fits in ((FULL_SHARE, True), (1e-6, False)):
        weight = np.full(items, (1.0 + excess) / items)
        packed = solve(Knapsacks(np.array([0, items]), weight), np.full(items, -1.0))
        assert bool(packed.value[0] < -items + 0.5) is fits
