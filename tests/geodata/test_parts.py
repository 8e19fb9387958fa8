"""Communities are cut into the least number of equal, compact parts that stand on their own streets."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
import shapely

from geodata.parts import BOUNDING_REACH_M, STANDING_SPACING_M, PartLimits, Parts, demand_parts, halved
from geodata.roads import Access, access_for, read_streets, walking
from tests.geodata.small_streets import CRS, grid


def communities(geometries: list[shapely.Geometry], households: list[float]) -> gpd.GeoDataFrame:
    ids = [f"C{k}" for k in range(len(geometries))]
    return gpd.GeoDataFrame({"id": ids, "households": households}, geometry=geometries, crs=CRS)


def streets_of(*lines: list[tuple[float, float]], highway: list[str] | None = None) -> Access:
    kinds = highway or ["residential"] * len(lines)
    roads = gpd.GeoDataFrame({"highway": kinds}, geometry=[shapely.LineString(p) for p in lines], crs=CRS)
    return access_for(read_streets(roads), walking())


def places(parts: Parts, access: Access) -> np.ndarray:
    lines = access.streets.lines[parts.standing.edge]
    return shapely.get_coordinates(shapely.line_interpolate_point(lines, parts.standing.along_m))


NO_LIMIT = PartLimits(None, 1e12)


@pytest.mark.parametrize("seed", range(5))
def test_parts_hold_their_community_exactly(seed: int) -> None:
    """Shares sum to 1, no part is above a limit, one part fewer would be, every part stands somewhere."""
    rng = np.random.default_rng(seed)
    shapes = [shapely.box(x, y, x + w, y + w) for x, y, w in zip(*rng.uniform(20, 180, (3, 7)), strict=True)]
    households = rng.uniform(50, 4000, 7)
    limits = PartLimits(1000.0, 15_000.0)
    access = access_for(read_streets(grid(seed)), walking())
    parts = demand_parts(communities(shapes, households.tolist()), access, limits)
    for c in range(7):
        mine = parts.community == c
        number = int(mine.sum())
        assert parts.share[mine].sum() == pytest.approx(1.0)
        assert (households[c] * parts.share[mine] <= 1000.0 + 1e-6).all()
        assert (shapes[c].area * parts.share[mine] <= 15_000.0 + 1e-6).all()
        assert number == 1 or households[c] > 1000 * (number - 1) or shapes[c].area > 15_000 * (number - 1)
        assert [parts.ids[k] for k in np.flatnonzero(mine)] == [f"C{c}#{k + 1}" for k in range(number)]
    assert np.unique(parts.part_of).tolist() == list(range(len(parts.ids)))
    assert (np.diff(parts.part_of) >= 0).all()
    for number in range(len(parts.ids)):
        here = places(parts, access)[parts.part_of == number]
        assert parts.xy[number] == pytest.approx(here.mean(axis=0))


@pytest.mark.parametrize("seed", range(5))
def test_residents_stand_on_the_streets_of_their_community(seed: int) -> None:
    """Within reach of the outline where a street is near; else at the nearest street, with the way to it counted."""
    rng = np.random.default_rng(10 + seed)
    shapes = [shapely.box(x, y, x + 60, y + 60) for x, y in rng.uniform(0, 240, (6, 2))]
    shapes += [shapely.Point(150, 140), shapely.box(1000, 1000, 1050, 1050)]
    access = access_for(read_streets(grid(seed)), walking())
    parts = demand_parts(communities(shapes, [100.0] * 8), access, NO_LIMIT)
    streets = shapely.multilinestrings(list(access.streets.lines[access.edge]))
    for k, (x, y) in enumerate(places(parts, access)):
        shape = shapes[parts.community[parts.part_of[k]]]
        gap = parts.standing.distance_m[k]
        if gap > 0:
            assert gap == pytest.approx(shapely.distance(shape, streets))
        else:
            assert shapely.distance(shape, shapely.Point(x, y)) <= BOUNDING_REACH_M + 1e-6


def test_standing_points_are_spread_evenly() -> None:
    """A street of 900 m through a community of one part: six points, 150 m apart, the first at 75 m."""
    access = streets_of([(0, 0), (900, 0)])
    inside = shapely.box(-BOUNDING_REACH_M, -50, 900 + BOUNDING_REACH_M, 50)
    parts = demand_parts(communities([inside], [10.0]), access, NO_LIMIT)
    assert sorted(places(parts, access)[:, 0]) == pytest.approx([75, 225, 375, 525, 675, 825])
    assert STANDING_SPACING_M == 150.0
    assert parts.xy.tolist() == [pytest.approx([450, 0])]


def test_parts_are_compact() -> None:
    """Three parts along one street are its thirds, in order, not interleaved."""
    access = streets_of([(0, 0), (900, 0)])
    parts = demand_parts(communities([shapely.box(0, -50, 900, 50)], [3000.0]), access, PartLimits(1000.0, 1e12))
    assert parts.ids == ("C0#1", "C0#2", "C0#3")
    assert parts.share.tolist() == pytest.approx([1 / 3] * 3)
    x = places(parts, access)[:, 0]
    spans = sorted((x[parts.part_of == k].min(), x[parts.part_of == k].max()) for k in range(3))
    assert spans[0][1] < spans[1][0]
    assert spans[1][1] < spans[2][0]


def test_more_parts_than_spacing_would_give() -> None:
    """A short street still gets a standing point for every part."""
    access = streets_of([(0, 0), (100, 0)])
    parts = demand_parts(communities([shapely.box(0, -50, 100, 50)], [4200.0]), access, PartLimits(1000.0, 1e12))
    assert len(parts.ids) == 5
    assert np.bincount(parts.part_of).tolist() == [1] * 5


def test_a_limit_met_exactly_needs_no_further_part() -> None:
    access = streets_of([(0, 0), (100, 0)])
    shape = shapely.box(0, -50, 100, 50)
    assert len(demand_parts(communities([shape], [2000.0]), access, PartLimits(2000.0, 10_000.0)).ids) == 1
    assert len(demand_parts(communities([shape], [2001.0]), access, PartLimits(2000.0, 10_000.0)).ids) == 2
    assert len(demand_parts(communities([shape], [1.0]), access, PartLimits(2000.0, 9_999.0)).ids) == 2
    assert len(demand_parts(communities([shape], [0.0]), access, PartLimits(2000.0, 10_000.0)).ids) == 1


def test_nobody_stands_on_a_trunk_road_unless_there_is_nothing_else() -> None:
    lines = [(0.0, 0.0), (300.0, 0.0)], [(0.0, 0.0), (0.0, 100.0)], [(0.0, 100.0), (300.0, 100.0)]
    access = streets_of(*(list(p) for p in lines), highway=["trunk", "residential", "residential"])
    both, only_trunk = shapely.box(50, -5, 250, 105), shapely.box(50, -60, 250, -5)
    parts = demand_parts(communities([both, only_trunk], [10.0, 10.0]), access, NO_LIMIT)
    y = places(parts, access)[:, 1]
    owner = parts.community[parts.part_of]
    assert set(y[owner == 0]) == {100.0}
    assert set(y[owner == 1]) == {0.0}


def test_a_street_that_only_ends_at_a_community_is_not_its_own() -> None:
    """The side street reaches 10 m into the reach of the first community: nobody stands there, however dense.

    The second community has nothing but such a touch, and stands on it.
    """
    access = streets_of([(0, 0), (150, 0), (300, 0)], [(150, 0), (150, -95)])
    shapes = [shapely.box(50, 0, 250, 60), shapely.box(50, -200, 250, -100)]
    parts = demand_parts(communities(shapes, [100_000.0, 10.0]), access, PartLimits(1000.0, 1e12))
    owner = parts.community[parts.part_of]
    assert (owner == 0).sum() == 100
    assert set(places(parts, access)[owner == 0][:, 1]) == {0.0}
    assert places(parts, access)[owner == 1].tolist() == [pytest.approx([150.0, -92.5])]


def test_a_community_given_as_a_point() -> None:
    """It stands at the nearest street, once for every part, and walks there."""
    access = streets_of([(0, 0), (300, 0)])
    parts = demand_parts(communities([shapely.Point(120, 40)], [2500.0]), access, PartLimits(1000.0, 1e5))
    assert len(parts.ids) == 3
    assert parts.standing.distance_m.tolist() == [40.0] * 3
    assert places(parts, access).tolist() == [[120.0, 0.0]] * 3


def test_cutting_parts_in_two_keeps_everybody_where_they_stand() -> None:
    """The cut parts have half the share each, the others are untouched; nobody moves and ids stay in order."""
    access = access_for(read_streets(grid(3)), walking())
    table = communities([shapely.box(0, 0, 180, 180), shapely.box(180, 0, 360, 90)], [2600.0, 300.0])
    before = demand_parts(table, access, PartLimits(1000.0, 1e12))
    assert before.community.tolist() == [0, 0, 0, 1]
    after = halved(before, np.array([1]), table, access)
    assert after.ids == ("C0#1", "C0#2", "C0#3", "C0#4", "C1#1")
    assert after.share.tolist() == pytest.approx([1 / 3, 1 / 6, 1 / 6, 1 / 3, 1.0])
    stood, stands = places(before, access), places(after, access)
    assert sorted(map(tuple, stood.round(6))) == sorted(map(tuple, stands.round(6)))
    assert (stands[after.part_of == 0] == stood[before.part_of == 0]).all()
    spread = [np.ptp(stands[after.part_of == k], axis=0).sum() for k in (1, 2)]
    assert max(spread) < np.ptp(stood[before.part_of == 1], axis=0).sum()


def test_a_part_with_one_standing_point_cannot_be_cut() -> None:
    """A community given as a point stays one part."""
    access = access_for(read_streets(grid(0)), walking())
    table = communities([shapely.Point(50, 50)], [10.0])
    before = demand_parts(table, access, NO_LIMIT)
    assert halved(before, np.array([0]), table, access).ids == before.ids
