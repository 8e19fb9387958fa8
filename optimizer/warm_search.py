"""Ruin and recreate among the sites around an edit: their parts and arcs alone, all other loads taken as given."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from optimizer.accounts import arc_of_part, books
from optimizer.assemble import without_idle
from optimizer.first_tier import FirstTier, first_tier
from optimizer.first_tier_plan import FirstTierPlan
from optimizer.objectives import Coefficients
from optimizer.plan import Flows, OpenSites, Plan, SolveReport
from optimizer.pools import Pools, pools_of
from optimizer.problem import Problem
from optimizer.row_repair import closable, lawful_sites, with_minimums
from optimizer.solvers.assignment import Served, Upward, send_on, transport, upward
from optimizer.solvers.first_tier_search import stations_of_sites
from optimizer.solvers.moves import settle_and_improve
from optimizer.solvers.ruin_recreate import improve
from optimizer.warm_scope import Scope, held_outside

Float = NDArray[np.float64]
Int = NDArray[np.int64]
Bool = NDArray[np.bool_]

WORTH_CNY_PER_YEAR = 1.0
ROOM_SHARE = 1e-9


def searched_around(problem: Problem, coefficients: Coefficients, plan: Plan, scope: Scope, guide: Float,
                    iterations: int, seed: int, time_limit_s: float) -> Plan:
    """The plan, or a cheaper one that differs in sites of the first tier within the scope.

    `guide` [n] are prices of serving each part, as the bound's multipliers hold them.
    """
    upper = plan.open_sites[1:]
    if not all(len(opened.site) for opened in upper) or not scope.may_change[0].any():
        return plan
    held = held_outside(problem, plan, scope)
    tier = first_tier(held, coefficients)
    up = upward(held, coefficients, upper)
    sent = plan.flows[0]
    served = _as_in(plan, up, transport(held, up, sent.origin, sent.t_per_day))
    station, arc_cost = stations_of_sites(held, coefficients, tier, up, served)
    pools = pools_of(held, tier, upper, station)
    inside = _arcs_inside(tier, plan, scope)
    if not inside.any():
        return plan
    size = plan.open_sites[0].size_of(len(held.sites[0]))
    small, rest = _part_of_tier(tier, inside, scope.may_change[0]), _drawn_by_others(held, tier, plan, pools, inside)
    own = np.isin(np.arange(len(plan.site_of_part)), small.part) & _served_inside(plan, scope)
    start = FirstTierPlan(np.where(own, plan.site_of_part, -1), np.where(scope.may_change[0], size, -1))
    begin = time.monotonic()
    found = improve(small, arc_cost[inside], guide, Pools(pools.draw[inside], pools.limit - rest), start,
                    iterations=iterations, seed=seed,
                    on_step=lambda _, __: time.monotonic() - begin > time_limit_s)
    site_of_part = np.where(np.isin(np.arange(len(own)), small.part), found.site_of_part, plan.site_of_part)
    sizes = np.where(scope.may_change[0], found.size_of_site, size)
    other = kept_together(held, coefficients, plan, upper, site_of_part, sizes, up.station[station])
    if other is None or not (other.site_of_part >= 0).any():
        return plan
    other = closed_where_idle(problem, settle_and_improve(held, coefficients, tier, other, rounds=0))
    if lawful_sites(problem, plan.open_sites) and not lawful_sites(problem, other.open_sites):
        return plan
    before, after = (books(problem, p).objective_cny_per_year for p in (plan, other))
    return other if after < before - WORTH_CNY_PER_YEAR else plan


def _as_in(plan: Plan, up: Upward, served: Served | None) -> Served | None:
    """Every point at its station of the plan, room at the prices of the relaxed service."""
    if served is None:
        return None
    share = np.zeros_like(served.share)
    share[np.arange(len(served.site)), np.searchsorted(up.station, plan.flows[0].destination)] = 1.0
    return replace(served, share=share)


def closed_where_idle(problem: Problem, plan: Plan) -> Plan:
    """The plan without open sites that nobody uses any more: held sites are only held as long as they have a load."""
    lowest = plan.open_sites[0]
    idle = ~np.isin(lowest.site, plan.site_of_part)
    stays = ~closable(problem, plan.open_sites, 0, idle)
    opened = (OpenSites(lowest.site[stays], lowest.size[stays]), *plan.open_sites[1:])
    return without_idle(problem, replace(plan, open_sites=opened))


def kept_together(problem: Problem, coefficients: Coefficients, start: Plan, upper: tuple[OpenSites, ...],
                  site_of_part: Int, size_of_site: Int, station_of_site: Int | None = None) -> Plan | None:
    """The whole plan with every point at the station it had, points without one at `station_of_site` [J_0].

    None where the open stations are others, a point has no station, or the loads do not fit.
    """
    count = len(problem.sites[0])
    station = np.full(count, -1, dtype=np.int64) if station_of_site is None else station_of_site.copy()
    station[start.flows[0].origin] = start.flows[0].destination
    arc = arc_of_part(problem, site_of_part)
    load = np.zeros((count, len(problem.network.materials)))
    np.add.at(load, site_of_part[arc >= 0], problem.captured_t_per_day[arc[arc >= 0]])
    used = np.unique(site_of_part[arc >= 0])
    if not len(used) or not np.isin(station[used], upper[0].site).all() or (size_of_site[used] < 0).any():
        return None
    choice = np.searchsorted(upper[0].site, station[used])
    arriving = np.zeros((len(upper[0].site), load.shape[1]))
    np.add.at(arriving, choice, load[used])
    bulk = arriving @ problem.m3_per_t(problem.network.tiers[1].state)
    full = arriving.sum(axis=1) > problem.capacity_t_per_day(1)[upper[0].size] * (1.0 + ROOM_SHARE)
    if full.any() or (bulk > problem.capacity_m3_per_day(1)[upper[0].size] * (1.0 + ROOM_SHARE)).any():
        return None
    flows = send_on(problem, coefficients, upper, arriving)
    if flows is None:
        return None
    opened = np.union1d(used, np.flatnonzero(problem.sites[0].must_open))
    cheapest = np.argmin(np.where(problem.sites[0].allowed, coefficients.open_cny_per_year[0], np.inf), axis=1)
    size = np.where(size_of_site >= 0, size_of_site, cheapest)
    first = Flows(used, upper[0].site[choice], load[used])
    plan = without_idle(problem, Plan((OpenSites(opened, size[opened]), *upper), site_of_part, (first, *flows),
                                      SolveReport("feasible", 0.0, None)))
    sites = with_minimums(problem, coefficients, plan.open_sites, range(len(problem.sites)))
    return replace(plan, open_sites=sites)


def _served_inside(plan: Plan, scope: Scope) -> Bool:
    return (plan.site_of_part >= 0) & scope.may_change[0][np.maximum(plan.site_of_part, 0)]


def _arcs_inside(tier: FirstTier, plan: Plan, scope: Scope) -> Bool:
    """Arcs to sites of the scope, of parts that use such a site or none, [E]."""
    free = (plan.site_of_part < 0) | _served_inside(plan, scope)
    return np.asarray(scope.may_change[0][tier.site] & free[tier.part], dtype=bool)


def _part_of_tier(tier: FirstTier, inside: Bool, may_change: Bool) -> FirstTier:
    """The tier with some of its arcs and sites; sites that must open cost nothing but what a larger size adds."""
    site = tier.site[inside]
    cost = np.where(may_change[:, None], tier.open_cny_per_year, np.inf)
    least = cost.min(axis=1, initial=np.inf)
    duty = np.where(tier.must_open & np.isfinite(least), least - tier.closed_cny_per_year, 0.0)
    return replace(
        tier, arc=tier.arc[inside], part=tier.part[inside], site=site, use=tier.use[inside], families=(),
        first=np.searchsorted(site, np.arange(tier.site_count + 1)),
        open_cny_per_year=cost - duty[:, None])


def _drawn_by_others(problem: Problem, tier: FirstTier, plan: Plan, pools: Pools, inside: Bool) -> Float:
    """What the parts outside draw from the shared limits."""
    arc = arc_of_part(problem, plan.site_of_part)
    used = np.isin(tier.arc, arc[arc >= 0]) & ~inside
    return np.asarray(pools.draw[used].sum(axis=0), dtype=np.float64)
