"""Places on the streets a vehicle class can use: the nearest segment of the largest strongly connected part."""

from __future__ import annotations

from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray

from geodata.crs import to_metric
from geodata.osm_network import StreetNetwork
from geodata.turn_metric import Metric
from geodata.turn_places import Places

Float = NDArray[np.float64]
Int = NDArray[np.int64]
Geometries = NDArray[np.object_]


@dataclass(frozen=True)
class SegmentLines:
    """The segments of a network in a metric CRS."""

    lines: Geometries
    """[E], shapely LineStrings."""

    @classmethod
    def of(cls, network: StreetNetwork, crs_metric: str) -> SegmentLines:
        """The network's segments, projected."""
        rows = np.repeat(np.arange(network.segment_count), np.diff(network.first))
        lines = shapely.linestrings(network.lonlat, indices=rows)
        return cls(to_metric(gpd.GeoSeries(lines, crs="EPSG:4326"), crs_metric).to_numpy())


@dataclass(frozen=True)
class Snapped:
    """Where geometries meet the streets."""

    places: Places
    distance_m: Float
    """[P], from the geometry to its place, straight."""


@dataclass(frozen=True)
class Snapper:
    """The segments on which one may start and end, indexed."""

    segment: Int
    """[K]."""
    lines: Geometries
    """[K]."""
    tree: shapely.STRtree

    def snap(self, geometries: Geometries) -> Snapped:
        """The nearest place of each point or polygon (metric CRS, none of them empty); ties go to the first segment."""
        index, hit = self.tree.query_nearest(geometries, all_matches=True)
        nearest = np.full(len(geometries), len(self.segment), dtype=np.int64)
        np.minimum.at(nearest, index, hit)
        lines = self.lines[nearest]
        meeting = shapely.get_point(shapely.shortest_line(lines, geometries), 0)
        share = np.clip(shapely.line_locate_point(lines, meeting, normalized=True), 0.0, 1.0)
        return Snapped(Places(self.segment[nearest], share), shapely.distance(lines, geometries))


def snapper(lines: SegmentLines, *metrics: Metric) -> Snapper:
    """Snaps onto segments from and to which every one of the metrics leads, in one direction at least.

    ValueError where there is no such segment.
    """
    core = np.logical_and.reduce([m.in_core.reshape(-1, 2).any(axis=1) for m in metrics])
    segment = np.flatnonzero(core)
    if len(segment) == 0:
        raise ValueError("no segment belongs to the streets of all classes and slots")
    return Snapper(segment, lines.lines[segment], shapely.STRtree(lines.lines[segment]))
