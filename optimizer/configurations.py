"""Every mix of sizes an upper tier could have, and how much captured material each mix can take in.

The few large sites of the upper tiers are what a linear relaxation gets most wrong, so the bound tries each mix.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from optimizer.objectives import Coefficients
from optimizer.problem import Problem, with_allowance

Float = NDArray[np.float64]
Int = NDArray[np.int64]
Bool = NDArray[np.bool_]

MOST = 200_000


@dataclass(frozen=True)
class TierSites:
    """What the mixes are made of: new sites per size with their least cost, on top of sites that must stay."""

    cost_cny_per_year: Float
    """Least extra cost of n more sites of a size, [N + 1, K]: the n cheapest; inf beyond `most`."""
    most: Int
    """Sites that could take the size, [K]."""
    capacity_t_per_day: Float
    accepts: Bool
    """[K, M]."""
    kept: Bool
    """Sizes allowed on each site that must stay, [S, K]."""
    base_cny_per_year: float
    """Cost of what must stay and of closing everything that may close."""

    @property
    def first_cny_per_year(self) -> Float:
        """Least extra cost of one site of each size, inf where there is none, [K]."""
        return self.cost_cny_per_year[1] if len(self.cost_cny_per_year) > 1 else np.full(len(self.most), np.inf)


def last_tier(problem: Problem, coefficients: Coefficients) -> TierSites:
    """The ingredients of the mixes of sizes of the last tier; prices of side rules are in the coefficients."""
    return tier_sites(problem, coefficients, len(problem.sites) - 1)


def tier_sites(problem: Problem, coefficients: Coefficients, level: int) -> TierSites:
    """The ingredients of the mixes of sizes of a tier; prices of side rules are in the coefficients."""
    sites = problem.sites[level]
    opened, closed = coefficients.open_cny_per_year[level], coefficients.closed_cny_per_year[level]
    keep = sites.must_open
    free = sites.allowed & ~keep[:, None]
    extra = np.sort(np.where(free, opened - closed[:, None], np.inf), axis=0)
    least = np.cumsum(np.concatenate([np.zeros((1, extra.shape[1])), extra]), axis=0)
    staying = np.where(sites.allowed, opened, np.inf)[keep].min(axis=1)
    base = float(closed[~keep].sum() + staying.sum())
    return TierSites(least, free.sum(axis=0), with_allowance(problem.capacity_t_per_day(level)), problem.accepts(level),
                    sites.allowed[keep], base)


def mixes(tier: TierSites, cheaper_than: float) -> Int | None:
    """Every mix of extra sites whose cost lies below a limit, [N, K]; None when there are more than MOST.

    A size is first counted at the number of sites at which it is cheapest (open sites may be cheaper than closed ones,
    or earn the price of a rule), so that no mix is missed. The empty mix is always listed.
    """
    cost = tier.cost_cny_per_year
    least = cost.min(axis=0)
    above = np.where(np.isfinite(cost), cost - least, np.inf)
    left = cheaper_than - float(least.sum())
    nothing = np.zeros((1, cost.shape[1]), dtype=np.int64)
    rows, spent = nothing, np.zeros(1)
    for size in np.flatnonzero(tier.most > 0):
        grown, totals = [], []
        for count in range(int(tier.most[size]) + 1):
            total = spent + above[count, size]
            kept = total < left
            if kept.any():
                frontier = rows[kept].copy()
                frontier[:, size] = count
                grown.append(frontier)
                totals.append(total[kept])
                if sum(map(len, grown)) > MOST:
                    return None
            elif count > int(np.argmin(above[:, size])):
                break
        if not grown:
            return nothing
        rows, spent = np.concatenate(grown), np.concatenate(totals)
    rows = rows[spent < left]
    return np.concatenate([nothing, rows[rows.any(axis=1)]])


def mix_cost_cny_per_year(tier: TierSites, rows: Int) -> Float:
    """Least cost of each mix, [N], with what must stay."""
    extra = tier.cost_cny_per_year[rows, np.arange(rows.shape[1])].sum(axis=1)
    return np.asarray(tier.base_cny_per_year + extra, dtype=np.float64)


def most_worth(tier: TierSites, rows: Int, price: Float, most_t_per_day: Float) -> Float:
    """At least the greatest sum of price x tonnes that each mix can take in, [N].

    price [M] >= 0 per t/day, most_t_per_day [M] what could ever arrive. With materials in falling order of price the
    sum telescopes over the sets S_1 < S_2 < ... of the dearest materials; each set takes in at most its supply and at
    most the capacity of the sites that accept one of its materials.
    """
    order = np.argsort(-price, kind="stable")
    falling = np.append(price[order], 0.0)
    worth = np.zeros(len(rows))
    for rank in range(len(order)):
        inside = order[: rank + 1]
        room = np.minimum(room_t_per_day(tier, rows, inside), most_t_per_day[inside].sum())
        worth += (falling[rank] - falling[rank + 1]) * room
    return worth


def room_t_per_day(tier: TierSites, rows: Int, materials: Int) -> Float:
    """Capacity of the sites of each mix, and of those that stay, that accept one of some materials, [N]."""
    useful = np.asarray(tier.accepts[:, materials].any(axis=1), dtype=bool)
    staying = np.where(tier.kept & useful[None, :], tier.capacity_t_per_day[None, :], 0.0)
    own = rows[:, useful] @ tier.capacity_t_per_day[useful]
    return np.asarray(own + float(staying.max(axis=1, initial=0.0).sum()), dtype=np.float64)


def possible(problem: Problem, rows: Int) -> Bool:
    """Mixes [N, K] that can be part of a plan that keeps the side rules, judged one rule at a time, [N].

    What a mix takes of a rule at least: the sites of each size that take least, and what no plan can do without.
    """
    rules, level = problem.rows, len(problem.sites) - 1
    out = np.ones(len(rows), dtype=bool)
    if not len(rules) or not len(rows):
        return out
    sites, entries, most = problem.sites[level], rules.tiers[level], rows.max(axis=0)
    count, sizes = sites.allowed.shape
    fixed = sum((_least_taken(problem, tier) for tier in range(level)), np.zeros(len(rules)))
    for number in np.unique(entries.row).tolist():
        own = entries.row == number
        amount = np.bincount(entries.option[own], weights=entries.amount[own], minlength=count * sizes)
        amount = np.where(sites.allowed, amount.reshape(count, sizes), np.inf)
        staying = amount[sites.must_open].min(axis=1)
        free = np.sort(amount[~sites.must_open], axis=0)
        least = np.cumsum(np.concatenate([np.zeros((1, sizes)), free]), axis=0)
        room = rules.most[number] - fixed[number] - float(staying[np.isfinite(staying)].sum())
        taken = least[np.minimum(most, len(least) - 1), np.arange(sizes)]
        if taken.sum() > room or (least < 0.0).any():
            out &= least[rows, np.arange(sizes)].sum(axis=1) <= room
    return out


def _least_taken(problem: Problem, tier: int) -> Float:
    """The least signed value that a tier's sites can give each rule, [R]."""
    entries, sites = problem.rows.tiers[tier], problem.sites[tier]
    out = np.zeros(len(problem.rows))
    if not len(entries.row):
        return out
    count, sizes = sites.allowed.shape
    for number in np.unique(entries.row).tolist():
        own = entries.row == number
        amount = np.bincount(entries.option[own], weights=entries.amount[own], minlength=count * sizes)
        amount = np.where(sites.allowed, amount.reshape(count, sizes), np.inf).min(axis=1)
        amount = np.where(sites.must_open, amount, np.minimum(amount, 0.0))
        out[number] = amount[np.isfinite(amount)].sum()
    return out
