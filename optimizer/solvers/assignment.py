"""With all open sites given: which station serves each point, and how tonnes flow from there to the end."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from optimizer.minimums import least_t_per_day
from optimizer.network import DAYS_PER_YEAR
from optimizer.objectives import Coefficients
from optimizer.plan import Flows, OpenSites
from optimizer.prices import no_prices, onward_prices
from optimizer.problem import Problem
from optimizer.solvers.large_service import NEAR, near_pairs
from optimizer.solvers.linear import LinearModel, RowBuilder, solve
from optimizer.solvers.room_flow import cheapest_split
from optimizer.solvers.whole_service import whole_service

Float = NDArray[np.float64]
Int = NDArray[np.int64]

GAP_SHARE = 1e-5
"""Points are served to within this share of their path costs; single moves then settle the rest."""
ROUNDING = 1e-9
"""Room may be exceeded by this share."""
FEW_PAIRS, NODES = 1_500, 200
"""With at most so many pairs of point and station an integer programme checks the search, over so many branches."""
SAME = 1e-7
"""Relative differences of volume per tonne below this are rounding."""
MISSING = 1e12
"""Stands for 'no way' in cost tables."""
UNLIMITED = 1e9
"""Stands for a capacity that does not bind, t/day or m3/day."""
HOPELESS = 1e8
"""Yearly costs of one t/day above this contain MISSING."""


@dataclass(frozen=True)
class Upward:
    """Costs from every candidate of the first tier to the open sites of tier 1, and their room."""

    station: Int
    """Open sites of tier 1."""
    trip_cny_per_year: Float
    """Cost of one full load a day, [J_0, S]."""
    onward_cny_per_year: Float
    """Cost of one t/day from arrival to the end of the chain, [S, M]."""
    capacity_t_per_day: Float
    capacity_m3_per_day: Float
    least_t_per_day: Float
    """Minimum throughput of each open size, [S]."""


def upward(problem: Problem, coefficients: Coefficients, upper: tuple[OpenSites, ...]) -> Upward:
    """Costs and room at the open sites of tier 1; `upper` holds the open sites of tiers 1 and up."""
    usable = [np.empty((0, 0), dtype=bool)]
    for level, opened in enumerate(upper, start=1):
        table = np.zeros_like(problem.sites[level].allowed)
        table[opened.site, opened.size] = True
        usable.append(table)
    onward = onward_prices(problem, coefficients, no_prices(problem), tuple(usable))[1][upper[0].site]
    return Upward(upper[0].site, coefficients.trip_cny[0][:, upper[0].site] * DAYS_PER_YEAR,
                  np.where(np.isfinite(onward), onward, MISSING),
                  problem.capacity_t_per_day(1)[upper[0].size], problem.capacity_m3_per_day(1)[upper[0].size],
                  least_t_per_day(problem, 1)[upper[0].size])


def path_cost(problem: Problem, up: Upward, site: Int, t_per_day: Float) -> Float:
    """Yearly cost of each load [P, M] from its site of the first tier through each open station, [P, S]."""
    loads = t_per_day @ problem.trips_per_t(0)
    trip = np.where(np.isfinite(up.trip_cny_per_year[site]), up.trip_cny_per_year[site], MISSING)
    return np.asarray(loads[:, None] * trip + t_per_day @ up.onward_cny_per_year.T, dtype=np.float64)


@dataclass(frozen=True)
class Served:
    """Share of each point's load that goes to each open station, [P, S], its yearly cost, what room is worth, [S]."""

    site: Int
    share: Float
    cost_cny_per_year: float
    price_per_t: Float
    price_per_m3: Float


def transport(problem: Problem, up: Upward, site: Int, t_per_day: Float,
              price_per_t: Float | None = None) -> Served | None:
    """The cheapest service of loads when points may be split; None when they do not fit or reach no minimum.

    `price_per_t` [S] guesses what room is worth: good guesses save time, nothing else.
    """
    cost = path_cost(problem, up, site, t_per_day)
    nearest: Int = np.argmin(cost, axis=1)
    rows = np.arange(len(cost))
    mass = t_per_day.sum(axis=1)
    volume = t_per_day @ problem.m3_per_t(problem.network.tiers[1].state)
    if (cost.min(axis=1, initial=np.inf) > HOPELESS * mass).any():
        return None
    if _all_fit(nearest, mass, volume, up):
        share = np.zeros_like(cost)
        share[rows, nearest] = 1.0
        free = np.zeros(cost.shape[1])
        return Served(site, share, float(cost[rows, nearest].sum()), free, free)
    found = _split(cost, mass, volume, up, price_per_t)
    return None if found is None else Served(site, *found)


def _split(cost: Float, mass: Float, volume: Float, up: Upward,
           guess: Float | None = None) -> tuple[Float, float, Float, Float] | None:
    """The cheapest split service: shares, cost, worth of a t/day and of a m3/day of room; None where nothing fits.

    With one measure of room that can bind it is a matter of shortest paths (room_flow.py), else a linear programme.
    """
    per_t = float(volume.sum() / max(mass.sum(), 1e-300))
    same = _same_bulk(mass, volume)
    bulk_binds = up.capacity_m3_per_day < per_t * up.capacity_t_per_day
    most = np.where(bulk_binds, up.capacity_m3_per_day / max(per_t, 1e-300), up.capacity_t_per_day) if same \
        else up.capacity_t_per_day
    way, weight = cost <= HOPELESS * mass[:, None], np.maximum(mass, 1e-300)[:, None]
    least = _with_margin(up.least_t_per_day, up.capacity_t_per_day)
    found = cheapest_split(np.where(way, cost, np.inf) / weight, mass, least, most * (1.0 + ROUNDING), guess)
    if found is None:  # room in mass alone is too little already
        return None
    share = found.tonnes / weight
    if same or bool((share.T @ volume <= up.capacity_m3_per_day * (1.0 + 1e-9)).all()):
        worth = np.maximum(found.price, 0.0)
        by_bulk = bulk_binds & same
        return share, found.cost, np.where(by_bulk, 0.0, worth), np.where(by_bulk, worth / max(per_t, 1e-300), 0.0)
    for near in (NEAR, cost.shape[1]):
        pairs = near_pairs(cost, near)
        answer = solve(_service_model(cost, pairs, mass, volume, up, whole=False), time_limit_s=10.0)
        if answer.x is not None or len(pairs[0]) == cost.size:
            break
    if answer.x is None or answer.dual is None:
        return None
    share = np.zeros_like(cost)
    share[pairs] = answer.x
    both = np.maximum(-answer.dual[len(cost):][:2 * cost.shape[1]], 0.0).reshape(2, -1)
    return share, float((share * cost).sum()), both[0], both[1]


def _same_bulk(mass: Float, volume: Float) -> bool:
    """Whether a tonne takes the same volume at every point, so that only one of the two measures can bind."""
    return bool(np.allclose(volume * mass.sum(), mass * volume.sum(), rtol=SAME, atol=0.0))


def serve_points(problem: Problem, up: Upward, site: Int, t_per_day: Float, *,
                 time_limit_s: float = 10.0) -> Int | None:
    """The open station (position in Upward) of each point, at low total cost within their capacities.

    None when the points do not fit or a station stays below its minimum. A point is served by one station. The cost is
    least to within GAP_SHARE where all fits by itself or few points and stations are looked at, else found by local
    search from the split optimum (whole_service.py).
    """
    cost = path_cost(problem, up, site, t_per_day)
    mass = t_per_day.sum(axis=1)
    volume = t_per_day @ problem.m3_per_t(problem.network.tiers[1].state)
    nearest: Int = np.argmin(cost, axis=1)
    if (cost.min(axis=1, initial=np.inf) > HOPELESS * mass).any():
        return None
    if _all_fit(nearest, mass, volume, up):
        return nearest
    split = _split(cost, mass, volume, up)
    if split is None:
        return None
    share, least_cost, per_t, per_m3 = split
    room = np.stack([up.capacity_t_per_day, np.minimum(up.capacity_m3_per_day, UNLIMITED)], axis=1)
    binds = [True, not bool((volume.sum() * room[:, 0] <= room[:, 1] * mass.sum() * (1.0 - SAME)).all())
             or not _same_bulk(mass, volume)]
    use, room = np.stack([mass, volume], axis=1)[:, binds], room[:, binds]
    worth = per_t + per_m3 * float(volume.sum() / mass.sum())
    gap = GAP_SHARE * float(np.abs(cost.min(axis=1)).sum())
    found = whole_service(np.where(cost > HOPELESS * mass[:, None], np.inf, cost), use, room,
                          _with_margin(up.least_t_per_day, up.capacity_t_per_day), worth, np.argmax(share, axis=1),
                          floor=least_cost + gap)
    rows = np.arange(len(cost))
    if cost.size > FEW_PAIRS or (found is not None and cost[rows, found].sum() <= least_cost + gap):
        return found
    model = _service_model(cost, near_pairs(cost, cost.shape[1]), mass, volume, up, whole=True)
    answer = solve(model, time_limit_s=time_limit_s, absolute_gap=gap, node_limit=NODES)
    if answer.x is None:
        return found
    exact: Int = np.argmax(answer.x.reshape(cost.shape), axis=1)
    return exact if found is None or cost[rows, exact].sum() < cost[rows, found].sum() else found


def _service_model(cost: Float, pairs: tuple[Int, Int], mass: Float, volume: Float, up: Upward, *,
                   whole: bool) -> LinearModel:
    """One column per pair of point and station."""
    (points, stations), (point, station) = cost.shape, pairs
    variable = np.arange(len(point))
    rows = RowBuilder()
    once = rows.block(points, lower=1.0, upper=1.0)
    rows.put(once + point, variable, 1.0)
    for use, capacity in ((mass, up.capacity_t_per_day), (volume, up.capacity_m3_per_day)):
        room = rows.block(stations, upper=np.where(np.isfinite(capacity), capacity, 1e9) * (1 - 1e-9))
        rows.put(room + station, variable, use[point])
    if up.least_t_per_day.any():
        enough = rows.block(stations, lower=_with_margin(up.least_t_per_day, up.capacity_t_per_day))
        rows.put(enough + station, variable, mass[point])
    way = cost[pairs] <= HOPELESS * mass[point]
    extra = np.where(way, cost[pairs] - cost.min(axis=1)[point], 0.0)
    return LinearModel(extra, np.zeros(len(point)), way.astype(np.float64), np.full(len(point), whole), rows.rows())


def _with_margin(least: Float, capacity: Float) -> Float:
    """Minimum throughputs a hair higher, for engines that keep rows to a tolerance, but within the capacity."""
    return np.where(least > 0.0, np.minimum(least * (1.0 + 1e-9) + 1e-7, capacity * (1.0 - 2e-9)), 0.0)


def _all_fit(choice: Int, mass: Float, volume: Float, up: Upward) -> bool:
    """Whether every station has room for those who choose it, and its minimum throughput."""
    arriving = np.bincount(choice, weights=mass, minlength=len(up.station))
    return (_fits(choice, mass, up.capacity_t_per_day) and _fits(choice, volume, up.capacity_m3_per_day)
            and bool((arriving >= up.least_t_per_day).all()))


def _fits(choice: Int, use: Float, capacity: Float) -> bool:
    return bool((np.bincount(choice, weights=use, minlength=len(capacity)) <= capacity * (1 + 1e-9)).all())


def send_on(problem: Problem, coefficients: Coefficients, upper: tuple[OpenSites, ...],
            arriving_t_per_day: Float, first: int = 1) -> tuple[Flows, ...] | None:
    """Least-cost flows between the open sites of tiers `first` and up; None when they do not fit or reach no minimum.

    `arriving_t_per_day` is [open sites of tier `first`, M]. One flow per pair of sites with tonnes.
    """
    if len(upper) == 1:
        return ()
    if len(upper) == 2:
        direct = _send_up(problem, coefficients, upper[0], upper[1], arriving_t_per_day, first)
        if direct is None or _bulk_fits(problem, upper[1], direct, first + 1):
            return None if direct is None else (direct,)
    materials = arriving_t_per_day.shape[1]
    rows, cursor = RowBuilder(), 0
    cost: list[Float] = []
    spans: list[tuple[int, tuple[Int, Int, Int], NDArray[np.bool_]]] = []
    for leg, (low, high) in enumerate(pairwise(upper), start=first):
        a, b, m = (i.ravel() for i in np.indices((len(low.site), len(high.site), materials)))
        column = cursor + np.arange(len(a))
        trip = coefficients.trip_cny[leg][low.site[a], high.site[b]] * problem.trips_per_t(leg)[m]
        cost.append(DAYS_PER_YEAR * (np.where(np.isfinite(trip), trip, MISSING)
                                     + coefficients.entering_cny_per_t[leg + 1][m]
                                     + coefficients.site_cny_per_t[leg + 1][high.site[b]]))
        passed = problem.passed_share(leg)
        if leg == first:
            sent = (arriving_t_per_day * passed).ravel()
            balance = rows.block(len(sent), lower=sent, upper=sent)
        else:
            balance = rows.block(len(low.site) * materials, lower=0.0, upper=0.0)
            before, (_, to, what) = spans[-1][0], spans[-1][1]
            rows.put(balance + to * materials + what, before + np.arange(len(to)), -passed[what])
        rows.put(balance + a * materials + m, column, 1.0)
        refused = ~problem.accepts(leg + 1)[high.size[b], m]
        most, least = problem.capacity_t_per_day(leg + 1)[high.size], least_t_per_day(problem, leg + 1)[high.size]
        room = rows.block(len(high.site), lower=_with_margin(least, most), upper=most)
        rows.put(room + b, column, 1.0)
        volume = problem.capacity_m3_per_day(leg + 1)[high.size]
        if np.isfinite(volume).any():
            bulk = rows.block(len(high.site), upper=volume)
            rows.put(bulk + b, column, problem.m3_per_t(problem.network.tiers[leg + 1].state)[m])
        spans.append((cursor, (a, b, m), refused))
        cursor += len(a)
    costs = np.concatenate(cost)
    barred = np.concatenate([refused for _, _, refused in spans]) | (costs > HOPELESS)
    upper_limit = np.where(barred, 0.0, np.inf)
    model = LinearModel(np.where(barred, 0.0, costs), np.zeros(cursor), upper_limit, np.zeros(cursor, dtype=bool),
                        rows.rows())
    answer = solve(model, time_limit_s=30.0)
    if answer.x is None:
        return None
    return tuple(_flows(answer.x, start, index, low, high, materials)
                 for (start, index, _), (low, high) in zip(spans, pairwise(upper), strict=True))


def _send_up(problem: Problem, coefficients: Coefficients, low: OpenSites, high: OpenSites, sent_t_per_day: Float,
             leg: int) -> Flows | None:
    """Least-cost flows over one leg within mass alone; None when they do not fit or reach no minimum."""
    trip = np.where(np.isfinite(coefficients.trip_cny[leg][low.site][:, high.site]),
                    coefficients.trip_cny[leg][low.site][:, high.site], MISSING)
    a, m = np.nonzero(sent_t_per_day * problem.passed_share(leg) > 0.0)
    cost = DAYS_PER_YEAR * (trip[a] * problem.trips_per_t(leg)[m][:, None]
                            + coefficients.entering_cny_per_t[leg + 1][m][:, None]
                            + coefficients.site_cny_per_t[leg + 1][high.site][None, :])
    way = problem.accepts(leg + 1)[high.size].T[m] & (cost <= HOPELESS)
    most, least = problem.capacity_t_per_day(leg + 1)[high.size], least_t_per_day(problem, leg + 1)[high.size]
    sent = (sent_t_per_day * problem.passed_share(leg))[a, m]
    found = cheapest_split(np.where(way, cost, np.inf), sent, _with_margin(least, most), most * (1.0 + ROUNDING))
    if found is None:
        return None
    table = np.zeros((len(low.site), len(high.site), sent_t_per_day.shape[1]))
    table[a, :, m] = found.tonnes
    at, to = np.nonzero(table.sum(axis=2) > 0.0)
    return Flows(low.site[at], high.site[to], table[at, to])


def _bulk_fits(problem: Problem, high: OpenSites, flows: Flows, level: int) -> bool:
    """Whether flows into a tier keep the volumes of its sites."""
    bulk = flows.t_per_day @ problem.m3_per_t(problem.network.tiers[level].state)
    load = np.bincount(np.searchsorted(high.site, flows.destination), weights=bulk, minlength=len(high.site))
    return bool((load <= problem.capacity_m3_per_day(level)[high.size] * (1.0 + ROUNDING)).all())


def _flows(x: Float, first: int, index: tuple[Int, Int, Int], low: OpenSites, high: OpenSites,
           materials: int) -> Flows:
    a, b, m = index
    table = np.zeros((len(low.site), len(high.site), materials))
    table[a, b, m] = np.maximum(x[first:first + len(a)], 0.0)
    table[table < 1e-12] = 0.0
    at, to = np.nonzero(table.sum(axis=2) > 0.0)
    return Flows(low.site[at], high.site[to], table[at, to])
