"""Promising exchanges of open sites of one tier, priced all at once for given loads (numba).

An exchange closes up to three open sites and opens up to two others; a site that is closed and opened changes its size.
Its cost is estimated from the prices of room at the open sites: the loads go where way and room together are cheapest,
a new site takes the loads that gain most per tonne until it is full, and room that is not closed is paid at its
price. For loads with given costs this is a lower bound, by linear programming duality, and close where little changes.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

Float = NDArray[np.float64]
Int = NDArray[np.int64]

FEW_OPEN = 12
"""With at most so many open sites any two of them are exchanged together;"""
VERY_FEW_OPEN = 6
"""with so many, any three."""
NEIGHBOURS = 4
"""Else a site with each of so many others that its loads would turn to."""
SINGLES, DOUBLES, PAIRED = 6, 4, 10
"""Best exchanges kept of each set of closed sites with one and two sites opened, the latter from the best so many."""


@dataclass(frozen=True)
class Options:
    """Sites at a size that may be open, and the loads they are for."""

    site: Int
    size: Int
    cost_cny_per_year: Float
    """Of each whole load through each option to the end, [P, O]; huge where there is no way."""
    t_per_day: Float
    """[P]."""
    fixed_cny_per_year: Float
    most_t_per_day: Float
    least_t_per_day: Float


@dataclass(frozen=True)
class Exchange:
    """Options to close and to open, with the estimated yearly cost of the loads and the sites of the tier after it."""

    estimate_cny_per_year: float
    closed: tuple[int, ...]
    opened: tuple[int, ...]


@dataclass(frozen=True)
class Trim:
    """Loads may shrink to the room of the tier: what that costs per t/day, and the share that other tiers hold."""

    cny_per_year: float
    most_share: float
    least_share: float


def promising(options: Options, opened: Int, price: Float, trim: Trim) -> list[Exchange]:
    """Exchanges in rising order of their estimates; `opened` are options, `price` [S] a t/day of their room."""
    sets = _closed_sets(options, opened, price)
    rows = 1 + SINGLES + DOUBLES
    estimate = np.full((len(sets), rows), np.inf)
    come = np.full((len(sets), rows, 2), -1, dtype=np.int64)
    paid = np.where(price > 0.0, options.most_t_per_day[opened], options.least_t_per_day[opened]) * price
    at_price = options.cost_cny_per_year[:, opened] + options.t_per_day[:, None] * price
    _price(np.ascontiguousarray(options.cost_cny_per_year.T), options.t_per_day, options.site,
           options.fixed_cny_per_year, options.most_t_per_day, opened, at_price,
           np.argsort(at_price, axis=1, kind="stable")[:, :4].astype(np.int32), paid, sets,
           np.array([trim.cny_per_year, trim.most_share, trim.least_share]), estimate, come)
    order = np.argsort(estimate.ravel(), kind="stable")
    out = []
    for at in order[np.isfinite(estimate.ravel()[order])].tolist():
        row, column = divmod(at, rows)
        out.append(Exchange(float(estimate[row, column]), tuple(opened[sets[row][sets[row] >= 0]].tolist()),
                            tuple(o for o in come[row, column].tolist() if o >= 0)))
    return out


def _closed_sets(options: Options, opened: Int, price: Float) -> Int:
    """Positions in `opened` of sites closed together, -1 beyond, [R, 3]; the first row closes nothing."""
    count = len(opened)
    sets: list[tuple[int, ...]] = [(), *itertools.combinations(range(count), 1)]
    if count <= FEW_OPEN:
        sets += itertools.combinations(range(count), 2)
        sets += itertools.combinations(range(count), 3) if count <= VERY_FEW_OPEN else ()
    else:
        way = options.cost_cny_per_year[:, opened] + options.t_per_day[:, None] * price
        first, second = np.argsort(way, axis=1, kind="stable")[:, :2].T
        turned = np.zeros((count, count))
        np.add.at(turned, (first, second), options.t_per_day)
        turned += turned.T
        near = np.argsort(-turned, axis=1, kind="stable")[:, :NEIGHBOURS]
        sets += sorted({(min(a, b), max(a, b)) for a in range(count) for b in near[a].tolist() if turned[a, b] > 0.0})
    out = np.full((len(sets), 3), -1, dtype=np.int64)
    for row, members in enumerate(sets):
        out[row, :len(members)] = members
    return out


@njit(cache=True)
def _share(room, tonnes, trim):  # type: ignore[no-untyped-def]
    """Share of the loads that fits, 0 where too little does."""
    share = min(trim[1], room / max(tonnes, 1e-300))
    return share if share >= trim[2] else 0.0


@njit(cache=True)
def _taken(way, now, tonnes, most, who, count, gain):  # type: ignore[no-untyped-def]
    """What a new site saves with so much room, of `count` loads in `who`, and the price of its room (0: not full)."""
    found, total, saved = 0, 0.0, 0.0
    for i in range(count):
        p = who[i]
        if now[p] > way[p]:
            gain[found, 0], gain[found, 1] = (now[p] - way[p]) / tonnes[p], tonnes[p]
            total += tonnes[p]
            saved += now[p] - way[p]
            found += 1
    if total <= most:
        return saved, 0.0
    left, saved = most, 0.0
    for i in np.argsort(-gain[:found, 0]):
        amount = min(gain[i, 1], left)
        saved += gain[i, 0] * amount
        left -= amount
        if left <= 0.0:
            return saved, gain[i, 0]
    return saved, 0.0


@njit(cache=True)
def _hopeful(cost, now):  # type: ignore[no-untyped-def]
    """Loads that gain by each option at present costs, one after the other, and where those of each option begin."""
    options, points = cost.shape
    first = np.zeros(options + 1, np.int64)
    for o in range(options):
        first[o + 1] = first[o]
        for p in range(points):
            first[o + 1] += cost[o, p] < now[p]
    load = np.empty(first[-1], np.int64)
    for o in range(options):
        at = first[o]
        for p in range(points):
            if cost[o, p] < now[p]:
                load[at] = p
                at += 1
    return first, load


@njit(cache=True)
def _who(option, first, load, moved, turned, many, who):  # type: ignore[no-untyped-def]
    """Loads that may gain by an option, into `who`: those that would now, and the `turned` whose site is closed."""
    count = 0
    for i in range(first[option], first[option + 1]):
        if not moved[load[i]]:
            who[count] = load[i]
            count += 1
    for i in range(many):
        who[count] = turned[i]
        count += 1
    return count


@njit(cache=True)
def _keep(value, a, b, first, last, estimate, come):  # type: ignore[no-untyped-def]
    """Put an exchange into its place among the best of rows first..last-1."""
    if value >= estimate[last - 1]:
        return
    at = last - 1
    while at > first and estimate[at - 1] > value:
        estimate[at] = estimate[at - 1]
        come[at, 0], come[at, 1] = come[at - 1, 0], come[at - 1, 1]
        at -= 1
    estimate[at], come[at, 0], come[at, 1] = value, a, b


@njit(cache=True)
def _without(gone, order, at_price, now, moved, turned):  # type: ignore[no-untyped-def]
    """Loads whose cheapest open site is closed turn to the next; how many, into `turned`, with costs into `now`."""
    many = 0
    for p in range(len(now)):
        s = order[p, 0]
        if s != gone[0] and s != gone[1] and s != gone[2]:
            continue
        turned[many], moved[p] = p, True
        many += 1
        now[p] = np.inf
        for i in range(1, order.shape[1]):
            s = order[p, i]
            if s != gone[0] and s != gone[1] and s != gone[2]:
                now[p] = at_price[p, s]
                break
    return many


@njit(cache=True)
def _price(cost, tonnes, site, fixed, most, opened, at_price, order, paid, sets, trim, estimate,  # type: ignore[no-untyped-def]
           come):
    """Estimates of closing each set alone, with one option opened, and with two."""
    options, points = cost.shape
    total = tonnes.sum()
    base, now, moved = np.empty(points), np.empty(points), np.zeros(points, np.bool_)
    for p in range(points):
        base[p] = at_price[p, order[p, 0]]
        now[p] = base[p]
    first, load = _hopeful(cost, base)
    turned, who, gain = np.empty(points, np.int64), np.empty(points, np.int64), np.empty((points, 2))
    single, full = np.empty(options), np.empty(options)
    busy, left = np.zeros(site.max() + 1 if options else 0, np.bool_), np.zeros(options, np.bool_)
    for r in range(len(sets)):
        gone = sets[r]
        many = _without(gone, order, at_price, now, moved, turned)
        path, kept, due, room, alive = now.sum(), 0.0, 0.0, 0.0, False
        busy[:], left[:] = False, False
        for s in range(len(opened)):
            left[opened[s]] = s == gone[0] or s == gone[1] or s == gone[2]
            busy[site[opened[s]]] = not left[opened[s]]
            if not left[opened[s]]:
                alive = True
                kept, due, room = kept + fixed[opened[s]], due + paid[s], room + most[opened[s]]
        share = _share(room, total, trim)
        if gone[0] >= 0 and share > 0.0 and alive:
            estimate[r, 0] = kept + path - due / share + trim[0] * (1.0 - share) * total
        for o in range(options):
            single[o], full[o] = np.inf, 0.0
            if busy[site[o]] or left[o]:
                continue
            count = _who(o, first, load, moved, turned, many, who)
            saved, full[o] = _taken(cost[o], now, tonnes, most[o], who, count, gain) if alive else (-cost[o].sum(), 0.0)
            single[o] = kept + fixed[o] - due + (path if alive else 0.0) - saved
            share = _share(room + most[o], total, trim)
            if share > 0.0:
                if alive and full[o] > 0.0 and share < 1.0:
                    saved, _ = _taken(cost[o], now, tonnes, most[o] / share, who, count, gain)
                value = kept + fixed[o] - due / share + (path if alive else 0.0) - saved
                _keep(value + trim[0] * (1.0 - share) * total, o, -1, 1, 1 + SINGLES, estimate[r], come[r])
        best = _best(single, PAIRED)
        for one in best:
            again = np.minimum(now, cost[one] + full[one] * tonnes)
            onward, also = again.sum(), kept + fixed[one]
            for two in best:
                share = _share(room + most[one] + most[two], total, trim)
                if site[two] == site[one] or share == 0.0:
                    continue
                count = _who(two, first, load, moved, turned, many, who)
                saved, _ = _taken(cost[two], again, tonnes, most[two] / share, who, count, gain)
                value = also + fixed[two] + onward - saved - (due + full[one] * most[one]) / share
                _keep(value + trim[0] * (1.0 - share) * total, one, two, 1 + SINGLES, 1 + SINGLES + DOUBLES,
                      estimate[r], come[r])
        for i in range(many):
            p = turned[i]
            now[p], moved[p] = base[p], False


@njit(cache=True)
def _best(value, count):  # type: ignore[no-untyped-def]
    """Options of least value, at most so many."""
    order = np.argsort(value)[:count]
    return order[value[order] < np.inf]
