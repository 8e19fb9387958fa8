"""Edits of result folders, as an accident or a forger makes them, and the hashes a forger makes again.

Written without the code of the manifest: what is sealed here must be what verify reads.
"""

from __future__ import annotations

import copy
import hashlib
import json
import random
import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

Forgery = Callable[[Path], None]
Layer = dict[str, Any]


def edit(folder: Path, name: str, change: Callable[[Any], None]) -> None:
    """Change a JSON file in place."""
    path = folder / name
    document = json.loads(path.read_text(encoding="utf-8"))
    change(document)
    path.write_text(json.dumps(document, ensure_ascii=False), encoding="utf-8")


def edit_yaml(folder: Path, name: str, change: Callable[[Any], None]) -> None:
    """Change a YAML file in place."""
    path = folder / name
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    change(document)
    path.write_text(yaml.safe_dump(document, allow_unicode=True, sort_keys=False), encoding="utf-8")


def seal(folder: Path, *, inputs: Path | None = None, files: bool = True) -> None:
    """Write the hashes of the manifest again, as a forger would; with `inputs`, also that of the one input file.

    Without `files` only the manifest's hash of itself, after an edit of the manifest.
    """
    def change(manifest: dict[str, Any]) -> None:
        for kind in ("config", "outputs") if files else ():
            manifest[kind] = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest()
                              for name in manifest[kind] if (folder / name).is_file()}
        for entry in manifest["inputs"] if inputs is not None else ():
            entry["sha256"] = hashlib.sha256(inputs.read_bytes()).hexdigest()
        content = {name: value for name, value in manifest.items() if name != "content_sha256"}
        text = json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        manifest["content_sha256"] = hashlib.sha256(text.encode()).hexdigest()

    edit(folder, "manifest.json", change)


# -- one field at random ------------------------------------------------------------------------------------

@dataclass(frozen=True)
class Edit:
    """An edit of one field: its file, its place there, and how it is made (in place)."""

    file: str
    place: str
    old: Any
    new: Any

    def __str__(self) -> str:
        return f"{self.file} {self.place}: {str(self.old)[:60]!r} -> {str(self.new)[:60]!r}"


KINDS = ("plan.json", "certificate.json", "manifest.json", "layers", "plan.gpkg", "certificate.npz", "yaml",
         "report.html")


def edit_at_random(folder: Path, kind: str, dice: random.Random) -> Edit:
    """Change one field of a file of a kind (see KINDS) in place."""
    if kind == "layers":
        return _edit_json(folder, f"layers/{dice.choice(sorted(p.name for p in (folder / 'layers').iterdir()))}", dice)
    if kind == "plan.gpkg":
        return _edit_cell(folder, dice)
    if kind == "certificate.npz":
        return _edit_array(folder, dice)
    if kind == "yaml":
        names = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*.yaml"))
        return _edit_yaml(folder, dice.choice(names), dice)
    return _edit_report(folder, dice) if kind == "report.html" else _edit_json(folder, kind, dice)


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Paths of all numbers, texts and nulls in a JSON document."""
    if isinstance(value, dict | list):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, item in items:
            yield from leaves(item, (*path, key))
    else:
        yield path


def place_of(path: tuple[Any, ...]) -> str:
    """A path as verify writes it: .a.b[0]."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)


def other(value: Any, dice: random.Random) -> Any:
    """Something else of the same kind, or nothing; numbers by a ten-thousandth at least."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + dice.choice([-1, 1])
    if isinstance(value, float):
        return value + dice.choice([-1, 1]) * max(abs(value) * dice.choice([0.001, 0.1, 1.0]), 1e-4)
    return dice.choice([f"{value}x", None, 7]) if value is not None else dice.choice(["x", 1.5])


def _edit_leaf(document: Any, dice: random.Random) -> tuple[str, Any, Any]:
    *way, last = path = dice.choice(list(leaves(document)))
    at = document
    for step in way:
        at = at[step]
    old, at[last] = at[last], other(at[last], dice)
    return place_of(tuple(path)), old, at[last]


def _edit_json(folder: Path, name: str, dice: random.Random) -> Edit:
    document = json.loads((folder / name).read_text(encoding="utf-8"))
    place, old, new = _edit_leaf(document, dice)
    (folder / name).write_text(json.dumps(document, ensure_ascii=False), encoding="utf-8")
    return Edit(name, place, old, new)


def _edit_yaml(folder: Path, name: str, dice: random.Random) -> Edit:
    document = yaml.safe_load((folder / name).read_text(encoding="utf-8"))
    place, old, new = _edit_leaf(document, dice)
    (folder / name).write_text(yaml.safe_dump(document, allow_unicode=True, sort_keys=False), encoding="utf-8")
    return Edit(name, place, old, new)


def _edit_array(folder: Path, dice: random.Random) -> Edit:
    with np.load(folder / "certificate.npz") as stored:
        arrays = {name: stored[name] for name in stored.files}
    name = dice.choice(sorted(n for n, a in arrays.items() if a.size))
    array = copy.copy(arrays[name]).reshape(-1)
    at = dice.randrange(array.size)
    old = array[at].item()
    array[at] = old + dice.choice([-1, 1]) * max(1, abs(old) // 3) if array.dtype.kind == "i" else other(old, dice)
    new = array[at].item()
    arrays[name] = array.reshape(arrays[name].shape)
    np.savez_compressed(folder / "certificate.npz", allow_pickle=False, **arrays)
    return Edit("certificate.npz", f"{name}[{at}]", old, new)


def _edit_cell(folder: Path, dice: random.Random) -> Edit:
    """Any cell of any table but those of the spatial index, which plain SQLite may not write."""
    with geopackage(folder) as base:
        tables = [n for n, in base.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
                  if not n.startswith("rtree_") and base.execute(f'SELECT COUNT(*) FROM "{n}"').fetchone()[0]]
        table = dice.choice(sorted(tables))
        columns = [row[1] for row in base.execute(f'PRAGMA table_info("{table}")')]
        row = dice.choice(base.execute(f'SELECT rowid, * FROM "{table}"').fetchall())
        number = dice.randrange(len(columns))
        old = row[number + 1]
        new = bytes([*old[:-3], old[-3] ^ 1, *old[-2:]]) if isinstance(old, bytes) else other(old, dice)
        try:
            base.execute(f'UPDATE "{table}" SET "{columns[number]}" = ? WHERE rowid = ?', (new, row[0]))
        except sqlite3.IntegrityError:  # a key, or a cell that may not be empty
            new = 10_000 + dice.randrange(1000) if isinstance(old, int) else f"{old}y"
            base.execute(f'UPDATE "{table}" SET "{columns[number]}" = ? WHERE rowid = ?', (new, row[0]))
    return Edit("plan.gpkg", f"{table}.{columns[number]}", old, new)


@contextmanager
def geopackage(folder: Path) -> Iterator[sqlite3.Connection]:
    """plan.gpkg open for edits. Its triggers call functions only spatial programs have: they rest meanwhile."""
    with closing(sqlite3.connect(folder / "plan.gpkg")) as base:
        triggers = base.execute("SELECT * FROM sqlite_master WHERE type = 'trigger'").fetchall()
        base.execute("PRAGMA writable_schema = ON")
        base.execute("DELETE FROM sqlite_master WHERE type = 'trigger'")
        base.commit()
        base.execute("PRAGMA writable_schema = RESET")
        yield base
        base.execute("PRAGMA writable_schema = ON")
        base.executemany("INSERT INTO sqlite_master VALUES (?, ?, ?, ?, ?)", triggers)
        base.commit()


def _edit_report(folder: Path, dice: random.Random) -> Edit:
    """A number or a word of the page."""
    path = folder / "report.html"
    text = path.read_text(encoding="utf-8")
    match = dice.choice(list(re.finditer(r"\d+|[A-Za-z\u4e00-\u9fff]+", text)))
    old = match.group()
    new = str(int(old) + dice.choice([2, 3, 10])).zfill(len(old)) if old.isdigit() else f"{old}x"
    path.write_text(text[:match.start()] + new + text[match.end():], encoding="utf-8")
    return Edit("report.html", str(match.start()), old, new)
