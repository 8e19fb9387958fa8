"""Slivers: communities too small to plan for are merged into the neighbour with the longest shared border."""

from __future__ import annotations

from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray

from geodata.cells import SHARED
from geodata.demand_input import SliverLimits

Float = NDArray[np.float64]

CORNER_SHARE = 0.1
"""Two areas that share no more than a corner have twice the reach in common, or this share of the smaller outline."""


@dataclass(frozen=True)
class Merged:
    """The communities that are left, which became part of which, and slivers that touch nobody."""

    communities: gpd.GeoDataFrame
    into: tuple[tuple[str, str], ...]
    """(sliver, community it belongs to now)."""
    alone: tuple[str, ...]


def merged_slivers(communities: gpd.GeoDataFrame, limits: SliverLimits) -> Merged:
    """Communities with polygons below the limits merged, smallest first; population, households and weight add up,
    where one is unknown (NaN) so is the sum, and where one is estimated so is the whole.

    A neighbour in the same zone is preferred, then the longer shared border, then the earlier row. What touches no
    other community stays as it is. Points are never slivers.
    """
    shapes = np.asarray(communities.geometry.array, dtype=object)
    area = shapely.area(shapes)
    persons = communities["population"].to_numpy(dtype=np.float64)
    border = _borders(shapes, limits.reach_m)
    zone = [None if z is None or z != z else str(z) for z in communities["zone_id"]]
    group = {row: [row] for row in range(len(shapes))}
    into: dict[int, int] = {}
    alone: list[int] = []
    for row in np.lexsort((np.arange(len(area)), area)).tolist():
        if shapely.get_dimensions(shapes[row]) != 2 or row in into:
            continue
        members = group[row]
        few = float(persons[members].sum()) < limits.min_persons  # never so where persons are unknown
        if area[members].sum() >= limits.min_area_m2 and not few:
            continue
        best = _neighbour(row, members, border, into, zone)
        if best is None:
            alone.append(row)
            continue
        group[best] += group.pop(row)
        into[row] = best
    return _assembled(communities, group, into, alone)


def _borders(shapes: NDArray[np.object_], reach_m: float) -> list[dict[int, float]]:
    """Length of the border that each polygon shares with each neighbour, m."""
    border: list[dict[int, float]] = [{} for _ in shapes]
    lines = shapely.boundary(shapes)
    one, other = shapely.STRtree(shapes).query(shapes, predicate="dwithin", distance=reach_m)
    pairs = (one < other) & (shapely.get_dimensions(shapes[one]) == 2) & (shapely.get_dimensions(shapes[other]) == 2)
    one, other = one[pairs], other[pairs]
    near = shapely.buffer(shapes[other], reach_m, quad_segs=2, join_style="mitre")
    length = shapely.length(shapely.intersection(lines[one], near))
    round_both = shapely.length(lines)
    corner = np.minimum(2.0 * reach_m, CORNER_SHARE * np.minimum(round_both[one], round_both[other])) * (1.0 + 1e-9)
    for a, b, shared, least in zip(one.tolist(), other.tolist(), length.tolist(), corner.tolist(), strict=True):
        if shared > least:
            border[a][b] = border[b][a] = shared
    return border


def _neighbour(row: int, members: list[int], border: list[dict[int, float]], into: dict[int, int],
               zone: list[str | None]) -> int | None:
    """The community a group of slivers goes to, None where it touches nobody."""
    shared: dict[int, float] = {}
    for member in members:
        for other, length in border[member].items():
            owner = other
            while owner in into:
                owner = into[owner]
            if owner != row:
                shared[owner] = shared.get(owner, 0.0) + length
    if not shared:
        return None
    return min(shared, key=lambda other: (zone[other] != zone[row], -shared[other], other))


def _assembled(communities: gpd.GeoDataFrame, group: dict[int, list[int]], into: dict[int, int],
               alone: list[int]) -> Merged:
    table = communities.copy()
    ids = [str(name) for name in communities["id"]]
    shapes = np.array(communities.geometry.array, dtype=object)
    for owner, members in group.items():
        if len(members) > 1:
            for name in SHARED:
                # unknown and known make unknown: a sliver's few must not stand for a whole block
                table.loc[table.index[owner], name] = communities[name].to_numpy(dtype=np.float64)[members].sum()
            if "estimated" in table:
                table.loc[table.index[owner], "estimated"] = bool(communities["estimated"].to_numpy()[members].any())
            shapes[owner] = shapely.union_all(shapes[members])
    table = table.set_geometry(gpd.GeoSeries(shapes, index=table.index, crs=communities.crs))
    table["area_m2"] = table.geometry.area
    kept = table.iloc[sorted(group)].reset_index(drop=True)

    def last(row: int) -> int:
        while row in into:
            row = into[row]
        return row

    return Merged(kept, tuple((ids[row], ids[last(row)]) for row in into), tuple(ids[row] for row in alone))
