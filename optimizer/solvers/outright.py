"""A small problem solved as one integer programme beside the search, which may stop early where tiers hang together."""

from __future__ import annotations

import time

import numpy as np

from optimizer.accounts import books
from optimizer.check import check_plan
from optimizer.check_sanity import SANITY_CODES
from optimizer.first_tier import FirstTier
from optimizer.minimums import has_minimums
from optimizer.objectives import Coefficients
from optimizer.plan import Plan
from optimizer.problem import Problem
from optimizer.solvers.moves import settle_and_improve
from optimizer.solvers.whole_model import solve_whole

NODES = 2_000
WORTH_CNY_PER_YEAR = 1.0


def outright(problem: Problem, coefficients: Coefficients, tier: FirstTier, plan: Plan, *,
             time_limit_s: float) -> tuple[Plan, bool]:
    """The plan, or that of the integer programme of the whole problem where it is cheaper or the only lawful one.

    And whether the time limit, a safety stop, cut the programme short: its effort is counted in branches (NODES).
    """
    begin = time.monotonic()
    whole = None
    if time_limit_s > 0.0:
        whole = solve_whole(problem, coefficients, time_limit_s=time_limit_s, node_limit=NODES)
    late = time.monotonic() - begin >= time_limit_s
    if whole is None:
        return plan, late
    if not has_minimums(problem):
        whole = settle_and_improve(problem, coefficients, tier, whole)
    before, after = (_lawful_cost_cny_per_year(problem, p) for p in (plan, whole))
    return whole if after < before - WORTH_CNY_PER_YEAR else plan, late


def _lawful_cost_cny_per_year(problem: Problem, plan: Plan) -> float:
    """What a plan costs; inf where the referee would reject it."""
    lawful = {violation.code for violation in check_plan(problem, plan)} <= SANITY_CODES
    return books(problem, plan).objective_cny_per_year if lawful else np.inf
