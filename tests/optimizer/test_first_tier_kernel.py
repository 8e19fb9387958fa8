"""The compiled loops against every set of arcs and against the numpy prices."""

from __future__ import annotations

import numpy as np
import pytest

from optimizer.accounts import all_coefficients
from optimizer.first_tier import first_tier
from optimizer.network import DAYS_PER_YEAR
from optimizer.prices import NO_WAY, arc_prices, no_prices, onward_prices, unserved_cny_per_year
from optimizer.solvers.first_tier_kernel import best_sets, way_onward
from tests.optimizer.small_problems import Shape, small_problem
from tests.optimizer.test_first_tier import MEASURES, best_set, limited_by


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("seed", range(4))
def test_best_sets_are_the_best_of_all_sets(measure: str, seed: int) -> None:
    """Exact under all measures at once, and the set taken costs what is said and fits."""
    problem = limited_by(measure, seed)
    tier = first_tier(problem, all_coefficients(problem))
    random = np.random.default_rng(seed)
    by_walk = random.normal(-2e4, 3e4, len(problem.walk.part))
    value = by_walk[tier.arc]
    found = best_sets(tier, value)
    for site in range(tier.site_count):
        assert found.cost_cny_per_year[site] == pytest.approx(best_set(problem, site, by_walk)[0])
        mine = found.taken & (tier.site == site)
        size = found.size[site]
        assert tier.open_cny_per_year[site, size] + value[mine].sum() == pytest.approx(found.cost_cny_per_year[site])
        assert (tier.use[mine].sum(axis=0) <= tier.capacity[size] * (1 + 1e-7)).all()


@pytest.mark.parametrize("seed", range(4))
def test_ways_onward_are_those_of_the_bound(seed: int) -> None:
    """Every arc gets the price and the station that optimizer/prices.py gives it."""
    problem = small_problem(seed, Shape(parts=8, sites=(4, 3, 2), sizes=2))
    coefficients = all_coefficients(problem)
    onward = onward_prices(problem, coefficients, no_prices(problem))[1]
    random = np.random.default_rng(seed)
    link = random.uniform(0.0, 5e3, (8, 3)) * (random.random((8, 3)) < 0.5)
    expected = arc_prices(problem, coefficients, onward, link)
    generated, walk = problem.demand.generated_t_per_day, problem.walk
    value, via = np.empty(len(walk.part)), np.empty(len(walk.part), dtype=np.int64)
    way_onward(walk.part, walk.site, walk.captured_share, generated @ problem.trips_per_t(0) * DAYS_PER_YEAR,
               np.minimum(coefficients.trip_cny[0], NO_WAY), generated @ onward.T, link, value, via)
    fixed = problem.captured_t_per_day @ coefficients.entering_cny_per_t[0] * DAYS_PER_YEAR
    total = value + fixed - unserved_cny_per_year(problem, coefficients)[walk.part]
    assert total == pytest.approx(expected.value, rel=1e-9, abs=1e-3)
    assert (via == expected.via).all()
