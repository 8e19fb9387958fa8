"""Prices of parts and pools by column generation: the linear relaxation over all columns of the first tier.

A column is a site, a size and a set of parts that fit (Dantzig and Wolfe 1960, Operations Research 8). New columns are
asked for at prices between the best so far and those of the last linear programme (Wentges 1997), which is solved by
the interior-point method of HiGHS through SciPy: measured five times faster here than the simplex method.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog
from scipy.sparse import csr_array

from optimizer.solvers.columns import Columns, Packing, Prices, best_columns, joined

Float = NDArray[np.float64]

UNIT_CNY = 1e3
"""Money in the models handed to the engine."""
SMOOTH = (0.85, 0.5, 0.0)
"""Shares of the best prices so far in the prices new columns are asked for."""
NEAR_SHARE = 0.3
"""Columns dearer than this share of a typical opening are not collected."""
KEEP, PATIENCE, SHRINK = 0.7, 6, 0.6


@dataclass(frozen=True)
class DualEffort:
    """How much work: steps of a subgradient that collects columns, then rounds of the linear programme."""

    steps: int = 25
    rounds: int = 12
    close_share: float = 1e-4
    """Rounds end where bound and programme differ by less than this share of the cost of what is open."""


@dataclass(frozen=True)
class Rooms:
    """Capacity that is bought: one of several mixes of sites, each with a room for every pool and a cost."""

    room: Float
    """[T, R], in the unit of the pools."""
    cost_cny_per_year: Float

    def least(self, price: Float) -> tuple[float, Float]:
        """Cost less worth of the best mix at prices of the pools, and its room, [R]."""
        net = self.cost_cny_per_year - self.room @ price
        at = int(np.argmin(net))
        return float(net[at]), self.room[at]


@dataclass(frozen=True)
class ColumnDual:
    """Prices, the bound they prove, and the fractional first tier of the last linear programme."""

    prices: Prices
    bound_cny_per_year: float
    arc_share: Float
    """[E] in FirstTier order."""
    columns: Columns


def column_dual(packing: Packing, start: Prices, known: Columns | None, token: NDArray[np.uint64],
                effort: DualEffort, rooms: Rooms | None = None) -> ColumnDual:
    """The best prices found by subgradient steps and column generation from some prices and columns.

    The pools' limits are those of the packing, or bought as one of several `rooms`.
    """
    rooms = Rooms(packing.pools.limit[None, :], np.zeros(1)) if rooms is None else rooms
    best, bound, columns = _collect(packing, start, known, token, effort.steps, rooms)
    share = np.zeros(len(packing.tier.part))
    typical = _typical(packing)
    for _ in range(effort.rounds):
        found = programme(packing, columns, rooms)
        if found is None:
            break
        x, prices, value = found
        share = _arc_share(packing, columns, x)
        spent = float(packing.fixed[columns.site, columns.size] @ x)
        if value - bound <= effort.close_share * max(abs(spent), typical):
            break
        fresh, top = [], (best, bound)
        for kept in SMOOTH:
            mixed = Prices(kept * best.part + (1 - kept) * prices.part, kept * best.pool + (1 - kept) * prices.pool,
                           kept * best.rule + (1 - kept) * prices.rule)
            more, proven = best_columns(packing, mixed)
            proven += _due(packing, mixed, rooms)
            fresh.append(more)
            if proven > top[1]:
                top = (mixed, proven)
        best, bound = top
        before = len(columns)
        columns = joined([columns, *fresh], token)
        if len(columns) == before:
            break
    return ColumnDual(best, bound, share, columns)


def _due(packing: Packing, prices: Prices, rooms: Rooms) -> float:
    """What buying room adds to a bound in which the packing's own limits are paid for."""
    return rooms.least(prices.pool)[0] + float(prices.pool @ packing.pools.limit)


def _typical(packing: Packing) -> float:
    fixed = packing.fixed[np.isfinite(packing.fixed)]
    return float(np.median(fixed)) if len(fixed) else 1.0


def _collect(packing: Packing, start: Prices, known: Columns | None, token: NDArray[np.uint64],
             steps: int, rooms: Rooms) -> tuple[Prices, float, Columns]:
    """A few subgradient steps on all prices; what they meet fills the first linear programme."""
    near = NEAR_SHARE * _typical(packing)
    met = [] if known is None else [known]
    at, best, bound, waited, factor = start, start, -np.inf, 0, 0.3
    unit = packing.pools.draw.mean(axis=0) if len(packing.pools.draw) else np.ones(len(packing.pools.limit))
    unit = np.maximum(unit, 1e-12)
    way_part, way_pool = np.zeros_like(at.part), np.zeros_like(at.pool)
    for _ in range(max(steps, 1)):
        columns, value = best_columns(packing, at, near)
        value += _due(packing, at, rooms)
        met.append(columns)
        if value > bound:
            best, bound, waited = at, value, 0
        else:
            waited += 1
            if waited >= PATIENCE:
                at, waited, factor = best, 0, factor * SHRINK
                way_part[:] = 0.0
                way_pool[:] = 0.0
                continue
        used = columns.where(packing.reduced_cost(columns, at) < 0.0)
        part = np.bincount(packing.tier.part[used.arc], minlength=packing.parts) - 1.0
        part[(at.part <= 0.0) & (part < 0.0)] = 0.0
        pool = (packing.pools.draw[used.arc].sum(axis=0) - rooms.least(at.pool)[1]) / np.maximum(unit, 1e-12) ** 0.5
        way_part, way_pool = KEEP * way_part + (1 - KEEP) * part, KEEP * way_pool + (1 - KEEP) * pool
        norm = float(way_part @ way_part + way_pool @ way_pool)
        if norm <= 1e-12:
            break
        stride = factor * (bound + 5.0 * _typical(packing) - value) / norm
        at = Prices(np.maximum(at.part + stride * way_part, 0.0),
                    np.maximum(at.pool + stride * way_pool / np.maximum(unit, 1e-12) ** 0.5, 0.0), at.rule)
    return best, bound, joined(met, token)


def programme(packing: Packing, columns: Columns, rooms: Rooms) -> tuple[Float, Prices, float] | None:
    """The linear programme over some columns: shares, prices, value; None where the engine gives none."""
    tier, pools, count = packing.tier, packing.pools, len(columns)
    parts, sites, limits = packing.parts, tier.site_count, len(pools.limit)
    if not count:
        return None
    scale = np.maximum(rooms.room.max(axis=0, initial=0.0), 1e-9)
    drawn = columns.total(pools.draw) / scale
    column, pool = np.nonzero(drawn)
    mixes = len(rooms.cost_cny_per_year)
    mix, bought = np.divmod(np.arange(mixes * limits), max(limits, 1))
    rows = [tier.part[columns.arc], parts + columns.site, parts + sites + pool, parts + sites + bought]
    cols = [columns.owner, np.arange(count), column, count + mix]
    values = [np.ones(len(columns.arc)), np.ones(count), drawn[column, pool], -(rooms.room / scale).ravel()]
    upper = [np.ones(parts + sites), np.zeros(limits)]
    if packing.rules is not None:
        at, rule, amount = packing.rules.entries(columns.site, columns.size)
        rows, cols, values = [*rows, parts + sites + limits + rule], [*cols, at], [*values, amount]
        upper.append(packing.rules.most)
    most = np.concatenate(upper)
    matrix = csr_array((np.concatenate(values), (np.concatenate(rows), np.concatenate(cols))),
                       shape=(len(most), count + mixes))
    one = csr_array((np.ones(mixes), (np.zeros(mixes, dtype=np.int64), count + np.arange(mixes))),
                    shape=(1, count + mixes))
    answer = linprog(np.concatenate([packing.cost(columns), rooms.cost_cny_per_year]) / UNIT_CNY, A_ub=matrix,
                     b_ub=most, A_eq=one, b_eq=np.ones(1), bounds=(0, None), method="highs-ipm")
    if answer.x is None or answer.status != 0:
        return None
    dual = np.maximum(-np.asarray(answer.ineqlin.marginals), 0.0) * UNIT_CNY
    first = parts + sites
    prices = Prices(dual[:parts], dual[first:first + limits] / scale, dual[first + limits:])
    return np.asarray(answer.x[:count], dtype=np.float64), prices, float(answer.fun) * UNIT_CNY


def _arc_share(packing: Packing, columns: Columns, x: Float) -> Float:
    return np.bincount(columns.arc, weights=np.repeat(x, np.diff(columns.first)),
                       minlength=len(packing.tier.part)).astype(np.float64)
