"""Communities with their persons settled: from households, cells, a population raster and control totals.

The steps, in this order, each where the study asks for it: persons of households, cells, raster, control totals,
slivers. Every step keeps the persons it is given or says how many it could not place. Other sources than homes come
in by geodata/demand_generators.py, after land was screened.
"""

from __future__ import annotations

from dataclasses import replace

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray

from geodata.cells import laid_in_cells, without_empty
from geodata.cells_slivers import merged_slivers
from geodata.demand_input import DemandRecord, RasterUse
from geodata.demand_totals import fitted, read_totals
from geodata.places import Places, PlacesInput
from geodata.population_zonal import zonal_persons
from geodata.readers import Source
from geodata.tables import COMMUNITIES, DataError, Fault, fault, text_column

Float = NDArray[np.float64]

SHOWN_IDS = 5
NOBODY = 0.5
"""Fewer persons than this are rounding."""


def settled(places: Places, inputs: PlacesInput,
            persons_per_household: float) -> tuple[Places | None, tuple[Fault, ...]]:
    """Places whose communities all have persons, with a record of what was done and the faults found.

    Communities get the columns `estimated` (persons are not the file's own) and `setting` (what their zone is called,
    None where it says nothing). None instead of places where a raster or a table cannot be used at all. The same
    places where the study says nothing about demand.
    """
    if inputs.demand is None:
        return places, ()
    try:
        work = _Settling(places, inputs)
        work.persons_of_households(persons_per_household)
        work.cells()
        work.raster()
        work.totals()
        work.without_empty_cells()
        work.require_persons()
        work.slivers()
    except DataError as error:
        return None, tuple(replace(f, layer=f.layer or "demand") for f in error.faults)
    faults = tuple(work.faults)
    table = work.table.drop(columns="weight").assign(setting=_settings(work.table, places.zones))
    return replace(places, communities=table, demand=work.record, faults=(*places.faults, *faults)), faults


class _Settling:
    """Communities on their way, step by step; lives for one call of settled."""

    def __init__(self, places: Places, inputs: PlacesInput) -> None:
        assert inputs.demand is not None
        self.places, self.inputs, self.demand = places, inputs, inputs.demand
        self.table: gpd.GeoDataFrame = places.communities.assign(estimated=False)
        self.record = DemandRecord()
        self.faults: list[Fault] = []

    def _tell(self, code: str, source: Source, feature_id: str | None = None, **values: object) -> None:
        layer = "population" if source is self.demand.population else COMMUNITIES.name
        self.faults.append(fault(code, file=source.file, layer=source.layer or layer, feature_id=feature_id,
                                 **values))  # type: ignore[arg-type]

    @property
    def _persons(self) -> Float:
        return np.asarray(self.table["population"].to_numpy(dtype=np.float64))

    def persons_of_households(self, size: float) -> None:
        """Persons of communities that have only households."""
        households, persons = self.table["households"].to_numpy(dtype=np.float64), self._persons
        derived = np.isnan(persons) & ~np.isnan(households)
        if derived.any():
            self.table = self.table.assign(population=np.where(derived, households * size, persons),
                                           estimated=self.table["estimated"].to_numpy(dtype=bool) | derived)
            self.record = replace(self.record, from_households_count=int(derived.sum()))
            self._tell("population_of_households", self.inputs.communities, count=int(derived.sum()), size=f"{size:g}")

    def cells(self) -> None:
        """Communities as cells of a grid."""
        if self.demand.cells is not None:
            self.table = laid_in_cells(self.table, self.places.zones, self.demand.cells).assign(estimated=True)

    def raster(self) -> None:
        """Persons of a raster for polygons that have none; what no polygon covers is told."""
        source = self.demand.population
        if source is None:
            return
        unknown = np.isnan(self._persons)
        areal = shapely.get_dimensions(np.asarray(self.table.geometry.array, dtype=object)) == 2
        if (unknown & ~areal).any():
            raise DataError([fault("raster_needs_areas", file=source.file, count=int((unknown & ~areal).sum()))])
        found = zonal_persons(source, self.table.geometry[areal], self.places.zones.geometry)
        persons = np.zeros(len(self.table))
        persons[areal] = found.persons
        if not unknown.any():
            self._tell("raster_not_used", source)
        self.table = self.table.assign(population=np.where(unknown, persons, self._persons),
                                       estimated=self.table["estimated"].to_numpy(dtype=bool) | unknown)
        placed = found.total_persons - found.unplaced_persons
        self.record = replace(self.record, raster=RasterUse(found.total_persons, placed, found.unplaced_persons))
        if found.twice_persons > NOBODY:
            self._tell("raster_counted_twice", source, persons=f"{found.twice_persons:,.0f}")
        self._tell_unplaced(source, found.unplaced_persons, found.zone_unplaced, found.total_persons)

    def _tell_unplaced(self, source: Source, unplaced: float, by_zone: Float, total: float) -> None:
        zones = self.places.zones
        shown = zip(zones["id"], by_zone, strict=True) if len(zones) else [(None, unplaced)]
        for zone, persons in shown:
            if persons > NOBODY:
                self._tell("raster_unplaced", source, zone, persons=f"{persons:,.0f}", share=f"{persons / total:.1%}")
        beyond = unplaced - float(by_zone.sum())
        if len(zones) and beyond > NOBODY:
            self._tell("raster_beyond", source, persons=f"{beyond:,.0f}")

    def totals(self) -> None:
        """Persons made to sum up to the control totals of their zones."""
        found, faults = read_totals(self.demand, self.places.zones, self.inputs.zones)
        self.faults += faults
        if found is not None:
            self.table, used, faults = fitted(self.table, found, self.places.zones, self.demand.tolerance_share)
            self.faults += faults
            placed = {total.zone_id for total in used}
            lost = sum(persons for zone, persons in found.persons.items() if zone not in placed)
            self.record = replace(self.record, totals=used, unplaced_persons=found.unmatched_persons + lost)

    def without_empty_cells(self) -> None:
        """Cells without anybody left out."""
        if self.demand.cells is not None:
            self.table, empty = without_empty(self.table)
            self.record = replace(self.record, cells_count=len(self.table))
            self._tell("cells_laid", self.inputs.communities, count=len(self.table), empty=empty)

    def slivers(self) -> None:
        """Slivers merged into neighbours."""
        source = self.inputs.communities
        if self.demand.slivers is not None:
            merged = merged_slivers(self.table, self.demand.slivers)
            self.table = merged.communities
            self.record = replace(self.record, merged_count=len(merged.into))
            for name, into in merged.into:
                self._tell("sliver_merged", source, name, into=into)
            for name in merged.alone:
                self._tell("sliver_alone", source, name)

    def require_persons(self) -> None:
        """An error that names communities still without persons."""
        missing = [str(name) for name in self.table["id"][np.isnan(self._persons)]]
        if missing:
            known = ", ".join(missing[:SHOWN_IDS]) + (" ..." if len(missing) > SHOWN_IDS else "")
            self._tell("population_unknown", self.inputs.communities, count=len(missing), known=known)


def _settings(communities: gpd.GeoDataFrame, zones: gpd.GeoDataFrame) -> object:
    """What the zone of each community is called."""
    called = dict(zip((str(z) for z in zones["id"]), zones["setting"], strict=True))
    return text_column(called.get(z) if isinstance(z, str) else None for z in communities["zone_id"])
