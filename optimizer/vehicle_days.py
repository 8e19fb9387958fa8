"""One day of one base: visits -> full loads and rests -> trips -> vehicle-days."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from optimizer.plan import Trip
from optimizer.schedule import placed_in_shift
from optimizer.solvers.shift_packing import DETERMINISTIC_S, pack_shifts
from optimizer.solvers.tour_protocol import SearchBudget, TripProblem, tour_engine
from optimizer.transport import CollectionArea, usable_m3, work_s
from optimizer.visits import Load, split_visit

LEAST_SEARCH_S = 0.2
"""Left to every day once the safety stop is past, for a first solution."""


@dataclass(frozen=True)
class DayTask:
    """What one worker solves: point and gap in days of each visit of a day."""

    area: CollectionArea
    visits: tuple[tuple[int, int], ...]
    engine: str
    iterations: int
    seed: int
    deadline: float
    """Wall clock (seconds since 1970) at which the safety stop ends every search."""
    packing_s: float = DETERMINISTIC_S


@dataclass(frozen=True)
class DayAnswer:
    """Trips of every vehicle-day, and the fewest vehicle-days these trips need, proven."""

    vehicle_days: tuple[tuple[Trip, ...], ...]
    bound_count: int
    hit_time_limit: bool

    @property
    def work_s(self) -> float:
        """Seconds of work of all vehicles."""
        return sum(trip.duration_s for trips in self.vehicle_days for trip in trips)

    @property
    def distance_m(self) -> float:
        """Metres of all vehicles."""
        return sum(trip.distance_m for trips in self.vehicle_days for trip in trips)


def solve_day(task: DayTask) -> DayAnswer:
    """Trips of a day's visits, packed into shifts. A point must be reachable (see `visits.reachable_points`)."""
    full: list[Load] = []
    rests: list[Load] = []
    for point, gap_days in task.visits:
        of_visit, rest = split_visit(task.area, point, gap_days)
        full += of_visit
        rests += rest
    budget = SearchBudget(task.iterations, max(LEAST_SEARCH_S, task.deadline - time.time()), task.seed)
    found = tour_engine(task.engine).trips(trip_problem(task.area, rests), budget)
    trips = [collection_trip(task.area, [load]) for load in full]
    trips += [collection_trip(task.area, [rests[stop - 1] for stop in trip]) for trip in found.trips]
    vehicle = task.area.vehicle
    shifts = pack_shifts([t.duration_s for t in trips], work_s(vehicle), task.packing_s)
    return DayAnswer(tuple(placed_in_shift([trips[i] for i in shift], vehicle) for shift in shifts.trips),
                     shifts.bound_count, found.hit_time_limit)


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
