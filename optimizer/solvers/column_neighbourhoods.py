"""Regions of the first tier solved anew as integer programmes over columns, one after another around the city.

A region is some neighbouring open sites, their parts and all sites that are closed around them. Prices of its parts are
raised a little, the columns of small reduced cost are listed, and the best choice among them replaces the present one
(large neighbourhood search, Shaw 1998). Pools that bind are priced, so that a region which makes little of them leaves
them to others; their prices follow what is drawn. All is counted, nothing timed: same seed, same answer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from optimizer.first_tier import FirstTier
from optimizer.first_tier_plan import FirstTierPlan
from optimizer.pools import Pools
from optimizer.solvers.column_choice import Choice, ChoiceEffort, better_choice, worth_trying
from optimizer.solvers.column_prices import raised
from optimizer.solvers.columns import (
    Columns,
    Packing,
    Prices,
    columns_of_plan,
    joined,
    part_of_packing,
    plan_of_columns,
)

Float = NDArray[np.float64]
Int = NDArray[np.int64]
Bool = NDArray[np.bool_]

OVERDRAWN_SHARE = 0.004
"""How far pools may be overdrawn until the last regions; the worth of a pool needs time to settle."""
HELD_SHARE = 0.4
"""Part of the regions, the last ones, that keep the limits of the pools."""
SITES_LEAST, SITES_MOST = 12, 80
LEAST_REGIONS = 8
MENDING_PASSES = 1.0
"""Regions solved at least, and passes over the city that may follow while pools are overdrawn."""
SPARED_SHARE = 5e-4
"""The worth of a pool settles where this share of it is left: what comes back into use costs little."""
FEEDBACK, MOST, MOST_OVERDRAWN = 15.0, 0.12, 0.4
"""How fast the worth of a pool follows what it is overdrawn."""
DEARER, TRIES = 0.3, 2
"""A region that would overdraw a pool is tried again with the pool dearer by this share."""
FINE_SHARE = 1.0
"""What a region saves by overdrawing a pool less, in shares of the pool's worth and on top of it."""
ROOMY_SHARE = 0.9
"""A pool drawn less than this at the start is worth nothing until it fills up, whatever the linear relaxation says."""
LEAST_WORTH_SHARE = 0.02
"""A pool that is overdrawn is worth at least this share of what its users save by using it."""
NODES_WITH_LIMITS = 10
"""Branches of the programme with the limits of pools as rows, which is far harder."""
FIRST_PER_PART, LAST_PER_PART = 6.0, 12.0
"""Columns per part of a region, in the first region and in the last: few are solved in no time and save most."""
FEWER, MORE, LEAST_NARROWED, MOST_WIDENED = 0.7, 1.2, 0.4, 2.0
"""What becomes of the number of columns where the programme was not solved, or was and saved nothing.

A region with more columns counts as so much more of a pass.
"""
SOLVED_SHARE = 1e-3
STEPS = 40
AIM_SHARE = 0.01
"""Subgradient steps per region, and how far above the best bound they aim, as a share of the region's cost."""


@dataclass(frozen=True)
class RegionEffort:
    """How many regions are solved and how hard."""

    passes: float
    """How often every open site is in some region, about."""
    parts: float = 130.0
    """Served parts of a region, about; a region is a whole number of open sites."""
    choice: ChoiceEffort = field(default_factory=ChoiceEffort)
    """How hard a region is tried; the number of columns follows its parts."""


def improve_by_regions(packing: Packing, start: FirstTierPlan, prices: Prices, near: csr_array, effort: RegionEffort, *,
                       seed: int, watch: Callable[[float, float], float]) -> tuple[FirstTierPlan, Prices, bool]:
    """The start or a better plan, the prices of parts and pools, and whether time ran out.

    Plans that overdraw pools are fined for it, so that the answer does so only where the start did, and then less.
    `near` is shared_parts() of the tier; `watch` gets the share done and the present cost and returns seconds left.
    """
    search = Neighbourhoods(packing, start, prices, near, seed)
    best, value, hit = search.chosen, search.with_fines(), False
    narrowed, done = 1.0, 0.0
    per_site = len(search.chosen.arc) / max(len(search.chosen), 1)
    sites = int(np.clip(effort.parts / max(per_site, 1.0), SITES_LEAST, SITES_MOST))
    passes = max(effort.passes, LEAST_REGIONS * sites / max(len(search.chosen), sites))
    while len(search.chosen) and (done < passes or (search.overdrawn() and done < passes + MENDING_PASSES)):
        left = watch(min(done / passes, 1.0), value)
        if left <= 0.0:
            hit = True
            break
        share = min(sites, len(search.chosen)) / len(search.chosen)
        last = search.overdrawn() and done + share >= passes + MENDING_PASSES
        held = done >= (1.0 - HELD_SHARE) * passes
        done += share * max(narrowed, 1.0)
        per_part = FIRST_PER_PART + (LAST_PER_PART - FIRST_PER_PART) * min(done / passes, 1.0)
        columns = replace(effort.choice, columns=int(narrowed * effort.parts * per_part))
        choice = search.step(sites, columns, held=held, last=last, time_limit_s=left)
        hit |= choice.hit_time_limit
        solved = choice.possible_cny_per_year - choice.saved_cny_per_year <= SOLVED_SHARE * abs(search.present_cost)
        if not solved:
            narrowed = max(LEAST_NARROWED, narrowed * FEWER)
        elif choice.saved_cny_per_year <= 0.0:
            narrowed = min(MOST_WIDENED, narrowed * MORE)
        if search.with_fines() < value - 1.0:
            best, value = search.chosen, search.with_fines()
    return plan_of_columns(packing.tier, trimmed(packing, best), packing.parts), search.prices, hit


def trimmed(packing: Packing, chosen: Columns) -> Columns:
    """The columns without the parts that save least per unit of a pool that has not room for all."""
    limit, out = packing.pools.limit, np.zeros(len(packing.tier.arc), dtype=bool)
    for pool in range(len(limit)):
        arc = chosen.arc[~out[chosen.arc]]
        draw = packing.pools.draw[arc, pool]
        order = np.argsort(-packing.arc_cost[arc] / np.maximum(draw, 1e-12), kind="stable")
        excess = draw.sum() - limit[pool] * (1.0 + 1e-9)
        if excess > 0.0:
            out[arc[order[:int(np.searchsorted(np.cumsum(draw[order]), excess)) + 1]]] = True
    kept = ~out[chosen.arc]
    count = np.bincount(chosen.owner[kept], minlength=len(chosen))
    return Columns(chosen.site, chosen.size, np.concatenate([[0], np.cumsum(count)]), chosen.arc[kept])


def shared_parts(tier: FirstTier, parts: int) -> csr_array:
    """How many parts sites share, [J, J]."""
    member = csr_array((np.ones(len(tier.arc)), (tier.site, tier.part)), shape=(tier.site_count, parts))
    return csr_array(member @ member.T)


class Neighbourhoods:
    """The present choice of columns and prices that describe it, changed region by region."""

    def __init__(self, packing: Packing, start: FirstTierPlan, prices: Prices, near: csr_array, seed: int) -> None:
        self.packing, self.prices = packing, prices
        self.chosen = columns_of_plan(packing.tier, start)
        self.drawn = packing.pools.draw[self.chosen.arc].sum(axis=0)
        self.present_cost = 0.0
        self._random, self._near = np.random.default_rng(seed), near
        self._token = self._random.integers(1, 2**63, packing.parts).astype(np.uint64)
        self._visits = np.zeros(packing.tier.site_count)
        self._fine = np.zeros(len(self.drawn))
        if len(self.chosen.arc):
            self._fine = -packing.arc_cost[self.chosen.arc].sum() / np.maximum(self.drawn, 1e-12)
        self._fine = np.maximum(self._fine, 4.0 * prices.pool)
        roomy = self.drawn < ROOMY_SHARE * packing.pools.limit
        self.prices = replace(prices, pool=np.where(roomy, 0.0, prices.pool))

    def total(self) -> float:
        """Cost of the present choice, CNY per year."""
        return float(self.packing.cost(self.chosen).sum())

    def overdrawn(self) -> bool:
        """Whether some pool has not room enough for the present choice."""
        return bool((self.drawn > self.packing.pools.limit * (1.0 + 1e-9)).any())

    def with_fines(self) -> float:
        """Cost of the present choice with fines for what is overdrawn, CNY per year."""
        beyond = self.drawn - self.packing.pools.limit * (1.0 + 1e-9)
        return self.total() + float(self._fine @ np.maximum(beyond, 0.0))

    def step(self, count: int, effort: ChoiceEffort, *, held: bool, last: bool, time_limit_s: float) -> Choice:
        """One region of `count` open sites solved anew; pools keep their limits if `held`, at all cost if `last`."""
        inside = np.isin(self.chosen.site, self._region(count))
        mine, others = self.chosen.where(inside), self.chosen.where(~inside)
        small, arc = self._opened_up(mine, others)
        row = np.full(len(self.packing.tier.arc), -1, dtype=np.int64)
        row[arc] = np.arange(len(arc))
        present = replace(mine, arc=row[mine.arc])
        self.present_cost = float(small.cost(present).sum())
        choice = self._solved(small, present, effort, held, last, time_limit_s)
        if choice.saved_cny_per_year > 0.0:
            found = choice.columns
            self.chosen = joined([replace(found, arc=arc[found.arc]), others])
            self.drawn = self.packing.pools.draw[self.chosen.arc].sum(axis=0)
        self._follow(held)
        return choice

    def _opened_up(self, mine: Columns, others: Columns) -> tuple[Packing, Int]:
        """The packing of a region at the present worth of the pools, and its arcs as rows of the whole."""
        packing, tier = self.packing, self.packing.tier
        part_free = np.ones(packing.parts, dtype=bool)
        part_free[tier.part[others.arc]] = False
        unserved = part_free.copy()
        unserved[tier.part[mine.arc]] = False
        around = self._sites_of(part_free & ~unserved)
        touched = part_free & ~unserved
        touched[tier.part[around[tier.site]]] = True
        site_free = self._sites_of(touched & part_free)
        site_free[mine.site] = True
        site_free[others.site] = False
        small, arc = part_of_packing(packing, part_free, site_free, others)
        return replace(small, arc_cost=small.arc_cost + small.pools.draw @ self.prices.pool), arc

    def _sites_of(self, part: Bool) -> Bool:
        """The sites that some parts [n] can walk to, [J]."""
        tier = self.packing.tier
        return np.bincount(tier.site[part[tier.part]], minlength=tier.site_count) > 0

    def _solved(self, small: Packing, present: Columns, effort: ChoiceEffort, held: bool, last: bool,
                time_limit_s: float) -> Choice:
        """The best choice found that overdraws no pool beyond what is allowed."""
        own = np.zeros(small.parts, dtype=bool)
        own[small.tier.part] = True
        pools = small.pools
        drawn = pools.draw[present.arc].sum(axis=0)
        most = np.maximum(pools.limit + (0.0 if held else OVERDRAWN_SHARE) * self.packing.pools.limit, drawn)
        free = replace(small, pools=Pools(np.zeros((len(pools.draw), 0)), np.empty(0)))
        start = Prices(np.where(own, self.prices.part, 0.0), np.empty(0), self.prices.rule)
        prices, bound = raised(free, start, STEPS, AIM_SHARE * abs(self.present_cost) + 1.0)
        self.prices = Prices(np.where(own, prices.part, self.prices.part), self.prices.pool, prices.rule)
        columns = worth_trying(free, present, prices, bound, effort, self._token)
        if last or (held and self.overdrawn()):
            fewer = replace(effort, nodes=NODES_WITH_LIMITS)
            worth = FINE_SHARE * np.maximum(self.prices.pool, LEAST_WORTH_SHARE * self._fine)
            return better_choice(small, present, columns, fewer, held=True, fine=self._fine if last else worth,
                                 time_limit_s=time_limit_s)
        charge, choice = np.zeros(len(most)), Choice(present, 0.0, 0.0, False)
        for _ in range(TRIES):
            dear = replace(small, arc_cost=small.arc_cost + pools.draw @ charge)
            choice = better_choice(dear, present, columns, effort, held=False, fine=self._fine,
                                   time_limit_s=time_limit_s)
            over = pools.draw[choice.columns.arc].sum(axis=0) > most * (1.0 + 1e-12)
            if not over.any():
                return choice
            charge = charge + np.where(over, DEARER * np.maximum(self.prices.pool, LEAST_WORTH_SHARE * self._fine), 0.0)
        return Choice(present, 0.0, 0.0, choice.hit_time_limit)

    def _follow(self, held: bool) -> None:
        """The worth of pools moved towards what just fills them."""
        limit = np.maximum(self.packing.pools.limit, 1e-12)
        beyond = self.drawn / limit - 1.0 + SPARED_SHARE
        most = np.where(beyond > SPARED_SHARE, MOST_OVERDRAWN, MOST)
        factor = np.exp(np.clip(FEEDBACK * (4.0 if held else 1.0) * beyond, -most, most))
        least = np.where(beyond > SPARED_SHARE, LEAST_WORTH_SHARE * self._fine, 0.0)
        self.prices = replace(self.prices, pool=np.maximum(self.prices.pool * factor, least))

    def _region(self, count: int) -> Int:
        """Open sites that are fewest steps over shared parts away from one that was in fewest regions so far."""
        visits = self._visits[self.chosen.site]
        fewest = self.chosen.site[visits == visits.min()]
        edge = fewest[self._random.integers(len(fewest))][None]
        is_open, seen = np.zeros((2, len(self._visits)), dtype=bool)
        is_open[self.chosen.site] = True
        seen[edge] = True
        found = [edge]
        while len(edge) and sum(len(f) for f in found) < count:
            starts, stops = self._near.indptr[edge], self._near.indptr[edge + 1]
            edge = np.unique(np.concatenate([self._near.indices[a:b] for a, b in zip(starts, stops, strict=True)]))
            edge = edge[~seen[edge]]
            seen[edge] = True
            found.append(edge[is_open[edge]])
        region = np.concatenate(found)[:count].astype(np.int64)
        self._visits[region] += 1.0
        return region
