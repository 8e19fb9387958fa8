"""`recynet audit --fix`: the inputs of a study with everything put right that can be, as a study of its own.

A folder with fixed.gpkg (one layer per input, WGS 84), fixes.csv (every change) and a study file that uses them.
"""

from __future__ import annotations

import csv
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from geodata.demand_input import COUNTED_ZONES, UNCOUNTED
from geodata.repair import Repair, Repaired, repaired
from geodata.tables import COMMUNITIES, EXCLUSIONS, EXISTING_SITES, LAND, ROADS, ZONES, Fault, Table
from service.manifest import CONFIG_KINDS
from service.study import SourceConfig, Study, override
from service.yaml_files import read_yaml_file

PACKAGE, LOG, STUDY = "fixed.gpkg", "fixes.csv", "study.yaml"
_TABLES = {"communities": COMMUNITIES, "roads": ROADS, "land": LAND, "zones": ZONES, "existing_sites": EXISTING_SITES}
_AS_THEY_ARE = frozenset({"edits", "elevation", "population", "control_totals", "generators", "points_of_interest"})
"""Inputs that are no layers with outlines and ids to mend."""
_READING = ("crs", "encoding", "columns", "layer", "path")
"""What a study says about reading a file, which the repaired one no longer needs."""


@dataclass(frozen=True)
class Fixed:
    """What was written, what was changed, and what is left to somebody who knows the place."""

    study: Path
    repairs: tuple[Repair, ...]
    left: tuple[Fault, ...]


def write_repaired(study: Study, folder: Path, overrides: Sequence[str] = ()) -> Fixed:
    """The repaired study in a folder, which is made; layers that cannot be used keep their file and are told in `left`.

    `overrides` are those the study was loaded with; they go into the new file.

    FileExistsError where the folder holds something already.
    """
    if folder.exists() and any(folder.iterdir()):
        raise FileExistsError(f"{folder} is not empty")
    folder.mkdir(parents=True, exist_ok=True)
    done: dict[str, Repaired] = {}
    for name, source in study.inputs.named():
        if name.partition(".")[0] in _AS_THEY_ARE:
            continue  # heights and places of interest are used as they are
        found = repaired(source.source(), _table(name, study))
        if found.frame is not None:
            found.frame.to_file(folder / PACKAGE, layer=_layer(name), driver="GPKG")
        done[name] = found
    repairs = tuple(repair for found in done.values() for repair in found.repairs)
    _write_log(folder / LOG, repairs)
    usable = {name for name, found in done.items() if found.frame is not None}
    left = tuple(f for found in done.values() for f in found.left)
    return Fixed(_write_study(study, folder, usable, overrides), repairs, left)


def _table(name: str, study: Study) -> Table:
    tables = _TABLES if study.demand_input() is None else {**_TABLES, "communities": UNCOUNTED, "zones": COUNTED_ZONES}
    return tables.get(name, EXCLUSIONS)


def _layer(name: str) -> str:
    return name.replace(".", "_")


def _write_log(path: Path, repairs: tuple[Repair, ...]) -> None:
    with path.open("w", encoding="utf-8-sig", newline="") as stream:  # with a mark, so that Excel reads Chinese ids
        writer = csv.writer(stream)
        writer.writerow(["layer", "id", "code", "change"])
        writer.writerows([r.layer, r.feature_id or "", r.code, r.detail] for r in repairs)


def _write_study(study: Study, folder: Path, usable: set[str], overrides: Sequence[str]) -> Path:
    """The study file with the repaired layers for inputs; local networks and rules come along."""
    data = read_yaml_file(study.file)
    override(data, overrides, study.file.name)  # sound: the study was loaded with them
    inputs = data["inputs"]
    exclusions = {f"exclusions.{entry['name']}": entry for entry in inputs.get("exclusions", [])}
    for layer, unnamed in (("points_of_interest", "poi"), ("generators", "sources")):
        points = inputs.get(layer, [])
        exclusions |= {f"{layer}.{entry.get('name', unnamed)}": entry
                       for entry in (points if isinstance(points, list) else [points])}
    for name, source in study.inputs.named():
        entry = exclusions.get(name, inputs.get(name))
        if entry is not None:
            _point(entry, name, source, usable)
    for local in CONFIG_KINDS:
        if (study.folder / local).is_dir():
            shutil.copytree(study.folder / local, folder / local)
    path = folder / STUDY
    path.write_text(yaml.safe_dump(data, allow_unicode=True, sort_keys=False), encoding="utf-8")
    return path


def _point(entry: dict[str, Any], name: str, source: SourceConfig, usable: set[str]) -> None:
    """An input of the study file turned to the repaired layer, or to its own file by full path."""
    if name not in usable:
        entry["path"] = str(source.path)
        return
    for key in _READING:
        entry.pop(key, None)
    entry.update(path=PACKAGE, layer=_layer(name))
