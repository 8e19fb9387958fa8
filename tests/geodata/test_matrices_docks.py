"""Matrices between places on arcs: against networkx with the places put in as nodes, going round, and the cache."""

from __future__ import annotations

from pathlib import Path

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geodata.engines.hierarchy import is_installed
from geodata.matrices import ArcNetwork, Matrix, NetworkError, PathTooLongError, arc_network, router_for
from geodata.matrix_cache import MatrixCache
from geodata.matrix_docks import Docks, OnArcs, direct_on_arcs, docked_matrix, docks_on_arcs

PRESENT = ["shortest", "hierarchy", "labels"] if is_installed() else ["shortest"]


@st.composite
def towns(draw: st.DrawFn) -> tuple[ArcNetwork, OnArcs, OnArcs]:
    """Streets of one or two ways between up to 7 nodes, and two sets of places, each on all arcs of a street."""
    count = draw(st.integers(2, 7))
    streets = draw(st.lists(st.tuples(st.integers(0, count - 1), st.integers(0, count - 1), st.integers(1, 9),
                                      st.booleans()), min_size=1, max_size=12))
    tail, head, duration, arcs_of = [], [], [], []
    for u, v, ms, both in streets:
        arcs_of.append([len(tail)] + [len(tail) + 1] * both)
        tail, head, duration = tail + [u, v][:1 + both], head + [v, u][:1 + both], duration + [ms] * (1 + both)
    closed = [draw(st.integers(0, 9)) == 0 for _ in tail]
    network = arc_network(tail, head, duration, [d * 7.0 for d in duration], count, closed=closed)
    places = []
    for _ in range(2):
        chosen = draw(st.lists(st.tuples(st.integers(0, len(streets) - 1), st.integers(0, 4)), min_size=1, max_size=4))
        rows = [(place, arc, share / 4 if arc == arcs_of[street][0] else 1 - share / 4)
                for place, (street, share) in enumerate(chosen) for arc in arcs_of[street]]
        place, arc, share = zip(*rows, strict=True)
        places.append(OnArcs(len(chosen), np.array(place), np.array(arc), np.array(share)))
    return network, places[0], places[1]


def put_in(network: ArcNetwork, sources: OnArcs, targets: OnArcs) -> nx.MultiDiGraph:
    """Every open arc cut at the places on it; sources are only left and targets only reached, so nobody turns there."""
    graph = nx.MultiDiGraph()
    graph.add_nodes_from(range(network.node_count))
    for arc in np.flatnonzero(~network.closed):
        t, h, ms = int(network.tail[arc]), int(network.head[arc]), int(network.duration_ms[arc])
        graph.add_edge(t, h, ms=ms)
        on_s, on_t = np.flatnonzero(sources.arc == arc), np.flatnonzero(targets.arc == arc)
        for s in on_s:
            graph.add_edge(f"s{sources.place[s]}", h, ms=ms - round(sources.share[s] * ms))
            for e in on_t:
                if targets.share[e] >= sources.share[s]:
                    graph.add_edge(f"s{sources.place[s]}", f"t{targets.place[e]}",
                                   ms=round(targets.share[e] * ms) - round(sources.share[s] * ms))
        for e in on_t:
            graph.add_edge(t, f"t{targets.place[e]}", ms=round(targets.share[e] * ms))
    return graph


@pytest.mark.parametrize("engine", PRESENT)
@settings(max_examples=80, deadline=None)
@given(town=towns())
def test_every_cell_is_that_of_networkx_with_the_places_put_in(
        engine: str, town: tuple[ArcNetwork, OnArcs, OnArcs]) -> None:
    network, sources, targets = town
    router = router_for(network, engine)
    starts, _ = docks_on_arcs(network, sources)
    _, ends = docks_on_arcs(network, targets)
    found = docked_matrix(router, starts, ends, direct_on_arcs(network, sources, targets), with_distance=True)
    plain = docked_matrix(router, starts, ends, direct_on_arcs(network, sources, targets))
    assert np.array_equal(found.duration_ms, plain.duration_ms)
    assert np.array_equal(found.unreachable, plain.unreachable)
    graph = put_in(network, sources, targets)
    assert found.distance_m is not None
    for s in range(sources.place_count):
        expected = nx.single_source_dijkstra_path_length(graph, f"s{s}", weight="ms") if f"s{s}" in graph else {}
        for t in range(targets.place_count):
            assert found.unreachable[s, t] == (f"t{t}" not in expected)
            assert found.duration_ms[s, t] == expected.get(f"t{t}", 0)
            # 7 m per ms on every arc; each end of a way is rounded to a millisecond
            assert abs(found.distance_m[s, t] - 7.0 * found.duration_ms[s, t]) <= 7.0


def test_half_ways_by_hand() -> None:
    """A two-way street of 10 s and 100 m: from 20 % to 70 % and back, 5 s and 50 m each."""
    network = arc_network([0, 1], [1, 0], [10_000, 10_000], [100, 100], 2)
    router = router_for(network, "shortest")
    near = OnArcs(1, np.array([0, 0]), np.array([0, 1]), np.array([0.2, 0.8]))
    far = OnArcs(1, np.array([0, 0]), np.array([0, 1]), np.array([0.7, 0.3]))
    for one, other in ((near, far), (far, near)):
        found = docked_matrix(router, docks_on_arcs(network, one)[0], docks_on_arcs(network, other)[1],
                              direct_on_arcs(network, one, other), with_distance=True)
        assert found.duration_ms.tolist() == [[5000]]
        assert found.distance_m == np.array([[50.0]])


def test_a_place_behind_on_a_one_way_street_is_reached_by_going_round() -> None:
    """A ring 0 -> 1 -> 2 -> 0 of 10, 20 and 30 ms: from 70 % of the first arc to its 30 % takes 60 - 4 ms."""
    network = arc_network([0, 1, 2], [1, 2, 0], [10, 20, 30], [100, 200, 300], 3)
    router = router_for(network, "shortest")
    front, back = (OnArcs(1, np.array([0]), np.array([0]), np.array([share])) for share in (0.7, 0.3))
    found = docked_matrix(router, docks_on_arcs(network, front)[0], docks_on_arcs(network, back)[1],
                          direct_on_arcs(network, front, back), with_distance=True)
    assert found.duration_ms.tolist() == [[56]]
    assert found.distance_m == np.array([[560.0]])


@pytest.mark.parametrize("engine", PRESENT)
def test_where_nodes_are_arcs_the_time_already_driven_is_taken_off(engine: str) -> None:
    """States 0 -> 1 -> 2 -> 0 of 10, 20, 30 ms, 3 a dead end: places in states, at a time from the state's start."""
    network = arc_network([0, 1, 2, 2], [1, 2, 0, 3], [10, 20, 30, 30], [100, 200, 300, 300], 4)
    router = router_for(network, engine)

    def places(states: list[int], into: list[int], sign: int) -> Docks:
        ms = sign * np.array(into)
        return Docks(len(states), np.arange(len(states)), np.array(states), ms, ms * 10_000)

    starts, ends = places([0, 0, 1, 3], [7, 0, 5, 1], -1), places([0, 0, 2, 3], [3, 9, 15, 0], 1)
    found = docked_matrix(router, starts, ends, with_distance=True)
    assert found.unreachable.tolist() == [[False] * 4, [False] * 4, [False] * 4, [True] * 4]
    assert found.duration_ms[:3].tolist() == [[56, 2, 38, 53], [3, 9, 45, 60], [48, 54, 30, 45]]
    assert found.distance_m is not None
    assert np.array_equal(found.distance_m, found.duration_ms * 10.0)


def test_a_place_without_docks_is_not_reached() -> None:
    network = arc_network([0, 1], [1, 0], [10, 10], [1, 1], 2, closed=[True, False])
    at = OnArcs(2, np.array([0, 1]), np.array([0, 1]), np.array([0.5, 0.5]))
    starts, ends = docks_on_arcs(network, at)
    found = docked_matrix(router_for(network, "shortest"), starts, ends, direct_on_arcs(network, at, at))
    assert found.unreachable.tolist() == [[True, True], [True, False]]
    none = Docks(2, *(np.zeros(0, dtype=np.int64) for _ in range(4)))
    assert docked_matrix(router_for(network, "shortest"), none, ends).unreachable.all()
    assert docked_matrix(router_for(network, "shortest"), starts, none).unreachable.all()


def test_small_blocks_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(5)
    network = arc_network(rng.integers(0, 40, 160), rng.integers(0, 40, 160), rng.integers(1, 999, 160),
                          rng.uniform(1, 99, 160), 40)
    at = OnArcs(30, np.sort(np.r_[np.arange(30), rng.integers(0, 30, 20)]), rng.integers(0, 160, 50), rng.random(50))
    router, (starts, ends), direct = router_for(network), docks_on_arcs(network, at), direct_on_arcs(network, at, at)
    whole = docked_matrix(router, starts, ends, direct, with_distance=True)
    for cells in (1, 120, 700):
        monkeypatch.setattr("geodata.matrix_docks.BLOCK_CELLS", cells)
        part = docked_matrix(router, starts, ends, direct, with_distance=True)
        assert np.array_equal(part.duration_ms, whole.duration_ms)
        assert np.array_equal(part.distance_m, whole.distance_m)
        assert np.array_equal(part.unreachable, whole.unreachable)


def test_a_further_place_asks_the_cache_for_its_docks_only(tmp_path: Path) -> None:
    rng = np.random.default_rng(6)
    network = arc_network(rng.integers(0, 90, 400), rng.integers(0, 90, 400), rng.integers(1, 999, 400),
                          rng.uniform(1, 99, 400), 90)
    router, cache, computed = router_for(network, "shortest"), MatrixCache(tmp_path), list[tuple[int, int]]()
    arcs = np.flatnonzero(np.bincount(network.tail, minlength=90)[network.tail] > 0)[:21]

    def kept(rows: np.ndarray, columns: np.ndarray) -> Matrix:
        answer = cache.matrix(network, rows, columns, with_distance=True, router=router)
        computed.extend(answer.computed)
        return answer.matrix

    for count in (20, 21):
        at = OnArcs(count, np.arange(count), arcs[:count], np.full(count, 0.5))
        computed.clear()
        starts, ends = docks_on_arcs(network, at)
        found = docked_matrix(router, starts, ends, direct_on_arcs(network, at, at), with_distance=True, between=kept)
        direct = docked_matrix(router, starts, ends, direct_on_arcs(network, at, at), with_distance=True)
        assert found.duration_ms.tobytes() == direct.duration_ms.tobytes()
        assert found.distance_m is not None
        assert direct.distance_m is not None
        assert found.distance_m.tobytes() == direct.distance_m.tobytes()
    assert all(min(shape) == 1 for shape in computed)
    assert len(computed) <= 2


def test_what_cannot_be_is_refused() -> None:
    network = arc_network([0, 1], [1, 2], [2**30, 2**30 - 2], [1, 1], 3)
    zero, one = np.zeros(1, dtype=np.int64), np.ones(1, dtype=np.int64)
    with pytest.raises(PathTooLongError):
        docked_matrix(router_for(network, "shortest"), Docks(1, zero, zero, one, zero),
                      Docks(1, zero, 2 * one, zero, zero))
    far = Docks(1, zero, zero, one, 800_000_000 * one)
    with pytest.raises(PathTooLongError):
        docked_matrix(router_for(network, "shortest"), far, far, with_distance=True)
    assert docked_matrix(router_for(network, "shortest"), far, far).duration_ms.tolist() == [[2]]
    with pytest.raises(NetworkError):
        docked_matrix(router_for(network, "shortest"), Docks(1, zero, zero, -3 * 2**30 * one, zero),
                      Docks(1, zero, one, zero, zero))
    with pytest.raises(NetworkError):
        OnArcs(1, zero, zero, np.array([1.5]))
    with pytest.raises(NetworkError):
        Docks(1, one, one, one, one)
