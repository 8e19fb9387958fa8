"""Improving the first tier by ruin and recreate: close a few neighbours, serve their parts again, keep what pays.

Recreation opens the sites of least reduced cost at the bound's part prices, with a little noise (after Schrimpf et al.
2000, Journal of Computational Physics 159); worse answers are accepted with falling probability. Neighbourhoods come
from shared walking arcs, so no coordinates are needed. The work is counted in iterations; same seed, same answer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from optimizer.first_tier import FirstTier
from optimizer.first_tier_plan import FirstTierPlan
from optimizer.pools import Pools
from optimizer.solvers.options import Options, site_options

Float = NDArray[np.float64]
Int = NDArray[np.int64]
Bool = NDArray[np.bool_]

RUIN_LEAST, RUIN_MOST = 3, 10
NEIGHBOURS = 40
FILL_ROUNDS = 30
"""Parts tried per site when it is filled in order of gain."""
FIRST_HEAT_SHARE, LAST_HEAT_SHARE = 0.015, 0.001
"""Acceptance temperature as a share of the median opening cost: cool, to stay close to the start."""
LAST_RESORT_SHARE = 0.05
"""A site is opened against the part prices up to this share of its cost."""


class Recreation:
    """State of the search: loads, costs and the indices that make one iteration local."""

    def __init__(self, tier: FirstTier, arc_cost: Float, guide: Float, pools: Pools, start: FirstTierPlan) -> None:
        """`arc_cost` [E] true yearly cost of each arc, `guide` [n] price of serving each part (>= 0)."""
        self.tier, self.cost, self.guide, self.pools = tier, arc_cost, guide, pools
        self.options: Options = site_options(tier)
        count = tier.site_count
        by_part = np.argsort(tier.part, kind="stable")
        self._part_arcs = by_part
        self._part_first = np.searchsorted(tier.part[by_part], np.arange(len(guide) + 1))
        self.site, self.size = start.site_of_part.copy(), start.size_of_site.copy()
        self.arc = np.full(len(guide), -1, dtype=np.int64)
        for part in np.flatnonzero(self.site >= 0):
            arcs = self._arcs_of(int(part))
            self.arc[part] = arcs[np.flatnonzero(tier.site[arcs] == self.site[part])[0]]
        self.load = np.zeros((count, tier.use.shape[1]))
        served = self.arc[self.arc >= 0]
        np.add.at(self.load, tier.site[served], tier.use[served])
        self.drawn = pools.draw[served].sum(axis=0)
        self._near = _near_sites(tier)
        self._seeds = np.flatnonzero(np.diff(tier.first) > 0)

    def _arcs_of(self, part: int) -> Int:
        return self._part_arcs[self._part_first[part]:self._part_first[part + 1]]

    def total(self) -> float:
        """Cost of the present plan, CNY per year."""
        opened = np.flatnonzero(self.size >= 0)
        return float(self.cost[self.arc[self.arc >= 0]].sum() + self._fixed(opened, self.size[opened]).sum())

    def _fixed(self, site: Int, size: Int) -> Float:
        return self.tier.open_cny_per_year[site, size] - self.tier.closed_cny_per_year[site]

    def step(self, random: np.random.Generator, heat: float) -> float:
        """One ruin and recreate; the change in cost if it was accepted, else 0."""
        near = self._near[self._seeds[random.integers(len(self._seeds))]]
        near = near[near >= 0]
        ruined = near[self.size[near] >= 0][: random.integers(RUIN_LEAST, RUIN_MOST + 1)]
        around = ruined if len(ruined) else near[:RUIN_LEAST]
        inside = np.zeros(len(self.site), dtype=bool)
        for site in around:
            inside[self.tier.part[self.tier.first[site]:self.tier.first[site + 1]]] = True
        inside &= self.site < 0
        inside[np.isin(self.site, ruined)] = True
        parts = np.flatnonzero(inside)
        if len(parts) == 0:
            return 0.0
        old_arcs = self.arc[parts]
        before = float(self.cost[old_arcs[old_arcs >= 0]].sum() + self._fixed(ruined, self.size[ruined]).sum())
        found = self._recreate(parts, ruined, random)
        left = self.drawn - self.pools.draw[old_arcs[old_arcs >= 0]].sum(axis=0)
        after = float(self.cost[found.arc[found.arc >= 0]].sum() + self._fixed(found.site, found.size).sum())
        drawn = left + self.pools.draw[found.arc[found.arc >= 0]].sum(axis=0)
        if (drawn > np.maximum(self.pools.limit, self.drawn) * (1 + 1e-12)).any():
            return 0.0
        if after >= before and random.random() >= np.exp(-(after - before) / heat):
            return 0.0
        self._apply(parts, ruined, found, drawn)
        return after - before

    def _apply(self, parts: Int, ruined: Int, found: _Recreated, drawn: Float) -> None:
        old = self.arc[parts]
        np.subtract.at(self.load, self.tier.site[old[old >= 0]], self.tier.use[old[old >= 0]])
        self.size[ruined] = -1
        self.arc[parts] = found.arc
        self.site[parts] = np.where(found.arc >= 0, self.tier.site[found.arc], -1)
        new = found.arc[found.arc >= 0]
        np.add.at(self.load, self.tier.site[new], self.tier.use[new])
        self.size[found.site] = found.size
        self.drawn = drawn

    def _recreate(self, parts: Int, ruined: Int, random: np.random.Generator) -> _Recreated:
        starts = self._part_first[parts]
        counts = self._part_first[parts + 1] - starts
        row = np.repeat(np.arange(len(parts)), counts)
        arcs = self._part_arcs[np.repeat(starts - (np.cumsum(counts) - counts), counts) + np.arange(len(row))]
        sites = np.unique(self.tier.site[arcs])
        size = np.where(np.isin(sites, ruined), -1, self.size[sites])
        closed = sites[size < 0]
        chosen = self.options.of_sites(closed)
        stay, stay_size = sites[size >= 0], size[size >= 0]
        if not len(chosen) and not len(stay):
            nothing = np.empty(0, dtype=np.int64)
            return _Recreated(np.full(len(parts), -1, dtype=np.int64), nothing, nothing)
        option_site = np.concatenate([self.options.site[chosen], stay])
        option_size = np.concatenate([self.options.size[chosen], stay_size])
        fixed = np.concatenate([self.options.fixed_cny_per_year[chosen], np.zeros(len(stay))])
        measures = self.options.measures
        room = np.concatenate([self.tier.capacity[option_size[: len(chosen)]][:, measures],
                               (self.tier.capacity[stay_size] - self.load[stay])[:, measures]])
        at = np.full((len(parts), len(sites)), -1, dtype=np.int64)
        at[row, np.searchsorted(sites, self.tier.site[arcs])] = arcs
        column = np.searchsorted(sites, option_site)
        arc = at[:, column]
        value = np.where(arc >= 0, self.cost[arc], np.inf)
        use = np.where((arc >= 0)[:, :, None], self.tier.use[arc][:, :, measures], np.inf)
        return _Fill(parts, self.guide[parts], option_site, option_size, len(chosen), fixed, room, arc, value,
                     use, self._least_brought(arc, option_size, len(chosen))).run(random)

    def _least_brought(self, arc: Int, size: Int, closed: int) -> tuple[Float, Float] | None:
        """What parts would bring to options and what closed ones need to open, t/day; None without minimums."""
        if not self.tier.least_t_per_day.any():
            return None
        least = np.where(np.arange(len(size)) < closed, self.tier.least_t_per_day[size], 0.0)
        return np.where(arc >= 0, self.tier.use[arc][:, :, 1], 0.0), least


@dataclass(frozen=True)
class _Recreated:
    arc: Int
    site: Int
    size: Int


class _Fill:
    """Serving a set of parts: open the option of least reduced cost, then squeeze in and open what is left."""

    def __init__(self, parts: Int, guide: Float, site: Int, size: Int, closed: int, fixed: Float, room: Float, arc: Int,
                 value: Float, use: Float, least: tuple[Float, Float] | None) -> None:
        self.parts, self.guide, self.site, self.size, self.closed = parts, guide, site, size, closed
        self.fixed, self.room, self.arc, self.value, self.use = fixed.copy(), room.copy(), arc, value, use
        self.waiting = np.ones(len(parts), dtype=bool)
        self.option = np.full(len(parts), -1, dtype=np.int64)
        self.opened = np.zeros(len(site), dtype=bool)
        self.barred = np.zeros(len(site), dtype=bool)
        self.least = least

    def run(self, random: np.random.Generator) -> _Recreated:
        noise = random.uniform(0.97, 1.03, size=len(self.parts))
        reduced = self.value + (self.guide * noise)[:, None]
        weight = self.use[:, :, 0] if self.use.shape[2] else np.ones_like(self.value)
        order = np.argsort(reduced / np.maximum(np.where(np.isfinite(weight), weight, 1.0), 1e-9), axis=0)
        scale = float(np.median(self.fixed[: self.closed])) if self.closed else 1.0
        while self.waiting.any():
            worth, take = self._fill(reduced, order)
            worth = worth + random.exponential(0.008 * scale, len(worth))
            best = int(np.argmin(worth))
            if not np.isfinite(worth[best]) or worth[best] >= LAST_RESORT_SHARE * scale:
                break
            self._give(np.flatnonzero(take[:, best]), best)
        self._squeeze()
        while self.waiting.any() and self.closed:
            truly = np.argsort(self.value, axis=0)
            worth, take = self._fill(self.value, truly)
            best = int(np.argmin(worth))
            if not np.isfinite(worth[best]) or worth[best] >= 0.0:
                break
            self._give(np.flatnonzero(take[:, best]), best)
        served = self.option >= 0
        arcs = np.full(len(self.parts), -1, dtype=np.int64)
        arcs[served] = self.arc[np.flatnonzero(served), self.option[served]]
        new = np.flatnonzero(self.opened[: self.closed])
        return _Recreated(arcs, self.site[new], self.size[new])

    def _fill(self, value: Float, order: Int) -> tuple[Float, Bool]:
        """Every option filled greedily with waiting parts: its worth and the parts it takes."""
        columns = np.arange(len(self.site))
        left, worth = self.room.copy(), self.fixed.copy()
        take = np.zeros(value.shape, dtype=bool)
        for rank in range(min(len(self.parts), FILL_ROUNDS)):
            part = order[rank]
            gain, need = value[part, columns], self.use[part, columns]
            fits = self.waiting[part] & (gain < 0.0) & (need <= left + 1e-10).all(axis=1)
            left = left - np.where(fits[:, None], need, 0.0)
            worth = worth + np.where(fits, gain, 0.0)
            take[part[fits], columns[fits]] = True
        worth[~take.any(axis=0) | self.barred] = np.inf
        if self.least is not None:
            worth[((take * self.least[0]).sum(axis=0) < self.least[1]) & ~self.opened] = np.inf
        return worth, take

    def _give(self, rows: Int, option: int) -> None:
        self.option[rows], self.waiting[rows] = option, False
        self.room[option] -= self.use[rows, option].sum(axis=0)
        self.fixed[option], self.opened[option] = 0.0, True
        twins = np.flatnonzero(self.site == self.site[option])
        self.barred[twins[twins != option]] = True

    def _squeeze(self) -> None:
        """Waiting parts into open sites with room, the largest first."""
        is_open = self.opened | (np.arange(len(self.site)) >= self.closed)
        waiting = np.flatnonzero(self.waiting)
        size = self.use[waiting][:, :, 0].min(axis=1) if self.use.shape[2] else np.zeros(len(waiting))
        for row in waiting[np.argsort(-size, kind="stable")]:
            fits = is_open & np.isfinite(self.value[row]) & (self.use[row] <= self.room + 1e-10).all(axis=1)
            if fits.any():
                best = int(np.argmin(np.where(fits, self.value[row], np.inf)))
                if self.value[row, best] < 0.0:
                    self._give(np.array([row]), best)


def _near_sites(tier: FirstTier) -> Int:
    """The sites that share most parts with each site, itself first, [J, NEIGHBOURS], -1 where there are fewer."""
    count = tier.site_count
    parts = int(tier.part.max()) + 1 if len(tier.part) else 1
    member = csr_array((np.ones(len(tier.arc)), (tier.site, tier.part)), shape=(count, parts))
    shared = csr_array(member @ member.T)
    near = np.full((count, NEIGHBOURS), -1, dtype=np.int64)
    for site in range(count):
        columns = shared.indices[shared.indptr[site]:shared.indptr[site + 1]]
        weight = shared.data[shared.indptr[site]:shared.indptr[site + 1]]
        order = columns[np.lexsort((columns, -weight, columns != site))][:NEIGHBOURS]
        near[site, : len(order)] = order
    return near


def improve(tier: FirstTier, arc_cost: Float, guide: Float, pools: Pools, start: FirstTierPlan, *, iterations: int,
            seed: int, on_step: Callable[[int, float], bool] | None = None) -> FirstTierPlan:
    """The start or a better first tier close to it; `on_step` gets step and best cost and may end the search."""
    search = Recreation(tier, arc_cost, guide, pools, start)
    random = np.random.default_rng(seed)
    finite = tier.open_cny_per_year[np.isfinite(tier.open_cny_per_year)]
    scale = float(np.median(finite)) if len(finite) else 1.0
    total = best = search.total()
    kept = (search.site.copy(), search.size.copy())
    for step in range(iterations):
        share = step / max(iterations - 1, 1)
        heat = scale * FIRST_HEAT_SHARE * (LAST_HEAT_SHARE / FIRST_HEAT_SHARE) ** share
        total += search.step(random, heat)
        if total < best - 1e-6 * scale:
            best, kept = total, (search.site.copy(), search.size.copy())
        if on_step is not None and step % 100 == 0 and on_step(step, best):
            break
    return FirstTierPlan(*kept)
