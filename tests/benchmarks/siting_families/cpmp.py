"""Capacitated p-median: the files of Osman and Christofides (pmedcap) and of Lorena (SJC).

The referee measures every distance anew from the coordinates and shares no code with the solvers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optimizer.classic.capacitated_p_median import capacitated_p_median
from optimizer.classic.common import ClassicResult
from tests.benchmarks.siting_families.cflp import SLACK, words_of
from tests.benchmarks.siting_registry import Bar, Benchmark, Row


@dataclass(frozen=True)
class Instance:
    """Points with demands and capacities; `truncated`: distances are cut to whole numbers."""

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    demand: NDArray[np.float64]
    capacity: NDArray[np.float64]
    p: int
    truncated: bool

    def distance(self, one: int, other: int) -> float:
        """Between two points."""
        length = math.hypot(self.x[one] - self.x[other], self.y[one] - self.y[other])
        return float(math.floor(length)) if self.truncated else length


def read(path: Path, row: Row) -> Instance:
    """pmedcap: `number best`, `n p Q`, n lines `id x y demand`; SJC: `n p`, n lines `x y capacity demand`."""
    numbers = np.array(words_of(path), dtype=np.float64)
    del row
    if len(numbers) == 2 + 4 * int(numbers[0]):
        table = numbers[2:].reshape(int(numbers[0]), 4)
        return Instance(table[:, 0], table[:, 1], table[:, 3], table[:, 2], int(numbers[1]), False)
    table = numbers[5:].reshape(int(numbers[2]), 4)
    return Instance(table[:, 1], table[:, 2], table[:, 3], np.full(len(table), numbers[4]), int(numbers[3]), True)


def solve(instance: Instance, time_limit_s: float, seed: int) -> ClassicResult:
    """The library call."""
    count = range(len(instance.x))
    cost = np.array([[instance.distance(a, b) for b in count] for a in count])
    return capacitated_p_median(cost, instance.demand, instance.capacity, instance.p, time_limit_s=time_limit_s,
                                seed=seed)


def referee(instance: Instance, solution: ClassicResult) -> tuple[float, list[str]]:
    """The sum of distances, and what the assignment violates."""
    if solution.site_of_client is None:
        return math.nan, ["no assignment"]
    opened, violations = {int(site) for site in solution.open_sites}, []
    if len(opened) != instance.p:
        violations.append(f"{len(opened)} sites are open, not {instance.p}")
    load, objective = [0.0] * len(instance.x), 0.0
    for client, site in enumerate(solution.site_of_client.tolist()):
        if site not in opened:
            violations.append(f"client {client} is at closed site {site}")
            continue
        load[site] += float(instance.demand[client])
        objective += instance.distance(client, site)
    violations += [f"site {k} holds {load[k]}, capacity {instance.capacity[k]}" for k in range(len(load))
                   if load[k] > instance.capacity[k] + SLACK]
    return objective, violations


def solution_json(instance: Instance, solution: ClassicResult) -> dict[str, Any]:
    """Open sites and the site of each client by index."""
    del instance
    sites = None if solution.site_of_client is None else solution.site_of_client.tolist()
    return {"open_sites": solution.open_sites.tolist(), "site_of_client": sites,
            "bound_source": solution.bound_source}


BENCHMARKS = (Benchmark("cpmp", ("cpmp",), read, solve, referee, solution_json,
                        Bar(seconds=30.0, gap=None, to_best_known=1e-6)),)
