"""The Lagrangian bound of capacitated siting: what prices of the clients alone prove. Numpy only.

Relaxed are "every client is served once" (a price per client, free in sign), "the open sites hold the total demand"
(a price >= 0) and "at most p sites, and at least so many as must be open to hold it" (one price; positive for the
first, negative for the second: never both). What remains falls apart into one knapsack per site. Any such
prices give a valid lower bound (Geoffrion 1974, Mathematical Programming Study 2; Beasley 1993, EJOR 65).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from optimizer.classic.capacitated_task import SitingTask
from optimizer.classic.site_knapsack import Packed, Served, all_or_nothing, continuous

Float = NDArray[np.float64]
Int = NDArray[np.int64]
Bool = NDArray[np.bool_]

HALVINGS = 40
FIRST_LOOK = 8
"""Sites beyond the number open whose knapsacks are solved exactly before it is known whether they matter."""


@dataclass(frozen=True)
class Prices:
    """A price per client, [J], of a unit of total capacity (>= 0), and of one site more (negative: a reward)."""

    client: Float
    capacity: float
    count: float

    def as_array(self) -> Float:
        """All in one array: clients, capacity, count."""
        return np.concatenate([self.client, [self.capacity, self.count]])


@dataclass(frozen=True)
class Relaxed:
    """The relaxation at some prices."""

    prices: Prices
    bound: float
    margin: Float
    """[I]: what opening the site adds to the bound (negative: it is open)."""
    weight: Float
    """[I]: how much of each site is open, in [0, 1]."""
    open: Bool
    """[I]: sites that are open, enough of them to hold the total demand."""
    served: Float
    """[I, J]: what each open site takes of each client."""


def bound_at(task: SitingTask, prices: Prices) -> float:
    """The bound proven by any prices, recomputed from nothing else. ValueError for a negative price of capacity."""
    if not prices.capacity >= 0.0:
        raise ValueError("the price of capacity must not be negative")
    saving = _saving(task, prices.client)
    value = task.fixed + continuous(task, saving).value
    if task.whole_knapsacks:
        value = np.maximum(value, task.fixed + all_or_nothing(task, saving, np.arange(len(value))).value)
    return _total(task, prices, value)


def prices_of(array: Float) -> Prices:
    """Prices out of the array of a result."""
    return Prices(array[:-2], float(array[-2]), float(array[-1]))


def _saving(task: SitingTask, price: Float) -> Float:
    return np.where(task.arcs, task.cost - price[None, :], np.inf)


def _total(task: SitingTask, prices: Prices, value: Float) -> float:
    rest = value - _held(task, prices.capacity) + prices.count
    kept = np.where(task.required, rest, np.minimum(rest, 0.0))
    places = task.most_sites if prices.count > 0.0 else task.least_sites
    return float(prices.client.sum() + prices.capacity * task.demand.sum() - prices.count * places + kept.sum())


def _held(task: SitingTask, price: float) -> Float:
    """What the price of capacity pays each site; capacities beyond the total demand count as that."""
    held: Float = price * np.minimum(task.capacity, task.demand.sum())
    return held


def relax(task: SitingTask, price: Float, *, exact: bool) -> Relaxed:
    """The relaxation at client prices, with the best prices of capacity and count; `exact`: whole knapsacks."""
    saving = _saving(task, price)
    loose = continuous(task, saving)
    value, served = task.fixed + loose.value, loose.share
    known = np.zeros(len(value), dtype=bool)
    while True:
        capacity, count, weight, opened = _best_master(task, value)
        if not exact:
            break
        rest = value - _held(task, capacity)
        wanted = opened | (weight > 0.0)
        if not known.any():
            wanted = wanted | (rest <= np.sort(rest)[min(len(rest) - 1, int(wanted.sum()) + FIRST_LOOK)])
        new = np.flatnonzero(wanted & ~known)
        if len(new) == 0:
            break
        packed = all_or_nothing(task, saving[new], new)
        value[new] = np.maximum(value[new], task.fixed[new] + packed.value)
        served[new] = packed.taken
        known[new] = True
    prices = Prices(price, capacity, count)
    margin = value - _held(task, capacity) + count
    return Relaxed(prices, _total(task, prices, value), margin, weight, opened, served)


def _best_master(task: SitingTask, value: Float) -> tuple[float, float, Float, Bool]:
    """Best prices of capacity and count for site values, how much of each site is open, and an open set that holds all.

    The bound is concave in the price of capacity; its slope is the demand that the open sites do not hold.
    """
    room, total = np.minimum(task.capacity, task.demand.sum()), float(task.demand.sum())

    def opened_at(price: float) -> tuple[Bool, float]:
        rest = value - price * room
        free = np.where(task.required, np.inf, rest)
        must = int(task.required.sum())
        wanted = int((free < 0.0).sum())
        number = min(max(wanted, task.least_sites - must), task.most_sites - must)
        order = np.argsort(free, kind="stable")
        chosen = task.required.copy()
        chosen[order[:number]] = True
        if number == wanted:
            return chosen, 0.0
        return chosen, float(-free[order[number - 1 if number > wanted else number]])

    low, high = 0.0, 0.0
    at_low, count = opened_at(0.0)
    if room[at_low].sum() >= total * (1 - 1e-12):
        return 0.0, count, at_low.astype(np.float64), at_low
    high = max(1e-9, float(np.abs(value).max()) / max(float(room.max()), 1e-300))
    for _ in range(60):
        at_high, count = opened_at(high)
        if room[at_high].sum() >= total * (1 - 1e-12):
            break
        low, at_low, high = high, at_high, 4.0 * high
    for _ in range(HALVINGS):
        middle = 0.5 * (low + high)
        at_middle, here = opened_at(middle)
        if room[at_middle].sum() >= total * (1 - 1e-12):
            high, at_high, count = middle, at_middle, here
        else:
            low, at_low = middle, at_middle
        if high - low <= 1e-12 * high:
            break
    held_low, held_high = room[at_low].sum(), room[at_high].sum()
    part = float(np.clip((total - held_low) / max(held_high - held_low, 1e-300), 0.0, 1.0))
    return high, count, (1.0 - part) * at_low + part * at_high, at_high


@dataclass(frozen=True)
class Margins:
    """Lower bounds on the cost of every plan that opens a site, that keeps it closed, or that uses an arc whole."""

    if_open: Float
    if_closed: Float
    if_used: Float
    """[I, J]"""
    per_share: Float
    """[I, J]: by how much `bound` rises at least per whole unit of share (0 where it is free)."""


def margins_at(task: SitingTask, prices: Prices) -> tuple[float, Margins]:
    """The bound at prices and what it becomes when a site or an arc is forced."""
    saving = _saving(task, prices.client)
    loose: Served = continuous(task, saving)
    value = task.fixed + loose.value
    packed: Packed | None = None
    if task.whole_knapsacks:
        packed = all_or_nothing(task, saving, np.arange(len(value)))
        value = np.maximum(value, task.fixed + packed.value)
    bound = _total(task, prices, value)
    held = _held(task, prices.capacity)
    rest = value - held + prices.count
    without = bound - np.where(task.required, rest, np.minimum(rest, 0.0))
    if_open, if_closed = without + rest, np.where(task.required, np.inf, without)
    dear = np.maximum(saving + loose.unit_price[:, None] * task.demand[None, :], 0.0)
    forced = (without + task.fixed + loose.value - held + prices.count)[:, None] + dear
    if packed is not None and packed.at_room is not None:
        room = np.minimum(task.capacity, task.demand.sum()).astype(np.int64)
        left = room[:, None] - task.demand.astype(np.int64)[None, :]
        table = np.take_along_axis(packed.at_room, np.maximum(left, 0), axis=1)
        exact = (without + task.fixed - held + prices.count)[:, None] + table + saving
        forced = np.maximum(forced, np.where(left >= 0, exact, np.inf))
    used = np.where(task.arcs, np.maximum(forced, if_open[:, None]), np.inf)
    return bound, Margins(if_open, if_closed, used, np.where(task.arcs, dear, np.inf))
