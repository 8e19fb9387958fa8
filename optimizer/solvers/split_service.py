"""Service of points by several stations, where the network allows it: all flows of a plan at once, sites given."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from optimizer.accounts import books, throughput
from optimizer.assemble import without_idle
from optimizer.objectives import Coefficients
from optimizer.plan import OpenSites, Plan
from optimizer.problem import Problem
from optimizer.solvers.assignment import send_on


def split_service(problem: Problem, coefficients: Coefficients, plan: Plan) -> Plan:
    """The plan with the cheapest flows from its points to the end, by material; idle sites above are closed.

    The plan itself where every point is served by one station, or where that is no dearer.
    """
    if problem.single_source:
        return plan
    entering = throughput(problem, plan).entering[0]
    used = np.flatnonzero(entering.sum(axis=1) > 0.0)
    if not len(used):
        return plan
    points = OpenSites(used, plan.open_sites[0].size_of(len(entering))[used])
    flows = send_on(problem, coefficients, (points, *plan.open_sites[1:]), entering[used], first=0)
    if flows is None:
        return plan
    other = without_idle(problem, replace(plan, flows=flows))
    cost, own = (books(problem, p).objective_cny_per_year for p in (other, plan))
    return other if cost < own else plan
