"""What a reader of a map would ask first: why does this part walk past a site, why does this point drive past one?

Both rules look at one move at a time, with everything else as it is. Numpy only, no solver.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from optimizer.accounts import Throughput, all_coefficients, arc_of_part
from optimizer.network import DAYS_PER_YEAR
from optimizer.plan import OpenSites, Plan
from optimizer.pools import tier_limits
from optimizer.prices import NO_WAY, no_prices, onward_prices
from optimizer.problem import Problem
from optimizer.tours_check import Violation

Float = NDArray[np.float64]
Int = NDArray[np.int64]
Bool = NDArray[np.bool_]

NEARER_M = 1e-6
"""A site is nearer if it is nearer by more than this."""
DEARER_CNY_PER_YEAR = 1.0
"""A station is dearer if its path costs more than this above another's."""
ROOM = 1.0 - 1e-9
"""Room is judged a hair below the capacity, so that rounding fills no site."""
DUST_T_PER_DAY = 1e-9
NEARER, CHEAPER = "nearer_site_has_room", "cheaper_station_has_room"
SANITY_CODES = frozenset({NEARER, CHEAPER})
"""Faults of sense, not of law: a plan that has one is lawful, and says so in a warning."""


def check_sanity(problem: Problem, plan: Plan, through: Throughput) -> list[Violation]:
    """Parts sent past a nearer open site with room, and first-tier sites served past a cheaper one with room.

    No fault where the move would leave the old site below its minimum throughput.
    """
    return [*_nearer_sites(problem, plan, through), *_cheaper_stations(problem, plan, through)]


@dataclass(frozen=True)
class _Site:
    """Open sites of one tier: what is in them and what they take. All arrays by candidate, sizes where open."""

    opened: Bool
    t_per_day: Float
    m3_per_day: Float
    most_t_per_day: Float
    most_m3_per_day: Float
    least_t_per_day: Float
    accepts: Bool
    """[J, M]."""

    def takes(self, site: Int, t_per_day: Float, m3_per_day: Float) -> Bool:
        """Whether sites are open and have room for more tonnes and cubic metres."""
        return np.asarray(self.opened[site]
                          & (self.t_per_day[site] + t_per_day <= ROOM * self.most_t_per_day[site])
                          & (self.m3_per_day[site] + m3_per_day <= ROOM * self.most_m3_per_day[site]), dtype=np.bool_)

    def spares(self, site: Int, t_per_day: Float) -> Bool:
        """Whether sites keep their minimum, or nothing at all, without some tonnes."""
        left = self.t_per_day[site] - t_per_day
        return np.asarray((left <= DUST_T_PER_DAY) | (left >= self.least_t_per_day[site]), dtype=np.bool_)


def _filled(problem: Problem, opened: OpenSites, level: int, entering: Float) -> _Site:
    tier, size = problem.network.tiers[level], opened.size_of(len(problem.sites[level]))
    least = np.array([s.min_t_per_day for s in tier.sizes])
    return _Site(size >= 0, entering.sum(axis=1), entering @ problem.m3_per_t(tier.state),
                 problem.capacity_t_per_day(level)[size], problem.capacity_m3_per_day(level)[size], least[size],
                 problem.accepts(level)[size])


def _nearer_sites(problem: Problem, plan: Plan, through: Throughput) -> Iterator[Violation]:
    walk = problem.walk
    sites = _filled(problem, plan.open_sites[0], 0, through.entering[0])
    own = arc_of_part(problem, plan.site_of_part)
    own_m = np.where(own >= 0, walk.distance_m[own] if len(walk.part) else 0.0, -np.inf)
    nearer = np.flatnonzero(sites.opened[walk.site] & (walk.distance_m < own_m[walk.part] - NEARER_M))
    part, site = walk.part[nearer], walk.site[nearer]
    load = problem.captured_t_per_day[nearer]
    tonnes, cubic = load.sum(axis=1), load @ problem.m3_per_t(problem.network.tiers[0].state)
    leaves_t = problem.captured_t_per_day[own[part]].sum(axis=1)
    fits = sites.takes(site, tonnes, cubic) & sites.spares(plan.site_of_part[part], leaves_t)
    fits &= ~np.any((load > 0.0) & ~sites.accepts[site], axis=1)
    caps = problem.household_caps[plan.open_sites[0].size_of(len(problem.sites[0]))]
    if np.isfinite(caps).any():
        served = np.flatnonzero(plan.site_of_part >= 0)
        households = np.zeros(len(problem.sites[0]))
        np.add.at(households, plan.site_of_part[served], problem.demand.households[served])
        fits &= households[site] + problem.demand.households[part] <= ROOM * caps[site]
    fits &= _room_above(problem, plan, through, load, problem.captured_t_per_day[own[part]], site,
                        plan.site_of_part[part])
    order = np.flatnonzero(fits)[np.lexsort((walk.distance_m[nearer][fits], part[fits]))]
    first = order[np.diff(part[order], prepend=-1) > 0]
    for at in first.tolist():
        i, ids = int(part[at]), problem.sites[0].ids
        yield Violation(NEARER, problem.demand.part_ids[i],
                        f"walks {own_m[i]:.0f} m to '{ids[int(plan.site_of_part[i])]}', "
                        f"'{ids[int(site[at])]}' with room is {walk.distance_m[nearer[at]]:.0f} m away")


def _room_above(problem: Problem, plan: Plan, through: Throughput, load: Float, left: Float, site: Int,
                old_site: Int) -> Bool:
    """Whether the tiers above can take what a move brings, [moves]: a nearer site captures more than the farther one.

    `load` and `left` are what the new and the old arc capture, [moves, M]. A site without a station yet may use any.
    """
    flow = plan.flows[0]
    station = np.full(len(problem.sites[0]), -1, dtype=np.int64)
    station[flow.origin] = flow.destination
    new, old = station[site], station[old_site]
    more = load - np.where((new == old)[:, None], left, 0.0)
    stations = _filled(problem, plan.open_sites[1], 1, through.entering[1])
    bulk = more @ problem.m3_per_t(problem.network.tiers[1].state)
    fits = (new < 0) | stations.takes(np.maximum(new, 0), more.sum(axis=1), bulk)
    extra = np.maximum(load - left, 0.0)
    captured = through.entering[0].sum(axis=0)
    for level in range(2, len(problem.sites)):
        per_t, limit = tier_limits(problem, level, plan.open_sites[level].size)
        fits &= ((captured + extra) @ per_t.T <= ROOM * limit).all(axis=1)
    return np.asarray(fits, dtype=np.bool_)


def _cheaper_stations(problem: Problem, plan: Plan, through: Throughput) -> Iterator[Violation]:
    if not problem.single_source:  # flows are split where room is scarce further up, which this does not see
        return
    flow, opened = plan.flows[0], plan.open_sites[1].site
    stations = _filled(problem, plan.open_sites[1], 1, through.entering[1])
    tonnes, cubic = flow.t_per_day.sum(axis=1), flow.t_per_day @ problem.m3_per_t(problem.network.tiers[1].state)
    cost = path_cost_cny_per_year(problem, plan, flow.origin, flow.t_per_day)
    here = np.searchsorted(opened, flow.destination)
    own = cost[np.arange(len(flow.origin)), here] if len(opened) else np.zeros(0)
    for row in range(len(flow.origin)):
        if not stations.spares(flow.destination[row], tonnes[row]):
            continue
        room = stations.takes(opened, tonnes[row], cubic[row])
        room &= ~np.any((flow.t_per_day[row] > 0.0)[None, :] & ~stations.accepts[opened], axis=1)
        room[here[row]] = False
        extra = own[row] - np.where(room, cost[row], np.inf)
        best = int(np.argmax(extra))
        if extra[best] > DEARER_CNY_PER_YEAR + 1e-9 * abs(own[row]):
            ids = problem.sites[1].ids
            yield Violation(CHEAPER, problem.sites[0].ids[int(flow.origin[row])],
                            f"served by '{ids[int(flow.destination[row])]}', by '{ids[int(opened[best])]}' it costs "
                            f"{extra[best]:.0f} CNY per year less")


def path_cost_cny_per_year(problem: Problem, plan: Plan, site: Int, t_per_day: Float) -> Float:
    """Yearly cost of loads [P, M] from sites of the first tier through each open site of tier 1 to the end, [P, S].

    Onward prices are the least over the open sites above, whatever room they have left; inf where there is no way.
    """
    coefficients = all_coefficients(problem)
    usable = []
    for sites, opened in zip(problem.sites, plan.open_sites, strict=True):
        table = np.zeros_like(sites.allowed)
        table[opened.site, opened.size] = True
        usable.append(table)
    station = plan.open_sites[1].site
    onward = onward_prices(problem, coefficients, no_prices(problem), tuple(usable))[1][station]
    trip = coefficients.trip_cny[0][:, station][site] * DAYS_PER_YEAR
    loads = t_per_day @ problem.trips_per_t(0)
    cost = np.where(np.isfinite(trip), loads[:, None] * np.where(np.isfinite(trip), trip, 0.0), np.inf)
    cost = cost + t_per_day @ onward.T
    return np.where(cost < NO_WAY * 1e-3, cost, np.inf)
