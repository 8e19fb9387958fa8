"""Many-to-many travel times: by hand, properties, networkx as an oracle, engines against each other."""

from __future__ import annotations

from itertools import pairwise

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geodata.engines import EngineMissingError, chosen_engine
from geodata.engines.hierarchy import is_installed
from geodata.matrices import (
    ArcNetwork,
    NetworkError,
    NoWayError,
    PathTooLongError,
    arc_network,
    matrix,
    router_for,
    topology_of,
    with_metric,
)

needs_hierarchy = pytest.mark.skipif(not is_installed(), reason="pyroutingkit is not installed")
ENGINES = ["shortest", *(pytest.param(engine, marks=needs_hierarchy) for engine in ("hierarchy", "labels"))]
PRESENT = ["shortest", "hierarchy", "labels"] if is_installed() else ["shortest"]
FEW = settings(max_examples=60, deadline=None)


@st.composite
def networks(draw: st.DrawFn) -> ArcNetwork:
    """Up to 12 nodes with loops, parallel arcs, zero times, closed arcs and parts that cannot be reached."""
    count = draw(st.integers(1, 12))
    arcs = draw(st.lists(st.tuples(st.integers(0, count - 1), st.integers(0, count - 1), st.integers(0, 9),
                                   st.integers(0, 9), st.booleans()), max_size=40))
    tail, head, duration, length, rare = (np.array(column) for column in zip(*arcs, strict=True)) if arcs else (
        np.zeros(0, dtype=np.int64),) * 5
    closed = rare.astype(bool) & (length == 0) if arcs else None
    return arc_network(tail, head, duration, length * 1.0, count, closed=closed)


def as_networkx(network: ArcNetwork) -> nx.MultiDiGraph:
    """Every open arc as it was given."""
    graph = nx.MultiDiGraph()
    graph.add_nodes_from(range(network.node_count))
    rows = zip(network.tail, network.head, network.duration_ms, network.length_mm, network.closed, strict=True)
    graph.add_edges_from((int(t), int(h), {"ms": int(ms), "both": int(ms) * 10**9 + int(mm)})
                         for t, h, ms, mm, shut in rows if not shut)
    return graph


def every(network: ArcNetwork) -> np.ndarray:
    return np.arange(network.node_count)


def town(seed: int, side: int = 12, slowest_ms: int = 60_000) -> ArcNetwork:
    """A grid with one-way streets, different times by direction, and a corner that is only left."""
    rng = np.random.default_rng(seed)
    node = np.arange(side * side).reshape(side, side)
    a = np.concatenate([node[:, :-1].ravel(), node[:-1].ravel()])
    b = np.concatenate([node[:, 1:].ravel(), node[1:].ravel()])
    tail, head = np.concatenate([a, b]), np.concatenate([b, a])
    keep = (rng.random(len(tail)) > 0.15) & (head != 0)
    tail, head = tail[keep], head[keep]
    xy = np.column_stack([node.ravel() % side, node.ravel() // side]) * 100.0 + 4e6
    return arc_network(tail, head, rng.integers(1, slowest_ms, len(tail)), rng.uniform(50, 500, len(tail)), side * side,
                       node_xy=xy)


@pytest.mark.parametrize("engine", ENGINES)
def test_three_nodes_by_hand(engine: str) -> None:
    """0 -> 1 -> 2 costs 5 + 7 along 40 + 50 m, straight 0 -> 2 13; back only 2 -> 0; node 3 is only left."""
    network = arc_network([0, 1, 0, 2, 3], [1, 2, 2, 0, 0], [5, 7, 13, 2, 1], [40, 50, 10, 60.25, 1], 4)
    found = matrix(network, [0, 1, 2, 3], [0, 1, 2, 3], engine, with_distance=True)
    assert found.duration_ms.tolist() == [[0, 5, 12, 0], [9, 0, 7, 0], [2, 7, 0, 0], [1, 6, 13, 0]]
    assert found.unreachable.tolist() == [[False, False, False, True]] * 3 + [[False] * 4]
    assert found.distance_m is not None
    assert found.distance_m.tolist() == [[0, 40, 90, 0], [110.25, 0, 50, 0], [60.25, 100.25, 0, 0], [1, 41, 91, 0]]
    assert found.duration_s(np.inf)[0].tolist() == [0, 0.005, 0.012, np.inf]


@pytest.mark.parametrize("engine", ENGINES)
def test_the_fastest_of_parallel_arcs_counts_and_of_equals_the_shortest(engine: str) -> None:
    network = arc_network([0, 0, 0, 0], [1, 1, 1, 1], [9, 5, 5, 7], [1, 30, 20, 2], 2)
    found = matrix(network, [0], [1], engine, with_distance=True)
    assert found.duration_ms.tolist() == [[5]]
    assert found.distance_m is not None
    assert found.distance_m.tolist() == [[20]]
    path = router_for(network, engine).paths(0, [1])[0]
    assert path.arcs.tolist() == [2]


@pytest.mark.parametrize("engine", ENGINES)
def test_loops_are_ignored_and_zero_counts_as_a_millisecond(engine: str) -> None:
    network = arc_network([0, 0, 1], [0, 1, 2], [3, 0, 0], [1, 1, 1], 3)
    assert matrix(network, [0], [0, 1, 2], engine).duration_ms.tolist() == [[0, 1, 2]]


@pytest.mark.parametrize("engine", ENGINES)
def test_a_closed_arc_is_not_there_for_this_metric_only(engine: str) -> None:
    topology = topology_of([0, 0, 1], [1, 1, 2], 3)
    router = router_for(with_metric(topology, [4, 6, 1], [1, 1, 1]), engine)
    detour = router.on(with_metric(topology, [4, 6, 1], [1, 1, 1], [True, False, False]))
    barred = router.on(with_metric(topology, [4, 6, 2**40], [1, 1, 1], [False, False, True]))
    assert router.matrix([0], [2]).duration_ms.tolist() == [[5]]
    assert detour.matrix([0], [2]).duration_ms.tolist() == [[7]]
    assert barred.matrix([0], [1, 2]).unreachable.tolist() == [[False, True]]
    assert router.matrix([0], [2]).duration_ms.tolist() == [[5]]


@pytest.mark.parametrize("engine", ENGINES)
def test_places_may_repeat_in_any_order_or_be_none(engine: str) -> None:
    network = town(1)
    whole = matrix(network, every(network), every(network), engine, with_distance=True)
    rows, columns = [7, 3, 7, 100], [5, 5, 0]
    part = matrix(network, rows, columns, engine, with_distance=True)
    assert np.array_equal(part.duration_ms, whole.duration_ms[np.ix_(rows, columns)])
    assert whole.distance_m is not None
    assert np.array_equal(part.distance_m, whole.distance_m[np.ix_(rows, columns)])
    assert matrix(network, [], [1, 2], engine, with_distance=True).duration_ms.shape == (0, 2)
    assert matrix(network, [1], [], engine).unreachable.shape == (1, 0)


@pytest.mark.parametrize("engine", ENGINES)
def test_small_blocks_give_the_same(engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    router, rng = router_for(town(4), engine), np.random.default_rng(4)
    rows, columns = rng.integers(0, 144, 40), rng.integers(0, 144, 90)
    for sources, targets in ((rows, columns), (columns, rows)):
        whole = router.matrix(sources, targets, with_distance=True)
        monkeypatch.setattr("geodata.engines.shortest.BLOCK", 7)
        monkeypatch.setattr("geodata.engines.label_search.LABEL_BYTES", 5000)
        monkeypatch.setattr("geodata.engines.shortest.CHUNK", 3)
        monkeypatch.setattr("geodata.engines.hierarchy.BLOCK", 5)
        monkeypatch.setattr("geodata.engines.packed_hierarchy.TILE_BYTES", 1000)
        monkeypatch.setattr("geodata.engines.packed_hierarchy.ROWS", 3)
        for part in (router.matrix(sources, targets, with_distance=True), router.matrix(sources, targets)):
            assert np.array_equal(part.duration_ms, whole.duration_ms)
            assert np.array_equal(part.unreachable, whole.unreachable)
            assert part.distance_m is None or np.array_equal(part.distance_m, whole.distance_m)
        monkeypatch.undo()


@pytest.mark.parametrize("engine", PRESENT)
@FEW
@given(network=networks())
def test_every_cell_is_that_of_networkx(engine: str, network: ArcNetwork) -> None:
    found = matrix(network, every(network), every(network), engine, with_distance=True)
    graph = as_networkx(network)
    assert found.distance_m is not None
    for source in range(network.node_count):
        expected = nx.single_source_dijkstra_path_length(graph, source, weight="ms")
        both = nx.single_source_dijkstra_path_length(graph, source, weight="both")
        for target in range(network.node_count):
            assert found.unreachable[source, target] == (target not in expected)
            assert found.duration_ms[source, target] == expected.get(target, 0)
            assert round(found.distance_m[source, target] * 1000) == both.get(target, 0) % 10**9


@pytest.mark.parametrize("engine", PRESENT)
@FEW
@given(network=networks())
def test_a_detour_is_never_faster(engine: str, network: ArcNetwork) -> None:
    found = matrix(network, every(network), every(network), engine)
    ms = np.where(found.unreachable, 10**9, found.duration_ms).astype(np.int64)
    assert (ms[:, None, :] <= ms[:, :, None] + ms[None, :, :]).all()
    assert (np.diag(found.duration_ms) == 0).all()
    assert not np.diag(found.unreachable).any()


@pytest.mark.parametrize("engine", PRESENT)
@FEW
@given(network=networks())
def test_the_turned_network_has_the_transposed_matrix(engine: str, network: ArcNetwork) -> None:
    turned = arc_network(network.head, network.tail, network.duration_ms, network.length_m, network.node_count,
                         closed=network.closed)
    one = matrix(network, every(network), every(network), engine, with_distance=True)
    other = matrix(turned, every(network), every(network), engine, with_distance=True)
    assert np.array_equal(one.duration_ms, other.duration_ms.T)
    assert np.array_equal(one.unreachable, other.unreachable.T)
    assert one.distance_m is not None
    assert other.distance_m is not None
    assert np.array_equal(one.distance_m, other.distance_m.T)


@pytest.mark.parametrize("engine", ENGINES)
def test_few_targets_are_searched_from_the_other_side_to_the_same_end(engine: str) -> None:
    network = town(2)
    wide = matrix(network, every(network), every(network), engine, with_distance=True)
    tall = matrix(network, every(network), [3, 50, 90], engine, with_distance=True)
    assert np.array_equal(tall.duration_ms, wide.duration_ms[:, [3, 50, 90]])
    assert np.array_equal(tall.unreachable, wide.unreachable[:, [3, 50, 90]])
    assert wide.distance_m is not None
    assert np.array_equal(tall.distance_m, wide.distance_m[:, [3, 50, 90]])


@pytest.mark.parametrize("engine", ENGINES)
def test_asymmetry_is_kept(engine: str) -> None:
    found = matrix(town(3), range(144), range(144), engine)
    both = ~found.unreachable & ~found.unreachable.T & ~np.eye(144, dtype=bool)
    differ = (found.duration_ms != found.duration_ms.T) & both
    assert differ.sum() > 0.9 * both.sum() > 0


@needs_hierarchy
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("with_xy", [True, False])
def test_engines_agree_cell_by_cell(seed: int, with_xy: bool) -> None:
    network = town(seed, side=15)
    if not with_xy:
        network = arc_network(network.tail, network.head, network.duration_ms, network.length_m, network.node_count)
    one, other = (matrix(network, every(network), every(network), engine, with_distance=True)
                  for engine in ("shortest", "hierarchy"))
    assert one.unreachable.any()
    assert np.array_equal(one.duration_ms, other.duration_ms)
    assert np.array_equal(one.unreachable, other.unreachable)
    assert np.array_equal(one.distance_m, other.distance_m)


@needs_hierarchy
@pytest.mark.parametrize("seed", range(3))
def test_engines_agree_on_distances_and_paths_where_many_ways_are_equally_fast(seed: int) -> None:
    network = town(seed, side=30, slowest_ms=3)
    rng = np.random.default_rng(seed)
    rows, columns = rng.integers(1, 900, 40), rng.integers(1, 900, 50)
    plain, quick = (router_for(network, engine) for engine in ("shortest", "hierarchy"))
    one, other = (router.matrix(rows, columns, with_distance=True) for router in (plain, quick))
    assert np.array_equal(one.duration_ms, other.duration_ms)
    assert np.array_equal(one.distance_m, other.distance_m)
    for column in np.flatnonzero(~one.unreachable[0])[:20]:
        ends = (int(rows[0]), [int(columns[column])])
        assert plain.paths(*ends)[0].nodes.tolist() == quick.paths(*ends)[0].nodes.tolist()


@pytest.mark.parametrize("engine", PRESENT)
@FEW
@given(network=networks(), source=st.integers(0, 11))
def test_a_path_adds_up_to_its_cell(engine: str, network: ArcNetwork, source: int) -> None:
    start = source % network.node_count
    router = router_for(network, engine)
    cells = router.matrix([start], every(network), with_distance=True)
    assert cells.distance_m is not None
    for target in range(network.node_count):
        if cells.unreachable[0, target]:
            with pytest.raises(NoWayError):
                router.paths(start, [target])
            continue
        path = router.paths(start, [target])[0]
        assert (path.nodes[0], path.nodes[-1]) == (start, target)
        assert [(a, b) for a, b in pairwise(path.nodes)] == list(
            zip(network.tail[path.arcs], network.head[path.arcs], strict=True))
        assert not network.closed[path.arcs].any()
        assert network.duration_ms[path.arcs].sum() == path.duration_ms == cells.duration_ms[0, target]
        assert network.length_mm[path.arcs].sum() / 1000 == path.distance_m == cells.distance_m[0, target]


@pytest.mark.parametrize("engine", ENGINES)
def test_a_path_just_below_the_limit_is_exact_and_one_at_the_limit_is_refused(engine: str) -> None:
    fits = arc_network([0, 1, 3], [1, 2, 0], [2**30, 2**30 - 2, 1], [1, 1, 1], 4)
    found = matrix(fits, [0, 1], [2, 3], engine, with_distance=True)
    assert found.duration_ms.tolist() == [[2**31 - 2, 0], [2**30 - 2, 0]]
    assert found.unreachable.tolist() == [[False, True], [False, True]]
    for last in (2**30 - 1, 2**30, 2**31 - 2):
        long = arc_network([0, 1], [1, 2], [2**30, last], [1, 1], 3)
        assert matrix(long, [1], [2], engine).duration_ms.tolist() == [[last]]
        with pytest.raises(PathTooLongError):
            matrix(long, [0, 1], [2, 1], engine)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_distance_beyond_what_can_be_told_is_refused_but_its_time_is_not(engine: str) -> None:
    network = arc_network([0, 1, 0], [1, 2, 2], [5, 5, 11], [600_000, 600_000, 1], 3)
    assert matrix(network, [0], [2], engine).duration_ms.tolist() == [[10]]
    with pytest.raises(PathTooLongError):
        matrix(network, [0], [1, 2], engine, with_distance=True)
    with pytest.raises(PathTooLongError):
        router_for(network, engine).paths(0, [2])
    assert router_for(network, engine).paths(0, [1])[0].duration_ms == 5
    assert matrix(network, [0], [1], engine, with_distance=True).distance_m == np.array([[600_000]])


@pytest.mark.parametrize("arrays", [
    ([0], [1, 2], [1], [1], 3),
    ([0], [3], [1], [1], 3),
    ([-1], [1], [1], [1], 3),
    ([0.5], [1], [1], [1], 3),
    ([0], [1], [1.5], [1], 3),
    ([0], [1], [-1], [1], 3),
    ([0], [1], [2**31 - 1], [1], 3),
    ([0], [1], [1], [np.nan], 3),
    ([0], [1], [1], [-1], 3),
    ([0], [1], [1], [2e6], 3),
    ([0], [1], [1, 1], [1], 3),
    ([], [], [], [], 0),
])
def test_what_is_no_network_is_refused(arrays: tuple[list[float], list[float], list[float], list[float], int]) -> None:
    with pytest.raises(NetworkError):
        arc_network(*arrays)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("node", [-1, 144, 10**12])
def test_a_place_that_is_no_node_is_refused(engine: str, node: int) -> None:
    with pytest.raises(NetworkError):
        matrix(town(0), [0], [node], engine)


def test_a_metric_of_another_topology_is_refused() -> None:
    with pytest.raises(ValueError, match="topology"):
        router_for(town(0), "shortest").on(town(0))


def test_auto_takes_the_plain_search_for_few_places_and_says_which_engines_there_are(
        monkeypatch: pytest.MonkeyPatch) -> None:
    assert chosen_engine("auto", 10) == "shortest"
    assert chosen_engine("auto", 1000) == ("labels" if is_installed() else "shortest")
    with pytest.raises(ValueError, match="shortest"):
        matrix(town(0), [0], [1], "magic")
    monkeypatch.setattr("geodata.engines.hierarchy.PACKAGE", "no_such_package_here")
    assert chosen_engine("auto", 1000) == "shortest"
    with pytest.raises(EngineMissingError):
        matrix(town(0), [0], [1], "hierarchy")
