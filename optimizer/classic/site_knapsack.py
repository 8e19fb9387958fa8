"""What each site would serve at given prices of the clients: one knapsack per site, continuous or all-or-nothing.

Continuous: items by value per unit of demand, the last one in part (Dantzig 1957, Operations Research 5). All or
nothing: dynamic programming over whole units where demands and capacities are whole numbers and small, otherwise the
valid relaxation of `optimizer.knapsack`. Numpy only.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from optimizer import knapsack
from optimizer.classic.capacitated_task import ROOM, SitingTask

Float = NDArray[np.float64]
Int = NDArray[np.int64]
Bool = NDArray[np.bool_]

TABLE_UNITS = 4000
"""Largest capacity, in whole units, that a table is laid out for."""
BLOCK_CELLS = 8_000_000
LEAST_DEMAND = 1e-200
"""Stands for no demand in quotients."""


@dataclass(frozen=True)
class Served:
    """Per site: the least value (never above 0), the price of a unit of its capacity, and what it serves, [I, J]."""

    value: Float
    unit_price: Float
    share: Float


def continuous(task: SitingTask, saving: Float) -> Served:
    """The best fractions for values `saving` [I, J] (negative is good, inf is barred)."""
    sites, clients = saving.shape
    good = np.where(saving < 0.0, saving, 0.0)
    width = int((good < 0.0).sum(axis=1).max(initial=0))
    if width == 0:
        return Served(np.zeros(sites), np.zeros(sites), np.zeros(saving.shape))
    density = good / np.maximum(task.demand, LEAST_DEMAND)[None, :]
    rows = np.arange(sites)[:, None]
    if width < clients // 2:
        some = np.argpartition(density, width - 1, axis=1)[:, :width]
        order = some[rows, np.argsort(density[rows, some], axis=1, kind="stable")]
    else:
        order = np.argsort(density, axis=1, kind="stable")
    value = good[rows, order]
    weight = np.where(value < 0.0, task.demand[order], 0.0)
    before = np.cumsum(weight, axis=1) - weight
    with np.errstate(divide="ignore", invalid="ignore"):
        part = np.clip((task.capacity[:, None] - before) / weight, 0.0, 1.0)
    part = np.where(weight > 0.0, part, 1.0) * (value < 0.0)
    cut = (value < 0.0) & (part < 1.0)
    first = np.argmax(cut, axis=1)
    price = np.where(cut.any(axis=1), -density[rows[:, 0], order[rows[:, 0], first]], 0.0)
    share = np.zeros(saving.shape)
    share[rows, order] = part
    return Served((part * value).sum(axis=1), price, share)


def whole_units(task: SitingTask) -> bool:
    """Whether demands and capacities are whole numbers small enough for a table."""
    capacity = np.minimum(task.capacity, task.demand.sum())
    return bool((task.demand == np.rint(task.demand)).all() and (capacity == np.rint(capacity)).all()
                and capacity.max(initial=0.0) <= TABLE_UNITS)


@dataclass(frozen=True)
class Packed:
    """All-or-nothing answers of some sites: least values, what is taken, [S, J], and values at every room."""

    value: Float
    taken: Bool
    at_room: Float | None
    """[S, units + 1], least value for every capacity; None where there is no table."""


def all_or_nothing(task: SitingTask, saving: Float, sites: Int) -> Packed:
    """The best sets of some sites for values `saving` [len(sites), J]: exact with a table, otherwise no higher."""
    if whole_units(task):
        return _by_table(task, saving, sites)
    row, client = np.nonzero(saving < 0.0)
    first = np.searchsorted(row, np.arange(len(sites) + 1))
    room = np.maximum(task.capacity[sites], 1e-300)
    weight = np.where(np.isfinite(room[row]), task.demand[client] / room[row], 0.0)
    packed = knapsack.solve(knapsack.Knapsacks(first, weight), saving[row, client], pick=True)
    taken = np.zeros(saving.shape, dtype=bool)
    taken[row[packed.taken], client[packed.taken]] = True
    return Packed(packed.value, taken, None)


def _by_table(task: SitingTask, saving: Float, sites: Int) -> Packed:
    room = np.minimum(task.capacity[sites], task.demand.sum()).astype(np.int64)
    units = int(room.max(initial=0))
    value, table = np.zeros(len(sites)), np.zeros((len(sites), units + 1))
    taken = np.zeros(saving.shape, dtype=bool)
    number = (saving < 0.0).sum(axis=1)
    order = np.argsort(number, kind="stable")
    step = max(1, BLOCK_CELLS // ((units + 1) * max(1, int(number.max(initial=0)))))
    for start in range(0, len(sites), step):
        block = order[start:start + step]
        width = int(number[block].max(initial=0))
        item = np.argsort(saving[block], axis=1, kind="stable")[:, :width]
        gain = np.minimum(saving[block][np.arange(len(block))[:, None], item], 0.0)
        weight = np.where(gain < 0.0, task.demand[item], 0.0).astype(np.int64)
        best, chosen = _fill(weight, gain, room[block], units)
        table[block] = best
        value[block] = best[np.arange(len(block)), room[block]]
        here, which = np.nonzero(chosen)
        taken[block[here], item[here, which]] = True
    return Packed(value, taken, table)


def _fill(weight: Int, gain: Float, room: Int, units: int) -> tuple[Float, Bool]:
    """Dynamic programming over capacities, sites in the rows, items in the columns; and the items of the best sets."""
    rows, width = weight.shape
    best = np.zeros((rows, units + 1))
    better = np.zeros((width, rows, units + 1), dtype=bool)
    at = np.arange(units + 1)[None, :]
    for column in range(width):
        left = at - weight[:, column, None]
        with_item = np.take_along_axis(best, np.maximum(left, 0), axis=1) + gain[:, column, None]
        better[column] = (left >= 0) & (with_item < best)
        best = np.where(better[column], with_item, best)
    chosen, rest, row = np.zeros((rows, width), dtype=bool), room.copy(), np.arange(rows)
    for column in range(width - 1, -1, -1):
        chosen[:, column] = better[column, row, rest]
        rest = rest - np.where(chosen[:, column], weight[:, column], 0)
    return best, chosen


def fits(load: Float, capacity: Float) -> Bool:
    """Whether loads fit into capacities, but for rounding."""
    return load <= capacity * (1 + ROOM)
