"""Lines become a street graph: nodes where lines share a vertex, directions, the usable part, places on edges."""

from __future__ import annotations

import geopandas as gpd
import networkx as nx
import numpy as np
import pytest
import shapely

from geodata.roads import Snap, Streets, access_for, driving, read_streets, walking
from tests.geodata.small_streets import CRS, DRIVE, grid, reference


def table(*lines: list[tuple[float, float]], **columns: list[object]) -> gpd.GeoDataFrame:
    defaults: dict[str, list[object]] = {"highway": ["residential"] * len(lines)}
    return gpd.GeoDataFrame({**defaults, **columns}, geometry=[shapely.LineString(p) for p in lines], crs=CRS)


def ends(streets: Streets) -> list[tuple[tuple[float, ...], tuple[float, ...]]]:
    return [(tuple(streets.node_xy[a]), tuple(streets.node_xy[b])) for a, b in zip(streets.u, streets.v, strict=True)]


def test_lines_are_cut_at_shared_vertices_only() -> None:
    """The cross street shares the vertex (50, 0); the bridge crosses at (80, 0) without one."""
    streets = read_streets(table([(0, 0), (50, 0), (100, 0)], [(50, 0), (50, 30)], [(80, -10), (80, 10)]))
    assert sorted(streets.length_m) == [20, 30, 50, 50]
    assert ((0, 0), (50, 0)) in ends(streets)
    assert ((50, 0), (100, 0)) in ends(streets)
    assert len(streets.node_xy) == 6


def test_a_street_crossing_itself_and_a_ring() -> None:
    """A loop through one vertex is cut there; a closed ring is one edge from its start to its start."""
    eight = read_streets(table([(0, 0), (10, 0), (10, 10), (5, 0.0), (0, -5)], [(0, 0), (0, 1)]))
    assert eight.length_m.sum() == pytest.approx(10 + 10 + np.hypot(5, 10) + np.hypot(5, 5) + 1)
    ring = read_streets(table([(0, 0), (10, 0), (10, 10), (0, 0)]))
    assert ring.u.tolist() == ring.v.tolist()
    assert len(ring.u) == 1
    assert ring.length_m.tolist() == pytest.approx([20 + np.sqrt(200)])


def test_geometry_and_length_of_edges_agree() -> None:
    roads = grid(1)
    streets = read_streets(roads)
    assert streets.length_m.sum() == pytest.approx(roads.length.sum())
    for e in range(len(streets.u)):
        xy = streets.coords[streets.first[e]:streets.first[e + 1]]
        assert np.array_equal(xy, shapely.get_coordinates(streets.lines[e]))
        assert np.hypot(*np.diff(xy, axis=0).T).sum() == pytest.approx(streets.length_m[e])
        assert xy[0] == pytest.approx(streets.node_xy[streets.u[e]], abs=0.01)
        assert xy[-1] == pytest.approx(streets.node_xy[streets.v[e]], abs=0.01)


def test_multilines_and_points_of_no_length() -> None:
    roads = gpd.GeoDataFrame({"highway": ["primary", "footway"]}, crs=CRS, geometry=[
        shapely.MultiLineString([[(0, 0), (10, 0)], [(20, 0), (25, 0)]]), shapely.LineString([(3, 3), (3, 3)])])
    streets = read_streets(roads)
    assert sorted(streets.length_m) == [5, 10]
    assert set(streets.highway) == {"primary"}


@pytest.mark.parametrize(("tag", "forward", "backward"), [
    ("yes", True, False), ("True", True, False), ("1", True, False), ("-1", False, True), ("reverse", False, True),
    ("no", True, True), (None, True, True), ("False", True, True)])
def test_directions(tag: str | None, forward: bool, backward: bool) -> None:
    streets = read_streets(table([(0, 0), (10, 0)], oneway=[tag]))
    assert streets.forward.tolist() == [forward]
    assert streets.backward.tolist() == [backward]


def test_without_tags_streets_are_two_way_and_unclassified() -> None:
    bare = gpd.GeoDataFrame(geometry=[shapely.LineString([(0, 0), (10, 0)])], crs=CRS)
    streets = read_streets(bare)
    assert streets.highway.tolist() == ["unclassified"]
    assert streets.forward.all()
    assert streets.backward.all()


def test_profiles() -> None:
    kinds = np.array(["motorway", "residential", "footway", "construction", "primary"], dtype=object)
    truck = driving("truck", {"default": 18.0, "motorway": 72.0}, barred=("primary",))
    assert truck.may_use(kinds).tolist() == [True, True, False, False, False]
    assert truck.speeds(kinds).tolist() == pytest.approx([20, 5, 5, 5, 5])  # km/h over 3.6
    assert walking().may_use(kinds).tolist() == [False, True, True, False, True]
    assert walking(1.25).speeds(kinds).tolist() == [1.25] * 5


@pytest.mark.parametrize("seed", range(6))
def test_the_usable_part_is_strongly_connected(seed: int) -> None:
    """Of the edges open to the profile, those inside the longest strongly connected part; nothing else."""
    streets = read_streets(grid(seed, oneway_share=0.9))
    access = access_for(streets, DRIVE)
    graph = reference(streets, DRIVE)
    graph.add_nodes_from(("node", k) for k in range(len(streets.node_xy)))
    candidates = []
    for part in nx.strongly_connected_components(graph):
        inside = [e for e in range(len(streets.u)) if {("node", streets.u[e]), ("node", streets.v[e])} <= part]
        candidates.append((streets.length_m[inside].sum(), inside))
    length, inside = max(candidates)
    assert access.edge.tolist() == inside
    assert access.component_share == pytest.approx(length / streets.length_m.sum())


def test_a_one_way_cul_de_sac_and_an_island_are_left_out() -> None:
    roads = table([(0, 0), (100, 0)], [(100, 0), (100, 30)], [(500, 0), (520, 0)], oneway=["no", "yes", "no"])
    streets = read_streets(roads)
    assert streets.length_m[access_for(streets, DRIVE).edge].tolist() == [100]
    assert access_for(streets, DRIVE).component_share == pytest.approx(100 / 150)
    on_foot = access_for(streets, walking())
    assert sorted(streets.length_m[on_foot.edge]) == [30, 100]


def test_no_street_is_open() -> None:
    with pytest.raises(ValueError, match="truck"):
        access_for(read_streets(table([(0, 0), (10, 0)], highway=["footway"])), driving("truck", {"default": 20.0}))


@pytest.mark.parametrize("seed", range(3))
def test_places_snap_to_the_nearest_usable_edge(seed: int) -> None:
    """Points and polygons, against the least distance to every usable street."""
    rng = np.random.default_rng(seed)
    streets = read_streets(grid(seed, oneway_share=0.9))
    access = access_for(streets, DRIVE)
    points = shapely.points(rng.uniform(-100, 400, (25, 2)))
    places = np.concatenate([points, shapely.buffer(points[:8], 12.0)])
    snap = access.snap(places)
    for k, place in enumerate(places):
        away = [shapely.distance(streets.lines[e], place) for e in access.edge]
        assert snap.distance_m[k] == pytest.approx(min(away), abs=1e-9)
        assert snap.edge[k] in access.edge
        on_street = shapely.line_interpolate_point(streets.lines[snap.edge[k]], snap.along_m[k])
        assert shapely.distance(on_street, place) == pytest.approx(snap.distance_m[k], abs=1e-6)
        assert 0 <= snap.along_m[k] <= streets.length_m[snap.edge[k]]


def test_snap_by_hand() -> None:
    streets = read_streets(table([(0, 0), (100, 0)], [(100, 0), (100, 50)]))
    snap = access_for(streets, walking()).snap(shapely.points([(30, 7), (104, 50), (-3, 4)]))
    found = Snap(np.array([streets.length_m[e] for e in snap.edge]), snap.along_m, snap.distance_m)
    assert found.edge.tolist() == [100, 50, 100]
    assert found.along_m.tolist() == pytest.approx([30, 50, 0])
    assert found.distance_m.tolist() == pytest.approx([7, 4, 5])


def test_places_located_on_given_edges() -> None:
    streets = read_streets(table([(0, 0), (100, 0)], [(100, 0), (100, 50)]))
    access = access_for(streets, walking())
    edge = np.array([int(np.flatnonzero(streets.length_m == length)[0]) for length in (50, 100)])
    snap = access.locate(edge, shapely.points([(100, 20), (60, 0)]))
    assert snap.along_m.tolist() == [20, 60]
    assert snap.distance_m.tolist() == [0, 0]
