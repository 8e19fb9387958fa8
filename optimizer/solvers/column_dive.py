"""A first choice of columns: fix the best that do not overlap, price the rest again, until nothing pays any more."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from optimizer.first_tier_plan import FirstTierPlan
from optimizer.solvers.columns import (
    Columns,
    Packing,
    Prices,
    best_columns,
    columns_of_plan,
    joined,
    part_of_packing,
    plan_of_columns,
)

Float = NDArray[np.float64]

FIXED_SHARE = 0.15
"""Part of the columns found that is fixed before the rest is priced again."""


def dive(packing: Packing, start: FirstTierPlan, prices: Prices) -> FirstTierPlan:
    """The start with more sites opened for parts it leaves out, at the prices first and then at true cost.

    Pools and side rules keep their limits as far as the start does.
    """
    chosen = columns_of_plan(packing.tier, start)
    true = Prices(np.zeros(packing.parts), np.zeros(len(prices.pool)), np.zeros(len(prices.rule)))
    for at in (prices, true):
        while True:
            found = _fixed(packing, chosen, at)
            if not len(found):
                break
            chosen = joined([chosen, found])
    return plan_of_columns(packing.tier, chosen, packing.parts)


def _fixed(packing: Packing, chosen: Columns, prices: Prices) -> Columns:
    """Some of the best columns beside the chosen ones, best reduced cost first, no two with a part in common."""
    tier = packing.tier
    part_free, site_free = np.ones(packing.parts, dtype=bool), np.ones(tier.site_count, dtype=bool)
    part_free[tier.part[chosen.arc]], site_free[chosen.site] = False, False
    small, arc = part_of_packing(packing, part_free, site_free, chosen)
    own = np.zeros(packing.parts)
    own[small.tier.part] = 1.0
    columns, _ = best_columns(small, Prices(prices.part * own, prices.pool, prices.rule))
    value = small.reduced_cost(columns, prices)
    drawn, limit = columns.total(small.pools.draw), np.maximum(small.pools.limit, 0.0)
    kept, used = np.zeros(len(columns), dtype=bool), np.zeros(len(limit))
    most = max(1, int(np.ceil(FIXED_SHARE * len(columns))))
    ruled = np.zeros(packing.rule_count)
    for c in np.argsort(value, kind="stable").tolist():
        parts = small.tier.part[columns.arc[columns.first[c]:columns.first[c + 1]]]
        if not part_free[parts].all() or (used + drawn[c] > limit).any():
            continue
        if small.rules is not None:
            after = ruled + small.rules.taken(columns.site[c:c + 1], columns.size[c:c + 1])
            if small.rules.exceeded(after, ruled).any():
                continue
            ruled = after
        kept[c], part_free[parts], used = True, False, used + drawn[c]
        if kept.sum() >= most:
            break
    found = columns.where(kept)
    return replace(found, arc=arc[found.arc])
