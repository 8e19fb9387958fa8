"""A plan of the first tier that can be changed one part at a time: loads, rooms and costs kept up to date.

Plain lists on purpose: a move touches a handful of numbers, where lists are several times faster than numpy's arrays.
Costs by arc and station, of which there may be millions, are in the arrays of the standard library.
Pools are the limits that sites share: mass and volume of each open station, then what the tiers above can take.
"""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Iterable
from copy import copy
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from optimizer.first_tier import FirstTier
from optimizer.objectives import Coefficients
from optimizer.plan import OpenSites, Plan
from optimizer.pools import tier_limits
from optimizer.prices import unserved_cny_per_year
from optimizer.problem import Problem
from optimizer.solvers.assignment import upward

Float = NDArray[np.float64]
Int = NDArray[np.int64]

NO_WAY = 1e9
"""Onward prices from here on stand for 'no way' (CNY per year of one t/day)."""
ROOM_SHARE = 1e-9
"""Loads may exceed capacities by this share: rounding."""
ROW_ROOM = 1e-9
"""Smaller changes of a side rule's value are rounding."""
INF = float("inf")
DUST_T_PER_DAY = 1e-9
"""Less than this at a station is nothing."""


@dataclass(frozen=True)
class Tables:
    """What never changes during a search. Arcs in FirstTier order, stations as positions among the open ones."""

    part: list[int]
    site: list[int]
    walk_m: list[float]
    use: list[tuple[float, float, float]]
    mass_t_per_day: list[float]
    bulk_m3_per_day: list[float]
    """In the state of the station."""
    above: list[tuple[float, ...]]
    """What an arc draws from each pool above the stations."""
    cost: list[array[float]]
    """CNY per year of an arc through each station, inf where there is no way."""
    by_cost: list[array[int]]
    """Stations of each arc that have a way, the cheapest first."""
    least_cost: Float
    """Through the cheapest station, [E]."""
    arcs_of_site: list[range]
    arcs_of_part: list[list[int]]
    """The nearest first; equally near ones by site."""
    penalty: list[float]
    """CNY per year of leaving each part unserved."""
    households: list[float]
    capacity: list[tuple[float, float, float]]
    limit: list[float]
    least_t_per_day: list[float]
    """Minimum throughput of each size, then of each open station (a site without load is not asked)."""
    open_cost: list[list[float]]
    closed_cost: list[float]
    stations: int
    rows_of: list[list[list[tuple[int, float]]]]
    """Side rules that a site enters in each size, with its signed amounts; empty without rules."""
    row_most: list[float]


def tables(problem: Problem, coefficients: Coefficients, tier: FirstTier, upper: tuple[OpenSites, ...]) -> Tables:
    """The fixed figures of a search under given open sites of tiers 1 and up."""
    q = problem.captured_t_per_day[tier.arc]
    cost = _arc_cost(problem, coefficients, tier, upper, q)
    limits = [tier_limits(problem, level, upper[level - 1].size) for level in range(2, len(problem.sites))]
    materials = q.shape[1]
    draw = q @ np.concatenate([c for c, _ in limits] or [np.empty((0, materials))]).T
    stations = upper[0].size
    limit = np.concatenate([problem.capacity_t_per_day(1)[stations], problem.capacity_m3_per_day(1)[stations],
                            *(room for _, room in limits)])
    bulk = q @ problem.m3_per_t(problem.network.tiers[1].state)
    walk_m = problem.walk.distance_m[tier.arc]
    order = np.lexsort((tier.site, walk_m, tier.part))
    count = len(problem.demand.part_ids)
    start = np.searchsorted(tier.part[order], np.arange(count + 1))
    order_of = np.argsort(cost, axis=1, kind="stable").astype(np.int32)
    many = np.isfinite(cost).sum(axis=1).tolist()
    ways = [array("i", row[:count].tobytes()) for row, count in zip(order_of, many, strict=True)]
    return Tables(
        tier.part.tolist(), tier.site.tolist(), walk_m.tolist(), [(u[0], u[1], u[2]) for u in tier.use.tolist()],
        q.sum(axis=1).tolist(), bulk.tolist(), [tuple(row) for row in draw.tolist()],
        [array("d", row.tobytes()) for row in cost], ways,
        cost.min(axis=1, initial=np.inf),
        [range(a, b) for a, b in zip(tier.first[:-1].tolist(), tier.first[1:].tolist(), strict=True)],
        [order[start[i]:start[i + 1]].tolist() for i in range(count)],
        unserved_cny_per_year(problem, coefficients).tolist(), problem.demand.households.tolist(),
        [(c[0], c[1], c[2]) for c in (tier.capacity * (1.0 + ROOM_SHARE)).tolist()],
        (limit * (1.0 + ROOM_SHARE)).tolist(), _least(problem, stations), tier.open_cny_per_year.tolist(),
        tier.closed_cny_per_year.tolist(), len(stations), rows_of_first_tier(problem), problem.rows.tight.tolist())


def rows_of_first_tier(problem: Problem) -> list[list[list[tuple[int, float]]]]:
    """Rows and signed amounts of every site and size of the first tier; empty where no rule speaks about it."""
    entries, (sites, sizes) = problem.rows.tiers[0], problem.sites[0].allowed.shape
    if not len(entries.row):
        return []
    pairs = list(zip(entries.row.tolist(), entries.amount.tolist(), strict=True))
    first = entries.first.tolist()
    return [[pairs[first[j * sizes + k]:first[j * sizes + k + 1]] for k in range(sizes)] for j in range(sites)]


def _arc_cost(problem: Problem, coefficients: Coefficients, tier: FirstTier, upper: tuple[OpenSites, ...],
              q: Float) -> Float:
    """Yearly cost of each arc through each open station, [E, S], inf where there is no way."""
    up = upward(problem, coefficients, upper)
    trip, onward = up.trip_cny_per_year[tier.site], up.onward_cny_per_year
    lost = ~np.isfinite(trip) | ((q > 0.0).astype(np.float64) @ (onward >= NO_WAY).T.astype(np.float64) > 0.0)
    entering = coefficients.arriving_cny_per_year(q, tier.arc)
    cost = (q @ problem.trips_per_t(0))[:, None] * np.where(lost, 0.0, trip) + q @ onward.T + entering[:, None]
    return np.where(lost, np.inf, cost)


def _least(problem: Problem, stations: Int) -> list[float]:
    low, high = problem.network.tiers[:2]
    return [size.min_t_per_day for size in low.sizes] + [high.sizes[k].min_t_per_day for k in stations.tolist()]


class State:
    """Who uses which site through which station; every change keeps loads, pools and the total up to date."""

    def __init__(self, fixed: Tables, plan: Plan, station_of_site: Int, row_value: list[float]) -> None:
        """`station_of_site` [J_0] is a position among the open stations, -1 where a site has none.

        `row_value` are the signed values of the side rules in the plan.
        """
        count = len(fixed.arcs_of_site)
        self.fixed = fixed
        self.size: list[int] = plan.open_sites[0].size_of(count).tolist()
        self.station: list[int] = [-1] * count
        self.users: list[int] = [0] * count
        self.load: tuple[list[float], list[float], list[float]] = ([0.0] * count, [0.0] * count, [0.0] * count)
        self.used: list[float] = [0.0] * len(fixed.limit)
        self.arc: list[int] = [-1] * len(fixed.penalty)
        self.now: list[float] = list(fixed.penalty)
        """Yearly cost of each part: its way to the end, or the penalty."""
        self.walk_m: list[float] = [INF] * len(fixed.penalty)
        self.row_value = row_value
        self.total = sum(self.now) + sum(self.site_cost(j, k) for j, k in enumerate(self.size))
        for part, site in enumerate(plan.site_of_part.tolist()):
            for arc in fixed.arcs_of_part[part]:
                if fixed.site[arc] == site:
                    self.put(part, arc, int(station_of_site[site]))

    def site_cost(self, site: int, size: int) -> float:
        """CNY per year of a site at a size, -1 closed."""
        return self.fixed.closed_cost[site] if size < 0 else self.fixed.open_cost[site][size]

    def resize(self, site: int, size: int) -> None:
        """Open, resize or (-1) close a site; nobody moves."""
        if self.fixed.rows_of:
            for kind, sign in ((self.size[site], -1.0), (size, 1.0)):
                for row, amount in self.fixed.rows_of[site][kind] if kind >= 0 else ():
                    self.row_value[row] += sign * amount
        self.total += self.site_cost(site, size) - self.site_cost(site, self.size[site])
        self.size[site] = size

    def keeps_rules(self, site: int, size: int, gone: tuple[int, int] | None = None) -> bool:
        """Whether giving a site another size (-1 closes it) leads no side rule beyond its limit, or further beyond.

        `gone` is a site that was closed just now, with its size: the two changes are judged together.
        """
        rows_of = self.fixed.rows_of
        if not rows_of:
            return True
        delta: dict[int, float] = {}
        other, its_size = gone if gone is not None else (-1, -1)
        for where, kind, sign in ((other, its_size, -1.0), (site, self.size[site], -1.0), (site, size, 1.0)):
            for row, amount in rows_of[where][kind] if kind >= 0 else ():
                delta[row] = delta.get(row, 0.0) + sign * amount
        before = dict(rows_of[other][its_size]) if gone is not None else {}
        return not any(change > ROW_ROOM
                       and self.row_value[row] + before.get(row, 0.0) + change > self.fixed.row_most[row]
                       for row, change in delta.items())

    def lift(self, part: int) -> None:
        """Take a part out of its site, if it has one; a site nobody uses has no station."""
        arc = self.arc[part]
        if arc < 0:
            return
        fixed, used = self.fixed, self.used
        site = fixed.site[arc]
        station = self.station[site]
        use = fixed.use[arc]
        self.users[site] -= 1
        for load, amount in zip(self.load, use, strict=True):
            load[site] = load[site] - amount if self.users[site] else 0.0
        used[station] -= fixed.mass_t_per_day[arc]
        used[fixed.stations + station] -= fixed.bulk_m3_per_day[arc]
        for pool, amount in enumerate(fixed.above[arc], start=2 * fixed.stations):
            used[pool] -= amount
        if not self.users[site]:
            self.station[site] = -1
        self.total += fixed.penalty[part] - self.now[part]
        self.arc[part], self.now[part], self.walk_m[part] = -1, fixed.penalty[part], INF

    def put(self, part: int, arc: int, station: int) -> None:
        """Let a lifted part use the site of an arc, which is served by a station. Room is not checked."""
        fixed, used = self.fixed, self.used
        site = fixed.site[arc]
        self.users[site] += 1
        self.station[site] = station
        for load, amount in zip(self.load, fixed.use[arc], strict=True):
            load[site] += amount
        used[station] += fixed.mass_t_per_day[arc]
        used[fixed.stations + station] += fixed.bulk_m3_per_day[arc]
        for pool, amount in enumerate(fixed.above[arc], start=2 * fixed.stations):
            used[pool] += amount
        cost = fixed.cost[arc][station]
        self.total += cost - self.now[part]
        self.arc[part], self.now[part], self.walk_m[part] = arc, cost, fixed.walk_m[arc]

    def too_empty(self) -> set[int]:
        """Used sites below the minimum throughput of their size, and stations as -1 - position."""
        least, stations = self.fixed.least_t_per_day, self.fixed.stations
        sizes = len(least) - stations
        if not any(least):
            return set()
        short = {site for site, users in enumerate(self.users)
                 if users and self.load[1][site] < least[self.size[site]] * (1.0 - ROOM_SHARE)}
        return short | {-1 - s for s in range(stations)
                        if DUST_T_PER_DAY < self.used[s] < least[sizes + s] * (1.0 - ROOM_SHARE)}

    def copy(self) -> State:
        """The same state, to go back to."""
        other = copy(self)
        other.size, other.station, other.users = self.size[:], self.station[:], self.users[:]
        other.load = (self.load[0][:], self.load[1][:], self.load[2][:])
        other.used, other.arc, other.now, other.walk_m = self.used[:], self.arc[:], self.now[:], self.walk_m[:]
        other.row_value = self.row_value[:]
        return other

    def go_back_to(self, other: State) -> None:
        """Become an earlier copy, which must not be used any more."""
        vars(self).update(vars(other))

    def fits_site(self, arc: int) -> bool:
        """Whether the site of an arc is open and has room for it at its present size."""
        site = self.fixed.site[arc]
        size = self.size[site]
        if size < 0:
            return False
        use, capacity, load = self.fixed.use[arc], self.fixed.capacity[size], self.load
        return (load[0][site] + use[0] <= capacity[0] and load[1][site] + use[1] <= capacity[1]
                and load[2][site] + use[2] <= capacity[2])

    def fits_above(self, arc: int, station: int) -> bool:
        """Whether a station and the tiers above have room for an arc, and there is a way."""
        fixed, used, limit = self.fixed, self.used, self.fixed.limit
        bulk = fixed.stations + station
        if (fixed.cost[arc][station] == INF or used[station] + fixed.mass_t_per_day[arc] > limit[station]
                or used[bulk] + fixed.bulk_m3_per_day[arc] > limit[bulk]):
            return False
        return all(used[pool] + amount <= limit[pool]
                   for pool, amount in enumerate(fixed.above[arc], start=2 * fixed.stations))

    def way(self, arc: int) -> int:
        """The station through which a lifted part can use an arc, -1 where something has no room.

        A site that nobody uses takes the cheapest station with room.
        """
        if not self.fits_site(arc):
            return -1
        station = self.station[self.fixed.site[arc]]
        if station >= 0:
            return station if self.fits_above(arc, station) else -1
        return next((s for s in self.fixed.by_cost[arc] if self.fits_above(arc, s)), -1)

    def go_nearest(self, part: int, within_m: float = INF) -> bool:
        """Let a lifted part use the nearest open site with room that is nearer than `within_m`."""
        for arc in self.fixed.arcs_of_part[part]:
            if self.fixed.walk_m[arc] >= within_m:
                return False
            station = self.way(arc)
            if station >= 0:
                self.put(part, arc, station)
                return True
        return False

    def parts_of(self, site: int) -> list[int]:
        """Parts that use a site."""
        part = self.fixed.part
        return [part[arc] for arc in self.fixed.arcs_of_site[site] if self.arc[part[arc]] == arc]

    def would_come(self, site: int) -> list[int]:
        """Arcs of the parts for which a site is nearer than their present one (unserved parts: any site)."""
        part, walk_m, present = self.fixed.part, self.fixed.walk_m, self.walk_m
        return [arc for arc in self.fixed.arcs_of_site[site] if walk_m[arc] < present[part[arc]]]

    def settle(self, parts: Iterable[int]) -> set[int]:
        """Let parts go to nearer open sites with room until nobody can; returns the sites of departure and arrival.

        The largest first; who leaves a site makes room for others, who are looked at next. Nobody leaves where too
        little would be left (minimum throughput). Every step shortens one walk and lengthens none, so this ends.
        """
        fixed = self.fixed
        queue = deque(sorted(set(parts), key=lambda part: (-fixed.households[part], part)))
        waiting, touched = set(queue), set[int]()
        minimums, short = any(fixed.least_t_per_day), self.too_empty()
        while queue:
            part = queue.popleft()
            waiting.discard(part)
            arc, present_m = self.arc[part], self.walk_m[part]
            if not any(self.fits_site(other) for other in fixed.arcs_of_part[part] if fixed.walk_m[other] < present_m):
                continue
            left = fixed.site[arc] if arc >= 0 else -1
            station = self.station[left] if arc >= 0 else -1
            self.lift(part)
            gone = self.go_nearest(part, present_m)
            if gone and minimums and not self.too_empty() <= short:
                self.lift(part)
                gone = False
            if not gone:
                if arc >= 0:
                    self.put(part, arc, station)
                continue
            touched.add(fixed.site[self.arc[part]])
            if left >= 0:
                touched.add(left)
                freed = [p for p in (fixed.part[a] for a in self.would_come(left)) if p not in waiting]
                queue.extend(freed)
                waiting.update(freed)
        return touched
