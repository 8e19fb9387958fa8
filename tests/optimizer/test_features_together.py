"""Features of the model at once, where they could get in each other's way: plans equal to the exact optimum."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from optimizer.check import check_plan
from optimizer.check_sanity import SANITY_CODES
from optimizer.problem import Problem, SiteStatus
from optimizer.row_builders import at_least_open, at_most_open, budget
from optimizer.siting import SiteSettings, site_network
from tests.optimizer.brute_force import optimum
from tests.optimizer.ruled_problems import built_cny, everything_case, with_status
from tests.optimizer.small_problems import Shape, small_problem
from tests.optimizer.test_peak import smaller

KEEP, MAY_CLOSE = SiteStatus.KEEP, SiteStatus.MAY_CLOSE
QUICK = SiteSettings(iterations=100, rounds=1, processes=1, time_limit_s=600.0)


def with_budget(problem: Problem, share: float) -> Problem:
    """A budget of a share of what the best plan builds, and counts on top of the rules there are."""
    best = optimum(problem)
    assert best is not None
    most = share * built_cny(problem, best.plan.open_sites)
    return replace(problem, site_rows=(
        *problem.site_rows, budget(problem, most, "budget"), at_least_open(problem, 1, 0, 1, "least"),
        at_most_open(problem, 0, None, max(1, len(best.plan.open_sites[0].site)), "most")))


def rules_and_minimums(seed: int) -> Problem:
    """All side rules, a required site, and minimum throughputs in the two upper tiers."""
    problem = everything_case(seed)
    tiers = [tier if n == 0 else tier.model_copy(update={"sizes": tuple(
        size.model_copy(update={"min_t_per_day": 0.1 * size.capacity_t_per_day}) for size in tier.sizes)})
        for n, tier in enumerate(problem.network.tiers)]
    return replace(problem, network=problem.network.model_copy(update={"tiers": tuple(tiers)}))


def specialised_and_rules(seed: int) -> Problem:
    """Sorting centres that accept some materials only, existing sites, a budget and counts."""
    shape = Shape(sites=(4, 3, 3), specialised=True, sizes=4, materials=3, parts=4,
                  existing=((1, 0, KEEP), (2, 2, MAY_CLOSE)))
    return with_budget(small_problem(seed, shape), 0.9)


def four_tiers_and_rules(seed: int) -> Problem:
    """Four tiers with residue in the middle, a required site, a budget and counts."""
    problem = small_problem(seed, Shape(sites=(3, 2, 2, 2), parts=4, residue_at=(1,)))
    return with_budget(with_status(problem, 0, 1, SiteStatus.REQUIRED), 1.0)


BUILDERS: dict[str, Callable[[int], Problem]] = {
    "rules and minimums": rules_and_minimums, "specialised and rules": specialised_and_rules,
    "four tiers and rules": four_tiers_and_rules}


@pytest.mark.parametrize("factor", [1.0, 1.3])
@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("name", BUILDERS)
def test_plans_are_the_optimum_and_bounds_below_it(name: str, seed: int, factor: float) -> None:
    """On the mean day and, with the factor, on a peak day: the oracle knows sites smaller by the factor instead."""
    problem = BUILDERS[name](seed)
    best = optimum(replace(problem, network=smaller(problem.network, factor)))
    if best is None:
        pytest.skip("no plan keeps all of it")
    crowded = replace(problem, peak_factor=factor)
    siting = site_network(crowded, QUICK)
    assert {v.code for v in check_plan(crowded, siting.plan)} <= SANITY_CODES
    noise = 1e-6 * abs(best.cost_cny_per_year) + 1.0
    assert siting.plan.report.objective_cny_per_year == pytest.approx(best.cost_cny_per_year, abs=noise)
    assert siting.bound.value_cny_per_year <= best.cost_cny_per_year + noise
