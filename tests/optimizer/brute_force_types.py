"""The exact optimum where sizes of the first tier have household caps of their own."""

from __future__ import annotations

import numpy as np

from optimizer.problem import Problem
from tests.optimizer.brute_force import SCALE, Build


def typed_optimum(problem: Problem) -> float:
    """CNY per year of the best plan; inf where there is none."""
    build = Build(problem)
    everyone = float(problem.demand.households.sum()) + 1.0
    for j in build.sites[0]:
        users = [(build.x[e], float(problem.demand.households[problem.walk.part[e]]))
                 for e in np.flatnonzero(problem.walk.site == j)]
        rooms = [(v, -(problem.network.tiers[0].sizes[k].max_households or everyone))
                 for (site, k), v in build.y[0].items() if site == j]
        if users:
            build.model.row([*users, *rooms], -np.inf, 0)
    values = build.model.solve()
    return np.inf if values is None else float(np.dot(build.model.cost, values)) / SCALE + build.constant
