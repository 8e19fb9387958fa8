"""Unserved: a penalty on tonnes whose producers would take part but are given no site."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from optimizer.objectives.coefficients import Coefficients, zero
from optimizer.problem import Problem


def coefficients(problem: Problem) -> Coefficients:
    """CNY per unserved tonne, the same for every material."""
    price = np.full(len(problem.network.materials), problem.network.money.unserved_cny_per_t)
    return replace(zero(problem), unserved_cny_per_t=price)
