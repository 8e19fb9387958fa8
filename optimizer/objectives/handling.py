"""Handling: the variable cost of each tier, and the disposal of the residue a tier removes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from optimizer.objectives.coefficients import Coefficients, on_direct_ways, zero
from optimizer.problem import Problem


def coefficients(problem: Problem) -> Coefficients:
    """CNY per tonne entering each tier."""
    network = problem.network
    entering = tuple(
        np.full(len(network.materials), tier.variable_cost_cny_per_t)
        + (1.0 - problem.passed_share(level)) * network.money.residue_cny_per_t
        for level, tier in enumerate(network.tiers)
    )
    saved = tuple(-tier.variable_cost_cny_per_t for tier in network.tiers)  # a direct way handles nothing
    return replace(zero(problem), entering_cny_per_t=entering, site_cny_per_t=on_direct_ways(problem, saved))
