"""Dijkstra's algorithm of scipy, one search per place of the smaller side: always there, nothing to order."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra

from geodata.engines.engine import Cells
from geodata.engines.packed_search import searched_keys, searched_pairs
from geodata.matrix_network import LIMIT_MS, ArcNetwork, Int, PathTooLongError, Topology

CHUNK = 64
"""Searches at once."""
CHUNK_BYTES = 256_000_000
"""What the searches of a chunk may hold: a row is as long as the network, whatever is asked for."""


@dataclass(frozen=True)
class ShortestOrder:
    """A topology as it is."""

    topology: Topology
    engine: str = "shortest"

    def search(self, network: ArcNetwork) -> ShortestSearch:
        """A metric as a sparse matrix; a zero would vanish from it, so times are at least 1 ms."""
        there = network.pair_arc >= 0
        ends = (self.topology.pair_tail[there], self.topology.pair_head[there])
        shape = (network.node_count, network.node_count)
        weights = network.pair_ms[there].astype(np.float64)  # whole numbers below 2^53 are exact
        return ShortestSearch(network, csr_array((weights, ends), shape=shape))


@dataclass(frozen=True)
class ShortestSearch:
    """A metric as a sparse matrix of milliseconds."""

    network: ArcNetwork
    weights_ms: csr_array

    def cells(self, sources: Int, targets: Int) -> Cells:
        """Searched from the smaller side: towards few targets on the reversed network; no node is searched twice."""
        rows, row_of = np.unique(sources, return_inverse=True)
        columns, column_of = np.unique(targets, return_inverse=True)
        pick = np.ix_(row_of, column_of)
        if len(columns) < len(rows):
            turned = _rows(csr_array(self.weights_ms.T), columns, rows)
            return Cells(turned.duration_ms.T[pick], turned.unreachable.T[pick])
        found = _rows(self.weights_ms, rows, columns)
        return Cells(found.duration_ms[pick], found.unreachable[pick])

    def keys(self, sources: Int, targets: Int) -> Int:
        """Keys, [S, T], from a search of their own: scipy's does not look at lengths."""
        rows, row_of = np.unique(sources, return_inverse=True)
        columns, column_of = np.unique(targets, return_inverse=True)
        return searched_keys(self.network, rows, columns)[np.ix_(row_of, column_of)]

    def pairs(self, source: int, targets: Int) -> list[Int | None]:
        """The pairs passed to each target."""
        return searched_pairs(self.network, source, targets)


def order_shortest(topology: Topology) -> ShortestOrder:
    """Nothing is ordered."""
    return ShortestOrder(topology)


def _rows(weights_ms: csr_array, starts: Int, ends: Int) -> Cells:
    duration = np.zeros((len(starts), len(ends)), dtype=np.uint32)
    unreachable = np.zeros(duration.shape, dtype=np.bool_)
    if duration.size == 0:
        return Cells(duration, unreachable)
    chunk = max(1, min(CHUNK, CHUNK_BYTES // (8 * weights_ms.shape[0])))
    for start in range(0, len(starts), chunk):
        rows = slice(start, start + chunk)
        found = dijkstra(weights_ms, indices=starts[rows].astype(np.int32))[:, ends]
        unreachable[rows] = np.isinf(found)
        found[unreachable[rows]] = 0.0
        if found.max() >= LIMIT_MS:
            raise PathTooLongError(f"a fastest path lasts {found.max():.0f} ms; {LIMIT_MS - 1} at most can be stored")
        duration[rows] = found.astype(np.uint32)
    return Cells(duration, unreachable)
