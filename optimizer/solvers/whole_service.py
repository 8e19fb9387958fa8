"""Whole loads over sites with room: local search of shifts and swaps from a split service (numba).

A generalised assignment problem of many small loads. The split optimum leaves few loads split; they go where most of
them went. Shifts and swaps of loads then lower the cost and repair what does not fit, and single loads are shoved to
another site; what follows is kept where it is no dearer (iterated local search; Lourenco, Martin and Stutzle 2003).
Lack of room costs little at first and more and more later: near the split optimum there are better ways to a plan that
fits than along plans that all fit (strategic oscillation; Glover 1977). Work is counted, not timed, and random numbers
are drawn here, so the answer is the same on every machine.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

Float = NDArray[np.float64]
Int = NDArray[np.int64]

NEAR = 10
"""Sites a load may go to: the cheapest at the prices of room."""
HARD = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 100.0, 1000.0)
"""How many times the dearest detour per tonne a missing tonne of room costs, one search after the other."""
HARDEST = 3
"""Further searches at the last of them where still something does not fit."""
SHOVES_PER_LOAD = 2
MOST_SHOVES = 2_000
"""Shoves of one search."""
SHOVE_TO = 4
"""A load is shoved to one of its so many cheapest sites."""
WITHIN = 1e-9
"""Loads may exceed the room by this share: rounding."""


def whole_service(cost: Float, use: Float, room: Float, least: Float, price: Float, start: Int, *,
                  floor: float = -np.inf, seed: int = 1) -> Int | None:
    """One site for every load, [P], of low total cost; None where the search found no way to fit all.

    `cost` [P, S] (inf: no way), `use` [P, D] what a load takes of each measure, `room` [S, D], `least` [S] of the
    first measure; `price` [S] per unit of it guides the search; `start` [P] are first sites. A cost of at most `floor`
    is good enough to stop.
    """
    points, sites = cost.shape
    if sites == 1 or not points:
        choice = start.copy()
        return choice if _holds(choice, use, room, least) else None
    near = np.argsort(cost + use[:, :1] * price[None, :], axis=1, kind="stable")[:, :NEAR].astype(np.int64)
    farthest = np.where(np.isfinite(cost), cost, -np.inf).max(axis=1)
    detour = float(np.max((farthest - cost.min(axis=1)) / np.maximum(use[:, 0], 1e-12)))
    largest = np.maximum(use.max(axis=0), 1e-300)
    scaled = (use / largest, room * (1.0 + WITHIN) / largest, least / largest[0])
    choice, rows = start.astype(np.int64), np.arange(points)
    best: tuple[float, Int] | None = None
    for number, hard in enumerate([*HARD, *HARD[-1:] * HARDEST]):
        if number >= len(HARD) and best is not None:
            break
        missing = hard * (detour + 1e-9) * float(largest[0])
        _search(cost, *scaled, near, missing, choice, min(SHOVES_PER_LOAD * points, MOST_SHOVES), seed + number)
        value = float(cost[rows, choice].sum())
        if (best is None or value < best[0]) and np.isfinite(value) and _holds(choice, use, room, least):
            best = (value, choice.copy())
        if best is not None and best[0] <= floor:
            break
    return None if best is None else best[1]


def _holds(choice: Int, use: Float, room: Float, least: Float) -> bool:
    load = np.zeros(room.shape)
    np.add.at(load, choice, use)
    return bool((load <= room * (1.0 + 2.0 * WITHIN)).all() and (load[:, 0] >= least * (1.0 - 0.1 * WITHIN)).all())


@njit(cache=True)
def _lack(load, room, least, s, add, drop, use):  # type: ignore[no-untyped-def]
    """What a site lacks of room, or of its least, with one load more and one less (-1: none)."""
    lack = 0.0
    for d in range(room.shape[1]):
        amount = load[s, d]
        if add >= 0:
            amount += use[add, d]
        if drop >= 0:
            amount -= use[drop, d]
        lack += max(amount - room[s, d], 0.0)
        if d == 0:
            lack += max(least[s] - amount, 0.0)
    return lack


@njit(cache=True)
def _relocate(p, t, choice, use, load, member, count, place, journal, logged):  # type: ignore[no-untyped-def]
    """Move a load to another site; the journal keeps where it was."""
    s = choice[p]
    i = place[p]
    count[s] -= 1
    last = member[s, count[s]]
    member[s, i] = last
    place[last] = i
    member[t, count[t]] = p
    place[p] = count[t]
    count[t] += 1
    for d in range(use.shape[1]):
        load[s, d] -= use[p, d]
        load[t, d] += use[p, d]
    choice[p] = t
    journal[logged, 0], journal[logged, 1] = p, s
    return logged + 1


@njit(cache=True)
def _best_move(p, cost, use, room, least, near, missing, choice, load, member, count):  # type: ignore[no-untyped-def]
    """The best shift of a load, or swap with another one: change of cost, site, other load (-1: none)."""
    s = choice[p]
    best, to, other = -1e-7, -1, -1
    here = _lack(load, room, least, s, -1, -1, use)
    alone = _lack(load, room, least, s, -1, p, use)
    for k in range(near.shape[1]):
        t = near[p, k]
        if t == s or not np.isfinite(cost[p, t]):
            continue
        there = _lack(load, room, least, t, -1, -1, use)
        own = cost[p, t] - cost[p, s]
        change = own + missing * (alone + _lack(load, room, least, t, p, -1, use) - here - there)
        if change < best:
            best, to, other = change, t, -1
        for i in range(count[t]):
            q = member[t, i]
            base = own + cost[q, s] - cost[q, t]
            if base - missing * (here + there) >= best:
                continue
            change = base + missing * (_lack(load, room, least, s, q, p, use) + _lack(load, room, least, t, p, q, use)
                                       - here - there)
            if change < best:
                best, to, other = change, t, q
    return best, to, other


@njit(cache=True)
def _descend(queue, waiting, head, size, cost, use, room, least, near, missing, choice, load,  # type: ignore[no-untyped-def]
             member, count, place, journal, logged):
    """Make the best move of every waiting load until none pays; total change and length of the journal."""
    points, total = len(choice), 0.0
    while size > 0:
        p = queue[head]
        head, size = (head + 1) % points, size - 1
        waiting[p] = False
        if logged + 2 >= len(journal):
            continue
        change, to, other = _best_move(p, cost, use, room, least, near, missing, choice, load, member, count)
        if to < 0:
            continue
        total += change
        s = choice[p]
        logged = _relocate(p, to, choice, use, load, member, count, place, journal, logged)
        if other >= 0:
            logged = _relocate(other, s, choice, use, load, member, count, place, journal, logged)
        for site in (s, to):
            for i in range(count[site]):
                q = member[site, i]
                if not waiting[q]:
                    waiting[q] = True
                    queue[(head + size) % points] = q
                    size += 1
    return total, logged


@njit(cache=True)
def _search(cost, use, room, least, near, missing, choice, shoves, seed):  # type: ignore[no-untyped-def]
    """Improve `choice` in place."""
    points, sites = cost.shape
    member, count = np.empty((sites, points), np.int32), np.zeros(sites, np.int64)
    place, load = np.empty(points, np.int64), np.zeros(room.shape)
    for p in range(points):
        s = choice[p]
        member[s, count[s]], place[p] = p, count[s]
        count[s] += 1
        for d in range(use.shape[1]):
            load[s, d] += use[p, d]
    queue, waiting = np.arange(points), np.ones(points, np.bool_)
    journal = np.empty((40 * points + 100, 2), np.int64)
    _descend(queue, waiting, 0, points, cost, use, room, least, near, missing, choice, load, member, count, place,
             journal, 0)
    state = np.uint64(seed * 2654435761 + 12345)
    for _ in range(shoves):
        state = state * np.uint64(6364136223846793005) + np.uint64(1442695040888963407)
        p = int((state >> np.uint64(33)) % np.uint64(points))
        t = near[p, int((state >> np.uint64(17)) % np.uint64(min(SHOVE_TO, near.shape[1])))]
        s = choice[p]
        if t == s or not np.isfinite(cost[p, t]):
            continue
        lack = _lack(load, room, least, s, -1, -1, use) + _lack(load, room, least, t, -1, -1, use)
        total = cost[p, t] - cost[p, s] - missing * lack
        logged = _relocate(p, t, choice, use, load, member, count, place, journal, 0)
        total += missing * (_lack(load, room, least, s, -1, -1, use) + _lack(load, room, least, t, -1, -1, use))
        size = 0
        for site in (t, s):
            for i in range(count[site]):
                q = member[site, i]
                if q != p:
                    waiting[q] = True
                    queue[size] = q
                    size += 1
        change, logged = _descend(queue, waiting, 0, size, cost, use, room, least, near, missing, choice, load, member,
                                  count, place, journal, logged)
        if total + change > 1e-7:
            for i in range(logged - 1, -1, -1):
                _relocate(journal[i, 0], journal[i, 1], choice, use, load, member, count, place, journal, logged)
