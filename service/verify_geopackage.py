"""What plan.gpkg says against the same file written again: every cell of every table, by plain SQLite.

Read as SQLite, not by GDAL, so that nothing GDAL would overlook is overlooked: styles, metadata, spatial index.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import shapely

from service.compare_folder import ABSOLUTE, DEGREES, RELATIVE
from service.verify_unchecked import is_unchecked

GEOPACKAGE = "plan.gpkg"
BESIDE = ("-wal", "-journal", "-shm")
"""Files of SQLite beside a database: what they hold would be read instead of what the database holds."""
INDEX_DEGREES = 2e-5
"""The spatial index keeps single precision: 114 degrees to 8e-6."""
MOST = 40
SAID_OF_LAYERS = frozenset({"gpkg_contents", "gpkg_geometry_columns"})
"""Tables of the standard with title, extent and kind of every layer."""
_PARTS = ("_node", "_rowid", "_parent")
Row = tuple[Any, ...]


def geopackage_differences(folder: Path, made: Path, *, same_writer: bool) -> Iterator[tuple[str, str]]:
    """Where plan.gpkg of a folder differs from the one written again: (place, what), one per column.

    Without `same_writer` the tables that GDAL keeps for itself are left out, as its versions fill them differently,
    except those that say what the layers are.
    """
    for suffix in BESIDE:
        if (folder / f"{GEOPACKAGE}{suffix}").exists():
            yield f"{GEOPACKAGE}{suffix}", "does not belong here: its content would be read instead of the plan's"
    try:
        with closing(_opened(folder / GEOPACKAGE)) as said, closing(_opened(made)) as again:
            yield from islice(_differences(said, again, same_writer), MOST)
    except sqlite3.Error as error:
        yield GEOPACKAGE, f"cannot be read: {error}"


def _opened(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro&immutable=1", uri=True)


def _differences(said: sqlite3.Connection, again: sqlite3.Connection, same_writer: bool) -> Iterator[tuple[str, str]]:
    here, there = _objects(said), _objects(again)
    layers = {name for name, in again.execute("SELECT table_name FROM gpkg_geometry_columns")} | {"layer_styles"}
    for kind, name in sorted(here.keys() ^ there.keys()):
        # triggers and indexes differ between versions of GDAL; a table or view more or less is content
        if same_writer or kind == "view" or (kind == "table" and not name.startswith(("gpkg_", "rtree_", "sqlite_"))):
            yield f"{GEOPACKAGE} {kind} {name}", "is missing" if (kind, name) in there else "should not be there"
    for kind, name in sorted(here.keys() & there.keys()):
        if (same_writer or name in layers) and here[kind, name] != there[kind, name]:
            yield f"{GEOPACKAGE} {kind} {name}", "is not defined as a result has it"
        elif kind == "table" and (same_writer or name in layers | SAID_OF_LAYERS) and not name.startswith("rtree_"):
            yield from _table_differences(said, again, name)
    for name in sorted(layers - {"layer_styles"}):
        if ("table", f"rtree_{name}_geom") in here.keys() & there.keys():
            yield from _index_differences(said, again, f"rtree_{name}_geom")


def _objects(base: sqlite3.Connection) -> dict[tuple[str, str], str]:
    """The definition of each table, view, index and trigger by kind and name."""
    found = base.execute("SELECT type, name, sql FROM sqlite_master WHERE name != 'sqlite_stat1'")
    return {(str(kind), str(name)): " ".join((sql or "").split()) for kind, name, sql in found}


def _table_differences(said: sqlite3.Connection, again: sqlite3.Connection, name: str) -> Iterator[tuple[str, str]]:
    here, there = _rows(said, name), _rows(again, name)
    if len(here) != len(there):
        yield f"{GEOPACKAGE} {name}", f"has {len(here)} rows, computed {len(there)}"
        return
    if here == there:
        return
    columns = [str(row[1]) for row in again.execute(f'PRAGMA table_info("{name}")')]
    id_column = columns.index("id") if "id" in columns else 0
    for number, column in enumerate(columns):
        place = f"{name}.{column}"
        if is_unchecked(GEOPACKAGE, place):
            continue
        wrong = [row for row, (a, b) in enumerate(zip(here, there, strict=True))
                 if a[number] != b[number] and not _same(a[number], b[number], column)]
        if wrong:
            first = wrong[0]
            words = "" if column == "geom" else (f": says {str(here[first][number])[:60]!r}, "
                                                 f"computed {str(there[first][number])[:60]!r}")
            yield (f"{GEOPACKAGE} {place}",
                   f"differs in {len(wrong)} rows, first in '{there[first][id_column]}'{words}")


def _rows(base: sqlite3.Connection, name: str) -> list[Row]:
    return sorted(base.execute(f'SELECT * FROM "{name}"').fetchall(), key=lambda row: str(row[0]))


def _same(said: Any, made: Any, column: str) -> bool:
    if isinstance(said, float) and isinstance(made, float):
        if column in ("min_x", "min_y", "max_x", "max_y"):
            return abs(said - made) <= DEGREES
        return abs(said - made) <= max(ABSOLUTE, RELATIVE * max(abs(said), abs(made)))
    if column == "geom" and isinstance(said, bytes) and isinstance(made, bytes):
        return _same_geometry(said, made)
    return type(said) is type(made) and bool(said == made)


def _same_geometry(said: bytes, made: bytes) -> bool:
    """Two geometries of a GeoPackage: the same head, box and shape within DEGREES (OGC 12-128r15, 2.1.3)."""
    sizes = {0: 0, 1: 32, 2: 48, 3: 48, 4: 64}
    if len(said) < 8 or said[:8] != made[:8]:
        return False
    end = 8 + sizes.get(made[3] >> 1 & 7, 0)
    boxes = [np.frombuffer(blob[8:end], dtype="<f8" if made[3] & 1 else ">f8") for blob in (said[:end], made[:end])]
    if boxes[0].shape != boxes[1].shape or not np.allclose(boxes[0], boxes[1], rtol=0.0, atol=DEGREES, equal_nan=True):
        return False
    try:
        shapes = [shapely.from_wkb(blob[end:]) for blob in (said, made)]
    except (shapely.GEOSException, ValueError):
        return False
    return bool(shapely.equals_exact(shapes[0], shapes[1], tolerance=DEGREES))


def _index_differences(said: sqlite3.Connection, again: sqlite3.Connection, name: str) -> Iterator[tuple[str, str]]:
    """The spatial index, part by part; where the bits differ, the boxes it holds."""
    if all(_rows(said, f"{name}{part}") == _rows(again, f"{name}{part}") for part in _PARTS):
        return
    boxes = []
    for base in (said, again):
        found: Sequence[Row] = base.execute(f'SELECT * FROM "{name}" ORDER BY id').fetchall()
        boxes.append(np.array(found, dtype=np.float64))
    if boxes[0].shape != boxes[1].shape or not np.allclose(boxes[0], boxes[1], rtol=0.0, atol=INDEX_DEGREES):
        yield f"{GEOPACKAGE} {name}", "the spatial index leads elsewhere: features would be missed"
