"""Does a rectangle fit into a parcel, turned in any direction?

A rectangle of given direction fits where the erosion of the parcel by it is not empty, which is worked out exactly:
the erosion by a rectangle is that by its width of that by its length, and the erosion by a segment is the parcel
without what its outline sweeps along the segment. A grid settles most cases before (geodata/rectangle_grid.py). Tried
are the directions of the parcel's own longest edges, then every STEP_DEG.

Errors. Accepted too much: a rectangle counts as fitting when one that is SLACK_SHARE shorter on both sides does.
Rejected too much: one that fits only between two tried directions or two tried ratios of its sides. For given sides,
whatever has room, in any direction, for sin(STEP_DEG / 2) = 4.4 % of the length more in width and 4.4 % of the width
more in length is found.
"""

from __future__ import annotations

import math

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import affinity

from geodata.rectangle_grid import CELLS, judged, widths
from geodata.screening_rules import RectangleRule

Bool = NDArray[np.bool_]
Float = NDArray[np.float64]
Int = NDArray[np.int64]

STEP_DEG = 5.0
OWN_DIRECTIONS = 8
"""Directions of own edges that are tried before."""
SLACK_SHARE = 0.005
ROUNDING_SHARE = 1e-7
"""Places for a rectangle within less than this share of its own area are rounding: the slack leaves 2.5e-5 of it."""
HALVINGS = 6
"""Steps to find how large a rectangle would fit where the one asked for does not."""


def rectangles_fit(pieces: NDArray[np.object_], areas_m2: Float, rule: RectangleRule) -> Bool:
    """Whether the rectangle of each size fits into each polygon, [polygons, sizes]; nothing fits an empty one."""
    out = np.zeros((len(pieces), len(areas_m2)), dtype=bool)
    order = np.argsort(-areas_m2, kind="stable")
    for row in np.flatnonzero(~shapely.is_empty(pieces)):
        parcel = _Parcel(pieces[row])
        for position, size in enumerate(order):
            if parcel.holds(rule.sides(float(areas_m2[size]))):
                out[row, order[position:]] = True  # what holds the larger one holds the smaller ones
                break
    return out


def largest_share(piece: shapely.Polygon, area_m2: float, rule: RectangleRule) -> float:
    """The greatest share of the area asked for that was found to fit as a rectangle of the same shape, below 1."""
    low, high = 0.0, 1.0
    if piece.is_empty:
        return low
    parcel = _Parcel(piece)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        scaled = [(w * math.sqrt(middle), h * math.sqrt(middle)) for w, h in rule.sides(area_m2)]
        low, high = (middle, high) if parcel.holds(scaled, own_only=True) else (low, middle)
    return low


class _Parcel:
    """A polygon with what is worked out about it once."""

    def __init__(self, piece: shapely.Polygon) -> None:
        centre = piece.centroid
        self._piece = affinity.translate(piece, -centre.x, -centre.y)
        self._convex = not piece.interiors and piece.area > piece.convex_hull.area * (1.0 - 1e-9)
        coords, ring = shapely.get_coordinates(shapely.get_rings(self._piece), return_index=True)
        self._coords, self._first = coords, np.append(np.flatnonzero(np.diff(ring, prepend=-1)), len(coords))
        self._longest = 2.0 * float(shapely.minimum_bounding_radius(piece))
        self._widths: dict[float, tuple[float, float, Int, Int]] = {}
        self._own = self._directions()

    def holds(self, sides: list[tuple[float, float]], *, own_only: bool = False) -> bool:
        """Whether one of some rectangles fits, in some tried direction."""
        tried = [(w * (1.0 - SLACK_SHARE), h * (1.0 - SLACK_SHARE)) for w, h in sides]
        # necessary: the area, and a diagonal within the circle around
        tried = [(w, h) for w, h in tried if math.hypot(w, h) <= self._longest and w * h <= self._piece.area]
        tried += [(h, w) for w, h in tried if h > w]
        if not tried:
            return False
        width, height = np.array(tried).T.copy()
        doubtful = []
        for angle in self._own if own_only else (*self._own, *np.arange(0.0, 90.0, STEP_DEG).tolist()):
            surely, may = judged(*self._grid(angle), width, height)
            if surely:
                return True
            doubtful += [(angle, *tried[n]) for n in np.flatnonzero(may).tolist()]
        test = _holds_convex if self._convex else _holds_any
        return any(test(affinity.rotate(self._piece, -angle, origin=(0.0, 0.0)), w, h) for angle, w, h in doubtful)

    def _grid(self, angle: float) -> tuple[float, float, Int, Int]:
        """What a grid over the turned parcel says of rectangles (geodata.rectangle_grid.widths)."""
        if angle not in self._widths:
            cos, sin = math.cos(math.radians(angle)), math.sin(math.radians(angle))
            x, y = self._coords @ np.array([cos, sin]), self._coords @ np.array([-sin, cos])
            self._widths[angle] = widths(x, y, self._first, CELLS)
        return self._widths[angle]

    def _directions(self) -> tuple[float, ...]:
        """Directions of its longest edges, degrees from 0 to 90."""
        step = np.diff(shapely.get_coordinates(self._piece.exterior), axis=0)
        length, angle = np.hypot(*step.T), np.degrees(np.arctan2(step[:, 1], step[:, 0])) % 90.0
        bins = np.round(angle, 0) % 90.0
        weight = {b: float(length[bins == b].sum()) for b in np.unique(bins)}
        own = sorted(weight, key=lambda b: (-weight[b], b))[:OWN_DIRECTIONS]
        return tuple(float(angle[bins == b][np.argmax(length[bins == b])]) for b in own)


def _holds_convex(shape: shapely.Polygon, width: float, height: float) -> bool:
    """For convex shapes: a rectangle lies inside where its four corners do."""
    left = shape
    for dx, dy in ((width, 0.0), (0.0, height), (width, height)):
        left = left.intersection(affinity.translate(shape, -dx, -dy))
        if left.area <= ROUNDING_SHARE * width * height:
            return False
    return True


def _holds_any(shape: shapely.Polygon, width: float, height: float) -> bool:
    least_m2 = ROUNDING_SHARE * width * height
    narrowed = _eroded(shape, -width, 0.0, least_m2)
    return not narrowed.is_empty and not _eroded(narrowed, 0.0, -height, least_m2).is_empty


def _eroded(shape: shapely.Geometry, dx: float, dy: float, least_m2: float) -> shapely.Geometry:
    """The places p of a shape from which the segment from p to p - (dx, dy) stays within it, parts of some area."""
    coords, ring = shapely.get_coordinates(shapely.get_rings(shapely.get_parts(shape)), return_index=True)
    same = ring[1:] == ring[:-1]
    start, end = coords[:-1][same], coords[1:][same]
    across = np.abs((end - start) @ np.array([-dy, dx]))
    sweeping = across > 1e-12 * math.hypot(dx, dy)  # an edge along the segment sweeps no area
    start, end = start[sweeping], end[sweeping]
    by = np.array([dx, dy])
    swept = shapely.polygons(np.stack([start, end, end + by, start + by, start], axis=1))
    left = shapely.difference(shape, shapely.union_all(swept))
    parts = shapely.get_parts(left)
    return shapely.multipolygons(parts[shapely.area(parts) > least_m2])
