"""Nearest assignment: the rule by hand, its referee against forged plans, the search against every set of sites."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from optimizer.accounts import all_coefficients, books
from optimizer.bound import lower_bound
from optimizer.check import check_plan
from optimizer.check_sanity import SANITY_CODES
from optimizer.nearest import LEFT_OUT, NOT_NEAREST, OUT_OF_TURN, check_nearest, nearest_assignment
from optimizer.plan import Plan
from optimizer.problem import Problem, SiteStatus, Walk
from optimizer.siting import SiteSettings, Siting, site_network
from tests.optimizer.brute_force import optimum, plan_cost
from tests.optimizer.brute_force_nearest import nearest_optimum, residents
from tests.optimizer.small_problems import Shape, small_problem

QUICK = SiteSettings(iterations=200, rounds=2, processes=1, time_limit_s=600.0)
KEEP, MAY_CLOSE = SiteStatus.KEEP, SiteStatus.MAY_CLOSE
SHAPES = {
    "three tiers": Shape(sites=(4, 2, 2)),
    "two tiers": Shape(sites=(4, 3)),
    "many parts": Shape(sites=(4, 2, 2), parts=9),
    "tight": Shape(sites=(4, 2, 1), parts=8, households_cap=700.0),
    "sites to keep": Shape(sites=(4, 2, 2), existing=((0, 1, KEEP), (1, 0, KEEP), (2, 1, KEEP))),
    "sites that may close": Shape(sites=(4, 2, 2), existing=((0, 1, MAY_CLOSE), (1, 0, MAY_CLOSE))),
    "nothing reachable": Shape(sites=(3, 2, 2), unreachable_share=1.0, existing=((0, 1, KEEP),)),
    "quotas": Shape(sites=(4, 2, 2), quotas=((0, 0, 1), (0, 1, 1))),
}
CASES = [(name, seed) for name in SHAPES for seed in (0, 1, 2)]


def nearest_problem(seed: int, shape: Shape) -> Problem:
    return replace(small_problem(seed, shape), assignment="nearest")


@cache
def sited(name: str, seed: int) -> tuple[Problem, Siting]:
    problem = nearest_problem(seed, SHAPES[name])
    return problem, site_network(problem, QUICK)


def lawful(problem: Problem, plan: Plan) -> bool:
    return not [v for v in check_plan(problem, plan) if v.code not in SANITY_CODES]


# -- the rule ---------------------------------------------------------------------------------------------------


def street(metres: dict[tuple[int, int], float], households: list[float], cap: float) -> Problem:
    """Parts with given households and walks; only households limit a site."""
    base = small_problem(0, Shape(parts=len(households), sites=(3, 1), volume_caps=False, materials=1,
                                  households_cap=cap))
    keys = sorted(metres)
    walk = Walk(np.array([i for i, _ in keys]), np.array([j for _, j in keys]), np.array([metres[k] for k in keys]),
                np.full(len(keys), 0.5))
    demand = replace(base.demand, households=np.array(households),
                     generated_t_per_day=np.full((len(households), 1), 0.01))
    return replace(base, walk=walk, demand=demand, assignment="nearest")


def test_everyone_uses_the_nearest_site_in_use() -> None:
    problem = street({(0, 0): 10, (0, 1): 20, (1, 0): 30, (1, 1): 20, (2, 1): 50, (2, 2): 5}, [1, 1, 1], 10)
    assert nearest_assignment(problem, np.array([0, 0, -1])).tolist() == [0, 1, 1]
    assert nearest_assignment(problem, np.array([-1, 0, 0])).tolist() == [1, 1, 2]
    assert nearest_assignment(problem, np.array([0, -1, -1])).tolist() == [0, 0, -1]


def test_a_site_is_filled_in_order_of_walk_and_the_overflow_goes_nowhere() -> None:
    """Part 2 is nearest, then 0 (does not fit beside it), then 1 (does); site 1 is empty but farther for all."""
    problem = street({(0, 0): 20, (0, 1): 90, (1, 0): 30, (1, 1): 90, (2, 0): 10, (2, 1): 90}, [60, 40, 50], 100)
    assert nearest_assignment(problem, np.array([0, -1, -1])).tolist() == [-1, 0, 0]
    assert nearest_assignment(problem, np.array([0, 0, -1])).tolist() == [-1, 0, 0]


def test_ties_go_by_id() -> None:
    """Equally near sites: the lower id. Equally near parts of a full site: the lower id."""
    problem = street({(0, 0): 10, (0, 1): 10, (1, 0): 10}, [60, 60], 100)
    assert nearest_assignment(problem, np.array([0, 0, -1])).tolist() == [0, -1]
    named = replace(problem, sites=(replace(problem.sites[0], ids=("b", "a", "c")), *problem.sites[1:]))
    assert nearest_assignment(named, np.array([0, 0, -1])).tolist() == [1, 0]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 9), st.integers(1, 5))
def test_the_rule_is_that_of_plain_loops(seed: int, parts: int, sites: int) -> None:
    problem = nearest_problem(seed, Shape(parts=parts, sites=(sites, 1)))
    rng = np.random.default_rng(seed)
    size = np.where(rng.random(sites) < 0.7, rng.integers(0, 2, sites), -1)
    served = residents(problem, {j: int(k) for j, k in enumerate(size) if k >= 0})
    assert nearest_assignment(problem, size).tolist() == [served.get(i, -1) for i in range(parts)]


# -- the referee ------------------------------------------------------------------------------------------------


def forged(problem: Problem, plan: Plan, part: int, site: int) -> set[str]:
    changed = plan.site_of_part.copy()
    changed[part] = site
    return {v.code for v in check_nearest(problem, replace(plan, site_of_part=changed))
            if v.subject_id == problem.demand.part_ids[part]}


def test_the_referee_sees_who_is_elsewhere_left_out_or_served_out_of_turn() -> None:
    problem = street({(0, 0): 20, (0, 1): 90, (1, 0): 30, (2, 0): 10, (3, 1): 10}, [60, 40, 50, 10], 100)
    siting = site_network(problem, QUICK)
    opened = (replace(siting.plan.open_sites[0], site=np.array([0, 1]), size=np.array([0, 0])),
              *siting.plan.open_sites[1:])
    plan = replace(siting.plan, open_sites=opened, site_of_part=np.array([-1, 0, 0, 1]))
    assert list(check_nearest(problem, plan)) == []
    assert forged(problem, plan, 0, 1) == {NOT_NEAREST}
    assert forged(problem, plan, 1, -1) == {LEFT_OUT}
    assert forged(problem, plan, 0, 0) == {OUT_OF_TURN}


@pytest.mark.parametrize(("name", "seed"), CASES)
def test_planned_plans_that_break_the_rule_are_refused(name: str, seed: int) -> None:
    """The planned optimum passes the referee of nearest assignment exactly where plain loops say it keeps the rule."""
    problem = nearest_problem(seed, SHAPES[name])
    best = optimum(replace(problem, assignment="planned"))
    assert best is not None
    plan = best.plan
    size = plan.open_sites[0].size_of(len(problem.sites[0]))
    used = {int(j): int(size[j]) for j in plan.site_of_part if j >= 0}
    served = residents(problem, used)
    keeps = all(served.get(i, -1) == j for i, j in enumerate(plan.site_of_part.tolist()))
    codes = {v.code for v in check_plan(problem, plan)} & {NOT_NEAREST, LEFT_OUT, OUT_OF_TURN}
    assert (codes == set()) == keeps


# -- the search -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "seed"), CASES)
def test_plans_keep_the_rule(name: str, seed: int) -> None:
    problem, siting = sited(name, seed)
    assert lawful(problem, siting.plan)
    assert siting.plan.report.objective_cny_per_year == pytest.approx(plan_cost(problem, siting.plan), rel=1e-9, abs=.1)


@pytest.mark.parametrize(("name", "seed"), CASES)
def test_the_search_finds_the_optimum_of_tiny_problems(name: str, seed: int) -> None:
    """Equal to the best of all sets of sites in use; the bound of planned assignment lies below."""
    problem, siting = sited(name, seed)
    best = nearest_optimum(problem)
    found = siting.plan.report.objective_cny_per_year
    assert found >= best - 1e-6 * abs(best) - 0.1
    gross = books(problem, siting.plan).gross_cost_cny_per_year
    assert found <= best + max(1e-6 * abs(best) + 0.1, 1e-3 * gross)
    assert siting.bound.value_cny_per_year <= best + 1e-6 * abs(best) + 0.1


@pytest.mark.parametrize(("name", "seed"), CASES)
def test_nearest_is_never_cheaper_than_planned_and_the_certificate_names_what_it_leaves_out(name: str,
                                                                                            seed: int) -> None:
    problem, siting = sited(name, seed)
    planned = optimum(replace(problem, assignment="planned"))
    assert planned is not None
    found = siting.plan.report.objective_cny_per_year
    assert found >= planned.cost_cny_per_year - 1e-6 * abs(found) - 0.1
    assert "nearest_assignment" in siting.bound.dropped
    free = lower_bound(replace(problem, assignment="planned"), all_coefficients(problem), siting.multipliers, found)
    assert free.value_cny_per_year == siting.bound.value_cny_per_year
    assert "nearest_assignment" not in free.dropped


def test_same_seed_same_plan() -> None:
    problem = nearest_problem(5, SHAPES["many parts"])
    one, two = (site_network(problem, QUICK).plan for _ in range(2))
    assert one.site_of_part.tolist() == two.site_of_part.tolist()
    assert one.report.objective_cny_per_year == two.report.objective_cny_per_year
