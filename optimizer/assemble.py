"""From the choices of the first tier and the open sites above to a whole plan with flows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from optimizer.accounts import arc_of_part
from optimizer.objectives import Coefficients
from optimizer.plan import Flows, OpenSites, Plan, SolveReport
from optimizer.problem import Problem, SiteStatus
from optimizer.solvers.assignment import send_on, serve_points, upward

Int = NDArray[np.int64]

LET_GO_SHARE = 0.02
"""Share of the served parts that is let go at a time while the loads do not fit."""


def assemble(problem: Problem, coefficients: Coefficients, upper: tuple[OpenSites, ...], site_of_part: Int,
             size_of_site: Int) -> Plan:
    """The whole plan: stations of the points, flows to the end, upper sites without load closed.

    Where the loads do not fit the upper tiers, the parts that bring least are let go until they do.
    """
    site_of_part = site_of_part.copy()
    while True:
        arc = arc_of_part(problem, site_of_part)
        served = np.flatnonzero(arc >= 0)
        used = np.unique(site_of_part[served])
        load = np.zeros((len(problem.sites[0]), len(problem.network.materials)))
        np.add.at(load, site_of_part[served], problem.captured_t_per_day[arc[served]])
        up = upward(problem, coefficients, upper)
        choice = serve_points(problem, up, used, load[used]) if len(used) and len(up.station) else None
        if choice is not None:
            arriving = np.zeros((len(up.station), load.shape[1]))
            np.add.at(arriving, choice, load[used])
            flows = send_on(problem, coefficients, upper, arriving)
            if flows is not None:
                break
        if len(served) == 0:
            none = np.empty(0, dtype=np.int64)
            empty = Flows(none, none, np.empty((0, load.shape[1])))
            choice, flows, used = none, tuple(empty for _ in upper[1:]), none
            break
        worth = problem.captured_t_per_day[arc[served]].sum(axis=1)
        go = served[np.argsort(worth, kind="stable")[: max(1, int(LET_GO_SHARE * len(served)))]]
        site_of_part[go] = -1
    first = Flows(used, up.station[choice], load[used])
    open_first = np.unique(np.concatenate([used, np.flatnonzero(problem.sites[0].status == SiteStatus.KEEP)]))
    opened = (OpenSites(open_first, size_of_site[open_first]), *upper)
    return without_idle(problem, Plan(opened, site_of_part, (first, *flows), SolveReport("feasible", 0.0, None)))


def without_idle(problem: Problem, plan: Plan) -> Plan:
    """The plan without open sites that handle nothing, unless they must stay or a minimum count needs them."""
    opened = [plan.open_sites[0]]
    for level in range(1, len(problem.sites)):
        current, sites = plan.open_sites[level], problem.sites[level]
        busy = np.isin(current.site, plan.flows[level - 1].destination)
        keep = busy | (sites.status[current.site] == SiteStatus.KEEP)
        for rule in problem.min_sites:
            inside = np.flatnonzero((sites.zone_of[current.site] == rule.zone) & ~keep) if rule.tier == level else []
            missing = rule.count - int((keep & (sites.zone_of[current.site] == rule.zone)).sum())
            keep[np.asarray(inside, dtype=np.int64)[: max(missing, 0)]] = True
        opened.append(OpenSites(current.site[keep], current.size[keep]))
    return Plan(tuple(opened), plan.site_of_part, plan.flows, plan.report)
