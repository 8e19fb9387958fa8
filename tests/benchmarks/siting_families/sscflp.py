"""Single-source capacitated facility location: Holmberg's and Yang's files, and the OR-Library cap files.

The referee adds the plan up client by client from the file's own figures and shares no code with the solvers.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

from optimizer.classic.common import ClassicResult
from optimizer.classic.single_source import sscflp
from tests.benchmarks.siting_families.cflp import SLACK, Instance, words_of
from tests.benchmarks.siting_families.cflp import read as read_cap
from tests.benchmarks.siting_registry import Bar, Benchmark, Row


def read(path: Path, row: Row) -> Instance:
    """`m n`, m lines `capacity fixed`, n demands, m rows of n costs of serving all of a client's demand."""
    numbers = np.array(words_of(path), dtype=np.float64)
    sites, clients = int(numbers[0]), int(numbers[1])
    about = numbers[2: 2 + 2 * sites].reshape(sites, 2)
    rest = numbers[2 + 2 * sites:]
    return Instance(row.problem, rest[clients: clients + sites * clients].reshape(sites, clients).T, rest[:clients],
                    about[:, 0], about[:, 1])


def solve(instance: Instance, time_limit_s: float, seed: int) -> ClassicResult:
    """The library call."""
    return sscflp(instance.cost, instance.demand, instance.capacity, instance.fixed, time_limit_s=time_limit_s,
                  seed=seed)


def referee(instance: Instance, solution: ClassicResult) -> tuple[float, list[str]]:
    """The cost of the assignment and open sites, and what they violate."""
    if solution.site_of_client is None:
        return math.nan, ["no assignment"]
    opened = {int(site) for site in solution.open_sites}
    objective, violations = sum(float(instance.fixed[site]) for site in opened), []
    load = [0.0] * len(instance.fixed)
    for client, site in enumerate(solution.site_of_client.tolist()):
        if site not in opened:
            violations.append(f"client {client} is at closed site {site}")
            continue
        load[site] += float(instance.demand[client])
        objective += float(instance.cost[client, site])
    violations += [f"site {k} holds {load[k]}, capacity {instance.capacity[k]}" for k in range(len(load))
                   if load[k] > instance.capacity[k] + SLACK]
    return objective, violations


def solution_json(instance: Instance, solution: ClassicResult) -> dict[str, Any]:
    """Open sites and the site of each client by index."""
    del instance
    sites = None if solution.site_of_client is None else solution.site_of_client.tolist()
    return {"open_sites": solution.open_sites.tolist(), "site_of_client": sites,
            "bound_source": solution.bound_source}


BENCHMARKS = (
    Benchmark("sscflp_holmberg", ("sscflp",), read, solve, referee, solution_json, Bar(seconds=30.0, gap=None)),
    Benchmark("sscflp_yang", ("sscflp",), read, solve, referee, solution_json, Bar(gap=None)),
    Benchmark("cflp_orlib", ("sscflp",), read_cap, solve, referee, solution_json, Bar(gap=None, to_best_known=1e-4)),
)
