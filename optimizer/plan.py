"""The answer as numbers: open sites, who goes where, flows, tours, and what the solver claims about them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]
Int = NDArray[np.int64]

Status = Literal["optimal", "feasible", "stopped", "no_plan"]
TourKind = Literal["collection", "line_haul"]


@dataclass(frozen=True)
class OpenSites:
    """Open sites of one tier: parallel arrays of candidate index and size index, ascending by site."""

    site: Int
    size: Int

    def size_of(self, candidates: int) -> Int:
        """Size index per candidate, -1 where closed, [J]."""
        out = np.full(candidates, -1, dtype=np.int64)
        out[self.site] = self.size
        return out


@dataclass(frozen=True)
class Flows:
    """Tonnes per day and material between open sites of two neighbouring tiers."""

    origin: Int
    destination: Int
    t_per_day: Float
    """[F, M]."""


@dataclass(frozen=True)
class SolveReport:
    """What the solver says; the referee recomputes all of it."""

    status: Status
    objective_cny_per_year: float
    bound_cny_per_year: float | None
    seconds: dict[str, float] = field(default_factory=dict)
    hit_time_limit: bool = False


@dataclass(frozen=True)
class Plan:
    """A siting decision over all tiers."""

    open_sites: tuple[OpenSites, ...]
    site_of_part: Int
    """Candidate of the first tier each demand part uses, -1 where it is not served, [n]."""
    flows: tuple[Flows, ...]
    """flows[l] runs from tier l to tier l + 1."""
    report: SolveReport


@dataclass(frozen=True)
class Trip:
    """Leave the base, visit stops, come back; stops are ids in visiting order.

    A collection trip takes loads at points and unloads at its base; a line-haul trip is loaded at its base and
    unloads at its one stop, so that its load is what it brings there.
    """

    stops: tuple[str, ...]
    load_t: tuple[float, ...]
    """Taken (line haul: brought) at each stop."""
    load_m3: tuple[float, ...]
    distance_m: float
    duration_s: float
    """Driving, service at the stops and unloading."""
    start_s: float
    """Since the start of the shift."""
    arrival_s: tuple[float, ...] = ()
    """At each stop, since the start of the shift."""
    service_s: tuple[float, ...] = ()
    """Spent at each stop: loading (line haul: unloading)."""


@dataclass(frozen=True)
class Tour:
    """One vehicle's day: trips one after another within a shift."""

    id: str
    base: str
    """Site id where the vehicle starts and ends, and where a collection vehicle unloads."""
    vehicle: str
    day: int
    """1 (Monday) to 7."""
    trips: tuple[Trip, ...]
    kind: TourKind = "collection"
