"""Least lawful times by brute force: a search over the last three streets driven, asking the file's own relations."""

from __future__ import annotations

import heapq
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from geodata.osm_network import StreetNetwork, read_network
from geodata.turn_metric import AreaBan, Metric, Slot, TurnCosts, arc_rules, metric, topology
from geodata.turn_places import Places
from geodata.turn_times import turn_times
from tests.geodata.osm_xml import TRUCK, Rule, Town, cross, metric_of, rules_in_xml, violations, ways_driven
from tests.geodata.test_turns_properties import possible, random_town, some_places

EVERYWHERE = TurnCosts(u_turns="everywhere")


def least_lawful_ms(chosen: Metric, rules: list[Rule], start: tuple[int, float], stop: tuple[int, float]) -> int:
    """Dijkstra whose states are the last three arcs; -1 where no lawful way exists."""
    network, open_, time = chosen.graph.network, chosen.rules.through, chosen.rules.duration_ms
    tail = np.column_stack([network.u, network.v]).ravel().tolist()
    step = [(int(network.way_osm_id[network.way[a >> 1]]), int(network.node_osm_id[tail[a]]),
             int(network.node_osm_id[tail[a ^ 1]])) for a in range(len(tail))]

    def into(place: tuple[int, float], arc: int) -> int:
        return int(np.rint((1 - place[1] if arc & 1 else place[1]) * time[arc]))

    heap = [(-into(start, arc), (arc,)) for arc in (2 * start[0], 2 * start[0] + 1) if open_[arc]]
    heapq.heapify(heap)
    done: set[tuple[int, ...]] = set()
    best = -1
    while heap:
        ms, history = heapq.heappop(heap)
        if best >= 0 and ms > best:
            return best
        if history in done:
            continue
        done.add(history)
        arc = history[-1]
        if arc >> 1 == stop[0] and ms + into(stop, arc) >= 0:
            best = min(best, ms + into(stop, arc)) if best >= 0 else ms + into(stop, arc)
        for onto in range(len(tail)):
            window = (*history, onto)[-3:]
            if tail[onto] == tail[arc ^ 1] and open_[onto] and not violations([step[a] for a in window], rules):
                heapq.heappush(heap, (ms + int(time[arc]), window))
    return best


def town_in_file(town: Town) -> tuple[StreetNetwork, list[Rule]]:
    with tempfile.TemporaryDirectory() as folder:
        path = town.write(Path(folder) / "t.osm")
        return read_network(path), rules_in_xml(path, TRUCK.access_keys)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 10))
def test_times_are_the_least_lawful_ones(seed: int, restrictions: int) -> None:
    network, rules = town_in_file(random_town(seed, 3, restrictions))
    chosen = metric_of(network, costs=EVERYWHERE)
    rng = np.random.default_rng(seed)
    places = Places(rng.integers(0, network.segment_count, 4), rng.uniform(0.01, 0.99, 4))
    found = turn_times(chosen, places, places).duration_ms
    lawful = possible(rules, network, chosen)
    at = list(zip(places.segment.tolist(), places.share.tolist(), strict=True))
    assert found.tolist() == [[least_lawful_ms(chosen, lawful, a, b) for b in at] for a in at]


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000))
def test_a_class_is_not_changed_by_the_others_on_its_topology(seed: int) -> None:
    """Random access, weights and restrictions: metrics on the common graph equal those on a graph of their own."""
    town = random_town(seed, 4, 6)
    rng = np.random.default_rng(seed)
    for number in rng.choice(list(town.ways), 8, replace=False):
        key, value = (("access", "destination"), ("hgv", "no"), ("maxweight", "3.5"), ("goods", "destination"))[
            int(rng.integers(4))]
        town.ways[int(number)][1][key] = value
    network, _ = town_in_file(town.apart())
    van = replace(TRUCK, id="van", gvw_t=1.8, axle_t=1.0, access_keys=("goods", "motor_vehicle", "vehicle", "access"))
    rules = [arc_rules(network, vehicle, Slot("always")) for vehicle in (TRUCK, van)]
    common = topology(network, rules)
    places = some_places(network, seed)
    for own in rules:
        shared, alone = (turn_times(metric(graph, own), places, places) for graph in (common, topology(network, [own])))
        assert shared.duration_ms.tolist() == alone.duration_ms.tolist()


def ordered(**tags: str) -> Town:
    """From w one must go straight on to e; e is tagged."""
    town = Town(cross()).way(1, "wx", oneway="yes").way(2, "xe", **tags).way(3, "xn")
    return town.restrict("only_straight_on", 1, "x", 2).apart()


def test_an_order_to_go_where_a_class_may_never_go_is_not_for_it() -> None:
    network, _ = town_in_file(ordered())
    assert ways_driven(metric_of(network), (1, 0.5), (3, 0.5)) == [1, 2, 2, 3]  # straight on, round, and back
    buses, _ = town_in_file(ordered(motor_vehicle="no", bus="yes"))
    assert ways_driven(metric_of(buses), (1, 0.5), (3, 0.5)) == [1, 3]
    assert metric_of(buses).graph.bans.unapplied[0].detail == "no_such_turn"


def test_an_order_is_not_lifted_by_a_banned_area() -> None:
    network, _ = town_in_file(ordered())
    e = network.lonlat[network.first[np.flatnonzero(network.way_osm_id[network.way] == 2)[0] + 1] - 1]
    ban = AreaBan(shapely.Point(e).buffer(1e-5), frozenset({"truck"}))
    assert ways_driven(metric_of(network, bans=[ban]), (1, 0.5), (3, 0.5)) is None
