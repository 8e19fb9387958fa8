"""Matrices and paths against networkx on small street grids with one-way streets, parallel streets and places."""

from __future__ import annotations

import itertools

import geopandas as gpd
import numpy as np
import pytest
import shapely

from geodata import travel
from geodata.roads import Profile, Snap, Streets, access_for, read_streets, walking
from geodata.travel import SHORTEST_EDGE_M, Graph, Paths, graph_with, times, within
from tests.geodata.small_streets import CRS, DRIVE, grid, reference, shortest

PROFILES = (DRIVE, walking())
SLACK_M = 30 * SHORTEST_EDGE_M
"""Pieces shorter than SHORTEST_EDGE_M are counted as that."""


def world(seed: int, profile: Profile, places: int = 9) -> tuple[Streets, Snap, Graph]:
    """A grid with places snapped at random, two of them at one spot and one at the end of an edge."""
    rng = np.random.default_rng(seed)
    streets = read_streets(grid(seed))
    access = access_for(streets, profile)
    snap = access.snap(shapely.points(rng.uniform(-30, 330, (places, 2))))
    edge, along = snap.edge.copy(), snap.along_m.copy()
    edge[1], along[1] = edge[0], along[0]
    edge[2], along[2] = access.edge[0], 0.0
    snap = Snap(edge, along, snap.distance_m)
    return streets, snap, graph_with(access, snap)


@pytest.mark.parametrize("profile", PROFILES, ids=lambda p: p.name)
@pytest.mark.parametrize("seed", range(5))
def test_times_and_distances_against_networkx(seed: int, profile: Profile, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every cell: the least time, and the metres of that very path (not the shortest ones)."""
    monkeypatch.setattr(travel, "CHUNK", 4)
    streets, snap, graph = world(seed, profile)
    by_hand = reference(streets, profile, snap)
    found = times(graph, graph.place_node, graph.place_node)
    for a in range(len(snap.edge)):
        for b in range(len(snap.edge)):
            seconds, metres = shortest(by_hand, ("place", a), ("place", b))
            assert found.duration_s[a, b] == pytest.approx(seconds, abs=SLACK_M)
            assert found.distance_m[a, b] == pytest.approx(metres, abs=SLACK_M)


@pytest.mark.parametrize("backward", [False, True])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_few_targets_get_the_distances_that_many_get(seed: int, monkeypatch: pytest.MonkeyPatch, *,
                                                     backward: bool) -> None:
    """Ways added up target by target are as long as those added up for every node."""
    _, _, graph = world(seed, DRIVE)
    every = np.arange(graph.node_count)
    monkeypatch.setattr(travel, "FEW_TARGETS", 0)
    one_by_one = times(graph, every[:9], every, backward=backward)
    monkeypatch.setattr(travel, "FEW_TARGETS", 10**9)
    together = times(graph, every[:9], every, backward=backward)
    assert np.array_equal(one_by_one.duration_s, together.duration_s)
    assert np.array_equal(np.isinf(one_by_one.distance_m), np.isinf(together.distance_m))
    assert one_by_one.distance_m == pytest.approx(together.distance_m, rel=1e-12)


def test_one_way_streets_make_the_matrix_unsymmetric() -> None:
    _, _, graph = world(0, DRIVE)
    found = times(graph, graph.place_node, graph.place_node).duration_s
    assert np.abs(found - found.T).max() > 1.0


def test_the_fastest_path_is_not_always_the_shortest() -> None:
    """In these grids some fast detour exists, so that the test above tells the two apart."""
    streets, snap, graph = world(2, DRIVE)
    by_hand = reference(streets, DRIVE, snap)
    for _, _, data in by_hand.edges(data=True):
        data["s"] = data["m"]
    shortest_m = [[shortest(by_hand, ("place", a), ("place", b))[1] for b in range(9)] for a in range(9)]
    assert (times(graph, graph.place_node, graph.place_node).distance_m - shortest_m).max() > 1.0


@pytest.mark.parametrize("seed", range(4))
def test_backward_is_forward_on_the_reversed_graph(seed: int) -> None:
    """From every target to every source, cell by cell the transposed forward matrix."""
    _, _, graph = world(seed, DRIVE)
    sources, targets = graph.place_node[:4], graph.place_node[3:]
    back = times(graph, sources, targets, backward=True)
    ahead = times(graph, targets, sources)
    assert back.duration_s == pytest.approx(ahead.duration_s.T)
    assert back.distance_m == pytest.approx(ahead.distance_m.T)


@pytest.mark.parametrize("profile", PROFILES, ids=lambda p: p.name)
@pytest.mark.parametrize("seed", range(4))
def test_paths_run_along_streets_and_are_as_long_as_the_matrix_says(seed: int, profile: Profile) -> None:
    streets, _, graph = world(seed, profile)
    metres = times(graph, graph.place_node, graph.place_node).distance_m
    vertices = {tuple(np.round(xy, 6)) for xy in streets.coords}
    paths = Paths.of(graph)
    for a in range(len(metres)):
        for b, line in enumerate(paths.lines(int(graph.place_node[a]), graph.place_node)):
            steps = np.hypot(*np.diff(line, axis=0).T)
            assert steps.sum() == pytest.approx(metres[a, b], abs=SLACK_M)
            assert line[0] == pytest.approx(spot(graph, a), abs=1e-6)
            assert line[-1] == pytest.approx(spot(graph, b), abs=1e-6)
            for x, y in line[1:-1]:
                on_place = any(np.hypot(*(spot(graph, k) - (x, y))) < 1e-6 for k in range(len(metres)))
                assert (round(x, 6), round(y, 6)) in vertices or on_place
            middles = shapely.points((line[1:] + line[:-1]) / 2)
            street_lines = shapely.multilinestrings(list(streets.lines))
            assert (shapely.distance(middles, street_lines) < 1e-6).all()


def spot(graph: Graph, place: int) -> np.ndarray:
    """Coordinates of a place, from any arc that leaves it."""
    arc = int(np.flatnonzero(graph.tail == graph.place_node[place])[0])
    line = graph.access.streets.lines[graph.edge[arc]]
    return shapely.get_coordinates(shapely.line_interpolate_point(line, graph.from_m[arc]))[0]


@pytest.mark.parametrize("seed", range(3))
def test_paths_obey_one_way_streets(seed: int) -> None:
    """No piece of a driven path runs against a one-way street."""
    streets, _, graph = world(seed, DRIVE)
    forbidden = []
    for e in range(len(streets.u)):
        xy = streets.coords[streets.first[e]:streets.first[e + 1]]
        if not streets.backward[e]:
            forbidden.append(shapely.linestrings(xy[::-1]))
        if not streets.forward[e]:
            forbidden.append(shapely.linestrings(xy))
    assert forbidden
    for a in graph.place_node:
        for line in Paths.of(graph).lines(int(a), graph.place_node):
            for p, q in itertools.pairwise(line):
                if np.hypot(*(q - p)) > 0.01:
                    assert not any(_runs_along(p, q, street) for street in forbidden)


def _runs_along(p: np.ndarray, q: np.ndarray, street: shapely.LineString) -> bool:
    ends = shapely.points([p, (p + q) / 2, q])
    if (shapely.distance(ends, street) > 1e-6).any():
        return False
    at = shapely.line_locate_point(street, ends)
    return bool(at[0] < at[1] < at[2])


def test_within_a_limit() -> None:
    _, _, graph = world(1, walking())
    everything = times(graph, graph.place_node, graph.place_node).duration_s
    limit = float(np.median(everything))
    found = np.vstack([block for _, block in within(graph, graph.place_node, graph.place_node, limit)])
    inside = everything <= limit
    assert found[inside] == pytest.approx(everything[inside])
    assert np.isinf(found[~inside]).all()
    assert 0 < inside.sum() < inside.size


def test_unreachable_cells_are_infinite() -> None:
    """A place forced onto a one-way cul-de-sac can be reached, and not left."""
    roads = gpd.GeoDataFrame({"highway": ["residential"] * 2, "oneway": ["no", "yes"]}, crs=CRS, geometry=[
        shapely.LineString([(0, 0), (100, 0)]), shapely.LineString([(100, 0), (100, 40)])])
    streets = read_streets(roads)
    access = access_for(streets, walking())
    one_way = Profile("car", {"default": 5.0}, ())
    graph = graph_with(type(access)(streets, one_way, access.edge, access.tree, 1.0),
                       Snap(np.array([0, 1]), np.array([20.0, 10.0]), np.zeros(2)))
    found = times(graph, graph.place_node, graph.place_node)
    assert found.duration_s.tolist() == [[0, pytest.approx(90 / 5)], [np.inf, 0]]
    assert found.distance_m.tolist() == [[0, pytest.approx(90)], [np.inf, 0]]
    with pytest.raises(ValueError, match="no way"):
        Paths.of(graph).lines(int(graph.place_node[1]), graph.place_node[:1])


def test_the_faster_of_two_parallel_streets_counts() -> None:
    """60 m at 5 m/s or 100 m at 12 m/s between the same two nodes: 8.3 s and 100 m, never the sum of both."""
    roads = gpd.GeoDataFrame({"highway": ["residential", "primary", "residential", "residential"]}, crs=CRS, geometry=[
        shapely.LineString([(0, 0), (60, 0)]), shapely.LineString([(0, 0), (0, 20), (60, 20), (60, 0)]),
        shapely.LineString([(-10, 0), (0, 0)]), shapely.LineString([(60, 0), (70, 0)])])
    streets = read_streets(roads)
    access = access_for(streets, DRIVE)
    graph = graph_with(access, access.snap(shapely.points([(-10, 0), (70, 0)])))
    found = times(graph, graph.place_node, graph.place_node)
    assert found.duration_s[0, 1] == pytest.approx(10 / 5 + 100 / 12 + 10 / 5, abs=0.01)
    assert found.distance_m[0, 1] == pytest.approx(120, abs=0.01)


def test_places_on_a_ring_street() -> None:
    """A street that ends where it starts: the nearer way round, and both places are reached from outside."""
    roads = gpd.GeoDataFrame({"highway": ["residential"] * 2}, crs=CRS, geometry=[
        shapely.LineString([(0, 0), (100, 0), (100, 100), (0, 100), (0, 0)]), shapely.LineString([(-50, 0), (0, 0)])])
    streets = read_streets(roads)
    access = access_for(streets, walking(1.0))
    graph = graph_with(access, access.snap(shapely.points([(0, 30), (30, 0), (-50, 0)])))
    metres = times(graph, graph.place_node, graph.place_node).distance_m
    assert metres == pytest.approx(np.array([[0, 60, 80], [60, 0, 80], [80, 80, 0]]), abs=0.01)
