"""Points of interest: places that may host a site, or that sites keep away from; from OpenStreetMap or any table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import geopandas as gpd
import pandas as pd

from geodata.crs import to_metric
from geodata.places import Exclusion, read_table
from geodata.readers import OSM_POINTS, Source
from geodata.readers.osm_points import TAGS
from geodata.tables import Column, Fault, Table, text_column

POINTS = Table("points_of_interest", ("point", "polygon"), (
    Column("kind", kind="text"), Column("name", kind="text"), *(Column(tag, kind="text") for tag in TAGS)))


@dataclass(frozen=True)
class PointsInput:
    """One file of points of interest."""

    name: str
    source: Source
    kind: str | None = None
    """What every place of the file is; None: its columns say so."""


@dataclass(frozen=True)
class NamedLayer(Exclusion):
    """Places that bar a tier only where its rule names them in `buffers_m`."""


def read_points(inputs: Sequence[PointsInput],
                crs_metric: str) -> tuple[gpd.GeoDataFrame, tuple[Fault, ...]]:
    """All places of some files in the metric system: id, name, words (what each is called), geometry; and the faults.

    Ids are <file's name in the study>-<id in the file>, so that they stay when another file is added. `words` holds
    the kind, the values of the OSM tags and key=value of each, in lower case; several values are parted by ';'.
    """
    frames: list[gpd.GeoDataFrame] = []
    faults: list[Fault] = []
    for given in inputs:
        is_osm = given.source.is_osm
        frame, found = read_table(replace(given.source, layer=OSM_POINTS) if is_osm else given.source, POINTS)
        faults += found
        if frame is not None:
            frame = to_metric(frame, crs_metric)
            frames.append(gpd.GeoDataFrame({
                "id": text_column(f"{given.name}-{i}" for i in frame["id"]), "name": text_column(frame["name"]),
                "words": [_words(row, given.kind) for row in frame[["kind", *TAGS]].to_dict("records")],
            }, geometry=frame.geometry.to_numpy(), crs=crs_metric))
    if not frames:
        nothing = text_column([])
        return gpd.GeoDataFrame({"id": nothing, "name": nothing, "words": nothing}, geometry=[],
                                crs=crs_metric), tuple(faults)
    return gpd.GeoDataFrame(pd.concat(frames, ignore_index=True), crs=crs_metric), tuple(faults)


def _words(row: Mapping[str, object], kind: str | None) -> frozenset[str]:
    return frozenset(_spoken(row, kind))


def _spoken(row: Mapping[str, object], kind: str | None) -> Iterator[str]:
    if kind is not None:
        yield kind.lower()
    for key, text in row.items():
        for value in text.split(";") if isinstance(text, str) else ():
            word = value.strip().lower()
            if word:
                yield word
                yield f"{key}={word}"


def is_called(words: Iterable[frozenset[str]], kinds: Iterable[str]) -> list[bool]:
    """Whether each place is of one of some kinds, which are written as in the file or as key=value."""
    wanted = {kind.strip().lower() for kind in kinds}
    return [not wanted.isdisjoint(own) for own in words]


def named_layers(points: gpd.GeoDataFrame, kinds: Mapping[str, Sequence[str]]) -> tuple[NamedLayer, ...]:
    """One layer per group of kinds, for rules that keep a distance from them."""
    return tuple(NamedLayer(name, 0.0, points.geometry[is_called(points["words"], words)])
                 for name, words in kinds.items())
