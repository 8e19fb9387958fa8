"""OR-Library pmed graphs: p-median, p-center, and covering with the radius or p of the table.

Every node is client (weight 1) and candidate; distances are shortest paths on the undirected graph. The referee finds
the distances anew from the open sites by Dijkstra over the file's edges and shares no code with the solvers.
"""

from __future__ import annotations

import gzip
import heapq
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra

from optimizer.classic.common import ClassicResult
from optimizer.classic.covering import lscp, mclp
from optimizer.classic.p_center import p_center
from optimizer.classic.p_median import p_median
from tests.benchmarks.siting_registry import Bar, Benchmark, Row

FAMILY = "pmed_orlib"


@dataclass(frozen=True)
class Graph:
    """One instance: the last length given for each pair of nodes, and what the row asks."""

    problem: str
    nodes: int
    length: dict[tuple[int, int], float]
    p: int
    radius: float | None

    def distance(self) -> NDArray[np.float64]:
        """All shortest paths, [nodes, nodes]."""
        tail, head = np.array(list(self.length), dtype=np.int64).reshape(-1, 2).T
        weights = np.array(list(self.length.values()))
        return dijkstra(csr_array((weights, (tail, head)), shape=(self.nodes, self.nodes)), directed=False)


def read(path: Path, row: Row) -> Graph:
    """The graph of a file `n edges p`, then `u v length`; the last length of a repeated edge counts."""
    raw = path.read_bytes()
    numbers = (gzip.decompress(raw) if path.suffix == ".gz" else raw).split()
    nodes, edges, p = (int(x) for x in numbers[:3])
    length = {}
    for at in range(3, 3 + 3 * edges, 3):
        u, v = int(numbers[at]) - 1, int(numbers[at + 1]) - 1
        length[min(u, v), max(u, v)] = float(numbers[at + 2])
    return Graph(row.problem, nodes, length, p if row.p is None else row.p, row.radius)


def solve(graph: Graph, time_limit_s: float, seed: int) -> ClassicResult:
    """The library call of the row's problem (none of them draws random numbers)."""
    del seed
    distance = graph.distance()
    if graph.problem == "p-median":
        return p_median(distance, p=graph.p, time_limit_s=time_limit_s)
    if graph.problem == "p-center":
        return p_center(distance, p=graph.p, time_limit_s=time_limit_s)
    if graph.radius is None:
        raise ValueError(f"{graph.problem} needs a radius in instances.csv")
    if graph.problem == "lscp":
        return lscp(distance, radius=graph.radius, time_limit_s=time_limit_s)
    return mclp(distance, p=graph.p, radius=graph.radius, time_limit_s=time_limit_s)


def ways_of(graph: Graph) -> list[list[tuple[int, float]]]:
    """(other node, length) of each node's edges."""
    ways: list[list[tuple[int, float]]] = [[] for _ in range(graph.nodes)]
    for (u, v), length in graph.length.items():
        ways[u].append((v, length))
        ways[v].append((u, length))
    return ways


def to_open_sites(graph: Graph, sites: list[int], ways: list[list[tuple[int, float]]],
                  limit: float = float("inf")) -> list[float]:
    """Distance of each node to the nearest of the sites, inf beyond the limit."""
    best = [float("inf")] * graph.nodes
    heap = [(0.0, site) for site in sites]
    while heap:
        so_far, node = heapq.heappop(heap)
        if so_far >= best[node]:
            continue
        best[node] = so_far
        for other, length in ways[node]:
            if so_far + length < best[other] and so_far + length <= limit:
                heapq.heappush(heap, (so_far + length, other))
    return best


def referee(graph: Graph, solution: ClassicResult) -> tuple[float, list[str]]:
    """The objective of the open sites, and what is wrong with them and with who is said to go where."""
    sites = [int(site) for site in solution.open_sites]
    violations = []
    if len(set(sites)) != len(sites) or any(not 0 <= site < graph.nodes for site in sites):
        return float("nan"), ["open sites are no set of nodes"]
    if graph.problem != "lscp" and len(sites) != graph.p:
        violations.append(f"{len(sites)} sites are open, not {graph.p}")
    nearest = to_open_sites(graph, sites, ways_of(graph))
    if graph.problem == "p-median":
        objective = sum(nearest)
    elif graph.problem == "p-center":
        objective = max(nearest)
    else:
        assert graph.radius is not None
        inside = sum(distance <= graph.radius for distance in nearest)
        objective = float(inside if graph.problem == "mclp" else len(sites))
        if graph.problem == "lscp" and inside < graph.nodes:
            violations.append(f"{graph.nodes - inside} nodes are not covered")
    return objective, violations + _wrong_sites(graph, solution, sites, nearest)


def _wrong_sites(graph: Graph, solution: ClassicResult, sites: list[int], nearest: list[float]) -> list[str]:
    """Clients said to use a site that is closed or farther than need be."""
    if solution.site_of_client is None:
        return ["no site is named for the clients"]
    named = [int(site) for site in solution.site_of_client]
    wrong = [f"client {client} is sent to {site}" for client, site in enumerate(named)
             if (site >= 0) != (graph.radius is None or nearest[client] <= graph.radius)
             or (site >= 0 and site not in sites)]
    ways = ways_of(graph)
    for site in sites:
        mine = [client for client, used in enumerate(named) if used == site]
        limit = max((nearest[client] for client in mine), default=0.0)
        own = to_open_sites(graph, [site], ways, limit)
        wrong += [f"client {c} is sent to {site}, which is not its nearest" for c in mine if own[c] > nearest[c]]
    return wrong


def solution_json(graph: Graph, solution: ClassicResult) -> dict[str, Any]:
    """Open sites and assignment with the file's node numbers (1-based; 0: not covered)."""
    return {"problem": graph.problem, "p": graph.p, "radius": graph.radius,
            "open_sites": [int(site) + 1 for site in solution.open_sites],
            "site_of_client": None if solution.site_of_client is None else
            [int(site) + 1 for site in solution.site_of_client],
            "bound_source": solution.bound_source,
            "multipliers": None if solution.multipliers is None else [float(u) for u in solution.multipliers]}


BENCHMARKS = (
    Benchmark(FAMILY, ("p-median",), read, solve, referee, solution_json, Bar(seconds=10.0, peak_rss_mb=300.0)),
    Benchmark(FAMILY, ("p-center", "lscp", "mclp"), read, solve, referee, solution_json, Bar(seconds=30.0)),
)
