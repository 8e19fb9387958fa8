"""Clients shared among given open sites at least cost: a transport problem."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from optimizer.classic.capacitated_task import Plan, SitingTask
from optimizer.solvers.linear import LinearModel, RowBuilder, solve

Float = NDArray[np.float64]
Bool = NDArray[np.bool_]

TINY = 1e-9
"""Shares below that are rounding of the engine."""


def serve(task: SitingTask, opened: Bool, *, time_limit_s: float = 60.0) -> Plan | None:
    """The cheapest plan with exactly these sites open; None when they cannot serve all (or time ran out)."""
    sites = np.flatnonzero(opened)
    if len(sites) == 0:
        return None
    cost = np.where(task.arcs[sites], task.cost[sites], np.inf)
    cheapest = np.argmin(cost, axis=0)
    if not np.isfinite(cost[cheapest, np.arange(cost.shape[1])]).all():
        return None
    load = np.bincount(cheapest, weights=task.demand, minlength=len(sites))
    share = np.zeros(task.cost.shape)
    if (load <= task.capacity[sites]).all():
        share[sites[cheapest], np.arange(cost.shape[1])] = 1.0
        return Plan(opened.copy(), share)
    if task.demand.sum() > task.capacity[sites].sum() * (1 + 1e-9):
        return None
    rows, at = np.nonzero(np.isfinite(cost))
    arc = np.arange(len(rows))
    build = RowBuilder()
    served = build.block(cost.shape[1], lower=1.0, upper=1.0)
    build.put(served + at, arc, 1.0)
    held = build.block(len(sites), upper=np.minimum(task.capacity[sites], task.demand.sum()) * (1 + 1e-12))
    build.put(held + rows, arc, task.demand[at])
    model = LinearModel(cost[rows, at], np.zeros(len(arc)), np.ones(len(arc)), np.zeros(len(arc), dtype=bool),
                        build.rows())
    answer = solve(model, time_limit_s=time_limit_s)
    if answer.x is None:
        return None
    x = np.where(answer.x < TINY, 0.0, answer.x)
    share[sites[rows], at] = x
    return Plan(opened.copy(), share / share.sum(axis=0, keepdims=True))


def without_unused(task: SitingTask, plan: Plan) -> Plan:
    """The plan with sites closed that serve nobody, are not required and cost something."""
    idle = plan.open & ~task.required & (plan.share.sum(axis=1) <= 0.0) & (task.fixed > 0.0)
    return Plan(plan.open & ~idle, plan.share) if idle.any() else plan
