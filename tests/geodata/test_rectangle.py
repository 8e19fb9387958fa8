"""Rectangles in parcels: by hand, against linear programmes on convex shapes, against counting on shapes of cells."""

from __future__ import annotations

import math

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog
from shapely import affinity

from geodata.rectangle import (
    SLACK_SHARE,
    STEP_DEG,
    RectangleRule,
    _holds_any,
    largest_share,
    rectangles_fit,
)
from geodata.rectangle_grid import judged, widths

L_SHAPE = shapely.Polygon([(0, 0), (60, 0), (60, 20), (20, 20), (20, 60), (0, 60)])
DONUT = shapely.box(0, 0, 50, 50).difference(shapely.box(20, 20, 30, 30))


def fits(shape: shapely.Polygon, width: float, length: float) -> bool:
    rule = RectangleRule(sides_m=(width, length))
    return bool(rectangles_fit(np.array([shape], dtype=object), np.array([1.0]), rule)[0, 0])


@pytest.mark.parametrize(("shape", "width", "length", "expected"), [
    (shapely.box(0, 0, 20, 25), 20, 25, True),
    (shapely.box(0, 0, 20, 25), 25, 20, True),
    (shapely.box(0, 0, 20, 25), 20.5, 25, False),
    (shapely.box(0, 0, 20, 25), 20 * (1 + SLACK_SHARE / 2), 25, True),  # within the slack
    (L_SHAPE, 20, 60, True),
    (L_SHAPE, 21, 60, False),
    (L_SHAPE, 24, 24, False),
    (DONUT, 20, 50, True),
    (DONUT, 22, 50, False),
    (DONUT, 26, 26, False),  # cut by a corner of the hole wherever it lies
    (shapely.Polygon([(0, 0), (100, 0), (50, 80)]), 40, 50, True),  # the largest has half the area of a triangle
    (shapely.Polygon([(0, 0), (100, 0), (50, 80)]), 42, 50, False),
    (shapely.Polygon(), 1, 1, False),
])
def test_by_hand(shape: shapely.Polygon, width: float, length: float, expected: bool) -> None:
    assert fits(shape, width, length) == expected


@pytest.mark.parametrize("angle", [0.0, 13.7, 45.0, 88.9])
def test_turning_the_parcel_changes_nothing(angle: float) -> None:
    """Its own edges are always among the directions tried."""
    for shape, width, length, expected in ((L_SHAPE, 20, 60, True), (L_SHAPE, 21, 60, False), (DONUT, 20, 50, True)):
        assert fits(affinity.rotate(shape, angle), width, length) == expected


def test_area_with_a_limit_on_the_aspect() -> None:
    """A strip of 100 x 12 m holds 400 m2 only as 12 x 33.3 m, which is 2.8 times as long as wide."""
    strip = np.array([shapely.box(0, 0, 100, 12)], dtype=object)
    areas = np.array([400.0, 140.0, 1300.0])
    assert rectangles_fit(strip, areas, RectangleRule(max_aspect=2.0))[0].tolist() == [False, True, False]
    assert rectangles_fit(strip, areas, RectangleRule(max_aspect=3.0))[0].tolist() == [True, True, False]
    assert rectangles_fit(strip, areas, RectangleRule(max_aspect=1.0))[0].tolist() == [False, True, False]


def test_how_much_would_fit() -> None:
    """Of 1,000 m2 as a square, a square of 20 m (with slack) holds 40 %, to a 64th."""
    share = largest_share(shapely.box(0, 0, 20, 90), 1000.0, RectangleRule(max_aspect=1.0))
    assert 0.4 - 1 / 64 <= share <= 0.4 / (1 - SLACK_SHARE) ** 2
    assert largest_share(shapely.Polygon(), 1000.0, RectangleRule(max_aspect=1.0)) == 0.0


def convex(seed: int) -> shapely.Polygon:
    rng = np.random.default_rng(seed)
    return shapely.convex_hull(shapely.MultiPoint(rng.uniform(0, 1, (7, 2)) * rng.uniform(20, 90, 2)))


def inside_at(shape: shapely.Polygon, angle_deg: float, width: float, length: float) -> bool:
    """Whether a convex shape holds a rectangle of one direction: a linear programme for its lower left corner."""
    ring = shapely.get_coordinates(shapely.orient_polygons(shape).exterior)
    step = np.diff(ring, axis=0)
    normal = np.stack([step[:, 1], -step[:, 0]], axis=1)  # outwards: the ring runs against the clock
    limit = (normal * ring[:-1]).sum(axis=1)
    u = np.array([math.cos(math.radians(angle_deg)), math.sin(math.radians(angle_deg))])
    v = np.array([-u[1], u[0]])
    corners = [np.zeros(2), width * u, length * v, width * u + length * v]
    found = linprog([0, 0], A_ub=np.concatenate([normal] * 4),
                    b_ub=np.concatenate([limit - normal @ c for c in corners]), bounds=[(None, None)] * 2)
    return bool(found.status == 0)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), width=st.floats(5, 40), aspect=st.floats(1, 4))
def test_convex_shapes_against_linear_programmes(seed: int, width: float, aspect: float) -> None:
    """Accepted: a rectangle SLACK_SHARE smaller fits somewhere. Rejected: none with the stated margin fits anywhere."""
    shape, length = convex(seed), width * aspect
    if fits(shape, width, length):
        small = 1 - SLACK_SHARE - 1e-6
        own = np.degrees(np.arctan2(*np.diff(shapely.get_coordinates(shape.exterior), axis=0)[:, ::-1].T))
        angles = [*own.tolist(), *np.arange(0, 180, STEP_DEG).tolist()]
        assert any(inside_at(shape, a + turn, width * small, length * small) for a in angles for turn in (0, 90))
    else:
        more = math.sin(math.radians(STEP_DEG / 2))
        assert not any(inside_at(shape, a, width + length * more, length + width * more) for a in np.arange(0, 180, 2))


def cells(seed: int) -> tuple[shapely.Geometry, np.ndarray]:
    """A connected shape of unit cells on a 7 x 7 grid with bays and holes, and its cells."""
    rng = np.random.default_rng(seed)
    taken = rng.random((7, 7)) < 0.75
    shape = shapely.union_all([shapely.box(x, y, x + 1, y + 1) for x, y in np.argwhere(taken)])
    parts = shapely.get_parts(shape)
    largest = parts[int(np.argmax(shapely.area(parts)))]
    kept = np.array([[taken[x, y] and largest.contains(shapely.Point(x + 0.5, y + 0.5)) for y in range(7)]
                     for x in range(7)])
    return largest, kept


@pytest.mark.parametrize("seed", range(25))
def test_shapes_of_cells_against_counting(seed: int) -> None:
    """Rectangles of whole cells along the grid, holes and bays included: exactly those that counting finds."""
    shape, taken = cells(seed)
    for width in range(1, 6):
        for height in range(1, 6):
            counted = any(taken[x:x + width, y:y + height].all() for x in range(8 - width) for y in range(8 - height))
            assert _holds_any(shape, width - 0.01, height - 0.01) == counted, (width, height)


def test_sizes_in_any_order_agree_with_one_by_one() -> None:
    rng = np.random.default_rng(3)
    pieces = np.array([convex(n) for n in range(12)], dtype=object)
    areas, rule = rng.uniform(50, 3000, 5), RectangleRule(max_aspect=2.5)
    together = rectangles_fit(pieces, areas, rule)
    alone = np.stack([rectangles_fit(pieces, areas[k:k + 1], rule)[:, 0] for k in range(5)], axis=1)
    assert (together == alone).all()


@settings(max_examples=80, deadline=None)
@given(seed=st.integers(0, 10_000), cells=st.integers(3, 40), width=st.floats(0.05, 1.0), height=st.floats(0.05, 1.0))
def test_the_grid_is_never_wrong(seed: int, cells: int, width: float, height: float) -> None:
    """What it is sure of agrees with the exact test, on shapes with bays and holes."""
    rng = np.random.default_rng(seed)
    blobs = shapely.union_all([shapely.box(*rng.uniform(0, 60, 2), *rng.uniform(30, 90, 2)) for _ in range(3)])
    shape = affinity.rotate(blobs, rng.uniform(0, 90)).difference(shapely.Point(rng.uniform(20, 60, 2)).buffer(9))
    piece = max(shapely.get_parts(shape), key=lambda part: part.area)
    coords, ring = shapely.get_coordinates(shapely.get_rings(piece), return_index=True)
    first = np.append(np.flatnonzero(np.diff(ring, prepend=-1)), len(coords))
    grid = widths(coords[:, 0].copy(), coords[:, 1].copy(), first, cells)
    west, south, east, north = piece.bounds
    asked = (width * (east - west), height * (north - south))
    exact = _holds_any(piece, *asked)
    surely, may = judged(*grid, np.array(asked[:1]), np.array(asked[1:]))
    assert exact or not surely
    assert surely or may[0] or not exact
