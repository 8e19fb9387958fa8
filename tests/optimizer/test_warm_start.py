"""Plans taken over into edited problems: lawful, held still outside the scope, and with bounds below the optimum."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from optimizer.accounts import books
from optimizer.check import check_plan
from optimizer.check_sanity import SANITY_CODES
from optimizer.plan import Plan
from optimizer.problem import Problem, SiteStatus
from optimizer.siting import SiteSettings, Siting, site_network
from optimizer.warm_bound import carried_multipliers
from optimizer.warm_scope import EditedPlaces, Scope, carried, scopes_of
from optimizer.warm_start import WarmSettings, certified, resite, resited_outside
from tests.optimizer.brute_force import optimum
from tests.optimizer.small_problems import small_problem

SEEDS = (1, 2, 3, 5, 8, 13)
QUICK = WarmSettings(iterations=40)
FAR = 1e15


@cache
def sited(seed: int) -> tuple[Problem, Siting]:
    problem = small_problem(seed)
    return problem, site_network(problem, SiteSettings(iterations=60, rounds=1, processes=1))


def forbidden(problem: Problem, level: int, row: int) -> Problem:
    """The problem in which one candidate has no allowed size."""
    sites = problem.sites[level]
    allowed = sites.allowed.copy()
    allowed[row] = False
    changed = replace(sites, allowed=allowed)
    return replace(problem, sites=tuple(changed if n == level else s for n, s in enumerate(problem.sites)))


def required(problem: Problem, level: int, row: int) -> Problem:
    """The problem in which one candidate must open."""
    sites = problem.sites[level]
    status = sites.status.copy()
    status[row] = SiteStatus.REQUIRED
    changed = replace(sites, status=status)
    return replace(problem, sites=tuple(changed if n == level else s for n, s in enumerate(problem.sites)))


def an_edit(problem: Problem, plan: Plan, seed: int) -> tuple[Problem, EditedPlaces] | None:
    """Forbid an open new point, or require a closed one."""
    new = problem.sites[0].status == SiteStatus.NEW
    opened = [int(row) for row in plan.open_sites[0].site if new[row]]
    closed = [int(row) for row in np.flatnonzero(new & problem.sites[0].allowed.any(axis=1)) if row not in opened]
    if seed % 2 and opened:
        return forbidden(problem, 0, opened[0]), EditedPlaces(((0, opened[0]),), ())
    if closed:
        return required(problem, 0, closed[0]), EditedPlaces((), ((0, closed[0]),))
    return None


def faults(problem: Problem, plan: Plan) -> list[str]:
    return [f"{v.code} {v.subject_id}" for v in check_plan(problem, plan) if v.code not in SANITY_CODES]


@pytest.mark.parametrize("seed", SEEDS)
def test_an_edited_plan_is_lawful_local_and_bounded(seed: int) -> None:
    problem, siting = sited(seed)
    found = an_edit(problem, siting.plan, seed)
    if found is None or faults(problem, siting.plan):
        pytest.skip("nothing to edit in this problem")
    edited, places = found
    best = optimum(edited)
    if best is None:
        pytest.skip("the edit is impossible")
    start = carried(problem, siting.plan, edited)
    multipliers = carried_multipliers(problem, siting.multipliers, edited)
    searched, surroundings = scopes_of(problem, siting.plan, edited, start, places)
    guide = multipliers.scenarios[0].part_price
    near = resite(edited, start, searched, guide, QUICK)
    assert faults(edited, near.plan) == []
    for level, (was, now) in enumerate(zip(start.open_sites, near.plan.open_sites, strict=True)):
        count = len(edited.sites[level])
        outside = ~searched.may_change[level]
        before, after = was.size_of(count)[outside], now.size_of(count)[outside]
        assert (after == before)[before >= 0].all() or near.went_outside
        assert (after[before < 0] < 0).all()
        assert (surroundings.may_change[level] | ~searched.may_change[level]).all()
    proven = certified(edited, near, multipliers, 0.0, QUICK)
    assert resited_outside(edited, proven, start, searched, FAR, QUICK) is None
    wide = resited_outside(edited, proven, start, searched, 0.0, QUICK)
    if wide is not None:
        assert faults(edited, wide.plan) == []
        assert wide.went_outside
        assert books(edited, wide.plan).objective_cny_per_year < books(edited, near.plan).objective_cny_per_year
    slack = 1e-6 * abs(best.cost_cny_per_year)
    assert proven.bound.value_cny_per_year <= best.cost_cny_per_year + slack
    assert proven.plan.report.objective_cny_per_year >= best.cost_cny_per_year - slack


@pytest.mark.parametrize("seed", SEEDS[:3])
def test_nothing_edited_nothing_changes(seed: int) -> None:
    problem, siting = sited(seed)
    start = carried(problem, siting.plan, problem)
    nothing = Scope(tuple(np.zeros(len(sites), dtype=bool) for sites in problem.sites))
    found = resite(problem, start, nothing, siting.multipliers.scenarios[0].part_price, QUICK)
    for was, now in zip(siting.plan.open_sites, found.plan.open_sites, strict=True):
        assert (was.site.tolist(), was.size.tolist()) == (now.site.tolist(), now.size.tolist())
    assert books(problem, found.plan).objective_cny_per_year <= siting.plan.report.objective_cny_per_year + 1e-3


def test_sites_that_are_gone_are_left_out_by_id() -> None:
    problem, siting = sited(SEEDS[0])
    first = problem.sites[0]
    stays = np.arange(1, len(first))
    walk = problem.walk
    on = walk.site > 0
    smaller = replace(
        problem, sites=(replace(first, ids=first.ids[1:], zone_of=first.zone_of[1:], area_m2=first.area_m2[1:],
                                allowed=first.allowed[1:], status=first.status[1:],
                                closing_cost_cny=first.closing_cost_cny[1:]), *problem.sites[1:]),
        walk=replace(walk, part=walk.part[on], site=walk.site[on] - 1, distance_m=walk.distance_m[on],
                     captured_share=walk.captured_share[on]),
        legs=(replace(problem.legs[0], **{name: getattr(problem.legs[0], name)[stays]
                                          for name in ("loaded_m", "loaded_s", "empty_m", "empty_s")}),
              *problem.legs[1:]), site_rows=())
    plan = carried(problem, siting.plan, smaller)
    kept = [i for i in (first.ids[s] for s in siting.plan.open_sites[0].site) if i != first.ids[0]]
    assert [smaller.sites[0].ids[s] for s in plan.open_sites[0].site] == kept
    for was, now in zip(siting.plan.site_of_part, plan.site_of_part, strict=True):
        assert now == was - 1 if was > 0 else now == -1
