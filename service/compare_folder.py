"""What the JSON files of a folder say against what was written again: plan.json and every layer."""

from __future__ import annotations

import json
from collections.abc import Iterator
from math import isclose
from pathlib import Path
from typing import Any

from service.verify_again import Again
from service.verify_unchecked import is_unchecked

RELATIVE, ABSOLUTE = 1e-6, 1e-6
DEGREES = 2e-7
MOST = 40
Difference = tuple[str, str]
"""File and place, what is wrong there."""


def differences(folder: Path, again: Again) -> list[Difference]:
    """Where plan.json and the layers of a folder differ from what was written again, at most MOST per file."""
    made = json.loads(again.plan.model_dump_json())
    found = _file_differences("plan.json", folder / "plan.json", made)
    names = {p.name for p in again.layers.iterdir()} | {p.name for p in (folder / "layers").glob("*")}
    for name in sorted(names):
        stated, computed = folder / "layers" / name, again.layers / name
        if not stated.is_file() or not computed.is_file():
            found.append((f"layers/{name}", "is missing" if computed.is_file() else "does not belong here"))
        elif stated.read_bytes() != computed.read_bytes():
            found += _file_differences(f"layers/{name}", stated, json.loads(computed.read_text(encoding="utf-8")))
    return found


def _file_differences(name: str, stated: Path, made: Any) -> list[Difference]:
    try:
        said = read_json(stated)
    except (OSError, ValueError, RecursionError) as error:
        return [(name, f"is no JSON: {error}")]
    compared = diff_layer(said, made) if name.startswith("layers/") else diff(said, made, "")
    wanted = ((where, text) for where, text in compared if not is_unchecked(name, where))
    return [(f"{name} {where}", text) for (where, text), _ in zip(wanted, range(MOST), strict=False)]


def read_json(path: Path) -> Any:
    """A JSON document; ValueError where an object has a key twice, for which readers take different values."""
    return json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=_unrepeated)


def _unrepeated(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) != len(pairs):
        raise ValueError(f"an object has a key twice: {[key for key, _ in pairs]}")
    return document


def diff_layer(said: Any, made: Any) -> Iterator[Difference]:
    """Features compared by id, the rest of the document as it is."""
    if not isinstance(said, dict) or not isinstance(said.get("features"), list):
        yield "", "is no FeatureCollection"
        return
    here = {str(f.get("id")): f for f in said["features"] if isinstance(f, dict)}
    there = {str(f["id"]): f for f in made["features"]}
    if len(here) != len(said["features"]):
        yield "", "has features that are malformed or share an id"
    for name in sorted(there.keys() - here.keys()):
        yield name, "is missing"
    for name in sorted(here.keys() - there.keys()):
        yield name, "should not be there"
    for name in sorted(there.keys() & here.keys()):
        yield from diff(here[name], there[name], name)
    yield from diff({k: v for k, v in said.items() if k != "features"},
                    {k: v for k, v in made.items() if k != "features"}, "")


def diff(said: Any, made: Any, where: str, other: str = "computed") -> Iterator[Difference]:
    """Where two JSON values differ: (place, what); numbers beyond RELATIVE or ABSOLUTE, coordinates beyond DEGREES.

    `other` is what the second value is called.
    """
    if isinstance(said, bool) or isinstance(made, bool) or not (_number(said) and _number(made)):
        if type(said) is not type(made):
            yield where, f"says {said!r}, {other} {made!r}"
        elif isinstance(said, dict):
            for key in sorted(said.keys() | made.keys(), key=str):
                if key not in said or key not in made:
                    yield f"{where}.{key}", "is missing" if key in made else "should not be there"
                else:
                    yield from diff(said[key], made[key], f"{where}.{key}", other)
        elif isinstance(said, list):
            if len(said) != len(made):
                yield where, f"has {len(said)} entries, {other} {len(made)}"
            else:
                for number, (a, b) in enumerate(zip(said, made, strict=True)):
                    yield from diff(a, b, f"{where}[{number}]", other)
        elif said != made:
            yield where, f"says {said!r}, {other} {made!r}"
        return
    if said == made:
        return
    absolute = DEGREES if ".geometry" in where or "bbox" in where else ABSOLUTE
    if not isclose(said, made, rel_tol=0.0 if absolute == DEGREES else RELATIVE, abs_tol=absolute):
        yield where, f"says {said}, {other} {made}"


def _number(value: Any) -> bool:
    return isinstance(value, int | float)
