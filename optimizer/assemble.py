"""From the choices of the first tier and the open sites above to a whole plan with flows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from optimizer.accounts import arc_of_part
from optimizer.minimums import has_minimums, meet_minimums
from optimizer.objectives import Coefficients
from optimizer.plan import Flows, OpenSites, Plan, SolveReport
from optimizer.problem import Problem
from optimizer.row_repair import closable, with_minimums
from optimizer.solvers.assignment import send_on, serve_points, upward
from optimizer.solvers.mend import mended
from optimizer.solvers.upper_tiers import Supply

Float = NDArray[np.float64]
Int = NDArray[np.int64]

LET_GO_SHARE = 0.02
"""Share of the served parts that is let go at a time while the loads do not fit."""


def assemble(problem: Problem, coefficients: Coefficients, upper: tuple[OpenSites, ...], site_of_part: Int,
             size_of_site: Int) -> Plan:
    """The whole plan: stations of the points, flows to the end, upper sites without load closed.

    Where the loads do not fit the upper tiers, the parts that bring least are let go until they do. Where sites have a
    minimum throughput, sites below it are filled, downsized or closed first (see minimums.py and solvers/mend.py).
    """
    site_of_part, size_of_site = meet_minimums(problem, coefficients, site_of_part, size_of_site)
    up = upward(problem, coefficients, upper)
    minimums = has_minimums(problem)
    while True:
        arc = arc_of_part(problem, site_of_part)
        served = np.flatnonzero(arc >= 0)
        used = np.unique(site_of_part[served])
        load = np.zeros((len(problem.sites[0]), len(problem.network.materials)))
        np.add.at(load, site_of_part[served], problem.captured_t_per_day[arc[served]])
        choice = serve_points(problem, up, used, load[used]) if len(used) and len(up.station) else None
        if choice is not None:
            arriving = np.zeros((len(up.station), load.shape[1]))
            np.add.at(arriving, choice, load[used])
            flows = send_on(problem, coefficients, upper, arriving)
            if flows is not None:
                break
        if minimums and len(used):
            found = mended(problem, coefficients, upper, supply_of(problem, used, load, size_of_site))
            if found is not None:
                upper, up = found[0], upward(problem, coefficients, found[0])
                choice, flows = np.searchsorted(up.station, found[1][0].destination), found[1][1:]
                break
        if len(served) == 0:
            none = np.empty(0, dtype=np.int64)
            empty = Flows(none, none, np.empty((0, load.shape[1])))
            choice, flows, used = none, tuple(empty for _ in upper[1:]), none
            break
        worth = problem.captured_t_per_day[arc[served]].sum(axis=1)
        go = served[np.argsort(worth, kind="stable")[: max(1, int(LET_GO_SHARE * len(served)))]]
        site_of_part[go] = -1
        site_of_part, size_of_site = meet_minimums(problem, coefficients, site_of_part, size_of_site, pull=False)
    first = Flows(used, up.station[choice], load[used])
    open_first = np.unique(np.concatenate([used, np.flatnonzero(problem.sites[0].must_open)]))
    cheapest = np.argmin(np.where(problem.sites[0].allowed, coefficients.open_cny_per_year[0], np.inf), axis=1)
    size = np.where(size_of_site >= 0, size_of_site, cheapest)  # the search may leave out a site that must stay
    lowest = OpenSites(open_first, size[open_first])
    plan = Plan((lowest, *upper), site_of_part, (first, *flows), SolveReport("feasible", 0.0, None))
    plan = without_idle(problem, plan)
    return replace(plan, open_sites=with_minimums(problem, coefficients, plan.open_sites, range(len(problem.sites))))


def supply_of(problem: Problem, used: Int, load: Float, size_of_site: Int) -> Supply:
    """What used sites of the first tier send up, `load` [J_0, M], and what they leave of the side rules."""
    rows = problem.rows
    room = rows.most - rows.values((OpenSites(used, size_of_site[used]),)) if len(rows) else None
    return Supply(used, load[used], row_room=room)


def without_idle(problem: Problem, plan: Plan) -> Plan:
    """The plan without open sites that handle nothing, unless they must stay or a side rule needs them."""
    opened = list(plan.open_sites)
    for level in range(1, len(problem.sites)):
        current = opened[level]
        idle = ~np.isin(current.site, plan.flows[level - 1].destination)
        keep = ~closable(problem, tuple(opened), level, idle)
        opened[level] = OpenSites(current.site[keep], current.size[keep])
    return Plan(tuple(opened), plan.site_of_part, plan.flows, plan.report)
