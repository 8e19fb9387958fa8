"""Weights by pairwise comparison against published figures and powers of the matrix; scores by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geodata.suitability import Criterion, SuitabilityRule, scored
from geodata.suitability_weights import MOST_CRITERIA, RANDOM_INDEX, ahp_weights


def reciprocal(upper: list[list[float]]) -> np.ndarray:
    """A matrix from the rows right of its diagonal."""
    count = len(upper) + 1
    matrix = np.eye(count)
    for row, values in enumerate(upper):
        for column, value in enumerate(values, start=row + 1):
            matrix[row, column], matrix[column, row] = value, 1 / value
    return matrix


def test_a_worked_example() -> None:
    """Three criteria, 1/3, 5 and 7: 0.279, 0.649, 0.072 with the principal eigenvalue 3.0649, hence 0.0324 / 0.58."""
    found = ahp_weights(reciprocal([[1 / 3, 5], [7]]))
    assert found.weights == pytest.approx([0.2790, 0.6491, 0.0719], abs=1e-4)
    assert found.consistency_ratio == pytest.approx((3.0649 - 3) / 2 / 0.58, abs=1e-4)
    assert found.acceptable


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(0.1, 10.0), min_size=1, max_size=MOST_CRITERIA))
def test_consistent_comparisons_give_their_weights_back(importance: list[float]) -> None:
    wanted = np.array(importance)
    found = ahp_weights(wanted[:, None] / wanted[None, :])
    assert found.weights == pytest.approx(wanted / wanted.sum())
    assert found.consistency_ratio == pytest.approx(0.0, abs=1e-9)


@settings(max_examples=60, deadline=None)
@given(st.integers(3, 8), st.integers(0, 10_000))
def test_the_weights_are_the_limit_of_powers(count: int, seed: int) -> None:
    """Saaty's definition: the eigenvector to which powers of the matrix lead, and its eigenvalue."""
    rng = np.random.default_rng(seed)
    scale = np.array([1 / 9, 1 / 5, 1 / 3, 1, 2, 4, 7, 9])
    matrix = reciprocal([[float(rng.choice(scale)) for _ in range(count - row - 1)] for row in range(count - 1)])
    vector = np.ones(count)
    for _ in range(500):
        vector = matrix @ vector
        vector /= vector.sum()
    found = ahp_weights(matrix)
    assert found.weights == pytest.approx(vector, abs=1e-9)
    largest = float((matrix @ vector / vector).mean())
    assert found.consistency_ratio == pytest.approx((largest - count) / (count - 1) / RANDOM_INDEX[count], abs=1e-9)


def test_the_comparison_that_was_spoilt_is_named() -> None:
    """Consistent weights 5 : 3 : 2 : 1; the second over the fourth turned round from 3 to 1/3."""
    importance = np.array([5.0, 3.0, 2.0, 1.0])
    matrix = importance[:, None] / importance[None, :]
    matrix[1, 3], matrix[3, 1] = 1 / 3, 3.0
    found = ahp_weights(matrix)
    assert not found.acceptable
    assert found.worst == (1, 3)
    assert found.given == pytest.approx(1 / 3)
    assert found.consistent == pytest.approx(3.0)


@pytest.mark.parametrize("wrong", [
    np.ones((2, 3)), np.array([[1.0, 2.0], [2.0, 1.0]]), np.array([[1.0, -1.0], [-1.0, 1.0]]),
    np.array([[1.0, np.nan], [np.nan, 1.0]]), np.ones((MOST_CRITERIA + 1, MOST_CRITERIA + 1)), np.ones((0, 0))])
def test_what_is_no_matrix_of_comparisons(wrong: np.ndarray) -> None:
    with pytest.raises(ValueError, match="compar"):
        ahp_weights(wrong)


def test_scores_by_hand() -> None:
    """Less is better: 0 m scores 1, 200 m and more 0. More is better: 500 m2 scores 0, 2,500 m2 and more 1."""
    near = Criterion("near", "distance_to_street_m", worst=200.0, best=0.0)
    large = Criterion("large", "usable_area_m2", worst=500.0, best=2500.0)
    use = Criterion("use", "land_use", scores={"3": 1.0, "2": 0.5})
    rule = SuitabilityRule((near, large, use), (0.5, 0.3, 0.2))
    measured = {"near": np.array([50.0, 300.0, np.nan]), "large": np.array([1500.0, 9000.0, 100.0])}
    found = scored(rule, measured, ["3", "2", None])
    assert found.scores["near"].tolist() == pytest.approx([0.75, 0.0, 0.0])
    assert found.scores["large"].tolist() == pytest.approx([0.5, 1.0, 0.0])
    assert found.scores["use"].tolist() == [1.0, 0.5, 0.0]
    assert found.total.tolist() == pytest.approx([0.375 + 0.15 + 0.2, 0.3 + 0.1, 0.0])
    assert set(found.measured) == {"criterion_near_m", "criterion_large_m2"}
