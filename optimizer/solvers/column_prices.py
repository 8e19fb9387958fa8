"""Prices of parts, pools and side rules at which the columns of the first tier prove a good bound (subgradient)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from optimizer.solvers.columns import Packing, Prices, best_columns

Float = NDArray[np.float64]

KEEP = 0.7
"""Share of the last direction kept in a step."""
PATIENCE = 6
"""Steps without a better bound until they are shortened."""
SHRINK = 0.6


def raised(packing: Packing, prices: Prices, steps: int, aim_cny_per_year: float) -> tuple[Prices, float]:
    """Prices of a better bound after some steps towards one `aim` above the best so far, and that bound.

    A step prices every site once (Polyak 1969, USSR Computational Mathematics 9; Held, Wolfe and Crowder 1974,
    Mathematical Programming 6), with momentum.
    """
    tier, pools, rules = packing.tier, packing.pools, packing.rules
    unit = np.maximum(pools.draw.mean(axis=0), 1e-12) if len(pools.draw) else np.ones(len(pools.limit))
    scale = 1.0 / (np.sqrt(max(packing.parts, 1)) * unit**2)
    best, bound, waited, reach = prices, -np.inf, 0, 1.0
    at = prices
    way = Prices(np.zeros_like(at.part), np.zeros_like(at.pool), np.zeros_like(at.rule))
    for _ in range(steps):
        columns, value = best_columns(packing, at)
        if value > bound:
            best, bound, waited = at, value, 0
        else:
            waited += 1
            if waited >= PATIENCE:
                at, reach, waited = best, reach * SHRINK, 0
                way = Prices(*(np.zeros_like(w) for w in (way.part, way.pool, way.rule)))
                continue
        part = np.bincount(tier.part[columns.arc], minlength=packing.parts) - 1.0
        part[(at.part <= 0.0) & (part < 0.0)] = 0.0
        pool = pools.draw[columns.arc].sum(axis=0) - pools.limit
        pool[(at.pool <= 0.0) & (pool < 0.0)] = 0.0
        rule = np.zeros(0) if rules is None else rules.taken(columns.site, columns.size) - rules.most
        rule[(at.rule <= 0.0) & (rule < 0.0)] = 0.0
        way = Prices(KEEP * way.part + part, KEEP * way.pool + pool, KEEP * way.rule + rule)
        norm = float(way.part @ way.part + (way.pool * scale) @ way.pool + way.rule @ way.rule)
        if norm <= 1e-12:
            break
        stride = reach * (bound + aim_cny_per_year - value) / norm
        at = Prices(np.maximum(at.part + stride * way.part, 0.0), np.maximum(at.pool + stride * scale * way.pool, 0.0),
                    np.maximum(at.rule + stride * way.rule, 0.0))
    return best, bound
