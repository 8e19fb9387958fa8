"""p-median: open p sites so that clients, each served by its cheapest open site, cost least in total."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np

from optimizer.classic.arcs import Arcs, Choice, arcs_of, checked_weight, nearest_open, shape_of, whole_step
from optimizer.classic.common import (
    ClassicInputError,
    ClassicResult,
    Float,
    Int,
    Matrix,
    no_plan,
    status_of,
)
from optimizer.classic.open_p import OpenP, Solved, open_p

PROBLEM = "p-median"


def p_median(distance: Matrix, weight: Float | Sequence[float] | None = None, *, p: int,
             required: Sequence[int] | Int = (), forbidden: Sequence[int] | Int = (),
             time_limit_s: float = 60.0) -> ClassicResult:
    """p sites that minimise the sum of weight x distance to the nearest open one, with bound and gap.

    distance [clients, sites], dense (inf: out of reach) or sparse (not stored: out of reach), need not be symmetric;
    weight [clients], default 1. The answer has status "no_plan" and a reason when no p sites reach every client, or
    when p, `required` and `forbidden` contradict one another. Raises ClassicInputError for malformed input.
    The Lagrangian part of the bound is proven by `multipliers` (see p_median_bound).
    """
    started = time.perf_counter()
    clients, sites = shape_of(distance)
    given = checked_weight(weight, clients)
    choice = Choice.of(sites, required, forbidden)
    if clients == 0 or p < 1:
        raise ClassicInputError("p-median needs at least one client and p of at least 1")
    arcs = arcs_of(distance, given, choice.forbidden)
    why = choice.conflict(p)
    if why:
        return no_plan(PROBLEM, why, bound=np.inf, seconds=time.perf_counter() - started)
    lost = tuple(arcs.unreachable().tolist())
    if lost:
        return no_plan(PROBLEM, f"{len(lost)} clients can reach no site, the first is {lost[0]}", clients=lost,
                       bound=np.inf, seconds=time.perf_counter() - started)
    solved = open_p(OpenP(arcs, p, choice, whole_step(arcs.cost), started + time_limit_s))
    return _result(arcs, solved, time.perf_counter() - started, time_limit_s)


def _result(arcs: Arcs, solved: Solved, seconds: float, time_limit_s: float) -> ClassicResult:
    if solved.infeasible:
        return no_plan(PROBLEM, "no p sites reach every client", bound=np.inf, seconds=seconds)
    if not np.isfinite(solved.total):
        return no_plan(PROBLEM, "no plan was found that reaches every client", bound=solved.bound, seconds=seconds)
    served = nearest_open(arcs, solved.is_open)
    bound = min(solved.bound, served.total)
    status = status_of(served.total - bound, served.total, stopped=seconds >= time_limit_s)
    return ClassicResult(PROBLEM, status, served.total, bound,
                         np.flatnonzero(solved.is_open), served.first_site, seconds, bound_source=solved.source,
                         multipliers=solved.root.prices, checkable_bound=min(solved.root.bound, bound),
                         record=solved.record)
