"""The exact optimum under nearest assignment: every set of sites in use with every size, tried one after another.

Who uses which site follows from the sites in use; it is worked out here with plain loops, written from the definition
in docs/model.md. What is left (stations, flows, upper sites, idle sites that must be open) is the mixed-integer
programme of brute_force.py with the first tier fixed. For at most about 300 combinations.
"""

from __future__ import annotations

import itertools

import numpy as np

from optimizer.problem import Problem
from tests.optimizer.brute_force import SCALE, Build


def residents(problem: Problem, size_in_use: dict[int, int]) -> dict[int, int]:
    """Site of each served part when exactly these sites are in use: {part: site}."""
    walk, ids = problem.walk, problem.sites[0].ids
    crowd: dict[int, list[tuple[float, str, int, int]]] = {site: [] for site in size_in_use}
    for part, name in enumerate(problem.demand.part_ids):
        ways = [(float(walk.distance_m[e]), ids[walk.site[e]], int(e)) for e in range(len(walk.part))
                if walk.part[e] == part and int(walk.site[e]) in size_in_use]
        if ways:
            metres, _, arc = min(ways)
            crowd[int(walk.site[arc])].append((metres, name, part, arc))
    served = {}
    for site, coming in crowd.items():
        size = problem.network.tiers[0].sizes[size_in_use[site]]
        households = tonnes = cubic = 0.0
        for _, _, part, arc in sorted(coming):
            load = [g * walk.captured_share[arc] for g in problem.demand.generated_t_per_day[part]]
            state = problem.network.tiers[0].state
            bulk = sum(q / m.density_t_per_m3[state] for q, m in zip(load, problem.network.materials, strict=True))
            after = (households + problem.demand.households[part], tonnes + sum(load), cubic + bulk)
            most = (np.inf if problem.max_households_per_site is None else problem.max_households_per_site,
                    size.capacity_t_per_day, size.capacity_m3_per_day or np.inf)
            if all(a <= b for a, b in zip(after, most, strict=True)):
                households, tonnes, cubic = after
                served[part] = site
    return served


def nearest_optimum(problem: Problem) -> float:
    """CNY per year of the best plan under nearest assignment; inf where there is none."""
    build = Build(problem)
    best = np.inf
    rows = len(build.model.rows)
    options = [[None, *(k for k in build.sizes[0] if problem.sites[0].allowed[j, k])] for j in build.sites[0]]
    for choice in itertools.product(*options):
        in_use = {site: size for site, size in enumerate(choice) if size is not None}
        served = residents(problem, in_use)
        if set(served.values()) != set(in_use):
            continue
        del build.model.rows[rows:]
        for e, v in enumerate(build.x):
            used = served.get(int(problem.walk.part[e])) == int(problem.walk.site[e])
            build.model.row([(v, 1.0)], float(used), float(used))
        for site, size in in_use.items():
            build.model.row([(build.y[0][site, size], 1.0)], 1.0, 1.0)
        values = build.model.solve()
        if values is not None:
            best = min(best, float(np.dot(build.model.cost, values)) / SCALE + build.constant)
    return best
