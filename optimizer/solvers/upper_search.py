"""Improving the tiers above the first for given loads: open, close, move and resize one site at a time.

A move is first priced without capacities, which can only flatter it; what still looks good is then assigned for real.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from optimizer.objectives import Coefficients
from optimizer.plan import OpenSites
from optimizer.pools import last_tier_limits
from optimizer.problem import Problem, SiteStatus
from optimizer.solvers.assignment import MISSING, path_cost, send_on, transport, upward
from optimizer.solvers.upper_tiers import Supply

Float = NDArray[np.float64]
Int = NDArray[np.int64]

Upper = tuple[OpenSites, ...]
WORTH_CNY_PER_YEAR = 1.0
"""Smaller savings are noise."""
PASSES = 12


def improve_upper(problem: Problem, coefficients: Coefficients, upper: Upper, supply: Supply) -> Upper:
    """Upper tiers no single move of this file improves any more (or after PASSES passes).

    A chain that is broken somewhere, or that has nothing to carry, is returned as it is.
    """
    if not len(supply.site) or not all(len(opened.site) for opened in upper):
        return upper
    value = upper_cost(problem, coefficients, upper, supply)
    for _ in range(PASSES):
        better = _first_better(problem, coefficients, upper, supply, value)
        if better is None:
            return upper
        upper, value = better
    return upper


def _first_better(problem: Problem, coefficients: Coefficients, upper: Upper, supply: Supply,
                  value: float) -> tuple[Upper, float] | None:
    """The best move of the first tier that has one, with its value."""
    for level in range(len(upper), 0, -1):
        hopeful = sorted(_hopeful(problem, coefficients, upper, supply, level, value), key=lambda item: item[0])
        best: tuple[Upper, float] | None = None
        for estimate, move in hopeful:
            if estimate >= (value if best is None else best[1]) - WORTH_CNY_PER_YEAR:
                break
            cost = upper_cost(problem, coefficients, move, supply)
            if cost < (value if best is None else best[1]) - WORTH_CNY_PER_YEAR:
                best = (move, cost)
        if best is not None:
            return best
    return None


def upper_cost(problem: Problem, coefficients: Coefficients, upper: Upper, supply: Supply) -> float:
    """Yearly cost of the upper tiers with every load served, inf when the loads do not fit."""
    if not lawful(problem, upper):
        return np.inf
    up = upward(problem, coefficients, upper)
    if len(up.station) == 0:
        return np.inf
    served = transport(problem, up, supply.site, supply.t_per_day)
    if served is None:
        return np.inf
    arriving = served.share.T @ supply.t_per_day
    flows = send_on(problem, coefficients, upper, arriving)
    if flows is None:
        return np.inf
    loads = supply.t_per_day @ problem.trips_per_t(0)
    total = _fixed(coefficients, upper) + float(
        (loads[:, None] * served.share * np.minimum(up.trip_cny_per_year[supply.site], MISSING)).sum())
    total += 365.0 * float(arriving.sum(axis=0) @ coefficients.entering_cny_per_t[1])
    for leg, flow in enumerate(flows, start=1):
        trips = flow.t_per_day @ problem.trips_per_t(leg)
        total += 365.0 * float(trips @ coefficients.trip_cny[leg][flow.origin, flow.destination])
        total += 365.0 * float(flow.t_per_day.sum(axis=0) @ coefficients.entering_cny_per_t[leg + 1])
    return total if total < MISSING else np.inf


def lawful(problem: Problem, upper: Upper) -> bool:
    """Whether sites that must stay are open, minimum counts hold and shared parcels are large enough."""
    used: dict[str, float] = {}
    for level, opened in enumerate(upper, start=1):
        sites, tier = problem.sites[level], problem.network.tiers[level]
        if not set(np.flatnonzero(sites.status == SiteStatus.KEEP)) <= set(opened.site):
            return False
        for site, size in zip(opened.site, opened.size, strict=True):
            name = sites.ids[int(site)]
            used[name] = used.get(name, 0.0) + tier.sizes[int(size)].area_m2
            if used[name] > sites.area_m2[site] + 1e-9:
                return False
        for rule in problem.min_sites:
            if rule.tier == level and (sites.zone_of[opened.site] == rule.zone).sum() < rule.count:
                return False
    return True


def _fixed(coefficients: Coefficients, upper: Upper) -> float:
    total = 0.0
    for level, opened in enumerate(upper, start=1):
        total += float((coefficients.open_cny_per_year[level][opened.site, opened.size]
                        - coefficients.closed_cny_per_year[level][opened.site]).sum())
    return total


def _hopeful(problem: Problem, coefficients: Coefficients, upper: Upper, supply: Supply, level: int,
             value: float) -> Iterator[tuple[float, Upper]]:
    """Moves on one tier whose cost without capacities undercuts the present value."""
    if level == 1:
        yield from _station_moves(problem, coefficients, upper, supply, value)
        return
    for changed in _changes(problem, upper, level):
        if _room(problem, changed, supply) and _fixed(coefficients, changed) < value:
            up = upward(problem, coefficients, changed)
            estimate = _fixed(coefficients, changed) + float(path_cost(problem, up, supply.site,
                                                                       supply.t_per_day).min(axis=1).sum())
            if estimate < value - WORTH_CNY_PER_YEAR:
                yield estimate, changed


def _changes(problem: Problem, upper: Upper, level: int) -> Iterator[Upper]:
    """Every opening, closing, move and resizing of one site of a tier."""
    opened, sites = upper[level - 1], problem.sites[level]
    options = np.argwhere(sites.allowed)
    for row in range(len(opened.site) + 1):
        rest = np.arange(len(opened.site)) != row
        site, size = opened.site[rest], opened.size[rest]
        if row < len(opened.site):
            yield _replaced(upper, level, site, size)
        for new_site, new_size in options:
            if new_site not in site:
                yield _replaced(upper, level, np.append(site, new_site), np.append(size, new_size))


def _replaced(upper: Upper, level: int, site: Int, size: Int) -> Upper:
    order = np.argsort(site, kind="stable")
    return (*upper[: level - 1], OpenSites(site[order].astype(np.int64), size[order].astype(np.int64)), *upper[level:])


def _room(problem: Problem, upper: Upper, supply: Supply) -> bool:
    """Whether the totals fit: mass and volume of tier 1, accepted mass of the last tier."""
    total = supply.t_per_day.sum(axis=0)
    mass = problem.capacity_t_per_day(1)[upper[0].size].sum()
    volume = problem.capacity_m3_per_day(1)[upper[0].size].sum()
    bulk = float(total @ problem.m3_per_t(problem.network.tiers[1].state))
    if total.sum() > mass * (1 + 1e-9) or bulk > volume * (1 + 1e-9):
        return False
    coefficients, limits = last_tier_limits(problem, upper[-1].size)
    return bool((coefficients @ total <= limits * (1 + 1e-9) + 1e-9).all())


def _station_moves(problem: Problem, coefficients: Coefficients, upper: Upper, supply: Supply,
                   value: float) -> Iterator[tuple[float, Upper]]:
    """Moves on tier 1, priced for all candidate sites at once."""
    everything = np.arange(len(problem.sites[1]))
    every_size = problem.sites[1].allowed.argmax(axis=1)
    up = upward(problem, coefficients, (OpenSites(everything, every_size), *upper[1:]))
    cost = path_cost(problem, up, supply.site, supply.t_per_day)
    opened, sites = upper[0], problem.sites[1]
    fixed = coefficients.open_cny_per_year[1] - coefficients.closed_cny_per_year[1][:, None]
    others = _fixed(coefficients, upper) - float(fixed[opened.site, opened.size].sum())
    for row in range(len(opened.site) + 1):
        rest = np.arange(len(opened.site)) != row
        site, size = opened.site[rest], opened.size[rest]
        kept = float(fixed[site, size].sum()) + others
        path = cost[:, site].min(axis=1) if len(site) else np.full(len(cost), np.inf)
        if row < len(opened.site) and len(site):
            yield from _if_hopeful(problem, upper, 1, site, size, kept + float(path.sum()), value, supply)
        joint = np.minimum(path[:, None], cost).sum(axis=0)
        estimate = np.where(sites.allowed, fixed + (kept + joint)[:, None], np.inf)
        estimate[site] = np.inf
        for new_site, new_size in np.argwhere(estimate < value - WORTH_CNY_PER_YEAR):
            yield from _if_hopeful(problem, upper, 1, np.append(site, new_site), np.append(size, new_size),
                                   float(estimate[new_site, new_size]), value, supply)


def _if_hopeful(problem: Problem, upper: Upper, level: int, site: Int, size: Int, estimate: float, value: float,
                supply: Supply) -> Iterator[tuple[float, Upper]]:
    if estimate < value - WORTH_CNY_PER_YEAR:
        changed = _replaced(upper, level, site, size)
        if _room(problem, changed, supply):
            yield estimate, changed
