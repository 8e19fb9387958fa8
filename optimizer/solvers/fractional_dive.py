"""A first tier from its linear relaxation: columns are generated, those of large shares fixed, the rest solved anew.

Area by area (diving with column generation: Sadykov, Vanderbeck, Pessoa, Tahiri and Uchoa 2019, INFORMS Journal on
Computing 31). The search by regions mends the seams.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from optimizer.first_tier_plan import FirstTierPlan
from optimizer.pools import Pools
from optimizer.solvers.area_relaxation import areas_of, packing_of, relaxed, tokens
from optimizer.solvers.column_dual import ColumnDual, DualEffort, Rooms, programme
from optimizer.solvers.columns import (
    Columns,
    Packing,
    Prices,
    best_columns,
    joined,
    part_of_packing,
    plan_of_columns,
)

Float = NDArray[np.float64]
Bool = NDArray[np.bool_]
Token = NDArray[np.uint64]

ROUNDS, MOST_ROUNDS = 2.0, 12
"""Linear programmes before the first fixing, and at most: more, as less is left."""
SURE, LIKELY, LEAST = 0.95, 0.1, 0.02
"""Columns of at least the first share are fixed, and of the others the second part of what is open; never below the
third share."""
SMOOTH = (0.5, 0.0)
"""Shares of the last prices in those that new columns are asked for (Wentges 1997)."""
USED_UP = 1e-6
"""A pool with less than this share of its limit left is empty."""


@dataclass(frozen=True)
class Dived:
    """A plan within all limits, and the prices of the linear relaxations it came from."""

    plan: FirstTierPlan
    prices: Prices


def fractional_dive(packing: Packing, prices: Prices, arc_share: Float, near: csr_array, effort: DualEffort,
                    left_s: Callable[[], float]) -> Dived:
    """A plan from prices that describe the packing and a fractional plan that tells the areas their room.

    `arc_share` [E] is this plan in FirstTier order, `near` shared_parts() of the tier. Short of time the last areas are
    left out.
    """
    token, none = tokens(packing), np.empty(0, dtype=np.int64)
    chosen = Columns(none, none, np.zeros(1, dtype=np.int64), none)
    part, pool = prices.part.copy(), np.zeros(len(prices.pool))
    for area in areas_of(packing, arc_share, near):
        if left_s() <= 0.0:
            break
        taken = packing.pools.draw[chosen.arc].sum(axis=0)
        small, arc = packing_of(area, packing, prices, area.share_so_far * packing.pools.limit - taken)
        if not len(arc):
            continue
        dual = relaxed(small, area, prices, token, effort)
        part[area.part] = dual.prices.part[area.part]
        pool += area.share * dual.prices.pool
        found = _dived(small, dual, _Rules(packing, chosen), token[small.tier.part], left_s)
        chosen = joined([chosen, replace(found, arc=arc[found.arc])])
    return Dived(plan_of_columns(packing.tier, chosen, packing.parts), Prices(part, pool, prices.rule))


class _Rules:
    """What is taken of the side rules."""

    def __init__(self, packing: Packing, chosen: Columns) -> None:
        self._rules = packing.rules
        self._taken = np.zeros(packing.rule_count)
        if packing.rules is not None:
            self._taken = packing.rules.taken(chosen.site, chosen.size)

    def allow(self, columns: Columns, at: int) -> bool:
        """Whether one more column keeps them; if so it counts."""
        if self._rules is None:
            return True
        after = self._taken + self._rules.taken(columns.site[at:at + 1], columns.size[at:at + 1])
        if self._rules.exceeded(after, self._taken).any():
            return False
        self._taken = after
        return True


def _dived(packing: Packing, dual: ColumnDual, rules: _Rules, token: Token, left_s: Callable[[], float]) -> Columns:
    """Columns of one area, fixed in turns."""
    columns, at, limit = dual.columns, dual.prices, packing.pools.limit
    fixed, idle = columns.where(np.zeros(len(columns), dtype=bool)), False
    while left_s() > 0.0:
        part_free, site_free = np.ones(packing.parts, dtype=bool), np.ones(packing.tier.site_count, dtype=bool)
        part_free[packing.tier.part[fixed.arc]], site_free[fixed.site] = False, False
        rest, arc = part_of_packing(packing, part_free, site_free, fixed)
        if not len(arc) or (rest.pools.limit <= USED_UP * limit).any():
            break
        here = replace(packing, pools=Pools(packing.pools.draw, rest.pools.limit))
        columns = _free(packing, columns, part_free, site_free)
        if not len(columns):  # nothing known suits what is left: whatever pays by itself
            alone, _ = best_columns(rest, Prices(np.zeros(packing.parts), np.zeros(len(limit)), at.rule))
            columns = replace(alone, arc=arc[alone.arc])
        rooms = Rooms(rest.pools.limit[None, :], np.zeros(1))
        rounds = ROUNDS * np.sqrt(len(packing.tier.arc) / len(arc))
        for _ in range(min(int(rounds), MOST_ROUNDS)):
            solved = programme(here, columns, rooms)
            if solved is None:
                return fixed
            met = columns
            fresh = [best_columns(rest, _between(at, solved[1], kept, part_free))[0] for kept in SMOOTH]
            share, at, _ = solved
            columns = joined([columns, *(replace(more, arc=arc[more.arc]) for more in fresh)], token)
            if len(columns) == len(met):
                break
        found = _largest(here, met, share, rules)
        if not len(found) and (idle or len(columns) == len(met)):
            break
        fixed, idle = joined([fixed, found]), not len(found)
    return fixed


def _between(old: Prices, new: Prices, kept: float, part_free: Bool) -> Prices:
    """Prices on the way from the old ones to the new, `kept` of the old; those of parts that are served are left out.
    """
    part = np.where(part_free, kept * old.part + (1.0 - kept) * new.part, 0.0)
    return Prices(part, kept * old.pool + (1.0 - kept) * new.pool, new.rule)


def _free(packing: Packing, columns: Columns, part_free: Bool, site_free: Bool) -> Columns:
    """The columns that use free parts and sites only."""
    kept = site_free[columns.site]
    kept[columns.owner[~part_free[packing.tier.part[columns.arc]]]] = False
    return columns.where(kept)


def _largest(packing: Packing, columns: Columns, share: Float, rules: _Rules) -> Columns:
    """Columns of the largest shares, no two with a site or part in common, within what limits are left."""
    tier, kept = packing.tier, np.zeros(len(columns), dtype=bool)
    part_used, site_used = np.zeros(packing.parts, dtype=bool), np.zeros(tier.site_count, dtype=bool)
    drawn, used = columns.total(packing.pools.draw), np.zeros(len(packing.pools.limit))
    most = max(1, int(LIKELY * share.sum()))
    for c in np.argsort(-share, kind="stable").tolist():
        if share[c] < LEAST or (share[c] < SURE and kept.sum() >= most):
            break
        parts = tier.part[columns.arc[columns.first[c]:columns.first[c + 1]]]
        if site_used[columns.site[c]] or part_used[parts].any() or (used + drawn[c] > packing.pools.limit).any():
            continue
        if not rules.allow(columns, c):
            continue
        kept[c], site_used[columns.site[c]], used = True, True, used + drawn[c]
        part_used[parts] = True
    return columns.where(kept)
