"""A vehicle on streets that are lines with classes and one-way tags: no turn is forbidden, times are float seconds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray

from geodata.driver import StreetUse
from geodata.roads import Access, Profile, Snap, Streets, access_for, read_streets, walking
from geodata.travel import Graph, Paths, Times, graph_with, times

Float = NDArray[np.float64]
Int = NDArray[np.int64]


def line_use(roads: gpd.GeoDataFrame, profiles: Sequence[Profile],
             closed: Sequence[NDArray[np.object_]] | None = None) -> StreetUse:
    """Walkers and vehicles (one per profile) on a table of lines in the metric CRS.

    `closed` has the areas that each vehicle may not drive in, in the same CRS. NoStreetError when the lines are of no
    use to one of them.
    """
    streets = read_streets(roads)
    on_foot = access_for(streets, walking())
    areas = closed or [np.empty(0, dtype=object)] * len(profiles)
    drivers = [LineDriver(access_for(streets, profile, edges_in(streets, own)))
               for profile, own in zip(profiles, areas, strict=True)]
    return StreetUse(streets, on_foot, tuple(drivers))


def edges_in(streets: Streets, areas: NDArray[np.object_]) -> NDArray[np.bool_] | None:
    """[edges], of which a part (more than a touch of the border) lies in an area; None without areas."""
    if len(areas) == 0:
        return None
    covered = np.zeros(len(streets.lines), dtype=np.bool_)
    row, edge = shapely.STRtree(streets.lines).query(areas, predicate="intersects")
    covered[edge[~shapely.touches(streets.lines[edge], areas[row])]] = True
    return covered


@dataclass(frozen=True)
class LineDriver:
    """A profile's part of the network."""

    access: Access

    @property
    def name(self) -> str:
        """The profile's name."""
        return self.access.profile.name

    @property
    def edge(self) -> Int:
        """Edges of its largest strongly connected part."""
        return self.access.edge

    @property
    def component_share(self) -> float:
        """Share of the street length open to it that lies in that part."""
        return self.access.component_share

    def snap(self, geometries: NDArray[np.object_]) -> Snap:
        """The nearest edge of each geometry."""
        return self.access.snap(geometries)

    def trips(self, places: Snap) -> LineTrips:
        """Drives among places, which become nodes of the graph."""
        return LineTrips(graph_with(self.access, places))


@dataclass(frozen=True)
class LineTrips:
    """A graph with places as its last nodes."""

    graph: Graph

    @cached_property
    def paths(self) -> Paths:
        """The graph's arcs as street geometry."""
        return Paths.of(self.graph)

    def times(self, sources: Int, targets: Int, *, backward: bool = False) -> Times:
        """Times and distances between places; one search per source."""
        node = self.graph.place_node
        return times(self.graph, node[sources], node[targets], backward=backward)

    def lines(self, source: int, targets: Int) -> list[Float]:
        """Vertices of the fastest way to each target."""
        node = self.graph.place_node
        return self.paths.lines(int(node[source]), node[targets])
