"""The last step of the search: nobody walks past a nearer open site with room, and no single move pays any more.

A demand part uses the nearest open site that has room for it: households, t/day and m3/day at its size, and room at
its station and in the tiers above. A part without a site counts as infinitely far away. One move changes one or two
sites by fixed rules, nothing else moves, and the whole plan's yearly cost decides (sites, paths, unserved parts):

CLOSE   the parts of the site, in falling order of households, each go to the nearest other open site with room, else
        they are unserved.
OPEN    a closed site at a size: the parts for which it is nearer than their present site (or that have none) come in
        falling order of yearly gain, each that still has room. Every open station is tried for the new site (of very
        many the cheapest, see first_tier_effects.MOST_STATIONS); a site to which nobody comes is not opened.
SWAP    CLOSE one site, then OPEN another that shares walking arcs with it.
RESIZE  another size that holds the present load; nobody comes, or parts come as with OPEN through the present station.

A move that saves more than WORTH_CNY_PER_YEAR is made; then walking is settled (State.settle) and sites left without
users are closed. Settling may cost more than the move saved: a move to which this happened TRIES times is not made
again, which is what makes the search end. No step may push a site or a station below its minimum throughput where one
is set. A site whose whole load fits a cheaper station is moved there.
"""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from optimizer.assemble import without_idle
from optimizer.first_tier import FirstTier
from optimizer.objectives import Coefficients
from optimizer.plan import Flows, OpenSites, Plan
from optimizer.problem import Problem
from optimizer.solvers.assignment import send_on, serve_points, upward
from optimizer.solvers.descent import WORTH_CNY_PER_YEAR, Descent, restation, site_costs
from optimizer.solvers.first_tier_state import INF, State, tables
from optimizer.solvers.split_service import split_service

Float = NDArray[np.float64]
Int = NDArray[np.int64]

ROUNDS = 3
"""Times that all stations are assigned anew at once."""
FILL_SHARES = (1.0, 0.97, 0.9, 0.8, 0.0)
"""How far the tiers above the stations may be filled beyond the given plan; less where the flows did not fit.

Only where mass and volume bind at once above the stations, or ways are missing there, may the first not do.
"""



def settle_and_improve(problem: Problem, coefficients: Coefficients, tier: FirstTier, plan: Plan, *,
                       rounds: int = ROUNDS, time_limit_s: float = INF) -> Plan:
    """The plan with settled walking, without idle sites, and with no single move of the first tier that pays.

    With `rounds` 0 stations change only where a single move changes them. At the time limit the search stops: walking
    is settled then, but some move may still pay.

    Open sites above the first tier stay as they are unless they end up idle. The plan must respect the limits; it is
    returned as it is where no other plan's flows can be made to fit above the stations (see FILL_SHARES).
    """
    if (plan.site_of_part >= 0).any():
        plan = without_idle(problem, plan)
    upper, until_s = plan.open_sites[1:], time.monotonic() + time_limit_s
    station = np.full(tier.site_count, -1, dtype=np.int64)
    station[plan.flows[0].origin] = np.searchsorted(upper[0].site, plan.flows[0].destination)
    fixed = tables(problem, coefficients, tier, upper)
    for share in FILL_SHARES:
        state = State(fixed, plan, station, problem.rows.values(plan.open_sites).tolist())
        first = 2 * fixed.stations
        tighter = [max(most * share, now) for most, now in zip(fixed.limit[first:], state.used[first:], strict=True)]
        state.fixed = replace(fixed, limit=fixed.limit[:first] + tighter)
        descent = Descent(tier, state, until_s)
        descent.run()
        for _ in range(rounds):
            if time.monotonic() >= until_s or not _assign_stations(problem, coefficients, upper, state):
                break
            descent.run()
        found = _plan_of(problem, coefficients, plan, state)
        if found is not None:
            return split_service(problem, coefficients, found)
    return plan


def _loads(problem: Problem, tier_arcs: Int, state: State) -> tuple[Int, Float]:
    """Used sites of the first tier and their t/day, [P] and [P, M]."""
    arcs = np.array([arc for arc in state.arc if arc >= 0], dtype=np.int64)
    site = np.array(state.fixed.site, dtype=np.int64)[arcs]
    used = np.unique(site)
    load = np.zeros((len(used), len(problem.network.materials)))
    np.add.at(load, np.searchsorted(used, site), problem.captured_t_per_day[tier_arcs[arcs]])
    return used, load


def _walk_rows(problem: Problem) -> Int:
    """Row of Problem.walk of each arc of the first tier."""
    return np.argsort(problem.walk.site, kind="stable")


def _assign_stations(problem: Problem, coefficients: Coefficients, upper: tuple[OpenSites, ...], state: State) -> bool:
    """Assign all points to stations at once; whether that saved anything."""
    used, load = _loads(problem, _walk_rows(problem), state)
    if len(used) == 0:
        return False
    choice = serve_points(problem, upward(problem, coefficients, upper), used, load)
    if choice is None:
        return False
    cost = site_costs(state)[used]
    present = np.array([state.station[site] for site in used])
    rows = np.arange(len(used))
    if not cost[rows, choice].sum() < cost[rows, present].sum() - WORTH_CNY_PER_YEAR:
        return False
    before, short = state.copy(), state.too_empty()
    for site, station in zip(used.tolist(), choice.tolist(), strict=True):
        restation(state, site, station)
    if not state.too_empty() <= short:
        state.go_back_to(before)
        return False
    return True


def _plan_of(problem: Problem, coefficients: Coefficients, plan: Plan, state: State) -> Plan | None:
    """The whole plan of a state: flows to the end, upper sites without load closed; None if the flows do not fit."""
    upper = plan.open_sites[1:]
    size = np.array(state.size, dtype=np.int64)
    site_of_part = np.array([state.fixed.site[arc] if arc >= 0 else -1 for arc in state.arc], dtype=np.int64)
    used, load = _loads(problem, _walk_rows(problem), state)
    choice = np.array([state.station[site] for site in used], dtype=np.int64)
    arriving = np.zeros((len(upper[0].site), load.shape[1]))
    np.add.at(arriving, choice, load)
    flows: tuple[Flows, ...] | None = tuple(Flows(used, used, load) for _ in upper[1:])
    if len(used):
        flows = send_on(problem, coefficients, upper, arriving)
    if flows is None:
        return None
    opened = np.flatnonzero(size >= 0)
    first = Flows(used, upper[0].site[choice], load)
    return without_idle(problem, Plan((OpenSites(opened, size[opened]), *upper), site_of_part, (first, *flows),
                                      plan.report))
