"""Collection tours: loads -> visits in a week -> trips of a day -> vehicle-days."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing.connection import wait

from optimizer.calendar import WeekCalendar, week_calendar
from optimizer.plan import Tour
from optimizer.solvers.tour_protocol import SearchBudget, engine_names
from optimizer.transport import DAYS_PER_WEEK, POINT_OUT_OF_REACH, CollectionArea, RoutingWarning
from optimizer.vehicle_days import DayAnswer, DayTask, reachable_points, solve_day

DayVisits = tuple[int, tuple[tuple[int, int], ...]]
"""An area's number, and point and gap in days of each visit."""
Progress = Callable[[int, int], None]
"""Called with the station-days done and their number."""


@dataclass(frozen=True)
class RoutingSettings:
    """How tours are searched for. Iterations decide; the time limit is a safety stop for the whole week."""

    engine: str = "auto"
    iterations: int = 300
    """Solutions the engine may accept for each day of each base."""
    time_limit_s: float = 600.0
    seed: int = 1
    processes: int = 1

    def __post_init__(self) -> None:
        if self.engine not in engine_names():
            raise ValueError(f"unknown routing engine '{self.engine}' (known: {', '.join(engine_names())})")
        if self.iterations < 1 or self.processes < 1 or not self.time_limit_s > 0.0:
            raise ValueError("iterations, processes and time_limit_s must be positive")


@dataclass(frozen=True)
class PointVisits:
    """How often a point is visited, and on which days (1 to 7)."""

    base_id: str
    point_id: str
    days: tuple[int, ...]

    @property
    def visits_per_week(self) -> int:
        """Visit days a week."""
        return len(self.days)


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
        return {v.point_id: v.visits_per_week for v in self.visits}


def route_collection(areas: Sequence[CollectionArea], settings: RoutingSettings,
                     progress: Progress | None = None) -> CollectionPlan:
    """A week of tours that collects everything from the points of every area.

    Same areas, seed and iterations give the same plan, whatever the number of processes. Points that no shift
    can serve are warned of and left out. ValueError where a base or a point occurs twice. With more than one
    process the calling module must be importable (multiprocessing's spawn).
    """
    _refuse_repetition(areas)
    reachable = [reachable_points(area) for area in areas]
    calendars = [_served(week_calendar(area), ok) for area, ok in zip(areas, reachable, strict=True)]
    number_of: dict[DayVisits, int] = {}
    days: list[tuple[int, int, int]] = []
    for area, calendar in enumerate(calendars):
        for day in range(1, DAYS_PER_WEEK + 1):
            visits = tuple((v.point, v.gap_days) for v in calendar.visits if v.day == day)
            if visits:
                # days with the same visits and loads are solved once
                days.append((area, day, number_of.setdefault((area, visits), len(number_of))))
    limit_s = settings.time_limit_s * settings.processes / max(1, len(number_of))
    budget = SearchBudget(settings.iterations, limit_s, settings.seed)
    tasks = [DayTask(areas[area], visits, settings.engine, budget) for area, visits in number_of]
    answers = list(_solved(tasks, settings.processes, progress))
    return CollectionPlan(
        tours=tuple(Tour(f"{areas[area].base_id}-{day}-{position:02d}", areas[area].base_id,
                         areas[area].vehicle.id, day, trips, "collection")
                    for area, day, task in days
                    for position, trips in enumerate(answers[task].vehicle_days, start=1)),
        visits=tuple(PointVisits(area.base_id, point_id, visit_days)
                     for area, calendar in zip(areas, calendars, strict=True)
                     for point_id, visit_days in zip(area.point_ids, calendar.days, strict=True)),
        warnings=tuple(w for area, calendar, ok in zip(areas, calendars, reachable, strict=True)
                       for w in (*calendar.warnings, *_unreachable(area, ok))),
        vehicle_days_bound=sum(answers[task].bound_count for _, _, task in days),
        hit_time_limit=any(answer.hit_time_limit for answer in answers),
    )


def _refuse_repetition(areas: Sequence[CollectionArea]) -> None:
    bases = [area.base_id for area in areas]
    points = [point for area in areas for point in area.point_ids]
    repeated = [i for i, n in [*Counter(bases).items(), *Counter(points).items()] if n > 1]
    if repeated:
        raise ValueError(f"bases or points occur in several collection areas: {repeated}")


def _served(calendar: WeekCalendar, reachable: Sequence[bool]) -> WeekCalendar:
    return WeekCalendar(tuple(days if ok else () for days, ok in zip(calendar.days, reachable, strict=True)),
                        calendar.warnings)


def _unreachable(area: CollectionArea, reachable: Sequence[bool]) -> list[RoutingWarning]:
    return [RoutingWarning(POINT_OUT_OF_REACH, point_id,
                           f"no way there and back from base '{area.base_id}' within one shift: not collected")
            for point_id, ok in zip(area.point_ids, reachable, strict=True) if not ok]


def _solved(tasks: Sequence[DayTask], processes: int, progress: Progress | None) -> Iterator[DayAnswer]:
    """Answers in the order of the tasks."""
    workers = min(processes, len(tasks))
    # a daemonic process may not have children; the answers are the same without them
    if workers <= 1 or multiprocessing.current_process().daemon:
        yield from _told(map(solve_day, tasks), len(tasks), progress)
        return
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn"),
                             initializer=_end_with_parent) as pool:
        yield from _told(pool.map(solve_day, tasks), len(tasks), progress)


def _told(answers: Iterable[DayAnswer], total: int, progress: Progress | None) -> Iterator[DayAnswer]:
    for done, answer in enumerate(answers, start=1):
        if progress is not None:
            progress(done, total)
        yield answer


def _end_with_parent() -> None:
    """Let a worker end when its parent is killed, which leaves no time to tell it."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_exit_after, args=(parent.sentinel,), daemon=True).start()


def _exit_after(sentinel: int) -> None:
    wait([sentinel])
    os._exit(1)
