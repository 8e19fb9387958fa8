"""Sites that cost a share of what their size costs: by hand, and against the exact optimum."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from optimizer.accounts import books
from optimizer.check import check_plan
from optimizer.kpis import evaluate
from optimizer.problem import Problem, SiteStatus
from optimizer.row_builders import budget
from optimizer.siting import SiteSettings, site_network
from tests.optimizer.brute_force import enumerated, optimum, plan_cost
from tests.optimizer.ruled_problems import built_cny
from tests.optimizer.small_problems import Shape, chain_problem, small_problem
from tests.optimizer.test_accounts import chain_plan
from tests.optimizer.test_bound import below, nudged, random_multipliers, value

SHAPES = {
    "three tiers": Shape(sites=(5, 3, 2)),
    "two tiers": Shape(sites=(5, 3)),
    "existing": Shape(sites=(4, 2, 2), existing=((0, 1, SiteStatus.KEEP), (1, 0, SiteStatus.MAY_CLOSE))),
}
CASES = [(name, seed) for name in SHAPES for seed in (0, 1, 2)]


def with_shares(problem: Problem, seed: int) -> Problem:
    """Random shares from nothing at all to more than a new site costs."""
    rng = np.random.default_rng(seed)
    sites = tuple(replace(s, build_share=rng.choice([0.0, 0.4, 1.0, 1.5], len(s)),
                          fixed_share=rng.uniform(0.0, 1.3, len(s)) if level != 1 else None)
                  for level, s in enumerate(problem.sites))
    return replace(problem, sites=sites)


@cache
def case(name: str, seed: int) -> tuple[Problem, float]:
    problem = with_shares(small_problem(seed, SHAPES[name]), seed)
    best = optimum(problem)
    assert best is not None
    assert plan_cost(problem, best.plan) == pytest.approx(best.cost_cny_per_year, rel=1e-6, abs=0.1)
    return problem, best.cost_cny_per_year


def test_both_shares_by_hand() -> None:
    """0.4 of the build cost and half of the yearly cost of the first tier; the others as they were."""
    problem = chain_problem()
    low, size = problem.sites[0], problem.network.tiers[0].sizes[0]
    cheap = replace(problem, sites=(replace(low, build_share=np.array([0.4]), fixed_share=np.array([0.5])),
                                    *problem.sites[1:]))
    rate, years = problem.network.money.discount_rate, problem.network.tiers[0].life_years
    annuity = 1 / years if rate == 0 else rate / (1 - (1 + rate) ** -years)
    saved = 0.6 * size.build_cost_cny * annuity + 0.5 * size.fixed_cost_cny_per_year
    before, after = (books(p, chain_plan()) for p in (problem, cheap))
    assert before.objective_cny_per_year - after.objective_cny_per_year == pytest.approx(saved)
    assert before.gross_cost_cny_per_year - after.gross_cost_cny_per_year == pytest.approx(saved)
    built = [{k.name: k.value for k in evaluate(p, chain_plan())}["build_cost_cny"] for p in (problem, cheap)]
    assert built[0] - built[1] == pytest.approx(0.6 * size.build_cost_cny)


def test_an_existing_site_pays_no_build_cost_whatever_its_share() -> None:
    problem = chain_problem()
    kept = replace(problem.sites[0], status=np.array([SiteStatus.KEEP]))
    plain, shared = (books(replace(problem, sites=(s, *problem.sites[1:])), chain_plan()).objective_cny_per_year
                     for s in (kept, replace(kept, build_share=np.array([0.2]))))
    assert plain == shared


def test_the_budget_counts_what_is_really_paid() -> None:
    """With half the build cost everywhere, half the budget buys the same plan."""
    problem = small_problem(1, SHAPES["three tiers"])
    best = optimum(problem)
    assert best is not None
    spent = built_cny(problem, best.plan.open_sites)
    half = replace(problem, sites=tuple(replace(s, build_share=np.full(len(s), 0.5)) for s in problem.sites))
    assert built_cny(half, best.plan.open_sites) == pytest.approx(spent / 2)
    for limit, lawful in ((spent / 2 * 1.001, True), (spent / 2 * 0.99, False)):
        ruled = replace(half, site_rows=(budget(half, limit, "budget"),))
        codes = {v.code for v in check_plan(ruled, best.plan)}
        assert ("budget" in codes) == (not lawful)


def test_wrong_shares_are_refused() -> None:
    problem = small_problem(0)
    low = problem.sites[0]
    for share in (np.ones(len(low) + 1), np.full(len(low), -0.1), np.full(len(low), np.nan)):
        with pytest.raises(ValueError, match="build_share"):
            replace(problem, sites=(replace(low, build_share=share), *problem.sites[1:]))


@pytest.mark.parametrize(("name", "seed"), CASES)
def test_no_bound_above_the_optimum(name: str, seed: int) -> None:
    problem, best = case(name, seed)
    rng = np.random.default_rng(seed)
    for _ in range(20):
        multipliers = random_multipliers(problem, rng)
        top = value(problem, multipliers)
        assert below(top, best)
    for _ in range(40):
        other = nudged(multipliers, rng)
        if value(problem, other) > top:
            multipliers, top = other, value(problem, other)
    assert below(top, best)


@pytest.mark.parametrize(("name", "seed"), CASES)
def test_plans_are_lawful_and_the_bound_holds(name: str, seed: int) -> None:
    problem, best = case(name, seed)
    siting = site_network(problem, SiteSettings(iterations=200, time_limit_s=20.0, processes=1))
    assert not check_plan(problem, siting.plan)
    cost = siting.plan.report.objective_cny_per_year
    assert cost == pytest.approx(plan_cost(problem, siting.plan), rel=1e-9, abs=1e-3)
    assert below(siting.bound.value_cny_per_year, best)
    assert below(best, cost)


def test_the_oracle_agrees_with_trying_everything() -> None:
    for seed in range(3):
        problem = with_shares(small_problem(seed, Shape(parts=2, sites=(3, 2, 1), sizes=1)), seed)
        best = optimum(problem)
        assert best is not None
        assert best.cost_cny_per_year == pytest.approx(enumerated(problem), rel=1e-6)
