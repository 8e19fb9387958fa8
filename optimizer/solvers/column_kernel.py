"""All sets of parts that a site may serve at little more than the best one's price: enumeration, compiled (numba).

A column is a site, a size and the set of parts that use it. At part prices a column has a reduced cost; of a region's
columns only those of small reduced cost can be in a plan better than the present one (Baldacci, Christofides and
Mingozzi 2008, Mathematical Programming 115, do the same for routes).
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from optimizer.solvers.first_tier_kernel import FITS, UNLIMITED, fits, put, rank, reach

Float = NDArray[np.float64]
Int = NDArray[np.int64]

NODES = 20_000
"""Branches tried per site and size."""
STEPS = 5_000_000
"""Items looked at in all, shared out evenly: a site and size with more sets than that are listed in part."""


@njit(cache=True)
def list_columns(first, value, opened, use, capacity, least, cutoff, per_option, site, size, start, arc):  # type: ignore[no-untyped-def]
    """Columns of reduced cost below the cutoff, into site, size, start (+1) and arc; their number, -1 if they overflow.

    value [E] and opened [J, K] are reduced costs, use [E, D], capacity [K, D], least [K] t/day; at most per_option
    columns of a site and size. A set that fits a cheaper size of the site is listed there only.
    """
    widest = 0
    for j in range(len(first) - 1):
        widest = max(widest, first[j + 1] - first[j])
    item, ranked, chosen = np.empty(widest, np.int64), np.empty((widest, 3)), np.empty(widest, np.bool_)
    load, count, options = np.empty(capacity.shape[1]), 0, 1
    for j in range(len(first) - 1):
        if first[j + 1] > first[j]:
            options += capacity.shape[0]
    start[0] = 0
    for j in range(len(first) - 1):
        for k in range(capacity.shape[0]):
            if not opened[j, k] < UNLIMITED:
                continue
            items, tight = _items(first[j], first[j + 1], value, use, capacity[k], opened[j, k], cutoff, item, ranked)
            if items == 0:
                continue
            room = capacity[k, tight] * FITS
            if opened[j, k] + reach(ranked, 0, items, room, 0.0) > cutoff:
                continue
            count = _branch(item, ranked, items, tight, use, opened[j], capacity, least, k, cutoff, load, chosen,
                            count, per_option, j, site, size, start, arc, STEPS // options)
            if count < 0:
                return -1
    return count


@njit(cache=True)
def _items(begin, end, value, use, room, fixed, cutoff, item, ranked):  # type: ignore[no-untyped-def]
    """Arcs that may be in a column below the cutoff, best value per use first; the measure that binds most."""
    count, gain = 0, 0.0
    total, nothing = np.zeros(len(room)), np.zeros(len(room))
    for e in range(begin, end):
        if value[e] < 0.0 and fits(nothing, use, e, room):
            gain += value[e]
            put(total, use, e, 1.0)
    tight, most = 0, 0.0
    for d in range(len(room)):
        if total[d] / room[d] > most:
            tight, most = d, total[d] / room[d]
    if fixed + gain > cutoff:
        return 0, tight
    for e in range(begin, end):
        if value[e] <= cutoff - fixed - gain and fits(nothing, use, e, room):
            rank(item, ranked, count, e, value[e], use[e, tight])
            count += 1
    return count, tight


@njit(cache=True)
def _belongs_here(load, opened, capacity, least, k):  # type: ignore[no-untyped-def]
    """Whether the size has its minimum throughput and no cheaper size of the site would do."""
    if load[1] < least[k]:
        return False
    for other in range(capacity.shape[0]):
        cheaper = opened[other] < opened[k] or (opened[other] == opened[k] and other < k)
        if cheaper and load[1] >= least[other] and (load <= capacity[other] * FITS).all():
            return False
    return True


@njit(cache=True)
def _branch(item, ranked, items, tight, use, opened, capacity, least, k, cutoff, load, chosen,  # type: ignore[no-untyped-def]
            count, per_option, j, site, size, start, arc, steps):
    """Depth first with and without each item; the new number of columns, -1 if they overflow."""
    room, now, at, found = capacity[k], opened[k], 0, 0
    load[:] = 0.0
    chosen[:items] = False
    for _ in range(NODES):
        if steps < 0:
            break
        while at < items:
            steps -= items - at
            left = (room[tight] - load[tight]) * FITS
            if now + reach(ranked, at, items, left, 0.0) > cutoff:
                break
            if fits(load, use, item[at], room):
                chosen[at] = True
                now += ranked[at, 2]
                put(load, use, item[at], 1.0)
            at += 1
        if at == items and now <= cutoff and _belongs_here(load, opened, capacity, least, k):
            if count == len(site) or start[count] + items > len(arc):
                return -1
            end = start[count]
            for a in range(items):
                if chosen[a]:
                    arc[end] = item[a]
                    end += 1
            if end > start[count]:
                site[count], size[count] = j, k
                count += 1
                start[count] = end
                found += 1
                if found == per_option:
                    break
        at -= 1
        while at >= 0 and not chosen[at]:
            at -= 1
        if at < 0:
            break
        chosen[at] = False
        now -= ranked[at, 2]
        put(load, use, item[at], -1.0)
        at += 1
    return count
