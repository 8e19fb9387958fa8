"""Turn restrictions of every kind on a crossing, over ways, and for some vehicles only."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from geodata.osm_conditions import week_of
from geodata.osm_network import StreetNetwork, read_network
from geodata.roads import NoStreetError
from geodata.turn_metric import Metric, Slot, TurnCosts
from geodata.turn_places import Places
from geodata.turn_times import routes, turn_times
from tests.geodata.osm_xml import TRUCK, Town, at, cross, metric_of, rules_in_xml, steps_of, violations, ways_driven

W, E, S, N = 1, 2, 3, 4
FREE = TurnCosts(u_turns="everywhere")


def crossing() -> Town:
    """Four two-way streets that meet at x, each drawn towards it."""
    return Town(cross()).way(W, "wx").way(E, "ex").way(S, "sx").way(N, "nx")


def turns(network: StreetNetwork, costs: TurnCosts = FREE, **options: object) -> set[tuple[int, int]]:
    """Pairs of streets of the crossing that one may drive in a row, over x at once."""
    chosen = metric_of(network, costs=costs, **options)  # type: ignore[arg-type]
    way = network.way_osm_id[network.way[chosen.graph.state_arc >> 1]]
    centre = np.bincount(np.concatenate([network.u, network.v])).argmax()
    rows = np.flatnonzero(chosen.open & (chosen.graph.node == centre))
    return {(int(way[chosen.graph.tail[r]]), int(way[chosen.graph.head[r]])) for r in rows}


EVERY = set(itertools.product((W, E, S, N), repeat=2))


@pytest.mark.parametrize(("kind", "from_", "to", "forbidden"), [
    ("no_left_turn", W, N, {(W, N)}),
    ("no_right_turn", W, S, {(W, S)}),
    ("no_straight_on", W, E, {(W, E)}),
    ("no_u_turn", W, W, {(W, W)}),
    ("no_entry", [W, E], N, {(W, N), (E, N)}),
    ("no_exit", W, [N, S], {(W, N), (W, S)}),
    ("only_left_turn", W, N, {(W, E), (W, S), (W, W)}),
    ("only_right_turn", W, S, {(W, E), (W, N), (W, W)}),
    ("only_straight_on", W, E, {(W, N), (W, S), (W, W)}),
    ("only_u_turn", W, W, {(W, N), (W, S), (W, E)}),
])
def test_each_kind_forbids_its_turns_and_no_other(
        tmp_path: Path, kind: str, from_: int | list[int], to: int | list[int],
        forbidden: set[tuple[int, int]]) -> None:
    network = read_network(crossing().restrict(kind, from_, "x", to).write(tmp_path / "t.osm"))
    assert turns(network) == EVERY - forbidden


def test_the_way_round_a_forbidden_turn_is_longer_and_taken(tmp_path: Path) -> None:
    town = Town({**cross(), "p": (100, 100)}).way(W, "wx").way(E, "xe").way(N, "xn").way(5, "ep").way(6, "pn")
    town.way(S, "sx", oneway="yes")
    free = metric_of(read_network(town.write(tmp_path / "a.osm")))
    bound = metric_of(read_network(town.restrict("no_left_turn", W, "x", N).write(tmp_path / "b.osm")))
    assert ways_driven(free, (W, 0.5), (N, 0.5)) == [W, N]
    assert ways_driven(bound, (W, 0.5), (N, 0.5)) == [W, E, 5, 6, N]
    assert ways_driven(bound, (S, 0.5), (N, 0.5)) == [S, N]
    assert ways_driven(bound, (N, 0.5), (W, 0.5)) == [N, W]


@pytest.mark.parametrize(("tags", "applies"), [
    ({"except": "hgv"}, False), ({"except": "bus;motor_vehicle"}, False), ({"except": "bus;bicycle"}, True),
    ({}, True)])
def test_except_frees_the_vehicles_it_names(tmp_path: Path, tags: dict[str, str], applies: bool) -> None:
    network = read_network(crossing().restrict("no_left_turn", W, "x", N, **tags).write(tmp_path / "t.osm"))
    assert ((W, N) not in turns(network)) == applies


@pytest.mark.parametrize(("key", "applies"), [("restriction:hgv", True), ("restriction:bus", False)])
def test_a_restriction_of_one_mode_is_about_it_only(tmp_path: Path, key: str, applies: bool) -> None:
    network = read_network(crossing().restrict("no_left_turn", W, "x", N, key=key).write(tmp_path / "t.osm"))
    assert ((W, N) not in turns(network)) == applies


@pytest.mark.parametrize(("text", "hours", "applies"), [
    ("no_left_turn @ (Mo-Fr 07:00-09:00)", "Mo 08:30-09:30", True),
    ("no_left_turn @ (Mo-Fr 07:00-09:00)", "Mo 09:00-10:00", False),
    ("no_left_turn @ (weight>7.5)", "Mo 09:00-10:00", True),
    ("no_left_turn @ (weight>12)", "Mo 09:00-10:00", False),
    ("no_left_turn @ (Mo-Fr 07:00-09:00 AND weight>12)", "Mo 07:00-08:00", False),
])
def test_conditional_restrictions_hold_in_their_hours(tmp_path: Path, text: str, hours: str, applies: bool) -> None:
    town = crossing().restrict(text, W, "x", N, key="restriction:conditional")
    week = week_of(hours)
    assert week is not None
    network = read_network(town.write(tmp_path / "t.osm"))
    assert ((W, N) not in turns(network, slot=Slot("asked", week))) == applies


@pytest.mark.parametrize(("from_", "via", "to", "reason"), [
    (W, "x", 99, "way_not_in_network"), (W, "e", N, "no_such_turn"), (W, "b", N, "via_is_no_junction")])
def test_restrictions_that_cannot_be_placed_are_counted(
        tmp_path: Path, from_: int, via: str, to: int, reason: str) -> None:
    town = Town({**cross(), "b": (50, 3)}).way(W, "wx").way(E, "ebx").way(S, "sx").way(N, "nx")
    network = read_network(town.restrict("no_left_turn", from_, via, to).write(tmp_path / "t.osm"))
    chosen = metric_of(network)
    assert [(t.detail, t.count) for t in chosen.graph.bans.unapplied] == [(reason, 1)]


def dual() -> Town:
    """Two one-way carriageways, a on y = 0 eastward and b on y = 20 westward, with two crossings between them.

    1: w-x, 2: x-y, 3: y-e (east); 11: E-Y, 12: Y-X, 13: X-W (west); 21: x-X, 22: y-Y (both ways); 31: e-E, 32: W-w.
    """
    xy = {"w": (0, 0), "x": (100, 0), "y": (200, 0), "e": (300, 0),
          "W": (0, 20), "X": (100, 20), "Y": (200, 20), "E": (300, 20)}
    town = Town(xy)
    for number, nodes in ((1, "wx"), (2, "xy"), (3, "ye"), (11, "EY"), (12, "YX"), (13, "XW")):
        town.way(number, nodes, oneway="yes")
    return town.way(21, "xX").way(22, "yY").way(31, "eE", oneway="yes").way(32, "Ww", oneway="yes")


def test_no_u_turn_over_a_way_leaves_its_other_uses_open(tmp_path: Path) -> None:
    town = dual().restrict("no_u_turn", 1, [21], 13)
    bound = metric_of(read_network(town.write(tmp_path / "t.osm")))
    assert ways_driven(metric_of(read_network(dual().write(tmp_path / "f.osm"))), (1, 0.5), (13, 0.5)) == [1, 21, 13]
    assert ways_driven(bound, (1, 0.5), (13, 0.5)) == [1, 2, 22, 12, 13]
    assert ways_driven(bound, (21, 0.1), (13, 0.5)) == [21, 13]  # who starts on the way did not come from 1
    assert ways_driven(bound, (1, 0.5), (21, 0.9)) == [1, 21]


def test_only_over_a_way_forbids_leaving_it_early(tmp_path: Path) -> None:
    town = dual().restrict("only_straight_on", 1, [2], 3)
    bound = metric_of(read_network(town.write(tmp_path / "t.osm")))
    assert ways_driven(bound, (1, 0.5), (13, 0.5)) == [1, 2, 3, 31, 11, 12, 13]
    assert ways_driven(bound, (2, 0.5), (13, 0.5)) == [2, 22, 12, 13]


def test_overlapping_restrictions_over_several_ways(tmp_path: Path) -> None:
    """Streets a-b-c-d-e, then up f and g or round back to c; both a forbidden end and a forbidden loop hold."""
    xy = {"a": (0, 0), "b": (100, 0), "c": (200, 0), "d": (300, 0), "f": (300, 100), "g": (300, 200), "h": (200, 100)}
    town = Town(xy)
    for number, nodes in ((1, "ab"), (2, "bc"), (3, "cd"), (4, "df"), (5, "fg"), (6, "fh"), (7, "hc")):
        town.way(number, nodes, oneway="yes")
    town.restrict("no_straight_on", 2, [3, 4], 5).restrict("no_left_turn", 3, [4], 6)
    chosen = metric_of(read_network(town.apart().write(tmp_path / "t.osm")))
    assert ways_driven(chosen, (1, 0.5), (5, 0.5)) is None
    assert ways_driven(chosen, (3, 0.5), (5, 0.5)) == [3, 4, 5]
    assert ways_driven(chosen, (3, 0.5), (7, 0.5)) is None
    assert ways_driven(chosen, (4, 0.5), (7, 0.5)) == [4, 6, 7]


def turned_round(network: StreetNetwork, town: Town, costs: TurnCosts) -> set[str]:
    """Names of the nodes where one may turn round."""
    chosen = metric_of(network, costs=costs)
    name = {town.id(n): n for n in town.xy}
    nodes = chosen.graph.node[chosen.open & chosen.graph.turns_round]
    return {name[int(i)] for i in network.node_osm_id[nodes]}


def test_turning_round_is_for_dead_ends_unless_allowed(tmp_path: Path) -> None:
    town = Town({**cross(), "d": (200, 0), "b": (0, 50)}).way(W, "wx").way(E, "xe").way(S, "sx", oneway="-1")
    town.way(N, "nbx").way(5, "ed").way(6, "eb", highway="footway")
    town.node_tags["b"] = {"barrier": "bollard"}
    network = read_network(town.write(tmp_path / "t.osm"))
    # s can only be driven to; the footway does not lead on; nobody passes the bollard
    assert turned_round(network, town, TurnCosts()) == {"w", "d", "b", "n"}
    assert turned_round(network, town, TurnCosts(u_turns="everywhere")) == {"w", "d", "b", "n", "x", "e"}
    with pytest.raises(NoStreetError):  # without turning round nothing here is reached both ways
        metric_of(network, costs=TurnCosts(u_turns="nowhere"))


def test_turning_round_costs_what_it_is_said_to(tmp_path: Path) -> None:
    """Right is forbidden, so one drives into the dead end, turns round, and goes straight on: 10 + 20 + 20 + 10 s."""
    town = Town(cross()).way(W, "wx", oneway="yes").way(N, "xn").way(S, "xs", oneway="yes").way(E, "ex", oneway="yes")
    town.restrict("no_right_turn", W, "x", S)
    network = read_network(town.apart().write(tmp_path / "t.osm"))
    ends = at(network, (W, 0.5)), at(network, (S, 0.5))
    free, dear = (turn_times(metric_of(network, costs=TurnCosts(u_turn_s=s)), *ends).duration_ms for s in (0.0, 30.0))
    assert free[0, 0] == pytest.approx(60_000, rel=0.01)
    assert dear[0, 0] == free[0, 0] + 30_000


def test_the_checker_finds_what_unrestricted_routes_break(tmp_path: Path) -> None:
    town = dual().restrict("no_u_turn", 1, [21], 13).restrict("no_straight_on", 2, "y", 3)
    path = town.write(tmp_path / "t.osm")
    rules = rules_in_xml(path, TRUCK.access_keys)
    network = read_network(path)
    free = metric_of(replace(network, restrictions=()))
    broken = {rule.kind for rule, _ in broken_by_all_routes(free, rules)}
    assert broken == {"no_u_turn", "no_straight_on"}
    assert broken_by_all_routes(metric_of(network), rules) == []


def broken_by_all_routes(chosen: Metric, rules: list) -> list:  # type: ignore[type-arg]
    network = chosen.graph.network
    everywhere = Places(np.arange(network.segment_count), np.full(network.segment_count, 0.5))
    found = []
    for start in range(network.segment_count):
        for route in routes(chosen, everywhere, start, everywhere, np.arange(network.segment_count)):
            found += [] if route is None else violations(steps_of(network, route), rules)
    return found
