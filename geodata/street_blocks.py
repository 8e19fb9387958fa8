"""Street blocks: the faces of the street network, and the streets that bound or cross them."""

from __future__ import annotations

import numpy as np
import shapely
from numpy.typing import NDArray

Float = NDArray[np.float64]
Shapes = NDArray[np.object_]

STEP_M = 25.0
"""Streets are shared out in pieces of at most this length."""
BESIDE_M = 15.0
"""A street this near to a unit bounds it: outlines are drawn along the pavement, streets along their middle."""
GRID_M = 0.01
"""Places this near to one another are one: a street along the rim, or ending at it, is so to the centimetre."""
RIM_M = 100.0
"""A street that ends this near to the rim of the area is taken on to it: the file ends there, not the street."""
HECTARE_M2 = 10_000.0


def street_blocks(streets: Shapes, outline: shapely.Geometry, rim_m: float = RIM_M) -> Shapes:
    """Polygons between streets inside an outline, which closes those at its rim; metric, by place of their middle.

    Lines are split where they cross; those that end within `rim_m` of the rim are taken on to it.
    """
    rim = shapely.boundary(outline)
    walls = streets[shapely.intersects(streets, outline)]
    noded = shapely.union_all([*walls, *_to_the_rim(walls, rim, rim_m), rim], grid_size=GRID_M)
    faces = shapely.get_parts(shapely.polygonize(shapely.get_parts(noded)))
    middle = shapely.point_on_surface(faces)
    kept = shapely.intersects(middle, outline) & (shapely.area(faces) > 0.0)
    faces, xy = faces[kept], np.round(shapely.get_coordinates(middle[kept]), 2)
    return np.asarray(faces[np.lexsort((xy[:, 1], xy[:, 0]))], dtype=object)


def _to_the_rim(walls: Shapes, rim: shapely.Geometry, rim_m: float) -> Shapes:
    """Straight lines from dead ends near the rim to it."""
    lines = shapely.get_parts(walls)
    lines = lines[shapely.get_type_id(lines) == shapely.GeometryType.LINESTRING]
    ends = np.concatenate([shapely.get_point(lines, 0), shapely.get_point(lines, -1)])
    xy, vertices = shapely.get_coordinates(ends), shapely.get_coordinates(lines)
    places, index = np.unique(np.concatenate([xy, vertices]), axis=0, return_inverse=True)
    ended, uses = np.unique(index.ravel()[:len(xy)]), np.bincount(index.ravel()[len(xy):], minlength=len(places))
    dead = shapely.points(places[ended[uses[ended] == 1]])
    near = dead[shapely.distance(dead, rim) <= rim_m]
    return np.asarray(shapely.shortest_line(near, rim), dtype=object)


def street_metres(units: Shapes, streets: Shapes) -> Float:
    """Length of the streets that bound or cross each unit, m; a street between several counts in equal parts."""
    metres = np.zeros(len(units))
    if len(units) == 0 or len(streets) == 0:
        return metres
    xy, line = shapely.get_coordinates(shapely.segmentize(streets, STEP_M), return_index=True)
    same = line[1:] == line[:-1]
    start, stop = xy[:-1][same], xy[1:][same]
    length = np.hypot(*(stop - start).T)
    piece, unit = shapely.STRtree(units).query(shapely.points((start + stop) / 2.0), predicate="dwithin",
                                               distance=BESIDE_M)
    sharers = np.bincount(piece, minlength=len(length))
    np.add.at(metres, unit, length[piece] / sharers[piece])
    return metres
