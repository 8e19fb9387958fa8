"""The first tier as a linear programme at given arc prices: a start for the multipliers and for the search."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from optimizer.first_tier import FirstTier
from optimizer.pools import Pools
from optimizer.solvers.linear import LinearModel, RowBuilder, solve

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


def relax(tier: FirstTier, arc_value: Float, parts: int, pools: Pools | None = None, *, time_limit_s: float = 60.0) -> Relaxed | None:
    """The optimum of the linear relaxation with the links x <= y of every arc; None when time ran out.

    Each site is represented by its cheapest size per tonne, with the largest capacities of its allowed sizes: the
    programme only has to be a good start, the bound is computed elsewhere.
    """
    arcs, count = len(tier.arc), tier.site_count
    opened = np.where(np.isfinite(tier.open_cny_per_year), tier.open_cny_per_year, np.inf)
    rows = RowBuilder()
    at_most_once = rows.block(parts, upper=1.0)
    rows.put(at_most_once + tier.part, np.arange(arcs), 1.0)
    link = rows.block(arcs, upper=0.0)
    rows.put(link + np.arange(arcs), np.arange(arcs), 1.0)
    rows.put(link + np.arange(arcs), arcs + tier.site, -1.0)
    size = np.argmin(opened, axis=1)
    for measure in range(tier.use.shape[1]):
        capacity = tier.capacity[size, measure]
        if not np.isfinite(capacity).any():
            continue
        room = rows.block(count, upper=0.0)
        rows.put(room + tier.site, np.arange(arcs), tier.use[:, measure] / capacity[tier.site])
        rows.put(room + np.arange(count), arcs + np.arange(count), -1.0)
    shared = rows.block(0 if pools is None else len(pools.limit), upper=np.empty(0) if pools is None else pools.limit)
    if pools is not None:
        arc, pool = np.nonzero(pools.draw)
        rows.put(shared + pool, arc, pools.draw[arc, pool])
    cost = np.concatenate([arc_value, np.where(np.isfinite(opened[np.arange(count), size]),
                                               opened[np.arange(count), size] - tier.closed_cny_per_year, 0.0)])
    usable = np.isfinite(opened[np.arange(count), size]).astype(np.float64)
    lower = np.concatenate([np.zeros(arcs), np.where(tier.must_open, usable, 0.0)])
    upper = np.concatenate([np.ones(arcs), usable])
    model = LinearModel(cost, lower, upper, np.zeros(arcs + count, dtype=bool), rows.rows())
    answer = solve(model, time_limit_s=time_limit_s)
    if answer.x is None or answer.dual is None:
        return None
    return Relaxed(answer.x[:arcs], answer.x[arcs:], np.maximum(-answer.dual[:parts], 0.0),
                   np.maximum(-answer.dual[shared:], 0.0))
