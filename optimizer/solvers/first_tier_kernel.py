"""The inner loops of bound and search on the first tier, compiled (numba): ways onward, and the best set of every site.

They compute what optimizer/prices.py and optimizer/knapsack.py compute with numpy. A certificate is always evaluated
by those, so nothing here needs to be trusted. Numba keeps compiled code per file: who changes `fits`, `put`, `rank` or
`reach` also has to change column_kernel.py, which uses them, or to delete its `__pycache__`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from optimizer.first_tier import FirstTier

Float = NDArray[np.float64]
Int = NDArray[np.int64]
Bool = NDArray[np.bool_]

NODES = 4_000
"""Branches tried per knapsack; beyond, the best set found so far is taken."""
FITS = 1.0 + 1e-8
"""Sets that exceed a capacity by no more than this share count as fitting, as in optimizer/knapsack.py."""
UNLIMITED = 1e30


@dataclass(frozen=True)
class BestSets:
    """The cheapest size of every site with its best set of arcs, closing not considered."""

    cost_cny_per_year: Float
    """[J], inf where nothing can be opened."""
    size: Int
    taken: Bool
    """Arcs in the sets, [E] in FirstTier order."""


def best_sets(tier: FirstTier, value: Float, open_cny_per_year: Float | None = None, *, nodes: int = NODES,
              proven: bool = False) -> BestSets:
    """The best set of every site at arc values [E] (FirstTier order), all capacities kept; one 0-1 knapsack each.

    A knapsack that takes more than so many `nodes` has the best set found so far, at its cost or, where a cost is to be
    `proven`, at that of the relaxation, which is lower.
    """
    count = tier.site_count
    found = BestSets(np.empty(count), np.empty(count, dtype=np.int64), np.zeros(len(value), dtype=np.bool_))
    capacity = np.where(np.isfinite(tier.capacity), tier.capacity, UNLIMITED)
    opened = tier.open_cny_per_year if open_cny_per_year is None else open_cny_per_year
    _all_sites(tier.first, value, tier.use, capacity, opened, nodes, proven,
               found.cost_cny_per_year, found.size, found.taken)
    return found


@njit(cache=True, fastmath=True)
def way_onward(part: Int, site: Int, share: Float, loads: Float, trip: Float, onward: Float, link: Float,
               value: Float, via: Int) -> None:
    """Least of share * (loads * trip + onward) + link over the sites of tier 1, per arc; into value and via.

    loads [n] and onward [n, J_1] are yearly and for the whole of a part, trip [J_0, J_1], link [n, J_1].
    """
    for e in range(len(part)):
        i, j, s = part[e], site[e], share[e]
        best, chosen = np.inf, 0
        for t in range(trip.shape[1]):
            price = s * (loads[i] * trip[j, t] + onward[i, t]) + link[i, t]
            if price < best:
                best, chosen = price, t
        value[e], via[e] = best, chosen


@njit(cache=True)
def _all_sites(first, value, use, capacity, opened, nodes, proven, least, size, taken):  # type: ignore[no-untyped-def]
    widest = 0
    for j in range(len(first) - 1):
        widest = max(widest, first[j + 1] - first[j])
    item, ranked = np.empty(widest, np.int64), np.empty((widest, 3))
    chosen, best_chosen = np.empty(widest, np.bool_), np.empty(widest, np.bool_)
    load, total, nothing = np.empty(capacity.shape[1]), np.empty(capacity.shape[1]), np.zeros(capacity.shape[1])
    for j in range(len(first) - 1):
        least[j], size[j] = np.inf, -1
        for k in range(capacity.shape[0]):
            if not np.isfinite(opened[j, k]):
                continue
            count, everything = _useful(first[j], first[j + 1], value, use, capacity[k], item, nothing, total)
            if opened[j, k] + everything >= least[j]:
                continue
            tight = _tightest(total, capacity[k])
            if tight < 0:
                found = everything
                best_chosen[:count] = True
            else:
                for a in range(count):
                    rank(item, ranked, a, item[a], value[item[a]], use[item[a], tight])
                found, whole = _search(item, ranked, count, use, capacity[k], tight, nodes, load, chosen, best_chosen)
                if proven and not whole:
                    found = reach(ranked, 0, count, capacity[k, tight] * FITS, 0.0)
            if opened[j, k] + found < least[j]:
                least[j], size[j] = opened[j, k] + found, k
                taken[first[j]:first[j + 1]] = False
                for a in range(count):
                    taken[item[a]] = best_chosen[a]


@njit(cache=True)
def _useful(start, stop, value, use, room, item, nothing, total):  # type: ignore[no-untyped-def]
    """Arcs of negative value that fit by themselves, into item, what they use together, into total."""
    count, everything = 0, 0.0
    total[:] = 0.0
    for e in range(start, stop):
        if value[e] < 0.0 and fits(nothing, use, e, room):
            item[count] = e
            count += 1
            everything += value[e]
            put(total, use, e, 1.0)
    return count, everything


@njit(cache=True)
def fits(load, use, e, room):  # type: ignore[no-untyped-def]
    """Whether arc e fits beside a load [D] into a room [D] in every measure, but for FITS."""
    for d in range(len(room)):  # noqa: SIM110 - a compiled loop
        if load[d] + use[e, d] > room[d] * FITS:
            return False
    return True


@njit(cache=True)
def put(load, use, e, sign):  # type: ignore[no-untyped-def]
    """Arc e added to a load [D], or taken off it with sign -1.0; no array is made on the way."""
    for d in range(len(load)):
        load[d] += sign * use[e, d]


@njit(cache=True)
def _tightest(total, room):  # type: ignore[no-untyped-def]
    """The measure that is exceeded most, -1 where everything fits."""
    tight, most = -1, FITS
    for d in range(len(room)):
        if total[d] / room[d] > most:
            tight, most = d, total[d] / room[d]
    return tight


@njit(cache=True)
def rank(item, ranked, at, e, value, use):  # type: ignore[no-untyped-def]
    """Arc e as one more of the `at` items in order of value per use, the best first."""
    ratio = value / max(use, 1e-12)
    while at > 0 and ranked[at - 1, 0] > ratio:
        ranked[at], item[at] = ranked[at - 1], item[at - 1]
        at -= 1
    ranked[at, 0], ranked[at, 1], ranked[at, 2], item[at] = ratio, use, value, e


@njit(cache=True)
def reach(ranked, start, count, left, now):  # type: ignore[no-untyped-def]
    """`now` plus the least value to be had with the items from `start` on, the last one cut to fit.

    `ranked` [items, 3] is value per use, use and value, in order of the first.
    """
    for a in range(start, count):
        if ranked[a, 0] >= 0.0:
            break
        if ranked[a, 1] > left:
            return now + ranked[a, 0] * left
        left -= ranked[a, 1]
        now += ranked[a, 2]
    return now


@njit(cache=True)
def _search(item, ranked, count, use, room, tight, nodes, load, chosen, best_chosen):  # type: ignore[no-untyped-def]
    """Depth first over sorted items (Horowitz and Sahni 1974, Journal of the ACM 21), all measures kept.

    The least value found, and whether the nodes sufficed to prove it.
    """
    load[:] = 0.0
    chosen[:count] = False
    best_chosen[:count] = False
    best, now, at = 0.0, 0.0, 0
    for _ in range(nodes):
        taken = False  # what is in reach stays the same while items are taken in their order
        while at < count:
            if not taken:
                left = room[tight] * FITS - load[tight]
                if reach(ranked, at, count, left, now) >= best - 1e-9:
                    break
            taken = fits(load, use, item[at], room)
            if taken:
                chosen[at] = True
                now += ranked[at, 2]
                put(load, use, item[at], 1.0)
            at += 1
        if at == count and now < best:
            best = now
            best_chosen[:count] = chosen[:count]
        at -= 1
        while at >= 0 and not chosen[at]:
            at -= 1
        if at < 0:
            return best, True
        chosen[at] = False
        now -= ranked[at, 2]
        put(load, use, item[at], -1.0)
        at += 1
    return best, False
