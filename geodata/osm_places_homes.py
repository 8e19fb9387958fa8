"""Where people live by OpenStreetMap: residential land, street blocks where it is missing, and an estimate of persons.

Persons come from the floor area of buildings, or from the length of residential streets where buildings are not
mapped. Both are estimates, and are to be labelled as such.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray

from geodata.osm_areas import Thing
from geodata.osm_areas_classes import BuildingClass, HomeTerms, Meanings, class_of
from geodata.osm_areas_messages import AREA_MESSAGES
from geodata.osm_places import Area, OsmPlaces, left_out, metric_shapes, polygons_of, without_nested
from geodata.street_blocks import HECTARE_M2, street_blocks, street_metres
from geodata.tables import DataError, Fault, fault, text_column

Float = NDArray[np.float64]
Shapes = NDArray[np.object_]
Method = Literal["floor_area", "street_length", "file"]
Units = Literal["residential", "blocks", "both"]

_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_MOST_STOREYS = 200.0
NEAR_M = 25.0
"""A building this near to a community counts with it."""


@dataclass(frozen=True)
class Communities:
    """Where people live. frame: id, name, kind (residential, block or cell), population (persons); metric system."""

    frame: gpd.GeoDataFrame
    method: Method
    faults: tuple[Fault, ...]


@dataclass(frozen=True)
class Homes:
    """Buildings with homes: one point and the persons by floor area of each."""

    points: Shapes
    persons: Float
    levels_assumed: int


def estimated_communities(areas: Sequence[Thing], places: OsmPlaces, area: Area, meanings: Meanings, file: str,
                          units: Units = "both", persons: float | None = None) -> Communities:
    """Communities with estimated persons; with `persons`, the estimate is scaled to that total.

    DataError: nobody_found.
    """
    faults: list[Fault] = []
    terms = meanings.homes
    frame = _units(areas, places, area, meanings, units, file, faults)
    shapes = np.asarray(frame.geometry.array, dtype=object)
    homes = _homes(areas, places, area, terms)
    by_floor, elsewhere = _per_unit(homes, shapes)
    method: Method = "street_length"
    if len(frame) and (by_floor > 0.0).mean() >= terms.min_share_of_communities:
        method = "floor_area"
        faults += left_out("levels_assumed", file, homes.levels_assumed, total=str(len(homes.persons)))
        faults += left_out("buildings_elsewhere", file, int(elsewhere.sum()),
                           persons=f"{homes.persons[elsewhere].sum():,.0f}")
        found = by_floor
    else:
        streets = np.asarray(places.roads.geometry.array, dtype=object)
        lived_in = places.roads["highway"].isin(meanings.streets.lived_in).to_numpy()
        metres = street_metres(shapes, streets[lived_in])
        cap_m = terms.max_street_m_per_ha * shapely.area(shapes) / HECTARE_M2
        found = np.minimum(metres, cap_m) * terms.persons_per_street_m
    if found.sum() <= 0.0:
        raise DataError([*faults, fault("nobody_found", file=file, messages=AREA_MESSAGES)])
    frame["population"] = whole_numbers(found if persons is None else found * (persons / found.sum()))
    lived = (frame["population"] > 0).to_numpy()
    faults += left_out("nobody_home", file, int((~lived).sum()))
    return Communities(frame[lived].reset_index(drop=True), method, tuple(faults))


def whole_numbers(values: Float) -> NDArray[np.int64]:
    """Whole numbers whose sum is the rounded sum of the values (largest remainders; ties to the first)."""
    down = np.floor(values)
    missing = round(float(values.sum())) - int(down.sum())
    order = np.argsort(-(values - down), kind="stable")
    found = down.astype(np.int64)
    found[order[:missing]] += 1
    return found


def _units(areas: Sequence[Thing], places: OsmPlaces, area: Area, meanings: Meanings, units: Units, file: str,
           faults: list[Fault]) -> gpd.GeoDataFrame:
    terms = meanings.homes
    things = [t for t in areas if class_of(t.tags, terms.residential) is not None] if units != "blocks" else []
    cut = shapely.intersection(metric_shapes(things, area.crs_metric), area.outline)
    homes = without_nested(_as_objects([polygons_of(g) for g in cut]), 1.0)
    ids, names, kinds = [t.id for t in things], [t.tags.get("name") for t in things], ["residential"] * len(things)
    blocks = np.empty(0, dtype=object)
    if units != "residential":
        blocks = _blocks(places, area, meanings, homes, file, faults)
    xy = shapely.get_coordinates(shapely.point_on_surface(blocks)).reshape(-1, 2)
    ids += [f"B{round(x)}-{round(y)}" for x, y in xy]
    names += [None] * len(blocks)
    kinds += ["block"] * len(blocks)
    shapes = np.concatenate([homes, blocks])
    outside, small = shapely.is_empty(shapes), shapely.area(shapes) < terms.min_area_m2
    faults += left_out("osm_outside", file, int(outside.sum()), kind="residential")
    faults += left_out("osm_too_small", file, int((small & ~outside).sum()), kind="communities",
                       least=f"{terms.min_area_m2:g}")
    frame = gpd.GeoDataFrame({"id": text_column(ids), "name": text_column(names), "kind": text_column(kinds)},
                             geometry=shapes, crs=area.crs_metric)
    return frame[~small].reset_index(drop=True)


def _blocks(places: OsmPlaces, area: Area, meanings: Meanings, homes: Shapes, file: str, faults: list[Fault]) -> Shapes:
    """Street blocks, or what residential land leaves of them; none where it covers most."""
    walls = places.roads["highway"].isin(meanings.streets.block_walls).to_numpy()
    streets = np.asarray(places.roads.geometry.array, dtype=object)[walls]
    blocks, most_m2 = street_blocks(streets, area.outline), meanings.homes.max_block_m2
    large = shapely.area(blocks) > most_m2
    faults += left_out("blocks_large", file, int(large.sum()), most=f"{most_m2 / HECTARE_M2:g}",
                       hectares=f"{shapely.area(blocks[large]).sum() / HECTARE_M2:,.0f}")
    blocks = blocks[~large]
    tree = shapely.STRtree(homes)
    rest: list[shapely.Geometry] = []
    for block in blocks:
        near = homes[np.sort(tree.query(block, predicate="intersects"))]
        covered = shapely.intersection(block, shapely.union_all(near))
        if covered.area >= meanings.homes.covered_share * block.area:
            continue
        pieces = shapely.get_parts(polygons_of(shapely.difference(block, covered)))
        rest.append(max(pieces, key=lambda piece: piece.area))
    return _as_objects(rest)


def _homes(areas: Sequence[Thing], places: OsmPlaces, area: Area, terms: HomeTerms) -> Homes:
    """Buildings with homes inside the area, with persons = footprint x storeys x share of homes / m2 per person."""
    named = [(t, kind) for t in areas if not any(key in t.tags for key in terms.not_homes)
             and isinstance(kind := class_of(t.tags, terms.buildings), BuildingClass)]
    shapes = metric_shapes([t for t, _ in named], area.crs_metric)
    points = shapely.point_on_surface(shapes)
    at_work = np.zeros(len(named), dtype=bool)
    at_work[shapely.STRtree(places.land.geometry.to_numpy()).query(points, predicate="intersects")[0]] = True
    off_land = np.array([kind.only_off_land for _, kind in named], dtype=bool)
    kept = shapely.intersects(points, area.outline) & ~(at_work & off_land)
    rows = np.flatnonzero(kept)
    levels = [storeys(named[row][0].tags.get("building:levels")) for row in rows]
    floors = np.array([named[row][1].storeys if tagged is None else tagged
                       for row, tagged in zip(rows, levels, strict=True)], dtype=np.float64)
    share = np.array([named[row][1].lived_in_share for row in rows], dtype=np.float64)
    persons = shapely.area(shapes[rows]) * floors * share / terms.floor_m2_per_person
    return Homes(points[rows], persons, sum(tagged is None for tagged in levels))


def storeys(text: str | None) -> float | None:
    """Number of storeys of a tag; the largest of "4;5" or "4-5", None where it says none (or more than a tower has)."""
    found = [float(number) for number in _NUMBER.findall(text or "")]
    return max(found) if found and 0.0 < max(found) <= _MOST_STOREYS else None


def _per_unit(homes: Homes, units: Shapes) -> tuple[Float, NDArray[np.bool_]]:
    """Persons in the unit nearest to each building, and which buildings lie far from all; of two, the first counts."""
    building, unit = shapely.STRtree(units).query_nearest(homes.points, max_distance=NEAR_M)
    order = np.lexsort((unit, building))
    building, unit = building[order], unit[order]
    first = np.diff(building, prepend=-1) != 0
    persons = np.bincount(unit[first], weights=homes.persons[building[first]], minlength=len(units))
    elsewhere = np.ones(len(homes.persons), dtype=bool)
    elsewhere[building] = False
    return persons.astype(np.float64), elsewhere


def _as_objects(shapes: Sequence[shapely.Geometry]) -> Shapes:
    found = np.empty(len(shapes), dtype=object)
    found[:] = shapes
    return found
