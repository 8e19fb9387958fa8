"""The first tier as a linear programme at given arc prices: a start for the multipliers and for the search."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from optimizer.first_tier import FirstTier
from optimizer.pools import Pools
from optimizer.row_limits import RowLimits
from optimizer.solvers.linear import LinearModel, RowBuilder, solve
from optimizer.solvers.options import site_options

Float = NDArray[np.float64]


@dataclass(frozen=True)
class Relaxed:
    """A fractional first tier: share of each arc (FirstTier order), how far each site is open, price of each part."""

    arc_share: Float
    open_share: Float
    part_price: Float
    """CNY per year, >= 0, [n]."""
    pool_price: Float
    """CNY per year per unit of each pool, >= 0, [R]."""
    row_price: Float
    """CNY per year per unit of each side rule of `rules`, >= 0, [Q]."""


def relax(tier: FirstTier, arc_value: Float, parts: int, pools: Pools | None = None, *,
          within: NDArray[np.bool_] | None = None, rules: RowLimits | None = None,
          time_limit_s: float = 60.0) -> Relaxed | None:
    """The optimum of the linear relaxation with the links x <= y of every arc; None when time ran out.

    Each site is represented by its cheapest size; `within` [E] leaves the other arcs out. The programme only has to be
    a good start, the bound is computed elsewhere.
    """
    kept = np.arange(len(tier.arc)) if within is None else np.flatnonzero(within)
    count, arcs, every = tier.site_count, len(kept), np.arange(tier.site_count)
    part, site, own = tier.part[kept], tier.site[kept], np.arange(len(kept))
    size = np.argmin(tier.open_cny_per_year, axis=1)
    price = tier.open_cny_per_year[every, size]
    rows = RowBuilder()
    at_most_once = rows.block(parts, upper=1.0)
    rows.put(at_most_once + part, own, 1.0)
    link = rows.block(arcs, upper=0.0)
    rows.put(link + own, own, 1.0)
    rows.put(link + own, arcs + site, -1.0)
    for measure in site_options(tier).measures:
        room = rows.block(count, upper=0.0)
        rows.put(room + site, own, tier.use[kept, measure] / tier.capacity[size, measure][site])
        rows.put(room + every, arcs + every, -1.0)
    shared = rows.block(0 if pools is None else len(pools.limit), upper=np.empty(0) if pools is None else pools.limit)
    if pools is not None:
        row, pool = np.nonzero(pools.draw[kept])
        rows.put(shared + pool, row, pools.draw[kept[row], pool])
    ruled = _rule_rows(rows, rules, kept, arcs, count)
    usable = np.isfinite(price).astype(np.float64)
    cost = np.concatenate([arc_value[kept], np.where(usable > 0.0, price - tier.closed_cny_per_year, 0.0)])
    lower = np.concatenate([np.zeros(arcs), np.where(tier.must_open, usable, 0.0)])
    upper = np.concatenate([np.ones(arcs), usable])
    if rules is not None:  # the last columns let a rule be broken at a price
        cost = np.concatenate([cost, rules.breach_cny_per_year])
        lower, upper = np.append(lower, np.zeros(len(rules))), np.append(upper, np.full(len(rules), np.inf))
    answer = solve(LinearModel(cost, lower, upper, np.zeros(len(cost), dtype=bool), rows.rows()),
                   time_limit_s=time_limit_s)
    if answer.x is None or answer.dual is None:
        return None
    share = np.zeros(len(tier.arc))
    share[kept] = answer.x[:arcs]
    return Relaxed(share, answer.x[arcs:arcs + count], np.maximum(-answer.dual[:parts], 0.0),
                   np.maximum(-answer.dual[shared:ruled], 0.0), np.maximum(-answer.dual[ruled:], 0.0))


def _rule_rows(rows: RowBuilder, rules: RowLimits | None, kept: NDArray[np.int64], arcs: int, sites: int) -> int:
    """The side rules over site shares and the arcs' tonnes, each with a column of its own that breaks it; the first."""
    if rules is None:
        return rows.block(0)
    start = rows.block(len(rules), upper=rules.limit)
    rows.put(start + rules.row, arcs + rules.site, rules.amount)
    arc, rule = np.nonzero(rules.draw[kept])
    rows.put(start + rule, arc, rules.draw[kept[arc], rule])
    every = np.arange(len(rules))
    rows.put(start + every, arcs + sites + every, -1.0)
    return start
