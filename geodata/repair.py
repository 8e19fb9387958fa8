"""What can be put right in an input without a guess: outlines that cross themselves, repeated ids, copies, empty rows.

Everything that was changed is listed. What needs somebody who knows the place stays as it is, for the audit to name.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from geodata.crs import declared, looks_swapped, to_wgs84
from geodata.readers import Source, read_source, renames_of
from geodata.tables import DataError, Fault, Table, text_column

Objects = NDArray[np.object_]


@dataclass(frozen=True)
class Repair:
    """One change: what was done to which feature."""

    layer: str
    feature_id: str | None
    code: str
    detail: str


@dataclass(frozen=True)
class Repaired:
    """A layer on WGS 84 under our column names, what was changed, and faults that only somebody else can mend."""

    frame: gpd.GeoDataFrame | None
    repairs: tuple[Repair, ...]
    left: tuple[Fault, ...]


def repaired(source: Source, declaration: Table) -> Repaired:
    """A layer with everything put right that can be; `frame` is None where the file or its columns cannot be used."""
    name = declaration.name
    try:
        read = read_source(source)
        frame, faults = declaration.check(read.frame, renames_of(source), source.file, source.layer or name)
        if frame is None:
            return Repaired(None, (), (*read.notes, *faults))
        frame, swapped = _unswapped(frame, source, name)
        frame, _ = declared(frame, source.crs, source.file, source.layer or name)
    except DataError as error:
        return Repaired(None, (), tuple(replace(f, layer=f.layer or name) for f in error.faults))
    nameless = {f.feature_id for f in faults if f.code == "id_missing"}
    repairs = [*swapped]
    for mend in (_without_empty, _valid, _without_copies):
        frame, done = mend(frame, name)
        repairs += done
    frame, named = _named(frame, nameless, name)
    frame, numbered = _unique_ids(frame, name)
    repairs += [*named, *numbered]
    if any(f.code == "id_synthetic" for f in faults):  # the file had none, and needs none
        frame = frame.drop(columns="id")
    left = (f for f in (*read.notes, *faults) if not _mended(f, repairs))
    return Repaired(to_wgs84(frame), tuple(repairs), tuple(left))


def _mended(found: Fault, repairs: list[Repair]) -> bool:
    """Whether a fault is gone: rows without an id or shape and repeated ids all are, outlines one by one."""
    if found.code == "geometry_invalid":
        return any(r.code == found.code and r.feature_id == found.feature_id for r in repairs)
    return found.code in ("geometry_null", "id_repeated", "id_missing")


def _unswapped(frame: gpd.GeoDataFrame, source: Source, layer: str) -> tuple[gpd.GeoDataFrame, list[Repair]]:
    """Latitude first turned into longitude first, where only that makes sense."""
    projected = frame.crs is not None and frame.crs.is_projected
    if (source.crs is None and (frame.crs is None or projected)) or not looks_swapped(frame):
        return frame, []
    turned = shapely.transform(np.asarray(frame.geometry.array, dtype=object), lambda xy: xy[:, ::-1])
    frame = frame.set_geometry(gpd.GeoSeries(turned, index=frame.index, crs=frame.crs))
    return frame, [Repair(layer, None, "lon_lat_swapped", f"{len(frame)} rows: x and y exchanged")]


def _named(frame: gpd.GeoDataFrame, nameless: set[str | None], layer: str) -> tuple[gpd.GeoDataFrame, list[Repair]]:
    """Rows without an id, so far row-<number>, called by the layer and that number."""
    names = [f"{layer}-{name.removeprefix('row-')}" if name in nameless else name for name in frame["id"]]
    done = [Repair(layer, new, "id_missing", "named") for new, old in zip(names, frame["id"], strict=True)
            if new != old]
    return frame.assign(id=text_column(names)), done


def _without_empty(frame: gpd.GeoDataFrame, layer: str) -> tuple[gpd.GeoDataFrame, list[Repair]]:
    shapes = _shapes(frame)
    empty = shapely.is_missing(shapes) | shapely.is_empty(shapes)
    done = [Repair(layer, name, "geometry_null", "row left out") for name in frame["id"][empty]]
    return _rows(frame, ~empty), done


def _valid(frame: gpd.GeoDataFrame, layer: str) -> tuple[gpd.GeoDataFrame, list[Repair]]:
    """Outlines that cross themselves as valid ones of the same ground (Ledoux, Arroyo Ohori and Meijers 2014)."""
    shapes = _shapes(frame)
    polygons = shapely.get_dimensions(shapes) == 2
    broken = np.flatnonzero(polygons & ~shapely.is_valid(shapes))
    done = []
    for row in broken:
        reason = shapely.is_valid_reason(shapes[row])
        mended = _ground(shapely.make_valid(shapes[row], method="structure", keep_collapsed=False))
        if mended.is_empty:
            continue  # nothing but lines: nobody knows what was meant
        done.append(Repair(layer, str(frame["id"].iloc[row]), "geometry_invalid", f"made valid ({reason})"))
        shapes[row] = mended
    return frame.set_geometry(gpd.GeoSeries(shapes, index=frame.index, crs=frame.crs)), done


def _ground(shape: shapely.Geometry) -> shapely.Geometry:
    """The polygons of a shape."""
    parts = [part for part in shapely.get_parts(shape) if part.geom_type in ("Polygon", "MultiPolygon")]
    return shapely.union_all(parts)


def _without_copies(frame: gpd.GeoDataFrame, layer: str) -> tuple[gpd.GeoDataFrame, list[Repair]]:
    """Rows that repeat another one in shape and in every column; the id alone may differ."""
    table = pd.DataFrame(frame.drop(columns=["id", frame.geometry.name]).astype(object)).fillna("")
    table["shape"] = list(shapely.to_wkb(shapely.normalize(_shapes(frame))))
    copy = table.duplicated().to_numpy()
    done = [Repair(layer, name, "geometry_repeated", "copy of another row, left out") for name in frame["id"][copy]]
    return _rows(frame, ~copy), done


def _unique_ids(frame: gpd.GeoDataFrame, layer: str) -> tuple[gpd.GeoDataFrame, list[Repair]]:
    """Repeated ids numbered: the second x becomes x-2, or the next number that is free."""
    taken = set(frame["id"])
    names: list[str] = []
    seen: set[str] = set()
    done = []
    for name in frame["id"]:
        new = name
        if name in seen:
            new = next(f"{name}-{n}" for n in range(2, len(frame) + 2) if f"{name}-{n}" not in taken)
            taken.add(new)
            done.append(Repair(layer, new, "id_repeated", f"was '{name}'"))
        seen.add(new)
        names.append(new)
    return frame.assign(id=text_column(names)), done


def _rows(frame: gpd.GeoDataFrame, kept: NDArray[np.bool_]) -> gpd.GeoDataFrame:
    return frame[kept].reset_index(drop=True)


def _shapes(frame: gpd.GeoDataFrame) -> Objects:
    return np.array(frame.geometry.array, dtype=object)
