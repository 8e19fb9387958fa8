"""A folder of matrices and orders kept below a size: what was used longest ago goes first.

Every pair of a .json and its .npy is one thing, as old as its .json, which is touched when it is used.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

from geodata.matrix_blocks import remove_block

ABANDONED_S = 86_400.0
"""A temporary file this old belongs to a program that was ended while it wrote."""


@dataclass(frozen=True)
class Pruned:
    """What a folder holds now, and what was taken away."""

    kept_bytes: int
    removed_bytes: int
    removed_count: int


def prune(folder: Path, limit_bytes: int) -> Pruned:
    """Take away the things used longest ago until the folder holds at most so many bytes.

    Files that are no such pair are left alone, but for temporary ones of a day or older. OSError is never raised:
    what somebody else takes away meanwhile, or what is locked, is passed over.
    """
    found = sorted(_things(folder))
    total = sum(size for _, size, _ in found)
    removed = count = 0
    for _, size, sidecar in found:
        if total - removed <= limit_bytes:
            break
        try:
            remove_block(sidecar)
        except OSError:
            continue  # locked: the next one goes instead
        removed, count = removed + size, count + 1
    return Pruned(total - removed, removed, count)


def touch(sidecar: Path) -> None:
    """Say that a thing was used just now."""
    try:
        os.utime(sidecar)
    except OSError:
        return  # a folder that may only be read keeps its times


def _things(folder: Path) -> list[tuple[float, int, Path]]:
    """Time of last use, bytes and .json of every pair; abandoned temporary files are taken away on the way."""
    things = []
    for path in folder.rglob("*"):
        try:
            status = path.stat()
            if path.suffix == ".json":
                numbers = path.with_suffix(".npy")
                size = status.st_size + (numbers.stat().st_size if numbers.exists() else 0)
                things.append((status.st_mtime, size, path))
            elif path.suffix == ".part" and path.name.startswith(".") and time.time() - status.st_mtime > ABANDONED_S:
                path.unlink()
        except OSError:
            continue  # gone meanwhile
    return things
