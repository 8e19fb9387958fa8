"""Candidate sites along streets: community entrances first, then points of the streets, evenly spaced."""

from __future__ import annotations

from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from geodata.driver import Driver
from geodata.roads import Access, Snap

Float = NDArray[np.float64]
Int = NDArray[np.int64]

STEP_M = 20.0
"""Street points are drawn this far apart before they are thinned out to the spacing."""
REACH_M = 100.0
"""Streets further than this from every community need no point."""


@dataclass(frozen=True)
class StreetSites:
    """Candidate sites along streets that residents can walk and the collecting vehicle can drive."""

    ids: tuple[str, ...]
    """Made of the metric coordinates, so that a place keeps its id from run to run."""
    xy: Float
    snap: Snap


def street_sites(communities: gpd.GeoDataFrame, on_foot: Access, by_truck: Access | Driver,
                 spacing_m: float, taken_xy: Float | None = None) -> StreetSites:
    """Candidate sites no closer to one another, and to places taken [T, 2], than the spacing (m, straight line).

    The entrance of a community is the street point nearest to its middle; further points follow along all streets
    within reach of a community, wherever the spacing leaves room.
    """
    edge = np.intersect1d(on_foot.edge, by_truck.edge)
    if len(edge) == 0:
        return StreetSites((), np.empty((0, 2)), Snap(edge, np.empty(0), np.empty(0)))
    lines = on_foot.streets.lines[edge]
    tree = shapely.STRtree(lines)
    geometry = communities.geometry.to_numpy()
    middle = shapely.point_on_surface(geometry)
    _, nearest = tree.query_nearest(middle, all_matches=False)
    entrance_m = shapely.line_locate_point(lines[nearest], middle)

    counts = np.maximum(1, np.floor(on_foot.streets.length_m[edge] / STEP_M)).astype(np.int64)
    on = np.repeat(np.arange(len(edge)), counts)
    number = np.arange(len(on)) - np.repeat(np.cumsum(counts) - counts, counts)
    along = (number + 0.5) * on_foot.streets.length_m[edge][on] / counts[on]
    close = _within_reach(shapely.line_interpolate_point(lines[on], along), geometry)
    local = np.concatenate([nearest, on[close]])
    along_m = np.concatenate([entrance_m, along[close]])
    xy = shapely.get_coordinates(shapely.line_interpolate_point(lines[local], along_m))
    taken = np.empty((0, 2)) if taken_xy is None else taken_xy
    kept = _thin(xy, spacing_m, taken)
    ids = tuple(f"P{round(x)}-{round(y)}" for x, y in xy[kept])
    return StreetSites(ids, xy[kept], Snap(edge[local[kept]], along_m[kept], np.zeros(len(kept))))


def _within_reach(points: NDArray[np.object_], geometry: NDArray[np.object_]) -> NDArray[np.bool_]:
    hit = np.zeros(len(points), dtype=bool)
    hit[shapely.STRtree(geometry).query(points, predicate="dwithin", distance=REACH_M)[0]] = True
    return hit


def _thin(xy: Float, spacing_m: float, taken_xy: Float) -> Int:
    """Rows kept when each row, in order, is dropped if a kept one or a taken place lies within the spacing."""
    tree = cKDTree(xy)
    state = np.zeros(len(xy), dtype=np.int8)
    for near in tree.query_ball_point(taken_xy, spacing_m):
        state[near] = 1
    for row in range(len(xy)):
        if state[row] == 0:
            state[tree.query_ball_point(xy[row], spacing_m)] = 1
            state[row] = 2
    return np.flatnonzero(state == 2)
