"""Sources that are no homes - shops, offices, schools - as rows beside the communities, with their size."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from geodata.crs import to_metric
from geodata.demand_input import GENERATORS, DemandInput, DemandRecord, GeneratorKind, GeneratorSource
from geodata.demand_osm import osm_generators
from geodata.places import NEAR_STREET_M, Places, distances_m, read_table, set_zone
from geodata.readers import Source
from geodata.tables import Fault, did_you_mean, fault, text_column

Float = NDArray[np.float64]


def with_generators(places: Places, demand: DemandInput | None,
                    known_kinds: Sequence[GeneratorKind]) -> tuple[Places, tuple[Fault, ...]]:
    """Places whose communities are followed by the study's generators of known kinds, and the faults found.

    A generator has id <kind>:<its id>, nobody living in it, and the columns `kind`, `size` (in the measure of its kind)
    and `t_per_day` (NaN unless the file says it); in homes `kind` is None. Rows of unknown kind are warnings, with
    their number; rows without a size are errors unless their kind assumes one.
    """
    if demand is None or not demand.generators:
        return places, ()
    kind_of = {word: kind for kind in known_kinds for word in (kind.id, *kind.words)}
    homes = places.communities
    tables = [homes.assign(kind=text_column([None] * len(homes)), size=np.nan, t_per_day=np.nan)]
    faults: list[Fault] = []
    assumed: Counter[str] = Counter()
    taken: set[str] = {str(name) for name in homes["id"]}
    for given in demand.generators:
        read = _read(places, given, kind_of)
        faults += read.faults
        assumed.update(read.assumed)
        if read.rows is not None:
            again = sorted({str(name) for name in read.rows["id"]} & taken)
            faults += [fault("id_repeated", file=given.source.file, layer=given.source.layer or GENERATORS.name,
                             feature_id=name, count=2) for name in again]
            taken |= {str(name) for name in read.rows["id"]}
            tables.append(read.rows[tables[0].columns])
    joined = gpd.GeoDataFrame(pd.concat(tables, ignore_index=True), geometry="geometry", crs=homes.crs)
    record = replace(places.demand or DemandRecord(), assumed_sizes=dict(assumed))
    return replace(places, communities=joined, demand=record, faults=(*places.faults, *faults)), tuple(faults)


@dataclass(frozen=True)
class _Generators:
    """The rows of one file beside the communities' columns, None where it cannot be used."""

    rows: gpd.GeoDataFrame | None
    faults: list[Fault]
    assumed: dict[str, int]


def _read(places: Places, given: GeneratorSource, kind_of: Mapping[str, GeneratorKind]) -> _Generators:
    """The generators of known kinds of one file."""
    source, layer = given.source, given.source.layer or GENERATORS.name
    osm = source.is_osm
    frame, found = osm_generators(given, places.crs_metric, kind_of) if osm else read_table(source, GENERATORS)
    if frame is None:
        return _Generators(None, list(found), {})
    if given.kind is not None:
        frame = frame.assign(kind=text_column(given.kind if k is None else k for k in frame["kind"]))
    faults = [*found, *_unknown_kinds(frame, kind_of, source, layer)]
    frame = frame[[k in kind_of for k in frame["kind"]]].reset_index(drop=True)
    kinds = [kind_of[k] for k in frame["kind"]]
    sizes, assumed, size_faults = _sizes(frame, kinds, source, layer)
    rows = to_metric(frame, places.crs_metric)
    faults += [*size_faults, *set_zone(rows, places.zones, source), *_far(rows, places, source, layer)]
    return _Generators(_as_communities(rows, kinds, sizes), faults, assumed)


def _unknown_kinds(frame: gpd.GeoDataFrame, kind_of: Mapping[str, GeneratorKind], source: Source,
                   layer: str) -> Iterable[Fault]:
    counts = frame["kind"].value_counts()
    known = sorted({kind.id for kind in kind_of.values()})
    nameless = int(frame["kind"].isna().sum())
    for word, count in [*counts.items(), *([("", nameless)] if nameless else [])]:
        if word not in kind_of:
            yield fault("generator_unknown", file=source.file, layer=layer, kind=word, count=int(count),
                        known=", ".join(known) or "-", hint=did_you_mean(str(word), kind_of))


def _sizes(frame: gpd.GeoDataFrame, kinds: list[GeneratorKind], source: Source,
           layer: str) -> tuple[Float, dict[str, int], list[Fault]]:
    """The size of each row in the measure of its kind, how many were assumed by kind, and rows that have none."""
    size = np.ones(len(frame))
    assumed: dict[str, int] = {}
    faults: list[Fault] = []
    for row, kind in enumerate(kinds):
        if kind.measure == "site":
            continue
        given = float(frame[kind.measure].iloc[row])
        if np.isnan(given) and np.isnan(float(frame["t_per_day"].iloc[row])):
            if kind.assumed_size is None:
                faults.append(fault("generator_without_size", file=source.file, layer=layer, kind=kind.id,
                                    feature_id=str(frame["id"].iloc[row]), column=kind.measure))
            else:
                assumed[kind.id] = assumed.get(kind.id, 0) + 1
                given = kind.assumed_size
        size[row] = 0.0 if np.isnan(given) else given
    by_id = {kind.id: kind for kind in kinds}
    faults += [fault("generator_size_assumed", file=source.file, layer=layer, kind=name, count=count,
                     size=f"{by_id[name].assumed_size:g} {by_id[name].measure}") for name, count in assumed.items()]
    return size, assumed, faults


def _far(rows: gpd.GeoDataFrame, places: Places, source: Source, layer: str) -> Iterable[Fault]:
    distance_m = distances_m(rows.geometry, places.roads.geometry)
    for row in np.flatnonzero(distance_m > NEAR_STREET_M):
        yield fault("generator_far", file=source.file, layer=layer, feature_id=str(rows["id"].iloc[row]),
                    distance=f"{distance_m[row]:.0f}")


def _as_communities(rows: gpd.GeoDataFrame, kinds: list[GeneratorKind], sizes: Float) -> gpd.GeoDataFrame:
    """Generators under the columns of communities; nobody lives in them."""
    return gpd.GeoDataFrame({
        "id": text_column(f"{kind.id}:{name}" for kind, name in zip(kinds, rows["id"], strict=True)),
        "population": np.zeros(len(rows)), "households": np.zeros(len(rows)), "name": rows["name"],
        "zone_id": rows["zone_id"], "area_m2": rows.geometry.area.to_numpy(),
        "estimated": np.ones(len(rows), dtype=bool), "setting": text_column([None] * len(rows)),
        "kind": text_column(kind.id for kind in kinds), "size": sizes,
        "t_per_day": rows["t_per_day"].to_numpy(dtype=np.float64)}, geometry=rows.geometry, crs=rows.crs)
