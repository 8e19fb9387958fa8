"""Collection tours: loads -> visits in a week -> trips of a day -> vehicle-days."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from optimizer.calendar import WeekCalendar, visit_frequencies, week_calendar
from optimizer.plan import Tour
from optimizer.solvers.shift_packing import DETERMINISTIC_S
from optimizer.solvers.tour_protocol import engine_names
from optimizer.transport import DAYS_PER_WEEK, POINT_OUT_OF_REACH, CollectionArea, RoutingWarning
from optimizer.vehicle_days import DayAnswer, DayTask
from optimizer.visits import reachable_points
from optimizer.week_search import Aim, Week, cheapest, next_aim
from optimizer.workers import DaySolver, day_solver

Progress = Callable[[int, int], None]
"""Called with the station-days done and the most there may be."""
DayKey = tuple[int, tuple[tuple[int, int], ...]]
"""An area's number, and point and gap in days of each visit of a day."""

__all__ = ["CollectionArea", "CollectionPlan", "PointVisits", "RoutingSettings", "route_collection"]


@dataclass(frozen=True)
class RoutingSettings:
    """How tours are searched for. Iterations decide; the time limit is a safety stop for the whole week."""

    engine: str = "auto"
    iterations: int = 200
    """Of the engine's search, for each day of each base."""
    rounds: int = 4
    """Calendars tried after the first, so that days fill whole vehicle-days."""
    packing_s: float = DETERMINISTIC_S
    """Deterministic time of packing a day's trips into shifts, for each number of vehicles tried."""
    time_limit_s: float = 600.0
    seed: int = 1
    processes: int = 1

    def __post_init__(self) -> None:
        if self.engine not in engine_names():
            raise ValueError(f"unknown routing engine '{self.engine}' (known: {', '.join(engine_names())})")
        if self.iterations < 1 or self.processes < 1 or self.rounds < 0 or not self.time_limit_s > 0.0:
            raise ValueError("iterations, processes and time_limit_s must be positive, rounds not negative")


@dataclass(frozen=True)
class PointVisits:
    """On which days (1 to 7) a point is visited; none where it is out of reach or has no load."""

    base_id: str
    point_id: str
    days: tuple[int, ...]


@dataclass(frozen=True)
class CollectionPlan:
    """A week of collection tours; referee it with `tours_check`."""

    tours: tuple[Tour, ...]
    visits: tuple[PointVisits, ...]
    """One entry per point of every area, in order."""
    warnings: tuple[RoutingWarning, ...]
    vehicle_days_bound: int
    """Fewest vehicle-days a week that these very trips need, proven."""
    hit_time_limit: bool

    @property
    def visits_per_week(self) -> dict[str, int]:
        """Visit days a week by point id."""
        return {v.point_id: len(v.days) for v in self.visits}


def route_collection(areas: Sequence[CollectionArea], settings: RoutingSettings,
                     progress: Progress | None = None) -> CollectionPlan:
    """A week of tours that collects everything from the points of every area.

    Same areas, seed and iterations give the same plan, whatever the number of processes. Points that no shift
    can serve are warned of and left out. ValueError where a base or a point occurs twice. With more than one
    process the calling module must be importable (multiprocessing's spawn).
    """
    _refuse_repetition(areas)
    frequencies = [visit_frequencies(area) for area in areas]
    reachable = [reachable_points(area) for area in areas]
    served = [tuple(f if ok else 0 for f, ok in zip(of.per_week, can, strict=True))
              for of, can in zip(frequencies, reachable, strict=True)]
    with day_solver(settings.processes) as solve:
        weeks, hit_time_limit = _routed_weeks(areas, served, settings, solve, progress)
    warnings = tuple(w for area, of, can in zip(areas, frequencies, reachable, strict=True)
                     for w in (*of.warnings, *_unreachable(area, can)))
    return _plan(areas, weeks, warnings, hit_time_limit)


def _routed_weeks(areas: Sequence[CollectionArea], served: Sequence[tuple[int, ...]], settings: RoutingSettings,
                  solve: DaySolver, progress: Progress | None) -> tuple[list[Week], bool]:
    """The cheapest week found for every area, and whether the time limit cut any search short.

    Rounds of calendars, each routed and then corrected.
    """
    most = DAYS_PER_WEEK * len(areas) * (1 + settings.rounds)
    deadline = time.time() + settings.time_limit_s
    known: dict[DayKey, DayAnswer] = {}
    found: list[list[Week]] = [[] for _ in areas]
    aims: dict[int, Aim | None] = dict.fromkeys(range(len(areas)))
    for number in range(1 + settings.rounds):
        calendars = {a: _calendar(areas[a], served[a], found[a], aim) for a, aim in aims.items()}
        keys = {key for a, calendar in calendars.items() for key in _day_keys(a, calendar)}
        # days with the same visits and loads are solved once
        new = sorted(keys - known.keys())
        tasks = [DayTask(areas[a], visits, settings.engine, settings.iterations, settings.seed, deadline,
                         settings.packing_s) for a, visits in new]
        for done, (key, answer) in enumerate(zip(new, solve(tasks), strict=True), start=1):
            known[key] = answer
            if progress is not None:
                progress(DAYS_PER_WEEK * len(areas) * number + done, most)
        for a, calendar in calendars.items():
            found[a].append(Week(calendar, tuple(known[key] for key in _day_keys(a, calendar))))
        following = {a: next_aim(areas[a], found[a][-1], aim) for a, aim in aims.items()}
        aims = {a: aim for a, aim in following.items() if aim is not None}
        if not aims or time.time() >= deadline:
            break
    if progress is not None and most:
        progress(most, most)
    hit_time_limit = bool(aims and time.time() >= deadline) or any(a.hit_time_limit for a in known.values())
    return [cheapest(area, weeks) for area, weeks in zip(areas, found, strict=True)], hit_time_limit


def _calendar(area: CollectionArea, per_week: tuple[int, ...], before: Sequence[Week], aim: Aim | None) -> WeekCalendar:
    if aim is None:
        return week_calendar(area, per_week)
    return week_calendar(area, per_week, aim.day_shares, before[-1].calendar)


def _day_keys(area: int, calendar: WeekCalendar) -> list[DayKey]:
    return [(area, tuple((v.point, v.gap_days) for v in calendar.visits if v.day == day))
            for day in range(1, DAYS_PER_WEEK + 1)]


def _plan(areas: Sequence[CollectionArea], weeks: Sequence[Week],
          warnings: tuple[RoutingWarning, ...], hit_time_limit: bool) -> CollectionPlan:
    days = [(area, day, answer) for area, week in zip(areas, weeks, strict=True)
            for day, answer in enumerate(week.days, start=1)]
    return CollectionPlan(
        tours=tuple(Tour(f"{area.base_id}-{day}-{position:02d}", area.base_id, area.vehicle.id, day, trips)
                    for area, day, answer in days
                    for position, trips in enumerate(answer.vehicle_days, start=1)),
        visits=tuple(PointVisits(area.base_id, point_id, visit_days)
                     for area, week in zip(areas, weeks, strict=True)
                     for point_id, visit_days in zip(area.point_ids, week.calendar.days, strict=True)),
        warnings=warnings,
        vehicle_days_bound=sum(answer.bound_count for _, _, answer in days),
        hit_time_limit=hit_time_limit,
    )


def _refuse_repetition(areas: Sequence[CollectionArea]) -> None:
    bases = [area.base_id for area in areas]
    points = [point for area in areas for point in area.point_ids]
    repeated = [i for i, n in [*Counter(bases).items(), *Counter(points).items()] if n > 1]
    if repeated:
        raise ValueError(f"bases or points occur in several collection areas: {repeated}")


def _unreachable(area: CollectionArea, reachable: Sequence[bool]) -> list[RoutingWarning]:
    return [RoutingWarning(POINT_OUT_OF_REACH, point_id,
                           f"no way there and back from base '{area.base_id}' within one shift: not collected")
            for point_id, ok in zip(area.point_ids, reachable, strict=True) if not ok]
