"""Blocks of a matrix on disk: one .npy of numbers and one .json that says which cells they are and seals them.

The sidecar is written last and names the digest of the numbers, so a block is whole or it is not there. Files are
written beside their place, flushed to the disk and renamed: a reader never sees half of one, and two writers of one
block write the same bytes.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
from numba import njit

from geodata.matrix_network import ArcNetwork, Int, UInt32

SCHEMA = 1
NO_WAY = 2**32 - 1
"""In files only: marks cells that cannot be reached."""
DURATION, DISTANCE = "duration_ms", "distance_mm"


class BlockError(ValueError):
    """A file that is no block to be trusted; `reason` is a code."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class Block:
    """A rectangle of cells: nodes of its rows and columns (each once), and one layer of numbers per name."""

    rows: Int
    columns: Int
    layers: tuple[str, ...]
    cells: UInt32
    """[layers, rows, columns]; NO_WAY where unreachable."""


def network_digest(network: ArcNetwork) -> str:
    """sha256 of what the cells depend on: node count, open pairs, their times and lengths. Slower parallel arcs and
    the order of arcs do not matter."""
    there = network.pair_arc >= 0
    digest = hashlib.sha256(_canonical({"schema": SCHEMA, "nodes": network.node_count, "pairs": int(there.sum())}))
    for column in (network.topology.pair_tail, network.topology.pair_head, network.pair_ms, network.pair_mm):
        digest.update(np.ascontiguousarray(column[there], dtype="<i8").tobytes())
    return digest.hexdigest()


@njit(cache=True)
def copy_cells(given: UInt32, given_rows: Int, given_columns: Int, out: UInt32, rows: Int, columns: Int) -> None:
    """out[rows, columns] = given[given_rows, given_columns], for all pairs of a row and a column."""
    for row in range(len(rows)):
        for column in range(len(columns)):
            out[rows[row], columns[column]] = given[given_rows[row], given_columns[column]]


def block_key(network: str, block: Block) -> str:
    """sha256 of what is asked, whoever computes it."""
    return hashlib.sha256(_canonical({
        "schema": SCHEMA, "network": network, "layers": list(block.layers), "rows": block.rows.tolist(),
        "columns": block.columns.tolist()})).hexdigest()


def write_block(folder: Path, network: str, block: Block, engine: str) -> Path:
    """Keeps a block in a folder and returns its sidecar. OSError where it cannot be written."""
    folder.mkdir(parents=True, exist_ok=True)
    key = block_key(network, block)
    numbers = BytesIO()
    np.save(numbers, np.ascontiguousarray(block.cells, dtype="<u4"), allow_pickle=False)
    said = {"schema": SCHEMA, "key": key, "network": network, "layers": list(block.layers),
            "rows": block.rows.tolist(), "columns": block.columns.tolist(), "unreachable": NO_WAY, "engine": engine,
            "sha256": hashlib.sha256(numbers.getbuffer()).hexdigest()}
    replace_file(folder / f"{key}.npy", numbers.getvalue())
    sidecar = folder / f"{key}.json"
    replace_file(sidecar, _canonical(said))
    return sidecar


def read_block(sidecar: Path, network: str) -> Block:
    """The block a sidecar seals. FileNotFoundError when it has gone; BlockError with reason `schema` (another version)
    or `damaged` (unreadable, cut, changed, or of another network)."""
    try:
        said = json.loads(sidecar.read_bytes())
    except ValueError as error:
        raise BlockError("damaged") from error
    if not isinstance(said, dict):
        raise BlockError("damaged")
    if said.get("schema") != SCHEMA:
        raise BlockError("schema")
    try:
        raw = sidecar.with_suffix(".npy").read_bytes()
        if hashlib.sha256(raw).hexdigest() != said["sha256"]:
            raise BlockError("damaged")
        cells = np.load(BytesIO(raw), allow_pickle=False)
        block = Block(np.array(said["rows"], dtype=np.int64), np.array(said["columns"], dtype=np.int64),
                      tuple(said["layers"]), cells)
        if (block_key(network, block) != sidecar.stem or cells.dtype != np.dtype("<u4")
                or cells.shape != (len(block.layers), len(block.rows), len(block.columns))):
            raise BlockError("damaged")
    except (KeyError, TypeError, ValueError, OverflowError, EOFError, FileNotFoundError) as error:
        if isinstance(error, FileNotFoundError) and not sidecar.exists():
            raise  # taken away as a whole while it was being read
        raise error if isinstance(error, BlockError) else BlockError("damaged") from error
    return block


def remove_block(sidecar: Path) -> None:
    """Takes a block away, sidecar first; nothing happens where it has gone already."""
    sidecar.unlink(missing_ok=True)
    if not sidecar.exists():  # else somebody has just written it anew
        sidecar.with_suffix(".npy").unlink(missing_ok=True)


def _canonical(said: dict[str, object]) -> bytes:
    return json.dumps(said, sort_keys=True, separators=(",", ":"), allow_nan=False).encode("ascii")


def replace_file(path: Path, content: bytes) -> None:
    """All of the content under its name, or nothing."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    if hasattr(os, "O_DIRECTORY"):  # where folders can be flushed, the new name is flushed too
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
