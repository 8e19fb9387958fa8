"""A vehicle class on the streets of OpenStreetMap, with one-way streets, turn restrictions, barriers and limits.

Times are whole milliseconds, the same from every engine of geodata.matrices, and a way adds up to its cell.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import shapely
import shapely.ops
from numpy.typing import NDArray

from geodata.engines import AUTO, ENGINES, Order, chosen_engine
from geodata.matrices import Matrix, Router
from geodata.matrix_blocks import network_digest
from geodata.matrix_cache import MatrixCache
from geodata.matrix_docks import docked_matrix
from geodata.matrix_network import ArcNetwork, Topology
from geodata.matrix_orders import kept_order
from geodata.roads import Snap
from geodata.travel import Times
from geodata.turn_matrices import state_docks, state_network, state_topology
from geodata.turn_metric import Metric
from geodata.turn_places import Places
from geodata.turn_routes import DrivenWay, driven_ways
from geodata.turn_snap import SegmentLines, Snapper, snapper
from geodata.turns import TurnGraph

Float = NDArray[np.float64]
Int = NDArray[np.int64]

LOG = logging.getLogger(__name__)
BLOCK_CELLS = 1_000_000
"""Cells between places that are worked out at once; between their docks there are some five times as many."""
WORTH_KEEPING = 20_000
"""Fewer cells are worked out again sooner than files are read."""
MS_PER_S = 1000.0


@dataclass(frozen=True)
class TurnStreets:
    """What all vehicle classes share: the turn graph, the lines of its segments, and the order of its states."""

    graph: TurnGraph
    lines: SegmentLines
    cache: MatrixCache | None = None

    @cached_property
    def topology(self) -> Topology:
        """States and transitions as a network."""
        return state_topology(self.graph)

    @cached_property
    def coords(self) -> Float:
        """Vertices of the lines, one after the other (StreetNetwork.first)."""
        return np.asarray(shapely.get_coordinates(self.lines.lines), dtype=np.float64)

    def vertices(self, arc: int, start: float, stop: float) -> Float:
        """Vertices between two shares of the arc's segment, [k, 2] with k >= 1, in the direction of travel."""
        segment = arc >> 1
        if (start, stop) not in ((0.0, 1.0), (1.0, 0.0)):
            line = shapely.ops.substring(self.lines.lines[segment], start, stop, normalized=True)
            return np.asarray(shapely.get_coordinates(line), dtype=np.float64)
        first = self.graph.network.first
        whole = self.coords[first[segment]:first[segment + 1]]
        return whole if stop > start else whole[::-1]

    @cached_property
    def ordered(self) -> Order:
        """The states ordered for many searches, from the cache where it has them."""
        return (ENGINES["labels"](self.topology) if self.cache is None
                else kept_order(self.cache.folder, self.topology).order)

    def driver(self, metric: Metric) -> TurnDriver:
        """A class on these streets."""
        return TurnDriver(self, metric, snapper(self.lines, metric))


@dataclass(frozen=True)
class TurnDriver:
    """A vehicle class in a time slot."""

    streets: TurnStreets
    metric: Metric
    snapper: Snapper

    @property
    def name(self) -> str:
        """The class."""
        return self.metric.rules.vehicle.id

    @property
    def edge(self) -> Int:
        """Segments from and to which it can come."""
        return self.snapper.segment

    @cached_property
    def component_share(self) -> float:
        """Share of the street length open to it that lies in the largest strongly connected part."""
        length = self.streets.graph.network.length_m
        is_open = self.metric.rules.destination.reshape(-1, 2).any(axis=1)
        return float(length[self.edge].sum() / length[is_open].sum())

    def snap(self, geometries: NDArray[np.object_]) -> Snap:
        """The nearest of its segments of each geometry, with the place on it."""
        found = self.snapper.snap(geometries)
        at = found.places
        return Snap(at.segment, at.share * self.streets.graph.network.length_m[at.segment], found.distance_m)

    def trips(self, places: Snap) -> TurnTrips:
        """Drives among places on its segments."""
        length = self.streets.graph.network.length_m[places.edge]
        share = np.divide(places.along_m, length, out=np.zeros_like(length), where=length > 0.0)
        return TurnTrips(self, Places(places.edge, np.clip(share, 0.0, 1.0)))

    @cached_property
    def network(self) -> ArcNetwork:
        """The states with what passing from one to another takes."""
        return state_network(self.streets.topology, self.metric)

    @cached_property
    def digest(self) -> str:
        """What the cache knows the network by."""
        return network_digest(self.network)

    @cached_property
    def plain(self) -> Router:
        """For few searches: nothing is ordered."""
        order = ENGINES["shortest"](self.streets.topology)
        return Router(self.network, order, order.search(self.network))

    @cached_property
    def ordered(self) -> Router:
        """For many searches."""
        return Router(self.network, self.streets.ordered, self.streets.ordered.search(self.network))

    def router(self, searches: int) -> Router:
        """The one that pays for so many searches; all find the same."""
        has_order = "ordered" in self.__dict__
        return self.ordered if has_order or chosen_engine(AUTO, searches) == "labels" else self.plain


@dataclass(frozen=True)
class TurnTrips:
    """Drives among places of one class."""

    driver: TurnDriver
    places: Places

    def times(self, sources: Int, targets: Int, *, backward: bool = False) -> Times:
        """Times and distances between places, worked out in blocks of bounded memory."""
        if backward:
            found = self.times(targets, sources)
            return Times(found.duration_s.T, found.distance_m.T)
        duration = np.full((len(sources), len(targets)), np.inf)
        distance = np.full_like(duration, np.inf)
        for rows, columns in _blocks(len(sources), len(targets)):
            found_block = self._matrix(sources[rows], targets[columns])
            there = ~found_block.unreachable
            assert found_block.distance_m is not None
            duration[rows, columns][there] = found_block.duration_ms[there] / MS_PER_S
            distance[rows, columns][there] = found_block.distance_m[there]
        return Times(duration, distance)

    def _matrix(self, sources: Int, targets: Int) -> Matrix:
        driver = self.driver
        starts, ends = state_docks(driver.metric, self._some(sources), self._some(targets))
        router = driver.router(min(len(sources), len(targets)))
        between = self._kept(router) if len(sources) * len(targets) >= WORTH_KEEPING else None
        return docked_matrix(router, starts, ends, with_distance=True, between=between)

    def _kept(self, router: Router) -> Callable[[Int, Int], Matrix] | None:
        """Cells between states through the cache; None where there is none."""
        cache, driver = self.driver.streets.cache, self.driver
        if cache is None:
            return None

        def find(rows: Int, columns: Int) -> Matrix:
            found = cache.matrix(driver.network, rows, columns, with_distance=True, router=router, digest=driver.digest)
            for file in found.refused:
                LOG.warning("cache: %s is not used (%s)", file.file, file.reason)
            return found.matrix

        return find

    def _some(self, rows: Int) -> Places:
        return Places(self.places.segment[rows], self.places.share[rows])

    def ways(self, source: int, targets: Int) -> list[DrivenWay | None]:
        """The fastest way to each target, state by state; None where there is none.

        Always searched plainly: of ways alike in time and length, engines would choose different ones.
        """
        return driven_ways(self.driver.plain, self.driver.metric, self.places, source, targets)

    def lines(self, source: int, targets: Int) -> list[Float]:
        """Vertices of the fastest way to each target along the segments."""
        found = []
        for target, way in zip(targets, self.ways(source, targets), strict=True):
            if way is None:
                raise ValueError(f"no way from place {source} to place {target}")
            found.append(self._vertices(way, self.places.share[source], self.places.share[target]))
        return found

    def _vertices(self, way: DrivenWay, from_share: float, to_share: float) -> Float:
        arcs = self.driver.streets.graph.state_arc[way.states]
        pieces = []
        for number, arc in enumerate(arcs.tolist()):
            back = bool(arc & 1)
            first = from_share if number == 0 else float(back)
            last = to_share if number == len(arcs) - 1 else float(not back)
            pieces.append(self.driver.streets.vertices(arc, first, last))
        return np.concatenate([pieces[0], *(piece[1:] for piece in pieces[1:])])


def _blocks(rows: int, columns: int) -> Iterator[tuple[slice, slice]]:
    """Pieces cut along the smaller side, the one that is searched from."""
    step = max(1, BLOCK_CELLS // max(1, rows, columns))
    if rows <= columns:
        yield from ((slice(at, at + step), slice(0, columns)) for at in range(0, rows, step))
    else:
        yield from ((slice(0, rows), slice(at, at + step)) for at in range(0, columns, step))
