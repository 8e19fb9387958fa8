"""The linear relaxation of the first tier area by area, so that its effort grows with the city and no faster.

An area is some neighbouring sites with the parts at home there; it has the share of every pool that it draws in some
plan. Rules are paid at their prices.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from optimizer.pools import Pools
from optimizer.solvers.column_dual import ColumnDual, DualEffort, column_dual
from optimizer.solvers.columns import Columns, Packing, Prices, part_of_packing

Float = NDArray[np.float64]
Int = NDArray[np.int64]
Bool = NDArray[np.bool_]
Token = NDArray[np.uint64]

PARTS = 900
"""Of an area, about."""
FEW = 1e-9
"""What a part counts beside what is drawn, so that areas which draw nothing get a little."""


@dataclass(frozen=True)
class Area:
    """Neighbouring sites with the parts at home there."""

    site: Bool
    part: Bool
    share: Float
    """Of what is drawn from every pool, [R]."""
    share_so_far: Float
    """The same of this area and those before it."""


def areas_of(packing: Packing, arc_share: Float, near: csr_array, parts: int = PARTS) -> list[Area]:
    """Areas of about so many parts; a plan, perhaps fractional, says where parts are at home and what they draw.

    `arc_share` [E] is the plan in FirstTier order, `near` shared_parts() of the tier.
    """
    tier, home = packing.tier, _home(packing, arc_share)
    living = np.bincount(home[home >= 0], minlength=tier.site_count)
    number = grouped(near, living, parts)
    count = int(number.max(initial=-1)) + 1
    drawn = np.zeros((count, len(packing.pools.limit)))
    np.add.at(drawn, number[tier.site], arc_share[:, None] * packing.pools.draw)
    drawn += FEW * np.bincount(number, weights=living, minlength=count)[:, None]
    share = drawn / np.maximum(drawn.sum(axis=0), 1e-30)
    so_far = np.minimum(np.cumsum(share, axis=0), 1.0)
    return [Area(number == a, (home >= 0) & (number[np.maximum(home, 0)] == a), share[a], so_far[a])
            for a in range(count)]


def packing_of(area: Area, packing: Packing, prices: Prices, room: Float) -> tuple[Packing, Int]:
    """The area's packing with some room of every pool, openings charged for rules, and its arcs as rows of the whole.
    """
    charged = replace(packing.tier, open_cny_per_year=packing.option_value(prices)
                      + packing.tier.closed_cny_per_year[:, None])
    none = np.empty(0, dtype=np.int64)
    nothing = Columns(none, none, np.zeros(1, dtype=np.int64), none)
    small, arc = part_of_packing(replace(packing, tier=charged, rules=None), area.part, area.site, nothing)
    return replace(small, pools=Pools(small.pools.draw, np.maximum(room, 0.0))), arc


def relaxed(small: Packing, area: Area, prices: Prices, token: Token, effort: DualEffort) -> ColumnDual:
    """The area's linear relaxation from prices of the whole; `token` [n] are random numbers, one per part."""
    own = Prices(np.where(area.part, prices.part, 0.0), prices.pool, np.zeros(0))
    return column_dual(small, own, None, token[small.tier.part], effort)


def tokens(packing: Packing) -> Token:
    """Random numbers, one per part, always the same."""
    return np.random.default_rng(1).integers(1, 2**63, packing.parts).astype(np.uint64)


def _home(packing: Packing, arc_share: Float) -> Int:
    """The site that each part uses most in a plan, or where it costs least, [n]; -1 without arcs."""
    tier = packing.tier
    order = np.lexsort((-packing.arc_cost, arc_share, tier.part))
    last = order[np.flatnonzero(np.diff(tier.part[order], append=-1))]
    home = np.full(packing.parts, -1, dtype=np.int64)
    home[tier.part[last]] = tier.site[last]
    return home


def grouped(near: csr_array, weight: Int, most: int) -> Int:
    """Numbers of groups of neighbouring sites, each of a weight of about `most`, [J]."""
    total = int(weight.sum())
    wanted = total / max(1, round(total / most))
    group = np.full(len(weight), -1, dtype=np.int64)
    number, weighs = 0, 0.0
    for seed in np.argsort(np.diff(near.indptr), kind="stable").tolist():  # from the rim inwards
        edge = [seed] if group[seed] < 0 else []
        while edge:
            site = edge.pop(0)
            if group[site] >= 0:
                continue
            group[site], weighs = number, weighs + weight[site]
            if weighs >= wanted:
                number, weighs = number + 1, 0.0
                break
            edge.extend(j for j in near.indices[near.indptr[site]:near.indptr[site + 1]].tolist() if group[j] < 0)
    return group
