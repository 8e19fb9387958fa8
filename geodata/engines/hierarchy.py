"""Customizable contraction hierarchies (Dibbelt, Strasser, Wagner 2016, ACM JEA 21) of RoutingKit, by pyroutingkit.

The nodes are ordered once per topology; a metric costs milliseconds, a cell a fraction of a microsecond. The package
is optional.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra

from geodata.engines.engine import Cells, EngineMissingError, empty_cells
from geodata.engines.label_search import LabelSearch
from geodata.engines.packed_hierarchy import Chordal, chordal
from geodata.engines.reach import check_no_way
from geodata.matrix_network import LIMIT_MS, ArcNetwork, Float, Int, Topology

Single = NDArray[np.float32]

PACKAGE = "pyroutingkit"
BLOCK = 1024
"""Sources at once."""


def is_installed() -> bool:
    """Whether the package is there."""
    return find_spec(PACKAGE) is not None


@dataclass(frozen=True)
class HierarchyOrder:
    """A topology with its nodes ordered by importance."""

    topology: Topology
    built: Any
    engine: str = "hierarchy"

    def search(self, network: ArcNetwork) -> HierarchySearch:
        """A metric put into the hierarchy; closed pairs get the library's infinity."""
        metric = import_module(PACKAGE).CCHMetric(self.built)
        there = network.pair_arc >= 0
        metric.customize(np.where(there, network.pair_ms, LIMIT_MS).astype(np.uint32))
        return HierarchySearch(network, metric, self)

    @cached_property
    def chordal(self) -> Chordal:
        """The topology contracted in the order the package found, for keys and paths."""
        with tempfile.TemporaryDirectory() as folder:
            self.built.save(folder)
            rank = np.fromfile(Path(folder) / "rank", dtype="<u4")
        return chordal(self.topology, rank.astype(np.int64))


def order_hierarchy(topology: Topology) -> HierarchyOrder:
    """The nodes ordered by nested dissection along their coordinates. EngineMissingError without the package."""
    try:
        package = import_module(PACKAGE)
    except ImportError as error:
        raise EngineMissingError("the engine 'hierarchy' needs the package pyroutingkit (extra: fast)") from error
    x, y = _centred(topology.node_xy if topology.node_xy is not None else _hops(topology))
    built = package.CCHTopology()
    built.build(topology.pair_tail.astype(np.uint32), topology.pair_head.astype(np.uint32), y, x,
                topology.node_count)
    return HierarchyOrder(topology, built)


@dataclass(frozen=True)
class HierarchySearch:
    """A metric in the hierarchy."""

    network: ArcNetwork
    metric: Any
    order: HierarchyOrder

    @cached_property
    def labels(self) -> LabelSearch:
        """The metric with lengths in it, made when a distance or path is first asked for."""
        return LabelSearch(self.network, self.order.chordal)

    def far_cells(self, sources: Int, targets: Int) -> Cells:
        """By labels: the package counts in 32 bits, which do not hold a length beside a time."""
        return self.labels.far_cells(sources, targets)

    def pairs(self, source: int, targets: Int) -> list[Int | None]:
        """The pairs passed to each target."""
        return self.labels.pairs(source, targets)

    def cells(self, sources: Int, targets: Int) -> Cells:
        """All pairs, in blocks of sources."""
        whole = empty_cells(len(sources), len(targets), with_distance=False)
        if whole.duration_ms.size == 0:
            return whole
        ends = targets.astype(np.uint32)
        for start in range(0, len(sources), BLOCK):
            rows = slice(start, start + BLOCK)
            found = self.metric.distances_many_to_many(sources[rows].astype(np.uint32), ends)
            whole.unreachable[rows] = found >= LIMIT_MS
            whole.duration_ms[rows] = np.where(whole.unreachable[rows], 0, found)
        check_no_way(self.network, sources, targets, whole.unreachable)
        return whole


def _centred(xy: Float) -> tuple[Single, Single]:
    """Columns of their own, since the package reads memory and not strides; single precision does near the origin."""
    x, y = np.ascontiguousarray((xy - xy.mean(axis=0)).T, dtype=np.float32)
    return np.ascontiguousarray(x), np.ascontiguousarray(y)


def _hops(topology: Topology) -> Float:
    """Stand-ins for coordinates: how many arcs from a node at the rim, and from the node furthest from that."""
    ones = np.ones(topology.pair_count)
    shape = (topology.node_count, topology.node_count)
    arcs = csr_array((ones, (topology.pair_tail, topology.pair_head)), shape=shape)
    rim = 0
    columns = []
    for _ in range(3):
        far = dijkstra(arcs, directed=False, unweighted=True, indices=rim)
        columns.append(np.where(np.isfinite(far), far, -1.0))
        rim = int(np.argmax(columns[-1]))
    return np.column_stack(columns[1:])
