"""Many-to-many travel times over a network: one call, whatever engine does the work.

Times are whole milliseconds and the same from every engine. Distances are those of the fastest path; of equally fast
paths the shortest counts, so that a distance, too, is one number.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from geodata.engines import AUTO, ENGINES, Cells, Order, Search, chosen_engine
from geodata.matrix_network import (
    LIMIT_MM,
    LIMIT_MS,
    ArcNetwork,
    Bool,
    Float,
    Int,
    NetworkError,
    PathTooLongError,
    Topology,
    UInt32,
    arc_network,
    topology_of,
    with_metric,
)

__all__ = ["ArcNetwork", "Matrix", "NetworkError", "NoWayError", "NodePath", "PathTooLongError", "Router", "Topology",
           "arc_network", "matrix", "router_for", "topology_of", "with_metric"]


class NoWayError(ValueError):
    """A path between places that no way joins."""


@dataclass(frozen=True)
class Matrix:
    """From every source to every target, [S, T]. Look at `unreachable` first: times and distances are 0 there."""

    duration_ms: UInt32
    unreachable: Bool
    distance_m: Float | None = None
    """Along the fastest path; None when it was not asked for."""

    def duration_s(self, unreachable: float) -> Float:
        """Seconds, [S, T], with the caller's number where there is no way."""
        return np.where(self.unreachable, unreachable, self.duration_ms / 1000.0)


@dataclass(frozen=True)
class NodePath:
    """A fastest path: its nodes, the arcs between them, and what they add up to (the cell of the matrix)."""

    nodes: Int
    arcs: Int
    duration_ms: int
    distance_m: float


@dataclass(frozen=True)
class Router:
    """A network with its nodes ordered: for several matrices, or several metrics over one topology."""

    network: ArcNetwork
    order: Order
    search: Search

    def on(self, network: ArcNetwork) -> Router:
        """The same order for another metric. ValueError when the network is not over the same topology."""
        if network.topology is not self.network.topology:
            raise ValueError("a metric over another topology needs a router of its own")
        return Router(network, self.order, self.order.search(network))

    def matrix(self, sources: ArrayLike, targets: ArrayLike, *, with_distance: bool = False) -> Matrix:
        """Fastest times between nodes, [S, T], and distances if wanted.

        NetworkError on nodes that are not there, PathTooLongError where a cell does not fit in 32 bits.
        """
        rows, columns = self.network.nodes(sources), self.network.nodes(targets)
        if not with_distance:
            cells = self.search.cells(rows, columns)
            return Matrix(cells.duration_ms, cells.unreachable)
        found = self.search.far_cells(rows, columns)
        if not _is_told(self.network, found):
            cells = self.search.cells(rows, columns)
            if not (np.array_equal(cells.duration_ms, found.duration_ms)
                    and np.array_equal(cells.unreachable, found.unreachable)):
                raise PathTooLongError(f"a fastest path is {LIMIT_MM / 1e6:.0f} km or longer: no distance can be given")
        return Matrix(found.duration_ms, found.unreachable, found.distance_m)

    def paths(self, source: int, targets: ArrayLike) -> list[NodePath]:
        """The fastest path from one node to each of others, of equally fast ones the shortest.

        NoWayError where there is none, PathTooLongError where it is 1,073 km or longer.
        """
        ends = self.network.nodes(targets)
        start = int(self.network.nodes([source])[0])
        found = self.search.pairs(start, ends)
        paths = [_path(self.network, start, int(end), pairs) for end, pairs in zip(ends, found, strict=True)]
        times = np.array([[path.duration_ms for path in paths]], dtype=np.uint32)
        told = Cells(times, np.zeros(times.shape, dtype=np.bool_))
        if not _is_told(self.network, told) and not np.array_equal(
                self.search.cells(np.array([start]), ends).duration_ms, times):
            raise PathTooLongError(f"a fastest path is {LIMIT_MM / 1e6:.0f} km or longer: it cannot be given")
        return paths


def router_for(network: ArcNetwork, engine: str = AUTO, smaller_side: int = 1_000_000) -> Router:
    """A network ordered for an engine: auto, labels, hierarchy or shortest.

    `smaller_side` is how many places of the smaller side auto may expect. ValueError on an unknown engine,
    EngineMissingError where its package is not installed.
    """
    order = ENGINES[chosen_engine(engine, smaller_side)](network.topology)
    return Router(network, order, order.search(network))


def matrix(network: ArcNetwork, sources: ArrayLike, targets: ArrayLike, engine: str = AUTO, *,
           with_distance: bool = False) -> Matrix:
    """Fastest times from every source node to every target node, in whole milliseconds; errors as in Router.matrix."""
    rows, columns = network.nodes(sources), network.nodes(targets)
    router = router_for(network, engine, min(len(rows), len(columns)))
    return router.matrix(rows, columns, with_distance=with_distance)


def _is_told(network: ArcNetwork, found: Cells) -> bool:
    """Whether the times of keys are sure: no millimetres have run over into them, and no way was too long.

    The milliseconds of a key are never less than those of the fastest way, and no way is longer than its time at the
    highest speed: where that is below the limit, nothing has run over.
    """
    farthest_mm = network.fastest_m_per_s * (float(found.duration_ms.max(initial=0)) + 1.0)
    return farthest_mm * 1.000001 < LIMIT_MM and (
        not found.unreachable.any() or network.longest_possible_ms < LIMIT_MS)


def _path(network: ArcNetwork, source: int, target: int, pairs: Int | None) -> NodePath:
    if pairs is None:
        raise NoWayError(f"no way from node {source} to node {target}")
    nodes = np.concatenate([np.array([source], dtype=np.int64), network.topology.pair_head[pairs]])
    return NodePath(nodes, network.pair_arc[pairs], int(network.pair_ms[pairs].sum()),
                    float(network.pair_mm[pairs].sum() / 1000.0))
