"""Communities -> demand parts: pieces small enough for one collection site, standing on the community's own streets."""

from __future__ import annotations

from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray

from geodata.roads import Access, Snap

Float = NDArray[np.float64]
Int = NDArray[np.int64]

STANDING_SPACING_M = 150.0
"""Distance between the points of a community's streets at which its residents are taken to stand."""
BOUNDING_REACH_M = 10.0
"""A street this close to a community's outline bounds it."""
TOUCH_M = 15.0
"""Shorter contacts are streets that only end at the community."""
THROUGH_TRAFFIC = ("trunk", "trunk_link", "primary_link", "secondary_link", "tertiary_link")
"""Nobody lives on these: residents stand there only where a community touches no other street."""


@dataclass(frozen=True)
class PartLimits:
    """How large a demand part may be."""

    households: float | None
    area_m2: float


@dataclass(frozen=True)
class Parts:
    """Demand parts and the places where their residents stand on the walk network."""

    ids: tuple[str, ...]
    community: Int
    """Row of the communities table, [n]."""
    share: Float
    """Share of the community that the part holds, [n]."""
    xy: Float
    """Mean of the standing points, [n, 2]."""
    standing: Snap
    """All standing points, sorted by part."""
    part_of: Int
    """Part of each standing point."""


def demand_parts(communities: gpd.GeoDataFrame, access: Access, limits: PartLimits) -> Parts:
    """Demand parts of a checked communities table (id, households, geometry in the metric CRS).

    A community is cut into the least number of equal parts within the limits, and at least into as many as the column
    `least_parts` says, where there is one. Its standing points, about 150 m apart
    along the streets that bound or cross it, are bisected along their main axis, so every part is compact.
    """
    geometry = communities.geometry.to_numpy()
    pieces = _part_counts(communities, limits)
    owner, standing, xy = _standing_points(geometry, access, pieces)
    bounds = np.searchsorted(owner, np.arange(len(geometry) + 1))
    leaves = [leaf for i in range(len(geometry))
              for leaf in _bisect(xy, np.arange(bounds[i], bounds[i + 1]), int(pieces[i]))]
    community = np.repeat(np.arange(len(geometry)), pieces)
    names = communities["id"].astype(str).to_numpy(dtype=object)
    return _parts(names, community, 1.0 / pieces[community], leaves, standing, xy)


def halved(parts: Parts, which: Int, communities: gpd.GeoDataFrame, access: Access) -> Parts:
    """The parts with some of them cut in two, where they stand on more than one point; ids are counted anew."""
    standing = parts.standing
    xy = shapely.get_coordinates(shapely.line_interpolate_point(access.streets.lines[standing.edge], standing.along_m))
    bounds = np.searchsorted(parts.part_of, np.arange(len(parts.ids) + 1))
    cut = np.zeros(len(parts.ids), dtype=bool)
    cut[which] = True
    leaves, parent = [], []
    for number in range(len(parts.ids)):
        rows = np.arange(bounds[number], bounds[number + 1])
        for leaf in _bisect(xy, rows, 2) if cut[number] and len(rows) > 1 else [rows]:
            leaves.append(leaf)
            parent.append(number)
    origin = np.array(parent, dtype=np.int64)
    share = parts.share[origin] / np.bincount(origin, minlength=len(parts.ids))[origin]
    names = communities["id"].astype(str).to_numpy(dtype=object)
    return _parts(names, parts.community[origin], share, leaves, standing, xy)


def _parts(names: NDArray[np.object_], community: Int, share: Float, leaves: list[Int], standing: Snap,
           xy: Float) -> Parts:
    """Parts from groups of standing points, in order of their communities."""
    order = np.concatenate(leaves) if leaves else np.empty(0, dtype=np.int64)
    part_of = np.repeat(np.arange(len(leaves)), [len(leaf) for leaf in leaves])
    first = np.searchsorted(community, community)
    ids = tuple(f"{names[c]}#{n - f + 1}" for n, (c, f) in enumerate(zip(community, first, strict=True)))
    sums = [np.bincount(part_of, weights=xy[order, axis], minlength=len(leaves)) for axis in (0, 1)]
    mean = np.stack(sums, axis=1) / np.maximum(np.bincount(part_of, minlength=len(leaves)), 1)[:, None]
    sorted_standing = Snap(standing.edge[order], standing.along_m[order], standing.distance_m[order])
    return Parts(ids, community, share, mean, sorted_standing, part_of)


def _part_counts(communities: gpd.GeoDataFrame, limits: PartLimits) -> Int:
    need = shapely.area(communities.geometry.to_numpy()) / limits.area_m2
    if limits.households is not None:
        need = np.maximum(need, communities["households"].to_numpy(dtype=np.float64) / limits.households)
    if "least_parts" in communities:
        need = np.maximum(need, communities["least_parts"].to_numpy(dtype=np.float64))
    return np.asarray(np.maximum(1, np.ceil(need - 1e-9)), dtype=np.int64)


def _standing_points(geometry: NDArray[np.object_], access: Access, at_least: Int) -> tuple[Int, Snap, Float]:
    """Standing points sorted by community: owner, place on the network, coordinates."""
    lines = access.streets.lines
    reach = shapely.buffer(geometry, BOUNDING_REACH_M, quad_segs=2)
    areal = shapely.get_dimensions(geometry) == 2
    owner, hit = access.tree.query(reach, predicate="intersects")
    keep = areal[owner]
    owner, edge = owner[keep], access.edge[hit[keep]]
    clipped, piece = shapely.get_parts(shapely.intersection(lines[edge], reach[owner]), return_index=True)
    owner, edge, length = owner[piece], edge[piece], shapely.length(clipped)
    keep = _lived_on(owner, length, access.streets.highway[edge], len(geometry))
    owner, edge, clipped, length = owner[keep], edge[keep], clipped[keep], length[keep]

    centre = shapely.get_coordinates(shapely.centroid(geometry))
    middle = shapely.get_coordinates(shapely.line_interpolate_point(clipped, 0.5, normalized=True)) - centre[owner]
    order = np.lexsort((edge, np.arctan2(middle[:, 1], middle[:, 0]), owner))
    owner, edge, clipped, length = owner[order], edge[order], clipped[order], length[order]

    total = np.bincount(owner, weights=length, minlength=len(geometry))
    wanted = np.where(total > 0, np.maximum(at_least, np.ceil(total / STANDING_SPACING_M)), 0).astype(np.int64)
    who = np.repeat(np.arange(len(geometry)), wanted)
    number = np.arange(len(who)) - np.repeat(np.cumsum(wanted) - wanted, wanted)
    starts = np.cumsum(length) - length
    base = np.concatenate([[0.0], np.cumsum(total)])[who]
    target = base + (number + 0.5) * total[who] / wanted[who]
    at = np.clip(np.searchsorted(starts, target, side="right") - 1, 0, max(len(starts) - 1, 0))
    points = shapely.line_interpolate_point(clipped[at], np.clip(target - starts[at], 0.0, length[at]))
    snap = access.locate(edge[at], points)

    alone = np.flatnonzero(wanted == 0)  # no street along it, or only a point: the nearest street
    near = access.snap(geometry[alone])
    repeat = np.repeat(np.arange(len(alone)), at_least[alone])
    owner = np.concatenate([who, alone[repeat]])
    order = np.argsort(owner, kind="stable")
    snap = Snap(np.concatenate([snap.edge, near.edge[repeat]])[order],
                np.concatenate([snap.along_m, near.along_m[repeat]])[order],
                np.concatenate([np.zeros(len(who)), near.distance_m[repeat]])[order])
    xy = shapely.get_coordinates(shapely.line_interpolate_point(lines[snap.edge], snap.along_m))
    return owner[order], snap, xy


def _lived_on(owner: Int, length: Float, highway: NDArray[np.object_], communities: int) -> NDArray[np.bool_]:
    """Which pieces of street residents stand on: no through traffic, no mere touch, unless there is nothing else."""
    through = np.isin(highway.astype(str), THROUGH_TRAFFIC)
    lived = np.bincount(owner[~through], weights=length[~through], minlength=communities) > TOUCH_M
    keep = ~through | ~lived[owner]
    longest = np.zeros(communities)
    np.maximum.at(longest, owner[keep], length[keep])
    return np.asarray(keep & (length > 0) & (length >= np.minimum(TOUCH_M, longest[owner]) * (1 - 1e-9)))


def _main_axis(spread: Float) -> Float:
    """The direction in which centred points spread most; due east where they spread alike. In closed form and rounded,
    so that every machine cuts alike.
    """
    east, north = (float(round((spread[:, k] ** 2).sum(), 3)) for k in (0, 1))
    both = float(round((spread[:, 0] * spread[:, 1]).sum(), 3))
    angle = 0.5 * np.arctan2(2.0 * both, east - north) if both or east != north else 0.0
    return np.array([np.cos(angle), np.sin(angle)])


def _bisect(xy: Float, rows: Int, pieces: int) -> list[Int]:
    """Rows split into compact groups of nearly equal size, along the main axis first."""
    if pieces == 1:
        return [rows]
    spread = xy[rows] - xy[rows].mean(axis=0)
    order = rows[np.lexsort((rows, np.round(spread @ _main_axis(spread), 3)))]
    low = pieces // 2
    cut = min(max(round(len(rows) * low / pieces), low), len(rows) - (pieces - low))
    return [*_bisect(xy, order[:cut], low), *_bisect(xy, order[cut:], pieces - low)]
