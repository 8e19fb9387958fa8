"""Sites away from an edit keep their users, so that they do not close as a side effect of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from optimizer.check import check_plan
from optimizer.check_sanity import SANITY_CODES
from optimizer.objectives import Coefficients
from optimizer.plan import OpenSites, Plan
from optimizer.problem import Problem
from optimizer.warm_scope import Scope
from optimizer.warm_search import kept_together

Int = NDArray[np.int64]


def outside_kept(problem: Problem, coefficients: Coefficients, start: Plan, plan: Plan, scope: Scope) -> Plan | None:
    """The plan with every site that `start` opens outside the scope still open in its size, at work for whom it served.

    The plan itself where that is so already; None where it cannot be made so lawfully.
    """
    lost = [_lost(problem, start, plan, scope, level) for level in range(len(problem.sites))]
    if not any(len(gone.site) for gone in lost):
        return plan
    back = np.isin(start.site_of_part, lost[0].site)
    site_of_part = np.where(back, start.site_of_part, plan.site_of_part)
    size = _with(plan.open_sites[0], lost[0]).size_of(len(problem.sites[0]))
    upper = tuple(_with(opened, gone) for opened, gone in zip(plan.open_sites[1:], lost[1:], strict=True))
    station = _stations(problem, plan)
    before = _stations(problem, start)
    returns = np.isin(before, lost[1].site) | (np.isin(np.arange(len(before)), lost[0].site) & (station < 0))
    station = np.where(returns, before, station)
    flows = replace(plan.flows[0], origin=np.flatnonzero(station >= 0), destination=station[station >= 0])
    found = kept_together(problem, coefficients, replace(plan, flows=(flows, *plan.flows[1:])), upper, site_of_part,
                          size)
    if found is None or any(len(_lost(problem, start, found, scope, n).site) for n in range(len(lost))):
        return None
    return found if {v.code for v in check_plan(problem, found)} <= SANITY_CODES else None


def _lost(problem: Problem, start: Plan, plan: Plan, scope: Scope, level: int) -> OpenSites:
    """Sites outside the scope, with their sizes, that are open in `start` and closed or of another size in the plan.

    Sites that may no longer be open in their size are none of them, nor are direct ways.
    """
    sites, opened = problem.sites[level], start.open_sites[level]
    now = plan.open_sites[level].size_of(len(sites))
    gone = (now[opened.site] != opened.size) & ~scope.may_change[level][opened.site]
    gone &= sites.allowed[opened.site, opened.size] & ~sites.virtual[opened.site]
    return OpenSites(opened.site[gone], opened.size[gone])


def _with(opened: OpenSites, more: OpenSites) -> OpenSites:
    """Open sites with some more of them; those take precedence."""
    stays = ~np.isin(opened.site, more.site)
    site, size = np.concatenate([opened.site[stays], more.site]), np.concatenate([opened.size[stays], more.size])
    order = np.argsort(site, kind="stable")
    return OpenSites(site[order], size[order])


def _stations(problem: Problem, plan: Plan) -> Int:
    """Where each site of the first tier sends, -1 where nowhere, [J_0]."""
    station = np.full(len(problem.sites[0]), -1, dtype=np.int64)
    station[plan.flows[0].origin] = plan.flows[0].destination
    return station
