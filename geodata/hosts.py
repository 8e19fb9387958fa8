"""Hosts: places of interest that a site of the first tier may stand at, reached over a street near by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from geodata.driver import Driver
from geodata.places import distances_m
from geodata.points_of_interest import is_called
from geodata.rejections import Rejection
from geodata.roads import Access

Bool = NDArray[np.bool_]
Float = NDArray[np.float64]
Int = NDArray[np.int64]


@dataclass(frozen=True)
class HostKind:
    """One kind of host: what its places are called, and which sizes of the tier may stand there, [K]."""

    id: str
    kinds: tuple[str, ...]
    fits: tuple[bool, ...]


@dataclass(frozen=True)
class HostPlan:
    """The places that may host a site, and what they have to keep."""

    points: gpd.GeoDataFrame
    """id, name, words, geometry in the metric system (geodata.points_of_interest.read_points)."""
    kinds: tuple[HostKind, ...]
    """Preferred ones first: a place of several kinds is of the first, and the first stays of two that are too near."""
    reach_m: float
    """Most between a place and a street that residents walk and the collecting vehicle drives."""
    max_walk_m: float
    """Most between a place and the nearest community, straight line: nobody further away would walk there."""
    apart_m: float
    """Places nearer to one another than this (between their middles) are one place listed twice."""


@dataclass(frozen=True)
class RejectedHost:
    """A place that cannot host a site."""

    site_id: str
    kind_id: str
    name: str | None
    xy: Float
    snap_m: float
    reasons: tuple[Rejection, ...]


@dataclass(frozen=True)
class HostSites:
    """Candidate sites at hosts, preferred kinds first, and the places that were rejected."""

    ids: tuple[str, ...]
    kind_ids: tuple[str, ...]
    names: tuple[str | None, ...]
    fits: Bool
    """[J, K]."""
    geometry: NDArray[np.object_]
    """Of the place: a point or an outline."""
    xy: Float
    """Its middle."""
    rejected: tuple[RejectedHost, ...]


def host_sites(plan: HostPlan, communities: gpd.GeoDataFrame, on_foot: Access, by_truck: Access | Driver,
               existing_ids: Sequence[str], existing_xy: Float) -> HostSites:
    """The places of a plan's kinds as candidates; every other place of these kinds with all its reasons.

    Rejected are places further than `reach_m` from every street that both use, further than `max_walk_m` from every
    community, and nearer than `apart_m` to a place that stays or to an existing site. Order decides who stays:
    existing sites, then kinds as listed, then ids. Places of no kind of the plan are no hosts and are not listed.
    """
    kind_of, rows = _sorted_rows(plan)
    points = plan.points.iloc[rows]
    shapes = np.asarray(points.geometry.array, dtype=object)
    xy = shapely.get_coordinates(shapely.point_on_surface(shapes)).reshape(-1, 2)
    snap_m = _to_common_street_m(shapes, on_foot, by_truck)
    walk_m = distances_m(points.geometry, communities.geometry)
    ids = [str(i) for i in points["id"]]
    reached = (snap_m <= plan.reach_m) & (walk_m <= plan.max_walk_m)
    twin, twin_m = _twins(xy, reached, existing_xy, plan.apart_m)
    names = [None if name is None or name != name else str(name) for name in points["name"]]
    known = (*existing_ids, *ids)
    kept, rejected = [], []
    for row, kind in enumerate(kind_of):
        reasons = []
        if snap_m[row] > plan.reach_m:
            reasons.append(Rejection("too_far_from_street", float(snap_m[row]), plan.reach_m))
        if walk_m[row] > plan.max_walk_m:
            reasons.append(Rejection("too_far_from_communities", float(walk_m[row]), plan.max_walk_m))
        if twin[row] >= 0:
            reasons.append(Rejection("near_duplicate", float(twin_m[row]), plan.apart_m, True, known[twin[row]]))
        if reasons:
            rejected.append(RejectedHost(ids[row], plan.kinds[kind].id, names[row], xy[row], float(snap_m[row]),
                                         tuple(reasons)))
        else:
            kept.append(row)
    fits = np.array([kind.fits for kind in plan.kinds], dtype=bool)
    return HostSites(tuple(ids[r] for r in kept), tuple(plan.kinds[kind_of[r]].id for r in kept),
                     tuple(names[r] for r in kept), fits[kind_of[kept]], shapes[kept], xy[kept], tuple(rejected))


def _sorted_rows(plan: HostPlan) -> tuple[Int, Int]:
    """Kind and row of every place that is of a kind, by kind, then id."""
    kind = np.full(len(plan.points), len(plan.kinds), dtype=np.int64)
    for number in range(len(plan.kinds) - 1, -1, -1):
        kind[is_called(plan.points["words"], plan.kinds[number].kinds)] = number
    ids = [str(i) for i in plan.points["id"]]
    order = sorted(np.flatnonzero(kind < len(plan.kinds)).tolist(), key=lambda row: (int(kind[row]), ids[row]))
    rows = np.array(order, dtype=np.int64)
    return kind[rows], rows


def _to_common_street_m(shapes: NDArray[np.object_], on_foot: Access, by_truck: Access | Driver) -> Float:
    """Distance of each place to the nearest street that walkers and the vehicle both use, inf where there is none."""
    edge = np.intersect1d(on_foot.edge, by_truck.edge)
    out = np.full(len(shapes), np.inf)
    if len(edge) and len(shapes):
        tree = shapely.STRtree(on_foot.streets.lines[edge])
        (rows, _), nearest = tree.query_nearest(shapes, all_matches=False, return_distance=True)
        out[rows] = nearest
    return out


def _twins(xy: Float, reached: Bool, existing_xy: Float, apart_m: float) -> tuple[Int, Float]:
    """For each place the nearest one before it that stays and is too near, and how far it is; -1 where none is.

    Existing sites are numbered first, then the places. A place without a street does not push out others.
    """
    first = len(existing_xy)
    everywhere = np.concatenate([existing_xy.reshape(-1, 2), xy])
    twin, twin_m = np.full(len(xy), -1, dtype=np.int64), np.full(len(xy), np.inf)
    if len(xy) == 0:
        return twin, twin_m
    stays = np.concatenate([np.ones(first, dtype=bool), np.zeros(len(xy), dtype=bool)])
    tree = cKDTree(everywhere)
    for row, near in enumerate(tree.query_ball_point(xy, apart_m)):
        others = np.array([n for n in near if n < first + row and stays[n]], dtype=np.int64)
        distance = np.hypot(*(everywhere[others] - xy[row]).T)
        close = distance < apart_m
        if close.any():
            nearest = int(np.argmin(np.where(close, distance, np.inf)))
            twin[row], twin_m[row] = others[nearest], distance[nearest]
        stays[first + row] = bool(reached[row] and twin[row] < 0)
    return twin, twin_m
