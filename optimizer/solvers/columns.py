"""Columns of the first tier: a site, its size and the set of parts that use it; choosing among them is a packing."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from optimizer.first_tier import FirstTier
from optimizer.first_tier_plan import FirstTierPlan
from optimizer.first_tier_rules import FirstTierRules
from optimizer.pools import Pools
from optimizer.solvers.column_kernel import list_columns
from optimizer.solvers.first_tier_kernel import UNLIMITED, BestSets, best_sets

Float = NDArray[np.float64]
Int = NDArray[np.int64]
Bool = NDArray[np.bool_]

TWINS = 2
"""Sites at which the same set of parts is considered."""
ODD = np.uint64(0x9E3779B97F4A7C15)
"""Spreads small numbers over 64 bits (Knuth's golden ratio)."""


@dataclass(frozen=True)
class Columns:
    """Columns as arrays, C of them; `arc` holds rows of FirstTier, those of column c from first[c] to first[c + 1]."""

    site: Int
    size: Int
    first: Int
    arc: Int

    def __len__(self) -> int:
        """Number of columns."""
        return len(self.site)

    @property
    def owner(self) -> Int:
        """The column of each entry of `arc`."""
        return np.repeat(np.arange(len(self)), np.diff(self.first))

    def total(self, of_arc: Float) -> Float:
        """The sum over its arcs of each column, [C] for values [E] or [C, X] for [E, X]."""
        summed = np.zeros((len(self.arc) + 1, *of_arc.shape[1:]))
        np.cumsum(of_arc[self.arc], axis=0, out=summed[1:])
        return np.asarray(summed[self.first[1:]] - summed[self.first[:-1]])

    def where(self, kept: Bool) -> Columns:
        """Some of the columns, `kept` [C]."""
        count = np.diff(self.first)
        return Columns(self.site[kept], self.size[kept], np.concatenate([[0], np.cumsum(count[kept])]),
                       self.arc[np.repeat(kept, count)])


def joined(lists: list[Columns], token: NDArray[np.uint64] | None = None) -> Columns:
    """All columns of several lists; with `token` [E], a random number for every arc's part, each only once."""
    count = np.concatenate([np.diff(c.first) for c in lists])
    every = Columns(np.concatenate([c.site for c in lists]), np.concatenate([c.size for c in lists]),
                    np.concatenate([[0], np.cumsum(count)]), np.concatenate([c.arc for c in lists]))
    if token is None:
        return every
    option = (every.site * 64 + every.size).astype(np.uint64)
    _, at = np.unique(_mark(every, token) + option * ODD, return_index=True)
    kept = np.zeros(len(every), dtype=bool)
    kept[at] = True
    return every.where(kept)


def _mark(columns: Columns, token: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """A number for the set of each column, [C]; equal sets have equal ones."""
    summed = np.zeros(len(columns.arc) + 1, dtype=np.uint64)
    np.cumsum(token[columns.arc], out=summed[1:])
    return np.asarray(summed[columns.first[1:]] - summed[columns.first[:-1]])


def least_of_each_set(columns: Columns, value: Float, token: NDArray[np.uint64], most: int) -> Bool:
    """Which columns are among the `most` of least value and the TWINS of least value that serve the same parts, [C].

    Neighbouring sites serve the same sets at nearly the same cost, and a plan needs one of them. `token` [E] are random
    numbers that are the same for all arcs of a part.
    """
    mark = _mark(columns, token)
    order = np.lexsort((value, mark))
    begin = np.flatnonzero(np.diff(mark[order], prepend=mark[order[:1]] + np.uint64(1)) != 0)
    rank = np.arange(len(order)) - np.repeat(begin, np.diff(np.append(begin, len(order))))
    order = order[rank < TWINS]
    kept = np.zeros(len(columns), dtype=bool)
    kept[order[np.argsort(value[order], kind="stable")[:most]]] = True
    return kept


@dataclass(frozen=True)
class Prices:
    """What parts, pools and side rules cost a column, CNY per year per unit, all >= 0."""

    part: Float
    pool: Float
    rule: Float


@dataclass(frozen=True)
class Packing:
    """Choose columns, one per site and part at most, within pools and side rules, at the least cost."""

    tier: FirstTier
    arc_cost: Float
    pools: Pools
    rules: FirstTierRules | None
    parts: int

    @property
    def fixed(self) -> Float:
        """Cost of opening less that of staying closed, [J, K], inf where the size is not allowed."""
        return np.asarray(self.tier.open_cny_per_year - self.tier.closed_cny_per_year[:, None])

    @property
    def rule_count(self) -> int:
        """Number of side rules."""
        return 0 if self.rules is None else len(self.rules.most)

    def cost(self, columns: Columns) -> Float:
        """CNY per year of each column, [C]."""
        return np.asarray(self.fixed[columns.site, columns.size] + columns.total(self.arc_cost))

    def arc_value(self, prices: Prices) -> Float:
        """Reduced cost of each arc, [E]."""
        return np.asarray(self.arc_cost + prices.part[self.tier.part] + self.pools.draw @ prices.pool)

    def option_value(self, prices: Prices) -> Float:
        """Reduced cost of each opening, [J, K]."""
        fixed = self.fixed
        if self.rules is None or not prices.rule.any():
            return fixed
        option = np.repeat(np.arange(len(self.rules.first) - 1), np.diff(self.rules.first))
        paid = np.bincount(option, weights=self.rules.amount * prices.rule[self.rules.row], minlength=fixed.size)
        return np.asarray(fixed + paid.reshape(fixed.shape))

    def reduced_cost(self, columns: Columns, prices: Prices) -> Float:
        """Of each column, [C]."""
        return np.asarray(self.option_value(prices)[columns.site, columns.size]
                          + columns.total(self.arc_value(prices)))

    def due(self, prices: Prices) -> float:
        """What the limits cost at the prices, to be taken off the sum of reduced costs."""
        rules = 0.0 if self.rules is None else float(prices.rule @ self.rules.most)
        return float(prices.part.sum() + prices.pool @ self.pools.limit + rules)


def best_columns(packing: Packing, prices: Prices, below: float = 0.0) -> tuple[Columns, float]:
    """The best column of every site where its reduced cost is below a limit, and the bound that the prices prove."""
    tier = packing.tier
    sets = best_sets(tier, packing.arc_value(prices), packing.option_value(prices))
    bound = float(np.minimum(sets.cost_cny_per_year, 0.0).sum()) - packing.due(prices)
    return _of_sets(tier, sets, sets.cost_cny_per_year < below), bound


def _of_sets(tier: FirstTier, sets: BestSets, chosen: Bool) -> Columns:
    arc = np.flatnonzero(sets.taken & chosen[tier.site])
    count = np.bincount(tier.site[arc], minlength=tier.site_count)
    load = np.bincount(tier.site[arc], weights=tier.use[arc, 1], minlength=tier.site_count)
    found = (count > 0) & (load >= tier.least_t_per_day[sets.size])
    arc = arc[found[tier.site[arc]]]
    site = np.flatnonzero(found)
    return Columns(site, sets.size[site], np.concatenate([[0], np.cumsum(count[site])]), arc)


def columns_below(packing: Packing, prices: Prices, cutoff: float, per_option: int, most: int) -> Columns | None:
    """All columns of reduced cost below the cutoff, at most per_option of a site and size; None if over `most`."""
    tier = packing.tier
    site, size = np.empty(most, dtype=np.int64), np.empty(most, dtype=np.int64)
    start = np.zeros(most + 1, dtype=np.int64)
    arc = np.empty(16 * most + int(np.diff(tier.first).max(initial=0)), dtype=np.int64)
    capacity = np.where(np.isfinite(tier.capacity), tier.capacity, UNLIMITED)
    count = list_columns(tier.first, packing.arc_value(prices), packing.option_value(prices), tier.use, capacity,
                         tier.least_t_per_day, cutoff, per_option, site, size, start, arc)
    if count < 0:
        return None
    return Columns(site[:count], size[:count], start[:count + 1], arc[:start[count]])


def idle_columns(packing: Packing) -> Columns:
    """Columns without parts, of the openings that a side rule asks for, at sites that have arcs."""
    none = np.empty(0, dtype=np.int64)
    if packing.rules is None:
        return Columns(none, none, np.zeros(1, dtype=np.int64), none)
    fixed = packing.fixed
    option = np.repeat(np.arange(fixed.size), np.diff(packing.rules.first))
    wanted = np.unique(option[packing.rules.amount < 0.0])
    site, size = np.divmod(wanted, fixed.shape[1])
    usable = (np.diff(packing.tier.first)[site] > 0) & np.isfinite(fixed[site, size])
    usable &= packing.tier.least_t_per_day[size] <= 0.0
    return Columns(site[usable], size[usable], np.zeros(int(usable.sum()) + 1, dtype=np.int64), none)


def columns_of_plan(tier: FirstTier, plan: FirstTierPlan) -> Columns:
    """The columns of a plan, one per open site, without arcs where nobody uses it."""
    arc = np.flatnonzero(plan.site_of_part[tier.part] == tier.site)
    site = np.flatnonzero(plan.size_of_site >= 0)
    first = np.searchsorted(tier.site[arc], site)
    return Columns(site, plan.size_of_site[site], np.append(first, len(arc)), arc)


def plan_of_columns(tier: FirstTier, columns: Columns, parts: int) -> FirstTierPlan:
    """The plan that some columns make up, one per site and part at most."""
    site_of_part = np.full(parts, -1, dtype=np.int64)
    site_of_part[tier.part[columns.arc]] = tier.site[columns.arc]
    size = np.full(tier.site_count, -1, dtype=np.int64)
    size[columns.site] = columns.size
    return FirstTierPlan(site_of_part, size)


def part_of_packing(packing: Packing, part_free: Bool, site_free: Bool, kept: Columns) -> tuple[Packing, Int]:
    """The packing of some parts [n] and sites [J] beside columns that are kept; also its arcs as rows of the whole.

    Parts and sites keep their numbers, arcs do not.
    """
    tier = packing.tier
    arc = np.flatnonzero(part_free[tier.part] & site_free[tier.site])
    small = replace(tier, arc=tier.arc[arc], part=tier.part[arc], site=tier.site[arc], use=tier.use[arc], families=(),
                    first=np.searchsorted(tier.site[arc], np.arange(tier.site_count + 1)))
    pools = Pools(packing.pools.draw[arc], packing.pools.limit - packing.pools.draw[kept.arc].sum(axis=0))
    rules = packing.rules
    if rules is not None:
        rules = replace(rules, most=rules.most - rules.taken(kept.site, kept.size))
    return Packing(small, packing.arc_cost[arc], pools, rules, packing.parts), arc
