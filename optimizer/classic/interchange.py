"""Fast interchange: the best swap of one open site for a closed one, found for all pairs at once, until none helps.

Whitaker's fast interchange in the form of Resende and Werneck (2007, "A fast swap-based local search procedure for
location problems"): profit(in, out) = gain(in) - loss(out) + extra(in, out), where only arcs cheaper than a client's
second-cheapest open way take part.
"""

from __future__ import annotations

import time

import numpy as np

from optimizer.classic.arcs import Arcs, Nearest, nearest_open, sums
from optimizer.classic.common import Bool, Int


def improved(arcs: Arcs, is_open: Bool, required: Bool, deadline: float) -> tuple[Bool, Nearest]:
    """A set of as many sites that no single swap improves, and what each client costs with it.

    `arcs.outside` must be finite. Stops early at `deadline` (time.perf_counter).
    """
    is_open = is_open.copy()
    now = nearest_open(arcs, is_open)
    client = arcs.client
    while True:
        swap = _best_swap(arcs, client, is_open, now, required)
        if swap is None:
            return is_open, now
        entering, leaving, _ = swap
        is_open[leaving], is_open[entering] = False, True
        after = nearest_open(arcs, is_open)
        if after.total >= now.total:  # rounding: the promised profit is not there
            is_open[leaving], is_open[entering] = True, False
            return is_open, now
        now = after
        if time.perf_counter() > deadline:
            return is_open, now


def _best_swap(arcs: Arcs, client: Int, is_open: Bool, now: Nearest,
               required: Bool) -> tuple[int, int, float] | None:
    """(entering, leaving, profit) of the most profitable swap, None when no swap is profitable."""
    opened = np.flatnonzero(is_open)
    position = np.full(arcs.sites + 1, -1, dtype=np.int64)
    position[opened] = np.arange(len(opened))
    own = position[now.first_site]  # -1 (the outside) finds the spare last entry
    near = np.flatnonzero(arcs.cost < now.second_cost[client])
    i, j, cost = client[near], arcs.site[near], arcs.cost[near]
    enters = ~is_open[j]
    i, j, cost = i[enters], j[enters], cost[enters]
    gain = sums(j, np.maximum(now.first_cost[i] - cost, 0.0), arcs.sites)
    served = own >= 0
    loss = sums(own[served], (now.second_cost - now.first_cost)[served], len(opened))
    loss[required[opened]] = np.inf
    held = own[i] >= 0
    i, j, cost = i[held], j[held], cost[held]
    extra = sums(j * len(opened) + own[i], now.second_cost[i] - np.maximum(cost, now.first_cost[i]),
                 arcs.sites * len(opened)).reshape(arcs.sites, len(opened))
    profit = gain[:, None] - loss[None, :] + extra
    profit[is_open] = -np.inf
    best = int(np.argmax(profit)) if profit.size else 0
    if not profit.size or profit.flat[best] <= 1e-9 * max(1.0, now.total):
        return None
    return best // len(opened), int(opened[best % len(opened)]), float(profit.flat[best])


def greedy(arcs: Arcs, p: int, required: Bool, forbidden: Bool) -> Bool:
    """p sites: the required ones, then one by one whichever saves most. `arcs.outside` must be finite."""
    is_open = required.copy()
    client = arcs.client
    cost = nearest_open(arcs, is_open).first_cost
    closed_for_good = forbidden.copy()
    while is_open.sum() < p:
        saving = sums(arcs.site, np.maximum(cost[client] - arcs.cost, 0.0), arcs.sites)
        saving[is_open | closed_for_good] = -1.0
        chosen = int(np.argmax(saving))
        is_open[chosen] = True
        mine = arcs.site == chosen
        cost[client[mine]] = np.minimum(cost[client[mine]], arcs.cost[mine])
    return is_open
