"""Cheapest split of loads over sites with limited room, exactly: successive shortest paths between the sites (numba).

A transportation problem with few columns. Every load starts at its cheapest site at given prices of room; then tonnes
are pushed along shortest paths in the graph of sites, where going from s to t costs what the best load at s loses by
moving. A site without name collects what every site handles, between its least and its most. Prices stay optimal all
the way (Ahuja, Magnanti and Orlin 1993, Network Flows, section 9.7), so good first prices leave little to push.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

Float = NDArray[np.float64]
Int = NDArray[np.int64]

DUST = 1e-9
"""Tonnes below this share of the largest load are rounding."""
PUSHES = 200
"""Pushes per load and site before the search is given up: a guard against rounding, never seen."""


@dataclass(frozen=True)
class Split:
    """Tonnes of each load at each site, [P, S], and the yearly price of a t/day of room at each site, [S].

    A price above zero belongs to a full site, one below zero to a site at its least.
    """

    tonnes: Float
    price: Float
    cost: float


def cheapest_split(cost_per_t: Float, tonnes: Float, least: Float, most: Float,
                   price: Float | None = None) -> Split | None:
    """The cheapest split of loads `tonnes` [P] at `cost_per_t` [P, S] (inf: no way); None where there is none.

    `least` and `most` [S] bound what each site gets; `price` [S] are first guesses of the prices of room.
    """
    points, sites = cost_per_t.shape
    if not sites or not np.isfinite(cost_per_t.min(axis=1)).all():
        return None if points else Split(np.zeros((0, sites)), np.zeros(sites), 0.0)
    first = np.zeros(sites) if price is None else np.asarray(price, dtype=np.float64)
    dust = DUST * max(float(tonnes.max(initial=0.0)), 1e-300)
    x = np.zeros((points, sites))
    known = np.where(np.isfinite(most), most, float(tonnes.sum()) + 1.0)
    found = np.zeros(sites)
    if not _pushed(np.ascontiguousarray(cost_per_t), tonnes, np.minimum(least, known), known, first, dust, x, found,
                   PUSHES * (points + sites)):
        return None
    there = x > 0.0
    return Split(x, found, float((x[there] * cost_per_t[there]).sum()))


@njit(cache=True)
def _pushed(cost, tonnes, least, most, price, dust, x, found, pushes):  # type: ignore[no-untyped-def]
    """Fill x [P, S] and the prices; whether everything found room."""
    points, sites = cost.shape
    member, count = np.empty((sites, points), np.int32), np.zeros(sites, np.int64)
    handled, spare, height = np.empty(sites), np.zeros(sites + 1), np.zeros(sites + 1)
    _begin(cost, tonnes, least, most, price, x, member, count, handled, spare)
    height[:sites] -= price
    step, mover = np.full((sites, sites), np.inf), np.full((sites, sites), -1, np.int64)
    for s in range(sites):
        _row(s, cost, member, count, step, mover, -1)
    dist, before, done = np.empty(sites + 1), np.empty(sites + 1, np.int64), np.empty(sites + 1, np.bool_)
    for _ in range(pushes):
        start = -1
        for s in range(sites + 1):
            if spare[s] > dust and (start < 0 or spare[s] > spare[start]):
                start = s
        if start < 0:
            break
        end = _path(start, step, handled, least, most, spare, height, dust, dist, before, done)
        if end < 0:
            return False
        _push(start, end, before, cost, x, member, count, step, mover, handled, least, most, spare, dust)
    for s in range(sites + 1):
        if abs(spare[s]) > dust * (sites + points + 10):
            return False
    for s in range(sites):
        found[s] = height[sites] - height[s]
    return True


@njit(cache=True)
def _begin(cost, tonnes, least, most, price, x, member, count, handled, spare):  # type: ignore[no-untyped-def]
    """Every load at its cheapest site at the prices; what sites handle, and what they have too much of."""
    points, sites = cost.shape
    for p in range(points):
        best = -1
        for s in range(sites):
            if np.isfinite(cost[p, s]) and (best < 0 or cost[p, s] + price[s] < cost[p, best] + price[best]):
                best = s
        x[p, best] = tonnes[p]
        spare[best] += tonnes[p]
        member[best, count[best]] = p
        count[best] += 1
    for s in range(sites):
        within = min(max(spare[s], least[s]), most[s])
        handled[s] = most[s] if price[s] > 0.0 else (least[s] if price[s] < 0.0 else within)
        spare[s] -= handled[s]
    spare[sites] = handled.sum() - tonnes.sum()


@njit(cache=True)
def _row(s, cost, member, count, step, mover, gone):  # type: ignore[no-untyped-def]
    """Cheapest moves out of a site; of those only, whose load `gone` has left (-1: all)."""
    sites = cost.shape[1]
    for t in range(sites):
        if gone >= 0 and mover[s, t] != gone:
            continue
        step[s, t], mover[s, t] = np.inf, -1
        if t == s:
            continue
        for i in range(count[s]):
            p = member[s, i]
            extra = cost[p, t] - cost[p, s]
            if extra < step[s, t]:
                step[s, t], mover[s, t] = extra, p


@njit(cache=True)
def _path(start, step, handled, least, most, spare, height, dust, dist, before, done):  # type: ignore[no-untyped-def]
    """Dijkstra from a site with spare tonnes to the nearest one that lacks some; heights follow. -1: there is none."""
    sites = len(handled)
    dist[:], before[:], done[:] = np.inf, -1, False
    dist[start] = 0.0
    while True:
        at = -1
        for s in range(sites + 1):
            if not done[s] and np.isfinite(dist[s]) and (at < 0 or dist[s] < dist[at]):
                at = s
        if at < 0:
            return -1
        done[at] = True
        if spare[at] < -dust:
            for s in range(sites + 1):
                height[s] += min(dist[s], dist[at])
            return at
        for s in range(sites + 1):
            if done[s]:
                continue
            if at == sites:
                length = 0.0 if handled[s] > least[s] + dust else np.inf
            elif s == sites:
                length = 0.0 if handled[at] < most[at] - dust else np.inf
            else:
                length = step[at, s]
            if length < np.inf:
                reach = dist[at] + max(length + height[at] - height[s], 0.0)
                if reach < dist[s]:
                    dist[s], before[s] = reach, at


@njit(cache=True)
def _push(start, end, before, cost, x, member, count, step, mover, handled, least, most, spare,  # type: ignore[no-untyped-def]
          dust):
    """Move as many tonnes along the path as fit."""
    sites = len(handled)
    amount = min(spare[start], -spare[end])
    to = end
    while to != start:
        at = before[to]
        if at == sites:
            amount = min(amount, handled[to] - least[to])
        elif to == sites:
            amount = min(amount, most[at] - handled[at])
        else:
            amount = min(amount, x[mover[at, to], at])
        to = at
    spare[start] -= amount
    spare[end] += amount
    to = end
    while to != start:
        at = before[to]
        if at == sites:
            handled[to] -= amount
        elif to == sites:
            handled[at] += amount
        else:
            _move(mover[at, to], at, to, amount, cost, x, member, count, step, mover, dust)
        to = at


@njit(cache=True)
def _move(p, at, to, amount, cost, x, member, count, step, mover, dust):  # type: ignore[no-untyped-def]
    """Move tonnes of one load between two sites, with the cheapest moves out of both."""
    if x[p, to] == 0.0:
        member[to, count[to]] = p
        count[to] += 1
        for t in range(cost.shape[1]):
            if t != to and cost[p, t] - cost[p, to] < step[to, t]:
                step[to, t], mover[to, t] = cost[p, t] - cost[p, to], p
    x[p, to] += amount
    x[p, at] -= amount
    if x[p, at] <= dust:
        x[p, to] += x[p, at]
        x[p, at] = 0.0
        i = 0
        while member[at, i] != p:
            i += 1
        count[at] -= 1
        member[at, i] = member[at, count[at]]
        _row(at, cost, member, count, step, mover, p)
