"""Prices of the first tier by linear programmes over columns and by the volume algorithm, against enumeration."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import linprog

from optimizer.accounts import all_coefficients
from optimizer.first_tier import first_tier
from optimizer.pools import Pools
from optimizer.solvers import case_dual
from optimizer.solvers.certify import first_look
from optimizer.solvers.certify_areas import AreaEffort, case_multipliers
from optimizer.solvers.column_dual import DualEffort, Rooms, column_dual
from optimizer.solvers.columns import Packing, Prices
from optimizer.solvers.reach_dual import reach_prices
from optimizer.solvers.volume_dual import volume_dual
from tests.optimizer.small_problems import Shape
from tests.optimizer.test_bound import below, value
from tests.optimizer.test_bound import case as named_case
from tests.optimizer.test_columns import SEEDS, every_column, no_prices, optimum, packing


def relaxation(case: Packing) -> float:
    """The linear programme over all columns, enumerated in plain Python."""
    columns, tier = every_column(case), case.tier
    rows = np.zeros((case.parts + tier.site_count + len(case.pools.limit), len(columns)))
    for c, (site, _, arcs, _) in enumerate(columns):
        rows[tier.part[list(arcs)], c] = 1.0
        rows[case.parts + site, c] = 1.0
        rows[case.parts + tier.site_count:, c] = case.pools.draw[list(arcs)].sum(axis=0)
    most = np.concatenate([np.ones(case.parts + tier.site_count), case.pools.limit])
    return float(linprog([cost for *_, cost in columns], A_ub=rows, b_ub=most).fun)


@pytest.mark.parametrize("pooled", [False, True])
@pytest.mark.parametrize("seed", SEEDS)
def test_linear_programmes_reach_the_relaxation(seed: int, *, pooled: bool) -> None:
    case = packing(seed, pooled=pooled)
    token = np.random.default_rng(1).integers(1, 2**63, len(case.tier.part)).astype(np.uint64)
    found = column_dual(case, no_prices(case), None, token, DualEffort(rounds=40, close_share=1e-7))
    assert found.bound_cny_per_year == pytest.approx(relaxation(case), rel=1e-4)
    assert found.bound_cny_per_year <= optimum(case) + 1.0


@pytest.mark.parametrize("pooled", [False, True])
@pytest.mark.parametrize("seed", SEEDS)
def test_the_volume_algorithm_proves_no_more_than_the_relaxation(seed: int, *, pooled: bool) -> None:
    case = packing(seed, pooled=pooled)
    assert volume_dual(case, no_prices(case), 200).bound_cny_per_year <= relaxation(case) + 1.0


@pytest.mark.parametrize("pooled", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_the_volume_algorithm_comes_close(seed: int, *, pooled: bool) -> None:
    """Beside the linear programmes on more parts; its fractional plan serves parts once, by and large."""
    case = packing(seed, pooled=pooled, shape=Shape(sites=(30, 2, 2), parts=80))
    token = np.random.default_rng(1).integers(1, 2**63, len(case.tier.part)).astype(np.uint64)
    best = column_dual(case, no_prices(case), None, token, DualEffort(rounds=40, close_share=1e-6)).bound_cny_per_year
    found = volume_dual(case, no_prices(case), 600)
    assert found.bound_cny_per_year == pytest.approx(best, rel=0.01)
    served = np.bincount(case.tier.part, weights=found.arc_share, minlength=case.parts)
    assert served.mean() <= 1.05
    assert (found.arc_share >= 0.0).all()


@pytest.mark.parametrize("seed", SEEDS)
def test_room_that_is_bought(seed: int) -> None:
    """With one room at no cost as without rooms; a cheaper bound never comes from a dearer choice of rooms."""
    case = packing(seed, pooled=True)
    plain = volume_dual(case, no_prices(case), 300)
    same = volume_dual(case, no_prices(case), 300, Rooms(case.pools.limit[None, :], np.zeros(1)))
    assert plain.bound_cny_per_year == same.bound_cny_per_year
    two = Rooms(np.stack([case.pools.limit, 2.0 * case.pools.limit]), np.array([0.0, 1e3]))
    free = Prices(np.zeros(case.parts), np.zeros(1), np.zeros(0))
    bought = volume_dual(case, free, 300, two).bound_cny_per_year
    assert bought <= plain.bound_cny_per_year + 0.02 * abs(plain.bound_cny_per_year)
    roomy = replace(case, pools=Pools(case.pools.draw, two.room[1]))
    assert bought <= min(relaxation(case), relaxation(roomy) + two.cost_cny_per_year[1]) + 1.0


@pytest.mark.parametrize("seed", range(3))
def test_certificates_of_large_areas(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cases settled by the volume algorithm, as in large areas: valid, and near those of the linear programmes."""
    problem, best = named_case("three tiers", seed)
    coefficients = all_coefficients(problem)
    tier = first_tier(problem, coefficients)
    ceiling = best + 1e7

    def proven() -> float:
        base, begin = first_look(problem, coefficients, tier)
        found, _ = case_multipliers(problem, coefficients, tier, base, begin, ceiling, AreaEffort())
        return value(problem, found)

    by_programmes = proven()
    monkeypatch.setattr(case_dual, "MOST_ARCS", 0)
    by_volume = proven()
    assert below(by_volume, best)
    assert by_volume >= by_programmes - 0.05 * abs(by_programmes)


@pytest.mark.parametrize("seed", range(10))
def test_reach_proves_no_more_than_the_best_stations(seed: int) -> None:
    """The links that reaches make, against every set of stations; without any way to a station nobody reaches it."""
    rng = np.random.default_rng(seed)
    extra = rng.uniform(0.0, 100.0, (8, 5))
    extra -= extra.min(axis=1, keepdims=True)
    barred = int(rng.integers(5))
    extra[:, barred] = 1e12
    extra -= extra.min(axis=1, keepdims=True)
    each, dearer = 60.0, np.zeros(5)
    price = reach_prices(extra, np.concatenate([[np.inf], each * np.arange(1, 6)]), dearer)
    paid = np.maximum(price[:, None] - extra, 0.0).sum(axis=0)
    proven = price.sum() + min(each * n - np.sort(paid)[::-1][:n].sum() for n in range(1, 6))
    sets = [[t for t in range(5) if mask >> t & 1] for mask in range(1, 32)]
    best = min(each * len(s) + extra[:, s].min(axis=1).sum() for s in sets)
    assert 0.8 * best <= proven <= best + 1e-6
    assert (price < 1e6).all()
