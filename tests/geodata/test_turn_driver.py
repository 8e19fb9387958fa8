"""A vehicle class as a driver: cells of the oracle, ways that add up to them, lines on the streets, a cache."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

import geodata.turn_driver
from geodata.crs import metric_crs_of
from geodata.driver import Driver, StreetUse, drives
from geodata.engines import chosen_engine
from geodata.matrix_cache import MatrixCache
from geodata.osm_network import StreetNetwork
from geodata.osm_streets import Terms, osm_use
from geodata.roads import Snap
from geodata.turn_driver import TurnDriver, TurnTrips
from geodata.turn_metric import Slot, TurnCosts
from geodata.turn_places import Places
from geodata.turn_routes import DrivenWay
from geodata.turn_times import turn_times
from tests.geodata.osm_xml import LAT, LON, TRUCK, Town, cross
from tests.geodata.test_turns_matrices import busy_town
from tests.geodata.test_turns_properties import network_of

CRS = metric_crs_of(LON, LAT)
COSTS = TurnCosts(u_turn_s=15.0)


def use_of(network: StreetNetwork, cache: MatrixCache | None = None, slot: Slot | None = None) -> StreetUse:
    van = replace(TRUCK, id="van", gvw_t=2.0)
    hours = slot or Slot("always")
    return osm_use(network, CRS, [(van, hours), (TRUCK, hours), (TRUCK, hours)], Terms((), COSTS), "t.osm", cache)


def turning(driver: Driver) -> TurnDriver:
    assert isinstance(driver, TurnDriver)
    return driver


def scattered(driver: Driver, streets: StreetUse, seed: int, count: int = 8) -> Snap:
    """Places up to 30 m beside the driver's streets."""
    rng = np.random.default_rng(seed)
    lines = streets.streets.lines[rng.choice(driver.edge, count)]
    xy = shapely.get_coordinates(shapely.line_interpolate_point(lines, rng.random(count), normalized=True))
    return driver.snap(shapely.points(xy + rng.uniform(-30, 30, xy.shape)))


def summed_ms(driver: TurnDriver, way: DrivenWay, start: float, stop: float) -> int:
    """What the arcs of a way take, added up from the rules alone."""
    rules, graph = driver.metric.rules, driver.streets.graph
    arcs = graph.state_arc[way.states]
    ends = np.column_stack([graph.network.v, graph.network.u]).ravel()
    shares = [1.0 - share if arc & 1 else share for arc, share in ((arcs[0], start), (arcs[-1], stop))]
    into = [int(np.rint(share * rules.duration_ms[arc])) for share, arc in zip(shares, arcs[[0, -1]], strict=True)]
    total = into[1] - into[0]
    for arc, after in itertools.pairwise(arcs):
        assert ends[arc] == ends[after ^ 1], "the next arc starts where this one ends"
        total += int(rules.duration_ms[arc])
        total += round(COSTS.u_turn_s * 1000) if after == arc ^ 1 else int(rules.delay_ms[ends[arc]])
    return total


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 10_000))
def test_cells_are_those_of_the_oracle_and_ways_add_up_to_them(seed: int) -> None:
    use = use_of(network_of(busy_town(seed)))
    driver = turning(use.by_vehicle[1])
    at = scattered(driver, use, seed)
    trips = driver.trips(at)
    every = np.arange(len(at.edge))
    found = trips.times(every, every)
    places: Places = trips.places
    oracle = turn_times(driver.metric, places, places)
    assert oracle.reached.tolist() == np.isfinite(found.duration_s).tolist()
    assert np.rint(found.duration_s * 1000)[oracle.reached].tolist() == oracle.duration_ms[oracle.reached].tolist()
    back = trips.times(every, every, backward=True)
    assert back.duration_s.tolist() == found.duration_s.T.tolist()
    for source in range(3):
        ways = trips.ways(source, every)
        assert [way is not None for way in ways] == oracle.reached[source].tolist()
        for target, way in enumerate(ways):
            if way is not None:
                assert way.duration_ms == round(found.duration_s[source, target] * 1000)
                assert way.distance_mm / 1000 == pytest.approx(found.distance_m[source, target], abs=1e-9)
                assert summed_ms(driver, way, places.share[source], places.share[target]) == way.duration_ms


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 10_000))
def test_lines_run_along_the_streets_from_place_to_place_and_are_as_long_as_the_cell(seed: int) -> None:
    use = use_of(network_of(busy_town(seed)))
    driver = turning(use.by_vehicle[1])
    at = scattered(driver, use, seed, 6)
    trips = driver.trips(at)
    every = np.arange(6)
    cells = trips.times(every, every)
    spots = shapely.line_interpolate_point(use.streets.lines[at.edge], trips.places.share, normalized=True)
    reached = np.flatnonzero(np.isfinite(cells.distance_m[0]))
    on_streets = shapely.buffer(shapely.union_all(use.streets.lines), 0.01)
    for target, line in zip(reached, trips.lines(0, reached), strict=True):
        ends = shapely.points(line[[0, -1]])
        assert shapely.distance(ends, spots[[0, target]]).max() < 1e-6
        length = float(np.hypot(*np.diff(line, axis=0).T).sum())
        assert length == pytest.approx(cells.distance_m[0, target], rel=2e-3, abs=0.05)
        if len(line) > 1 and length > 0:
            assert on_streets.covers(shapely.LineString(line))


def test_no_way_is_said_and_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    use = use_of(network_of(busy_town(3)))
    driver = use.by_vehicle[1]
    at = scattered(driver, use, 1, 9)
    every = np.arange(9)
    whole = driver.trips(at).times(every[:7], every[2:])
    monkeypatch.setattr(geodata.turn_driver, "BLOCK_CELLS", 14)
    parts = driver.trips(at).times(every[:7], every[2:])
    assert parts.duration_s.tolist() == whole.duration_s.tolist()
    assert parts.distance_m.tolist() == whole.distance_m.tolist()
    stuck = network_of(Town({**cross(), "z": (300, 0)}).way(1, "wx").way(2, "xe").way(3, "sx").way(4, "xn").way(
        5, "ez", oneway="yes"))
    lonely = use_of(stuck).by_vehicle[0]
    assert 4 not in lonely.edge.tolist()
    assert lonely.component_share == pytest.approx(4 / 6, abs=0.01)
    from_z = Snap(np.array([4, 0]), np.array([100.0, 50.0]), np.zeros(2))
    with pytest.raises(ValueError, match="no way"):
        lonely.trips(from_z).lines(0, np.array([1]))


def test_the_cache_holds_the_cells_and_a_further_place_costs_a_row_and_a_column(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(geodata.turn_driver, "WORTH_KEEPING", 0)
    network = network_of(busy_town(5))
    plain, kept = use_of(network), use_of(network, MatrixCache(tmp_path))
    computed: list[tuple[int, int]] = []

    class Counting(MatrixCache):
        def matrix(self, *args, **more):  # type: ignore[no-untyped-def]
            found = super().matrix(*args, **more)
            computed.extend(found.computed)
            return found

    again = use_of(network, Counting(tmp_path))
    edge = np.random.default_rng(2).permutation(plain.by_vehicle[0].edge)
    low, more, high = (Snap(edge[r], np.full(len(edge[r]), 20.0), np.zeros(len(edge[r])))
                       for r in (slice(0, 6), slice(0, 7), slice(7, 10)))
    expected = drives(plain.by_vehicle[0], low, high)
    for use in (kept, again):
        found = drives(use.by_vehicle[0], low, high)
        for name in ("loaded_m", "loaded_s", "empty_m", "empty_s"):
            assert getattr(found, name).tolist() == getattr(expected, name).tolist()
    assert computed == []
    assert drives(again.by_vehicle[0], more, high).loaded_s.tolist() == drives(
        plain.by_vehicle[0], more, high).loaded_s.tolist()
    assert computed
    assert all(min(shape) <= 4 for shape in computed), "the states of one place, not all again"


def test_vehicles_of_one_class_are_one_driver_and_walkers_share_its_segments() -> None:
    town = Town(cross()).way(1, "wx").way(2, "xe", maxweight="5").way(3, "sx", foot="no")
    town.way(4, "xn", highway="footway")
    use = use_of(network_of(town))
    van, truck, same = use.by_vehicle
    assert truck is same
    assert sorted(van.edge.tolist()) == [0, 1, 2]
    assert sorted(truck.edge.tolist()) == [0, 2]
    assert sorted(use.on_foot.edge.tolist()) == [0, 1, 3]
    assert use.streets.highway.tolist() == ["residential"] * 3 + ["footway"]
    closed = [fault for fault in use.faults if fault.code == "osm_closed_on_foot"]
    assert "0.1 km" in closed[0].line("en")
    assert "0.1 km" in closed[0].line("zh")


def test_what_is_left_out_or_not_understood_is_told_with_its_count() -> None:
    town = (Town(cross()).way(1, "wx", hgv__conditional="no @ (school holidays)").way(2, "xe", highway="construction")
            .way(3, "sx").way(4, "xn").restrict("no_left_turn", 1, "x", 4).restrict("no_left_turn", 1, "x", 2)
            .restrict("no_nonsense", 1, "x", 3))
    slot = Slot("d", (1 << 60) - 1, {"pimary": 2.0})
    use = osm_use(network_of(town), CRS, [(TRUCK, slot)], Terms(), "t.osm")
    said = {fault.code: fault for fault in use.faults}
    assert "construction (1)" in said["osm_way_left_out"].line()
    assert "1 of 2 rules" in said["osm_restrictions"].line()
    assert "way_not_in_network (1)" in said["osm_restriction_unapplied"].line()
    assert "no_nonsense (1)" in said["osm_restriction_kind"].line()
    assert "hgv:conditional=no @ (school holidays) (1)" in said["osm_tags_unread"].line()
    assert "'pimary'" in said["congestion_unused"].line()
    assert "1 ways have" in said["osm_conditions"].line()
    assert "100.0%" in said["streets_component"].line()


def test_two_nodes_at_one_place_and_a_street_that_ends_where_it_starts_do_no_harm() -> None:
    town = Town({**cross(), "y": (0, 0), "p": (250, 60), "q": (250, -60)})
    town.way(1, "wxye").way(2, "sx").way(3, "yn").way(4, "epqe")
    use = use_of(network_of(town))
    driver = use.by_vehicle[0]
    corner = use.streets.node_xy[use.streets.u[0]] + np.array([[100.0, 0.0], [100.0, 3.0], [350.0, 0.0], [352.0, 30.0]])
    trips = driver.trips(driver.snap(shapely.points(corner)))
    every = np.arange(4)
    assert np.isfinite(trips.times(every, every).duration_s).all()
    for source in every:
        for line in trips.lines(int(source), every):
            assert np.isfinite(line).all()


def test_trips_is_of_the_turning_kind() -> None:
    use = use_of(network_of(busy_town(1)))
    assert isinstance(use.by_vehicle[0].trips(scattered(use.by_vehicle[0], use, 0, 2)), TurnTrips)


def test_lines_do_not_depend_on_what_was_asked_before() -> None:
    """A grid has many ways alike in time and length: the same one is taken whichever engine found the times."""
    names = {(i, j): f"n{i}{j}" for i in range(6) for j in range(6)}
    town = Town({name: (100.0 * i, 100.0 * j) for (i, j), name in names.items()})
    for i, j in names:
        for a, b in ((1, 0), (0, 1)):
            if (i + a, j + b) in names:
                town.way(100 + 20 * i + 200 * a + j, [names[i, j], names[i + a, j + b]])
    network = network_of(town)
    edge = np.arange(network.segment_count)
    places = Snap(edge, np.full(len(edge), 50.0), np.zeros(len(edge)))
    lines = []
    for searched_first in (False, True):
        driver = turning(use_of(network).by_vehicle[0])
        trips = driver.trips(places)
        if searched_first and chosen_engine("auto", 10_000) != "shortest":
            assert driver.router(10_000) is not driver.plain
            trips.times(edge, edge)
        lines.append(trips.lines(0, edge[1:]))
    for one, other in zip(*lines, strict=True):
        assert one.tolist() == other.tolist()
