"""What a study says about its demand beyond the communities layer, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from geodata.readers import Source
from geodata.tables import Column, Table

UNCOUNTED = Table("communities", ("polygon", "point"), (
    Column("population", "persons", min=0.0),
    Column("households", "households", min=0.0),
    Column("weight", min=0.0),
    Column("name", kind="text"),
    Column("zone", kind="text")))
"""Communities whose persons may come from elsewhere; `weight` says how a zone's total is shared over them."""
COUNTED_ZONES = Table("zones", ("polygon",), (
    Column("name", kind="text"),
    Column("control_persons", "persons", min=0.0),
    Column("setting", kind="text")))
"""Zones with their control totals and with what they are called in terms of town and country."""
CONTROL_TOTALS = Table("control_totals", (), (
    Column("zone", kind="text", required=True),
    Column("persons", "persons", required=True, min=0.0)))
GENERATORS = Table("generators", ("point", "polygon"), (
    Column("kind", kind="text"),
    Column("floor_area_m2", "m2", min=0.0),
    Column("heads_count", "persons", min=0.0),
    Column("t_per_day", min=0.0),
    Column("name", kind="text"),
    Column("zone", kind="text")))
"""Sources that are no homes: size as floor area or as heads (employees, pupils, beds), or the tonnes themselves."""


@dataclass(frozen=True)
class CellGrid:
    """Cells to lay communities out in: hexagons of an H3 resolution, or squares with a side."""

    h3_resolution: int | None = None
    side_m: float | None = None


@dataclass(frozen=True)
class SliverLimits:
    """Communities below either limit are merged into a neighbour."""

    min_area_m2: float = 0.0
    min_persons: float = 0.0
    reach_m: float = 1.0
    """Borders this close to one another are one border."""


@dataclass(frozen=True)
class GeneratorKind:
    """How a kind of generator is recognised and measured."""

    id: str
    words: tuple[str, ...]
    """What files call it, besides its id."""
    measure: Literal["floor_area_m2", "heads_count", "site"]
    assumed_size: float | None = None
    """Size where the file gives none; None: such a row is refused."""


@dataclass(frozen=True)
class GeneratorSource:
    """A file of generators, and what all of them are where no column says so."""

    source: Source
    kind: str | None = None
    name: str = "sources"
    """Ids of places of OpenStreetMap begin with it."""


@dataclass(frozen=True)
class DemandInput:
    """Where persons and other sources come from."""

    population: Source | None = None
    """Population raster laid under communities that have no persons of their own."""
    control_totals: Source | None = None
    tolerance_share: float = 0.1
    """Communities this far from their zone's total are told."""
    cells: CellGrid | None = None
    slivers: SliverLimits | None = None
    generators: tuple[GeneratorSource, ...] = ()
    totals_rows: Mapping[str, str] = field(default_factory=dict)
    """{column: value} of the rows of the table of totals that count; empty: all."""


@dataclass(frozen=True)
class ZoneTotal:
    """A control total that was used."""

    zone_id: str
    persons: float
    before_persons: float
    """What the communities summed up to before, persons estimated from their weights included; 0: none had any."""
    shared_by: str | None
    """Weights over which persons were shared: `weight`, `area` or `count`; None where all had persons."""


@dataclass(frozen=True)
class RasterUse:
    """What became of the persons of a population raster."""

    total_persons: float
    placed_persons: float
    unplaced_persons: float
    """In no community; those beyond all zones included."""


@dataclass(frozen=True)
class DemandRecord:
    """What was done to the communities of a study, for whoever has to defend it."""

    totals: tuple[ZoneTotal, ...] = ()
    unplaced_persons: float = 0.0
    """Persons of control totals that found no zone or no community."""
    raster: RasterUse | None = None
    cells_count: int = 0
    merged_count: int = 0
    from_households_count: int = 0
    """Communities whose persons were derived from households."""
    assumed_sizes: Mapping[str, int] = field(default_factory=dict)
    """Kind of generator -> how many had no size of their own."""
