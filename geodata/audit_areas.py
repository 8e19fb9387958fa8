"""Doubts about communities, parcels, zones and existing sites: overlaps, odd densities, land that is barred."""

from __future__ import annotations

from collections.abc import Iterable

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray

from geodata.places import Places, PlacesInput, distances_m
from geodata.readers import Source
from geodata.tables import Fault, fault

OVERLAP_SHARE = 0.05
"""Of the smaller of two areas."""
PERSONS_PER_HOUSEHOLD = (1.0, 8.0)
"""China's census of 2020 counts 2.62 persons a family household; single districts stay well inside these limits."""
DENSEST_PERSONS_PER_KM2 = 200_000.0
"""Few blocks of towers anywhere hold more."""
LARGE_M2 = 1_000_000.0
FAR_FROM_STREET_M = 500.0
FAR_FROM_TOWN_M = 20_000.0


def audit_areas(places: Places, inputs: PlacesInput) -> Iterable[Fault]:
    """Warnings and notes on areas, by feature id."""
    communities, source = places.communities, inputs.communities
    layer = source.layer or "communities"
    yield from _overlaps(communities, source, layer)
    yield from _odd_people(communities, source, layer)
    yield from _names(communities, source, layer)
    if inputs.zones is not None:
        yield from _overlaps(places.zones, inputs.zones, inputs.zones.layer or "zones")
        yield from _across_zones(communities, places.zones, source, layer)
    if inputs.land is not None:
        layer = inputs.land.layer or "land"
        yield from _overlaps(places.land, inputs.land, layer)
        yield from _far_land(places, inputs.land, layer)
        yield from _barred_land(places, inputs.land, layer)
    if inputs.existing_sites is not None:
        yield from _strays(places.existing_sites, communities, inputs.existing_sites)


def _shapes(frame: gpd.GeoDataFrame) -> NDArray[np.object_]:
    return np.asarray(frame.geometry.array, dtype=object)


def _overlaps(frame: gpd.GeoDataFrame, source: Source, layer: str) -> Iterable[Fault]:
    """Pairs of areas that share ground; copies are told elsewhere."""
    shapes = _shapes(frame)
    area = shapely.area(shapes)
    one, other = shapely.STRtree(shapes).query(shapes, predicate="intersects")
    pairs = (one < other) & (np.minimum(area[one], area[other]) > 0.0)
    one, other = one[pairs], other[pairs]
    shared = shapely.area(shapely.intersection(shapes[one], shapes[other]))
    smaller = np.minimum(area[one], area[other])
    copies = shapely.equals_exact(shapely.normalize(shapes[one]), shapely.normalize(shapes[other]), tolerance=0.0)
    for at in np.flatnonzero((shared > OVERLAP_SHARE * smaller) & ~copies):
        yield fault("areas_overlap", file=source.file, layer=layer, feature_id=frame["id"].iloc[one[at]],
                    other=frame["id"].iloc[other[at]], share=f"{shared[at] / smaller[at]:.0%}")


def _odd_people(communities: gpd.GeoDataFrame, source: Source, layer: str) -> Iterable[Fault]:
    persons = communities["population"].to_numpy(dtype=np.float64)
    households = communities["households"].to_numpy(dtype=np.float64)
    area_m2 = communities["area_m2"].to_numpy(dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        each, density = persons / households, persons / area_m2 * 1e6
    least, most = PERSONS_PER_HOUSEHOLD
    for row in np.flatnonzero((persons > 0.0) & (households > 0.0) & ((each < least) | (each > most))):
        yield fault("household_size_odd", file=source.file, layer=layer, feature_id=communities["id"].iloc[row],
                    size=f"{each[row]:.1f}")
    for row in np.flatnonzero((area_m2 > 0.0) & (density > DENSEST_PERSONS_PER_KM2)):
        yield fault("density_odd", file=source.file, layer=layer, feature_id=communities["id"].iloc[row],
                    density=f"{density[row]:,.0f}")
    for row in np.flatnonzero(area_m2 > LARGE_M2):
        yield fault("area_large", file=source.file, layer=layer, feature_id=communities["id"].iloc[row],
                    area=f"{area_m2[row] / 1e4:,.0f}")


def _names(communities: gpd.GeoDataFrame, source: Source, layer: str) -> Iterable[Fault]:
    first: dict[str, str] = {}
    for feature, name in zip(communities["id"], communities["name"], strict=True):
        if name is None:
            continue
        if name in first:
            yield fault("name_repeated", file=source.file, layer=layer, feature_id=feature, name=name,
                        other=first[name])
        first.setdefault(name, feature)


def _across_zones(communities: gpd.GeoDataFrame, zones: gpd.GeoDataFrame, source: Source,
                  layer: str) -> Iterable[Fault]:
    """Communities of which more than one zone holds a good part."""
    shapes, outlines = _shapes(communities), _shapes(zones)
    area = shapely.area(shapes)
    row, zone = shapely.STRtree(outlines).query(shapes, predicate="intersects")
    share = shapely.area(shapely.intersection(shapes[row], outlines[zone])) / np.maximum(area[row], 1e-9)
    held = np.bincount(row[(share > OVERLAP_SHARE) & (area[row] > 0.0)], minlength=len(shapes))
    for at in np.flatnonzero(held > 1):
        yield fault("across_zones", file=source.file, layer=layer, feature_id=communities["id"].iloc[at],
                    count=int(held[at]))


def _far_land(places: Places, source: Source, layer: str) -> Iterable[Fault]:
    distance_m = distances_m(places.land.geometry, places.roads.geometry)
    for row in np.flatnonzero(distance_m > FAR_FROM_STREET_M):
        yield fault("land_far_from_street", file=source.file, layer=layer, feature_id=places.land["id"].iloc[row],
                    distance=f"{distance_m[row]:.0f}")


def _barred_land(places: Places, source: Source, layer: str) -> Iterable[Fault]:
    """Parcels that lie in an exclusion as a whole."""
    shapes = _shapes(places.land)
    for exclusion in places.exclusions:
        barred = np.asarray(exclusion.geometries.array, dtype=object)
        row, _ = shapely.STRtree(barred).query(shapes, predicate="within")
        for at in np.unique(row):
            yield fault("land_in_exclusion", file=source.file, layer=layer, feature_id=places.land["id"].iloc[at],
                        exclusion=exclusion.name)


def _strays(existing: gpd.GeoDataFrame, communities: gpd.GeoDataFrame, source: Source) -> Iterable[Fault]:
    distance_m = distances_m(existing.geometry, communities.geometry)
    for row in np.flatnonzero(distance_m > FAR_FROM_TOWN_M):
        yield fault("existing_far", file=source.file, layer=source.layer or "existing_sites",
                    feature_id=existing["id"].iloc[row], distance=f"{distance_m[row] / 1000.0:.0f}")
