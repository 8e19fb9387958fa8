"""What must hold on any town: agreement with plain graphs, asymmetry, triangles, parallel streets, lawful routes."""

from __future__ import annotations

import itertools
import tempfile
from dataclasses import replace
from pathlib import Path

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geodata.osm_network import StreetNetwork, read_network
from geodata.turn_metric import Metric, TurnCosts
from geodata.turn_places import Places
from geodata.turn_times import part_of, routes, turn_times
from tests.geodata.osm_xml import TRUCK, Town, at, cross, metric_of, rules_in_xml, steps_of, violations

EVERYWHERE = TurnCosts(u_turns="everywhere")
SEEDS = st.integers(0, 10_000)
KINDS = ("no_left_turn", "no_u_turn", "only_straight_on", "only_right_turn", "no_straight_on")


def random_town(seed: int, size: int = 4, restrictions: int = 0) -> Town:
    """A jittered grid with one-way streets, doubled streets and random restrictions over nodes and ways."""
    rng = np.random.default_rng(seed)
    names = {(i, j): f"n{i}{j}" for i in range(size) for j in range(size)}
    town = Town({name: (100.0 * i + rng.uniform(-20, 20), 100.0 * j + rng.uniform(-20, 20))
                 for (i, j), name in names.items()})
    ends: dict[int, tuple[str, str]] = {}
    for (i, j), (a, b) in itertools.product(names, ((1, 0), (0, 1))):
        if (i + a, j + b) not in names:
            continue
        border = {i, i + a} <= {0, size - 1} or {j, j + b} <= {0, size - 1} or i == i + a == 0 or j == j + b == 0
        for _ in range(1 + int(rng.random() < 0.2)):
            number = 100 + len(ends)
            ends[number] = (names[i, j], names[i + a, j + b])
            tag = "no" if border else str(rng.choice(["yes", "-1", "no", "no"]))
            speed = str(rng.choice(["20", "30", "50"]))
            town.way(number, ends[number], oneway=tag, maxspeed=speed)
    for _ in range(restrictions):
        _restrict_at_random(town, ends, rng)
    return town


def _restrict_at_random(town: Town, ends: dict[int, tuple[str, str]], rng: np.random.Generator) -> None:
    first = int(rng.choice(list(ends)))
    via = str(rng.choice(ends[first]))
    onward = [w for w in ends if via in ends[w]]
    second = int(rng.choice(onward))
    if rng.random() < 0.6 or second == first:
        town.restrict("no_u_turn" if second == first else str(rng.choice(KINDS)), first, via, second)
        return
    (end,) = set(ends[second]) - {via} or {via}
    third = int(rng.choice([w for w in ends if end in ends[w]]))
    if third not in (first, second):
        town.restrict("no_left_turn", first, [second], third)


def network_of(town: Town) -> StreetNetwork:
    with tempfile.TemporaryDirectory() as folder:
        return read_network(town.write(Path(folder) / "t.osm"))


def some_places(network: StreetNetwork, seed: int, count: int = 8) -> Places:
    rng = np.random.default_rng(seed)
    share = rng.choice([0.0, 0.25, 0.5, 1.0, rng.random()], count)
    return Places(rng.integers(0, network.segment_count, count), share)


def plain_graph(chosen: Metric, places: Places) -> nx.DiGraph:
    """Nodes and places as vertices; each piece of street with its milliseconds, of parallel ones the faster."""
    network, graph = chosen.graph.network, nx.DiGraph()
    for arc in range(2 * network.segment_count):
        e, back = divmod(arc, 2)
        if not chosen.rules.through[arc]:
            continue
        time = int(chosen.rules.duration_ms[arc])
        ends = (("n", int(network.u[e])), ("n", int(network.v[e])))
        on = [(int(np.rint((1 - places.share[k] if back else places.share[k]) * time)), ("p", int(k)))
              for k in np.flatnonzero(places.segment == e)]
        stations = [(0, ends[back]), *sorted(on), (time, ends[1 - back])]
        for (ms, a), (to_ms, b) in itertools.pairwise(stations):
            if not graph.has_edge(a, b) or graph[a][b]["ms"] > to_ms - ms:
                graph.add_edge(a, b, ms=to_ms - ms)
    return graph


@settings(max_examples=25, deadline=None)
@given(SEEDS)
def test_without_restrictions_times_are_those_of_the_plain_graph(seed: int) -> None:
    network = network_of(random_town(seed))
    rng = np.random.default_rng(seed)
    places = Places(rng.integers(0, network.segment_count, 8), rng.uniform(0.01, 0.99, 8))
    chosen = metric_of(network, costs=EVERYWHERE)
    found = turn_times(chosen, places, places)
    graph = plain_graph(chosen, places)
    for i, j in itertools.product(range(8), repeat=2):
        try:
            expected = nx.dijkstra_path_length(graph, ("p", i), ("p", j), weight="ms")
        except (nx.NetworkXNoPath, nx.NodeNotFound):
            expected = -1
        # turning round in the middle of a street is something only the plain graph can do, at no gain
        assert found.duration_ms[i, j] == expected


@settings(max_examples=25, deadline=None)
@given(SEEDS, st.integers(1, 12))
def test_no_route_makes_a_forbidden_turn_and_its_legs_add_up(seed: int, restrictions: int) -> None:
    town = random_town(seed, 4, restrictions)
    with tempfile.TemporaryDirectory() as folder:
        path = town.write(Path(folder) / "t.osm")
        network, rules = read_network(path), rules_in_xml(path, TRUCK.access_keys)
    chosen = metric_of(network)
    places = some_places(network, seed)
    found = turn_times(chosen, places, places)
    for i in range(len(places.segment)):
        for j, route in enumerate(routes(chosen, places, i, places, np.arange(len(places.segment)))):
            assert (route is not None) == found.reached[i, j]
            if route is not None:
                assert route.duration_ms == found.duration_ms[i, j] == replay_ms(chosen, places, i, j, route.arcs)
                assert route.distance_m == pytest.approx(found.distance_m[i, j], abs=1e-6)
                assert violations(steps_of(network, route), possible(rules, network, chosen)) == []


def possible(rules: list, network: StreetNetwork, chosen: Metric) -> list:  # type: ignore[type-arg]
    """Rules without mandatory ones whose way on is closed anyhow: they name no turn that could be made."""
    def leads_on(way: int, node: int) -> bool:
        rows = np.flatnonzero(network.way_osm_id[network.way] == way)
        ends = [(network.node_osm_id[network.u[e]], 2 * e) for e in rows]
        ends += [(network.node_osm_id[network.v[e]], 2 * e + 1) for e in rows]
        return any(osm == node and chosen.rules.through[arc] for osm, arc in ends)
    return [r for r in rules if r.via_node is None or not r.kind.startswith("only_")
            or any(leads_on(way, r.via_node) for way in r.to_ways)]


def replay_ms(chosen: Metric, places: Places, i: int, j: int, arcs: tuple[int, ...]) -> int:
    """Time of a route, arc by arc; each arc starts where the last one ended and is open."""
    network, time = chosen.graph.network, chosen.rules.duration_ms
    tail, head = (np.column_stack(pair).ravel() for pair in ((network.u, network.v), (network.v, network.u)))
    assert all(head[a] == tail[b] for a, b in itertools.pairwise(arcs))
    assert chosen.rules.destination[list(arcs)].all()
    into = [int(np.rint((1 - p if a & 1 else p) * time[a]))
            for a, p in ((arcs[0], places.share[i]), (arcs[-1], places.share[j]))]
    return int(time[list(arcs[:-1])].sum()) - into[0] + into[1]


@settings(max_examples=15, deadline=None)
@given(SEEDS, st.integers(0, 8))
def test_more_restrictions_never_make_a_trip_shorter(seed: int, restrictions: int) -> None:
    network = network_of(random_town(seed, 4, restrictions))
    places = some_places(network, seed)
    bound, free = (turn_times(metric_of(n), places, places)
                   for n in (network, replace(network, restrictions=network.restrictions[::2])))
    assert (free.reached | ~bound.reached).all()
    both = bound.reached
    assert (bound.duration_ms[both] >= free.duration_ms[both]).all()


@settings(max_examples=15, deadline=None)
@given(SEEDS)
def test_triangles_hold_where_the_middle_is_passed_in_one_direction(seed: int) -> None:
    network = network_of(random_town(seed, 4, 0))
    chosen = metric_of(network)
    places = some_places(network, seed, 12)
    through = chosen.rules.through.reshape(-1, 2)[places.segment]
    found = turn_times(chosen, places, places)
    time = np.where(found.reached, found.duration_ms, np.inf)
    for middle in np.flatnonzero(through.sum(axis=1) == 1):
        assert (time <= time[:, [middle]] + time[[middle], :]).all()


def test_asymmetry_is_kept() -> None:
    town = Town({"a": (0, 0), "b": (300, 0), "c": (300, 300)}).way(1, "ab", oneway="yes").way(2, "bc", oneway="yes")
    network = network_of(town.way(3, "ca", oneway="yes"))
    places = at(network, (1, 0.5), (2, 0.5))
    found = turn_times(metric_of(network), places, places).duration_ms
    assert found[0, 1] == pytest.approx(60_000, rel=0.01)
    assert found[1, 0] == pytest.approx((150 + 424.3 + 150) * 200, rel=0.01)
    assert found.diagonal().tolist() == [0, 0]


def test_what_lies_behind_on_a_one_way_street_is_reached_by_going_round() -> None:
    town = Town({"a": (0, 0), "b": (300, 0), "c": (300, 300)}).way(1, "ab", oneway="yes").way(2, "bc", oneway="yes")
    network = network_of(town.way(3, "ca", oneway="yes"))
    chosen = metric_of(network)
    places = at(network, (1, 0.75), (1, 0.25))
    found = turn_times(chosen, places, places).duration_ms
    lap = int(chosen.rules.duration_ms[::2].sum())
    assert found[0, 1] + found[1, 0] == pytest.approx(lap, abs=2)
    (route,) = routes(chosen, places, 0, places, np.array([1]))
    assert route is not None
    assert route.duration_ms == found[0, 1]
    assert len(route.arcs) == 4
    assert route.distance_m == pytest.approx(network.length_m.sum() - 0.5 * network.length_m[0])


def test_of_parallel_streets_the_faster_is_taken() -> None:
    town = Town({**cross(), "m": (50, 60)}).way(1, "wx").way(2, "xe", maxspeed="20").way(3, "xme", maxspeed="80")
    network = network_of(town.way(4, "en"))
    chosen = metric_of(network)
    found = turn_times(chosen, at(network, (1, 0.0)), at(network, (4, 0.0)))
    time = dict(zip(network.way_osm_id[network.way].tolist(), chosen.rules.duration_ms[::2].tolist(), strict=True))
    assert time[3] < time[2]
    assert found.duration_ms.tolist() == [[time[1] + time[3]]]


def test_routes_draw_the_street_from_place_to_place() -> None:
    town = Town({**cross(), "m": (50, 60)}).way(1, "wx").way(3, "xme")
    network = network_of(town)
    places = at(network, (1, 0.5), (3, 0.75))
    (route,) = routes(metric_of(network), places, 0, places, np.array([1]))
    assert route is not None
    assert len(route.lonlat) == 4  # start, x, m, stop
    assert route.lonlat[1] == pytest.approx(network.lonlat[network.first[1]])
    assert route.distance_m == pytest.approx(0.5 * network.length_m[0] + 0.75 * network.length_m[1])
    (back,) = routes(metric_of(network), places, 1, places, np.array([0]))
    assert back is not None
    assert back.lonlat == pytest.approx(route.lonlat[::-1])


@given(st.floats(0, 1), st.floats(0, 1))
def test_a_part_of_a_line_has_its_ends_on_it(one: float, other: float) -> None:
    start, stop = sorted((one, other))
    line = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0]]) * 1e-3
    part = part_of(line, start, stop)
    length = np.hypot(*np.diff(part, axis=0).T).sum()
    assert length == pytest.approx((stop - start) * 2e-3, abs=1e-9)


def test_places_off_their_segment_are_refused() -> None:
    with pytest.raises(ValueError, match="share"):
        Places(np.array([0]), np.array([1.5]))
