"""Siting of tiny problems of every shape: lawful plans, valid bounds, nothing cheaper than the exact optimum."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from optimizer.accounts import books, throughput
from optimizer.check import check_plan
from optimizer.check_sanity import SANITY_CODES
from optimizer.plan import Plan
from optimizer.problem import Problem, SiteStatus
from optimizer.siting import SiteSettings, Siting, gap_share, site_network
from tests.optimizer.brute_force import optimum, plan_cost
from tests.optimizer.small_problems import Shape, small_problem

KEEP, MAY_CLOSE = SiteStatus.KEEP, SiteStatus.MAY_CLOSE
QUICK = SiteSettings(iterations=100, rounds=1, processes=1, time_limit_s=600.0)

SHAPES = {
    "three tiers": Shape(sites=(3, 2, 2)),
    "two tiers": Shape(sites=(4, 3)),
    "four tiers": Shape(sites=(3, 2, 2, 2), parts=4),
    "one of each": Shape(sites=(1, 1, 1), parts=1),
    "many parts": Shape(sites=(6, 3, 2), parts=9),
    "sites to keep": Shape(sites=(3, 2, 2), existing=((0, 1, KEEP), (1, 0, KEEP), (2, 1, KEEP))),
    "sites that may close": Shape(sites=(3, 2, 2), existing=((0, 1, MAY_CLOSE), (1, 0, MAY_CLOSE), (2, 1, MAY_CLOSE))),
    "quotas": Shape(sites=(3, 3, 2), quotas=((0, 0, 2), (1, 1, 1), (2, 0, 1))),
    "quotas, two tiers": Shape(sites=(4, 2), quotas=((0, 0, 2), (0, 1, 1), (1, 1, 1))),
    "quotas and sites to keep": Shape(sites=(4, 4, 3), quotas=((0, 0, 1), (1, 0, 2), (2, 1, 1)),
                                      existing=((1, 0, KEEP), (2, 0, MAY_CLOSE))),
    "specialised": Shape(sites=(3, 2, 3), specialised=True, sizes=4, materials=3, parts=4),
    "shared parcels": Shape(sites=(3, 2, 2), shared_parcels=True),
    "nothing but tonnes": Shape(sites=(3, 2, 2), volume_caps=False, households_cap=None),
    "not all reachable": Shape(sites=(3, 2, 2), unreachable_share=0.3),
    "nothing reachable": Shape(sites=(3, 2, 2), unreachable_share=1.0),
    "sites to keep, nothing reachable": Shape(sites=(3, 2, 2), unreachable_share=1.0,
                                              existing=((0, 1, KEEP), (1, 0, KEEP), (2, 1, KEEP))),
    "residue in the middle": Shape(sites=(3, 2, 2), residue_at=(1,)),
}
CASES = [(name, seed) for name in SHAPES for seed in (0, 1, 2)]


@cache
def sited(name: str, seed: int) -> tuple[Problem, Siting]:
    problem = small_problem(seed, SHAPES[name])
    return problem, site_network(problem, QUICK)


def noise(value: float) -> float:
    return 1e-6 * abs(value) + 0.1


def objective(siting: Siting) -> float:
    return siting.plan.report.objective_cny_per_year


def bound(siting: Siting) -> float:
    found = siting.plan.report.bound_cny_per_year
    assert found is not None
    return found


def room_above(problem: Problem, plan: Plan, part: int) -> bool:
    """Whether every open site above the first tier could take all a part might bring, on top of what it has."""
    through = throughput(problem, plan)
    share = problem.walk.captured_share[problem.walk.part == part].max()
    load = problem.demand.generated_t_per_day[part] * share
    for level in range(1, len(problem.sites)):
        site, size = plan.open_sites[level].site, plan.open_sites[level].size
        after = through.entering[level][site] + load
        bulk = after @ problem.m3_per_t(problem.network.tiers[level].state)
        if ((after.sum(axis=1) > problem.capacity_t_per_day(level)[size])
                | (bulk > problem.capacity_m3_per_day(level)[size])).any():
            return False
    return True


@pytest.mark.parametrize(("name", "seed"), CASES)
def test_plans_are_lawful(name: str, seed: int) -> None:
    """The referee finds nothing; a part may only walk past a nearer site where the tiers above have no room."""
    problem, siting = sited(name, seed)
    index = {part: n for n, part in enumerate(problem.demand.part_ids)}
    found = [v for v in check_plan(problem, siting.plan)
             if v.code != "nearer_site_has_room" or room_above(problem, siting.plan, index[v.subject_id])]
    assert found == []


@pytest.mark.parametrize(("name", "seed"), CASES)
def test_the_objective_is_what_the_plan_costs(name: str, seed: int) -> None:
    problem, siting = sited(name, seed)
    assert objective(siting) == pytest.approx(plan_cost(problem, siting.plan), rel=1e-9, abs=1e-2)
    assert objective(siting) == books(problem, siting.plan).objective_cny_per_year


@pytest.mark.parametrize(("name", "seed"), CASES)
def test_bound_below_optimum_below_objective(name: str, seed: int) -> None:
    problem, siting = sited(name, seed)
    best = optimum(problem)
    assert best is not None
    assert bound(siting) <= best.cost_cny_per_year + noise(best.cost_cny_per_year)
    assert best.cost_cny_per_year <= objective(siting) + noise(objective(siting))
    assert np.isfinite(bound(siting))


@pytest.mark.parametrize(("name", "seed"), CASES)
def test_small_problems_are_solved_to_the_optimum(name: str, seed: int) -> None:
    """So small a problem is solved as a whole too: nothing dearer than what trying every plan finds."""
    problem, siting = sited(name, seed)
    best = optimum(problem)
    assert best is not None
    assert objective(siting) <= best.cost_cny_per_year + noise(best.cost_cny_per_year) + 1.0
    assert gap_share(problem, siting.plan, bound(siting)) is not None


@pytest.mark.parametrize("name", list(SHAPES))
def test_the_search_alone_gives_lawful_plans(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As for problems too large to be solved as a whole: lawful, and nothing is below the optimum."""
    monkeypatch.setattr("optimizer.siting.is_small", lambda _: False)
    problem = small_problem(3, SHAPES[name])
    siting, best = site_network(problem, QUICK), optimum(problem)
    assert best is not None
    assert {v.code for v in check_plan(problem, siting.plan)} <= SANITY_CODES
    assert objective(siting) >= best.cost_cny_per_year - noise(best.cost_cny_per_year)


@pytest.mark.parametrize("shape", [s for s in SHAPES if "reachable" in s])
def test_missing_ways_do_not_spoil_the_bound(shape: str) -> None:
    """'No way' is a huge price; a bound that took it for money would be of the order of 1e12."""
    for seed in range(3):
        problem, siting = sited(shape, seed)
        worth = books(problem, siting.plan).terms_cny_per_year
        assert objective(siting) - bound(siting) < 10 * sum(abs(v) for v in worth.values())


def without_site(problem: Problem, level: int, site: int) -> Problem:
    """The problem with one candidate less."""
    left = np.delete(np.arange(len(problem.sites[level])), site)
    old = problem.sites[level]
    sites = list(problem.sites)
    sites[level] = replace(old, ids=tuple(old.ids[j] for j in left), **{
        name: getattr(old, name)[left] for name in ("zone_of", "area_m2", "allowed", "status", "closing_cost_cny")})
    legs = list(problem.legs)
    if level > 0:
        legs[level - 1] = replace(legs[level - 1], **{n: a[:, left] for n, a in vars(legs[level - 1]).items()})
    if level < len(legs):
        legs[level] = replace(legs[level], **{n: a[left] for n, a in vars(legs[level]).items()})
    walk = problem.walk
    if level == 0:
        kept = walk.site != site
        walk = replace(walk, part=walk.part[kept], site=np.searchsorted(left, walk.site[kept]),
                       distance_m=walk.distance_m[kept], captured_share=walk.captured_share[kept])
    return replace(problem, sites=tuple(sites), legs=tuple(legs), walk=walk)


@pytest.mark.parametrize("name", ["three tiers", "two tiers", "four tiers", "specialised", "not all reachable"])
def test_more_candidates_never_cost_more_than_the_gap(name: str) -> None:
    """Every plan of the smaller problem is one of the larger, so bound(larger) <= objective(smaller).

    With gap = objective - bound of the larger this is objective(larger) <= objective(smaller) + gap(larger). Nothing
    more follows: a heuristic may be luckier with fewer candidates, and bounds by themselves need not be ordered.
    """
    problem, larger = sited(name, 0)
    for level in range(len(problem.sites)):
        smaller = site_network(without_site(problem, level, 0), QUICK)
        assert bound(larger) <= objective(smaller) + noise(objective(smaller))


@pytest.mark.parametrize("name", ["three tiers", "quotas", "four tiers"])
def test_same_seed_same_plan(name: str) -> None:
    problem, first = sited(name, 1)
    again = site_network(problem, QUICK)
    assert objective(again) == objective(first)
    assert bound(again) == bound(first)
    assert again.plan.site_of_part.tolist() == first.plan.site_of_part.tolist()
    for one, two in zip(first.plan.flows, again.plan.flows, strict=True):
        assert np.array_equal(one.t_per_day, two.t_per_day)


def test_a_process_of_its_own_for_the_bound_changes_nothing() -> None:
    problem, alone = sited("three tiers", 0)
    both = site_network(problem, replace(QUICK, processes=2))
    assert (objective(both), bound(both)) == (objective(alone), bound(alone))


@pytest.mark.parametrize(("name", "seed"), [c for c in CASES if not SHAPES[c[0]].existing and not SHAPES[c[0]].quotas])
def test_no_plan_costs_more_than_serving_nobody(name: str, seed: int) -> None:
    """Where nothing must be open, leaving everybody unserved costs the penalty and nothing else."""
    problem, siting = sited(name, seed)
    tonnes = problem.demand.generated_t_per_day.sum() * problem.participation_share
    assert objective(siting) <= 365 * tonnes * problem.network.money.unserved_cny_per_t + 1.0


def test_serving_nobody_is_a_plan_and_says_so() -> None:
    """Without any way to a station all stay unserved: that costs the penalty, and the bound proves it is the best."""
    _, siting = sited("nothing reachable", 0)
    assert siting.plan.report.status == "no_plan"
    assert (siting.plan.site_of_part == -1).all()
    assert all(len(opened.site) == 0 for opened in siting.plan.open_sites)
    assert bound(siting) == pytest.approx(objective(siting), abs=1.0)
