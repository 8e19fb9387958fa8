"""Generators out of a file of OpenStreetMap: shops, offices, schools by their tags, without a size of their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray

from geodata.demand_input import GENERATORS, GeneratorKind, GeneratorSource
from geodata.points_of_interest import PointsInput, read_points
from geodata.tables import Fault, fault, text_column


def osm_generators(given: GeneratorSource, crs_metric: str,
                   kind_of: Mapping[str, GeneratorKind]) -> tuple[gpd.GeoDataFrame | None, tuple[Fault, ...]]:
    """Places of known kinds under the columns of GENERATORS, in the metric system; None where nothing can be read.

    A place is of the kind whose words have the value of one of its tags (`supermarket`), or key=value
    (`amenity=school`), else the key alone (`shop`: any other shop). How many places are of no kind is a note, and
    how many points were left out because an area of their kind around them is the same place.
    """
    source = given.source
    points, faults = read_points([PointsInput(given.name, source, None)], crs_metric)
    if not len(points):
        return None, faults
    plain = {word.lower(): kind for word, kind in kind_of.items()}
    kinds = [_kind(sorted(words), plain, given.kind) for words in points["words"]]
    some = np.array([kind is not None for kind in kinds], dtype=bool)
    others = fault("generator_others", file=source.file, layer=GENERATORS.name, count=int((~some).sum()))
    frame = gpd.GeoDataFrame({
        "id": points["id"], "kind": text_column(None if kind is None else kind.id for kind in kinds),
        "floor_area_m2": np.nan, "heads_count": np.nan, "t_per_day": np.nan, "name": points["name"],
        "zone": text_column([None] * len(points))}, geometry=points.geometry, crs=crs_metric)
    frame = frame[some].reset_index(drop=True)
    twice = _mapped_twice(frame)
    again = fault("generator_twice", file=source.file, layer=GENERATORS.name, count=int(twice.sum()))
    return frame[~twice].reset_index(drop=True), (*faults, *((others,) if (~some).any() else ()),
                                                  *((again,) if twice.any() else ()))


def _mapped_twice(frame: gpd.GeoDataFrame) -> NDArray[np.bool_]:
    """Points within an area of their kind, [n]: one place drawn twice, unless both are named and not the same."""
    shapes = np.asarray(frame.geometry.array, dtype=object)
    areal = shapely.get_dimensions(shapes) == 2
    points, areas = np.flatnonzero(~areal), np.flatnonzero(areal)
    at, within = shapely.STRtree(shapes[areas]).query(shapes[points], predicate="intersects")
    twice = np.zeros(len(frame), dtype=bool)
    for point, area in zip(points[at].tolist(), areas[within].tolist(), strict=True):
        named = {str(n) for n in frame["name"].iloc[[point, area]] if isinstance(n, str)}
        twice[point] |= frame["kind"].iloc[point] == frame["kind"].iloc[area] and len(named) < 2
    return twice


def _kind(words: Sequence[str], kind_of: Mapping[str, GeneratorKind], said: str | None) -> GeneratorKind | None:
    """The kind of a place: by a value or key=value, by a key, or what the study says of the whole file."""
    keys = [word.split("=")[0] for word in words if "=" in word]
    for word in (*words, *keys, *(() if said is None else (said.lower(),))):
        if word in kind_of:
            return kind_of[word]
    return None
