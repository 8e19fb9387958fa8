"""Service of very many points: programmes look at near stations only."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]
Int = NDArray[np.int64]

DENSE_PAIRS = 20_000
"""Up to this many pairs of point and station all of them are looked at."""
NEAR = 12
"""Beyond it, the cheapest stations of every point."""


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
