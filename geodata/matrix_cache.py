"""Matrices kept on disk, addressed by content: only cells that were never computed for this network are computed.

A network is known by the digest of its arrays, a cell by its two nodes; neither engine nor order matters. New cells
are kept as rectangles: a site added to known sites is one new row and one new column. The folder may be deleted at
any time.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from geodata.engines import AUTO
from geodata.matrices import Matrix, Router, router_for
from geodata.matrix_blocks import (
    DISTANCE,
    DURATION,
    NO_WAY,
    Block,
    BlockError,
    copy_cells,
    network_digest,
    read_block,
    remove_block,
    write_block,
)
from geodata.matrix_network import ArcNetwork, Bool, Int, UInt32
from geodata.matrix_prune import prune, touch

SIDE = 1024
"""Rows and columns of a stored block at most."""
MANY_BLOCKS = 64
"""A matrix put together from more blocks is stored again as a whole, and the blocks are taken away."""
FEW_SEARCHES = 4
"""So few rows or columns are searched plainly, even with a router at hand: labels would be needed for all others."""
MANY_SHAPES = 8
"""Beyond so many different rectangles of missing cells, one that covers them all is computed."""


@dataclass(frozen=True)
class Refused:
    """A file that was not used: `reason` is schema, damaged or unreadable, or not_written for one that is not there."""

    file: str
    reason: str


@dataclass(frozen=True)
class Kept:
    """A matrix and how it came about."""

    matrix: Matrix
    cells_read: int
    """Distinct cells that came from the folder."""
    computed: tuple[tuple[int, int], ...]
    """Rows and columns of each rectangle that was computed."""
    refused: tuple[Refused, ...]


@dataclass(frozen=True)
class Checked:
    """Cells of the folder that were computed again, and those that turned out different: (source, target)."""

    cell_count: int
    differing: tuple[tuple[int, int], ...]
    refused: tuple[Refused, ...]


@dataclass
class _Sheet:
    """The distinct cells asked for, filled bit by bit."""

    rows: Int
    columns: Int
    layers: tuple[str, ...]
    cells: UInt32
    known: Bool
    refused: list[Refused] = field(default_factory=list)
    blocks: list[Path] = field(default_factory=list)
    """Sidecars of blocks that lie in the sheet as a whole."""

    def take(self, block: Block) -> bool:
        """Cells of a block that were asked for and not known; whether the block lies in the sheet as a whole."""
        if not set(self.layers) <= set(block.layers):
            return False
        row, row_in = _places(self.rows, block.rows)
        column, column_in = _places(self.columns, block.columns)
        for at, layer in enumerate(self.layers):
            copy_cells(block.cells[block.layers.index(layer)], row_in, column_in, self.cells[at], row, column)
        self.known[np.ix_(row, column)] = True
        return len(row) == len(block.rows) and len(column) == len(block.columns) and self.layers == block.layers


@dataclass(frozen=True)
class MatrixCache:
    """A folder of matrices; it is made when the first is kept."""

    folder: Path
    limit_bytes: int | None = None
    """What the folder may hold, orders included; what was used longest ago goes first. None: no limit."""

    def matrix(self, network: ArcNetwork, sources: ArrayLike, targets: ArrayLike, engine: str = AUTO, *,
               with_distance: bool = False, router: Router | None = None, digest: str | None = None) -> Kept:
        """From every source node to every target node, as geodata.matrices.matrix gives it; new cells are kept.

        A router of this network saves ordering it again, its network_digest hashing it again. Errors as in
        Router.matrix; files that cannot be used or written are named in the answer.
        """
        if router is not None and router.network is not network:
            raise ValueError("the router is one of another network")
        asked_rows, asked_columns = network.nodes(sources), network.nodes(targets)
        layers = (DURATION, DISTANCE) if with_distance else (DURATION,)
        digest = digest or network_digest(network)
        sheet = self._sheet(digest, np.unique(asked_rows), np.unique(asked_columns), layers)
        read = int(sheet.known.sum())
        shapes = []
        for rows, columns in _rectangles(~sheet.known):
            side = min(len(rows), len(columns))
            if router is None or (side <= FEW_SEARCHES and engine == AUTO):
                router = router_for(network, engine, side)
            block = _computed(router, sheet.rows[rows], sheet.columns[columns], layers)
            sheet.take(block)
            shapes.append((len(rows), len(columns)))
            self._keep(digest, block, router.order.engine, sheet)
        if len(sheet.blocks) > MANY_BLOCKS:
            self._merge(digest, sheet)
        if shapes and self.limit_bytes is not None:
            prune(self.folder, self.limit_bytes)
        return Kept(_asked(sheet, asked_rows, asked_columns), read, tuple(shapes), tuple(sheet.refused))

    def check(self, network: ArcNetwork, cell_count: int = 100, seed: int = 0) -> Checked:
        """About so many random cells of this network computed again by scipy (distances by an uncontracted search)."""
        digest = network_digest(network)
        random, refused = np.random.default_rng(seed), list[Refused]()
        found = [block for path in self._sidecars(digest) if (block := _read(path, digest, refused)) is not None]
        sizes = np.array([block.cells[0].size for block in found], dtype=np.float64)
        if not sizes.sum():
            return Checked(0, (), tuple(refused))
        router = router_for(network, "shortest")
        done, differing = 0, list[tuple[int, int]]()
        for at, count in enumerate(random.multinomial(cell_count, sizes / sizes.sum())):
            block = found[at]
            cells = random.integers(0, [[len(block.rows)], [len(block.columns)]], (2, count))
            for row in np.unique(cells[0]):
                column = np.unique(cells[1][cells[0] == row])
                again = _computed(router, block.rows[[row]], block.columns[column], block.layers)
                done += len(column)
                wrong = (again.cells[:, 0] != block.cells[:, row][:, column]).any(axis=0)
                differing += [(int(block.rows[row]), int(block.columns[c])) for c in column[wrong]]
        return Checked(done, tuple(differing), tuple(refused))

    def _sidecars(self, digest: str) -> list[Path]:
        return sorted((self.folder / digest).glob("*.json"))

    def _sheet(self, digest: str, rows: Int, columns: Int, layers: tuple[str, ...]) -> _Sheet:
        sheet = _Sheet(rows, columns, layers, np.zeros((len(layers), len(rows), len(columns)), dtype=np.uint32),
                       np.zeros((len(rows), len(columns)), dtype=np.bool_))
        for sidecar in self._sidecars(digest):
            block = _read(sidecar, digest, sheet.refused)
            if block is None:
                continue
            before = int(sheet.known.sum())
            if sheet.take(block):
                sheet.blocks.append(sidecar)
            if self.limit_bytes is not None and int(sheet.known.sum()) > before:
                touch(sidecar)
        return sheet

    def _keep(self, digest: str, block: Block, engine: str, sheet: _Sheet) -> None:
        """A rectangle in pieces of bounded size, so that what is damaged is small."""
        for top in range(0, len(block.rows), SIDE):
            for left in range(0, len(block.columns), SIDE):
                row, column = slice(top, top + SIDE), slice(left, left + SIDE)
                piece = Block(block.rows[row], block.columns[column], block.layers, block.cells[:, row, column])
                try:
                    sheet.blocks.append(write_block(self.folder / digest, digest, piece, engine))
                except OSError as error:  # a full or locked disk costs time later, not the answer
                    sheet.refused.append(Refused(str(error.filename or self.folder), "not_written"))
                    return

    def _merge(self, digest: str, sheet: _Sheet) -> None:
        """The whole sheet instead of many small blocks; those that others need are not among them."""
        small, sheet.blocks = sheet.blocks, []
        before = len(sheet.refused)
        self._keep(digest, Block(sheet.rows, sheet.columns, sheet.layers, sheet.cells), "several", sheet)
        if len(sheet.refused) == before:
            for sidecar in set(small) - set(sheet.blocks):
                remove_block(sidecar)


def _read(sidecar: Path, digest: str, refused: list[Refused]) -> Block | None:
    """A block, or None with a word why not; what is damaged is taken away, so that it is not met again."""
    try:
        return read_block(sidecar, digest)
    except FileNotFoundError:
        return None  # merged by somebody else just now
    except BlockError as error:
        refused.append(Refused(str(sidecar), error.reason))
        if error.reason == "damaged":
            remove_block(sidecar)
    except OSError:
        refused.append(Refused(str(sidecar), "unreadable"))
    return None


def _places(asked: Int, held: Int) -> tuple[Int, Int]:
    """Positions in `asked` (ascending) of nodes that are also in `held`, and their positions there."""
    _, in_asked, in_held = np.intersect1d(asked, held, assume_unique=True, return_indices=True)
    return in_asked.astype(np.int64), in_held.astype(np.int64)


def _rectangles(missing: Bool) -> list[tuple[Int, Int]]:
    """Rows and columns of rectangles that cover the missing cells: rows that miss the same columns go together."""
    rows = np.flatnonzero(missing.any(axis=1))
    if len(rows) == 0:
        return []
    alike: dict[bytes, list[int]] = {}
    for row, pattern in zip(rows, np.packbits(missing[rows], axis=1), strict=True):
        alike.setdefault(pattern.tobytes(), []).append(int(row))
    if len(alike) > MANY_SHAPES:
        return [(rows, np.flatnonzero(missing.any(axis=0)))]
    rectangles = [(np.array(group, dtype=np.int64), np.flatnonzero(missing[group[0]])) for group in alike.values()]
    # the largest first, since the engine is chosen by it
    return sorted(rectangles, key=lambda r: min(len(r[0]), len(r[1])), reverse=True)


def _computed(router: Router, rows: Int, columns: Int, layers: tuple[str, ...]) -> Block:
    found = router.matrix(rows, columns, with_distance=DISTANCE in layers)
    cells = [np.where(found.unreachable, np.uint32(NO_WAY), found.duration_ms)]
    if found.distance_m is not None:
        millimetres = np.round(found.distance_m * 1000.0).astype(np.uint32)
        cells.append(np.where(found.unreachable, np.uint32(NO_WAY), millimetres))
    return Block(rows, columns, layers, np.stack(cells))


def _asked(sheet: _Sheet, rows: Int, columns: Int) -> Matrix:
    """The cells in the order in which they were asked for, repetitions included."""
    row, column = np.searchsorted(sheet.rows, rows), np.searchsorted(sheet.columns, columns)
    picked = np.empty((len(sheet.layers), len(row), len(column)), dtype=np.uint32)
    for given, out in zip(sheet.cells, picked, strict=True):
        copy_cells(given, row, column, out, np.arange(len(row)), np.arange(len(column)))
    unreachable = picked[0] == NO_WAY
    picked[:, unreachable] = 0
    return Matrix(picked[0], unreachable, picked[1] / 1000.0 if len(picked) > 1 else None)
