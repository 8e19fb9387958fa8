"""How wide rectangles within a polygon can be for their height, from a grid: a sound least and a sound greatest width.

Cells that the outline does not touch and whose middle is inside lie wholly inside: blocks of them are rectangles that
surely fit. Every cell that a rectangle inside the polygon meets is inside or touched: where there is no block of such
cells as high and as wide as the rectangle, it surely does not fit.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

Bool = NDArray[np.bool_]
Float = NDArray[np.float64]
Int = NDArray[np.int64]

CELLS = 56
"""Rows and columns of the grid over the polygon's bounds."""


@njit(cache=True)
def widths(x: Float, y: Float, first: Int, cells: int) -> tuple[float, float, Int, Int]:
    """Sides of a cell, and the widest block by its height, in cells [cells + 1]: surely inside, and perhaps inside.

    x, y: vertices of closed rings, ring r from first[r] to first[r + 1].
    """
    west, south = x.min(), y.min()
    cx, cy = (x.max() - west) / cells, (y.max() - south) / cells
    touched = np.zeros((cells, cells), dtype=np.bool_)
    crossings = np.zeros((cells, len(x)))
    count = np.zeros(cells, dtype=np.int64)
    for ring in range(len(first) - 1):
        for at in range(first[ring], first[ring + 1] - 1):
            ax, ay = (x[at] - west) / cx, (y[at] - south) / cy
            bx, by = (x[at + 1] - west) / cx, (y[at + 1] - south) / cy
            _touch(touched, ax, ay, bx, by, cells)
            low, high = min(ay, by), max(ay, by)
            for row in range(max(0, int(low - 0.5)), min(cells - 1, int(high + 0.5)) + 1):
                middle = row + 0.5
                if low <= middle < high:  # half open, so that a vertex counts once
                    crossings[row, count[row]] = ax + (bx - ax) * (middle - ay) / (by - ay)
                    count[row] += 1
    inside = np.zeros((cells, cells), dtype=np.bool_)
    for row in range(cells):
        cuts = np.sort(crossings[row, : count[row]])
        for n in range(0, count[row] - 1, 2):
            for column in range(max(0, int(np.ceil(cuts[n] - 0.5))), min(cells - 1, int(cuts[n + 1] - 0.5)) + 1):
                inside[row, column] = True
    return cx, cy, _blocks(inside & ~touched), _blocks(inside | touched)


@njit(cache=True)
def _touch(touched: Bool, ax: float, ay: float, bx: float, by: float, cells: int) -> None:
    """Mark every cell that a segment meets, in units of cells; a little more than that at corners of cells."""
    near = 1e-9
    low, high = min(ay, by), max(ay, by)
    for row in range(max(0, int(low - near)), min(cells - 1, int(high + near)) + 1):
        if by == ay:
            left, right = min(ax, bx), max(ax, bx)
        else:
            one = ax + (bx - ax) * (max(low, float(row)) - ay) / (by - ay)
            two = ax + (bx - ax) * (min(high, row + 1.0) - ay) / (by - ay)
            left, right = min(one, two), max(one, two)
        for column in range(max(0, int(left - near)), min(cells - 1, int(right + near)) + 1):
            touched[row, column] = True


@njit(cache=True)
def _blocks(inside: Bool) -> Int:
    """Width of the widest block of cells by its height, [rows + 1]; by a stack over the columns of every row."""
    rows, columns = inside.shape
    widest = np.zeros(rows + 1, dtype=np.int64)
    high = np.zeros(columns + 1, dtype=np.int64)
    stack = np.zeros(columns + 1, dtype=np.int64)
    for row in range(rows):
        for column in range(columns):
            high[column] = high[column] + 1 if inside[row, column] else 0
        top = 0
        for column in range(columns + 1):
            while top > 0 and high[stack[top - 1]] >= high[column]:
                top -= 1
                left = stack[top - 1] + 1 if top > 0 else 0
                height = high[stack[top]]
                widest[height] = max(widest[height], column - left)
            stack[top] = column
            top += 1
    for height in range(rows - 1, -1, -1):
        widest[height] = max(widest[height], widest[height + 1])
    return widest


@njit(cache=True)
def judged(cell_width: float, cell_height: float, surely: Int, perhaps: Int, width: Float,
           height: Float) -> tuple[bool, Bool]:
    """Whether one of some rectangles surely fits, and which of them may fit (all False once one surely does)."""
    may = np.zeros(len(width), dtype=np.bool_)
    for n in range(len(width)):
        rows = int(np.ceil(height[n] / cell_height))
        if rows < len(surely) and surely[rows] * cell_width >= width[n]:
            return True, np.zeros(len(width), dtype=np.bool_)
        least_rows = int(np.ceil(height[n] / cell_height - 1e-6))
        least_columns = int(np.ceil(width[n] / cell_width - 1e-6))
        may[n] = least_rows < len(perhaps) and perhaps[least_rows] >= least_columns
    return False, may
