"""Plans and bounds of the uncapacitated problems computed anew, from the matrix and the plan alone: no solver in here.

The numbers a result claims can be checked with these functions in a process without any optimisation engine.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from optimizer.classic.arcs import (
    Choice,
    arcs_of,
    checked_weight,
    nearest_open,
    outside_or_free,
    shape_of,
    whole_step,
    within,
)
from optimizer.classic.branching import kernel_of, replay
from optimizer.classic.common import NOT_SERVED, Bool, ClassicResult, Float, Int, Matrix
from optimizer.classic.lagrangian import fixed_by, lagrangian_value, rounded_up


def p_median_cost(distance: Matrix, weight: Float | None, open_sites: Int) -> tuple[float, Int]:
    """(total, site of each client) of a plan, from the matrix alone; inf and NOT_SERVED where nothing is in reach."""
    clients, sites = shape_of(distance)
    arcs = arcs_of(distance, checked_weight(weight, clients), np.zeros(sites, dtype=bool))
    is_open = np.zeros(sites, dtype=bool)
    is_open[open_sites] = True
    served = nearest_open(arcs, is_open)
    return served.total, np.where(np.isfinite(served.first_cost), served.first_site, NOT_SERVED)


def p_median_bound(distance: Matrix, weight: Float | None, multipliers: Float, *, p: int,
                   required: Sequence[int] | Int = (), forbidden: Sequence[int] | Int = ()) -> float:
    """The lower bound that any multipliers u [clients] prove, recomputed with numpy alone.

    sum_i u_i - (required sites, then the p best others) sum_i max(0, u_i - weight_i x distance_ij).
    """
    clients, sites = shape_of(distance)
    choice = Choice.of(sites, required, forbidden)
    arcs = arcs_of(distance, checked_weight(weight, clients), choice.forbidden)
    return lagrangian_value(arcs, np.asarray(multipliers, dtype=np.float64), p, choice.required, choice.forbidden)[0]


def p_median_proven(distance: Matrix, weight: Float | None, result: ClassicResult, *, p: int,
                    required: Sequence[int] | Int = (), forbidden: Sequence[int] | Int = ()) -> bool:
    """Whether multipliers and record prove, recomputed with numpy alone, that no plan beats the result's objective."""
    clients, sites = shape_of(distance)
    choice = Choice.of(sites, required, forbidden)
    arcs = arcs_of(distance, checked_weight(weight, clients), choice.forbidden)
    step = whole_step(arcs.cost)
    if result.multipliers is None:
        return False
    bound, rho = lagrangian_value(arcs, result.multipliers, p, choice.required, choice.forbidden)
    if rounded_up(bound, step) >= result.objective - 1e-9 * max(1.0, abs(result.objective)):
        return True
    if result.record is None or result.record.first_total < result.objective:
        return False
    fixed = fixed_by(bound, rho, result.record.first_total, p, choice.required, choice.forbidden, step)
    return replay(kernel_of(arcs, p, fixed, step), result.record, result.objective)


def p_center_cost(distance: Matrix, weight: Float | None, open_sites: Int) -> float:
    """The largest cost of a plan, from the matrix alone; inf when somebody reaches no open site."""
    clients, sites = shape_of(distance)
    arcs = arcs_of(distance, checked_weight(weight, clients), np.zeros(sites, dtype=bool))
    is_open = np.zeros(sites, dtype=bool)
    is_open[open_sites] = True
    return float(nearest_open(arcs, is_open).first_cost.max(initial=0.0))


def covered(distance: Matrix, open_sites: Int, radius: float) -> Bool:
    """Which clients have an open site within the radius, from the matrix alone, [clients]."""
    _, sites = shape_of(distance)
    return within(arcs_of(distance, None, np.zeros(sites, dtype=bool)), open_sites, radius) >= 0


def mclp_bound(distance: Matrix, weight: Float | None, multipliers: Float, *, p: int, radius: float,
               required: Sequence[int] | Int = (), forbidden: Sequence[int] | Int = ()) -> float:
    """The upper bound that any multipliers u [clients] prove, recomputed with numpy alone.

    With u_i <= w_i: sum_i (w_i - u_i) + (required sites, then the p best others) sum of u_i over what a site covers.
    """
    clients, sites = shape_of(distance)
    choice = Choice.of(sites, required, forbidden)
    given = checked_weight(weight, clients)
    worth = np.ones(clients) if given is None else given
    arcs = arcs_of(distance, None, choice.forbidden)
    prices = np.asarray(multipliers, dtype=np.float64)
    least = lagrangian_value(outside_or_free(arcs, worth, radius), prices, p, choice.required, choice.forbidden)[0]
    return float(worth.sum()) - least
