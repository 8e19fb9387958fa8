"""Improving the tiers above the first for given loads: open, close, move and resize one site at a time.

A move is first priced without capacities, which can only flatter it; what still looks good is then assigned for real.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from optimizer.bypass import with_direct
from optimizer.configurations import last_tier, mix_cost_cny_per_year, mixes
from optimizer.network import DAYS_PER_YEAR
from optimizer.objectives import Coefficients
from optimizer.plan import OpenSites
from optimizer.pools import last_tier_limits
from optimizer.prices import NO_WAY
from optimizer.problem import Problem
from optimizer.site_rows import ROW_ALLOWANCE
from optimizer.solvers.assignment import MISSING, path_cost, send_on, transport, upward
from optimizer.solvers.large_service import DENSE_PAIRS
from optimizer.solvers.upper_tiers import TRIM_SHARE, Supply

Float = NDArray[np.float64]
Int = NDArray[np.int64]

Upper = tuple[OpenSites, ...]
WORTH_CNY_PER_YEAR = 1.0
"""Smaller savings are noise."""
PASSES = 12
"""Fewer where points and stations are very many: the programme of solvers/upper_tiers.py has done most of the work."""
MIXES = 8
"""Mixes of sizes of the last tier tried in one pass."""
TRIES = 24
"""Moves assigned for real in one pass over a tier, the most hopeful first; fewer where one takes long."""
LEAST_TRIES = 4


def improve_upper(problem: Problem, coefficients: Coefficients, upper: Upper, supply: Supply) -> Upper:
    """Upper tiers no single move of this file improves any more (or after PASSES passes).

    A chain that is broken somewhere, or that has nothing to carry, is returned as it is.
    """
    if not len(supply.site) or not all(len(opened.site) for opened in upper):
        return upper
    if supply.row_room is not None:  # a rule that is exceeded already may not get worse
        present = problem.rows.values(upper, 1)
        slack = ROW_ALLOWANCE * np.maximum(1.0, np.abs(present))
        supply = replace(supply, row_room=np.maximum(supply.row_room, present + slack))
    upper = with_direct(problem, upper)
    value = upper_cost(problem, coefficients, upper, supply)
    room = _Room(problem, supply)
    pairs = len(supply.site) * len(upper[0].site)
    for _ in range(max(1, min(PASSES, PASSES * DENSE_PAIRS // pairs))):
        better = _first_better(problem, coefficients, upper, supply, value, room)
        if better is None:
            return upper
        upper, value = better
    return upper


def _first_better(problem: Problem, coefficients: Coefficients, upper: Upper, supply: Supply, value: float,
                  room: _Room) -> tuple[Upper, float] | None:
    """The best move of the first tier that has one, with its value."""
    for level in range(len(upper), 0, -1):
        moves = _hopeful(problem, coefficients, upper, supply, level, value, room)
        pairs = len(supply.site) * len(upper[0].site)
        tries = max(LEAST_TRIES, min(TRIES, TRIES * DENSE_PAIRS // pairs))
        hopeful = sorted(moves, key=lambda item: item[0])[:tries]
        if level == len(upper):
            others = _other_mixes(problem, coefficients, upper, supply, room)
            hopeful = [*((-np.inf, other) for other in others), *hopeful]
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
    """Yearly cost of the upper tiers for the loads, inf when they do not fit.

    Up to TRIM_SHARE of the loads may be given up at the supply's trim price; the rest then stands for all.
    """
    if not lawful(problem, upper, supply.row_room) or len(upper[0].site) == 0:
        return np.inf
    share = fitting_share(problem, upper, supply.t_per_day.sum(axis=0))
    if share < _least_share(supply):
        return np.inf
    t_per_day = supply.t_per_day * share
    up = upward(problem, coefficients, upper)
    served = transport(problem, up, supply.site, t_per_day)
    if served is None:
        return np.inf
    arriving = served.share.T @ t_per_day
    flows = send_on(problem, coefficients, upper, arriving)
    if flows is None:
        return np.inf
    loads = t_per_day @ problem.trips_per_t(0)
    running = float((loads[:, None] * served.share * np.minimum(up.trip_cny_per_year[supply.site], MISSING)).sum())
    running += DAYS_PER_YEAR * float(arriving.sum(axis=0) @ coefficients.entering_cny_per_t[1])
    running += DAYS_PER_YEAR * float(arriving.sum(axis=1) @ coefficients.site_cny_per_t[1][up.station])
    for leg, flow in enumerate(flows, start=1):
        trips = flow.t_per_day @ problem.trips_per_t(leg)
        running += DAYS_PER_YEAR * float(trips @ coefficients.trip_cny[leg][flow.origin, flow.destination])
        running += DAYS_PER_YEAR * float(flow.t_per_day.sum(axis=0) @ coefficients.entering_cny_per_t[leg + 1])
        running += DAYS_PER_YEAR * float(flow.t_per_day.sum(axis=1)
                                         @ coefficients.site_cny_per_t[leg + 1][flow.destination])
    given_up = (supply.trim_cny_per_year or 0.0) * (1.0 - share) * float(supply.t_per_day.sum())
    total = float(_fixed(coefficients, upper) + running / share + given_up)
    return total if total < MISSING else math.inf


def _least_share(supply: Supply) -> float:
    return 1.0 - 1e-9 if supply.trim_cny_per_year is None else 1.0 - TRIM_SHARE


def fitting_share(problem: Problem, upper: Upper, total_t_per_day: Float) -> float:
    """Which share of the loads, at most 1, fits the mass and volume of tier 1 and the last tier, by sizes alone."""
    tonnes = float(total_t_per_day.sum())
    bulk = float(total_t_per_day @ problem.m3_per_t(problem.network.tiers[1].state))
    per_t, limits = last_tier_limits(problem, upper[-1].size)
    rooms = [(float(problem.capacity_t_per_day(1)[upper[0].size].sum()), tonnes),
             (float(problem.capacity_m3_per_day(1)[upper[0].size].sum()), bulk),
             *zip(limits.tolist(), (per_t @ total_t_per_day).tolist(), strict=True)]
    return float(min([1.0, *(room / need for room, need in rooms if need > 0.0)]))


def lawful(problem: Problem, upper: Upper, row_room: Float | None) -> bool:
    """Whether sites that must stay are open, and the side rules keep within their room (see Supply.row_room)."""
    for level, opened in enumerate(upper, start=1):
        if not set(np.flatnonzero(problem.sites[level].must_open)) <= set(opened.site):
            return False
    return row_room is None or bool((problem.rows.values(upper, 1) <= row_room).all())


def _fixed(coefficients: Coefficients, upper: Upper) -> float:
    total = 0.0
    for level, opened in enumerate(upper, start=1):
        total += float((coefficients.open_cny_per_year[level][opened.site, opened.size]
                        - coefficients.closed_cny_per_year[level][opened.site]).sum())
    return total


def _hopeful(problem: Problem, coefficients: Coefficients, upper: Upper, supply: Supply, level: int,
             value: float, room: _Room) -> Iterator[tuple[float, Upper]]:
    """Moves on one tier whose cost without capacities undercuts the present value."""
    if level == 1:
        yield from _station_moves(problem, coefficients, upper, supply, value, room)
        return
    for change in _changes(problem, upper, level):
        changed = with_direct(problem, change)
        if room.suffices(changed) and _fixed(coefficients, changed) < value:
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


def _other_mixes(problem: Problem, coefficients: Coefficients, upper: Upper, supply: Supply,
                 room: _Room) -> Iterator[Upper]:
    """The whole last tier exchanged for one of the cheapest mixes of sizes that hold the loads, on central sites."""
    level = len(upper)
    tier, sites = last_tier(problem, coefficients), problem.sites[level]
    rows = mixes(tier, cheaper_than=_dearest_worth_trying(coefficients, upper))
    if rows is None:
        return
    trip = np.where(np.isfinite(coefficients.trip_cny[level - 1]), coefficients.trip_cny[level - 1], NO_WAY)
    below = upper[level - 2].site if level > 1 else supply.site
    taken = {problem.sites[n].ids[int(s)] for n, o in enumerate(upper[:-1], start=1) for s in o.site}
    central = [int(s) for s in np.argsort(trip[below].sum(axis=0), kind="stable") if sites.ids[int(s)] not in taken]
    keep = np.flatnonzero(sites.must_open)
    tried = 0
    for row in rows[np.argsort(mix_cost_cny_per_year(tier, rows), kind="stable")]:
        chosen = dict.fromkeys(keep.tolist(), 0)
        chosen = {site: int(np.argmax(sites.allowed[site])) for site in chosen}
        for size in np.repeat(np.arange(len(row)), row):
            free = next((s for s in central if sites.allowed[s, size] and s not in chosen), None)
            if free is not None:
                chosen[free] = int(size)
        changed = _replaced(upper, level, np.array([*chosen], dtype=np.int64), np.array([*chosen.values()], np.int64))
        changed = with_direct(problem, changed)
        if len(chosen) == len(keep) + row.sum() and room.suffices(changed):
            yield changed
            tried += 1
            if tried == MIXES:
                return


def _dearest_worth_trying(coefficients: Coefficients, upper: Upper) -> float:
    """Twice what the open sites of the last tier cost, CNY per year."""
    opened = upper[-1]
    return 2.0 * float(coefficients.open_cny_per_year[len(upper)][opened.site, opened.size].sum()) + 1.0


def _replaced(upper: Upper, level: int, site: Int, size: Int) -> Upper:
    order = np.argsort(site, kind="stable")
    return (*upper[: level - 1], OpenSites(site[order].astype(np.int64), size[order].astype(np.int64)), *upper[level:])


class _Room:
    """Whether enough of the loads fits; sizes alone decide, so answers are kept."""

    def __init__(self, problem: Problem, supply: Supply) -> None:
        self._problem, self._total, self._least = problem, supply.t_per_day.sum(axis=0), _least_share(supply)
        self._known: dict[tuple[tuple[int, ...], tuple[int, ...]], bool] = {}

    def suffices(self, upper: Upper) -> bool:
        key = (tuple(sorted(upper[0].size.tolist())), tuple(sorted(upper[-1].size.tolist())))
        if key not in self._known:
            self._known[key] = fitting_share(self._problem, upper, self._total) >= self._least
        return self._known[key]


def _station_moves(problem: Problem, coefficients: Coefficients, upper: Upper, supply: Supply,
                   value: float, room: _Room) -> Iterator[tuple[float, Upper]]:
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
            yield from _if_hopeful(upper, site, size, kept + float(path.sum()), value, room)
        joint = np.minimum(path[:, None], cost).sum(axis=0)
        estimate = np.where(sites.allowed, fixed + (kept + joint)[:, None], np.inf)
        estimate[site] = np.inf
        for new_site, new_size in np.argwhere(estimate < value - WORTH_CNY_PER_YEAR):
            yield from _if_hopeful(upper, np.append(site, new_site), np.append(size, new_size),
                                   float(estimate[new_site, new_size]), value, room)


def _if_hopeful(upper: Upper, site: Int, size: Int, estimate: float, value: float,
                room: _Room) -> Iterator[tuple[float, Upper]]:
    if estimate < value - WORTH_CNY_PER_YEAR:
        changed = _replaced(upper, 1, site, size)
        if room.suffices(changed):
            yield estimate, changed
