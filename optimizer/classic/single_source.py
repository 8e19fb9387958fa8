"""Capacitated facility location with single service (SSCFLP): every client whole at one site."""

from __future__ import annotations

import time

import numpy as np
from numpy.typing import ArrayLike

from optimizer.classic.capacitated_task import SitingTask, infeasible_because, make_task, plan_cost
from optimizer.classic.common import ClassicResult, no_plan, status_of
from optimizer.classic.single_siting import solve_single
from optimizer.classic.site_prices import bound_at


def sscflp(cost: ArrayLike, demand: ArrayLike, capacity: ArrayLike, fixed: ArrayLike, *,
           most_sites: int | None = None, required: ArrayLike = (), forbidden: ArrayLike = (),
           time_limit_s: float = 60.0, seed: int = 1) -> ClassicResult:
    """The cheapest open sites and one site per client (SSCFLP).

    `cost` [clients, sites] of serving a client from a site (inf: not possible); `demand` [clients]; `capacity` [sites]
    or one number, inf where unlimited; `fixed` [sites] per open site; at most `most_sites` open. `required` and
    `forbidden` hold site numbers or masks. ClassicInputError for misshapen input. Holmberg, Ronnqvist, Yuan 1999,
    EJOR 113.
    """
    begun = time.monotonic()
    task = make_task(cost, demand, capacity, fixed, single_source=True, most_sites=most_sites, required=required,
                     forbidden=forbidden)
    return single_result("sscflp", task, begun, time_limit_s, seed)


def assignment_cost(cost: ArrayLike, fixed: ArrayLike, result: ClassicResult) -> float:
    """The cost of a result's open sites and assignment, recomputed from the input and the plan alone."""
    c, f = np.asarray(cost, dtype=np.float64), np.asarray(fixed, dtype=np.float64)
    assert result.site_of_client is not None
    return float(f[result.open_sites].sum() + c[np.arange(len(c)), result.site_of_client].sum())


def single_result(problem: str, task: SitingTask, begun: float, time_limit_s: float, seed: int) -> ClassicResult:
    """The answer to a task with single service, in the caller's site numbers; `begun` is a time.monotonic()."""
    reason = infeasible_because(task)
    if reason is not None:
        return no_plan(problem, reason, bound=np.inf, seconds=time.monotonic() - begun)
    found = solve_single(task, time_limit_s=time_limit_s, seed=seed)
    seconds = time.monotonic() - begun
    if found.plan is None:
        impossible = found.bound == np.inf
        reason = ("no assignment of whole clients fits into the capacities, although their sums do" if impossible
                  else "no plan found within the time limit")
        return no_plan(problem, reason, bound=found.bound, seconds=seconds)
    objective = plan_cost(task, found.plan)
    status = status_of(objective - found.bound, objective, stopped=found.hit_time_limit)
    return ClassicResult(problem, status, objective, found.bound, task.place[found.plan.open],
                         task.place[np.argmax(found.plan.share, axis=0)], seconds, bound_source=found.bound_source,
                         multipliers=found.prices.as_array(), checkable_bound=bound_at(task, found.prices))
