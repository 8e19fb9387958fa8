"""The places of a study: every input layer, checked, in the study's metric system and under our column names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray

from geodata.crs import checked_metric_crs, declared, metric_crs_for, to_metric
from geodata.demand_input import COUNTED_ZONES, UNCOUNTED, DemandInput, DemandRecord
from geodata.readers import Source, read_source, renames_of
from geodata.readers.encoding import garbled_columns
from geodata.street_classes import osm_class
from geodata.tables import (
    COMMUNITIES,
    EXCLUSIONS,
    EXISTING_SITES,
    LAND,
    ROADS,
    ZONES,
    DataError,
    Fault,
    Table,
    fault,
    has_errors,
    text_column,
)

NEAR_STREET_M = 500.0
"""A community counts as touched by the streets within this distance."""
LEAST_NEAR_SHARE = 0.1
"""With less of its parcels near a street, a layer of land lies in the wrong place."""
AREA_TOLERANCE_SHARE = 0.05


@dataclass(frozen=True)
class ExclusionInput:
    """One layer of land where nothing may stand, with the distance to keep from it."""

    name: str
    buffer_m: float
    source: Source


@dataclass(frozen=True)
class PlacesInput:
    """Which files hold the layers of a study."""

    communities: Source
    roads: Source
    land: Source | None = None
    zones: Source | None = None
    exclusions: tuple[ExclusionInput, ...] = ()
    existing_sites: Source | None = None
    crs_metric: str = "auto"
    demand: DemandInput | None = None
    """Where persons come from besides the communities; None: from nowhere else."""


@dataclass(frozen=True)
class Exclusion:
    """Land where nothing may stand, in the metric system."""

    name: str
    buffer_m: float
    geometries: gpd.GeoSeries


@dataclass(frozen=True)
class Places:
    """All layers in the metric system; a layer the study does not have is an empty table with the same columns.

    communities: id, population, households (NaN where unknown), name, zone_id, area_m2 - polygons or points.
    roads: id, highway, oneway, maxspeed - LineString. land: id, land_use, zone_id, area_m2 - polygons.
    zones: id, name. existing_sites: id, tier, status, size, closing_cost_cny, zone_id. zone_id is None outside.
    """

    communities: gpd.GeoDataFrame
    roads: gpd.GeoDataFrame
    land: gpd.GeoDataFrame
    zones: gpd.GeoDataFrame
    exclusions: tuple[Exclusion, ...]
    existing_sites: gpd.GeoDataFrame
    crs_metric: str
    faults: tuple[Fault, ...]
    """Warnings and notes; errors raise instead."""
    demand: DemandRecord | None = None
    """What was done to the communities (see geodata/demand.py)."""


def read_places(inputs: PlacesInput) -> Places:
    """The checked layers of a study; DataError with every error of every layer at once."""
    places, faults = collect_places(inputs)
    if places is None or has_errors(faults):
        raise DataError(faults)
    return places


def collect_places(inputs: PlacesInput) -> tuple[Places | None, tuple[Fault, ...]]:
    """The sound rows of every layer with all faults found, or None where a layer cannot be used at all."""
    faults: list[Fault] = []

    def table(source: Source | None, declaration: Table) -> gpd.GeoDataFrame | None:
        if source is None:
            return None
        frame, found = read_table(source, declaration)
        faults.extend(found)
        return frame

    with_people, with_zones = (COMMUNITIES, ZONES) if inputs.demand is None else (UNCOUNTED, COUNTED_ZONES)
    communities, roads = table(inputs.communities, with_people), table(inputs.roads, ROADS)
    land, zones = table(inputs.land, LAND), table(inputs.zones, with_zones)
    existing = table(inputs.existing_sites, EXISTING_SITES)
    barred = [(e, table(e.source, EXCLUSIONS)) for e in inputs.exclusions]
    crs_metric = _crs_metric(inputs.crs_metric, communities, faults)
    if communities is None or roads is None or crs_metric is None or (land is None and inputs.land is not None):
        return None, tuple(faults)

    def metric(frame: gpd.GeoDataFrame | None, declaration: Table) -> gpd.GeoDataFrame:
        return _empty(declaration, crs_metric) if frame is None else to_metric(frame, crs_metric)

    zones = metric(zones, with_zones)
    communities, land = metric(communities, with_people), metric(land, LAND)
    faults += _class_notes(roads, inputs.roads)
    roads, existing = _single_lines(metric(roads, ROADS)), metric(existing, EXISTING_SITES)
    faults += _street_faults(communities, roads, inputs.communities)
    if inputs.land is not None:
        faults += [*_area_faults(land, inputs.land), *_land_faults(land, roads, inputs.land)]
    communities["area_m2"], land["area_m2"] = communities.geometry.area, land.geometry.area
    existing["closing_cost_cny"] = existing["closing_cost_cny"].fillna(0.0)
    for frame, source in ((communities, inputs.communities), (land, inputs.land), (existing, inputs.existing_sites)):
        faults += set_zone(frame, zones, source)
    # the files' own word for a zone has given way to zone_id
    communities, land = communities.drop(columns="zone"), land.drop(columns="zone")
    exclusions = tuple(Exclusion(e.name, e.buffer_m, metric(frame, EXCLUSIONS).geometry)
                       for e, frame in barred if frame is not None)
    found = tuple(faults)
    return Places(communities, roads, land, zones, exclusions, existing, crs_metric, found), found


def read_table(source: Source, declaration: Table) -> tuple[gpd.GeoDataFrame | None, tuple[Fault, ...]]:
    """The sound rows of one layer in its own coordinates under our names, with all faults; None if unusable."""
    try:
        read = read_source(source)
    except DataError as error:
        return None, tuple(replace(f, layer=f.layer or declaration.name) for f in error.faults)
    raw, layer = read.frame, source.layer or declaration.name
    garbled = tuple(fault("text_garbled", file=source.file, layer=layer, column=name) for name in garbled_columns(raw))
    frame, faults = declaration.check(raw, renames_of(source), source.file, layer)
    faults = (*garbled, *read.notes, *faults)
    try:
        frame_or_raw, notes = declared(raw if frame is None else frame, source.crs, source.file, layer)
    except DataError as error:
        return None, (*faults, *error.faults)
    if frame is None:
        return None, (*faults, *notes)
    return frame_or_raw[declaration.sound(frame)].reset_index(drop=True), (*faults, *notes)


def _crs_metric(wanted: str, communities: gpd.GeoDataFrame | None, faults: list[Fault]) -> str | None:
    if communities is None or len(communities) == 0:
        return None
    if wanted == "auto":
        return metric_crs_for(communities)
    try:
        return checked_metric_crs(wanted)
    except DataError as error:
        faults.extend(error.faults)
        return None


def _empty(declaration: Table, crs: str) -> gpd.GeoDataFrame:
    names = list(declaration.known)
    return gpd.GeoDataFrame({name: np.empty(0, dtype=object) for name in names}, geometry=[], crs=crs)


def _single_lines(roads: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Multi-part lines as single lines <id>.1, <id>.2 ...; highway classes in the words of OSM."""
    multi = shapely.get_num_geometries(np.asarray(roads.geometry.array, dtype=object)) > 1
    parts = roads.explode(ignore_index=False, index_parts=True)
    rows, numbers = parts.index.get_level_values(0).to_numpy(), parts.index.get_level_values(1).to_numpy()
    ids = parts["id"].to_numpy(dtype=object)
    names = [f"{name}.{number + 1}" if multi[row] else name
             for name, row, number in zip(ids, rows, numbers, strict=True)]
    parts = parts.reset_index(drop=True)
    parts["id"] = text_column(names)
    parts["highway"] = text_column(osm_class(value) for value in parts["highway"])
    return parts


def _class_notes(roads: gpd.GeoDataFrame, source: Source) -> list[Fault]:
    """One note for every class that is read as another one."""
    counts = roads["highway"].value_counts()
    return [fault("class_translated", file=source.file, layer=source.layer or ROADS.name, found=word,
                  highway=osm_class(word), count=int(count))
            for word, count in counts.items() if osm_class(word) != word and not str(word).startswith("[")]


def distances_m(geometries: gpd.GeoSeries, streets: gpd.GeoSeries) -> NDArray[np.float64]:
    """Distance of each geometry to the nearest street, m, inf where there is no street; both in the metric system."""
    out = np.full(len(geometries), np.inf)
    if len(streets) and len(geometries):
        tree = shapely.STRtree(np.asarray(streets.array, dtype=object))
        (rows, _), nearest = tree.query_nearest(np.asarray(geometries.array, dtype=object), all_matches=False,
                                                return_distance=True)
        out[rows] = nearest
    return out


def _street_faults(communities: gpd.GeoDataFrame, roads: gpd.GeoDataFrame, source: Source) -> list[Fault]:
    distance = distances_m(communities.geometry, roads.geometry)
    near = int((distance <= NEAR_STREET_M).sum())
    if 2 * near >= len(distance):
        return []
    return [fault("roads_far", file=source.file, layer=source.layer or COMMUNITIES.name, near=near, count=len(distance),
                  median=f"{np.median(distance):.0f}")]


def _land_faults(land: gpd.GeoDataFrame, roads: gpd.GeoDataFrame, source: Source) -> list[Fault]:
    """Land that lies elsewhere than the streets as a whole; single parcels are the audit's to tell."""
    distance = distances_m(land.geometry, roads.geometry)
    near = int((distance <= NEAR_STREET_M).sum())
    if not len(distance) or near >= LEAST_NEAR_SHARE * len(distance):
        return []
    return [fault("land_far", file=source.file, layer=source.layer or LAND.name, near=near, count=len(distance),
                  median=f"{np.median(distance):.0f}")]


def _area_faults(land: gpd.GeoDataFrame, source: Source) -> list[Fault]:
    given, measured = land["area_m2"].to_numpy(dtype=np.float64), land.geometry.area.to_numpy()
    wrong = np.abs(given - measured) > AREA_TOLERANCE_SHARE * measured  # NaN compares false: no area was given
    return [fault("area_differs", file=source.file, layer=source.layer or LAND.name, feature_id=land["id"].iloc[row],
                  given=f"{given[row]:.0f}", measured=f"{measured[row]:.0f}") for row in np.flatnonzero(wrong)]


def set_zone(frame: gpd.GeoDataFrame, zones: gpd.GeoDataFrame, source: Source | None) -> list[Fault]:
    """Write zone_id: the zone the file names, else the zone with the largest overlap, else None."""
    if source is None or len(zones) == 0:
        frame["zone_id"] = text_column([None] * len(frame))
        return []
    layer, faults = source.layer or "", []
    by_name = {**dict(zip(zones["name"], zones["id"], strict=True)), **{i: i for i in zones["id"]}}
    named = frame["zone"] if "zone" in frame else [None] * len(frame)
    zone_ids: list[str | None] = []
    for feature, name, place in zip(frame["id"], named, zone_of(frame.geometry, zones), strict=True):
        if name is not None and name not in by_name:
            faults.append(fault("zone_unknown", file=source.file, layer=layer, feature_id=feature, zone=name))
        zone_ids.append(by_name.get(name, place) if name is not None else place)
        if zone_ids[-1] is None:
            faults.append(fault("outside_zones", file=source.file, layer=layer, feature_id=feature))
    frame["zone_id"] = text_column(zone_ids)
    return faults


def zone_of(geometries: gpd.GeoSeries, zones: gpd.GeoDataFrame) -> Sequence[str | None]:
    """Zone id of each geometry: the largest overlap in area, for points the zone that holds them; None outside."""
    shapes = np.asarray(geometries.array, dtype=object)
    outlines = np.asarray(zones.geometry.array, dtype=object)
    row, zone = shapely.STRtree(outlines).query(shapes, predicate="intersects")
    overlap = shapely.area(shapely.intersection(shapes[row], outlines[zone]))
    order = np.lexsort((zone, -overlap, row))  # per geometry: largest overlap first, then the earlier zone
    row, zone = row[order], zone[order]
    first = np.flatnonzero(np.r_[True, row[1:] != row[:-1]]) if len(row) else np.empty(0, dtype=np.int64)
    found: list[str | None] = [None] * len(shapes)
    for at in first:
        found[row[at]] = str(zones["id"].iloc[zone[at]])
    return found
