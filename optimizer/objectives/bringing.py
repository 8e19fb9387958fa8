"""Bringing: what a tonne costs on its way from the door to the first tier, by walking arc."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from optimizer.objectives.coefficients import Coefficients, zero
from optimizer.problem import Problem


def coefficients(problem: Problem) -> Coefficients:
    """CNY per tonne brought over every walking arc."""
    own = problem.walk.cost_cny_per_t
    return zero(problem) if own is None else replace(zero(problem), walk_cny_per_t=np.asarray(own, dtype=np.float64))
