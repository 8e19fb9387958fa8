"""Communities as cells of a grid: H3 hexagons or squares over polygons or points that hold persons.

What a polygon holds is shared over cells by area, what a point holds goes to its cell; cells are cut along zones, so
every zone keeps its persons. Nothing is lost but cells in which nobody lives.
"""

from __future__ import annotations

import geopandas as gpd
import h3
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from geodata.crs import WGS84, to_metric, to_wgs84
from geodata.demand_input import CellGrid
from geodata.tables import DataError, fault, text_column

Objects = NDArray[np.object_]
Int = NDArray[np.int64]

MOST_CELLS = 500_000
"""More than a plan can be made for on one machine by far."""
SHARED = ("population", "households", "weight")
"""Columns that are divided among the cells of a community; unknown (NaN) stays unknown."""
OUTSIDE = "outside"
UNKNOWN = "unknown"
NARROW_SHARE = 0.75
"""What is narrower than this share of a mean edge lies in the cell of its middle and the six around it: no edge of a
cell is shorter."""


def laid_in_cells(communities: gpd.GeoDataFrame, zones: gpd.GeoDataFrame, grid: CellGrid) -> gpd.GeoDataFrame:
    """Communities (id, population, households, weight, name, zone_id, area_m2, geometry) as cells, in metric CRS.

    Ids are those of the grid (H3 index, or x<column>y<row> from the origin of the metric system); a cell that lies in
    several zones becomes <cell>.<zone> each. Where a cell holds communities with persons and others without, it becomes
    two, <cell> and <cell>.unknown, so that what fills the one leaves the other as it is. Cells are cut out of polygons;
    points take the whole cell of their zone. DataError: more than 500,000 cells.
    """
    crs = str(communities.crs)
    pieces = _zoned(communities, zones)
    names, outlines = _cells(pieces, grid, crs)
    source, cell, geometry = _in_cells(pieces, outlines)
    share = _share_of_source(pieces["source"].to_numpy()[source], geometry, len(communities))
    rows = pd.DataFrame({
        "cell": names[cell], "zone_id": text_column(pieces["zone_id"].to_numpy(dtype=object)[source]),
        "outline": cell, "geometry": geometry,
        **{name: communities[name].to_numpy(dtype=np.float64)[pieces["source"].to_numpy()[source]] * share
           for name in SHARED}})
    return _grouped(rows, outlines, zones, crs)


def _zoned(communities: gpd.GeoDataFrame, zones: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Pieces of communities, each in one zone or outside all: source, zone_id, geometry."""
    shapes = np.asarray(communities.geometry.array, dtype=object)
    areal = shapely.get_dimensions(shapes) == 2
    source, zone, geometry = [], [], []
    rows = np.flatnonzero(~areal if len(zones) else np.ones(len(shapes), dtype=bool))
    source.append(rows)
    zone += list(communities["zone_id"].to_numpy(dtype=object)[rows])
    geometry.append(shapes[rows])
    if len(zones):
        outlines = np.asarray(zones.geometry.array, dtype=object)
        rows = np.flatnonzero(areal)
        at, which = shapely.STRtree(outlines).query(shapes[rows], predicate="intersects")
        left = shapely.difference(shapes[rows], shapely.union_all(outlines))
        cut = [areas_of(shape) for shape in (*shapely.intersection(shapes[rows][at], outlines[which]), *left)]
        source += [rows[at], rows]
        zone += [str(zones["id"].iloc[n]) for n in which] + [None] * len(rows)
        geometry.append(np.array(cut, dtype=object))
    joined = np.concatenate(geometry)
    return gpd.GeoDataFrame({"source": np.concatenate(source), "zone_id": text_column(zone)}, geometry=joined,
                            crs=communities.crs)[~shapely.is_empty(joined)].reset_index(drop=True)


def _cells(pieces: gpd.GeoDataFrame, grid: CellGrid, crs: str) -> tuple[Objects, Objects]:
    """Names and outlines (metric CRS) of all cells that may hold a piece."""
    return _hexagons(pieces, grid.h3_resolution, crs) if grid.h3_resolution is not None else _squares(pieces, grid)


def _hexagons(pieces: gpd.GeoDataFrame, resolution: int, crs: str) -> tuple[Objects, Objects]:
    bounds = shapely.bounds(np.asarray(pieces.geometry.array, dtype=object))
    across_m = np.hypot(bounds[:, 2] - bounds[:, 0], bounds[:, 3] - bounds[:, 1])
    shapes = np.asarray(to_wgs84(pieces.geometry).array, dtype=object)
    small = across_m < NARROW_SHARE * h3.average_hexagon_edge_length(resolution, unit="m")
    places = shapely.get_coordinates(shapely.centroid(shapes[small]))
    found = {near for name in {h3.latlng_to_cell(y, x, resolution) for x, y in places.tolist()}
             for near in h3.grid_disk(name, 1)}
    for shape in shapes[~small]:
        found.update(h3.polygon_to_cells_experimental(h3.geo_to_h3shape(shape), resolution, contain="overlap"))
        _refuse_many(len(found))
    names = sorted(found)
    rings = [shapely.Polygon([(x, y) for y, x in h3.cell_to_boundary(name)]) for name in names]
    outlines = to_metric(gpd.GeoSeries(rings, crs=WGS84), crs)
    return np.array(names, dtype=object), np.asarray(outlines.array, dtype=object)


def _squares(pieces: gpd.GeoDataFrame, grid: CellGrid) -> tuple[Objects, Objects]:
    side = grid.side_m
    assert side is not None, "a square grid has a side"
    bounds = np.floor(shapely.bounds(np.asarray(pieces.geometry.array, dtype=object)) / side).astype(np.int64)
    found: set[tuple[int, int]] = set()
    for x0, y0, x1, y1 in bounds.tolist():
        _refuse_many((x1 - x0 + 1) * (y1 - y0 + 1) + len(found))
        found.update((x, y) for x in range(x0, x1 + 1) for y in range(y0, y1 + 1))
    at = np.array(sorted(found), dtype=np.int64).reshape(-1, 2)
    outlines = shapely.box(at[:, 0] * side, at[:, 1] * side, (at[:, 0] + 1) * side, (at[:, 1] + 1) * side)
    return np.array([f"x{x}y{y}" for x, y in at.tolist()], dtype=object), np.asarray(outlines, dtype=object)


def _refuse_many(count: int) -> None:
    if count > MOST_CELLS:
        raise DataError([fault("cells_too_many", most=f"{MOST_CELLS:,}")])


def _in_cells(pieces: gpd.GeoDataFrame, outlines: Objects) -> tuple[Int, Int, Objects]:
    """Pieces cut along cells: row of the piece, cell, geometry. A point on a border belongs to the first cell."""
    shapes = np.asarray(pieces.geometry.array, dtype=object)
    row, cell = shapely.STRtree(outlines).query(shapes, predicate="intersects")
    order = np.lexsort((cell, row))
    row, cell = row[order], cell[order]
    areal = shapely.get_dimensions(shapes[row]) == 2
    first = np.r_[True, row[1:] != row[:-1]] if len(row) else np.empty(0, dtype=bool)
    geometry = np.where(areal, shapely.intersection(shapes[row], outlines[cell]), shapes[row])
    keep = np.where(areal, shapely.area(geometry) > 0.0, first)
    return row[keep], cell[keep], geometry[keep]


def _share_of_source(source: Int, geometry: Objects, count: int) -> NDArray[np.float64]:
    """Share of its community that each piece holds: by area, the shares of a community sum to 1 exactly enough."""
    size = np.where(shapely.get_dimensions(geometry) == 2, shapely.area(geometry), 1.0)
    total = np.bincount(source, weights=size, minlength=count)
    return np.asarray(size / total[source], dtype=np.float64)


def _grouped(rows: pd.DataFrame, outlines: Objects, zones: gpd.GeoDataFrame, crs: str) -> gpd.GeoDataFrame:
    """One row per cell and zone, for known and unknown persons apart."""
    rows["zone_key"] = [OUTSIDE if z is None else z for z in rows["zone_id"]]
    rows["unknown"] = rows["population"].isna()
    groups = [((str(key[0]), str(key[1]), bool(key[2])), group)
              for key, group in rows.groupby(["cell", "zone_key", "unknown"], sort=True)]
    limits = dict(zip(zones["id"], zones.geometry, strict=True))
    shapes = [_outline(group, outlines, limits.get(key)) for (_, key, _), group in groups]
    table = gpd.GeoDataFrame(
        {"id": text_column(_names([key for key, _ in groups])),
         **{name: [group[name].sum(skipna=False) for _, group in groups] for name in SHARED},
         "name": text_column([None] * len(groups)),
         "zone_id": text_column(group["zone_id"].iloc[0] for _, group in groups)},
        geometry=gpd.GeoSeries(shapes, crs=crs), crs=crs)
    table["area_m2"] = table.geometry.area
    return table[table["area_m2"] > 0.0].reset_index(drop=True)


def _names(keys: list[tuple[str, str, bool]]) -> list[str]:
    """Ids of cells by zone and whether their persons are unknown: as short as tells them apart."""
    zones_of: dict[str, set[str]] = {}
    for cell, zone, _ in keys:
        zones_of.setdefault(cell, set()).add(zone)
    known = {(cell, zone) for cell, zone, unknown in keys if not unknown}
    return [(cell if len(zones_of[cell]) == 1 else f"{cell}.{zone}")
            + (f".{UNKNOWN}" if unknown and (cell, zone) in known else "") for cell, zone, unknown in keys]


def _outline(group: pd.DataFrame, outlines: Objects, zone: shapely.Geometry | None) -> shapely.Geometry:
    """What of a cell is covered by polygons; with points in it, all of it that lies in their zone."""
    shapes = np.array(group["geometry"], dtype=object)
    if (shapely.get_dimensions(shapes) < 2).any():
        whole = outlines[int(group["outline"].iloc[0])]
        inside = whole if zone is None else areas_of(shapely.intersection(whole, zone))
        return whole if inside.is_empty else inside
    return areas_of(shapely.union_all(shapes))


def areas_of(shape: shapely.Geometry) -> shapely.Geometry:
    """The polygons of a shape; overlays leave points and lines beside them."""
    if shape.geom_type in ("Polygon", "MultiPolygon"):
        return shape
    return shapely.union_all([p for p in shapely.get_parts(shape) if p.geom_type in ("Polygon", "MultiPolygon")])


def without_empty(cells: gpd.GeoDataFrame) -> tuple[gpd.GeoDataFrame, int]:
    """Cells in which somebody lives or may live, and how many were left out; with nobody at all, all of them."""
    some = ~(cells["population"].to_numpy(dtype=np.float64) == 0.0)
    if not some.any():
        return cells, 0
    return cells[some].reset_index(drop=True), int((~some).sum())


