"""What the least worthwhile tonnes among given loads earn: what it costs to have too little room for them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from optimizer.objectives import Coefficients
from optimizer.prices import unserved_cny_per_year
from optimizer.problem import Problem

Float = NDArray[np.float64]
Int = NDArray[np.int64]

LEAST_FILLED = 0.5
"""A site of the first tier is taken to be at least that full, in its smallest size that holds its load."""


def worth_of_last(problem: Problem, coefficients: Coefficients, site: Int, t_per_day: Float, path_cny_per_year: Float,
                  share: float) -> float:
    """CNY per year of the t/day served last, the mean over the least worthwhile `share` of the loads; at least 0.

    A load [P, M] at a site of the first tier saves the penalty of leaving its parts unserved, costs its site and
    what arriving there costs, and `path_cny_per_year` [P] from there to the end. Penalties and arrivals are means over
    the nearest arcs of all parts.
    """
    mass = t_per_day.sum(axis=1)
    walk = problem.walk
    order = np.lexsort((walk.distance_m, walk.part))
    nearest = order[np.unique(walk.part[order], return_index=True)[1]]
    captured = problem.captured_t_per_day[nearest]
    saved = unserved_cny_per_year(problem, coefficients)[walk.part[nearest]]
    arriving = coefficients.arriving_cny_per_year(captured, nearest)
    per_t = float((saved - arriving).sum() / max(captured.sum(), 1e-12))
    capacity = problem.capacity_t_per_day(0)
    fixed = coefficients.open_cny_per_year[0][site] - coefficients.closed_cny_per_year[0][site][:, None]
    holds = problem.sites[0].allowed[site] & (capacity[None, :] >= mass[:, None] * (1.0 - 1e-9))
    own = np.where(holds, fixed / np.maximum(mass[:, None], LEAST_FILLED * capacity[None, :]), np.inf).min(axis=1)
    worth = per_t - np.where(np.isfinite(own), own, 0.0) - path_cny_per_year / np.maximum(mass, 1e-12)
    last = np.argsort(worth, kind="stable")
    upto = np.cumsum(mass[last])
    part = np.clip(share * upto[-1] - (upto - mass[last]), 0.0, mass[last])
    return max(float((part * worth[last]).sum() / max(part.sum(), 1e-12)), 0.0)
