"""The order of a topology kept on disk: used again, for any metric, refused when damaged."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from geodata.engines import EngineMissingError
from geodata.engines.hierarchy import is_installed
from geodata.matrices import ArcNetwork, arc_network, matrix, with_metric
from geodata.matrix_orders import ordered_router, topology_digest

needs_hierarchy = pytest.mark.skipif(not is_installed(), reason="pyroutingkit is not installed")


def town(seed: int = 0) -> ArcNetwork:
    rng = np.random.default_rng(seed)
    return arc_network(rng.integers(0, 60, 240), rng.integers(0, 60, 240), rng.integers(1, 5000, 240),
                       rng.uniform(1, 500, 240), 60)


def equal(network: ArcNetwork, folder: Path) -> bool:
    found = ordered_router(folder, network).router.matrix(range(60), range(60), with_distance=True)
    plain = matrix(network, range(60), range(60), "shortest", with_distance=True)
    return (np.array_equal(found.duration_ms, plain.duration_ms) and np.array_equal(found.distance_m, plain.distance_m)
            and np.array_equal(found.unreachable, plain.unreachable))


@needs_hierarchy
def test_an_order_is_found_once_for_all_metrics(tmp_path: Path) -> None:
    network = town()
    assert not ordered_router(tmp_path, network).was_kept
    slower = with_metric(network.topology, network.duration_ms.astype(np.int64) * 2, network.length_m)
    for metric in (town(), slower):
        again = ordered_router(tmp_path, metric)
        assert (again.was_kept, again.refused) == (True, None)
        assert equal(metric, tmp_path)
    assert not ordered_router(tmp_path, town(1)).was_kept


@needs_hierarchy
def test_a_kept_order_needs_no_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ordered_router(tmp_path, town())
    monkeypatch.setattr("geodata.engines.hierarchy.PACKAGE", "no_such_package_here")
    assert equal(town(), tmp_path)
    with pytest.raises(EngineMissingError):
        ordered_router(tmp_path / "empty", town())


@needs_hierarchy
@pytest.mark.parametrize("damage", ["cut", "empty", "gone", "no_permutation", "schema", "sidecar"])
def test_what_is_damaged_is_refused_with_a_word_and_written_anew(tmp_path: Path, damage: str) -> None:
    ordered_router(tmp_path, town())
    sidecar, = tmp_path.rglob("*.json")
    numbers = sidecar.with_suffix(".npy")
    if damage == "cut":
        numbers.write_bytes(numbers.read_bytes()[:-4])
    elif damage == "empty":
        numbers.write_bytes(b"")
    elif damage == "gone":
        numbers.unlink()
    elif damage == "no_permutation":
        np.save(numbers, np.zeros(60, dtype="<u4"))
    elif damage == "schema":
        sidecar.write_text(json.dumps(json.loads(sidecar.read_bytes()) | {"schema": 99}), encoding="utf-8")
    else:
        sidecar.write_bytes(b"[")
    again = ordered_router(tmp_path, town())
    assert (again.was_kept, again.refused) == (False, "schema" if damage == "schema" else "damaged")
    assert ordered_router(tmp_path, town()).was_kept
    assert equal(town(), tmp_path)


@needs_hierarchy
def test_a_folder_that_cannot_be_written_costs_time_not_the_answer(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    assert ordered_router(tmp_path / "file", town()).refused == "not_written"
    assert equal(town(), tmp_path / "file")


def test_a_topology_is_known_by_its_pairs() -> None:
    network = town()
    order = np.random.default_rng(3).permutation(240)
    turned = arc_network(network.tail[order], network.head[order], network.duration_ms[order],
                         network.length_m[order], 60)
    assert topology_digest(turned.topology) == topology_digest(network.topology)
    assert topology_digest(town(1).topology) != topology_digest(network.topology)
    more = arc_network(network.tail, network.head, network.duration_ms, network.length_m, 61)
    assert topology_digest(more.topology) != topology_digest(network.topology)
