"""Metrics: hours, congestion, banned areas, barriers, and streets for destination traffic only."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import shapely

from geodata.osm_conditions import span, week_of
from geodata.osm_network import read_network
from geodata.turn_metric import AreaBan, Slot, TurnCosts, all_arc_rules, arc_rules, metric, topology
from geodata.turn_places import Places
from geodata.turn_times import turn_times
from tests.geodata.osm_xml import LAT, LON, M_PER_DEGREE_LAT, M_PER_DEGREE_LON, TRUCK, Town, at, metric_of, ways_driven

MORNING, NIGHT = span(7 * 60, 9 * 60), span(2 * 60, 3 * 60)


def square() -> Town:
    """A square a-b-c-d of 100 m with a tail at a (p) and at c (q): two ways from p to q, along b (1, 2) or d (3, 4)."""
    xy = {"p": (-100, 0), "a": (0, 0), "b": (100, 0), "c": (100, 100), "d": (0, 110), "q": (200, 100)}
    return Town(xy).way(8, "pa").way(9, "cq").way(1, "ab").way(2, "bc").way(3, "ad").way(4, "dc")


def area(x: tuple[float, float], y: tuple[float, float]) -> shapely.Polygon:
    return shapely.box(LON + x[0] / M_PER_DEGREE_LON, LAT + y[0] / M_PER_DEGREE_LAT,
                       LON + x[1] / M_PER_DEGREE_LON, LAT + y[1] / M_PER_DEGREE_LAT)


def test_one_topology_carries_the_metrics_of_all_classes_and_slots(tmp_path: Path) -> None:
    network = read_network(square().way(1, "ab", hgv__conditional="no @ (07:00-09:00)").way(
        3, "ad", maxweight="3.5").write(tmp_path / "t.osm"))
    van = replace(TRUCK, id="van", gvw_t=1.8, axle_t=1.0, access_keys=("goods", "motor_vehicle", "vehicle", "access"))
    rules = {(v.id, s.id): arc_rules(network, v, s) for v in (TRUCK, van)
             for s in (Slot("morning", MORNING), Slot("night", NIGHT))}
    graph = topology(network, list(rules.values()))
    found = {key: ways_driven(metric(graph, r), (8, 0.5), (9, 0.5)) for key, r in rules.items()}
    assert found["van", "morning"] == found["van", "night"] == found["truck", "night"] == [8, 1, 2, 9]
    assert found["truck", "morning"] is None  # b by the hour, d by its weight
    alone = {key: metric(topology(network, [r]), r) for key, r in rules.items()}
    places = Places(np.arange(network.segment_count), np.full(network.segment_count, 0.3))
    for key, r in rules.items():
        shared, own = turn_times(metric(graph, r), places, places), turn_times(alone[key], places, places)
        assert shared.duration_ms.tolist() == own.duration_ms.tolist()


def test_rules_found_together_are_those_found_one_by_one(tmp_path: Path) -> None:
    town = square().way(1, "ab", hgv__conditional="no @ (07:00-09:00); yes @ (SH)").way(2, "bc", maxheight="2")
    network = read_network(town.way(3, "ad", maxspeed__conditional="5 @ (02:00-03:00)").write(tmp_path / "t.osm"))
    low = replace(TRUCK, id="low", height_m=1.9)
    slots = Slot("night", NIGHT), Slot("morning", MORNING, {"default": 1.5}), Slot("always")
    bans = [AreaBan(area((50, 60), (-20, 20)), frozenset({"low"}), NIGHT)]
    together = all_arc_rules(network, (TRUCK, low), slots, bans)
    assert [(r.vehicle.id, r.slot.id) for r in together] == [(v, s.id) for v in ("truck", "low") for s in slots]
    for found in together:
        alone = arc_rules(network, found.vehicle, found.slot, bans)
        for name in ("through", "destination", "by_tags", "duration_ms", "blocked", "delay_ms"):
            assert getattr(found, name).tolist() == getattr(alone, name).tolist()
        assert found.unread == alone.unread
        assert len(found.unread) == 1
    assert len({tuple(r.destination.tolist()) for r in together}) == 3
    assert len({tuple(r.duration_ms.tolist()) for r in together}) == 2  # always holds the night's limit too


def test_congestion_makes_streets_of_a_class_slower(tmp_path: Path) -> None:
    network = read_network(square().way(1, "ab", highway="primary").write(tmp_path / "t.osm"))
    free = metric_of(network)
    jammed = metric_of(network, slot=Slot("peak", duration_factor={"primary": 3.0}))
    ratio = jammed.rules.duration_ms / free.rules.duration_ms
    primary = np.repeat(network.way_osm_id[network.way] == 1, 2)
    assert ratio[primary] == pytest.approx(3.0, rel=1e-3)
    assert (ratio[~primary] == 1.0).all()
    assert ways_driven(free, (8, 0.5), (9, 0.5)) == [8, 1, 2, 9]
    assert ways_driven(jammed, (8, 0.5), (9, 0.5)) == [8, 3, 4, 9]


def test_free_flow_time_is_length_over_speed_in_whole_milliseconds(tmp_path: Path) -> None:
    network = read_network(square().write(tmp_path / "t.osm"))
    chosen = metric_of(network)
    expected = np.rint(np.repeat(network.length_m, 2) / 5.0 * 1000).astype(int)
    assert chosen.rules.duration_ms.tolist() == expected.tolist()
    found = turn_times(chosen, at(network, (8, 0.0)), at(network, (9, 1.0)))
    ways = [int(np.flatnonzero(network.way_osm_id[network.way] == w)[0]) for w in (8, 1, 2, 9)]
    assert found.duration_ms.tolist() == [[int(chosen.rules.duration_ms[2 * np.array(ways)].sum())]]


@pytest.mark.parametrize(("ban", "expected"), [
    (AreaBan(area((50, 60), (-20, 20)), frozenset({"truck"})), [8, 3, 4, 9]),
    (AreaBan(area((50, 60), (-20, 20)), frozenset({"van"})), [8, 1, 2, 9]),
    (AreaBan(area((50, 60), (-20, 20)), frozenset({"truck"}), MORNING), [8, 1, 2, 9]),
    (AreaBan(area((50, 60), (-20, 20)), frozenset({"truck"}), span(150, 200)), [8, 3, 4, 9]),
    (AreaBan(area((50, 60), (20, 60)), frozenset({"truck"})), [8, 1, 2, 9]),
    (AreaBan(area((-10, 60), (-20, 200)), frozenset({"truck"})), None),
])
def test_a_banned_area_closes_its_streets_to_its_classes_in_its_hours(
        tmp_path: Path, ban: AreaBan, expected: list[int] | None) -> None:
    network = read_network(square().apart().write(tmp_path / "t.osm"))
    assert ways_driven(metric_of(network, slot=Slot("night", NIGHT), bans=[ban]), (8, 0.2), (9, 0.5)) == expected


def test_a_street_that_only_touches_a_banned_area_stays_open(tmp_path: Path) -> None:
    network = read_network(square().write(tmp_path / "t.osm"))
    b = network.lonlat[network.first[np.flatnonzero(network.way_osm_id[network.way] == 2)[0]]]
    ban = AreaBan(shapely.box(b[0], b[1] - 0.001, b[0] + 0.001, b[1]), frozenset({"truck"}))
    rules = arc_rules(network, TRUCK, Slot("all"), [ban])
    assert rules.through.all()


def test_nobody_drives_through_streets_for_destination_traffic(tmp_path: Path) -> None:
    town = square().way(1, "ab", access="destination").way(2, "bc", access="destination")
    chosen = metric_of(read_network(town.write(tmp_path / "t.osm")))
    assert ways_driven(chosen, (8, 0.5), (9, 0.5)) == [8, 3, 4, 9]  # through: round the other way
    assert ways_driven(chosen, (8, 0.5), (2, 0.5)) == [8, 1, 2]  # into it
    assert ways_driven(chosen, (1, 0.9), (9, 0.5)) == [1, 2, 9]  # out of it
    assert ways_driven(chosen, (1, 0.1), (2, 0.1)) == [1, 2]  # inside


def test_destination_streets_are_not_even_crossed_where_nothing_else_leads_on(tmp_path: Path) -> None:
    town = square().way(1, "ab", access="private").way(3, "ad", access="private")
    chosen = metric_of(read_network(town.write(tmp_path / "t.osm")))
    network = chosen.graph.network
    assert ways_driven(chosen, (8, 0.5), (9, 0.5)) is None
    found = turn_times(chosen, at(network, (8, 0.5), (1, 0.5)), at(network, (9, 0.5), (1, 0.5)))
    assert found.reached.tolist() == [[False, True], [True, True]]
    assert found.duration_ms[0, 0] == -1


def test_leaving_and_entering_again_is_allowed_between_two_destination_areas(tmp_path: Path) -> None:
    town = square().way(1, "ab", access="private").way(4, "dc", access="private").way(2, "bc", oneway="-1")
    chosen = metric_of(read_network(town.write(tmp_path / "t.osm")))
    assert ways_driven(chosen, (1, 0.5), (4, 0.5)) == [1, 3, 4]


@pytest.mark.parametrize(("tags", "expected"), [
    ({"barrier": "bollard"}, [8, 3, 4, 9]), ({"barrier": "gate"}, [8, 1, 1, 2, 9]),
    ({"barrier": "gate", "access": "private"}, [8, 3, 4, 9]), ({"barrier": "gate", "hgv": "no"}, [8, 3, 4, 9])])
def test_barriers_close_or_delay(tmp_path: Path, tags: dict[str, str], expected: list[int]) -> None:
    town = square()
    town.xy = {**town.xy, "g": (50, 0)}
    town.way(1, "agb").node_tags["g"] = tags
    assert ways_driven(metric_of(read_network(town.write(tmp_path / "t.osm"))), (8, 0.5), (9, 0.5)) == expected


def test_signals_and_gates_cost_their_seconds(tmp_path: Path) -> None:
    town = square()
    town.node_tags = {"a": {"highway": "traffic_signals"}, "c": {"barrier": "gate"}}
    network = read_network(town.write(tmp_path / "t.osm"))
    ends = at(network, (8, 0.5)), at(network, (9, 0.5))
    free = turn_times(metric_of(network), *ends).duration_ms[0, 0]
    slow = turn_times(metric_of(network, costs=TurnCosts(signal_s=20.0, gate_s=7.0)), *ends).duration_ms[0, 0]
    assert slow - free == 27_000


def test_the_core_holds_what_can_be_left_and_reached(tmp_path: Path) -> None:
    town = square().way(2, "bc", access="destination")
    town.xy = {**town.xy, "r": (300, 100), "s": (-200, 0)}
    town.way(5, "qr", oneway="yes").way(6, "sp", oneway="yes").apart()
    chosen = metric_of(read_network(town.write(tmp_path / "t.osm")))
    network = chosen.graph.network
    ways = network.way_osm_id[network.way[np.flatnonzero(chosen.in_core) >> 1]]
    assert set(ways.tolist()) == {8, 9, 1, 2, 3, 4}  # neither the one-way ends nor the street far off


def test_hours_that_differ_by_weekday(tmp_path: Path) -> None:
    town = square().way(1, "ab", hgv__conditional="no @ (Sa,Su 00:00-24:00)")
    network = read_network(town.write(tmp_path / "t.osm"))
    weekend, monday = week_of("Sa-Su"), week_of("Mo")
    assert weekend is not None
    assert monday is not None
    assert ways_driven(metric_of(network, slot=Slot("we", weekend)), (8, 0.5), (9, 0.5)) == [8, 3, 4, 9]
    assert ways_driven(metric_of(network, slot=Slot("mo", monday)), (8, 0.5), (9, 0.5)) == [8, 1, 2, 9]
