"""What tours are made from: collection areas, haul links, and what the planner must be told about them.

Numbers only and no solver, so that the referee of tours can read them too.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from optimizer.network import Vehicle

Float = NDArray[np.float64]

DAYS_PER_WEEK = 7
ROUNDING = 1e-9
"""Relative slack when a quotient of floats is rounded to whole loads or whole days."""
LEAST_LOAD_SHARE = 0.1
"""A point is out of reach if a shift leaves no time to load this share of a payload there."""

NO_LOAD = "point_without_load"
OVERFULL = "storage_below_daily_load"
POINT_OUT_OF_REACH = "point_out_of_reach"
LINK_OUT_OF_REACH = "link_out_of_reach"


@dataclass(frozen=True)
class RoutingWarning:
    """Something a planner must know about a tour plan: a code, the id it concerns, a sentence."""

    code: str
    subject_id: str
    text: str


@dataclass(frozen=True)
class CollectionArea:
    """The points one base collects from, with one vehicle class; row and column 0 of the matrices are the base.

    Matrices are directed and may hold inf where there is no way. Raises ValueError naming every misfit.
    """

    base_id: str
    vehicle: Vehicle
    point_ids: tuple[str, ...]
    load_t_per_day: Float
    """[n]"""
    load_m3_per_day: Float
    """In the state on the truck, [n]."""
    storage_m3: Float
    """What the point can hold, inf where unlimited, [n]."""
    storage_days: Float | None
    """Longest time between visits, inf (or None for all) where unlimited, [n]."""
    distance_m: Float
    """[n + 1, n + 1]"""
    duration_s: Float
    """[n + 1, n + 1]"""

    def __post_init__(self) -> None:
        n = len(self.point_ids)
        faults: list[str] = []
        if len(set(self.point_ids)) != n:
            faults.append("point ids are repeated")
        for name in ("load_t_per_day", "load_m3_per_day", "storage_m3", "storage_days"):
            value = getattr(self, name)
            if value is None:
                continue
            if value.shape != (n,):
                faults.append(f"{name} has shape {value.shape}, expected {(n,)}")
            elif not (value >= 0.0).all():
                faults.append(f"{name} has negative or missing values")
        for name in ("load_t_per_day", "load_m3_per_day"):
            if not np.isfinite(getattr(self, name)).all():
                faults.append(f"{name} has infinite values")
        for name in ("distance_m", "duration_s"):
            value = getattr(self, name)
            if value.shape != (n + 1, n + 1):
                faults.append(f"{name} has shape {value.shape}, expected {(n + 1, n + 1)}")
            elif not (value >= 0.0).all():
                faults.append(f"{name} has negative or missing values")
        faults += _faults_of_vehicle(self.vehicle)
        if faults:
            raise ValueError(f"collection area '{self.base_id}': " + "; ".join(faults))

    def days_between_visits(self, point: int) -> float:
        """Longest gap a point allows, days (may be below 1, or inf): by volume and by time."""
        by_time = math.inf if self.storage_days is None else float(self.storage_days[point])
        load_m3 = float(self.load_m3_per_day[point])
        by_volume = math.inf if load_m3 == 0.0 else float(self.storage_m3[point]) / load_m3
        return min(by_time, by_volume)


@dataclass(frozen=True)
class HaulLink:
    """Full loads from one site to another: what moves, on what, and both ways' length and time (inf: no way).

    Raises ValueError for negative or missing figures.
    """

    origin_id: str
    destination_id: str
    vehicle: Vehicle
    t_per_day: float
    m3_per_day: float
    loaded_m: float
    loaded_s: float
    empty_m: float
    empty_s: float

    def __post_init__(self) -> None:
        amounts = (self.t_per_day, self.m3_per_day)
        ways = (self.loaded_m, self.loaded_s, self.empty_m, self.empty_s)
        if not all(0.0 <= v < math.inf for v in amounts) or not all(v >= 0.0 for v in ways):
            raise ValueError(f"haul link '{self.id}': amounts and ways must be numbers from 0 up, amounts finite")
        faults = _faults_of_vehicle(self.vehicle)
        if faults:
            raise ValueError(f"haul link '{self.id}': " + "; ".join(faults))

    @property
    def id(self) -> str:
        """Name of the link in messages."""
        return f"{self.origin_id}>{self.destination_id}"

    @property
    def trips_per_week(self) -> int:
        """Loads a week needs: the larger of its shares of payload and of usable body, rounded up over the week."""
        return whole_up(DAYS_PER_WEEK * loads(self.vehicle, self.t_per_day, self.m3_per_day))

    @property
    def trip_t(self) -> float:
        """Tonnes on each of the week's equal loads, 0 without trips."""
        return DAYS_PER_WEEK * self.t_per_day / self.trips_per_week if self.trips_per_week else 0.0

    @property
    def trip_m3(self) -> float:
        """Cubic metres on each of the week's equal loads, 0 without trips."""
        return DAYS_PER_WEEK * self.m3_per_day / self.trips_per_week if self.trips_per_week else 0.0

    @property
    def trip_s(self) -> float:
        """Seconds from leaving work at the origin to being back: load, drive, unload, return empty."""
        vehicle = self.vehicle
        load_s = vehicle.stop_s + vehicle.load_s_per_t * self.trip_t
        return load_s + self.loaded_s + vehicle.unload_s + self.empty_s

    @property
    def fits_shift(self) -> bool:
        """Whether there is a way there and back that a shift is long enough for."""
        return math.isfinite(self.loaded_m + self.empty_m) and self.trip_s <= work_s(self.vehicle)


def _faults_of_vehicle(vehicle: Vehicle) -> list[str]:
    usable = usable_m3(vehicle) > 0.0 and work_s(vehicle) > 0.0
    return [] if usable else [f"vehicle '{vehicle.id}' has no room or no working time"]


def usable_m3(vehicle: Vehicle) -> float:
    """Volume of a body that can really be filled, m3."""
    return vehicle.fill_share * vehicle.volume_m3


def work_s(vehicle: Vehicle) -> float:
    """Seconds of a shift left for work once the break is taken."""
    return vehicle.shift_s - vehicle.break_s


def loads(vehicle: Vehicle, load_t: float, load_m3: float) -> float:
    """Vehicle loads an amount makes: the larger of its shares of payload and of usable body."""
    return max(load_t / vehicle.payload_t, load_m3 / usable_m3(vehicle))


def whole_up(quotient: float) -> int:
    """Quotient rounded up, forgiving float dust just above a whole number."""
    return math.ceil(quotient * (1.0 - ROUNDING))


def whole_down(quotient: float) -> int:
    """Quotient rounded down, forgiving float dust just below a whole number."""
    return math.floor(quotient * (1.0 + ROUNDING))
