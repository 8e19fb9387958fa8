"""Rent of the ground, bringing costs, and points served by several stations: by hand and against the exact optimum."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from optimizer.accounts import all_coefficients, books
from optimizer.bound import dropped_rules
from optimizer.check import check_plan
from optimizer.prices import arc_prices, no_prices, onward_prices
from optimizer.problem import Problem, SiteStatus
from optimizer.siting import SiteSettings, site_network
from optimizer.solvers.split_service import split_service
from tests.optimizer.brute_force import enumerated, optimum, plan_cost
from tests.optimizer.small_problems import Shape, chain_problem, small_problem
from tests.optimizer.test_accounts import chain_plan
from tests.optimizer.test_bound import below, nudged, random_multipliers, value

SHAPES = {
    "three tiers": Shape(sites=(3, 2, 2)),
    "two tiers": Shape(sites=(4, 3)),
    "four tiers": Shape(sites=(3, 2, 2, 2), parts=4),
    "three materials": Shape(sites=(3, 3, 2), materials=3, parts=4),
    "specialised": Shape(sites=(3, 2, 3), specialised=True, sizes=4, parts=4),
    "existing": Shape(sites=(3, 2, 2), existing=((0, 1, SiteStatus.KEEP), (1, 0, SiteStatus.MAY_CLOSE))),
    "not all reachable": Shape(sites=(3, 3, 2), unreachable_share=0.3),
}
CASES = [(name, seed, split) for name in SHAPES for seed in (0, 1) for split in (False, True)]


def with_costs(problem: Problem, seed: int) -> Problem:
    """Random rents (by size at even tiers) and bringing costs, large enough to decide who goes where."""
    rng = np.random.default_rng(seed)
    sites = tuple(replace(s, site_cost_cny_per_year=rng.uniform(0, 8e4, s.allowed.shape if level % 2 == 0 else len(s)))
                  for level, s in enumerate(problem.sites))
    bringing = rng.uniform(0, 400, len(problem.walk.part))
    return replace(problem, sites=sites, walk=replace(problem.walk, cost_cny_per_t=bringing))


def served_by_several(problem: Problem) -> Problem:
    """The same problem where a point may be served by several stations."""
    low, high, *rest = problem.network.tiers
    assert high.feed is not None
    high = high.model_copy(update={"feed": high.feed.model_copy(update={"single_source": False})})
    return replace(problem, network=problem.network.model_copy(update={"tiers": (low, high, *rest)}))


@cache
def case(name: str, seed: int, split: bool) -> tuple[Problem, float]:
    """A problem with own costs and its exact optimum."""
    problem = with_costs(small_problem(seed, SHAPES[name]), seed)
    problem = served_by_several(problem) if split else problem
    best = optimum(problem)
    assert best is not None
    assert plan_cost(problem, best.plan) == pytest.approx(best.cost_cny_per_year, rel=1e-6, abs=0.1)
    return problem, best.cost_cny_per_year


def test_both_terms_by_hand() -> None:
    """0.9 t/day over one arc at 30 CNY/t; three open sites with rents of 1,000, 2,000 and 5,000 CNY/year."""
    problem = chain_problem()
    rents = (np.array([1_000.0]), np.array([[2_000.0]]), np.array([5_000.0]))
    problem = replace(problem, walk=replace(problem.walk, cost_cny_per_t=np.array([30.0])), sites=tuple(
        replace(s, site_cost_cny_per_year=rent) for s, rent in zip(problem.sites, rents, strict=True)))
    before, found = books(chain_problem(), chain_plan()), books(problem, chain_plan())
    assert found.terms_cny_per_year["rent"] == pytest.approx(8_000.0)
    assert found.terms_cny_per_year["bringing"] == pytest.approx(365 * 0.9 * 30)
    more = 8_000.0 + 365 * 0.9 * 30
    assert found.objective_cny_per_year == pytest.approx(before.objective_cny_per_year + more)
    assert found.gross_cost_cny_per_year == pytest.approx(before.gross_cost_cny_per_year + more)
    idle = books(problem, chain_plan(served=False)).terms_cny_per_year
    assert (idle["rent"], idle["bringing"]) == (0.0, 0.0)


def test_a_rent_is_paid_by_existing_sites_too() -> None:
    problem = chain_problem()
    kept = replace(problem.sites[0], site_cost_cny_per_year=np.array([700.0]), status=np.array([SiteStatus.KEEP]))
    found = books(replace(problem, sites=(kept, *problem.sites[1:])), chain_plan())
    assert found.terms_cny_per_year["rent"] == 700.0


def test_wrong_shapes_are_refused() -> None:
    problem = small_problem(0)
    low, arcs = problem.sites[0], len(problem.walk.part)
    with pytest.raises(ValueError, match=r"walk\.cost_cny_per_t"):
        replace(problem, walk=replace(problem.walk, cost_cny_per_t=np.zeros(arcs + 1)))
    for shape in ((len(low) + 1,), (len(low), 3), ()):
        sites = (replace(low, site_cost_cny_per_year=np.zeros(shape)), *problem.sites[1:])
        with pytest.raises(ValueError, match="site_cost_cny_per_year"):
            replace(problem, sites=sites)


@pytest.mark.parametrize(("name", "seed", "split"), CASES)
def test_never_above_the_optimum(name: str, seed: int, split: bool) -> None:
    """Random multipliers, and a climb on them that looks for a bound that is too good."""
    problem, best = case(name, seed, split)
    rng = np.random.default_rng(seed)
    for _ in range(25):
        multipliers = random_multipliers(problem, rng)
        top = value(problem, multipliers)
        assert below(top, best)
    for _ in range(60):
        other = nudged(multipliers, rng)
        if value(problem, other) > top:
            multipliers, top = other, value(problem, other)
    assert below(top, best)


@pytest.mark.parametrize(("name", "seed", "split"), CASES)
def test_plans_are_lawful_and_near_the_optimum(name: str, seed: int, split: bool) -> None:
    """The referee accepts the plan, its books agree with loops written out, the bound stays below the optimum."""
    problem, best = case(name, seed, split)
    siting = site_network(problem, SiteSettings(iterations=300, time_limit_s=20.0, processes=1))
    assert not check_plan(problem, siting.plan)
    cost = siting.plan.report.objective_cny_per_year
    assert cost == pytest.approx(plan_cost(problem, siting.plan), rel=1e-9, abs=1e-3)
    assert below(siting.bound.value_cny_per_year, best)
    assert below(best, cost)


def test_the_oracle_agrees_with_trying_everything() -> None:
    for seed, split in ((0, False), (1, True), (2, True)):
        problem = with_costs(small_problem(seed, Shape(parts=2, sites=(2, 2, 1), sizes=1)), seed)
        problem = served_by_several(problem) if split else problem
        best = optimum(problem)
        assert best is not None
        assert best.cost_cny_per_year == pytest.approx(enumerated(problem), rel=1e-6)


@pytest.mark.parametrize("seed", range(4))
def test_prices_of_arcs_served_by_several(seed: int) -> None:
    """The least over stations is taken for every material by itself; links are shared out by tonnes generated."""
    problem = served_by_several(with_costs(small_problem(seed, Shape(sites=(3, 3, 2), materials=3)), seed))
    coefficients, walk = all_coefficients(problem), problem.walk
    onward = onward_prices(problem, coefficients, no_prices(problem))[1]
    rng = np.random.default_rng(seed)
    table = rng.uniform(0, 2e4, (len(problem.demand.part_ids), 3))
    assert walk.cost_cny_per_t is not None
    for link in (None, table):
        found = arc_prices(problem, coefficients, onward, link).value
        for e, (i, j) in enumerate(zip(walk.part.tolist(), walk.site.tolist(), strict=True)):
            generated = problem.demand.generated_t_per_day[i]
            q = generated * walk.captured_share[e]
            total = 365 * q.sum() * walk.cost_cny_per_t[e] + 365 * float(q @ coefficients.entering_cny_per_t[0])
            for m in range(3):
                total += min(q[m] * (365 * problem.trips_per_t(0)[m] * coefficients.trip_cny[0][j, t] + onward[t, m])
                             + (0.0 if link is None else link[i, t] * generated[m] / generated.sum())
                             for t in range(3))
            saved = 365 * problem.participation_share * float(generated @ coefficients.unserved_cny_per_t)
            assert found[e] == pytest.approx(total - saved, rel=1e-9, abs=1e-6)


def test_several_stations_are_never_dearer_and_the_referee_knows() -> None:
    """Freed of single sourcing a plan costs no more; what splits a point is refused where one station serves it."""
    cheaper = 0
    for seed in range(12):
        problem = small_problem(seed, Shape(sites=(3, 3, 2), materials=3, unreachable_share=0.0))
        best = optimum(problem)
        assert best is not None
        free = served_by_several(problem)
        plan = split_service(free, all_coefficients(free), best.plan)
        own, other = (books(free, p).objective_cny_per_year for p in (best.plan, plan))
        assert other <= own + 1e-6
        assert not check_plan(free, plan)
        assert split_service(problem, all_coefficients(problem), best.plan) is best.plan
        pairs = np.unique(np.stack([plan.flows[0].origin, plan.flows[0].destination]), axis=1)
        if len(np.unique(pairs[0])) < pairs.shape[1]:
            assert "several_destinations" in {v.code for v in check_plan(problem, plan)}
            cheaper += other < own - 1.0
    assert cheaper


def test_what_the_bound_leaves_out() -> None:
    """Without single sourcing there is none to leave out."""
    problem = small_problem(0)
    assert "single_sourcing_of_sites" in dropped_rules(problem)
    assert "single_sourcing_of_sites" not in dropped_rules(served_by_several(problem))
