"""Which pairs of point and station a large programme looks at."""

from __future__ import annotations

import itertools

import numpy as np

from optimizer.solvers.large_service import DENSE_PAIRS, NEAR, is_large, near_pairs


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
