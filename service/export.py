"""`recynet export`: one file out of a result folder, by the suffix of the target."""

from __future__ import annotations

import csv
import json
import shutil
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from service.cache_folder import CACHE_FOLDER
from service.plan_json import read_plan_json

COPIED = {".gpkg": "plan.gpkg", ".html": "report.html", ".json": "plan.json"}
SUFFIXES = (*COPIED, ".geojson", ".csv", ".zip")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


class ExportError(ValueError):
    """What was asked for cannot be exported; the message says what can."""


def export_run(folder: Path, target: Path, layer: str | None = None) -> None:
    """Write one file from a result folder.

    .gpkg, .html and .json copy the package, the report and the plan; .geojson copies one layer and .csv tabulates it
    (`layer`, else the layer the target is named after; a .csv named otherwise holds the sites of all tiers); .zip holds
    everything. ExportError for another suffix, an unknown layer or a folder that is no result.
    """
    if not (folder / "plan.json").is_file():
        raise ExportError(f"{folder} is no result folder: it has no plan.json")
    suffix = target.suffix.lower()
    if suffix in COPIED:
        _copy(folder / COPIED[suffix], target)
    elif suffix == ".geojson":
        _copy(_layer_path(folder, layer or target.stem), target)
    elif suffix == ".csv":
        _write_csv(target, _rows(folder, layer or target.stem, named=layer is not None))
    elif suffix == ".zip":
        _write_zip(folder, target)
    else:
        raise ExportError(f"no export to '{target.suffix}'; use one of {', '.join(SUFFIXES)}")


def _copy(source: Path, target: Path) -> None:
    if not source.is_file():
        raise ExportError(f"the result has no {source.name}")
    shutil.copyfile(source, target)


def _layer_path(folder: Path, layer: str) -> Path:
    known = sorted(p.stem for p in (folder / "layers").glob("*.geojson"))
    if layer not in known:
        raise ExportError(f"there is no layer '{layer}'; layers: {', '.join(known)}")
    return folder / "layers" / f"{layer}.geojson"


def _rows(folder: Path, layer: str, *, named: bool) -> list[dict[str, Any]]:
    """The features of a layer, or of all tiers, as flat rows; points with longitude and latitude."""
    known = {p.stem for p in (folder / "layers").glob("*.geojson")}
    tiers = [t.id for t in read_plan_json(folder / "plan.json").tiers if t.id in known]
    wanted = [layer] if named or layer in known else tiers
    rows: list[dict[str, Any]] = []
    for name in wanted:
        document = json.loads(_layer_path(folder, name).read_bytes())
        for feature in document["features"]:
            row = {"id": feature["id"], **feature["properties"]}
            geometry = feature["geometry"]
            if geometry is not None and geometry["type"] == "Point":
                row["longitude"], row["latitude"] = geometry["coordinates"]
            rows.append(row)
    return rows


def _write_csv(target: Path, rows: list[dict[str, Any]]) -> None:
    """UTF-8 with a byte-order mark, so that a spreadsheet shows Chinese; no cell can be read as a formula."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    with target.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(_cells(row.get(name) for name in columns) for row in rows)


def _cells(values: Iterable[Any]) -> list[Any]:
    return [f"'{v}" if isinstance(v, str) and v.startswith(_FORMULA) else v for v in values]


def _write_zip(folder: Path, target: Path) -> None:
    """All files of the result under its name, in a fixed order and with a fixed time: same result, same archive.

    What `resolve` keeps to save time (the folder `cache`) is left out.
    """
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(p for p in folder.rglob("*") if p.is_file() and p.resolve() != target.resolve()
                           and p.parent != folder / CACHE_FOLDER):
            entry = zipfile.ZipInfo(f"{folder.name}/{path.relative_to(folder).as_posix()}", (1980, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, path.read_bytes())
