"""Control totals: how many persons each zone has, from a table or the zones layer, and communities made to fit them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, replace

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from geodata.demand_input import CONTROL_TOTALS, DemandInput, ZoneTotal
from geodata.readers import Source
from geodata.readers.plain_table import read_plain_table
from geodata.tables import DataError, Fault, as_text, did_you_mean, fault

Float = NDArray[np.float64]

_SUFFIX = re.compile(r"(街道办事处|地区办事处|街道|地区|镇|乡|新区|区|县|市)$")
"""What names of Chinese zones end in, and what tables leave off."""


@dataclass(frozen=True)
class Totals:
    """Persons by zone id, and the file they come from."""

    persons: Mapping[str, float]
    file: str
    layer: str | None
    unmatched_persons: float = 0.0
    """Persons of rows that no zone answers to."""

    def told(self, code: str, zone: str, **values: object) -> Fault:
        """A fault of one zone's total."""
        return fault(code, file=self.file, layer=self.layer, feature_id=zone, **values)  # type: ignore[arg-type]


def read_totals(demand: DemandInput, zones: gpd.GeoDataFrame,
                zones_source: Source | None) -> tuple[Totals | None, tuple[Fault, ...]]:
    """The control totals of a study by zone id, None where it has none, and what is wrong with them.

    Names are matched as they are, then without what zones are called (街道, 镇, 区 ...) where only one zone fits; such
    matches are notes. Rows that no zone answers to are warnings with their persons.
    """
    given = zones["control_persons"].to_numpy(dtype=np.float64)
    in_layer = {str(z): float(p) for z, p in zip(zones["id"], given, strict=True) if not np.isnan(p)}
    if demand.control_totals is None:
        file = zones_source.file if zones_source is not None else ""
        layer = zones_source.layer if zones_source is not None else None
        return (Totals(in_layer, file, layer) if in_layer else None), ()
    source = demand.control_totals
    if in_layer:
        return None, (fault("totals_twice", file=source.file, layer=source.layer),)
    if not len(zones):
        return None, (fault("totals_without_zones", file=source.file, layer=source.layer),)
    try:
        read = read_plain_table(source)
    except DataError as error:
        return None, tuple(replace(f, layer=f.layer or CONTROL_TOTALS.name) for f in error.faults)
    rows, missing = _asked(read.table, demand.totals_rows, source)
    data, found = CONTROL_TOTALS.rows(rows, source.columns, source.file, source.layer)
    faults = [*missing, *read.notes, *(f for f in found if f.code != "id_synthetic")]
    if data is None:
        return None, tuple(faults)
    persons: dict[str, float] = {}
    unmatched = 0.0
    matched = _matched([str(z) for z in data["zone"]], zones)
    called = _zones_called(zones)
    for name, zone, count in zip(data["zone"], matched, data["persons"], strict=True):
        if name is None or np.isnan(count):
            continue  # told by the check of the table
        if zone is None and len(called.get(str(name), ())) > 1:
            unmatched += float(count)
            faults.append(fault("total_ambiguous", file=source.file, layer=source.layer, feature_id=str(name),
                                persons=f"{count:,.0f}", zones=", ".join(sorted(called[str(name)]))))
        elif zone is None:
            unmatched += float(count)
            faults.append(fault("total_unmatched", file=source.file, layer=source.layer, feature_id=str(name),
                                persons=f"{count:,.0f}", hint=did_you_mean(str(name), _words(zones))))
        elif zone in persons:
            faults.append(fault("total_repeated", file=source.file, layer=source.layer, feature_id=str(name),
                                zone=zone))
        else:
            persons[zone] = float(count)
            if str(name) not in _words(zones):
                faults.append(fault("total_matched", file=source.file, layer=source.layer, feature_id=str(name),
                                    zone=_called(zones, zone)))
    return Totals(persons, source.file, source.layer, unmatched), tuple(faults)


def _asked(table: pd.DataFrame, rows: Mapping[str, str], source: Source) -> tuple[pd.DataFrame, list[Fault]]:
    """The rows that have the asked values, as text, and columns that are not there."""
    known = ", ".join(map(str, table.columns))
    missing = [fault("column_missing", file=source.file, layer=source.layer, column=column, known=known)
               for column in rows if column not in table.columns]
    for column, value in rows.items():
        if column in table.columns:
            table = table[[as_text(cell) == value for cell in table[column]]]
    return table.reset_index(drop=True), missing


def _words(zones: gpd.GeoDataFrame) -> list[str]:
    """All ids and names of zones."""
    return [str(z) for z in zones["id"]] + [str(z) for z in zones["name"] if z is not None and z == z]


def _called(zones: gpd.GeoDataFrame, zone: str) -> str:
    name = dict(zip(zones["id"], zones["name"], strict=True))[zone]
    return zone if name is None or name != name else str(name)


def _matched(names: list[str], zones: gpd.GeoDataFrame) -> list[str | None]:
    """The zone id that each name means, None where no zone or more than one does."""
    exact = _zones_called(zones)
    loose: dict[str, set[str]] = {}
    for name, meant in exact.items():
        loose.setdefault(_bare(name), set()).update(meant)
    wanted: dict[str, set[str]] = {}
    for name in names:
        wanted.setdefault(_bare(name), set()).add(name)
    found: list[str | None] = []
    for name in names:
        near = exact.get(name) or (loose.get(_bare(name), set()) if len(wanted[_bare(name)]) == 1 else set())
        found.append(next(iter(near)) if len(near) == 1 else None)
    return found


def _zones_called(zones: gpd.GeoDataFrame) -> dict[str, set[str]]:
    """The zone ids that each id and name stands for; districts may have streets of one name. An id means its zone."""
    ids = [str(z) for z in zones["id"]]
    called: dict[str, set[str]] = {}
    for name, zone in zip(zones["name"], ids, strict=True):
        if name is not None and name == name:
            called.setdefault(str(name), set()).add(zone)
    return {**called, **{zone: {zone} for zone in ids}}


def _bare(name: str) -> str:
    """A name without blanks and without the kind of zone at its end, unless nothing would be left of it."""
    text = unicodedata.normalize("NFKC", name).replace(" ", "").lower()
    short = _SUFFIX.sub("", text)
    return short if len(short) >= 2 else text


def fitted(communities: gpd.GeoDataFrame, totals: Totals, zones: gpd.GeoDataFrame,
           tolerance_share: float) -> tuple[gpd.GeoDataFrame, tuple[ZoneTotal, ...], tuple[Fault, ...]]:
    """Communities with the persons of every zone made to sum up to its total.

    Persons are scaled, households with them. A community without persons first gets what its weight says: its share
    by the mean of those that have persons, or, where none has, of the total itself. The weight is the column `weight`
    where every community of the zone has it, else the area, for points their number. Faults: zones whose sum is farther
    from the total than the tolerance (both figures and their ratio), totals without a community, communities without
    a total.
    """
    table = communities.copy()
    zone_of = np.array(["" if z is None or z != z else str(z) for z in table["zone_id"]], dtype=object)
    persons = table["population"].to_numpy(dtype=np.float64).copy()
    households = table["households"].to_numpy(dtype=np.float64).copy()
    estimated = table["estimated"].to_numpy(dtype=bool).copy()
    used: list[ZoneTotal] = []
    faults: list[Fault] = []
    for zone in (str(z) for z in zones["id"]):
        rows = np.flatnonzero(zone_of == zone)
        total, called = totals.persons.get(zone), _called(zones, zone)
        if total is None:
            if len(rows):
                faults.append(totals.told("total_missing", called, count=len(rows),
                                          persons=f"{np.nansum(persons[rows]):,.0f}"))
            continue
        filled, shared_by = _filled(table.iloc[rows], persons[rows])
        held = float(filled.sum())
        if held <= 0.0:
            if total > 0.0:
                code = "total_on_nobody" if len(rows) else "total_unplaced"
                faults.append(totals.told(code, called, persons=f"{total:,.0f}", count=len(rows)))
            continue
        before = 0.0 if np.isnan(persons[rows]).all() else held
        persons[rows] = filled * (total / held)
        if before > 0.0:
            households[rows] *= total / held
        estimated[rows] |= shared_by is not None or not np.isclose(total, held, rtol=1e-9)
        used.append(ZoneTotal(zone, total, before, shared_by))
        if before > 0.0 and abs(before - total) > tolerance_share * total:
            faults.append(totals.told("total_far", called, total=f"{total:,.0f}", found=f"{before:,.0f}",
                                      ratio=f"{before / total:.2f}" if total > 0.0 else "-",
                                      tolerance=f"{tolerance_share:.0%}"))
    return table.assign(population=persons, households=households, estimated=estimated), tuple(used), tuple(faults)


def _filled(rows: gpd.GeoDataFrame, persons: Float) -> tuple[Float, str | None]:
    """Persons with what the weights say where they are unknown, and by which weights."""
    unknown = np.isnan(persons)
    if not unknown.any():
        return persons, None
    for name, column in (("weight", "weight"), ("area", "area_m2")):
        weight = rows[column].to_numpy(dtype=np.float64)
        if np.isnan(weight).any() or weight.sum() <= 0.0:
            continue
        known = float(weight[~unknown].sum())
        if unknown.all():
            return weight, name
        if known > 0.0:
            return np.where(unknown, weight * float(persons[~unknown].sum()) / known, persons), name
    return np.where(unknown, float(np.nanmean(persons)) if not unknown.all() else 1.0, persons), "count"
