"""Many small 0-1 knapsacks at once: the least value of any set of items that fits.

An item may weigh in several measures at once. Up to EXACT_ITEMS useful items all sets are tried; beyond, dynamic
programming over whole units of capacity / UNITS, one measure at a time, of which the dearest answer counts: leaving
measures out and rounding weights down both only lower the value. With one measure, weights rounded up give a set that
truly fits.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]
Int = NDArray[np.int64]
Bool = NDArray[np.bool_]

UNITS = 1000
EXACT_ITEMS = 12
CELLS = 4_000_000
"""Cells of one block of a table; bounds memory."""
TOLERANCE = 1e-8
"""Sets that exceed the capacity by no more than this share count as fitting: a little more than the referee allows."""


@dataclass(frozen=True)
class Knapsacks:
    """Knapsack b holds the items first[b] to first[b + 1] and has capacity 1."""

    first: Int
    weight: Float
    """Share of the capacity each item takes, >= 0; [items], or [items, measures]."""

    @property
    def shares(self) -> Float:
        """The weights in columns, one per measure."""
        return self.weight[:, None] if self.weight.ndim == 1 else self.weight


@dataclass(frozen=True)
class Packed:
    """The least value of each knapsack (never above 0) and the items taken (all False unless asked for)."""

    value: Float
    taken: Bool


def solve(knapsacks: Knapsacks, value: Float, *, round_up: bool = False, pick: bool = False) -> Packed:
    """The best set of each knapsack for item values [items]; only items of negative value are ever taken."""
    count = len(knapsacks.first) - 1
    owner = np.repeat(np.arange(count), np.diff(knapsacks.first))
    shares = knapsacks.shares
    useful = np.flatnonzero((value < 0.0) & (shares <= 1.0 + TOLERANCE).all(axis=1))
    least, taken = np.zeros(count), np.zeros(len(value), dtype=bool)
    number = np.bincount(owner[useful], minlength=count)
    total = np.stack([np.bincount(owner[useful], weights=shares[useful, d], minlength=count)
                      for d in range(shares.shape[1])], axis=1)
    easy = np.all(total <= 1.0 + TOLERANCE, axis=1)
    everything = useful[easy[owner[useful]]]
    least += np.bincount(owner[everything], weights=value[everything], minlength=count)
    taken[everything] = pick
    starts = np.concatenate([[0], np.cumsum(number)])
    for block in _blocks(number, np.flatnonzero(~easy), pick):
        width = int(number[block].max())
        item = useful[starts[block][:, None] + np.arange(width)[None, :]]
        if width <= EXACT_ITEMS:
            least[block], chosen = _all_sets(shares[item], value[item])
        else:
            least[block], chosen = _tables(shares[item], value[item], np.asarray(total[block], dtype=np.float64), round_up, pick)
        if pick:
            taken[item[chosen]] = True
    return Packed(least, taken)


def _blocks(number: Int, hard: Int, pick: bool) -> list[Int]:
    """Hard knapsacks grouped by their number of items, each group small enough for one table."""
    out = []
    for width in np.unique(number[hard]):
        rows = hard[number[hard] == width]
        cells = 2 ** int(width) if width <= EXACT_ITEMS else (UNITS + 1) * (int(width) if pick else 1)
        step = max(1, CELLS // cells)
        out += [rows[start:start + step] for start in range(0, len(rows), step)]
    return out


def _all_sets(weight: Float, value: Float) -> tuple[Float, Bool]:
    """Every subset of the items in the columns, for each row."""
    width = weight.shape[1]
    member = ((np.arange(2**width)[:, None] >> np.arange(width)[None, :]) & 1).astype(np.float64)
    fits = np.ones((len(member), len(weight)), dtype=bool)
    for d in range(weight.shape[2]):
        fits &= member @ weight[:, :, d].T <= 1.0 + TOLERANCE
    gain = np.where(fits, member @ value.T, 0.0)
    best = np.argmin(gain, axis=0)
    return gain[best, np.arange(len(weight))], member[best].astype(bool)


def _tables(weight: Float, value: Float, total: Float, round_up: bool, pick: bool) -> tuple[Float, Bool]:
    """One table per measure that can bind, and for each row the dearest answer."""
    least, chosen = np.full(len(weight), -np.inf), np.zeros(value.shape, dtype=bool)
    for d in range(weight.shape[2]):
        rows = np.flatnonzero(total[:, d] > 1.0 + TOLERANCE)
        if not len(rows):
            continue
        found, picked = _table(_whole_units(weight[rows, :, d], round_up), value[rows], pick)
        dearer = found > least[rows]
        least[rows[dearer]], chosen[rows[dearer]] = found[dearer], picked[dearer]
    return least, chosen


def _whole_units(weight: Float, round_up: bool) -> Int:
    units = weight * UNITS
    return (np.ceil(units - TOLERANCE) if round_up else np.floor(units + TOLERANCE)).astype(np.int64)


def _table(weight: Int, value: Float, pick: bool) -> tuple[Float, Bool]:
    """Dynamic programming over capacities, knapsacks in the rows, items in the columns."""
    rows, width = weight.shape
    best = np.zeros((rows, UNITS + 1))
    better = np.zeros((width if pick else 0, rows, UNITS + 1), dtype=bool)
    room = np.arange(UNITS + 1)[None, :]
    for column in range(width):
        left = room - weight[:, column, None]
        with_item = np.take_along_axis(best, np.maximum(left, 0), axis=1) + value[:, column, None]
        gain = (left >= 0) & (with_item < best)
        if pick:
            better[column] = gain
        best = np.where(gain, with_item, best)
    chosen = np.zeros((rows, width), dtype=bool)
    if pick:
        left_over, row = np.full(rows, UNITS), np.arange(rows)
        for column in range(width - 1, -1, -1):
            chosen[:, column] = better[column, row, left_over]
            left_over = left_over - np.where(chosen[:, column], weight[:, column], 0)
    return best[:, UNITS], chosen
