"""Communities from a population file: its cells, areas or points inside the boundary, with the persons they have."""

from __future__ import annotations

import geopandas as gpd
import h3
import numpy as np
import shapely
from numpy.typing import NDArray

from geodata.crs import WGS84, to_metric
from geodata.osm_places import Area, left_out
from geodata.osm_places_homes import Communities, whole_numbers
from geodata.places import read_table
from geodata.readers import Source
from geodata.tables import COMMUNITIES, DataError, has_errors, text_column


def cell_communities(source: Source, area: Area, persons: float | None = None) -> Communities:
    """The cells whose middle lies in the area with people; with `persons` scaled to that total, households too.

    Points whose ids are cells of H3 become those hexagons (Brodsky, Uber 2018). DataError with every fault of the file.
    """
    frame, faults = read_table(source, COMMUNITIES)
    if frame is None or has_errors(faults):
        raise DataError(faults)
    notes = list(faults)
    if frame.geometry.geom_type.eq("Point").all() and all(map(h3.is_valid_cell, frame["id"])):
        notes += left_out("cells_hexagons", source.file, len(frame))
        frame = gpd.GeoDataFrame(frame.drop(columns="geometry"), geometry=_hexagons(frame["id"]), crs=WGS84)
    frame = to_metric(frame, area.crs_metric)
    shapes = np.asarray(frame.geometry.array, dtype=object)
    inside = shapely.intersects(shapely.point_on_surface(shapes), area.outline)
    people = frame["population"].to_numpy(dtype=np.float64)
    notes += left_out("cells_outside", source.file, int((~inside).sum()), persons=f"{people[~inside].sum():,.0f}")
    notes += left_out("cells_without_people", source.file, int((inside & (people <= 0.0)).sum()))
    kept = inside & (people > 0.0)
    found, households = people[kept], frame["households"].to_numpy(dtype=np.float64)[kept]
    if persons is not None and found.sum() > 0.0:
        factor = persons / found.sum()
        found = whole_numbers(found * factor).astype(np.float64)
        known = np.isfinite(households)
        households[known] = whole_numbers(households[known] * factor)
    return Communities(_frame(frame[kept], found, households), "file", tuple(notes))


def _frame(cells: gpd.GeoDataFrame, persons: NDArray[np.float64], households: NDArray[np.float64]) -> gpd.GeoDataFrame:
    data: dict[str, object] = {"id": text_column(cells["id"]), "name": text_column(cells["name"]),
                               "kind": text_column(["cell"] * len(cells)), "population": persons}
    if np.isfinite(households).any():
        data["households"] = households
    return gpd.GeoDataFrame(data, geometry=cells.geometry.to_numpy(), crs=cells.crs)


def _hexagons(ids: list[str]) -> list[shapely.Polygon]:
    return [shapely.Polygon([(lon, lat) for lat, lon in h3.cell_to_boundary(name)]) for name in ids]


