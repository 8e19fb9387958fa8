"""The layer of access bans: areas that some vehicle classes may not drive in at some hours of the week."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

import geopandas as gpd
import numpy as np

from geodata.crs import to_wgs84
from geodata.osm_conditions import ALWAYS, week_of
from geodata.osm_street_messages import STREET_MESSAGES
from geodata.places import read_table
from geodata.readers import Source
from geodata.tables import Column, DataError, Fault, Table, did_you_mean, fault, has_errors
from geodata.turn_metric import AreaBan

ACCESS_BANS = Table("access_bans", ("polygon",), (Column("vehicle_class", kind="text"), Column("hours", kind="text")))
_BETWEEN = re.compile(r"[\s,;，；、]+")


def read_access_bans(source: Source, classes: Mapping[str, str]) -> tuple[tuple[AreaBan, ...], tuple[Fault, ...]]:
    """The areas of a layer, with warnings and notes.

    `vehicle_class` holds one or several names, parted by commas, semicolons or blanks; `classes` says which class each
    name means. Without it an area is closed to all, without `hours` (opening_hours of OpenStreetMap) always.
    DataError with every fault of the layer.
    """
    table, faults = read_table(source, ACCESS_BANS)
    if table is None:
        raise DataError(faults)
    layer = source.layer or ACCESS_BANS.name
    found = list(faults)
    bans = []
    lonlat = to_wgs84(gpd.GeoSeries(table.geometry))
    for row, area in enumerate(np.asarray(lonlat.array, dtype=object)):
        words, hours = table["vehicle_class"].iloc[row], table["hours"].iloc[row]
        names = [word for word in _BETWEEN.split(words or "") if word]
        week = ALWAYS if hours is None or not str(hours).strip() else week_of(str(hours))
        feature = str(table["id"].iloc[row])
        found += [_unknown(source, layer, feature, name, classes) for name in names if name not in classes]
        if week is None:
            found.append(fault("ban_hours_unreadable", file=source.file, layer=layer, feature_id=feature,
                               messages=STREET_MESSAGES, hours=hours))
        else:
            closed = frozenset(classes[name] for name in names or classes if name in classes)
            bans.append(AreaBan(area, closed, week))
    if has_errors(found):
        raise DataError(found)
    return tuple(bans), tuple(found)


def _unknown(source: Source, layer: str, feature: str, name: str, known: Collection[str]) -> Fault:
    return fault("ban_vehicle_unknown", file=source.file, layer=layer, feature_id=feature, messages=STREET_MESSAGES,
                 name=name, known=", ".join(known), hint=did_you_mean(name, known))
