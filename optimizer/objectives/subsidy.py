"""Subsidy: paid per tonne of low-value material that reaches the last tier."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from optimizer.objectives.coefficients import Coefficients, zero
from optimizer.problem import Problem


def coefficients(problem: Problem) -> Coefficients:
    """CNY per tonne entering the last tier, negative where it earns."""
    nothing = zero(problem)
    last = len(problem.network.tiers) - 1
    earned = np.array([m.subsidy_cny_per_t if m.low_value else 0.0 for m in problem.network.materials])
    return replace(nothing, entering_cny_per_t=(*nothing.entering_cny_per_t[:last], -earned))
