"""Rent: what the ground of an open site costs a year, on top of the cost of its size."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from optimizer.objectives.coefficients import Coefficients, zero
from optimizer.problem import Problem


def coefficients(problem: Problem) -> Coefficients:
    """CNY per year of every open site and size, whatever its status."""
    opened = []
    for sites, none in zip(problem.sites, zero(problem).open_cny_per_year, strict=True):
        own = sites.site_cost_cny_per_year
        opened.append(none if own is None else none + (own[:, None] if own.ndim == 1 else own))
    return replace(zero(problem), open_cny_per_year=tuple(np.asarray(cost, dtype=np.float64) for cost in opened))
