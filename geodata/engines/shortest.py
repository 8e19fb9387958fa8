"""Dijkstra's algorithm of scipy, one search per place of the smaller side: always there, nothing to order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import cast

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra

from geodata.engines.engine import Cells, empty_cells
from geodata.engines.packed_kernels import split_keys
from geodata.engines.packed_search import Prepared, prepared, searched_keys, searched_pairs
from geodata.matrix_network import LIMIT_MS, ArcNetwork, Float, Int, PathTooLongError, Topology

CHUNK = 64
"""Searches at once."""
BLOCK = 512
"""Searches whose keys are held at once."""
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
        if len(columns) < len(rows):
            found = _turned(_rows(csr_array(self.weights_ms.T), columns, rows))
        else:
            found = _rows(self.weights_ms, rows, columns)
        return _picked(found, row_of, column_of)

    def far_cells(self, sources: Int, targets: Int) -> Cells:
        """From a search of its own: scipy's does not look at lengths."""
        rows, row_of = np.unique(sources, return_inverse=True)
        columns, column_of = np.unique(targets, return_inverse=True)
        found = empty_cells(len(rows), len(columns), with_distance=True)
        for part in _blocks(len(rows), len(columns)):
            split_keys(searched_keys(self.network, rows[part[0]], columns[part[1]]), found.duration_ms[part],
                       found.unreachable[part], cast(Float, found.distance_m)[part])
        return _picked(found, row_of, column_of)

    def pairs(self, source: int, targets: Int) -> list[Int | None]:
        """The pairs passed to each target."""
        return searched_pairs(self.network, source, targets, self.prepared)

    @cached_property
    def prepared(self) -> Prepared:
        """The metric ready for searches with lengths."""
        return prepared(self.network)


def _turned(cells: Cells) -> Cells:
    return Cells(cells.duration_ms.T, cells.unreachable.T)


def _picked(cells: Cells, rows: Int, columns: Int) -> Cells:
    pick = np.ix_(rows, columns)
    return Cells(cells.duration_ms[pick], cells.unreachable[pick],
                 None if cells.distance_m is None else cells.distance_m[pick])


def _blocks(rows: int, columns: int) -> Iterator[tuple[slice, slice]]:
    """Pieces cut along the smaller side, the one that is searched from."""
    if rows <= columns:
        yield from ((slice(at, at + BLOCK), slice(0, columns)) for at in range(0, rows, BLOCK))
    else:
        yield from ((slice(0, rows), slice(at, at + BLOCK)) for at in range(0, columns, BLOCK))


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
