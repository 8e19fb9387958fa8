"""What a result folder says against what its choices make: every layer and plan.json written again and compared."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from math import isclose
from pathlib import Path
from typing import Any

from service.plan_document import plan_document
from service.plan_json import PlanJson
from service.publish_layers import STREETS, layers_of, street_layer, write_layers
from service.result_tables import Outcome

RELATIVE, ABSOLUTE = 1e-6, 1e-6
DEGREES = 2e-7
MOST = 40


def differences(folder: Path, out: Outcome, plan: PlanJson) -> list[tuple[str, str]]:
    """Where the folder differs from what was computed again, at most MOST per file: (file and place, what)."""
    found = [(f"plan.json {where}", text) for where, text in _limited(
        diff(plan.model_dump(mode="json"), plan_document(out, plan.timings_s).model_dump(mode="json"), ""))]
    with tempfile.TemporaryDirectory() as temporary:
        again = Path(temporary)
        write_layers(again, out, {**layers_of(out), STREETS: street_layer(out)})
        names = {p.name for p in again.iterdir()} | {p.name for p in (folder / "layers").glob("*")}
        for name in sorted(names):
            stated, computed = folder / "layers" / name, again / name
            if not stated.is_file() or not computed.is_file():
                found.append((f"layers/{name}", "is missing" if computed.is_file() else "does not belong here"))
                continue
            try:
                said = json.loads(stated.read_text(encoding="utf-8"))
            except (ValueError, RecursionError) as error:
                found.append((f"layers/{name}", f"is no JSON: {error}"))
                continue
            made = json.loads(computed.read_text(encoding="utf-8"))
            found += [(f"layers/{name} {where}", text) for where, text in _limited(_diff_layer(said, made))]
    return found


def _limited(items: Iterator[tuple[str, str]]) -> list[tuple[str, str]]:
    return [item for item, _ in zip(items, range(MOST), strict=False)]


def _diff_layer(said: Any, made: Any) -> Iterator[tuple[str, str]]:
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


def diff(said: Any, made: Any, where: str) -> Iterator[tuple[str, str]]:
    """Where two JSON values differ: (place, what); numbers beyond RELATIVE or ABSOLUTE, coordinates beyond DEGREES."""
    if isinstance(said, bool) or isinstance(made, bool) or not (_number(said) and _number(made)):
        if type(said) is not type(made):
            yield where, f"says {said!r}, computed {made!r}"
        elif isinstance(said, dict):
            for key in sorted(said.keys() | made.keys()):
                if key not in said or key not in made:
                    yield f"{where}.{key}", "is missing" if key in made else "should not be there"
                else:
                    yield from diff(said[key], made[key], f"{where}.{key}")
        elif isinstance(said, list):
            if len(said) != len(made):
                yield where, f"has {len(said)} entries, computed {len(made)}"
            else:
                for number, (a, b) in enumerate(zip(said, made, strict=True)):
                    yield from diff(a, b, f"{where}[{number}]")
        elif said != made:
            yield where, f"says {said!r}, computed {made!r}"
        return
    absolute = DEGREES if ".geometry" in where or "bbox" in where else ABSOLUTE
    if not isclose(said, made, rel_tol=0.0 if absolute == DEGREES else RELATIVE, abs_tol=absolute):
        yield where, f"says {said}, computed {made}"


def _number(value: Any) -> bool:
    return isinstance(value, int | float)
