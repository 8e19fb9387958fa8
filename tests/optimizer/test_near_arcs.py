"""A search over near arcs only: the plan holds in the whole problem, and so does the bound."""

from __future__ import annotations

import numpy as np
import pytest

from optimizer.check import check_plan
from optimizer.near_arcs import site_by_near_arcs, with_near_arcs
from optimizer.siting import SiteSettings
from tests.optimizer.brute_force import optimum
from tests.optimizer.small_problems import Shape, small_problem
from tests.optimizer.test_own_costs import with_costs


@pytest.mark.parametrize("near", [1, 2, 10])
def test_the_shortest_arcs_of_every_part_are_kept(near: int) -> None:
    problem = with_costs(small_problem(1, Shape(parts=6, sites=(5, 2, 2))), 1)
    walk, kept = problem.walk, with_near_arcs(problem, near).walk
    assert walk.cost_cny_per_t is not None
    assert kept.cost_cny_per_t is not None
    costs = dict(zip(zip(walk.part.tolist(), walk.site.tolist(), strict=True), walk.cost_cny_per_t, strict=True))
    for part in range(6):
        own = np.sort(walk.distance_m[walk.part == part])
        assert np.sort(kept.distance_m[kept.part == part]).tolist() == own[:near].tolist()
    assert all(costs[i, j] == c for i, j, c in zip(kept.part, kept.site, kept.cost_cny_per_t, strict=True))


@pytest.mark.parametrize("seed", range(4))
def test_the_bound_is_that_of_all_arcs(seed: int) -> None:
    """Never above the exact optimum of the whole problem, although the search sees one arc of each part."""
    problem = with_costs(small_problem(seed, Shape(sites=(4, 2, 2))), seed)
    best = optimum(problem)
    assert best is not None
    for near in (1, 2, 4):
        found = site_by_near_arcs(problem, SiteSettings(iterations=200, time_limit_s=20.0, processes=1), near)
        cost = found.plan.report.objective_cny_per_year
        assert found.bound.value_cny_per_year <= best.cost_cny_per_year + 1e-6 * abs(best.cost_cny_per_year)
        assert cost >= best.cost_cny_per_year - 1e-6 * abs(best.cost_cny_per_year)
        assert found.plan.report.bound_cny_per_year == found.bound.value_cny_per_year
        codes = {fault.code for fault in check_plan(problem, found.plan)}
        assert codes <= {"nearer_site_has_room"}
