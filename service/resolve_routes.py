"""Tours after an edit: stations whose points and loads are the same keep theirs, the others are routed anew."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from geodata.ground import Ground
from optimizer.line_haul import line_haul
from optimizer.plan import Plan
from optimizer.problem import Problem
from optimizer.routing import RoutingSettings, route_collection
from service.resolve_case import OldPlan
from service.vehicles import Haulage, loads_of

Collected = dict[str, dict[str, tuple[int, NDArray[np.float64]]]]
"""By station and point: the point's size and its t/day by material."""

SAME_SHARE = 1e-7
"""Loads that differ by less are the same: layers hold nine decimals."""


@dataclass(frozen=True)
class Rerouted:
    """The week of all vehicles, and which stations were routed anew."""

    haulage: Haulage
    """Its areas are those of the stations routed anew; the links are all."""
    new: Haulage
    """The same with new tours only, for the referee: the others have been before it already."""
    stations: tuple[str, ...]
    kept: tuple[str, ...]


def reroute(old: OldPlan, problem: Problem, ground: Ground, plan: Plan, settings: RoutingSettings) -> Rerouted:
    """The tours of an edited plan from those of the old one."""
    before, now = collected(old.problem, old.plan), collected(problem, plan)
    kept = {station for station, points in now.items() if station in before and _same(points, before[station])}
    anew = tuple(station for station in now if station not in kept)
    loads = loads_of(problem, ground, plan, frozenset(anew))
    found = route_collection(loads.areas, settings)
    hauling = line_haul(loads.links)
    tours = tuple(tour for tour in old.tours if tour.kind == "collection" and tour.base in kept)
    points = {point for station in kept for point in now[station]}
    warnings = tuple(w for w in old.warnings if w.subject_id in points)
    days: dict[str, set[int]] = {point: set() for point in points}
    for tour in tours:
        for trip in tour.trips:
            for stop in trip.stops:
                days[stop].add(tour.day)
    visits = {point: len(seen) for point, seen in days.items()} | found.visits_per_week
    order = {station: n for n, station in enumerate(now)}
    collection = sorted((*tours, *found.tours), key=lambda tour: order[tour.base])
    haulage = Haulage(loads, (*collection, *hauling.tours), visits,
                      (*warnings, *found.warnings, *hauling.warnings), found.hit_time_limit)
    new = Haulage(loads, (*found.tours, *hauling.tours), found.visits_per_week, (*found.warnings, *hauling.warnings),
                  found.hit_time_limit)
    return Rerouted(haulage, new, anew, tuple(sorted(kept)))


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


def quick(settings: RoutingSettings, iterations: int, rounds: int) -> RoutingSettings:
    """The settings with no more effort than given."""
    return replace(settings, iterations=min(settings.iterations, iterations), rounds=min(settings.rounds, rounds))
