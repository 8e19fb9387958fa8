"""Service of very many points: only near stations are looked at, and a split service is made whole by hand.

A service of P points over S stations that may be split has no more split points than there are station limits that
bind, so that settling those few greedily costs little (Shmoys and Tardos 1993, Mathematical Programming 62, round the
same programme).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]
Int = NDArray[np.int64]
Bool = NDArray[np.bool_]

DENSE_PAIRS = 20_000
"""Up to this many pairs of point and station all of them are looked at."""
NEAR = 12
"""Beyond it, the cheapest stations of every point."""
FITS = 1.0 + 1e-9
WHOLE = 1.0 - 1e-6


def near_pairs(cost: Float, near: int = NEAR) -> tuple[Int, Int]:
    """Rows and columns of the pairs worth looking at: all of a small table, else the `near` cheapest of each row."""
    rows, columns = cost.shape
    if rows * columns <= DENSE_PAIRS or columns <= near:
        row, column = np.indices(cost.shape)
        return row.ravel(), column.ravel()
    kept = np.sort(np.argpartition(cost, near - 1, axis=1)[:, :near], axis=1)
    return np.repeat(np.arange(rows), near), kept.ravel().astype(np.int64)


def is_large(cost: Float) -> bool:
    """Whether a table of points and stations is too large for an integer programme over all pairs."""
    return bool(cost.size > DENSE_PAIRS)


def made_whole(share: Float, cost: Float, use: Float, room: Float) -> Int | None:
    """One column for every row from a split service [P, S], at little extra cost; None where some row finds no room.

    `use` [P, D] is what a row takes of each measure, `room` [S, D] what the columns have. Rows served by one column
    stay; the others go, the largest first, to the cheapest column with room, if need be one that another row leaves.
    """
    choice: Int = np.argmax(share, axis=1).astype(np.int64)
    split = share.max(axis=1) < WHOLE
    left = room * FITS
    np.subtract.at(left, choice[~split], use[~split])
    if (left < 0.0).any():
        return None
    settled = ~split
    for row in sorted(np.flatnonzero(split).tolist(), key=lambda p: -float(use[p, 0])):
        fits = (left >= use[row]).all(axis=1) & np.isfinite(cost[row])
        if fits.any():
            column = int(np.argmin(np.where(fits, cost[row], np.inf)))
        else:
            found = _by_exchange(row, choice, settled, cost, use, left)
            if found is None:
                return None
            column, other, to = found
            left[column] += use[other]
            left[to] -= use[other]
            choice[other] = to
        choice[row] = column
        settled[row] = True
        left[column] -= use[row]
    return choice


def _by_exchange(row: int, choice: Int, settled: Bool, cost: Float, use: Float,
                 left: Float) -> tuple[int, int, int] | None:
    """The cheapest (column, row that leaves it, where that goes) after which `row` fits into the column."""
    best: tuple[float, int, int, int] | None = None
    for column in np.argsort(cost[row], kind="stable")[:NEAR].tolist():
        inside = np.flatnonzero(settled & (choice == column))
        inside = inside[(left[column] + use[inside] >= use[row]).all(axis=1)]
        if not len(inside):
            continue
        fits = (left[None, :, :] >= use[inside][:, None, :]).all(axis=2)
        fits[:, column] = False
        extra = np.where(fits, cost[inside] - cost[inside, column][:, None], np.inf)
        at = np.unravel_index(int(np.argmin(extra)), extra.shape)
        value = float(cost[row, column] + extra[at])
        if np.isfinite(value) and (best is None or value < best[0]):
            best = (value, column, int(inside[at[0]]), int(at[1]))
    return None if best is None else best[1:]
