"""Things of OpenStreetMap inside a boundary -> the layers of a new study, in the metric system.

Nothing is estimated here; see osm_places_homes for where people live.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray

from geodata.crs import WGS84, to_metric
from geodata.osm_areas import Thing, Things
from geodata.osm_areas_classes import ExclusionClass, LandTerms, Meanings, StreetTerms, TagClass, class_of
from geodata.osm_areas_messages import AREA_MESSAGES
from geodata.roads import FOOT_ONLY
from geodata.street_blocks import street_blocks
from geodata.street_classes import ROUNDABOUTS
from geodata.tables import DataError, Fault, fault, text_column

Shapes = NDArray[np.object_]

STREET_TAGS = ("highway", "oneway", "maxspeed", "name", "junction", "access", "motor_vehicle", "hgv", "maxweight",
               "lanes", "bridge", "tunnel")


@dataclass(frozen=True)
class Area:
    """Where a study is: an outline in the metric system, what it is called."""

    outline: shapely.Geometry
    crs_metric: str
    name: str


@dataclass(frozen=True)
class ExclusionLayer:
    """Areas where nothing may stand, and the distance to keep."""

    name: str
    buffer_m: float
    frame: gpd.GeoDataFrame
    """id, name; polygons."""


@dataclass(frozen=True)
class OsmPlaces:
    """Layers of a new study, all in the metric system.

    roads: id (number of the way), the columns STREET_TAGS; lines. land: id, land_use, name; polygons, none inside
    another. points_of_interest: id, kind, name; points.
    """

    roads: gpd.GeoDataFrame
    land: gpd.GeoDataFrame
    exclusions: tuple[ExclusionLayer, ...]
    points_of_interest: gpd.GeoDataFrame
    faults: tuple[Fault, ...]


def osm_places(things: Things, area: Area, meanings: Meanings, file: str) -> OsmPlaces:
    """The layers inside an area, with what was left out as counted notes. DataError: nothing_inside (no street)."""
    faults: list[Fault] = []
    outlines = shapely.is_valid([thing.geometry for thing in things.areas])
    faults += left_out("osm_invalid", file, int((~outlines).sum()), kind="areas")
    roads = _roads(things.streets, area, meanings.streets, file, faults)
    if len(roads) == 0:
        raise DataError([fault("nothing_inside", file=file, messages=AREA_MESSAGES)])
    land = _cut(_land(things.areas, area, meanings.land, file, faults), roads, meanings.land, file, faults)
    exclusions = []
    for kind in meanings.exclusions:
        frame = _excluded(things.areas, area, kind, file, faults)
        if len(frame):
            exclusions.append(ExclusionLayer(kind.name, kind.buffer_m, frame))
    points = _points_of_interest(things, area, meanings.points_of_interest, file, faults)
    return OsmPlaces(roads, land, tuple(exclusions), points, tuple(faults))


def metric_shapes(things: Sequence[Thing], crs_metric: str) -> Shapes:
    """Geometries in the metric system; outlines that are invalid there are mended."""
    shapes = np.empty(len(things), dtype=object)
    shapes[:] = [thing.geometry for thing in things]
    moved = np.asarray(to_metric(gpd.GeoSeries(shapes, crs=WGS84), crs_metric).array, dtype=object)
    for row in np.flatnonzero(~shapely.is_valid(moved)):
        mended = shapely.make_valid(moved[row])
        moved[row] = polygons_of(mended) if moved[row].geom_type.endswith("Polygon") else mended
    return moved


def polygons_of(shape: shapely.Geometry) -> shapely.Geometry:
    """The polygons of a geometry as one, empty where it has none."""
    parts = [part for part in shapely.get_parts(shape) if part.geom_type in ("Polygon", "MultiPolygon")]
    flat = [p for part in parts for p in shapely.get_parts(part)]
    return flat[0] if len(flat) == 1 else shapely.MultiPolygon(flat)


def left_out(code: str, file: str, count: int, **values: str) -> list[Fault]:
    """One counted note, or none."""
    return [fault(code, file=file, messages=AREA_MESSAGES, count=count, **values)] if count else []


def _roads(streets: Sequence[Thing], area: Area, terms: StreetTerms, file: str,
           faults: list[Fault]) -> gpd.GeoDataFrame:
    closed = Counter(t.tags["highway"] for t in streets if t.tags["highway"] in terms.leave_out)
    for value, count in sorted(closed.items()):
        faults += left_out("osm_streets_class", file, count, value=value)
    open_streets = [t for t in streets if t.tags["highway"] not in terms.leave_out]
    shapes = metric_shapes(open_streets, area.crs_metric)
    near = shapely.dwithin(shapes, area.outline, terms.margin_m)
    faults += left_out("osm_streets_outside", file, int((~near).sum()), margin=f"{terms.margin_m:g}")
    kept = [t for t, inside in zip(open_streets, near, strict=True) if inside]
    columns = {name: text_column(t.tags.get(name) for t in kept) for name in STREET_TAGS}
    columns["oneway"] = text_column(
        "yes" if "oneway" not in t.tags and t.tags.get("junction") in ROUNDABOUTS else t.tags.get("oneway")
        for t in kept)
    return gpd.GeoDataFrame({"id": text_column(t.id[1:] for t in kept), **columns}, geometry=shapes[near],
                            crs=area.crs_metric)


def _inside(things: Sequence[Thing], area: Area, kind: str, file: str,
            faults: list[Fault]) -> tuple[list[Thing], Shapes]:
    """Things whose middle lies in the area, with their shapes."""
    shapes = metric_shapes(things, area.crs_metric)
    inside = shapely.intersects(shapely.point_on_surface(shapes), area.outline) & ~shapely.is_empty(shapes)
    faults += left_out("osm_outside", file, int((~inside).sum()), kind=kind)
    return [t for t, within in zip(things, inside, strict=True) if within], shapes[inside]


def _land(areas: Sequence[Thing], area: Area, terms: LandTerms, file: str, faults: list[Fault]) -> gpd.GeoDataFrame:
    named = [(t, found.name) for t in areas if (found := class_of(t.tags, terms.classes)) is not None
             and not terms.not_land.holds(t.tags)]
    class_name = {t.id: name for t, name in named}
    things, shapes = _inside([t for t, _ in named], area, "land", file, faults)
    large = shapely.area(shapes) >= terms.min_area_m2
    faults += left_out("osm_too_small", file, int((~large).sum()), kind="land", least=f"{terms.min_area_m2:g}")
    things = [t for t, is_large in zip(things, large, strict=True) if is_large]
    shapes = without_nested(shapes[large], terms.inside_share)
    apart = shapely.area(shapes) >= terms.min_area_m2
    faults += left_out("osm_inside_other", file, int((~apart).sum()), kind="land")
    kept = [t for t, is_apart in zip(things, apart, strict=True) if is_apart]
    return gpd.GeoDataFrame({
        "id": text_column(t.id for t in kept), "land_use": text_column(class_name[t.id] for t in kept),
        "name": text_column(t.tags.get("name") for t in kept)}, geometry=shapes[apart], crs=area.crs_metric)


def _cut(land: gpd.GeoDataFrame, roads: gpd.GeoDataFrame, terms: LandTerms, file: str,
         faults: list[Fault]) -> gpd.GeoDataFrame:
    """Land with large areas cut along streets into parcels <id>.1, <id>.2 ...; pieces too small are left out."""
    large = land.geometry.area.to_numpy() > terms.cut_above_m2
    streets = roads.geometry.to_numpy()[~roads["highway"].isin(FOOT_ONLY).to_numpy()]
    tree = shapely.STRtree(streets)
    rows: list[int] = []
    names: list[str] = []
    shapes: list[shapely.Geometry] = []
    small = pieces = wholes = 0
    for row, (name, shape) in enumerate(zip(land["id"], land.geometry, strict=True)):
        parts = [shape]
        if large[row]:
            inside = streets[np.sort(tree.query(shape, predicate="intersects"))]
            cut = [part for one in shapely.get_parts(shape) for part in street_blocks(inside, one, rim_m=0.0)]
            parts = [part for part in cut if part.area >= terms.min_area_m2]
            small += len(cut) - len(parts)
            wholes += len(cut) > 1
            pieces += len(parts) if len(cut) > 1 else 0
        rows += [row] * len(parts)
        names += [name] if len(parts) == 1 else [f"{name}.{number}" for number in range(1, len(parts) + 1)]
        shapes += parts
    faults += left_out("land_cut", file, wholes, most=f"{terms.cut_above_m2 / 1e4:g}", pieces=str(pieces))
    faults += left_out("osm_too_small", file, small, kind="parcels of cut land", least=f"{terms.min_area_m2:g}")
    data = {"id": text_column(names), **{c: text_column(land[c].iloc[rows]) for c in ("land_use", "name")}}
    return gpd.GeoDataFrame(data, geometry=shapes, crs=land.crs)


def without_nested(shapes: Shapes, inside_share: float) -> Shapes:
    """Polygons without common ground: the larger one keeps it, what lies inside others to that share becomes empty."""
    size = shapely.area(shapes)
    order = np.lexsort((np.arange(len(shapes)), -size))
    rank = np.empty(len(shapes), dtype=np.int64)
    rank[order] = np.arange(len(shapes))
    row, other = shapely.STRtree(shapes).query(shapes, predicate="intersects")
    larger = rank[other] < rank[row]
    row, other = row[larger], other[larger]
    by_row = np.argsort(row, kind="stable")
    first = np.searchsorted(row[by_row], np.arange(len(shapes) + 1))
    found = shapes.copy()
    for at in order:  # larger ones first, so that they are settled
        rivals = found[other[by_row[first[at]:first[at + 1]]]]
        common = shapely.intersection(found[at], shapely.union_all(rivals)) if len(rivals) else None
        if common is None or common.area == 0.0:
            continue
        inside = common.area >= inside_share * size[at]
        found[at] = shapely.Polygon() if inside else polygons_of(shapely.difference(found[at], common))
    return found


def _excluded(areas: Sequence[Thing], area: Area, kind: ExclusionClass, file: str,
              faults: list[Fault]) -> gpd.GeoDataFrame:
    """Areas of a kind that touch the area or its buffer, cut to it."""
    things = [t for t in areas if kind.holds(t.tags)]
    around = shapely.buffer(area.outline, kind.buffer_m)
    cut = [polygons_of(g) for g in shapely.intersection(metric_shapes(things, area.crs_metric), around)]
    kept = [(t, g) for t, g in zip(things, cut, strict=True) if not g.is_empty]
    faults += left_out("osm_outside", file, len(things) - len(kept), kind=kind.name)
    return gpd.GeoDataFrame({"id": text_column(t.id for t, _ in kept),
                             "name": text_column(t.tags.get("name") for t, _ in kept)},
                            geometry=[g for _, g in kept], crs=area.crs_metric)


def _points_of_interest(things: Things, area: Area, classes: Sequence[TagClass], file: str,
                        faults: list[Fault]) -> gpd.GeoDataFrame:
    named = {t.id: found.name for t in (*things.points, *things.areas)
             if (found := class_of(t.tags, classes)) is not None}
    kept, shapes = _inside([t for t in (*things.points, *things.areas) if t.id in named], area, "points_of_interest",
                           file, faults)
    return gpd.GeoDataFrame({
        "id": text_column(t.id for t in kept), "kind": text_column(named[t.id] for t in kept),
        "name": text_column(t.tags.get("name") for t in kept)}, geometry=shapely.point_on_surface(shapes),
        crs=area.crs_metric)
