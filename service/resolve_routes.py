"""Tours after an edit: stations with the same points and loads keep theirs, the others are adapted or routed anew."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from geodata.ground import Ground
from optimizer.line_haul import line_haul
from optimizer.plan import Plan
from optimizer.problem import Problem
from optimizer.routing import RoutingSettings, route_collection
from optimizer.tours_check import check_tours
from optimizer.transport import CollectionArea
from optimizer.vehicle_days import DayAnswer, DayTask
from optimizer.warm_tours import WarmWeek, carried_week
from optimizer.workers import day_solver
from service.resolve_case import OldPlan
from service.vehicles import Haulage, loads_of

Collected = dict[str, dict[str, tuple[int, NDArray[np.float64]]]]
"""By station and point: the point's size and its t/day by material."""

SAME_SHARE = 1e-7
"""Loads that differ by less are the same: layers hold nine decimals."""
FEW_DAYS = 20
"""So many days are searched sooner than a worker process has started."""


@dataclass(frozen=True)
class Rerouted:
    """The week of all vehicles, and which stations were routed anew."""

    haulage: Haulage
    """Its areas are those of the stations routed anew; the links are all."""
    new: Haulage
    """The same with new tours only, for the referee: the others have been before it already."""
    adapted: tuple[str, ...]
    """Stations whose old trips took over small changes."""
    searched: tuple[str, ...]
    """Stations whose week was searched anew."""
    kept: tuple[str, ...]


def reroute(old: OldPlan, problem: Problem, ground: Ground, plan: Plan, settings: RoutingSettings, *,
            adapt: bool = True) -> Rerouted:
    """The tours of an edited plan from those of the old one; without `adapt` every changed station is searched anew."""
    before, now = collected(old.problem, old.plan), collected(problem, plan)
    kept = {station for station, points in now.items() if station in before and _same(points, before[station])}
    anew = tuple(station for station in now if station not in kept)
    loads = loads_of(problem, ground, plan, frozenset(anew))
    adapted = _adapted(loads.areas, old, settings) if adapt else {}
    found = route_collection([area for area in loads.areas if area.base_id not in adapted], settings)
    hauling = line_haul(loads.links)
    tours = tuple(tour for tour in old.tours if tour.kind == "collection" and tour.base in kept)
    points = {point for station in kept for point in now[station]}
    warnings = tuple(w for w in old.warnings if w.subject_id in points)
    days: dict[str, set[int]] = {point: set() for point in points}
    for tour in tours:
        for trip in tour.trips:
            for stop in trip.stops:
                days[stop].add(tour.day)
    visits_now = found.visits_per_week | {p: n for week in adapted.values() for p, n in week.visits_per_week.items()}
    visits = {point: len(seen) for point, seen in days.items()} | visits_now
    order = {station: n for n, station in enumerate(now)}
    changed = (*(tour for week in adapted.values() for tour in week.tours), *found.tours)
    said = (*(w for week in adapted.values() for w in week.warnings), *found.warnings, *hauling.warnings)
    collection = sorted((*tours, *changed), key=lambda tour: order[tour.base])
    haulage = Haulage(loads, (*collection, *hauling.tours), visits, (*warnings, *said), found.hit_time_limit)
    new = Haulage(loads, (*changed, *hauling.tours), visits_now, said, found.hit_time_limit)
    return Rerouted(haulage, new, tuple(adapted), tuple(s for s in anew if s not in adapted), tuple(sorted(kept)))


def _adapted(areas: Sequence[CollectionArea], old: OldPlan, settings: RoutingSettings) -> dict[str, WarmWeek]:
    """The old weeks of stations with their areas' points and loads, where the referee lets them pass.

    Days that would need more vehicles than before are searched anew.
    """
    weeks: dict[str, tuple[CollectionArea, WarmWeek]] = {}
    for area in areas:
        tours = [tour for tour in old.tours if tour.kind == "collection" and tour.base == area.base_id]
        week = carried_week(area, tours) if tours else None
        if week is not None:
            weeks[area.base_id] = (area, week)
    keys = [(station, day) for station, (_, week) in weeks.items() for day in week.visits_of_worse_days]
    deadline = time.time() + settings.time_limit_s
    tasks = [DayTask(weeks[station][0], weeks[station][1].visits_of_worse_days[day], settings.engine,
                     settings.iterations, settings.seed, deadline, settings.packing_s) for station, day in keys]
    answers: dict[str, dict[int, DayAnswer]] = {station: {} for station in weeks}
    with day_solver(settings.processes if len(tasks) > FEW_DAYS else 1) as solve:
        for (station, day), answer in zip(keys, solve(tasks), strict=True):
            answers[station][day] = answer
    found = {station: week.with_answers(area, answers[station]) for station, (area, week) in weeks.items()}
    return {station: week for station, week in found.items()
            if not check_tours(week.tours, [weeks[station][0]], (), week.warnings)}


def collected(problem: Problem, plan: Plan) -> Collected:
    """What every station collects where, stations in the order of the plan's flows."""
    flow, size = plan.flows[0], plan.open_sites[0].size_of(len(problem.sites[0]))
    out: Collected = {problem.sites[1].ids[s]: {} for s in plan.open_sites[1].site if s in flow.destination}
    for point, station, tonnes in zip(flow.origin, flow.destination, flow.t_per_day, strict=True):
        out[problem.sites[1].ids[station]][problem.sites[0].ids[point]] = (int(size[point]), tonnes)
    return out


def _same(a: dict[str, tuple[int, NDArray[np.float64]]], b: dict[str, tuple[int, NDArray[np.float64]]]) -> bool:
    return a.keys() == b.keys() and all(
        a[point][0] == b[point][0] and np.allclose(a[point][1], b[point][1], rtol=SAME_SHARE, atol=SAME_SHARE)
        for point in a)


def quick(settings: RoutingSettings, iterations: int, rounds: int, packing_s: float) -> RoutingSettings:
    """The settings with no more effort than given."""
    return replace(settings, iterations=min(settings.iterations, iterations), rounds=min(settings.rounds, rounds),
                   packing_s=min(settings.packing_s, packing_s))
