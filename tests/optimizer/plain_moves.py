"""A plan of the first tier and its single moves in plain loops: what moves.py promises, tried again from scratch.

Costs come from brute_force.Prices, one material at a time; loads are plain sums; a move is tried on a copy.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from optimizer.plan import Flows, OpenSites, Plan, SolveReport
from optimizer.problem import Problem
from optimizer.site_rows import SiteRow
from tests.optimizer.brute_force import DAYS, Prices

HAIR = 1e-7
"""Room is judged this share below capacity, so that rounding decides nothing."""


class Ways:
    """Figures of a problem under given open upper sites: tonnes, distances, path costs and limits."""

    def __init__(self, problem: Problem, upper: tuple[OpenSites, ...]) -> None:
        self.problem, self.upper, known = problem, upper, Prices(problem)
        self.known = known
        self.materials = range(len(problem.network.materials))
        self.walk_m: list[dict[int, float]] = [{} for _ in problem.demand.part_ids]
        self.tonnes: list[dict[int, list[float]]] = [{} for _ in problem.demand.part_ids]
        for i, j, metres, share in zip(*(a.tolist() for a in (problem.walk.part, problem.walk.site,
                                                              problem.walk.distance_m, problem.walk.captured_share)),
                                       strict=True):
            self.walk_m[i][j] = metres
            self.tonnes[i][j] = [g * share for g in problem.demand.generated_t_per_day[i].tolist()]
        self.stations = upper[0].site.tolist()
        self.next = {s: [self._cheapest(1, s, m) for m in self.materials] for s in self.stations}
        self.per_t = {(j, s): [known.entering(0, m) + known.haul(0, j, s, m) + self.next[s][m][0]
                               for m in self.materials] for j in range(len(problem.sites[0])) for s in self.stations}
        self.penalty = [DAYS * problem.participation_share * problem.network.money.unserved_cny_per_t * float(g.sum())
                        for g in problem.demand.generated_t_per_day]

    def _cheapest(self, level: int, site: int, m: int) -> tuple[float, list[int]]:
        """Least cost of a tonne from entering an open upper site, and the sites it then passes."""
        known, last = self.known, len(self.problem.sites) - 1
        size = int(self.upper[level - 1].size[self.upper[level - 1].site.tolist().index(site)])
        accepts = self.problem.network.tiers[level].sizes[size].accepts
        if accepts is not None and self.problem.network.materials[m].id not in accepts:
            return np.inf, []
        own = known.entering(level, m)
        if level == last:
            return own, [site]
        options = []
        for high in self.upper[level].site.tolist():
            onward, path = self._cheapest(level + 1, high, m)
            options.append((known.passed(level, m) * (known.haul(level, site, high, m) + onward), path))
        best = min(options)
        return own + best[0], [site, *best[1]]

    def path_cost(self, i: int, j: int, s: int) -> float:
        """CNY per year of part i using site j served by station s."""
        return DAYS * sum(t * p for t, p in zip(self.tonnes[i][j], self.per_t[j, s], strict=True) if t > 0)


@dataclass
class Town:
    """Who uses which site, sizes of open sites, stations of used sites; loads are kept as plain sums."""

    ways: Ways
    site_of: list[int]
    size: dict[int, int]
    station: dict[int, int]

    @classmethod
    def of(cls, problem: Problem, plan: Plan) -> Town:
        """The plan's own choices."""
        flow = plan.flows[0]
        return cls(Ways(problem, plan.open_sites[1:]), plan.site_of_part.tolist(),
                   dict(zip(plan.open_sites[0].site.tolist(), plan.open_sites[0].size.tolist(), strict=True)),
                   dict(zip(flow.origin.tolist(), flow.destination.tolist(), strict=True)))

    def copy(self) -> Town:
        return Town(self.ways, self.site_of[:], self.size.copy(), self.station.copy())

    def users(self, j: int) -> list[int]:
        return [i for i, site in enumerate(self.site_of) if site == j]

    def cost(self) -> float:
        """Sites of the first tier, paths, penalties, CNY per year."""
        known, ways = self.ways.known, self.ways
        total = sum(known.open(0, j, self.size[j]) if j in self.size else known.closed(0, j)
                    for j in range(len(ways.problem.sites[0])))
        return total + sum(ways.path_cost(i, j, self.station[j]) if j >= 0 else ways.penalty[i]
                           for i, j in enumerate(self.site_of))

    def leave(self, i: int) -> None:
        j, self.site_of[i] = self.site_of[i], -1
        if j >= 0 and j not in self.site_of:
            del self.station[j]

    # -- room -----------------------------------------------------------------------------------------------

    def site_has_room(self, i: int, j: int) -> bool:
        """Households, tonnes and volume of site j with part i in it."""
        problem, parts = self.ways.problem, [*self.users(j), i]
        size = problem.network.tiers[0].sizes[self.size[j]]
        loads = [self.ways.tonnes[p][j] for p in parts]
        m3 = sum(t * self.ways.known.m3(0, m) for load in loads for m, t in enumerate(load))
        return (_within(sum(problem.demand.households[p] for p in parts), problem.max_households_per_site)
                and _within(sum(map(sum, loads)), size.capacity_t_per_day) and _within(m3, size.capacity_m3_per_day))

    def station_has_room(self, s: int, loads: list[list[float]]) -> bool:
        """Mass and volume of station s with more loads in it."""
        problem, at = self.ways.problem, self.ways.stations.index(s)
        size = problem.network.tiers[1].sizes[int(self.ways.upper[0].size[at])]
        here = loads + [self.ways.tonnes[p][j] for p, j in enumerate(self.site_of) if j >= 0 and self.station[j] == s]
        m3 = sum(t * self.ways.known.m3(1, m) for load in here for m, t in enumerate(load))
        return _within(sum(map(sum, here)), size.capacity_t_per_day) and _within(m3, size.capacity_m3_per_day)

    def tiers_above_have_room(self, load: list[float]) -> bool:
        """Every set of materials fits the sites that accept one of them, tier by tier above the stations."""
        problem, known = self.ways.problem, self.ways.known
        total = [sum(column) for column in zip(load, *(self.ways.tonnes[p][j] for p, j in enumerate(self.site_of)
                                                       if j >= 0), strict=True)]
        for level in range(1, len(problem.sites) - 1):
            total = [t * known.passed(level, m) for m, t in enumerate(total)]
            sizes = [problem.network.tiers[level + 1].sizes[k] for k in self.ways.upper[level].size.tolist()]
            for some in itertools.product([False, True], repeat=len(total)):
                chosen = {problem.network.materials[m].id for m, use in enumerate(some) if use}
                takes = [z for z in sizes if z.accepts is None or chosen & set(z.accepts)]
                if chosen and not _within(sum(t for t, use in zip(total, some, strict=True) if use),
                                          sum(z.capacity_t_per_day for z in takes)):
                    return False
            volume = [z.capacity_m3_per_day for z in sizes]
            if None not in volume and not _within(sum(t * known.m3(level + 1, m) for m, t in enumerate(total)),
                                                  sum(v for v in volume if v is not None)):
                return False
        return True

    def way(self, i: int, j: int, stations: list[int]) -> int | None:
        """The first of some stations through which the unserved part i can use the open site j."""
        load = self.ways.tonnes[i][j]
        if self.site_has_room(i, j) and self.tiers_above_have_room(load):
            for s in stations:
                if np.isfinite(self.ways.path_cost(i, j, s)) and self.station_has_room(s, [load]):
                    return s
        return None

    def stations_for(self, i: int, j: int) -> list[int]:
        """The station of site j, or all, the cheapest first, while nobody uses it."""
        if j in self.station:
            return [self.station[j]]
        return sorted(self.ways.stations, key=lambda s: self.ways.path_cost(i, j, s))

    def nearest(self, i: int, within_m: float) -> tuple[int, int] | None:
        """The nearest open site with room for the unserved part i that is nearer than a distance, and its station."""
        for metres, j in sorted((metres, j) for j, metres in self.ways.walk_m[i].items() if j in self.size):
            s = self.way(i, j, self.stations_for(i, j)) if metres < within_m - 1e-9 else None
            if s is not None:
                return j, s
        return None

    def settled_once(self) -> Town | None:
        """The largest part that can gone to a nearer open site, or an idle site closed; None if settled."""
        for i in sorted(range(len(self.site_of)), key=lambda i: (-self.ways.problem.demand.households[i], i)):
            town, j = self.copy(), self.site_of[i]
            town.leave(i)
            found = town.nearest(i, self.ways.walk_m[i][j] if j >= 0 else np.inf)
            if found:
                town.site_of[i], town.station[found[0]] = found
                return town
        for j in sorted(self.size):
            if j not in self.station and self.may_close(j):
                town = self.copy()
                del town.size[j]
                return town
        return None

    # -- moves ----------------------------------------------------------------------------------------------

    def closed(self, j: int) -> Town:
        """CLOSE."""
        town, parts = self.copy(), self.users(j)
        for i in parts:
            town.leave(i)
        del town.size[j]
        for i in sorted(parts, key=lambda i: (-self.ways.problem.demand.households[i], i)):
            found = town.nearest(i, np.inf)
            if found:
                town.site_of[i], town.station[found[0]] = found
        return town

    def opened(self, j: int) -> Iterator[Town]:
        """OPEN at every size through every station; without anybody coming it is no move."""
        for k in np.flatnonzero(self.ways.problem.sites[0].allowed[j]).tolist():
            for s in self.ways.stations:
                town = self.copy()
                town.size[j] = k
                if town.come(j, s):
                    yield town

    def resized(self, j: int) -> Iterator[Town]:
        """RESIZE to every size that holds the load, without and with new parts."""
        for k in np.flatnonzero(self.ways.problem.sites[0].allowed[j]).tolist():
            town = self.copy()
            town.size[j] = k
            parts = self.users(j)
            if parts:
                town.site_of[parts[0]] = -1
                if k == self.size[j] or not town.site_has_room(parts[0], j):
                    continue
                town.site_of[parts[0]] = j
            yield town
            if parts:
                fuller = town.copy()
                fuller.come(j, self.station[j])
                yield fuller

    def come(self, j: int, s: int) -> int:
        """Let parts for which j is nearer come in falling order of gain while there is room; how many came."""
        ways = self.ways
        wanted = []
        for i, site in enumerate(self.site_of):
            if j in ways.walk_m[i] and (site < 0 or ways.walk_m[i][j] < ways.walk_m[i][site]):
                now = ways.path_cost(i, site, self.station[site]) if site >= 0 else ways.penalty[i]
                wanted.append((ways.path_cost(i, j, s) - now, i))
        came = 0
        for extra, i in sorted(wanted):
            site, back = self.site_of[i], self.station.copy()
            self.leave(i)
            if np.isfinite(extra) and self.way(i, j, [s]) is not None:
                self.site_of[i], self.station[j] = j, s
                came += 1
            else:
                self.site_of[i], self.station = site, back
        return came

    def may_close(self, j: int, instead: int = -1) -> bool:
        """Whether site j need not stay and no minimum count breaks."""
        problem = self.ways.problem
        after = {*self.size, instead} - {j, -1}

        def count(opened: Iterable[int], rule: SiteRow) -> int:
            return sum(a in rule.site[rule.tier == 0] for a in opened)

        return not problem.sites[0].must_open[j] and all(
            count(after, rule) >= rule.limit or count(after, rule) >= count(self.size, rule)
            for rule in problem.site_rows if rule.code == "min_sites")

    def moves(self) -> Iterator[tuple[str, Town]]:
        """Every single move with its result."""
        count = len(self.ways.problem.sites[0])
        shared = [set().union(*(m for m in self.ways.walk_m if j in m)) - {j} for j in range(count)]
        for j in range(count):
            if j not in self.size:
                yield from ((f"open {j}", town) for town in self.opened(j))
                continue
            yield from ((f"resize {j}", town) for town in self.resized(j))
            without = self.closed(j)
            if self.may_close(j):
                yield f"close {j}", without
            for other in sorted(shared[j] - self.size.keys()):
                if self.may_close(j, other):
                    yield from ((f"swap {j} for {other}", town) for town in without.opened(other))

    def as_plan(self) -> Plan:
        """A whole plan whose tonnes take the cheapest way up, whatever room is there: for the books."""
        ways, problem = self.ways, self.ways.problem
        tables: list[dict[tuple[int, int], list[float]]] = [{} for _ in problem.legs]
        for i, j in enumerate(self.site_of):
            for m, t in enumerate(ways.tonnes[i][j] if j >= 0 else []):
                path = [j, *(ways.next[self.station[j]][m][1])]
                for leg, ends in enumerate(itertools.pairwise(path)):
                    t *= ways.known.passed(leg, m)
                    tables[leg].setdefault(ends, [0.0] * len(ways.materials))[m] += t
        flows = tuple(Flows(np.array([a for a, _ in table], dtype=np.int64), np.array([b for _, b in table], np.int64),
                            np.array(list(table.values())).reshape(-1, len(ways.materials))) for table in tables)
        first = sorted(self.size)
        opened = OpenSites(np.array(first, dtype=np.int64), np.array([self.size[j] for j in first], dtype=np.int64))
        return Plan((opened, *ways.upper), np.array(self.site_of), flows, SolveReport("feasible", 0.0, None))


def _within(value: float, limit: float | None) -> bool:
    return limit is None or value <= limit * (1.0 - HAIR)
