"""The order of a topology's nodes kept on disk: finding it is what takes long, and any metric over it can use it.

An order is known by the digest of the topology it is for. A wrong one would cost speed, never a wrong cell.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np

from geodata.engines.hierarchy import order_hierarchy
from geodata.engines.labels import LabelOrder
from geodata.engines.packed_hierarchy import chordal
from geodata.matrices import Router
from geodata.matrix_blocks import replace_file
from geodata.matrix_network import ArcNetwork, Int, Topology
from geodata.matrix_prune import touch

SCHEMA = 1
FOLDER = "orders"


@dataclass(frozen=True)
class KeptOrder:
    """An order of the engine `labels` and how it came about."""

    order: LabelOrder
    was_kept: bool
    refused: str | None = None
    """Why a file that was there was not used (schema or damaged), or why none could be written (not_written)."""


@dataclass(frozen=True)
class OrderedRouter:
    """A router of the engine `labels` and how it came about, as in KeptOrder."""

    router: Router
    was_kept: bool
    refused: str | None = None


def topology_digest(topology: Topology) -> str:
    """sha256 of the node count and of the pairs."""
    digest = hashlib.sha256(f"{SCHEMA} {topology.node_count} {topology.pair_count}".encode("ascii"))
    for column in (topology.pair_tail, topology.pair_head):
        digest.update(np.ascontiguousarray(column, dtype="<i8").tobytes())
    return digest.hexdigest()


def ordered_router(folder: Path, network: ArcNetwork) -> OrderedRouter:
    """A router over the order kept in a folder, or over a new one; errors as in kept_order."""
    found = kept_order(folder, network.topology)
    return OrderedRouter(Router(network, found.order, found.order.search(network)), found.was_kept, found.refused)


def kept_order(folder: Path, topology: Topology) -> KeptOrder:
    """The order of a topology that a folder keeps, or a new one, which is then kept.

    EngineMissingError where there is none and the package that finds it is not installed.
    """
    digest = topology_digest(topology)
    rank, refused = _read(folder / FOLDER, digest, topology.node_count)
    was_kept = rank is not None
    graph = chordal(topology, rank) if rank is not None else order_hierarchy(topology).chordal
    if was_kept:
        touch(folder / FOLDER / f"{digest}.json")
    else:
        try:
            _write(folder / FOLDER, digest, graph.rank)
        except OSError:  # costs time later, not the answer
            refused = "not_written"
    return KeptOrder(LabelOrder(graph), was_kept, refused)


def _write(folder: Path, digest: str, rank: Int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    numbers = BytesIO()
    np.save(numbers, rank.astype("<u4"), allow_pickle=False)
    replace_file(folder / f"{digest}.npy", numbers.getvalue())
    said = {"schema": SCHEMA, "topology": digest, "sha256": hashlib.sha256(numbers.getbuffer()).hexdigest()}
    replace_file(folder / f"{digest}.json", json.dumps(said, sort_keys=True).encode("ascii"))


def _read(folder: Path, digest: str, node_count: int) -> tuple[Int | None, str | None]:
    """Ranks, or None and why."""
    sidecar = folder / f"{digest}.json"
    try:
        said, raw = json.loads(sidecar.read_bytes()), sidecar.with_suffix(".npy").read_bytes()
    except ValueError:
        return None, "damaged"
    except OSError:
        return None, "damaged" if sidecar.exists() else None
    if not isinstance(said, dict) or said.get("schema") != SCHEMA:
        return None, "schema" if isinstance(said, dict) else "damaged"
    try:
        rank = np.load(BytesIO(raw), allow_pickle=False).astype(np.int64)
    except (ValueError, EOFError):
        return None, "damaged"
    whole = said.get("sha256") == hashlib.sha256(raw).hexdigest()
    if not whole or not np.array_equal(np.sort(rank, axis=None), np.arange(node_count)):
        return None, "damaged"
    return rank, None
