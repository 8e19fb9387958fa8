"""Revenue: what the last tier sells, after its residue."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from optimizer.objectives.coefficients import Coefficients, zero
from optimizer.problem import Problem


def coefficients(problem: Problem) -> Coefficients:
    """CNY per tonne entering the last tier, negative where it earns."""
    nothing = zero(problem)
    last = len(problem.network.tiers) - 1
    sold = problem.passed_share(last)
    earned = np.array([m.price_cny_per_t for m in problem.network.materials]) * sold
    return replace(nothing, entering_cny_per_t=(*nothing.entering_cny_per_t[:last], -earned))
