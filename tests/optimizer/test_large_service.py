"""Service of many points over few near stations: whole, within room, and close to the split optimum."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.optimize import linprog

from optimizer.solvers.large_service import DENSE_PAIRS, NEAR, is_large, made_whole, near_pairs


def test_pairs_of_a_small_table_are_all_there_are() -> None:
    row, column = near_pairs(np.arange(12.0).reshape(3, 4))
    assert list(zip(row.tolist(), column.tolist(), strict=True)) == list(itertools.product(range(3), range(4)))


def test_pairs_of_a_large_table_are_the_cheapest_of_each_row() -> None:
    rng = np.random.default_rng(1)
    cost = rng.random((DENSE_PAIRS // 50 + 1, 50))
    assert is_large(cost)
    row, column = near_pairs(cost)
    assert (np.bincount(row) == NEAR).all()
    for p in range(len(cost)):
        assert set(column[row == p]) == set(np.argsort(cost[p])[:NEAR])


@pytest.mark.parametrize("seed", range(8))
def test_whole_services_keep_the_room_and_cost_little_more(seed: int) -> None:
    """From the split optimum (scipy) of a tight problem; each split point costs at most the dearest detour."""
    rng = np.random.default_rng(seed)
    points, stations = 60, 6
    use = rng.uniform(0.5, 1.5, (points, 2))
    cost = rng.uniform(1.0, 10.0, (points, stations))
    room = np.tile(use.sum(axis=0) / stations * 1.08, (stations, 1))
    index = np.arange(points * stations).reshape(points, stations)
    once = np.zeros((points, index.size))
    once[np.arange(points)[:, None], index] = 1.0
    limits = np.zeros((2 * stations, index.size))
    for d in range(2):
        limits[d * stations + np.arange(stations)[None, :], index] = use[:, d, None]
    found = linprog(cost.ravel(), A_ub=limits, b_ub=room.T.ravel(), A_eq=once, b_eq=np.ones(points), bounds=(0, 1))
    assert found.status == 0
    choice = made_whole(found.x.reshape(points, stations), cost, use, room)
    assert choice is not None
    load = np.zeros((stations, 2))
    np.add.at(load, choice, use)
    assert (load <= room * (1 + 1e-8)).all()
    split = int((found.x.reshape(points, stations).max(axis=1) < 1 - 1e-6).sum())
    assert found.fun - 1e-6 <= cost[np.arange(points), choice].sum() <= found.fun + 18.0 * split


def test_no_room_is_said() -> None:
    """Two stations of 1.5 cannot hold three points of 1 whole, though split they can."""
    share = np.array([[1.0, 0.0], [0.0, 1.0], [0.5, 0.5]])
    assert made_whole(share, np.ones((3, 2)), np.ones((3, 1)), np.full((2, 1), 1.5)) is None


def test_another_point_makes_room() -> None:
    """0.6 only fits where 0.5 stands, and 0.5 fits elsewhere."""
    share = np.array([[1.0, 0.0], [0.5, 0.5]])
    choice = made_whole(share, np.array([[1.0, 2.0], [1.0, 5.0]]), np.array([[0.5], [0.6]]), np.array([[0.7], [0.5]]))
    assert choice is not None
    assert choice.tolist() == [1, 0]
