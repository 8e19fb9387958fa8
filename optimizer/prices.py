"""Downstream prices: what a tonne costs from a site of one tier to the end of the chain, over all sites above.

Money is CNY per year for one tonne per day (CNY per tonne times 365), so prices multiply the plan's t/day directly.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from optimizer.network import DAYS_PER_YEAR
from optimizer.objectives import Coefficients
from optimizer.problem import Problem

Float = NDArray[np.float64]
Int = NDArray[np.int64]

NO_WAY = 1e12
"""Stands for 'no way' in CNY per year; finite, so that it never meets a zero as inf does. It only lowers a bound."""
BLOCK = 4096
"""Arcs priced at a time; bounds memory to BLOCK x sites."""


@dataclass(frozen=True)
class SitePrices:
    """Extra prices on tonnes entering the sites above the first tier, on top of the real coefficients.

    per_t[l] and per_m3[l] are [J_l] for tier l >= 1 (None: no price); end_per_t is [M], charged at the last tier.
    """

    per_t: tuple[Float | None, ...]
    per_m3: tuple[Float | None, ...]
    end_per_t: Float


def no_prices(problem: Problem) -> SitePrices:
    """Prices of zero."""
    tiers = len(problem.sites)
    return SitePrices((None,) * tiers, (None,) * tiers, np.zeros(len(problem.network.materials)))


def onward_prices(problem: Problem, coefficients: Coefficients, prices: SitePrices,
                  usable: tuple[NDArray[np.bool_], ...] | None = None) -> tuple[Float, ...]:
    """Least price of a tonne entering each site and travelling on to the end, [J_l, M] per tier l >= 1 (index 0 empty).

    The least is taken over every site of the next tier that some allowed size lets accept the material; `usable[l]`
    ([J_l, K_l]) narrows sites and sizes, for plans with given open sites.
    """
    tiers = len(problem.sites)
    out: list[Float] = [np.empty((0, 0))] * tiers
    for level in range(tiers - 1, 0, -1):
        own = np.tile(coefficients.entering_cny_per_t[level] * DAYS_PER_YEAR, (len(problem.sites[level]), 1))
        own = own + coefficients.site_cny_per_t[level][:, None] * DAYS_PER_YEAR
        per_t, per_m3 = prices.per_t[level], prices.per_m3[level]
        if per_t is not None:
            own = own + per_t[:, None]
        if per_m3 is not None:
            own = own + per_m3[:, None] * problem.m3_per_t(problem.network.tiers[level].state)[None, :]
        if level == tiers - 1:
            own = own + prices.end_per_t[None, :]
        else:
            own = own + problem.passed_share(level)[None, :] * _next_best(problem, coefficients, level, out[level + 1])
        allowed = problem.sites[level].allowed if usable is None else usable[level]
        accepts = (allowed.astype(np.float64) @ problem.accepts(level).astype(np.float64)) > 0.0
        out[level] = np.where(accepts, own, NO_WAY)
    return tuple(out)


def _next_best(problem: Problem, coefficients: Coefficients, leg: int, above: Float) -> Float:
    """Least of haul plus price above, over the upper sites of a leg, [J_leg, M]."""
    trip = np.minimum(coefficients.trip_cny[leg] * DAYS_PER_YEAR, NO_WAY)
    per_t = problem.trips_per_t(leg)
    columns = [np.min(trip * per_t[m] + above[None, :, m], axis=1) for m in range(above.shape[1])]
    return np.stack(columns, axis=1)


@dataclass(frozen=True)
class ArcPrices:
    """Price of using each walking arc in full, CNY per year, and the site above that gives it."""

    value: Float
    via: Int


def arc_prices(problem: Problem, coefficients: Coefficients, onward: Float, link: Float | None = None,
               captured: Float | None = None) -> ArcPrices:
    """Least yearly price of each walking arc over all sites of tier 1, [E].

    `onward` is [J_1, M] from onward_prices; `link` [n, J_1] is an extra price of a part using a site of tier 1.
    The choice of the site is made once for all materials together where a point is served by one station. Where it
    may be served by several, every material takes its own way (and its share of the link's price, by tonnes).
    """
    q = problem.captured_t_per_day if captured is None else captured
    if not problem.single_source:
        return _split_prices(problem, coefficients, onward, link, q)
    loads = q @ problem.trips_per_t(0) * DAYS_PER_YEAR
    fixed = coefficients.arriving_cny_per_year(q)
    unserved = unserved_cny_per_year(problem, coefficients)[problem.walk.part]
    value, via = np.empty(len(q)), np.empty(len(q), dtype=np.int64)
    trip = np.minimum(coefficients.trip_cny[0], NO_WAY)
    for start in range(0, len(q), BLOCK):
        rows = slice(start, start + BLOCK)
        path = loads[rows, None] * trip[problem.walk.site[rows]] + q[rows] @ onward.T
        if link is not None:
            path += link[problem.walk.part[rows]]
        via[rows] = np.argmin(path, axis=1)
        value[rows] = path[np.arange(len(path)), via[rows]]
    return ArcPrices(value + fixed - unserved, via)


def _split_prices(problem: Problem, coefficients: Coefficients, onward: Float, link: Float | None,
                  q: Float) -> ArcPrices:
    """Prices of arcs whose materials may go to different sites of tier 1; `via` is the site of the dearest material.

    Of "a part sends at most all of a material to a site, and only if it is open" the link prices the mean over the
    materials, weighted by the tonnes they generate: true for every material, so true for the mean.
    """
    walk, trip, trips = problem.walk, np.minimum(coefficients.trip_cny[0], NO_WAY), problem.trips_per_t(0)
    generated = problem.demand.generated_t_per_day
    weight = generated / np.maximum(generated.sum(axis=1, keepdims=True), 1e-300)
    value, via = np.zeros(len(q)), np.zeros(len(q), dtype=np.int64)
    dearest = np.full(len(q), -np.inf)
    for m in range(q.shape[1]):
        way = trip * (trips[m] * DAYS_PER_YEAR) + onward[None, :, m]
        if link is None:
            best = np.argmin(way, axis=1)
            price, site = q[:, m] * way[np.arange(len(way)), best][walk.site], best[walk.site]
        else:
            price, site = np.empty(len(q)), np.empty(len(q), dtype=np.int64)
            for start in range(0, len(q), BLOCK):
                rows = slice(start, start + BLOCK)
                path = q[rows, m, None] * way[walk.site[rows]]
                path += weight[walk.part[rows], m, None] * link[walk.part[rows]]
                site[rows] = np.argmin(path, axis=1)
                price[rows] = path[np.arange(len(path)), site[rows]]
        value += price
        via = np.where(price > dearest, site, via)
        dearest = np.maximum(dearest, price)
    unserved = unserved_cny_per_year(problem, coefficients)[walk.part]
    return ArcPrices(value + coefficients.arriving_cny_per_year(q) - unserved, via)


def unserved_cny_per_year(problem: Problem, coefficients: Coefficients) -> Float:
    """What leaving each part without a site costs, [n]."""
    would_take_part = problem.demand.generated_t_per_day * problem.participation_share
    return np.asarray(would_take_part @ coefficients.unserved_cny_per_t * DAYS_PER_YEAR, dtype=np.float64)
