"""Cheapest split of loads over sites with limited room: against linear programmes (scipy) and duality."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import linprog

from optimizer.solvers.room_flow import cheapest_split

Float = NDArray[np.float64]


def by_linear_programme(cost: Float, tonnes: Float, least: Float, most: Float) -> float | None:
    points, sites = cost.shape
    once = np.kron(np.eye(points), np.ones(sites))
    at = np.kron(np.ones(points), np.eye(sites))
    way = np.isfinite(cost.ravel())
    found = linprog(np.where(way, cost.ravel(), 0.0), A_ub=np.vstack([at, -at]), b_ub=np.concatenate([most, -least]),
                    A_eq=once, b_eq=tonnes, bounds=[(0.0, None if w else 0.0) for w in way])
    return float(found.fun) if found.status == 0 else None


@pytest.mark.parametrize("seed", range(120))
def test_split_costs_what_the_linear_programme_finds(seed: int) -> None:
    """Also with ties, missing ways, minimums, wrong first prices, and where nothing fits."""
    rng = np.random.default_rng(seed)
    points, sites = int(rng.integers(1, 20)), int(rng.integers(1, 7))
    cost = rng.uniform(0.0, 10.0, (points, sites))
    cost = np.round(cost) if seed % 3 == 0 else cost
    cost[rng.random(cost.shape) < 0.15] = np.inf
    tonnes = rng.uniform(0.5, 2.0, points)
    most = rng.dirichlet(np.full(sites, 3.0)) * tonnes.sum() * rng.uniform(0.95, 1.5)
    least = most * (rng.random(sites) < 0.4) * rng.uniform(0.0, 0.9) if seed % 2 else np.zeros(sites)
    first = rng.normal(0.0, 2.0, sites) if seed % 5 == 0 else None
    expected = by_linear_programme(cost, tonnes, least, most)
    found = cheapest_split(cost, tonnes, least, most, first)
    assert (found is None) == (expected is None)
    if found is None or expected is None:
        return
    assert found.cost == pytest.approx(expected, rel=1e-7, abs=1e-7)
    np.testing.assert_allclose(found.tonnes.sum(axis=1), tonnes, rtol=1e-9)
    load = found.tonnes.sum(axis=0)
    assert (load <= most + 1e-7).all()
    assert (load >= least - 1e-7).all()
    priced = float((tonnes * (cost + found.price).min(axis=1)).sum())
    paid = np.where(found.price > 0.0, most, least) @ found.price
    assert priced - paid == pytest.approx(expected, rel=1e-7, abs=1e-6)  # the prices prove it


def test_two_loads_share_a_small_site() -> None:
    """Room for 3 t at the cheap site: the load with more to lose (5 a tonne) goes first, the other is split."""
    found = cheapest_split(np.array([[1.0, 6.0], [1.0, 3.0]]), np.array([2.0, 2.0]), np.zeros(2), np.array([3.0, 9.0]))
    assert found is not None
    np.testing.assert_allclose(found.tonnes, [[2.0, 0.0], [1.0, 1.0]])
    np.testing.assert_allclose(found.price, [2.0, 0.0])
    assert found.cost == pytest.approx(6.0)


def test_no_loads_and_no_sites() -> None:
    empty = cheapest_split(np.zeros((0, 2)), np.zeros(0), np.zeros(2), np.ones(2))
    assert empty is not None
    assert empty.cost == 0.0
    assert cheapest_split(np.zeros((2, 0)), np.ones(2), np.zeros(0), np.zeros(0)) is None
