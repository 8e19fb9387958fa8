"""Keys and paths of the fastest ways in a contraction hierarchy over a given order of the nodes, compiled (numba).

Contracting the nodes in that order leaves a chordal graph, whatever the metric (Dibbelt, Strasser, Wagner 2016, ACM
JEA 21). Everything reachable upwards from a node lies on its way to the root of the elimination tree, so a node's
label is one key per depth, and the key of a cell the least sum over the depths that two ways have in common.
Inside, nodes are named by their rank.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from geodata.engines.engine import NO_KEY
from geodata.engines.packed_kernels import (
    Int32,
    customised,
    depths,
    filled,
    label,
    labels,
    meeting_depth,
    preorder,
    put_cells,
    reorder,
    shared_depths,
    unpacked,
)
from geodata.matrix_network import Int, Topology

TILE_BYTES = 512_000
"""Labels of targets that are joined with all sources before the next: they stay in the cache of a processor."""
ROWS = 256
"""Sources whose keys are found at once."""


@dataclass(frozen=True)
class Chordal:
    """A topology contracted: edges from each node to higher ones, sorted; the lowest of them is its parent."""

    rank: Int
    first: Int
    """Where the edges of each node start, [nodes + 1]."""
    upper: Int32
    """Higher end of each edge."""
    depth: Int
    """Edges to the root along parents."""
    position: Int
    """In a walk over the elimination trees."""
    edge_of_pair: Int
    """Edge of each pair of the topology."""
    goes_up: np.ndarray[tuple[int], np.dtype[np.bool_]]
    """Whether a pair leads to the higher end."""


@dataclass(frozen=True)
class PackedHierarchy:
    """A metric in it: least keys along each edge upwards and downwards, and the lower node or pair they come from."""

    chordal: Chordal
    up: Int
    down: Int
    up_from: Int32
    """-1 - pair where the way is an arc, else the node below through which it goes."""
    down_from: Int32

    def rows(self, sources: Int, targets: Int) -> Iterator[tuple[slice, Int]]:
        """Keys from some sources after others to every target, [rows, T], NO_KEY where there is no way.

        The array is used again for the next rows.
        """
        graph = self.chordal
        width = int(graph.depth.max()) + 1
        tile = max(1, TILE_BYTES // (8 * width))
        order = np.argsort(graph.position[graph.rank[targets]], kind="stable")
        back = np.empty_like(order)
        back[order] = np.arange(len(order))
        ends = graph.rank[targets[order]]
        end_label = labels(graph.first, graph.upper, graph.depth, self.down, ends, width)
        by_position, found = (np.empty((min(ROWS, len(sources)), len(ends)), dtype=np.int64) for _ in range(2))
        for top in range(0, len(sources), ROWS):
            starts = graph.rank[sources[top:top + ROWS]]
            start_label = labels(graph.first, graph.upper, graph.depth, self.up, starts, width)
            for left in range(0, len(ends), tile):
                part = slice(left, left + tile)
                shared = shared_depths(graph.first, graph.upper, graph.depth, graph.position, starts, ends[part])
                put_cells(by_position[:len(starts), part], start_label, end_label[part], shared)
            reorder(by_position[:len(starts)], back, found)
            yield slice(top, top + len(starts)), found[:len(starts)]

    def pairs(self, source: int, target: int) -> Int | None:
        """The pairs passed from a node to another, None where there is no way."""
        graph = self.chordal
        width = int(graph.depth.max()) + 1
        ends = graph.rank[np.array([source, target])]
        key, by = label(graph.first, graph.upper, graph.depth, self.up, ends[0], width)
        other_key, other_by = label(graph.first, graph.upper, graph.depth, self.down, ends[1], width)
        common = meeting_depth(graph.first, graph.upper, graph.depth, ends[0], ends[1])
        span = (key + other_key)[:common]
        if common == 0 or span.min() >= NO_KEY:
            return None
        top = int(np.argmin(span))
        edges: list[tuple[int, bool]] = []
        at = top
        while by[at] >= 0:  # back to the source
            edges.append((int(by[at]), True))
            at = int(graph.depth[self._lower(int(by[at]))])
        edges.reverse()
        at = top
        while other_by[at] >= 0:  # on to the target
            edges.append((int(other_by[at]), False))
            at = int(graph.depth[self._lower(int(other_by[at]))])
        pieces = [unpacked(graph.first, graph.upper, self.up_from, self.down_from, edge, rises)
                  for edge, rises in edges]
        return np.concatenate([np.zeros(0, dtype=np.int64), *pieces])

    def _lower(self, edge: int) -> int:
        return int(np.searchsorted(self.chordal.first, edge, side="right")) - 1


def chordal(topology: Topology, rank: Int) -> Chordal:
    """A topology contracted in the order of `rank`, [nodes], a permutation. ValueError where it is none."""
    count = topology.node_count
    if not np.array_equal(np.sort(rank), np.arange(count)):
        raise ValueError("ranks are no permutation of the nodes")
    tail, head = rank[topology.pair_tail], rank[topology.pair_head]
    low, high = np.minimum(tail, head), np.maximum(tail, head)
    both = np.unique(low * np.int64(count) + high)
    given_first = np.searchsorted(both, np.arange(count + 1) * np.int64(count)).astype(np.int64)
    first, upper = filled(given_first, both % count)
    key = np.repeat(np.arange(count), np.diff(first)) * np.int64(count) + upper
    edge = np.searchsorted(key, low * np.int64(count) + high)
    return Chordal(rank, first, upper, depths(first, upper), preorder(first, upper), edge, tail < head)


def packed_hierarchy(graph: Chordal, keys: Int) -> PackedHierarchy:
    """A metric put into a contracted topology: a key per pair, [pairs], NO_KEY where it is closed."""
    up, down = (np.full(len(graph.upper), NO_KEY, dtype=np.int64) for _ in range(2))
    up_from, down_from = (np.full(len(graph.upper), -1, dtype=np.int32) for _ in range(2))
    for values, origin, chosen in ((up, up_from, graph.goes_up), (down, down_from, ~graph.goes_up)):
        pairs = np.flatnonzero(chosen)
        values[graph.edge_of_pair[pairs]] = keys[pairs]
        origin[graph.edge_of_pair[pairs]] = -1 - pairs
    customised(graph.first, graph.upper, up, down, up_from, down_from)
    return PackedHierarchy(graph, up, down, up_from, down_from)
