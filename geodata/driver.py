"""What the ground asks of a vehicle on the streets, whatever kind of network the streets are read as.

Two kinds: geodata.line_driver on lines with classes, geodata.turn_driver on OpenStreetMap with its rules for turning.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from geodata.roads import Access, Snap, Streets
from geodata.tables import Fault
from geodata.travel import Times

Float = NDArray[np.float64]
Int = NDArray[np.int64]


class Trips(Protocol):
    """Drives among a set of places, which are numbered in the order they were given."""

    def times(self, sources: Int, targets: Int, *, backward: bool = False) -> Times:
        """From every source to every target, [S, T]; with `backward` from every target to every source."""
        ...

    def lines(self, source: int, targets: Int) -> list[Float]:
        """Vertices of the fastest way to each target along the streets, metric CRS, [k, 2] each.

        ValueError where there is no way.
        """
        ...


class Driver(Protocol):
    """One vehicle on the streets it may use."""

    @property
    def name(self) -> str:
        """The vehicle, or its class."""
        ...

    @property
    def edge(self) -> Int:
        """Edges of the streets from and to which it can come, ascending."""
        ...

    @property
    def component_share(self) -> float:
        """Share of the street length open to it that lies in the largest strongly connected part."""
        ...

    def snap(self, geometries: NDArray[np.object_]) -> Snap:
        """The nearest of its edges of each point or polygon, with the place on it nearest to the geometry."""
        ...

    def trips(self, places: Snap) -> Trips:
        """Drives among places that were snapped for it."""
        ...


@dataclass(frozen=True)
class StreetUse:
    """The streets of a study and those who use them."""

    streets: Streets
    on_foot: Access
    by_vehicle: tuple[Driver, ...]
    """The vehicle that feeds each tier after the first."""
    faults: tuple[Fault, ...] = ()
    """Notes on what was left out of the streets and what was not understood."""


@dataclass(frozen=True)
class Ways:
    """Drives between two tiers, [lower, upper] each; inf where there is no way."""

    loaded_m: Float
    loaded_s: Float
    empty_m: Float
    empty_s: Float


def drives(driver: Driver, low: Snap, high: Snap) -> Ways:
    """Fastest drives between two sets of places by one vehicle, loaded upwards and empty back."""
    trips = driver.trips(joined([low, high]))
    below, above = np.arange(len(low.edge)), len(low.edge) + np.arange(len(high.edge))
    loaded = trips.times(above, below, backward=True)
    empty = trips.times(above, below)
    return Ways(loaded.distance_m.T.copy(), loaded.duration_s.T.copy(), empty.distance_m.T.copy(),
                empty.duration_s.T.copy())


def joined(snaps: Sequence[Snap]) -> Snap:
    """Several sets of places as one."""
    return Snap(np.concatenate([s.edge for s in snaps]), np.concatenate([s.along_m for s in snaps]),
                np.concatenate([s.distance_m for s in snaps]))
