"""What is doubtful in the inputs though it can be used: repeats, slivers, missing tags, a datum that does not fit."""

from __future__ import annotations

from collections.abc import Iterable

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray

from geodata.audit_areas import audit_areas
from geodata.audit_streets import audit_streets
from geodata.crs import BD09, GCJ02, WGS84, in_china, reread
from geodata.places import NEAR_STREET_M, Places, PlacesInput, distances_m
from geodata.readers import Source
from geodata.tables import Fault, fault

SLIVER_M2 = 100.0
SHORT_LINE_M = 0.5
DATUM_NEAR_M = 30.0
DATUM_GAIN_SHARE = 0.10
"""A datum is suspected when this much more of a layer's outline comes near a street after conversion ..."""
DATUM_GAIN_RATIO = 1.3
"""... and this many times as much."""
DATUM_SAMPLE = 2000


def audit_places(places: Places, inputs: PlacesInput) -> tuple[Fault, ...]:
    """Warnings and notes on the sound rows of every layer, by feature id; errors are those of read_places."""
    faults: list[Fault] = []
    areas = ((places.communities, inputs.communities, "communities"), (places.land, inputs.land, "land"))
    for frame, source, name in areas:
        if source is not None:
            layer = source.layer or name
            faults += _repeats(frame, source.file, layer)
            faults += _slivers(frame, source.file, layer)
            faults += _datum(frame, source, layer, places.roads, inputs.roads)
    layer = inputs.communities.layer or "communities"
    faults += _communities(places, inputs.communities.file, layer)
    layer = inputs.roads.layer or "roads"
    faults += _roads(places.roads, inputs.roads.file, layer)
    faults += audit_streets(places.roads, inputs.roads.file, layer)
    faults += audit_areas(places, inputs)
    if inputs.zones is not None:
        settled = set(places.communities["zone_id"])
        faults += [fault("zone_empty", file=inputs.zones.file, layer=inputs.zones.layer or "zones", feature_id=zone)
                   for zone in places.zones["id"] if zone not in settled]
    return tuple(faults)


def _repeats(frame: gpd.GeoDataFrame, file: str, layer: str) -> Iterable[Fault]:
    first: dict[bytes, str] = {}
    for feature, shape in zip(frame["id"], shapely.to_wkb(shapely.normalize(_shapes(frame.geometry))), strict=True):
        if shape in first:
            yield fault("geometry_repeated", file=file, layer=layer, feature_id=feature, other=first[shape])
        else:
            first[shape] = feature


def _slivers(frame: gpd.GeoDataFrame, file: str, layer: str) -> Iterable[Fault]:
    area_m2 = frame.geometry.area.to_numpy()
    is_polygon = shapely.get_dimensions(_shapes(frame.geometry)) == 2
    for row in np.flatnonzero(is_polygon & (area_m2 < SLIVER_M2)):
        yield fault("sliver", file=file, layer=layer, feature_id=frame["id"].iloc[row], area=f"{area_m2[row]:.0f}")


def _communities(places: Places, file: str, layer: str) -> Iterable[Fault]:
    communities = places.communities
    distance_m = distances_m(communities.geometry, places.roads.geometry)
    for row in np.flatnonzero(distance_m > NEAR_STREET_M):
        yield fault("far_from_street", file=file, layer=layer, feature_id=communities["id"].iloc[row],
                    distance=f"{distance_m[row]:.0f}")
    for feature in communities.loc[communities["population"] == 0.0, "id"]:
        yield fault("population_zero", file=file, layer=layer, feature_id=feature)


def _roads(roads: gpd.GeoDataFrame, file: str, layer: str) -> Iterable[Fault]:
    for column in ("highway", "oneway", "maxspeed"):
        missing = int(roads[column].isna().sum())
        if missing:
            yield fault("tag_missing", file=file, layer=layer, column=column, count=missing, total=len(roads))
    lines = _shapes(roads.geometry)
    length_m = shapely.length(lines)
    for row in np.flatnonzero(length_m < SHORT_LINE_M):
        yield fault("line_too_short", file=file, layer=layer, feature_id=roads["id"].iloc[row],
                    length=f"{length_m[row]:.2f}")
    for row in np.flatnonzero(~shapely.is_simple(lines)):
        yield fault("line_crosses_itself", file=file, layer=layer, feature_id=roads["id"].iloc[row])


def _datum(frame: gpd.GeoDataFrame, source: Source, layer: str, roads: gpd.GeoDataFrame,
           roads_source: Source) -> Iterable[Fault]:
    """GCJ-02 or BD-09 read as WGS 84: the outlines of blocks come near the streets only after conversion."""
    points = _outline_points(frame.geometry)
    if source.crs in (GCJ02, BD09) or len(points) == 0 or len(roads) == 0 or not in_china(points):
        return
    before = _near_share(points, roads.geometry)
    after = {datum: _near_share(reread(points, datum), roads.geometry) for datum in (GCJ02, BD09)}
    datum = max(after, key=lambda name: after[name])
    if _improves(before, after[datum]):
        yield fault("datum_suspect", file=source.file, layer=layer, datum=datum, near=f"{DATUM_NEAR_M:.0f}",
                    before=f"{before:.2f}", after=f"{after[datum]:.2f}")
        return
    # the other way round: the streets are shifted, and the layer meets them when it is shifted as well
    shifted = {name: _near_share(reread(points, WGS84, name), roads.geometry) for name in (GCJ02, BD09)}
    datum = max(shifted, key=lambda name: shifted[name])
    if roads_source.crs not in (GCJ02, BD09) and _improves(before, shifted[datum]):
        yield fault("datum_suspect", file=roads_source.file, layer=roads_source.layer or "roads", datum=datum,
                    near=f"{DATUM_NEAR_M:.0f}", before=f"{before:.2f}", after=f"{shifted[datum]:.2f}")


def _improves(before: float, after: float) -> bool:
    return after - before > DATUM_GAIN_SHARE and after > DATUM_GAIN_RATIO * before


def _outline_points(geometries: gpd.GeoSeries) -> gpd.GeoSeries:
    """A fixed sample of the vertices of a layer."""
    xy = shapely.get_coordinates(_shapes(geometries))
    xy = xy[:: max(1, len(xy) // DATUM_SAMPLE)]
    return gpd.GeoSeries(gpd.points_from_xy(xy[:, 0], xy[:, 1]), crs=geometries.crs)


def _near_share(points: gpd.GeoSeries, streets: gpd.GeoSeries) -> float:
    return float(np.mean(distances_m(points, streets) <= DATUM_NEAR_M))


def _shapes(geometries: gpd.GeoSeries) -> NDArray[np.object_]:
    return np.asarray(geometries.array, dtype=object)
