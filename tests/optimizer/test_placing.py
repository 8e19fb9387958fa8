"""Placing sites of several sizes: never above the optimal assignment, and equal to it where counts are exact."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

import optimizer.placing
from optimizer.placing import least_placed


def mixes_of(net: np.ndarray) -> np.ndarray:
    """Every mix of up to three sites of each size that the places could hold."""
    rows = np.array(list(itertools.product(range(4), repeat=net.shape[1])))
    rows = rows[rows.sum(axis=1) <= len(net)]
    return rows[(rows <= np.isfinite(net).sum(axis=0)).all(axis=1)]


def assigned(net: np.ndarray, row: tuple[int, ...]) -> float:
    """The cheapest places of a mix, by the Hungarian method; inf where it has none."""
    cost = net[:, np.repeat(np.arange(net.shape[1]), row)]
    at = linear_sum_assignment(np.where(np.isfinite(cost), cost, 1e6))
    return float(cost[at].sum())


def random_places(rng: np.random.Generator, places: int, sizes: int) -> np.ndarray:
    """Costs of which a part belongs to the place whatever the size, some of them not possible."""
    net = rng.normal(size=(places, sizes)) + 3.0 * rng.normal(size=(places, 1)) + np.arange(sizes)
    net[rng.random(net.shape) < 0.15] = np.inf
    return net


@pytest.mark.parametrize("seed", range(30))
def test_the_least_cost_of_every_mix(seed: int) -> None:
    rng = np.random.default_rng(seed)
    net = random_places(rng, int(rng.integers(1, 9)), int(rng.integers(1, 4)))
    rows = mixes_of(net)
    found = least_placed(net, rows, np.zeros(rows.shape, dtype=bool))
    for row, value in zip(rows, found, strict=True):
        best = assigned(net, tuple(row))
        if np.isfinite(best):
            assert value == pytest.approx(best, abs=1e-9)


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("few_charges", [False, True])
def test_never_above_the_best_with_more_sites(seed: int, few_charges: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Mixes that stand for more sites of some sizes, with charges of their own and with those of a few others."""
    if few_charges:
        monkeypatch.setattr(optimizer.placing, "MOST_CELLS", 0)
        monkeypatch.setattr(optimizer.placing, "CELLS", 40)
    rng = np.random.default_rng(100 + seed)
    net = random_places(rng, int(rng.integers(1, 7)), int(rng.integers(1, 4)))
    rows = mixes_of(net)
    or_more = rng.random(rows.shape) < 0.4
    found = least_placed(net, rows, or_more)
    every = {row: assigned(net, row) for row in itertools.product(range(len(net) + 1), repeat=net.shape[1])
             if sum(row) <= len(net)}
    for row, more, value in zip(rows, or_more, found, strict=True):
        allowed = (cost for other, cost in every.items()
                   if all(b >= a if m else a == b for a, b, m in zip(row, other, more, strict=True)))
        assert value <= min(allowed, default=np.inf) + 1e-9


def test_no_places_cost_nothing() -> None:
    assert least_placed(np.empty((0, 2)), np.zeros((1, 2), dtype=int), np.zeros((1, 2), dtype=bool)) == [0.0]
