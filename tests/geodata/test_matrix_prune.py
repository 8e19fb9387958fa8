"""A cache of limited size: what was used longest ago goes, the rest stays whole, nothing else is touched."""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np

from geodata.matrices import arc_network
from geodata.matrix_cache import MatrixCache
from geodata.matrix_prune import ABANDONED_S, prune


def thing(folder: Path, name: str, size: int, age_s: float) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for suffix, content in ((".json", b"{}"), (".npy", b"x" * (size - 2))):
        (folder / f"{name}{suffix}").write_bytes(content)
    os.utime(folder / f"{name}.json", (time.time() - age_s,) * 2)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def test_the_oldest_go_first_and_only_as_many_as_must(tmp_path: Path) -> None:
    for name, age in (("a", 30.0), ("b", 10.0), ("c", 20.0)):
        thing(tmp_path / name, name, 100, age)
    found = prune(tmp_path, 210)
    assert (found.kept_bytes, found.removed_bytes, found.removed_count) == (200, 100, 1)
    assert names(tmp_path) == ["b.json", "b.npy", "c.json", "c.npy"]
    assert prune(tmp_path, 200).removed_count == 0
    prune(tmp_path, 0)
    assert names(tmp_path) == []


def test_strangers_stay_and_abandoned_temporaries_go(tmp_path: Path) -> None:
    for name, age in (("notes.txt", 10 * ABANDONED_S), (".old.part", 2 * ABANDONED_S), (".new.part", 1.0)):
        (tmp_path / name).write_bytes(b"y" * 1000)
        os.utime(tmp_path / name, (time.time() - age,) * 2)
    assert prune(tmp_path, 10).removed_count == 0
    assert names(tmp_path) == [".new.part", "notes.txt"]
    assert prune(tmp_path / "nowhere", 10).kept_bytes == 0


def test_a_cache_stays_below_its_limit_and_keeps_what_is_in_use(tmp_path: Path) -> None:
    """A ring of 40 nodes; the matrix asked for again and again survives those asked for once."""
    node = np.arange(40)
    ring = arc_network(node, (node + 1) % 40, np.full(40, 1000), np.full(40, 10.0), 40)
    free = MatrixCache(tmp_path / "free")
    free.matrix(ring, node[:8], node[:8])
    one = sum(path.stat().st_size for path in free.folder.rglob("*") if path.is_file())
    cache = MatrixCache(tmp_path / "kept", 4 * one)
    cache.matrix(ring, node[:8], node[:8])
    for start in range(8, 32, 4):
        for path in cache.folder.rglob("*.json"):  # an hour passes
            os.utime(path, (path.stat().st_mtime - 3600,) * 2)
        assert cache.matrix(ring, node[:8], node[:8]).computed == ()
        part = slice(start, start + 4)
        assert cache.matrix(ring, node[part], node[part]).computed == ((4, 4),)
        size = sum(path.stat().st_size for path in cache.folder.rglob("*") if path.is_file())
        assert size <= 4 * one
    assert cache.matrix(ring, node[8:12], node[8:12]).computed == ((4, 4),), "used once, long ago"
