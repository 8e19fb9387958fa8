"""First-tier sites in use where residents go to the nearest: what opening and closing sites does, kept up to date.

Under the rule of optimizer/nearest.py the sites in use decide who comes to each; sizes follow site by site, since who
finds a site full goes nowhere else. A change is therefore worked out through the walking arcs around it only.
Plain lists on purpose: a change touches a handful of numbers, where lists are several times faster than arrays.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from optimizer.first_tier import FirstTier
from optimizer.nearest import rank_of_ids
from optimizer.plan import OpenSites
from optimizer.pools import Pools
from optimizer.problem import FULL_SHARE, Problem
from optimizer.site_rows import RowSet

Float = NDArray[np.float64]
Int = NDArray[np.int64]

INF = float("inf")
LEAST_SHARE = 1.0 - 1e-9
"""Minimum throughputs are met up to rounding."""

Triple = tuple[float, float, float]


@dataclass(frozen=True)
class NearestTables:
    """What never changes. Arcs in FirstTier order."""

    part: list[int]
    site: list[int]
    use: list[Triple]
    place: list[int]
    """Position of each arc among those of its part, the nearest first."""
    arcs_of_part: list[list[int]]
    arcs_of_site: list[list[int]]
    """In the order in which residents fill a site."""
    capacity: list[Triple]
    least_t_per_day: list[float]
    """Of each size."""
    fixed: list[list[tuple[int, float]]]
    """Sizes of each site and what being in use costs beyond not being in use, CNY per year."""
    idle_size: list[int]
    """What a site is where nobody uses it: closed (-1), or its cheapest size where it must stay."""


def nearest_tables(problem: Problem, tier: FirstTier) -> NearestTables:
    """The fixed figures of a search. A site that must stay costs its cheapest size even where nobody uses it."""
    walk_m = problem.walk.distance_m[tier.arc]
    site_rank, part_rank = rank_of_ids(problem.sites[0].ids), rank_of_ids(problem.demand.part_ids)
    by_part = np.lexsort((site_rank[tier.site], walk_m, tier.part))
    by_site = np.lexsort((part_rank[tier.part], walk_m, tier.site))
    first_of_part = np.searchsorted(tier.part[by_part], np.arange(len(problem.demand.part_ids) + 1))
    place = np.empty(len(tier.arc), dtype=np.int64)
    place[by_part] = np.arange(len(tier.arc)) - first_of_part[tier.part[by_part]]
    offered = np.isfinite(tier.open_cny_per_year)
    cheapest = np.where(offered.any(axis=1), tier.open_cny_per_year.min(axis=1, initial=np.inf), 0.0)
    extra = tier.open_cny_per_year - np.where(tier.must_open, cheapest, tier.closed_cny_per_year)[:, None]
    capacity = (tier.capacity * (1.0 + FULL_SHARE)).tolist()
    return NearestTables(
        tier.part.tolist(), tier.site.tolist(), [(a, b, c) for a, b, c in tier.use.tolist()], place.tolist(),
        [by_part[a:b].tolist() for a, b in pairwise(first_of_part)],
        [by_site[a:b].tolist() for a, b in pairwise(tier.first)],
        [(a, b, c) for a, b, c in capacity], [size.min_t_per_day for size in problem.network.tiers[0].sizes],
        [[(k, float(cost)) for k, cost in enumerate(row) if np.isfinite(cost)] for row in extra],
        np.where(tier.must_open, np.argmin(tier.open_cny_per_year, axis=1), -1).tolist())


@dataclass(frozen=True)
class Filled:
    """A site in use: its size, what it changes in the yearly cost, and what it draws from each pool."""

    size: int
    cny_per_year: float
    drawn: tuple[float, ...]


@dataclass(frozen=True)
class Change:
    """A change of the sites in use, worked out: the cost it adds and the new state around it."""

    cny_per_year: float
    opened: tuple[int, ...]
    closed: tuple[int, ...]
    arc_of_part: dict[int, int]
    filled: dict[int, Filled]
    drawn: tuple[float, ...]
    row_values: Float
    """Of the side rules, see optimizer/site_rows.py."""


class NearestState:
    """Sites in use, whom each attracts, and the yearly cost beyond serving nobody."""

    def __init__(self, tables: NearestTables, rows: RowSet, upper: tuple[OpenSites, ...], arc_cost: Float,
                 pools: Pools, in_use: Int) -> None:
        """`arc_cost` [E] is what serving a part over an arc adds to the yearly cost, its penalty taken off.

        Sites among `in_use` that nobody would use, or only below their minimum throughput, are left out. The side
        `rows` are judged with the open sites `upper` of the tiers above; no change may break one (further).
        """
        self.fixed, self.cost = tables, arc_cost.tolist()
        self.draw = [tuple(row) for row in pools.draw.tolist()]
        self.limit = tuple(pools.limit.tolist())
        self.on = [False] * len(tables.arcs_of_site)
        self.arc = [-1] * len(tables.arcs_of_part)
        self.filled: dict[int, Filled] = {}
        self.drawn = (0.0,) * len(self.limit)
        self.total = 0.0
        for site in in_use.tolist():
            self.on[site] = True
        while True:
            self._start()
            empty = [site for site, on in enumerate(self.on) if on and site not in self.filled]
            if not empty:
                break
            for site in empty:
                self.on[site] = False
        size = np.array(self.sizes(), dtype=np.int64)
        opened = np.flatnonzero(size >= 0)
        self.rows = rows
        self.row_values = rows.values((OpenSites(opened, size[opened]), *upper))

    def _start(self) -> None:
        self.filled, self.total, self.drawn = {}, 0.0, (0.0,) * len(self.limit)
        for part in range(len(self.arc)):
            self.arc[part] = self._nearest(part)
        for site, on in enumerate(self.on):
            found = self._fill(site, {}) if on else None
            if found is not None:
                self.filled[site] = found
                self.total += found.cny_per_year
                self.drawn = tuple(a + b for a, b in zip(self.drawn, found.drawn, strict=True))

    def _nearest(self, part: int) -> int:
        on, site = self.on, self.fixed.site
        return next((arc for arc in self.fixed.arcs_of_part[part] if on[site[arc]]), -1)

    def _fill(self, site: int, moved: dict[int, int]) -> Filled | None:
        """The site at its best size for those it attracts; None where no size is used and meets its minimum."""
        tables, part, present = self.fixed, self.fixed.part, self.arc
        coming = [arc for arc in tables.arcs_of_site[site] if moved.get(part[arc], present[part[arc]]) == arc]
        best: tuple[float, int, list[int]] | None = None
        for size, fixed in tables.fixed[site]:
            most_0, most_1, most_2 = tables.capacity[size]
            used_0 = used_1 = used_2 = 0.0
            value, served = fixed, []
            for arc in coming:
                use = tables.use[arc]
                after_0, after_1, after_2 = used_0 + use[0], used_1 + use[1], used_2 + use[2]
                if after_0 <= most_0 and after_1 <= most_1 and after_2 <= most_2:
                    used_0, used_1, used_2 = after_0, after_1, after_2
                    value += self.cost[arc]
                    served.append(arc)
            enough = served and used_1 > 0.0 and used_1 >= tables.least_t_per_day[size] * LEAST_SHARE
            if enough and (best is None or value < best[0]):
                best = (value, size, served)
        if best is None or best[0] == INF:
            return None
        drawn = tuple(map(sum, zip(*(self.draw[arc] for arc in best[2]), strict=True))) if self.limit else ()
        return Filled(best[1], best[0], drawn)

    def overdrawn(self) -> float:
        """By how much the worst pool exceeds its limit, as a share of it; 0 where none does."""
        return max((now / most - 1.0 - 1e-9 for now, most in zip(self.drawn, self.limit, strict=True) if most > 0.0),
                   default=0.0)

    def change(self, opened: tuple[int, ...], closed: tuple[int, ...]) -> Change | None:
        """What using some sites and giving up others would do; None where a site around could not be filled lawfully.

        A pool without room for who comes makes a change unlawful too (one that is overdrawn may not get fuller), and
        so does a side rule that it breaks.
        """
        tables, on = self.fixed, self.on
        for site in closed:
            on[site] = False
        for site in opened:
            on[site] = True
        moved: dict[int, int] = {}
        for site in closed:
            for arc in tables.arcs_of_site[site]:
                part = tables.part[arc]
                if self.arc[part] == arc:
                    moved[part] = self._nearest(part)
        for site in opened:
            for arc in tables.arcs_of_site[site]:
                part = tables.part[arc]
                now = moved.get(part, self.arc[part])
                if now < 0 or tables.place[arc] < tables.place[now]:
                    moved[part] = arc
        for site in closed:
            on[site] = True
        for site in opened:
            on[site] = False
        return self._worked_out(opened, closed, moved)

    def _worked_out(self, opened: tuple[int, ...], closed: tuple[int, ...], moved: dict[int, int]) -> Change | None:
        site_of = self.fixed.site
        touched = {site_of[arc] for arc in moved.values() if arc >= 0}
        touched |= {site_of[self.arc[part]] for part in moved if self.arc[part] >= 0}
        touched = (touched | set(opened)) - set(closed)
        added, filled = 0.0, {}
        drawn = list(self.drawn)
        for site in (*sorted(touched), *closed):
            old = self.filled.get(site)
            if old is not None:
                added -= old.cny_per_year
                drawn = [a - b for a, b in zip(drawn, old.drawn, strict=True)]
            if site in closed:
                continue
            new = self._fill(site, moved)
            if new is None:
                return None
            filled[site] = new
            added += new.cny_per_year
            drawn = [a + b for a, b in zip(drawn, new.drawn, strict=True)]
        if any(a > max(most, now) * (1.0 + 1e-12) for a, most, now in zip(drawn, self.limit, self.drawn, strict=True)):
            return None
        values = self.row_values
        if len(self.rows):
            delta = np.zeros(len(values))
            for site in (*filled, *closed):
                after = filled[site].size if site in filled else self.fixed.idle_size[site]
                delta += self.rows.change(0, site, self._size(site), after)
            if self.rows.breaks(values, delta):
                return None
            values = values + delta
        return Change(added, opened, closed, moved, filled, tuple(drawn), values)

    def _size(self, site: int) -> int:
        return self.filled[site].size if site in self.filled else self.fixed.idle_size[site]

    def sizes(self) -> list[int]:
        """Size of every site, -1 where it is closed; sites that must stay are open though nobody may use them."""
        return [self._size(site) for site in range(len(self.on))]

    def make(self, change: Change) -> None:
        """Carry a change out."""
        for site in change.closed:
            self.on[site] = False
            self.filled.pop(site, None)
        for site in change.opened:
            self.on[site] = True
        for part, arc in change.arc_of_part.items():
            self.arc[part] = arc
        self.filled.update(change.filled)
        self.drawn, self.total = change.drawn, self.total + change.cny_per_year
        self.row_values = change.row_values

    def sites_in_use(self) -> Int:
        """Indices of the sites in use, ascending."""
        return np.flatnonzero(np.array(self.on, dtype=bool))

    def size_of_site(self) -> Int:
        """Size of each site in use, -1 of the others, [J]."""
        out = np.full(len(self.on), -1, dtype=np.int64)
        for site, filled in self.filled.items():
            out[site] = filled.size
        return out
