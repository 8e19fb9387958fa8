"""The tiers above the first as one integer programme over a kernel of promising sites (OR-Tools MathOpt, HiGHS).

The first tier's loads are given; they are merged into groups that see the sites above alike, since a few dozen groups
decide which stations and centres to build. Sizes, mass and volume capacities, accepted materials, minimum throughputs,
sites that must be open and the side rules over open sites are rows of the model.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.vq import kmeans2

from optimizer.network import DAYS_PER_YEAR
from optimizer.objectives import Coefficients
from optimizer.plan import OpenSites
from optimizer.prices import no_prices, onward_prices
from optimizer.problem import Problem, SiteStatus
from optimizer.solvers.large_service import is_large, near_pairs
from optimizer.solvers.linear import LinearModel, RowBuilder, solve

Float = NDArray[np.float64]
Int = NDArray[np.int64]

GROUPS = 24
GROUPS_PER_SITE = 0.5
"""Groups of loads for every site of tier 1 that the loads need at least, where that is more."""
MANY_SITES, LEAST_GAP = 24, 0.05
"""Where the loads need more sites of tier 1, the programme is solved to this share only: upper_search.py goes on."""
KERNEL_GROUPS = 8
PER_SIZE = 3
"""Sites of each size of the higher tiers that enter the kernel."""
NEAR_STATIONS = 8
NEAR_ABOVE = 8
"""In a large programme a group may use so many stations, and a station so many sites of each kind above it."""
TRIM_SHARE = 0.03
"""Part of the loads that may be given up at the supply's trim price, where a cheaper mix of sites is a little small."""
TURNED_AWAY_CNY_PER_T = 3000.0
"""Only steers the model: what a tonne costs that finds no room in the kernel."""
FAR_CNY = 1e6
"""A trip that dear stands for 'no way'."""


@dataclass(frozen=True)
class UpperChoice:
    """Open sites of every tier above the first (index 0 is tier 1)."""

    open_sites: tuple[OpenSites, ...]
    hit_time_limit: bool


@dataclass(frozen=True)
class Supply:
    """What the sites of the first tier send up: site index and t/day per material, [S] and [S, M]."""

    site: Int
    t_per_day: Float
    trim_cny_per_year: float | None = None
    """What a t/day is worth that is captured last, CNY per year; up to TRIM_SHARE may be given up at this price."""
    row_room: Float | None = None
    """What the first tier leaves of the side rules, as signed values (RowSet.most), [R]; None without rules."""


def choose_upper_tiers(problem: Problem, coefficients: Coefficients, supply: Supply, *, gap: float,
                       time_limit_s: float, seed: int) -> UpperChoice | None:
    """Sites and sizes of all tiers above the first for given loads; None when nothing was found in time."""
    group, cost = _groups(problem, coefficients, supply, seed)
    kernel = _kernel(problem, coefficients, supply, seed)
    model, layout = _build(problem, coefficients, group, cost, kernel, supply)
    scale = float(np.abs(model.cost[model.integer]).min()) if model.integer.any() else 1.0
    enough = max(gap, LEAST_GAP) if _needed(problem, supply, 1) > MANY_SITES else gap
    answer = solve(model, time_limit_s=time_limit_s, relative_gap=enough, absolute_gap=0.05 * scale)
    if answer.x is None:
        return None
    opened = []
    for level, (first, pairs) in enumerate(layout, start=1):
        on = np.flatnonzero(answer.x[first:first + len(pairs)] > 0.5)
        site, size = kernel[level][pairs[on, 0]], pairs[on, 1]
        order = np.argsort(site, kind="stable")
        opened.append(OpenSites(site[order], size[order]))
    return UpperChoice(tuple(opened), answer.hit_time_limit)


def _needed(problem: Problem, supply: Supply, level: int) -> int:
    """At least how many sites of a tier the loads need, each in a typical largest size."""
    largest = np.where(problem.sites[level].allowed, problem.capacity_t_per_day(level)[None, :], 0.0).max(axis=1)
    return math.ceil(float(supply.t_per_day.sum()) / max(float(np.median(largest[largest > 0.0])), 1e-9))


def _groups(problem: Problem, coefficients: Coefficients, supply: Supply, seed: int) -> tuple[Float, Float]:
    """Loads merged into groups, [G, M], and their mean trip cost to every site of tier 1, [G, J_1].

    A group that holds a load without a way to a site has none either (inf).
    """
    trip = _bounded(coefficients.trip_cny[0][supply.site])
    wanted = max(GROUPS, int(GROUPS_PER_SITE * _needed(problem, supply, 1)))
    label = _cluster(trip, min(wanted, len(supply.site)), seed)
    count = int(label.max()) + 1 if len(label) else 0
    load = np.zeros((count, supply.t_per_day.shape[1]))
    np.add.at(load, label, supply.t_per_day)
    weight = supply.t_per_day.sum(axis=1)
    cost = np.zeros((count, trip.shape[1]))
    np.add.at(cost, label, trip * weight[:, None])
    barred = np.zeros(cost.shape, dtype=bool)
    np.logical_or.at(barred, label, trip >= FAR_CNY)
    cost[barred] = np.inf
    return load, cost / np.maximum(load.sum(axis=1), 1e-12)[:, None]


def _bounded(trip_cny: Float) -> Float:
    """Trip costs with FAR_CNY where there is no way, so that sums and means stay finite."""
    return np.minimum(trip_cny, FAR_CNY)


def _cluster(trip: Float, count: int, seed: int) -> Int:
    """Groups of rows that see the columns alike; labels are consecutive."""
    if len(trip) <= count:
        return np.arange(len(trip))
    landmarks = np.unique(np.linspace(0, trip.shape[1] - 1, 12).astype(np.int64))
    _, label = kmeans2(trip[:, landmarks], count, minit="++", rng=np.random.default_rng(seed), missing="warn")
    return np.unique(label, return_inverse=True)[1].astype(np.int64)


def _kernel(problem: Problem, coefficients: Coefficients, supply: Supply, seed: int) -> list[Int]:
    """Promising sites per tier: central for each part of the city and each size, all that must stay or may close."""
    kernel: list[Int] = [np.empty(0, dtype=np.int64)]
    trip = _bounded(coefficients.trip_cny[0][supply.site])
    weight = supply.t_per_day.sum(axis=1)
    needed = [_needed(problem, supply, level) for level in range(1, len(problem.sites))]
    area = _cluster(trip, min(max(KERNEL_GROUPS, 2 * needed[0]), len(supply.site)), seed + 1)
    pull = np.zeros((int(area.max()) + 1 if len(area) else 0, trip.shape[1]))
    np.add.at(pull, area, trip * weight[:, None])
    for level in range(1, len(problem.sites)):
        sites = problem.sites[level]
        chosen = [np.flatnonzero(sites.status != SiteStatus.NEW)]
        for size in range(sites.allowed.shape[1]):
            fits = np.flatnonzero(sites.allowed[:, size])
            if len(fits) == 0:
                continue
            if level == 1:
                chosen.append(fits[np.argmin(pull[:, fits], axis=1)])
            central = pull.sum(axis=0)[fits] if level == 1 else pull[:, fits].mean(axis=0)
            chosen.append(fits[np.argsort(central, kind="stable")[:max(PER_SIZE, needed[level - 1])]])
        for row in problem.site_rows:
            if row.sense == ">=":
                inside = np.unique(row.site[(row.tier == level) & (row.amount > 0.0)])
                count = math.ceil(row.limit / row.amount.max(initial=1e-12)) + 2
                chosen.append(inside[np.argsort(pull[:, inside].sum(axis=0), kind="stable")[:count]])
        kernel.append(np.unique(np.concatenate(chosen)))
        below = problem.sites[level - 1].stands_for
        if below is not None:  # every direct way to a site of the kernel
            direct = np.flatnonzero(np.isin(below, kernel[level]) & (below >= 0))
            kernel[level - 1] = np.union1d(kernel[level - 1], direct)
        if level + 1 < len(problem.sites):
            pull = _bounded(coefficients.trip_cny[level][kernel[level]])
    return kernel


def _build(problem: Problem, coefficients: Coefficients, group: Float, group_trip: Float,
           kernel: list[Int], supply: Supply) -> tuple[LinearModel, list[tuple[int, Int]]]:
    """The model and, per tier above the first, its first site variable and the (kernel row, size) pairs."""
    rows, cost, layout = RowBuilder(), [], []
    groups, materials = group.shape
    sites_1 = kernel[1]
    entering = coefficients.entering_cny_per_t
    per_t = DAYS_PER_YEAR * (group @ problem.trips_per_t(0))
    share_cost = (np.maximum(per_t, 1e-12)[:, None] * group_trip[:, sites_1]
                  + DAYS_PER_YEAR * (group @ entering[1])[:, None]
                  + DAYS_PER_YEAR * group.sum(axis=1)[:, None] * coefficients.site_cny_per_t[1][sites_1])
    g, t = near_pairs(np.where(np.isfinite(share_cost), share_cost, np.inf), NEAR_STATIONS)
    cost += [share_cost[g, t], DAYS_PER_YEAR * TURNED_AWAY_CNY_PER_T * group.sum(axis=1)]
    share = np.arange(len(g))
    away = len(share) + np.arange(groups)
    served = rows.block(groups, lower=1.0, upper=1.0)
    rows.put(served + g, share, 1.0)
    rows.put(served + np.arange(groups), away, 1.0)
    cursor = len(share) + groups
    if supply.trim_cny_per_year is not None:
        onward = group @ _onward(problem, coefficients, sites_1).T
        path = np.min(per_t[:, None] * group_trip[:, sites_1] + onward, axis=1)
        cost.append(path + supply.trim_cny_per_year * group.sum(axis=1))
        _trim_rows(rows, served, cursor + np.arange(groups), group.sum(axis=1))
        cursor += groups
    # arriving tonnes per (kernel row, material) as triplets: row, material, column, tonnes per unit of the column
    arriving = (np.repeat(t, materials), np.tile(np.arange(materials), len(t)), np.repeat(share, materials),
                group[g].ravel())
    for level in range(1, len(problem.sites)):
        pairs = np.argwhere(problem.sites[level].allowed[kernel[level]])
        layout.append((cursor, pairs))
        at = kernel[level][pairs[:, 0]]
        cost.append(coefficients.open_cny_per_year[level][at, pairs[:, 1]]
                    - coefficients.closed_cny_per_year[level][at])
        column = cursor + np.arange(len(pairs))
        cursor += len(pairs)
        count = len(kernel[level])
        _site_rows(rows, problem, level, kernel[level], pairs, column)
        _capacity_rows(rows, problem, level, count, pairs, column, arriving)
        if level == 1:
            linked = rows.block(len(share), upper=0.0)
            rows.put(linked + share, share, 1.0)
            here, size = np.nonzero(t[:, None] == pairs[:, 0][None, :])
            rows.put(linked + here, column[size], -1.0)
        _accept_rows(rows, problem, level, count, pairs, column, arriving, group.sum(axis=0))
        if level + 1 < len(problem.sites):
            haul, arriving = _flow_rows(rows, problem, coefficients, level, kernel, cursor, arriving)
            cost.append(haul)
            cursor += len(haul)
    _side_rows(rows, problem, kernel, layout, supply.row_room)
    costs = np.concatenate(cost)
    integer = np.zeros(cursor, dtype=bool)
    upper = np.where(np.isfinite(costs), np.inf, 0.0)  # where there is no way, nothing goes
    costs = np.where(np.isfinite(costs), costs, 0.0)
    for first, pairs in layout:
        integer[first:first + len(pairs)] = True
        upper[first:first + len(pairs)] = 1.0
    return LinearModel(costs, np.zeros(cursor), upper, integer, rows.rows()), layout


Arriving = tuple[Int, Int, Int, Float]
"""Tonnes arriving at a tier as triplets: kernel row, material, column, tonnes per unit of the column."""


def _flow_rows(rows: RowBuilder, problem: Problem, coefficients: Coefficients, level: int, kernel: list[Int],
               cursor: int, arriving: Arriving) -> tuple[Float, Arriving]:
    """Flows from a tier to the next, per material, as new columns from `cursor`: their costs, and what they bring."""
    materials = len(problem.network.materials)
    low, high = kernel[level], kernel[level + 1]
    low_at, high_at = _near_above(problem, coefficients, level, low, high)
    t, c = np.repeat(low_at, materials), np.repeat(high_at, materials)
    m = np.tile(np.arange(materials), len(low_at))
    flow = cursor + np.arange(len(t))
    haul = coefficients.trip_cny[level][low[t], high[c]] * problem.trips_per_t(level)[m]
    balance = rows.block(len(low) * materials, lower=0.0, upper=0.0)
    rows.put(balance + t * materials + m, flow, 1.0)
    at, material, column, tonnes = arriving
    rows.put(balance + at * materials + material, column, -tonnes * problem.passed_share(level)[material])
    cost = DAYS_PER_YEAR * (haul + coefficients.entering_cny_per_t[level + 1][m]
                            + coefficients.site_cny_per_t[level + 1][high[c]])
    return cost, (c, m, flow, np.ones(len(flow)))


def _near_above(problem: Problem, coefficients: Coefficients, level: int, low: Int, high: Int) -> tuple[Int, Int]:
    """Pairs of kernel sites of a tier and the next that may be joined: all, or the nearest of each kind to each site.

    Sites are of one kind if they may be built for the same materials.
    """
    trip = _bounded(coefficients.trip_cny[level][low][:, high])
    if not is_large(trip):
        return near_pairs(trip, trip.shape[1])
    takes = (problem.sites[level + 1].allowed[high].astype(np.int64) @ problem.accepts(level + 1).astype(np.int64)) > 0
    _, kind = np.unique(takes, axis=0, return_inverse=True)
    table = np.zeros(trip.shape, dtype=bool)
    for one in np.unique(kind):
        inside = np.flatnonzero(kind.ravel() == one)
        order = np.argsort(trip[:, inside], axis=1, kind="stable")[:, :NEAR_ABOVE]
        table[np.arange(len(low))[:, None], inside[order]] = True
    low_at, high_at = np.nonzero(table)
    return low_at.astype(np.int64), high_at.astype(np.int64)


def _onward(problem: Problem, coefficients: Coefficients, stations: Int) -> Float:
    """Least price of a t/day from some sites of tier 1 to the end, whatever is open there, [T, M]."""
    return onward_prices(problem, coefficients, no_prices(problem))[1][stations]


def _trim_rows(rows: RowBuilder, served: int, trimmed: Int, weight: Float) -> None:
    """A little of the loads may be given up instead of served."""
    rows.put(served + np.arange(len(trimmed)), trimmed, 1.0)
    some = rows.block(1, upper=TRIM_SHARE * float(weight.sum()))
    rows.put(np.full(len(trimmed), some), trimmed, weight)


def _site_rows(rows: RowBuilder, problem: Problem, level: int, kernel: Int, pairs: Int, column: Int) -> None:
    """One size per site, sites that must be open."""
    keep = problem.sites[level].must_open[kernel].astype(np.float64)
    one = rows.block(len(kernel), lower=keep, upper=1.0)
    rows.put(one + pairs[:, 0], column, 1.0)


def _capacity_rows(rows: RowBuilder, problem: Problem, level: int, count: int, pairs: Int, column: Int,
                   arriving: Arriving) -> None:
    """Mass and volume within the open sizes, and their minimum throughput."""
    at, material, variable, tonnes = arriving
    mass = rows.block(count, upper=0.0)
    rows.put(mass + at, variable, tonnes)
    most = float(problem.demand.generated_t_per_day.sum()) + 1.0  # huge rooms would only blur the programme
    rows.put(mass + pairs[:, 0], column, -np.minimum(problem.capacity_t_per_day(level), most)[pairs[:, 1]])
    volume = problem.capacity_m3_per_day(level)
    if np.isfinite(volume).any():
        limit = np.where(np.isfinite(volume), volume, 1e9)
        bulk = rows.block(count, upper=0.0)
        rows.put(bulk + at, variable, tonnes * problem.m3_per_t(problem.network.tiers[level].state)[material])
        rows.put(bulk + pairs[:, 0], column, -limit[pairs[:, 1]])
    least = np.array([size.min_t_per_day for size in problem.network.tiers[level].sizes])
    if least.any():
        enough = rows.block(count, lower=0.0)
        rows.put(enough + at, variable, tonnes)
        rows.put(enough + pairs[:, 0], column, -least[pairs[:, 1]])


def _accept_rows(rows: RowBuilder, problem: Problem, level: int, count: int, pairs: Int, column: Int,
                 arriving: Arriving, supply: Float) -> None:
    """A material only goes to a site whose open size accepts it."""
    at, material, variable, tonnes = arriving
    materials = len(supply)
    accepts = problem.accepts(level)
    if level == 1 and accepts.all():
        return  # the strong links of the shares say it already
    row = rows.block(count * materials, upper=0.0)
    rows.put(row + at * materials + material, variable, tonnes)
    pair, accepted = np.nonzero(accepts[pairs[:, 1]])
    rows.put(row + pairs[pair, 0] * materials + accepted, column[pair], -supply[accepted])


def _side_rows(rows: RowBuilder, problem: Problem, kernel: list[Int], layout: list[tuple[int, Int]],
               room: Float | None) -> None:
    """The side rules over open sites, within what the first tier leaves of them."""
    rules = problem.rows
    if not len(rules):
        return
    found = []
    for level, (first, pairs) in enumerate(layout, start=1):
        entries = rules.tiers[level]
        column = np.full(len(entries.first) - 1, -1, dtype=np.int64)
        column[kernel[level][pairs[:, 0]] * entries.sizes + pairs[:, 1]] = first + np.arange(len(pairs))
        here = column[entries.option] >= 0
        found.append((entries.row[here], column[entries.option[here]], entries.amount[here]))
    row, variable, amount = (np.concatenate(arrays) for arrays in zip(*found, strict=True))
    used, number = np.unique(row, return_inverse=True)
    start = rows.block(len(used), upper=(rules.most if room is None else room)[used])
    rows.put(start + number.astype(np.int64), variable, amount)
