"""Every engine of geodata.matrices finds the times of the oracle on the turn-expanded graph."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geodata.engines import ENGINES
from geodata.matrices import router_for
from geodata.matrix_docks import docked_matrix
from geodata.osm_conditions import span
from geodata.turn_matrices import state_docks, state_network, state_topology
from geodata.turn_metric import Slot, TurnCosts, arc_rules, metric, topology
from geodata.turn_places import Places
from geodata.turn_times import turn_times
from tests.geodata.osm_xml import TRUCK, Town, at
from tests.geodata.test_turns_properties import network_of, random_town

SLOTS = (Slot("night", span(0, 300)), Slot("peak", span(420, 540), {"residential": 2.5}))


def busy_town(seed: int) -> Town:
    """A random town with restrictions, streets for destination traffic and streets closed in the peak."""
    town = random_town(seed, 4, 8)
    rng = np.random.default_rng(seed)
    for number in rng.choice(list(town.ways), 6, replace=False):
        tags = town.ways[int(number)][1]
        if rng.random() < 0.5:
            tags["access"] = "destination"
        else:
            tags["hgv:conditional"] = "no @ (07:00-09:00)"
    return town.apart()


@pytest.mark.parametrize("engine", sorted(ENGINES))
def test_engines_agree_with_the_oracle_on_all_metrics_of_one_topology(engine: str) -> None:
    if engine != "shortest":
        pytest.importorskip("pyroutingkit", reason="this engine needs the extra `fast`")

    @settings(max_examples=8, deadline=None)
    @given(st.integers(0, 10_000))
    def check(seed: int) -> None:
        network = network_of(busy_town(seed))
        van = replace(TRUCK, id="van", access_keys=("goods", "motor_vehicle", "vehicle", "access"))
        rules = [arc_rules(network, vehicle, slot) for vehicle in (TRUCK, van) for slot in SLOTS]
        graph = topology(network, rules)
        states = state_topology(graph)
        metrics = [metric(graph, own, TurnCosts(u_turn_s=15.0)) for own in rules]
        router = router_for(state_network(states, metrics[0]), engine)
        rng = np.random.default_rng(seed)
        places = Places(rng.integers(0, network.segment_count, 7), rng.choice([0.0, 0.3, 0.7, 1.0], 7))
        for own in metrics:
            oracle = turn_times(own, places, places)
            docks = state_docks(own, places, places)
            found = docked_matrix(router.on(state_network(states, own)), *docks, with_distance=True)
            assert (~found.unreachable).tolist() == oracle.reached.tolist()
            assert found.duration_ms[oracle.reached].tolist() == oracle.duration_ms[oracle.reached].tolist()
            assert found.distance_m is not None
            # of equally fast ways the engines take the shortest, the oracle any
            assert (found.distance_m <= oracle.distance_m + 0.1)[oracle.reached].all()

    check()


def test_distances_agree_where_one_way_is_fastest() -> None:
    town = Town({"a": (0, 0), "b": (300, 0), "c": (300, 300)}).way(1, "ab", oneway="yes").way(2, "bc", oneway="yes")
    network = network_of(town.way(3, "ca", oneway="yes"))
    rules = arc_rules(network, TRUCK, Slot("always"))
    own = metric(topology(network, [rules]), rules)
    places = at(network, (1, 0.75), (1, 0.25), (2, 0.5))
    oracle = turn_times(own, places, places)
    router = router_for(state_network(state_topology(own.graph), own), "shortest")
    found = docked_matrix(router, *state_docks(own, places, places), with_distance=True)
    assert found.distance_m is not None
    assert found.distance_m == pytest.approx(oracle.distance_m, abs=0.01)
    assert found.duration_ms.tolist() == oracle.duration_ms.tolist()
