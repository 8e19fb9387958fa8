"""Minimum throughput: plans that keep it, the exact optimum on small problems, the search without the whole model."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from optimizer import siting as siting_module
from optimizer.accounts import all_coefficients, books, throughput
from optimizer.check import check_plan
from optimizer.check_sanity import SANITY_CODES
from optimizer.minimums import has_minimums, meet_minimums
from optimizer.plan import OpenSites
from optimizer.problem import Problem, SiteStatus, Walk
from optimizer.siting import SiteSettings, Siting, site_network
from optimizer.solvers import mend as mend_module
from optimizer.solvers.mend import mended
from optimizer.solvers.upper_tiers import Supply
from optimizer.solvers.whole_model import is_small, solve_whole
from tests.optimizer.brute_force import optimum, plan_cost
from tests.optimizer.small_problems import Shape, small_problem

QUICK = SiteSettings(iterations=150, rounds=2, processes=1, time_limit_s=600.0)
KEEP = SiteStatus.KEEP
SHAPES = {
    "low": Shape(sites=(4, 3, 2), min_t_per_day=0.5),
    "high": Shape(sites=(4, 3, 2), parts=8, min_t_per_day=0.75, households_cap=2000.0),
    "two tiers": Shape(sites=(4, 3), parts=7, min_t_per_day=0.8, households_cap=None),
    "four tiers": Shape(sites=(3, 2, 2, 2), parts=6, min_t_per_day=0.6),
    "sites to keep": Shape(sites=(4, 2, 2), parts=7, min_t_per_day=0.4,
                           existing=((0, 1, KEEP), (1, 0, KEEP), (2, 1, KEEP))),
    "counts": Shape(sites=(4, 3, 2), parts=7, min_t_per_day=0.5, quotas=((0, 0, 1), (1, 1, 1))),
}
CASES = [(name, seed) for name in SHAPES for seed in (0, 1, 2)]


def faults(problem: Problem, siting: Siting) -> set[str]:
    return {v.code for v in check_plan(problem, siting.plan)} - SANITY_CODES


@cache
def sited(name: str, seed: int) -> tuple[Problem, Siting]:
    problem = small_problem(seed, SHAPES[name])
    return problem, site_network(problem, QUICK)


@pytest.mark.parametrize(("name", "seed"), CASES)
def test_small_problems_are_solved_to_the_optimum(name: str, seed: int) -> None:
    problem, siting = sited(name, seed)
    best = optimum(problem)
    assert best is not None
    assert faults(problem, siting) == set()
    found = siting.plan.report.objective_cny_per_year
    assert found == pytest.approx(plan_cost(problem, siting.plan), rel=1e-9, abs=0.1)
    assert found == pytest.approx(best.cost_cny_per_year, rel=1e-6, abs=2.0)
    assert siting.bound.value_cny_per_year <= best.cost_cny_per_year + 1e-6 * abs(best.cost_cny_per_year) + 0.1


def test_a_lawful_plan_wins_over_a_cheaper_one_that_is_not() -> None:
    """The search finds no plan with enough at every site here; the programme of the whole problem does."""
    problem = small_problem(0, replace(SHAPES["counts"], parts=6, min_t_per_day=0.75,
                                       quotas=((0, 0, 2), (1, 1, 1), (2, 0, 1))))
    best, siting = optimum(problem), site_network(problem, QUICK)
    assert best is not None
    assert faults(problem, siting) == set()
    assert siting.plan.report.objective_cny_per_year == pytest.approx(best.cost_cny_per_year, rel=1e-6, abs=2.0)


@pytest.mark.parametrize(("name", "seed"), CASES)
def test_the_search_alone_gives_lawful_plans(name: str, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """As for problems too large for the integer programme: nothing is refused, nothing is below the optimum."""
    monkeypatch.setattr(siting_module, "is_small", lambda _: False)
    problem = small_problem(seed, SHAPES[name])
    siting = site_network(problem, QUICK)
    assert faults(problem, siting) == set()
    best = optimum(problem)
    assert best is not None
    assert siting.plan.report.objective_cny_per_year >= best.cost_cny_per_year - 1e-6 * abs(best.cost_cny_per_year) - 1


LARGER = {
    "many sites, small": Shape(parts=30, sites=(30, 8, 3), min_t_per_day=1.0, households_cap=1000.0),
    "large sites that share most parts": Shape(parts=40, sites=(20, 8, 3), min_t_per_day=1.0, households_cap=2500.0),
}


@pytest.mark.parametrize(("name", "seed"), [
    pytest.param(name, seed, marks=pytest.mark.slow if name.startswith("large") else ())
    for name in LARGER for seed in range(2)])
def test_a_larger_town_keeps_its_minimums(name: str, seed: int) -> None:
    """Too many columns for the integer programme, so only the search; most parts are still served."""
    problem = small_problem(seed, LARGER[name])
    assert has_minimums(problem)
    assert not is_small(problem)
    siting = site_network(problem, replace(QUICK, iterations=100))
    assert faults(problem, siting) == set()
    free = site_network(small_problem(seed, replace(LARGER[name], min_t_per_day=0.0)), replace(QUICK, iterations=100))
    assert (siting.plan.site_of_part >= 0).sum() >= 0.5 * (free.plan.site_of_part >= 0).sum()


def test_the_whole_model_is_the_optimum_without_minimums_too() -> None:
    problem = small_problem(3, Shape(sites=(4, 3, 2), parts=6))
    plan, best = solve_whole(problem, all_coefficients(problem), time_limit_s=30.0), optimum(problem)
    assert plan is not None
    assert best is not None
    assert books(problem, plan).objective_cny_per_year == pytest.approx(best.cost_cny_per_year, rel=1e-6, abs=2.0)


# -- the repair of the first tier, by hand ------------------------------------------------------------------------


def row_of_sites(minimum: float, capacity: tuple[float, float]) -> Problem:
    """Three parts of 1 t/day captured; part i stands before site i, the others are 500 m on."""
    base = small_problem(0, Shape(parts=3, sites=(3, 1), volume_caps=False, materials=1, households_cap=None))
    low = base.network.tiers[0]
    sizes = tuple(s.model_copy(update={"min_t_per_day": m, "capacity_t_per_day": c})
                  for s, m, c in zip(low.sizes, (minimum / 2, minimum), capacity, strict=True))
    low = low.model_copy(update={"sizes": sizes})
    network = base.network.model_copy(update={"tiers": (low, base.network.tiers[1])})
    part, site = (a.ravel() for a in np.indices((3, 3)))
    walk = Walk(part, site, np.abs(part - site) * 500.0 + 10.0, np.full(9, 0.5))
    demand = replace(base.demand, generated_t_per_day=np.full((3, 1), 2.0))
    sites = (replace(base.sites[0], allowed=np.ones((3, 2), dtype=bool)), base.sites[1])
    return replace(base, network=network, walk=walk, demand=demand, sites=sites)


def test_a_site_below_its_minimum_takes_a_smaller_size() -> None:
    problem = row_of_sites(2.0, (1.5, 3.0))
    parts, size = meet_minimums(problem, all_coefficients(problem), np.array([0, -1, -1]), np.array([1, -1, -1]))
    assert parts.tolist() == [0, -1, -1]
    assert size.tolist() == [0, -1, -1]


def test_a_site_below_its_minimum_pulls_in_who_has_no_site() -> None:
    problem = row_of_sites(2.0, (0.5, 3.0))
    parts, size = meet_minimums(problem, all_coefficients(problem), np.array([0, -1, -1]), np.array([1, -1, -1]))
    assert parts.tolist() == [0, 0, -1]
    assert size.tolist() == [1, -1, -1]


def test_a_site_that_cannot_be_filled_is_closed_and_its_parts_move() -> None:
    """Both sites have 1 t/day and need 2: the first closes or fills; together they make one site of 2 t/day."""
    problem = row_of_sites(2.0, (0.5, 2.0))
    parts, size = meet_minimums(problem, all_coefficients(problem), np.array([0, 1, -1]), np.array([1, 1, -1]),
                                pull=False)
    assert sorted(parts.tolist()) in ([-1, 0, 0], [-1, 1, 1], [-1, -1, -1])
    assert (size >= 0).sum() <= 1


@pytest.mark.parametrize("few", [True, False])
def test_stations_below_their_minimum_are_mended(monkeypatch: pytest.MonkeyPatch, *, few: bool) -> None:
    """Two stations share loads that are enough for one: one closes, by the programme and by the search."""
    monkeypatch.setattr(mend_module, "few_columns", lambda *_: few)
    problem = small_problem(1, Shape(parts=4, sites=(3, 2, 1), min_t_per_day=0.0, volume_caps=False, sizes=1))
    tier = problem.network.tiers[1]
    size = tier.sizes[0].model_copy(update={"min_t_per_day": 1.0, "capacity_t_per_day": 5.0})
    network = problem.network.model_copy(update={"tiers": (
        problem.network.tiers[0], tier.model_copy(update={"sizes": (size,)}), problem.network.tiers[2])})
    problem = replace(problem, network=network)
    both = (OpenSites(np.array([0, 1]), np.array([0, 0])), OpenSites(np.array([0]), np.array([0])))
    load = np.full((2, 2), 0.35)
    found = mended(problem, all_coefficients(problem), both, Supply(np.array([0, 1]), load))
    assert found is not None
    upper, flows = found
    assert len(upper[0].site) == 1
    assert flows[0].t_per_day.sum() == pytest.approx(1.4)
    assert flows[1].t_per_day.sum() == pytest.approx(1.4)


def test_throughputs_are_at_their_minimum_in_every_tier() -> None:
    problem, siting = sited("high", 1)
    for level, entering in enumerate(throughput(problem, siting.plan).entering):
        opened = siting.plan.open_sites[level]
        least = np.array([s.min_t_per_day for s in problem.network.tiers[level].sizes])[opened.size]
        assert (entering[opened.site].sum(axis=1) >= least * (1 - 1e-6)).all()
