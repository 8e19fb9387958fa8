"""Matrices kept on disk: hits, one row and one column for a new site, damage, other versions, writers at once."""

from __future__ import annotations

import json
import multiprocessing
import tempfile
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geodata import matrix_blocks
from geodata.matrices import ArcNetwork, Matrix, PathTooLongError, arc_network, matrix, router_for, with_metric
from geodata.matrix_blocks import network_digest
from geodata.matrix_cache import Kept, MatrixCache


def town(seed: int = 0, count: int = 120) -> ArcNetwork:
    """Random one-way arcs; the last two nodes are only left, so that their columns are unreachable."""
    rng = np.random.default_rng(seed)
    tail = rng.integers(0, count, 5 * count)
    head = rng.integers(0, count - 2, 5 * count)
    return arc_network(tail, head, rng.integers(1, 90_000, 5 * count), rng.uniform(1, 900, 5 * count), count)


def same(one: Matrix, other: Matrix) -> bool:
    """Byte for byte."""
    distance = (one.distance_m is None) == (other.distance_m is None) and (
        one.distance_m is None or other.distance_m is None or one.distance_m.tobytes() == other.distance_m.tobytes())
    return (distance and one.duration_ms.dtype == other.duration_ms.dtype
            and one.duration_ms.shape == other.duration_ms.shape
            and one.duration_ms.tobytes() == other.duration_ms.tobytes()
            and one.unreachable.tobytes() == other.unreachable.tobytes())


@pytest.fixture
def cache(tmp_path: Path) -> MatrixCache:
    return MatrixCache(tmp_path / "matrices")


@pytest.mark.parametrize("with_distance", [True, False])
def test_the_second_time_nothing_is_computed(cache: MatrixCache, with_distance: bool) -> None:
    network, rows, columns = town(), [5, 118, 7, 5], [9, 118, 3]
    cold = cache.matrix(network, rows, columns, with_distance=with_distance)
    assert cold.cells_read == 0
    assert cold.computed == ((3, 3),)
    warm = MatrixCache(cache.folder).matrix(town(), rows, columns, with_distance=with_distance)
    assert warm.cells_read == 9
    assert warm.computed == ()
    assert cold.refused == warm.refused == ()
    direct = matrix(network, rows, columns, with_distance=with_distance)
    assert direct.unreachable.any()
    assert same(cold.matrix, direct)
    assert same(warm.matrix, direct)


def test_a_new_site_is_one_row_and_one_column_and_equals_a_cold_rebuild(cache: MatrixCache, tmp_path: Path) -> None:
    network, sites = town(), [3, 50, 90, 11]
    cache.matrix(network, sites, sites, with_distance=True)
    more = cache.matrix(network, [*sites, 40], [*sites, 40], with_distance=True)
    assert sorted(more.computed) == [(1, 5), (4, 1)]
    assert more.cells_read == 16
    cold = MatrixCache(tmp_path / "cold").matrix(network, [*sites, 40], [*sites, 40], with_distance=True)
    assert cold.computed == ((5, 5),)
    assert same(more.matrix, cold.matrix)
    assert cache.matrix(network, [40, 3], [11, 40], with_distance=True).computed == ()


def test_distances_are_computed_when_only_times_are_there_and_serve_for_times(cache: MatrixCache) -> None:
    network = town()
    cache.matrix(network, [1, 2], [3])
    assert cache.matrix(network, [1, 2], [3], with_distance=True).computed == ((2, 1),)
    cache.matrix(network, [7], [8], with_distance=True)
    assert cache.matrix(network, [7], [8]).computed == ()


def test_another_metric_shares_nothing_and_a_slower_parallel_arc_changes_nothing(cache: MatrixCache) -> None:
    network = town()
    cache.matrix(network, [1], [2])
    faster = network.duration_ms.copy()
    faster[0] += 1
    other = with_metric(network.topology, faster, network.length_m)
    assert network_digest(other) != network_digest(network)
    assert cache.matrix(other, [1], [2]).computed == ((1, 1),)
    order = np.random.default_rng(1).permutation(len(network.tail) + 1)
    tail, head = np.append(network.tail, network.tail[3])[order], np.append(network.head, network.head[3])[order]
    duration = np.append(network.duration_ms, network.duration_ms[3] + 5)[order]
    length = np.append(network.length_m, 1.0)[order]
    assert network_digest(arc_network(tail, head, duration, length, network.node_count)) == network_digest(network)


def test_lengths_times_and_closures_are_part_of_the_address() -> None:
    base = town()
    longer = base.length_m.copy()
    longer[base.pair_arc[0]] += 1.0
    closed = np.zeros(len(base.tail), dtype=bool)
    closed[base.pair_arc[0]] = True
    digests = {network_digest(n) for n in (
        base, with_metric(base.topology, base.duration_ms, longer),
        with_metric(base.topology, base.duration_ms, base.length_m, closed),
        arc_network(base.tail, base.head, base.duration_ms, base.length_m, base.node_count + 1))}
    assert len(digests) == 4


@settings(max_examples=30, deadline=None)
@given(asked=st.lists(st.tuples(st.lists(st.integers(0, 119), max_size=6), st.lists(st.integers(0, 119), max_size=6),
                                st.booleans()), min_size=1, max_size=8))
def test_whatever_was_asked_before_the_answer_is_that_without_a_cache(
        asked: list[tuple[list[int], list[int], bool]]) -> None:
    network = town()
    router = router_for(network, "shortest")
    with tempfile.TemporaryDirectory() as folder:
        for rows, columns, with_distance in asked:
            kept = MatrixCache(Path(folder)).matrix(network, rows, columns, with_distance=with_distance, router=router)
            assert same(kept.matrix, router.matrix(rows, columns, with_distance=with_distance))
            assert kept.refused == ()
        assert MatrixCache(Path(folder)).check(network).differing == ()


@pytest.mark.parametrize("damage", ["cut", "changed", "empty", "gone", "sidecar", "sidecar_other_cells"])
def test_a_damaged_block_is_computed_again_with_a_word(cache: MatrixCache, damage: str) -> None:
    network = town()
    good = cache.matrix(network, [1, 2], [3, 4]).matrix
    sidecar, = cache.folder.rglob("*.json")
    numbers = sidecar.with_suffix(".npy")
    raw = numbers.read_bytes()
    if damage == "cut":
        numbers.write_bytes(raw[:-3])
    elif damage == "changed":
        numbers.write_bytes(raw[:-1] + bytes([raw[-1] ^ 1]))
    elif damage == "empty":
        numbers.write_bytes(b"")
    elif damage == "gone":
        numbers.unlink()
    elif damage == "sidecar":
        sidecar.write_bytes(sidecar.read_bytes()[:-9])
    else:
        sidecar.write_text(json.dumps(json.loads(sidecar.read_bytes()) | {"rows": [1, 5]}), encoding="utf-8")
    again = cache.matrix(network, [1, 2], [3, 4])
    assert [(Path(r.file).name, r.reason) for r in again.refused] == [(sidecar.name, "damaged")]
    assert again.computed == ((2, 2),)
    assert same(again.matrix, good)
    healed = cache.matrix(network, [1, 2], [3, 4])
    assert (healed.computed, healed.refused) == ((), ())


def test_a_block_of_another_schema_is_refused_and_left_alone(cache: MatrixCache) -> None:
    network = town()
    cache.matrix(network, [1], [2])
    sidecar, = cache.folder.rglob("*.json")
    other = sidecar.with_name("0" * 64 + ".json")
    other.write_text(json.dumps(json.loads(sidecar.read_bytes()) | {"schema": 999}), encoding="utf-8")
    kept = cache.matrix(network, [1], [2])
    assert [(r.file, r.reason) for r in kept.refused] == [(str(other), "schema")]
    assert kept.computed == ()
    assert other.exists()


def test_another_schema_shares_no_address(monkeypatch: pytest.MonkeyPatch) -> None:
    before = network_digest(town())
    monkeypatch.setattr(matrix_blocks, "SCHEMA", matrix_blocks.SCHEMA + 1)
    assert network_digest(town()) != before


def test_a_block_of_another_network_is_refused(cache: MatrixCache) -> None:
    one, other = town(0), town(1)
    cache.matrix(one, [1], [2])
    wrong = cache.folder / network_digest(other)
    wrong.mkdir()
    for file in (cache.folder / network_digest(one)).iterdir():
        (wrong / file.name).write_bytes(file.read_bytes())
    kept = cache.matrix(other, [1], [2])
    assert [r.reason for r in kept.refused] == ["damaged"]
    assert same(kept.matrix, matrix(other, [1], [2]))


def test_check_finds_a_wrong_cell_that_carries_a_right_seal(cache: MatrixCache) -> None:
    network = town()
    cache.matrix(network, range(20), range(20), with_distance=True)
    sound = cache.check(network, 100)
    assert sound.differing == ()
    assert 50 < sound.cell_count <= 100
    sidecar, = cache.folder.rglob("*.json")
    block = matrix_blocks.read_block(sidecar, network_digest(network))
    for layer in range(2):
        cells = block.cells.copy()
        cells[layer, 4, 7] += 1
        matrix_blocks.write_block(sidecar.parent, network_digest(network), matrix_blocks.Block(
            block.rows, block.columns, block.layers, cells), "shortest")
        assert set(cache.check(network, 20_000).differing) == {(4, 7)}


def test_check_of_an_empty_folder_checks_nothing(cache: MatrixCache) -> None:
    assert cache.check(town()).cell_count == 0


def test_many_small_blocks_become_one(cache: MatrixCache, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("geodata.matrix_cache.MANY_BLOCKS", 4)
    network = town()
    for count in range(1, 8):
        kept = cache.matrix(network, range(count), range(count))
        assert len(list(cache.folder.rglob("*.json"))) <= 6
        assert same(kept.matrix, matrix(network, range(count), range(count)))
    assert cache.matrix(network, range(7), range(7)).computed == ()
    assert len(list(cache.folder.rglob("*.npy"))) == len(list(cache.folder.rglob("*.json")))


def test_large_matrices_are_kept_in_pieces(cache: MatrixCache, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("geodata.matrix_cache.SIDE", 8)
    network = town()
    cold = cache.matrix(network, range(20), range(9))
    assert cold.computed == ((20, 9),)
    assert len(list(cache.folder.rglob("*.npy"))) == 6
    damaged = sorted(cache.folder.rglob("*.npy"))[0]
    damaged.write_bytes(b"")
    warm = cache.matrix(network, range(20), range(9))
    assert 0 < sum(rows * columns for rows, columns in warm.computed) <= 64
    assert same(warm.matrix, cold.matrix)


def test_a_folder_that_cannot_be_written_costs_time_not_the_answer(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    kept = MatrixCache(tmp_path / "file").matrix(town(), [1, 2], [3])
    assert [r.reason for r in kept.refused] == ["not_written"]
    assert same(kept.matrix, matrix(town(), [1, 2], [3]))


def test_what_is_refused_is_not_kept(cache: MatrixCache) -> None:
    network = arc_network([0, 1], [1, 2], [2**30, 2**30], [1, 1], 3)
    with pytest.raises(PathTooLongError):
        cache.matrix(network, [0], [2])
    assert not cache.folder.exists()
    with pytest.raises(ValueError, match="another network"):
        cache.matrix(town(), [0], [1], router=router_for(town(), "shortest"))


def test_nothing_is_pickled_and_nothing_half_written_is_left(cache: MatrixCache) -> None:
    cache.matrix(town(), [1, 2], [3, 4], with_distance=True)
    files = sorted(p.suffix for p in cache.folder.rglob("*") if p.is_file())
    assert files == [".json", ".npy"]
    numbers, = cache.folder.rglob("*.npy")
    assert np.load(numbers, allow_pickle=False).shape == (2, 2, 2)


def write_and_read(folder: str, seed: int) -> bool:
    """Asks for overlapping parts many times; whether every answer was right and no file was refused."""
    network = town()
    router = router_for(network, "shortest")
    whole = router.matrix(range(30), range(30))
    rng = np.random.default_rng(seed)
    for _ in range(25):
        nodes = rng.choice(30, rng.integers(1, 8), replace=False)
        kept: Kept = MatrixCache(Path(folder)).matrix(network, nodes, nodes, router=router)
        part = np.ix_(nodes, nodes)
        if kept.refused or not same(kept.matrix, Matrix(whole.duration_ms[part], whole.unreachable[part])):
            return False
    return True


def test_writers_at_once_do_not_disturb_each_other(tmp_path: Path) -> None:
    with ProcessPoolExecutor(3, mp_context=multiprocessing.get_context("spawn")) as pool:
        # two of the three ask for exactly the same in the same order, so that they write the same files
        assert list(pool.map(write_and_read, [str(tmp_path)] * 3, [1, 1, 2])) == [True] * 3
    assert MatrixCache(tmp_path).check(town(), 300).differing == ()
    assert not list(tmp_path.rglob("*.part"))
