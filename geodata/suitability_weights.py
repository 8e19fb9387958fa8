"""Weights of criteria by the analytic hierarchy process: a matrix of pairwise comparisons and its consistency."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]

RANDOM_INDEX = (0.0, 0.0, 0.0, 0.58, 0.90, 1.12, 1.24, 1.32, 1.41, 1.45, 1.49, 1.51, 1.48, 1.56, 1.57, 1.59)
"""Mean consistency index of random matrices by the number of criteria; Saaty (1980), The analytic hierarchy process."""
MOST_CRITERIA = len(RANDOM_INDEX) - 1
MOST_INCONSISTENT = 0.10
"""Consistency ratio up to which Saaty calls judgements acceptable."""


@dataclass(frozen=True)
class Weights:
    """Weights of criteria, and how well the comparisons agree with one another."""

    weights: tuple[float, ...]
    """One per criterion, positive, sum 1."""
    consistency_ratio: float
    """Consistency index over that of random matrices; 0 for up to two criteria."""
    worst: tuple[int, int]
    """The comparison that contradicts the others most: how many times the first matters more than the second ..."""
    given: float
    """... as it was given ..."""
    consistent: float
    """... and as all the others have it (the same where there are no others)."""

    @property
    def acceptable(self) -> bool:
        """Whether the consistency ratio is small enough."""
        return self.consistency_ratio <= MOST_INCONSISTENT + 1e-12


def ahp_weights(comparisons: Float) -> Weights:
    """Weights as the principal eigenvector of a reciprocal matrix [n, n]: how many times row matters more than column.

    Saaty (1980): consistency index (lambda - n) / (n - 1) over the random index. ValueError where the matrix is not
    square, positive and reciprocal, or has more criteria than the random index is known for.
    """
    matrix = np.asarray(comparisons, dtype=np.float64)
    count = len(matrix)
    if matrix.shape != (count, count) or not 1 <= count <= MOST_CRITERIA:
        raise ValueError(f"1 to {MOST_CRITERIA} criteria can be compared, as a square matrix")
    if not (np.isfinite(matrix).all() and (matrix > 0.0).all() and np.allclose(matrix * matrix.T, 1.0, rtol=1e-9)):
        raise ValueError("comparisons have to be positive, and each the reciprocal of its opposite")
    largest, weights = _principal(matrix)
    index = max(0.0, (largest - count) / (count - 1)) if count > 2 else 0.0
    ratio = index / RANDOM_INDEX[count] if count > 2 else 0.0
    wanted = weights[:, None] / weights[None, :]
    off = np.triu(np.abs(np.log(matrix / wanted)), 1)
    row, column = (int(n) for n in np.unravel_index(int(np.argmax(off)), off.shape))
    return Weights(tuple(float(w) for w in weights), ratio, (row, column), float(matrix[row, column]),
                   _by_the_others(matrix, row, column))


def _principal(matrix: Float) -> tuple[float, Float]:
    """The largest eigenvalue of a matrix that is not negative, and its eigenvector with sum 1."""
    values, vectors = np.linalg.eig(matrix)
    first = int(np.argmax(values.real))
    vector = np.abs(vectors[:, first].real)
    return float(values[first].real), vector / vector.sum()


def _by_the_others(matrix: Float, row: int, column: int) -> float:
    """What a comparison would be by all the others: Harker (1987), Incomplete pairwise comparisons in the AHP."""
    if len(matrix) < 3:
        return float(matrix[row, column])
    without = matrix.copy()
    without[row, column] = without[column, row] = 0.0
    without[row, row] += 1.0
    without[column, column] += 1.0
    _, weights = _principal(without)
    return float(weights[row] / weights[column])
