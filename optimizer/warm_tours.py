"""A week of tours taken over by an area whose points or loads have changed a little.

Trips keep their stops in order; stops that are gone or do not fit any more are taken out, what is left over is inserted
where it lengthens a trip least. A trip stays with the vehicle that drove it while it fits its shift. Days that need
more vehicles than before are listed, to be searched anew; nothing is searched here. The referee must judge the result.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np

from optimizer.calendar import gaps_before, visit_frequencies, visit_pattern
from optimizer.plan import Tour, Trip
from optimizer.schedule import placed_in_shift
from optimizer.transport import DAYS_PER_WEEK, ROUNDING, CollectionArea, RoutingWarning, usable_m3, work_s
from optimizer.vehicle_days import DayAnswer, collection_trip
from optimizer.visits import Load, reachable_points, split_visit

MOST_NEW_SHARE = 0.2
"""With a larger share of points that are new to the base, its week is better searched anew."""
NEIGHBOURS = 8
"""A new point is visited when most of so many near points are."""
NEAR_S = 30.0
"""Points closer than this count alike."""


@dataclass(frozen=True)
class WarmWeek:
    """The tours of one base by day (1 to 7), visits a week by point, and what the planner must know."""

    tours_of_day: dict[int, tuple[Tour, ...]]
    visits_per_week: dict[str, int]
    warnings: tuple[RoutingWarning, ...]
    visits_of_worse_days: dict[int, tuple[tuple[int, int], ...]]
    """Point and gap in days of each visit of the days that need more vehicles than before."""

    @property
    def tours(self) -> tuple[Tour, ...]:
        """All tours of the week."""
        return tuple(tour for day in sorted(self.tours_of_day) for tour in self.tours_of_day[day])

    def with_answers(self, area: CollectionArea, answers: Mapping[int, DayAnswer]) -> WarmWeek:
        """The week with the searched days that need fewer vehicles, or as many for less work."""
        days = dict(self.tours_of_day)
        for day, answer in answers.items():
            now_s = sum(trip.duration_s for tour in days[day] for trip in tour.trips)
            if (len(answer.vehicle_days), answer.work_s) < (len(days[day]), now_s):
                days[day] = as_tours(area, day, answer.vehicle_days)
        return replace(self, tours_of_day=days, visits_of_worse_days={})


def as_tours(area: CollectionArea, day: int, vehicle_days: Sequence[tuple[Trip, ...]]) -> tuple[Tour, ...]:
    """The tours of a day, one per vehicle."""
    return tuple(Tour(f"{area.base_id}-{day}-{position:02d}", area.base_id, area.vehicle.id, day, trips)
                 for position, trips in enumerate(vehicle_days, start=1))


@dataclass
class _Day:
    """Trips of a day in the making: full loads straight there and back, and trips that can take more."""

    straight: list[list[Load]] = field(default_factory=list)
    trips: list[list[Load]] = field(default_factory=list)
    vehicle_of_trip: list[int] = field(default_factory=list)
    """Which of the old tours drove each of the trips; those added at the end have none."""
    waiting: list[Load] = field(default_factory=list)


def carried_week(area: CollectionArea, old: Sequence[Tour]) -> WarmWeek | None:
    """The old tours of a base with the area's points and loads; None where a search is the better way.

    That is where many points are new, one is out of reach, or a trip does not fit a shift any more.
    """
    row = {point: n for n, point in enumerate(area.point_ids)}
    before: dict[int, set[int]] = {}
    for tour in old:
        for trip in tour.trips:
            for stop in trip.stops:
                if stop in row:
                    before.setdefault(row[stop], set()).add(tour.day)
    frequencies = visit_frequencies(area)
    due = [n for n, times in enumerate(frequencies.per_week) if times]
    if not all(reachable_points(area)) or sum(n not in before for n in due) > MOST_NEW_SHARE * len(due):
        return None
    days = {n: sorted(before[n]) for n in due if n in before and _often_enough(area, n, sorted(before[n]))}
    for n in due:
        if n not in days:
            days[n] = _days_like_neighbours(area, n, frequencies.per_week[n], days)
    tours: dict[int, tuple[Tour, ...]] = {}
    worse: dict[int, tuple[tuple[int, int], ...]] = {}
    for day in range(1, DAYS_PER_WEEK + 1):
        due_today = {n: dict(zip(visited, gaps_before(tuple(visited)), strict=True))[day]
                     for n, visited in sorted(days.items()) if day in visited}
        before_today = [tour for tour in old if tour.day == day]
        found = _tours_of_day(area, day, before_today, due_today, row)
        if found is None:
            return None
        tours[day] = found
        if len(found) > len(before_today):
            worse[day] = tuple(due_today.items())
    visits = {area.point_ids[n]: len(days.get(n, ())) for n in range(len(area.point_ids))}
    return WarmWeek(tours, visits, frequencies.warnings, worse)


def _often_enough(area: CollectionArea, point: int, days: list[int]) -> bool:
    return max(gaps_before(tuple(days))) <= max(1.0, area.days_between_visits(point)) * (1.0 + ROUNDING)


def _days_like_neighbours(area: CollectionArea, point: int, frequency: int, known: dict[int, list[int]]) -> list[int]:
    """Evenly spaced days on which most of the near points are visited, the nearer the more."""
    away_s = area.duration_s[point + 1, 1:]
    near = [n for n in np.argsort(away_s, kind="stable") if n in known][:NEIGHBOURS]
    patterns = [sorted((day + shift) % DAYS_PER_WEEK + 1 for day in visit_pattern(frequency))
                for shift in range(DAYS_PER_WEEK)]
    return max(patterns, key=lambda pattern: sum((day in known[int(n)]) / (NEAR_S + away_s[n])
                                                             for n in near for day in pattern))


def _tours_of_day(area: CollectionArea, day: int, old: Sequence[Tour], due: Mapping[int, int],
                  row: Mapping[str, int]) -> tuple[Tour, ...] | None:
    made, rest = _Day(), dict[int, Load]()
    for point, gap_days in due.items():
        full, left = split_visit(area, point, gap_days)
        made.straight += [[load] for load in full]
        if left:
            rest[point] = left[0]
    # the longest first: a point that also fills whole vehicles is visited with others for its rest
    ordered = sorted(((number, trip) for number, tour in enumerate(old) for trip in tour.trips),
                     key=lambda one: -len(one[1].stops))
    full_of: dict[int, list[int]] = {}  # vehicles that went straight to a point
    for number, trip in ordered:
        stops = [rest.pop(row[stop]) for stop in trip.stops if stop in row and row[stop] in rest]
        if stops:
            made.trips.append(stops)
            made.vehicle_of_trip.append(number)
        elif len(trip.stops) == 1 and trip.stops[0] in row:
            full_of.setdefault(row[trip.stops[0]], []).append(number)
    made.waiting = list(rest.values())
    for stops in made.trips:
        while not _fits(area, stops):
            made.waiting.append(stops.pop(min(range(len(stops)), key=lambda n: stops[n].load_t)))
    for load in sorted(made.waiting, key=lambda one: -one.load_t):
        _insert(area, made.trips, load)
    vehicles = [full_of[load.point].pop() if full_of.get(load.point) else -1 for (load,) in made.straight]
    vehicles += made.vehicle_of_trip + [-1] * (len(made.trips) - len(made.vehicle_of_trip))
    driven = [(collection_trip(area, stops), vehicle)
              for stops, vehicle in zip((*made.straight, *made.trips), vehicles, strict=True) if stops]
    most_s = work_s(area.vehicle)
    if any(trip.duration_s > most_s for trip, _ in driven):
        return None
    shifts = _shifts([trip.duration_s for trip, _ in driven], [vehicle for _, vehicle in driven], most_s, len(old))
    return as_tours(area, day, [placed_in_shift([driven[n][0] for n in shift], area.vehicle) for shift in shifts])


def _shifts(duration_s: Sequence[float], vehicle: Sequence[int], most_s: float, before: int) -> list[list[int]]:
    """Trips by shift: those of each vehicle before (-1: none) together, what does not fit wherever there is room.

    All are placed anew where that takes fewer shifts. No exact packing: days that need more are searched anew anyway.
    """
    kept: list[list[int]] = [[] for _ in range(before)]
    waiting: list[int] = []
    for n in sorted(range(len(duration_s)), key=lambda n: -duration_s[n]):
        shift = kept[vehicle[n]] if vehicle[n] >= 0 else []
        if vehicle[n] >= 0 and sum(duration_s[m] for m in (*shift, n)) <= most_s:
            shift.append(n)
        else:
            waiting.append(n)
    best = _placed(kept, waiting, duration_s, most_s)
    fresh = _placed([], sorted(range(len(duration_s)), key=lambda n: -duration_s[n]), duration_s, most_s)
    return [sorted(shift) for shift in (fresh if len(fresh) < len(best) else best)]


def _placed(shifts: Sequence[Sequence[int]], waiting: Sequence[int], duration_s: Sequence[float],
            most_s: float) -> list[list[int]]:
    """Shifts with the waiting trips, each where it leaves the least room, else in a shift of its own; none empty."""
    out = [list(shift) for shift in shifts]
    room_s = [most_s - sum(duration_s[n] for n in shift) for shift in out]
    for n in waiting:
        fitting = [k for k, room in enumerate(room_s) if duration_s[n] <= room]
        if fitting:
            at = min(fitting, key=lambda k: (room_s[k], k))
            out[at].append(n)
            room_s[at] -= duration_s[n]
        else:
            out.append([n])
            room_s.append(most_s - duration_s[n])
    return [shift for shift in out if shift]


def _insert(area: CollectionArea, trips: list[list[Load]], load: Load) -> None:
    """Put a load where it lengthens a trip least, or on a trip of its own."""
    here, best = load.point + 1, (float(area.duration_s[0, load.point + 1] + area.duration_s[load.point + 1, 0]), -1, 0)
    for number, stops in enumerate(trips):
        path = [0, *(stop.point + 1 for stop in stops), 0]
        for place, (a, b) in enumerate(pairwise(path)):
            longer_s = float(area.duration_s[a, here] + area.duration_s[here, b] - area.duration_s[a, b])
            if longer_s < best[0] and _fits(area, [*stops[:place], load, *stops[place:]]):
                best = (longer_s, number, place)
    if best[1] < 0:
        trips.append([load])
    else:
        trips[best[1]].insert(best[2], load)


def _fits(area: CollectionArea, stops: Sequence[Load]) -> bool:
    """Whether one vehicle can take some stops at once, within a shift."""
    vehicle = area.vehicle
    if not stops:
        return True
    return (sum(stop.load_t for stop in stops) <= vehicle.payload_t * (1.0 + ROUNDING)
            and sum(stop.load_m3 for stop in stops) <= usable_m3(vehicle) * (1.0 + ROUNDING)
            and collection_trip(area, stops).duration_s <= work_s(vehicle))
