"""OR-Library cap files: facility location with split service, capacitated and uncapacitated.

The referee adds the plan up flow by flow from the file's own figures and shares no code with the solvers.
"""

from __future__ import annotations

import gzip
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optimizer.classic.cflp import cflp, uflp
from optimizer.classic.common import ClassicResult
from tests.benchmarks.siting_registry import Bar, Benchmark, Row

FAMILY = "cflp_orlib"
SLACK = 1e-6


@dataclass(frozen=True)
class Instance:
    """Costs of serving all of a client's demand, [clients, sites], demands, capacities, fixed costs."""

    problem: str
    cost: NDArray[np.float64]
    demand: NDArray[np.float64]
    capacity: NDArray[np.float64]
    fixed: NDArray[np.float64]


def words_of(path: Path) -> list[str]:
    """All words of a file, plain or compressed."""
    raw = path.read_bytes()
    return (gzip.decompress(raw) if path.suffix == ".gz" else raw).decode().split()


def read(path: Path, row: Row) -> Instance:
    """`m n`, m lines `capacity fixed`, then per client its demand and m costs; the word `capacity` is the row's."""
    words = words_of(path)
    sites, clients = int(words[0]), int(words[1])
    stated = str(math.inf if row.capacity is None else row.capacity)
    numbers = np.array([stated if word == "capacity" else word for word in words[2:]], dtype=np.float64)
    about = numbers[: 2 * sites].reshape(sites, 2)
    served = numbers[2 * sites:].reshape(clients, sites + 1)
    return Instance(row.problem, served[:, 1:], served[:, 0], about[:, 0], about[:, 1])


def solve(instance: Instance, time_limit_s: float, seed: int) -> ClassicResult:
    """The library call of the row's problem."""
    if instance.problem == "uflp":
        return uflp(instance.cost, instance.fixed, time_limit_s=time_limit_s, seed=seed)
    return cflp(instance.cost, instance.demand, instance.capacity, instance.fixed, time_limit_s=time_limit_s,
                seed=seed)


def referee(instance: Instance, solution: ClassicResult) -> tuple[float, list[str]]:
    """The cost of the flows and open sites, and what they violate. For uflp every client demands one unit."""
    demand = [1.0] * len(instance.demand) if instance.problem == "uflp" else instance.demand.tolist()
    capacity = [math.inf] * len(instance.fixed) if instance.problem == "uflp" else instance.capacity.tolist()
    flows, violations = solution.flows, []
    if flows is None:
        return math.nan, ["no flows"]
    opened = {int(site) for site in solution.open_sites}
    objective = sum(float(instance.fixed[site]) for site in opened)
    load, got = [0.0] * len(capacity), [0.0] * len(demand)
    for site, client, amount in zip(flows.origin.tolist(), flows.destination.tolist(), flows.amount.tolist(),
                                    strict=True):
        if site not in opened or amount < 0.0:
            violations.append(f"client {client} is served {amount} by closed site {site}")
        load[site] += amount
        got[client] += amount
        objective += amount / demand[client] * float(instance.cost[client, site])
    violations += [f"client {k} gets {got[k]} of {demand[k]}" for k in range(len(demand))
                   if abs(got[k] - demand[k]) > SLACK * max(1.0, demand[k])]
    violations += [f"site {k} holds {load[k]}, capacity {capacity[k]}" for k in range(len(load))
                   if load[k] > capacity[k] + SLACK * max(1.0, load[k])]
    return objective, violations


def solution_json(instance: Instance, solution: ClassicResult) -> dict[str, Any]:
    """Open sites and flows by index."""
    del instance
    flows = solution.flows
    listed = [] if flows is None else np.column_stack([flows.origin, flows.destination, flows.amount]).tolist()
    return {"open_sites": solution.open_sites.tolist(), "flows_site_client_amount": listed,
            "bound_source": solution.bound_source}


BENCHMARKS = (Benchmark(FAMILY, ("cflp", "uflp"), read, solve, referee, solution_json,
                        Bar(seconds=30.0, gap=1e-3, to_best_known=1e-4)),)
