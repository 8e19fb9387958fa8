"""Routing a sited plan: the week's collection tours and line haul."""

from __future__ import annotations

from collections.abc import Callable

from geodata.ground import Ground
from optimizer.line_haul import line_haul
from optimizer.plan import Plan
from optimizer.problem import Problem
from optimizer.routing import RoutingSettings, route_collection
from service.vehicles import Haulage, loads_of


def route_vehicles(problem: Problem, ground: Ground, plan: Plan, settings: RoutingSettings,
                   progress: Callable[[int, int], None] | None = None) -> Haulage:
    """The week's collection tours and line haul of a plan."""
    loads = loads_of(problem, ground, plan)
    collection = route_collection(loads.areas, settings, progress)
    hauling = line_haul(loads.links)
    return Haulage(loads, (*collection.tours, *hauling.tours), collection.visits_per_week,
                   (*collection.warnings, *hauling.warnings), collection.hit_time_limit)
