"""Improving the tiers above the first for given loads: few sites of one tier exchanged at a time.

Exchanges are priced all at once from what room is worth now (option_moves.py); the most promising are then served for
real, and those that save money are made.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from optimizer.bypass import with_direct
from optimizer.configurations import last_tier, mix_cost_cny_per_year, mixes
from optimizer.minimums import least_t_per_day
from optimizer.network import DAYS_PER_YEAR
from optimizer.objectives import Coefficients
from optimizer.plan import Flows, OpenSites
from optimizer.pools import last_tier_limits
from optimizer.prices import NO_WAY, no_prices, onward_prices
from optimizer.problem import Problem
from optimizer.site_rows import ROW_ALLOWANCE
from optimizer.solvers.assignment import HOPELESS, MISSING, Served, path_cost, send_on, transport, upward
from optimizer.solvers.last_tonnes import worth_of_last
from optimizer.solvers.option_moves import Exchange, Options, Trim, promising
from optimizer.solvers.room_flow import cheapest_split
from optimizer.solvers.upper_tiers import TRIM_SHARE, Supply

Float = NDArray[np.float64]
Int = NDArray[np.int64]

Upper = tuple[OpenSites, ...]
WORTH_CNY_PER_YEAR = 1.0
"""Smaller savings are noise."""
PASSES, PAIRS_PASSED = 12, 2_000_000
"""Passes over all tiers at most; fewer where there are many pairs of load and open station."""
MIXES = 8
"""Mixes of sizes of the last tier tried at the start."""
TRIES = 30
"""Exchanges served for real in one pass over a tier, the most hopeful first; fewer where one takes long:"""
PAIRS_TRIED = 8_000_000
LEAST_TRIES = 8
"""pairs of load and open station looked at in one pass over a tier, and the least number of exchanges all the same."""
LOOKED_AT = 400
"""Exchanges whose rules and rooms are looked at in one pass."""
DOUBT_SHARE = 0.02
"""Above the stations estimates are not bounds: exchanges up to this share of all fixed costs too dear are tried."""


def improve_upper(problem: Problem, coefficients: Coefficients, upper: Upper, supply: Supply, *,
                  time_limit_s: float = math.inf) -> Upper:
    """Upper tiers that the exchanges tried here improve no more (or after PASSES, or at the time limit).

    A chain that is broken somewhere, or that has nothing to carry, is returned as it is.
    """
    if not len(supply.site) or not all(len(opened.site) for opened in upper):
        return upper
    if supply.row_room is not None:  # a rule that is exceeded already may not get worse
        present = problem.rows.values(upper, 1)
        slack = ROW_ALLOWANCE * np.maximum(1.0, np.abs(present))
        supply = replace(supply, row_room=np.maximum(supply.row_room, present + slack))
    supply = _with_worth(problem, coefficients, upper, supply)
    search = _Search(problem, coefficients, supply, time.monotonic() + time_limit_s)
    best = search.served(with_direct(problem, upper))
    for other in _other_mixes(problem, coefficients, best.upper, supply, search.room):
        if search.late():
            break
        found = search.served(other)
        best = found if found.cost < best.cost - WORTH_CNY_PER_YEAR else best
    for _ in range(max(2, min(PASSES, PAIRS_PASSED // (len(supply.site) * len(upper[0].site))))):
        value = best.cost
        for level in range(len(upper), 0, -1):
            best = search.exchanged(best, level)
        if not best.cost < value - WORTH_CNY_PER_YEAR:
            break
    return best.upper


def _with_worth(problem: Problem, coefficients: Coefficients, upper: Upper, supply: Supply) -> Supply:
    """The supply with a trim price that is at least what its last tonnes earn."""
    if supply.trim_cny_per_year is None:
        return supply
    path = path_cost(problem, upward(problem, coefficients, upper), supply.site, supply.t_per_day).min(axis=1)
    worth = worth_of_last(problem, coefficients, supply.site, supply.t_per_day, path, TRIM_SHARE)
    return replace(supply, trim_cny_per_year=max(supply.trim_cny_per_year, worth))


@dataclass(frozen=True)
class Serving:
    """Upper tiers with what it costs a year to serve the loads there, inf when they do not fit."""

    upper: Upper
    cost: float
    share: float = 1.0
    """Of the loads that is served; the rest is given up."""
    served: Served | None = None
    flows: tuple[Flows, ...] = ()


def upper_cost(problem: Problem, coefficients: Coefficients, upper: Upper, supply: Supply) -> float:
    """Yearly cost of the upper tiers for the loads, inf when they do not fit.

    Up to TRIM_SHARE of the loads may be given up at the supply's trim price; the rest then stands for all.
    """
    return serving(problem, coefficients, upper, supply).cost


def serving(problem: Problem, coefficients: Coefficients, upper: Upper, supply: Supply,
            price_of_site: Float | None = None) -> Serving:
    """The loads served by upper tiers, see upper_cost; `price_of_site` [J_1] guesses what a t/day of room is worth."""
    nothing = Serving(upper, math.inf)
    if not lawful(problem, upper, supply.row_room) or len(upper[0].site) == 0:
        return nothing
    share = fitting_share(problem, upper, supply.t_per_day.sum(axis=0))
    if share < _least_share(supply):
        return nothing
    t_per_day = supply.t_per_day * share
    up = upward(problem, coefficients, upper)
    served = transport(problem, up, supply.site, t_per_day,
                       None if price_of_site is None else price_of_site[upper[0].site])
    if served is None:
        return nothing
    arriving = served.share.T @ t_per_day
    flows = send_on(problem, coefficients, upper, arriving)
    if flows is None:
        return nothing
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
    return Serving(upper, total, share, served, flows) if total < MISSING else nothing


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


class _Search:
    """What the passes share."""

    def __init__(self, problem: Problem, coefficients: Coefficients, supply: Supply, until: float) -> None:
        self.problem, self.coefficients, self.supply, self.until = problem, coefficients, supply, until
        self.room = _Room(problem, supply)
        self._price = np.zeros(len(problem.sites[1]))

    def late(self) -> bool:
        return time.monotonic() >= self.until

    def served(self, upper: Upper) -> Serving:
        return serving(self.problem, self.coefficients, upper, self.supply, self._price)

    def exchanged(self, start: Serving, level: int) -> Serving:
        """Upper tiers after all exchanges of one tier that were tried and pay."""
        best, problem = start, self.problem
        if level > 2 and start.served is None:
            return start
        options, opened = _options(problem, self.coefficients, start, self.supply, level)
        found = self._promising(start, level, options, opened)
        others = _fixed(self.coefficients, start.upper) - float(options.fixed_cny_per_year[opened].sum())
        doubt = 0.0 if level == 1 else DOUBT_SHARE * abs(_fixed(self.coefficients, start.upper))
        pairs = len(self.supply.site) * len(start.upper[0].site)
        tries = max(LEAST_TRIES, min(TRIES, PAIRS_TRIED // pairs))
        now = set(opened.tolist())
        for exchange in found[:LOOKED_AT]:
            if others + exchange.estimate_cny_per_year >= best.cost + doubt - WORTH_CNY_PER_YEAR:
                break
            if tries == 0 or self.late():
                break
            then = _after(options, now, exchange)
            if then is None:
                continue
            chosen = np.array(sorted(then), dtype=np.int64)
            upper = with_direct(problem, _replaced(best.upper, level, options.site[chosen], options.size[chosen]))
            if not self.room.suffices(upper) or not lawful(problem, upper, self.supply.row_room):
                continue
            tries -= 1
            other = self.served(upper)
            if other.served is not None and other.cost < best.cost - WORTH_CNY_PER_YEAR:
                best, now = other, then
                self._price[other.upper[0].site] = other.served.price_per_t
        return best

    def _promising(self, start: Serving, level: int, options: Options, opened: Int) -> list[Exchange]:
        """Exchanges of one tier, the most hopeful first."""
        tonnes = options.t_per_day
        way = np.where(options.cost_cny_per_year > HOPELESS * tonnes[:, None], np.inf, options.cost_cny_per_year)
        split = cheapest_split(way[:, opened] / tonnes[:, None], tonnes * start.share,
                               options.least_t_per_day[opened], options.most_t_per_day[opened] * (1.0 + 1e-9),
                               self._price[options.site[opened]] if level == 1 else None)
        price = np.zeros(len(opened)) if split is None else split.price
        if level == 1:
            self._price[:] = np.median(price)  # a first guess for sites that are closed now
            self._price[options.site[opened]] = price
        least = _least_share(self.supply)
        elsewhere = 1.0
        if level == 1:  # what the last tier holds
            per_t, limits = last_tier_limits(self.problem, start.upper[-1].size)
            need = per_t @ self.supply.t_per_day.sum(axis=0)
            elsewhere = float(min([1.0, *(limits[need > 0.0] / need[need > 0.0])]))
        return promising(options, opened, price, Trim(self.supply.trim_cny_per_year or 0.0, elsewhere, least))


def _after(options: Options, opened: set[int], exchange: Exchange) -> set[int] | None:
    """The open options after an exchange; None where others were closed or opened meanwhile, or nothing is left."""
    if not opened.issuperset(exchange.closed):
        return None
    kept = opened.difference(exchange.closed)
    sites = {int(options.site[o]) for o in kept}
    if sites & {int(options.site[o]) for o in exchange.opened}:
        return None
    return kept.union(exchange.opened) or None


def _options(problem: Problem, coefficients: Coefficients, start: Serving, supply: Supply,
             level: int) -> tuple[Options, Int]:
    """Sites and sizes of a tier with the costs of what goes there now, and which of them are open."""
    allowed, now = problem.sites[level].allowed.copy(), start.upper[level - 1]
    allowed[problem.sites[level].virtual] = False
    allowed[now.site, now.size] = True
    site, size = np.nonzero(allowed)
    usable = [np.empty((0, 0), dtype=bool), *(np.zeros_like(sites.allowed) for sites in problem.sites[1:])]
    for tier, opened in enumerate(start.upper, start=1):
        usable[tier][opened.site, opened.size] = True
    usable[level] = allowed
    onward = onward_prices(problem, coefficients, no_prices(problem), tuple(usable))[level]
    below, load = _arriving(problem, coefficients, start, supply, level)
    trip = np.minimum(coefficients.trip_cny[level - 1][below] * DAYS_PER_YEAR, NO_WAY)
    cost = (load @ problem.trips_per_t(level - 1))[:, None] * trip + load @ onward.T
    refused = (load > 0.0).astype(np.float64) @ (~problem.accepts(level)).astype(np.float64).T > 0.0
    tonnes = load.sum(axis=1)
    cost = np.where(refused[:, size], NO_WAY * tonnes[:, None], np.minimum(cost[:, site], NO_WAY * tonnes[:, None]))
    fixed = (coefficients.open_cny_per_year[level] - coefficients.closed_cny_per_year[level][:, None])[site, size]
    most = problem.capacity_t_per_day(level)[size]
    bulk = load @ problem.m3_per_t(problem.network.tiers[level].state)
    per_t = float(bulk.sum() / tonnes.sum())
    if np.allclose(bulk, per_t * tonnes, rtol=1e-7, atol=0.0):
        most = np.minimum(most, problem.capacity_m3_per_day(level)[size] / max(per_t, 1e-300))
    number = np.full(allowed.shape, -1, dtype=np.int64)
    number[site, size] = np.arange(len(site))
    return (Options(site, size, cost, tonnes, fixed, most, least_t_per_day(problem, level)[size]),
            number[now.site, now.size])


def _arriving(problem: Problem, coefficients: Coefficients, start: Serving, supply: Supply,
              level: int) -> tuple[Int, Float]:
    """Loads that a tier is to take if nothing below it changes: the site below of each, and its t/day, [P, M].

    Above tier 1 every material of a site is a load of its own, since it may go its own way. Where the loads do not fit
    the present tiers, each is taken to go to the cheapest site of tier 1.
    """
    if level == 1:
        return supply.site, supply.t_per_day
    sent = np.zeros((len(problem.sites[level - 1]), len(problem.network.materials)))
    if start.served is None:
        up = upward(problem, coefficients, start.upper)
        nearest = np.argmin(path_cost(problem, up, supply.site, supply.t_per_day), axis=1)
        np.add.at(sent, up.station[nearest], supply.t_per_day * problem.passed_share(1))
    else:
        flows = start.flows[level - 2]
        np.add.at(sent, flows.origin, flows.t_per_day / start.share)
    site, material = np.nonzero(sent > 0.0)
    load = np.zeros((len(site), sent.shape[1]))
    load[np.arange(len(site)), material] = sent[site, material]
    return site, load


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
    most = float(np.where(sites.allowed[keep], tier.capacity_t_per_day, 0.0).max(axis=1).sum())
    need = supply.t_per_day.sum(axis=0)
    for between in range(1, level):
        need = need * problem.passed_share(between)
    rows = rows[rows @ tier.capacity_t_per_day + most >= need.sum() * _least_share(supply)]
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
