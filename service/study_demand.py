"""The key `demand` of a study: cells, slivers, tolerance, rates, peak; and its sources as geodata takes them."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from geodata.demand_input import CellGrid, DemandInput, GeneratorSource, SliverLimits
from geodata.readers import Source
from optimizer.network import Config, Identifier, NonNegative, Positive, Provenance

DEMAND_COLUMNS = frozenset({"weight", "control_persons", "setting"})
"""Columns of communities and zones that say something about demand: a study that names one asks for it."""
PeakFactor = Annotated[float, Field(ge=1.0, le=10.0)]


class CellsConfig(Config):
    """Communities laid out in cells: H3 hexagons of a resolution, or squares with a side."""

    h3_resolution: Annotated[int, Field(ge=5, le=12)] | None = None
    side_m: Annotated[float, Field(ge=20.0)] | None = None

    @model_validator(mode="after")
    def _one_grid(self) -> Self:
        if (self.h3_resolution is None) == (self.side_m is None):
            raise ValueError("give either h3_resolution or side_m")
        return self

    def grid(self) -> CellGrid:
        """The same for geodata."""
        return CellGrid(self.h3_resolution, self.side_m)


class SliversConfig(Config):
    """Communities below either limit are merged into the neighbour with the longest shared border."""

    min_area_m2: NonNegative = 500.0
    min_persons: NonNegative = 0.0
    reach_m: Annotated[float, Field(gt=0.0, le=50.0)] = 1.0
    """Borders this close to one another count as one: digitised outlines rarely meet exactly."""

    def limits(self) -> SliverLimits:
        """The same for geodata."""
        return SliverLimits(self.min_area_m2, self.min_persons, self.reach_m)


class DemandConfig(Config):
    """How demand is made of the inputs; every key has a default."""

    cells: CellsConfig | None = None
    slivers: SliversConfig | None = None
    tolerance_share: Positive = 0.1
    """Communities of a zone that sum up this far from its control total are told."""
    rates: Identifier | None = None
    """A file of configs/demand: factors for town and country, kinds of generators."""
    peak_factor: PeakFactor = 1.0
    """Peak day over mean day: sites must have room for the peak, yearly tonnes and costs are those of the mean."""
    provenance: tuple[Provenance, ...] = ()
    """Where the figures come from: `covers` with control_totals.*, population, generators, peak_factor ..."""

    def as_input(self, population: Source | None, control_totals: Source | None,
                 generators: tuple[GeneratorSource, ...]) -> DemandInput:
        """The same with its sources for geodata."""
        return DemandInput(population, control_totals, self.tolerance_share,
                           None if self.cells is None else self.cells.grid(),
                           None if self.slivers is None else self.slivers.limits(), generators)
