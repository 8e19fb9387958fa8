"""What an edit may change: its zone and the sites it feeds, unless more is saved than the old plan's gap."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from optimizer.accounts import books
from optimizer.plan import Plan
from optimizer.problem import Problem
from optimizer.siting import SiteSettings, Siting, site_network
from optimizer.warm_bound import carried_multipliers
from optimizer.warm_scope import EditedPlaces, carried, scopes_of
from optimizer.warm_start import WarmSettings, WarmSiting, certified, resite, resited_outside
from tests.optimizer.small_problems import Shape, small_problem
from tests.optimizer.test_warm_start import faults, forbidden

QUICK = WarmSettings(iterations=40)
ZONES = 4


@cache
def sited(seed: int) -> tuple[Problem, Siting]:
    """A plan over four zones."""
    problem = small_problem(seed, Shape(parts=12, sites=(9, 5, 3)))
    sites = tuple(replace(s, zone_of=np.arange(len(s)) % ZONES) for s in problem.sites)
    problem = replace(problem, sites=sites, zone_ids=tuple(f"z{n}" for n in range(ZONES)))
    return problem, site_network(problem, SiteSettings(iterations=60, rounds=1, processes=1))


def resolved(problem: Problem, siting: Siting, level: int, row: int) -> tuple[Problem, Plan, Plan, bool]:
    """The edited problem, the old plan in its words, the new plan, and whether it went outside."""
    edited = forbidden(problem, level, row)
    start = carried(problem, siting.plan, edited)
    multipliers = carried_multipliers(problem, siting.multipliers, edited)
    searched, around = scopes_of(problem, siting.plan, edited, start, EditedPlaces(((level, row),), ()))
    gap = siting.plan.report.objective_cny_per_year - siting.bound.value_cny_per_year
    near = resite(edited, start, searched, multipliers.scenarios[0].part_price, QUICK, around, gap)
    proven: WarmSiting = certified(edited, near, multipliers, gap, QUICK)
    wide = resited_outside(edited, proven, start, searched, gap, QUICK)
    if wide is None:
        return edited, start, proven.plan, proven.went_outside
    saved = proven.plan.report.objective_cny_per_year - books(edited, wide.plan).objective_cny_per_year
    assert saved > gap or not (proven.plan.site_of_part >= 0).any()
    return edited, start, wide.plan, True


@pytest.mark.parametrize("seed", range(6))
def test_nothing_changes_outside_the_zone_and_what_the_site_feeds(seed: int) -> None:
    problem, siting = sited(seed)
    inside = 0
    for level, row in [(n, int(j)) for n in (0, 1) for j in siting.plan.open_sites[n].site]:
        edited, start, plan, went_outside = resolved(problem, siting, level, row)
        assert faults(edited, plan) == []
        flow = siting.plan.flows[level]
        fed = {(level + 1, int(d)) for o, d in zip(flow.origin, flow.destination, strict=True) if o == row}
        zone = problem.sites[level].zone_of[row]
        changed = {(n, int(j)) for n, (was, now) in enumerate(zip(start.open_sites, plan.open_sites, strict=True))
                   for j in np.flatnonzero(was.size_of(len(edited.sites[n])) != now.size_of(len(edited.sites[n])))}
        outside = {(n, j) for n, j in changed - fed if edited.sites[n].zone_of[j] != zone}
        assert not outside or went_outside
        inside += not went_outside
    assert inside >= 1
