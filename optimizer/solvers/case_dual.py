"""Multipliers for one mix of sizes of the last tier with its sites in one area: prices of parts, capacity and reach.

In turns: how far parts reach for stations at the loads of a fractional first tier, then the first tier's own prices at
the ways these links leave. Two or three turns settle it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from optimizer.between import between_mixes, each_between
from optimizer.bound import most_arriving_t_per_day, most_entering_t_per_day, onward_at
from optimizer.configurations import last_tier
from optimizer.first_tier import FirstTier
from optimizer.links import Reach, extra_cost
from optimizer.multipliers import Multipliers, Scenario
from optimizer.network import DAYS_PER_YEAR
from optimizer.objectives import Coefficients
from optimizer.pools import Pools, last_tier_limits, last_tier_pools
from optimizer.prices import NO_WAY, arc_prices, unserved_cny_per_year
from optimizer.problem import Problem, with_allowance
from optimizer.solvers.ascent import as_stored
from optimizer.solvers.column_dual import DualEffort, Rooms, column_dual
from optimizer.solvers.columns import Columns, Packing, Prices
from optimizer.solvers.first_tier_kernel import UNLIMITED, way_onward
from optimizer.solvers.reach_dual import reach_prices
from optimizer.solvers.volume_dual import volume_dual

Float = NDArray[np.float64]
Int = NDArray[np.int64]
Bool = NDArray[np.bool_]

MOST_ARCS = 60_000
"""With more walking arcs the linear programmes over columns take longer than they save."""
STEPS_PER_ROUND = 60
"""Steps that stand for a round of the linear programme, where there are none."""
NEAR_SHARE = 0.5
"""Columns dearer than this share of a typical opening are not carried on to the next case."""
FIRST_LOOK = 60
"""Steps without a price at the last tier."""


@dataclass(frozen=True)
class Start:
    """Where a case begins: a fractional first tier, prices and (with linear programmes) columns from one like it."""

    arc_share: Float
    """[E] in FirstTier order."""
    prices: Prices
    columns: Columns | None = None


@dataclass(frozen=True)
class CaseDual:
    """A scenario for the case, and where the next one may begin."""

    scenario: Scenario
    end: Start


class Cases:
    """Finds multipliers for one case after another; `coefficients` and `tier` hold the prices of the side rules."""

    def __init__(self, problem: Problem, coefficients: Coefficients, tier: FirstTier, multipliers: Multipliers,
                 row: Float) -> None:
        """The multipliers give the prices all scenarios share, `row` [R] those of the side rules."""
        self._problem, self._coefficients, self._tier = problem, coefficients, tier
        self._multipliers, self._row = multipliers, row
        self._last, self._supply = last_tier(problem, coefficients), most_arriving_t_per_day(problem)
        self._entering = most_entering_t_per_day(problem)
        self._token = np.random.default_rng(1).integers(1, 2**63, len(tier.part)).astype(np.uint64)

    def first_look(self, end_price: Float) -> tuple[Scenario, Start]:
        """A scenario that leaves the last tier unpriced, and where the first case begins at a guess of `end_price` [M].
        """
        problem, tier, parts = self._problem, self._tier, len(self._problem.demand.part_ids)
        none = np.zeros(len(end_price))
        value = self._arc_value(onward_at(problem, self._coefficients, self._multipliers, none), None)
        packing = Packing(tier, value, Pools(np.zeros((len(tier.arc), 0)), np.zeros(0)), None, parts)
        alone = Prices(worth_alone(tier, value, parts), np.zeros(0), np.zeros(0))
        free = volume_dual(packing, alone, FIRST_LOOK)
        guess, most = float(end_price.mean()), np.zeros(parts)
        np.maximum.at(most, tier.part, problem.captured_t_per_day[tier.arc].sum(axis=1))
        begin = Prices(np.maximum(free.prices.part - guess * most, 0.0), np.array([guess]), np.zeros(0))
        return Scenario(as_stored(free.prices.part), none, self._row), Start(free.arc_share, begin)

    def find(self, mix: Int, area: Bool | None, start: Start, turns: int, effort: DualEffort) -> CaseDual:
        """Multipliers for a mix of extra sites [K] of the last tier, all of them inside an area."""
        problem, tier = self._problem, self._tier
        sizes = self._sizes(mix)
        pools = last_tier_pools(problem, tier, sizes)
        end_of_pool = _per_tonne(problem, sizes)
        none = np.zeros(len(problem.network.materials))
        onward = onward_at(problem, self._coefficients, self._multipliers, none, area)
        prices = _fitting(start.prices, len(pools.limit))
        at, reach = replace(start, prices=prices), None
        for _ in range(turns):
            link = None
            if len(problem.sites) > 2:
                reach, link = self._reach(mix, at, onward, at.prices.pool @ end_of_pool)
            packing = Packing(tier, self._arc_value(onward, link), pools, None, len(problem.demand.part_ids))
            at = self._settled(packing, at, effort, self._rooms(pools, link))
            if len(problem.sites) == 2:
                break
        end_price = as_stored(at.prices.pool @ end_of_pool)
        return CaseDual(Scenario(as_stored(at.prices.part), end_price, self._row, reach, area), at)

    def _settled(self, packing: Packing, at: Start, effort: DualEffort, rooms: Rooms | None) -> Start:
        """Better prices for the packing of a case, by linear programmes or, in large areas, by the volume algorithm."""
        if len(self._tier.arc) > MOST_ARCS:
            found = volume_dual(packing, at.prices, STEPS_PER_ROUND * (1 + effort.rounds), rooms)
            return Start(found.arc_share if found.arc_share.any() else at.arc_share, found.prices)
        dual = column_dual(packing, at.prices, at.columns, self._token, effort, rooms)
        near = packing.reduced_cost(dual.columns, dual.prices) < NEAR_SHARE * _typical(self._tier)
        return Start(dual.arc_share if dual.arc_share.any() else at.arc_share, dual.prices, dual.columns.where(near))

    def _sizes(self, mix: Int) -> Int:
        """The size of every site of the mix and of those that must stay (the largest each)."""
        staying = np.where(self._last.kept, self._last.capacity_t_per_day[None, :], -1.0).argmax(axis=1)
        return np.concatenate([np.repeat(np.arange(len(mix)), mix), staying]).astype(np.int64)

    def _reach(self, mix: Int, at: Start, onward: Float, end_price: Float) -> tuple[Reach, Float]:
        """How far parts reach at the loads of a fractional first tier, and the links that makes.

        Parts that use the same site most reach equally far for a tonne, so that sites are what is looked at.
        """
        problem, tier = self._problem, self._tier
        parts = len(problem.demand.part_ids)
        weight = problem.walk.captured_share[tier.arc] * at.arc_share
        used_share = np.bincount(tier.part, weights=weight, minlength=parts).astype(np.float64)
        share = as_stored(np.where(used_share > 1e-3, used_share, 0.0))
        site = np.zeros(parts, dtype=np.int64)
        order = np.lexsort((at.arc_share, tier.part))
        last = np.flatnonzero(np.diff(tier.part[order], append=-1))
        site[tier.part[order[last]]] = tier.site[order[last]]
        extra = extra_cost(problem, self._coefficients, onward, site, share)
        used, row = np.unique(site, return_inverse=True)
        together = np.zeros((len(used), extra.shape[1]))
        np.add.at(together, row, extra)
        price = reach_prices(together, self._cost_of_count(mix, end_price), self._dearer())
        tonnes = share * problem.demand.generated_t_per_day.sum(axis=1)
        total = np.bincount(row, weights=tonnes, minlength=len(used))
        own = as_stored(price[row] * tonnes / np.maximum(total[row], 1e-12))
        return Reach(own, site, share), np.maximum(own[:, None] - extra, 0.0)

    def _rooms(self, pools: Pools, link: Float | None) -> Rooms | None:
        """The mixes of the tier between as room for the pools, links paid; None where they are not listed."""
        if link is None:
            return None
        between = between_mixes(self._problem, self._coefficients, link.sum(axis=0),
                                self._multipliers.site_per_t[1], self._entering)
        if between is None:
            return None
        arrives = between.room_t_per_day * between.passed_most
        room = np.minimum(arrives[:, None], pools.limit[None, :])
        kept = pareto(between.room_t_per_day, between.cost_cny_per_year)
        return Rooms(room[kept], between.cost_cny_per_year[kept])

    def _cost_of_count(self, mix: Int, end_price: Float) -> Float:
        """Least cost less worth of any mix of so many sites of tier 1, [N + 1], CNY per year."""
        problem, coefficients = self._problem, self._coefficients
        stations, per_t = len(problem.sites[1]), self._multipliers.site_per_t[1]
        between = between_mixes(problem, coefficients, np.zeros(stations), per_t, self._entering)
        if between is None:
            earned = per_t[:, None] * with_allowance(problem.capacity_t_per_day(1))[None, :]
            fixed = np.where(problem.sites[1].allowed, coefficients.open_cny_per_year[1] - earned, np.inf).min(axis=1)
            fixed = np.sort(np.where(np.isfinite(fixed), np.maximum(fixed, 0.0), NO_WAY))
            return np.concatenate([[0.0], np.cumsum(fixed)])
        cost = each_between(self._last, mix[None, :], end_price, self._supply, between)[0]
        least = np.full(stations + 1, np.inf)
        np.minimum.at(least, between.rows.sum(axis=1), cost)
        return least

    def _dearer(self) -> Float:
        """What each site of tier 1 costs more than the cheapest one of the same size, [J_1]."""
        sites = self._problem.sites[1]
        extra = self._coefficients.open_cny_per_year[1] - self._coefficients.closed_cny_per_year[1][:, None]
        cost = np.where(sites.allowed, extra, np.inf)
        least = cost.min(axis=0, initial=np.inf)
        above = np.where(sites.allowed, cost - np.where(np.isfinite(least), least, 0.0), np.inf)
        return np.asarray(np.minimum(above.min(axis=1, initial=np.inf), NO_WAY))

    def _arc_value(self, onward: Float, link: Float | None) -> Float:
        """Yearly price of every arc down to the end of the chain, [E] in FirstTier order."""
        problem, coefficients, tier, walk = self._problem, self._coefficients, self._tier, self._problem.walk
        if not problem.single_source or link is None:
            return arc_prices(problem, coefficients, onward, link).value[tier.arc]
        generated = problem.demand.generated_t_per_day
        value, via = np.empty(len(tier.arc)), np.empty(len(tier.arc), dtype=np.int64)
        way_onward(tier.part, tier.site, walk.captured_share[tier.arc],
                   generated @ problem.trips_per_t(0) * DAYS_PER_YEAR, np.minimum(coefficients.trip_cny[0], NO_WAY),
                   generated @ onward.T, link, value, via)
        arriving = coefficients.arriving_cny_per_year(problem.captured_t_per_day)[tier.arc]
        return np.asarray(value + arriving - unserved_cny_per_year(problem, coefficients)[tier.part])


def pareto(room: Float, cost: Float) -> Int:
    """Positions of the mixes that none with as much room undercuts."""
    order = np.lexsort((cost, -room))
    return np.asarray(order[np.minimum.accumulate(cost[order]) == cost[order]], dtype=np.int64)


def worth_alone(tier: FirstTier, value: Float, parts: int) -> Float:
    """What serving each part is worth if it pays for its share of a site at its best arc, [n], CNY per year."""
    capacity = np.where(np.isfinite(tier.capacity), tier.capacity, UNLIMITED)
    needs = (tier.use[:, None, :] / capacity[None, :, :]).max(axis=2)
    opened = tier.open_cny_per_year[tier.site]
    possible = (needs <= 1.0) & np.isfinite(opened)
    share = np.where(possible, needs * np.where(possible, opened, 0.0), np.inf)
    cost = value + share.min(axis=1, initial=np.inf)
    worth = np.zeros(parts)
    np.maximum.at(worth, tier.part, np.where(np.isfinite(cost), -cost, 0.0))
    return worth


def _per_tonne(problem: Problem, sizes: Int) -> Float:
    """Coefficients of the last tier's limits per tonne that arrives there, [R, M]."""
    passed = np.prod([problem.passed_share(below) for below in range(len(problem.sites) - 1)], axis=0)
    coefficients, _ = last_tier_limits(problem, sizes)
    return np.asarray(coefficients / np.where(passed > 0.0, passed, 1.0))


def _fitting(prices: Prices, pools: int) -> Prices:
    """The prices with as many of the pools' as asked for: those of another mix are a guess for their mean."""
    if len(prices.pool) == pools:
        return prices
    guess = float(prices.pool.max(initial=0.0))
    return Prices(prices.part, np.full(pools, guess / max(pools, 1)), prices.rule)


def _typical(tier: FirstTier) -> float:
    fixed = tier.open_cny_per_year[np.isfinite(tier.open_cny_per_year)]
    return float(np.median(fixed)) if len(fixed) else 1.0
