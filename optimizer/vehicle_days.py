"""One day of one base: visits -> full loads and rests -> trips -> vehicle-days."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from optimizer.plan import Trip
from optimizer.schedule import placed_in_shift
from optimizer.solvers.shift_packing import pack_shifts
from optimizer.solvers.tour_protocol import SearchBudget, TripProblem, tour_engine
from optimizer.transport import ROUNDING, CollectionArea, usable_m3, whole_down, work_s


@dataclass(frozen=True)
class DayTask:
    """What one worker solves: point and gap in days of each visit of a day."""

    area: CollectionArea
    visits: tuple[tuple[int, int], ...]
    engine: str
    budget: SearchBudget


@dataclass(frozen=True)
class DayAnswer:
    """Trips of every vehicle-day, and the fewest vehicle-days these trips need, proven."""

    vehicle_days: tuple[tuple[Trip, ...], ...]
    bound_count: int
    hit_time_limit: bool


@dataclass(frozen=True)
class Load:
    """What one stop takes: the point's index in its area, t and m3."""

    point: int
    load_t: float
    load_m3: float


def solve_day(task: DayTask) -> DayAnswer:
    """Trips of a day's visits, packed into shifts. A point must be reachable (see `reachable_points`)."""
    full: list[Load] = []
    rests: list[Load] = []
    for point, gap_days in task.visits:
        of_visit, rest = split_visit(task.area, point, gap_days)
        full += of_visit
        rests += rest
    found = tour_engine(task.engine).trips(trip_problem(task.area, rests), task.budget)
    trips = [collection_trip(task.area, [load]) for load in full]
    trips += [collection_trip(task.area, [rests[stop - 1] for stop in trip]) for trip in found.trips]
    vehicle = task.area.vehicle
    shifts = pack_shifts([t.duration_s for t in trips], work_s(vehicle))
    return DayAnswer(tuple(placed_in_shift([trips[i] for i in shift], vehicle) for shift in shifts.trips),
                     shifts.bound_count, found.hit_time_limit)


def reachable_points(area: CollectionArea) -> list[bool]:
    """Whether a vehicle can drive to each point, work there and be back unloaded within a shift."""
    return [_loading_s(area, point) > 0.0 for point in range(len(area.point_ids))]


def _loading_s(area: CollectionArea, point: int) -> float:
    """Seconds a vehicle can load at a point if it goes there and straight back, -inf without a way."""
    vehicle = area.vehicle
    there, back = area.duration_s[0, point + 1], area.duration_s[point + 1, 0]
    lengths = area.distance_m[0, point + 1] + area.distance_m[point + 1, 0]
    if not np.isfinite(lengths):
        return -np.inf
    return float(work_s(vehicle) - there - back - vehicle.stop_s - vehicle.unload_s)


def full_share(area: CollectionArea, point: int, load_t: float, load_m3: float) -> float:
    """Share of an amount at a point that one vehicle can take at once: by mass, by volume and within a shift."""
    vehicle = area.vehicle
    limits = [vehicle.payload_t / load_t if load_t > 0.0 else np.inf,
              usable_m3(vehicle) / load_m3 if load_m3 > 0.0 else np.inf]
    if vehicle.load_s_per_t * load_t > 0.0:
        limits.append(_loading_s(area, point) / (vehicle.load_s_per_t * load_t))
    return float(min(limits))


def split_visit(area: CollectionArea, point: int, gap_days: int) -> tuple[list[Load], list[Load]]:
    """Full loads of a visit, which go straight there and back, and the rest (none or one)."""
    load_t = gap_days * float(area.load_t_per_day[point])
    load_m3 = gap_days * float(area.load_m3_per_day[point])
    share = full_share(area, point, load_t, load_m3)
    if share > 1.0 + ROUNDING:
        return [], [Load(point, load_t, load_m3)]
    count = whole_down(1.0 / share)
    rest = 1.0 - count * share
    if rest <= count * ROUNDING:
        return [Load(point, load_t / count, load_m3 / count)] * count, []
    return [Load(point, share * load_t, share * load_m3)] * count, [Load(point, rest * load_t, rest * load_m3)]


def trip_problem(area: CollectionArea, stops: Sequence[Load]) -> TripProblem:
    """The engine's problem for some stops: index 0 is the base, 1 to n the stops in order."""
    vehicle = area.vehicle
    rows = np.array([0, *(load.point + 1 for load in stops)], dtype=np.int64)
    load_t = np.array([load.load_t for load in stops], dtype=np.float64)
    return TripProblem(
        load_t=load_t,
        load_m3=np.array([load.load_m3 for load in stops], dtype=np.float64),
        service_s=vehicle.stop_s + vehicle.load_s_per_t * load_t,
        distance_m=area.distance_m[np.ix_(rows, rows)],
        duration_s=area.duration_s[np.ix_(rows, rows)],
        payload_t=vehicle.payload_t,
        usable_m3=usable_m3(vehicle),
        trip_s=work_s(vehicle),
        unload_s=vehicle.unload_s,
        cny_per_m=vehicle.cost_cny_per_km / 1000.0,
        cny_per_s=vehicle.cost_cny_per_s,
    )


def collection_trip(area: CollectionArea, stops: Sequence[Load]) -> Trip:
    """A trip that starts at second 0 and visits the stops in order; lengths and times from the area's matrices."""
    vehicle = area.vehicle
    path = [0, *(load.point + 1 for load in stops), 0]
    legs = list(pairwise(path))
    service_s = [vehicle.stop_s + vehicle.load_s_per_t * load.load_t for load in stops]
    clock_s = 0.0
    arrival_s: list[float] = []
    for (a, b), service in zip(legs, [*service_s, vehicle.unload_s], strict=True):
        clock_s += float(area.duration_s[a, b])
        arrival_s.append(clock_s)
        clock_s += service
    return Trip(
        stops=tuple(area.point_ids[load.point] for load in stops),
        load_t=tuple(load.load_t for load in stops),
        load_m3=tuple(load.load_m3 for load in stops),
        distance_m=float(sum(area.distance_m[a, b] for a, b in legs)),
        duration_s=clock_s,
        start_s=0.0,
        arrival_s=tuple(arrival_s[:-1]),
        service_s=tuple(service_s),
    )
