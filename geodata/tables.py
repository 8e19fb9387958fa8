"""The declared tables: columns, units, kinds of geometry, and the one check that every input passes."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from geodata.messages import MESSAGES, Message, Severity, Text
from geodata.numbers import heading_factor, numbers

Kind = Literal["text", "number"]
Geometry = Literal["point", "line", "polygon"]

_GEOMETRY_OF: Mapping[str, Geometry] = {
    "Point": "point", "MultiPoint": "point", "LineString": "line", "LinearRing": "line", "MultiLineString": "line",
    "Polygon": "polygon", "MultiPolygon": "polygon"}


@dataclass(frozen=True)
class Fault:
    """One thing wrong with one input: code, place and what to do, in both languages."""

    severity: Severity
    code: str
    title: Text
    action: Text
    file: str | None = None
    layer: str | None = None
    feature_id: str | None = None

    def line(self, language: Literal["zh", "en"] = "en") -> str:
        """The fault on one line: place, code, what is wrong, what to do."""
        place = " | ".join(p for p in (self.file, self.layer, self.feature_id) if p)
        title, action = ((self.title.zh, self.action.zh) if language == "zh" else (self.title.en, self.action.en))
        text = f"{self.severity} [{self.code}] {place + ': ' if place else ''}{title}; {action}"
        return " ".join(text.split())


class DataError(Exception):
    """Inputs that cannot be used; carries every fault found, not only the first."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(fault.line() for fault in self.faults))


def fault(code: str, *, file: str | None = None, layer: str | None = None, feature_id: str | None = None,
          messages: Mapping[str, Message] = MESSAGES, **values: object) -> Fault:
    """The fault of that code with its message filled in; KeyError for a code the catalogue lacks."""
    message = messages[code]
    title, action = message.title.filled(values), message.action.filled(values)
    return Fault(message.severity, code, title, action, file, layer, feature_id)


def has_errors(faults: Iterable[Fault]) -> bool:
    """True when a fault is of severity error."""
    return any(f.severity == "error" for f in faults)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """' (did you mean ...?)' for the closest known word, or nothing."""
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f" (did you mean '{close[0]}'?)" if close else ""


@dataclass(frozen=True)
class Column:
    """One declared column; numbers have a unit and may have a minimum, texts may have allowed values."""

    name: str
    unit: str = "1"
    kind: Kind = "number"
    required: bool = False
    min: float | None = None
    values: tuple[str, ...] = ()


@dataclass(frozen=True)
class Table:
    """One declared input: its columns (besides id and geometry) and the geometry it may have."""

    name: str
    geometry: tuple[Geometry, ...]
    columns: tuple[Column, ...]

    @property
    def known(self) -> tuple[str, ...]:
        """Names that may stand on the left of a column renaming."""
        return ("id", *(c.name for c in self.columns))

    def check(self, raw: gpd.GeoDataFrame, renames: Mapping[str, str], file: str,
              layer: str | None) -> tuple[gpd.GeoDataFrame | None, tuple[Fault, ...]]:
        """The table in our column names with every fault found in it.

        `raw` has the file's own columns. The result has id, all declared columns (empty where the file lacks an
        optional one) and geometry, row for row; it is None where columns are missing or no row exists.
        """
        data, faults = self.rows(raw, renames, file, layer)
        if data is None:
            return None, faults
        geometry = shapely.force_2d(np.asarray(raw.geometry.array, dtype=object))
        found = self._geometry_faults(geometry, list(data["id"]), file, layer)
        return gpd.GeoDataFrame(data, geometry=geometry, crs=raw.crs), (*faults, *found)

    def rows(self, raw: pd.DataFrame, renames: Mapping[str, str], file: str,
             layer: str | None) -> tuple[dict[str, pd.Series] | None, tuple[Fault, ...]]:
        """The columns of a table, with or without places, under our names; see check."""
        faults = list(self._column_faults(raw, renames, file, layer))
        if len(raw) == 0:
            faults.append(fault("layer_empty", file=file, layer=layer))
        if faults:
            return None, tuple(faults)
        theirs = {name: renames.get(name, name) for name in self.known if renames.get(name, name) in raw.columns}
        ids, id_faults = _ids(raw, theirs.get("id"), file, layer)
        faults += id_faults
        data = {"id": text_column(ids)}
        for column in self.columns:
            given = raw[theirs[column.name]] if column.name in theirs else None
            values, value_faults = _values(given, column, ids, file, layer)
            data[column.name] = pd.Series(values)
            faults += value_faults
        return data, tuple(faults)

    def sound(self, frame: gpd.GeoDataFrame) -> np.ndarray:
        """Which rows of a checked table can be used in geometry and arithmetic, as a boolean array."""
        shapes = np.asarray(frame.geometry.array, dtype=object)
        kinds = np.array([g is not None and _GEOMETRY_OF.get(g.geom_type) in self.geometry for g in shapes], dtype=bool)
        sound = kinds & ~shapely.is_empty(shapes) & shapely.is_valid(shapes)
        for column in self.columns:
            if column.required and column.kind == "number":
                sound &= np.isfinite(frame[column.name].to_numpy(dtype=np.float64))
        return np.asarray(sound, dtype=bool)

    def _column_faults(self, raw: pd.DataFrame, renames: Mapping[str, str], file: str,
                       layer: str | None) -> Iterable[Fault]:
        shape = raw.geometry.name if isinstance(raw, gpd.GeoDataFrame) else None
        present = [str(c) for c in raw.columns if c != shape]
        for ours, theirs in renames.items():
            if ours not in self.known:
                yield fault("column_unknown", file=file, layer=layer, column=ours, known=", ".join(self.known),
                            hint=did_you_mean(ours, self.known))
            elif theirs not in present:
                yield fault("column_missing", file=file, layer=layer, column=theirs, known=", ".join(present))
        for column in self.columns:
            if column.required and column.name not in renames and column.name not in present:
                yield fault("column_missing", file=file, layer=layer, column=column.name, known=", ".join(present))

    def _geometry_faults(self, geometry: np.ndarray, ids: list[str], file: str, layer: str | None) -> Iterable[Fault]:
        null = shapely.is_missing(geometry) | shapely.is_empty(geometry)
        valid = shapely.is_valid(geometry)
        for row in np.flatnonzero(null):
            yield fault("geometry_null", file=file, layer=layer, feature_id=ids[row])
        for row in np.flatnonzero(~null):
            kind = geometry[row].geom_type
            if _GEOMETRY_OF.get(kind) not in self.geometry:
                yield fault("geometry_type", file=file, layer=layer, feature_id=ids[row], found=kind,
                            wanted=" / ".join(self.geometry))
            elif not valid[row]:
                yield fault("geometry_invalid", file=file, layer=layer, feature_id=ids[row],
                            reason=shapely.is_valid_reason(geometry[row]))


def _ids(raw: pd.DataFrame, column: str | None, file: str, layer: str | None) -> tuple[list[str], list[Fault]]:
    """Ids as text; rows without one are called by their row number, counted from 1."""
    rows = [f"row-{number}" for number in range(1, len(raw) + 1)]
    if column is None:
        return rows, [fault("id_synthetic", file=file, layer=layer)]
    empty = raw[column].isna().to_numpy()
    texts = [as_text(value) for value in raw[column]]
    ids = [row if none or not text else text for row, none, text in zip(rows, empty, texts, strict=True)]
    faults = [fault("id_missing", file=file, layer=layer, feature_id=row)
              for row, name in zip(rows, ids, strict=True) if row == name]
    counts = pd.Series(ids).value_counts(sort=False)
    faults += [fault("id_repeated", file=file, layer=layer, feature_id=str(name), count=int(count))
               for name, count in counts.items() if count > 1]
    return ids, faults


def _values(given: pd.Series | None, column: Column, ids: list[str], file: str,
            layer: str | None) -> tuple[object, list[Fault]]:
    """A column's values (float64, or text with None) with the faults of single rows."""
    if given is None:
        return (np.full(len(ids), np.nan) if column.kind == "number" else text_column([None] * len(ids))), []
    empty = given.isna().to_numpy()
    faults = [fault("value_missing", file=file, layer=layer, feature_id=ids[row], column=column.name)
              for row in (np.flatnonzero(empty) if column.required else ())]
    if column.kind == "text":
        texts = [None if none else as_text(value) for none, value in zip(empty, given, strict=True)]
        wrong = [row for row, text in enumerate(texts) if column.values and text and text not in column.values]
        faults += [fault("value_not_allowed", file=file, layer=layer, feature_id=ids[row], column=column.name,
                         value=texts[row], known=", ".join(column.values)) for row in wrong]
        return text_column(texts), faults
    found = numbers(given, column.unit)
    if (factor := heading_factor(str(given.name), column.unit)) != 1.0:
        faults.append(fault("unit_of_heading", file=file, layer=layer, column=given.name, factor=f"{factor:g}",
                            unit=column.unit))
    for row in np.flatnonzero(~empty & ~np.isfinite(found)):
        faults.append(fault("value_not_number", file=file, layer=layer, feature_id=ids[row], column=column.name,
                            value=given.iloc[row], unit=column.unit))
    if column.min is not None:
        for row in np.flatnonzero(found < column.min):
            faults.append(fault("value_too_small", file=file, layer=layer, feature_id=ids[row], column=column.name,
                                value=f"{found[row]:g}", minimum=f"{column.min:g}"))
    return found, faults


def text_column(values: Iterable[str | None]) -> pd.Series:
    """A column of texts that keeps None as None (a plain assignment would turn it into NaN)."""
    return pd.Series(list(values), dtype=object)


def as_text(value: object) -> str:
    """An id or a class as text: 3.0 and 3 are both '3'."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()


_ANY: tuple[Geometry, ...] = ("point", "line", "polygon")

COMMUNITIES = Table("communities", ("polygon", "point"), (
    Column("population", "persons", required=True, min=0.0),
    Column("households", "households", min=0.0),
    Column("name", kind="text"),
    Column("zone", kind="text")))
ROADS = Table("roads", ("line",), (
    Column("highway", kind="text"),
    Column("oneway", kind="text"),
    Column("maxspeed", kind="text")))
LAND = Table("land", ("polygon",), (
    Column("land_use", kind="text"),
    Column("zone", kind="text"),
    Column("area_m2", "m2", min=0.0)))
ZONES = Table("zones", ("polygon",), (Column("name", kind="text"),))
EXCLUSIONS = Table("exclusions", _ANY, ())
EXISTING_SITES = Table("existing_sites", ("point", "polygon"), (
    Column("tier", kind="text", required=True),
    Column("status", kind="text", required=True, values=("keep", "may_close", "must_close")),
    Column("size", kind="text"),
    Column("closing_cost_cny", "CNY", min=0.0)))
