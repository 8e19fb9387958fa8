"""The referee of tours: replays every trip from matrices and links, and is the only source of the routed cost.

Imports no solver and nothing of the code that builds tours.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from optimizer.network import DAYS_PER_YEAR, Vehicle
from optimizer.plan import Tour, Trip
from optimizer.transport import (
    DAYS_PER_WEEK,
    LEAST_LOAD_SHARE,
    LINK_OUT_OF_REACH,
    OVERFULL,
    POINT_OUT_OF_REACH,
    CollectionArea,
    HaulLink,
    RoutingWarning,
    usable_m3,
    work_s,
)

TOLERANCE = 1e-6
WEEKS_PER_YEAR = DAYS_PER_YEAR / DAYS_PER_WEEK


@dataclass(frozen=True)
class Violation:
    """A fault of a plan: a code, the id it concerns, a sentence."""

    code: str
    subject_id: str
    text: str


@dataclass(frozen=True)
class RoutedCost:
    """What tours cost in a year: kilometres and whole vehicle-days, by kind of tour."""

    collection_km_cny_per_year: float
    collection_days_cny_per_year: float
    line_haul_km_cny_per_year: float
    line_haul_days_cny_per_year: float

    @property
    def total_cny_per_year(self) -> float:
        """All of it, CNY per year."""
        return (self.collection_km_cny_per_year + self.collection_days_cny_per_year
                + self.line_haul_km_cny_per_year + self.line_haul_days_cny_per_year)


def routed_cost_cny_per_year(tours: Sequence[Tour], vehicles: Sequence[Vehicle]) -> RoutedCost:
    """Yearly cost of a week of tours: every kilometre and every vehicle-day, 365 / 7 weeks a year.

    KeyError for a tour with an unknown vehicle.
    """
    known = {v.id: v for v in vehicles}
    km = {"collection": 0.0, "line_haul": 0.0}
    days = {"collection": 0.0, "line_haul": 0.0}
    for tour in tours:
        vehicle = known[tour.vehicle]
        km[tour.kind] += vehicle.cost_cny_per_km * sum(t.distance_m for t in tour.trips) / 1000.0
        days[tour.kind] += vehicle.day_cost_cny
    return RoutedCost(km["collection"] * WEEKS_PER_YEAR, days["collection"] * WEEKS_PER_YEAR,
                      km["line_haul"] * WEEKS_PER_YEAR, days["line_haul"] * WEEKS_PER_YEAR)


def check_tours(tours: Sequence[Tour], areas: Sequence[CollectionArea], links: Sequence[HaulLink] = (),
                warnings: Sequence[RoutingWarning] = ()) -> list[Violation]:
    """Every fault of a week of tours against the areas and links they should serve; empty if there is none.

    `warnings` are the plan's own: a point or link may go unserved, and a storage may overflow under daily visits,
    only where that is unavoidable and said. Tolerance 1e-6, relative above 1.
    """
    return [*_faults_of_tours(tours), *_faults_of_collection([t for t in tours if t.kind == "collection"], areas),
            *_faults_of_haul([t for t in tours if t.kind == "line_haul"], links),
            *_faults_of_warnings(areas, links, warnings)]


def _faults_of_tours(tours: Sequence[Tour]) -> Iterator[Violation]:
    for tour_id, count in Counter(t.id for t in tours).items():
        if count > 1:
            yield Violation("repeated_tour", tour_id, f"{count} tours have this id")
    for tour in tours:
        if tour.kind not in ("collection", "line_haul"):
            yield Violation("unknown_kind", tour.id, f"kind '{tour.kind}' is unknown")
        if tour.day not in range(1, DAYS_PER_WEEK + 1):
            yield Violation("bad_day", tour.id, f"day {tour.day} is not in 1 to {DAYS_PER_WEEK}")
        if not tour.trips:
            yield Violation("malformed_trip", tour.id, "a tour without trips")
        for number, trip in enumerate(tour.trips, start=1):
            if not _well_formed(trip):
                yield Violation("malformed_trip", tour.id, f"trip {number} has no stops, bad loads or unequal lists")


def _well_formed(trip: Trip) -> bool:
    n = len(trip.stops)
    same = all(len(values) == n for values in (trip.load_t, trip.load_m3, trip.arrival_s, trip.service_s))
    return n > 0 and same and all(math.isfinite(v) and v >= 0.0 for v in (*trip.load_t, *trip.load_m3))


def _faults_of_shift(tour: Tour, vehicle: Vehicle) -> Iterator[Violation]:
    """Loads within the vehicle; trips one after another, within the shift, leaving time for the break."""
    clock_s = 0.0
    for number, trip in enumerate(tour.trips, start=1):
        if _above(sum(trip.load_t), vehicle.payload_t):
            yield Violation("over_payload", tour.id, f"trip {number}: {sum(trip.load_t)} t of {vehicle.payload_t} t")
        if _above(sum(trip.load_m3), usable_m3(vehicle)):
            yield Violation("over_volume", tour.id,
                            f"trip {number}: {sum(trip.load_m3)} m3 of {usable_m3(vehicle)} m3")
        if _above(clock_s, trip.start_s):
            yield Violation("overlap", tour.id, f"trip {number} starts at {trip.start_s} s, vehicle free {clock_s} s")
        clock_s = trip.start_s + trip.duration_s
    worked_s = sum(trip.duration_s for trip in tour.trips)
    if _above(clock_s, vehicle.shift_s) or _above(worked_s, work_s(vehicle)):
        yield Violation("over_shift", tour.id, f"{worked_s} s of work until {clock_s} s")


def _faults_of_replay(tour: Tour, number: int, replayed: Trip) -> Iterator[Violation]:
    """A trip against the same trip computed anew."""
    trip = tour.trips[number - 1]
    if not _same(trip.distance_m, replayed.distance_m):
        yield Violation("wrong_distance", tour.id, f"trip {number}: {trip.distance_m}, replayed {replayed.distance_m}")
    if not _same(trip.duration_s, replayed.duration_s):
        yield Violation("wrong_duration", tour.id, f"trip {number}: {trip.duration_s}, replayed {replayed.duration_s}")
    pairs = zip((*trip.arrival_s, *trip.service_s), (*replayed.arrival_s, *replayed.service_s), strict=True)
    if not all(_same(a, b) for a, b in pairs):
        yield Violation("wrong_times", tour.id, f"trip {number}: times at stops differ from the replay")


def _faults_of_collection(tours: Sequence[Tour], areas: Sequence[CollectionArea]) -> Iterator[Violation]:
    area_of = {area.base_id: area for area in areas}
    taken: dict[str, dict[int, list[float]]] = defaultdict(lambda: defaultdict(lambda: [0.0, 0.0]))
    for tour in tours:
        area = area_of.get(tour.base)
        if area is None:
            yield Violation("unknown_base", tour.id, f"base '{tour.base}' has no collection area")
            continue
        if tour.vehicle != area.vehicle.id:
            yield Violation("unknown_vehicle", tour.id, f"vehicle '{tour.vehicle}' instead of '{area.vehicle.id}'")
        yield from _faults_of_shift(tour, area.vehicle)
        row = {point: number for number, point in enumerate(area.point_ids, start=1)}
        for number, trip in enumerate(tour.trips, start=1):
            unknown = sorted(set(trip.stops) - set(row))
            if unknown:
                yield Violation("unknown_point", tour.id, f"trip {number}: {unknown} are not points of '{tour.base}'")
            elif _well_formed(trip):
                yield from _faults_of_replay(tour, number, _replayed(trip, area, row))
            for stop, load_t, load_m3 in zip(trip.stops, trip.load_t, trip.load_m3, strict=False):
                taken[stop][tour.day][0] += load_t
                taken[stop][tour.day][1] += load_m3
    for area in areas:
        for point in range(len(area.point_ids)):
            yield from _faults_of_point(area, point, taken.get(area.point_ids[point], {}))


def _replayed(trip: Trip, area: CollectionArea, row: Mapping[str, int]) -> Trip:
    vehicle = area.vehicle
    here, distance_m, clock_s = 0, 0.0, trip.start_s
    arrival_s, service_s = [], []
    for stop, load_t in zip(trip.stops, trip.load_t, strict=True):
        distance_m += float(area.distance_m[here, row[stop]])
        clock_s += float(area.duration_s[here, row[stop]])
        arrival_s.append(clock_s)
        service_s.append(vehicle.stop_s + vehicle.load_s_per_t * load_t)
        clock_s += service_s[-1]
        here = row[stop]
    distance_m += float(area.distance_m[here, 0])
    clock_s += float(area.duration_s[here, 0]) + vehicle.unload_s
    return Trip(trip.stops, trip.load_t, trip.load_m3, distance_m, clock_s - trip.start_s, trip.start_s,
                tuple(arrival_s), tuple(service_s))


def _faults_of_point(area: CollectionArea, point: int, taken: Mapping[int, Sequence[float]]) -> Iterator[Violation]:
    """What a point gives in a week, and how long it waits between visits."""
    point_id = area.point_ids[point]
    daily = (float(area.load_t_per_day[point]), float(area.load_m3_per_day[point]))
    if max(daily) == 0.0 or not _reachable(area, point):
        return
    for k, (code, unit) in enumerate((("weekly_t", "t"), ("weekly_m3", "m3"))):
        week = sum(amounts[k] for amounts in taken.values())
        if not _same(week, DAYS_PER_WEEK * daily[k]):
            yield Violation(code, point_id, f"{week} {unit} a week collected of {DAYS_PER_WEEK * daily[k]}")
    days = sorted(taken)
    gaps = [(day - days[k - 1] - 1) % DAYS_PER_WEEK + 1 for k, day in enumerate(days)]
    for day, gap in zip(days, gaps, strict=True):
        if not all(_same(taken[day][k], gap * daily[k]) for k in range(2)):
            yield Violation("visit_load", point_id, f"day {day}: {taken[day]} collected, {gap} days' load is due")
    # storage below a day's load cannot be helped by more than daily visits
    allowed_days = max(1.0, area.days_between_visits(point))
    if gaps and _above(max(gaps), allowed_days):
        yield Violation("storage_gap", point_id, f"{max(gaps)} days between visits, storage lasts {allowed_days}")


def _reachable(area: CollectionArea, point: int) -> bool:
    """Whether a vehicle can drive there and back and load a worthwhile share there within its shift."""
    there, back = (0, point + 1), (point + 1, 0)
    driving_s = float(area.duration_s[there] + area.duration_s[back])
    least_s = LEAST_LOAD_SHARE * area.vehicle.payload_t * area.vehicle.load_s_per_t
    fixed_s = area.vehicle.stop_s + area.vehicle.unload_s + least_s
    length_m = float(area.distance_m[there] + area.distance_m[back])
    return math.isfinite(length_m) and driving_s + fixed_s < work_s(area.vehicle)


def _faults_of_haul(tours: Sequence[Tour], links: Sequence[HaulLink]) -> Iterator[Violation]:
    link_of = {(link.origin_id, link.destination_id, link.vehicle.id): link for link in links}
    vehicle_of = {link.vehicle.id: link.vehicle for link in links}
    moved = {key: [0.0, 0.0] for key in link_of}
    for tour in tours:
        vehicle = vehicle_of.get(tour.vehicle)
        if vehicle is None:
            yield Violation("unknown_vehicle", tour.id, f"no link uses vehicle '{tour.vehicle}'")
            continue
        yield from _faults_of_shift(tour, vehicle)
        for number, trip in enumerate(tour.trips, start=1):
            key = (tour.base, trip.stops[0] if len(trip.stops) == 1 else "", tour.vehicle)
            if key not in link_of:
                yield Violation("unknown_link", tour.id, f"trip {number}: no link from '{tour.base}' to {trip.stops}")
                continue
            if _well_formed(trip):
                yield from _faults_of_replay(tour, number, _replayed_haul(trip, link_of[key]))
            moved[key][0] += sum(trip.load_t)
            moved[key][1] += sum(trip.load_m3)
    for key, link in link_of.items():
        if not link.fits_shift:
            continue
        for k, (code, daily) in enumerate((("link_t", link.t_per_day), ("link_m3", link.m3_per_day))):
            if not _same(moved[key][k], DAYS_PER_WEEK * daily):
                yield Violation(code, link.id, f"{moved[key][k]} a week moved of {DAYS_PER_WEEK * daily}")


def _replayed_haul(trip: Trip, link: HaulLink) -> Trip:
    vehicle = link.vehicle
    arrival_s = vehicle.stop_s + vehicle.load_s_per_t * trip.load_t[0] + link.loaded_s
    return Trip(trip.stops, trip.load_t, trip.load_m3, link.loaded_m + link.empty_m,
                arrival_s + vehicle.unload_s + link.empty_s, trip.start_s,
                (trip.start_s + arrival_s,), (vehicle.unload_s,))


def _faults_of_warnings(areas: Sequence[CollectionArea], links: Sequence[HaulLink],
                        warnings: Sequence[RoutingWarning]) -> Iterator[Violation]:
    """What is left unserved or overflows must be warned of, and only that."""
    due: set[tuple[str, str]] = set()
    for area in areas:
        for point, point_id in enumerate(area.point_ids):
            if max(area.load_t_per_day[point], area.load_m3_per_day[point]) == 0.0:
                continue
            if not _reachable(area, point):
                due.add((POINT_OUT_OF_REACH, point_id))
            if _above(1.0, area.days_between_visits(point)):
                due.add((OVERFULL, point_id))
    due |= {(LINK_OUT_OF_REACH, link.id) for link in links if link.trips_per_week and not link.fits_shift}
    said = {(w.code, w.subject_id) for w in warnings}
    judged = (POINT_OUT_OF_REACH, OVERFULL, LINK_OUT_OF_REACH)
    for code, subject_id in sorted(due - said):
        yield Violation("not_warned", subject_id, f"the plan does not say '{code}'")
    for code, subject_id in sorted(said - due):
        if code in judged:
            yield Violation("false_warning", subject_id, f"the plan says '{code}', which is not so")


def _same(value: float, expected: float) -> bool:
    return abs(value - expected) <= TOLERANCE * max(1.0, abs(expected))


def _above(value: float, limit: float) -> bool:
    """Also true where a value is not a number."""
    return not value <= limit + TOLERANCE * max(1.0, abs(limit))
