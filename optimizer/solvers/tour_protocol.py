"""What every tour engine answers to: the day's stops in, trips out; and the engines by name.

A new engine is one module with a class that has this one method and one line in ENGINES. Engines return
sequences only; lengths, times, loads and costs are recomputed by the caller.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]

ENGINES = (("ortools", "optimizer.solvers.tours", "OrToolsEngine"),)
"""Name, module and class of each engine, best first: `auto` takes the first. Imported only when asked for."""


@dataclass(frozen=True)
class TripProblem:
    """Stops to be grouped into trips that leave the base (index 0), visit stops 1 to n once, and come back."""

    load_t: Float
    """[n]"""
    load_m3: Float
    """[n]"""
    service_s: Float
    """[n]"""
    distance_m: Float
    """Directed, inf where there is no way, [n + 1, n + 1]."""
    duration_s: Float
    """[n + 1, n + 1]"""
    payload_t: float
    usable_m3: float
    trip_s: float
    """Longest trip, unloading included."""
    unload_s: float
    """At the base at the end of each trip."""
    cny_per_m: float
    cny_per_s: float


@dataclass(frozen=True)
class SearchBudget:
    """How long to search: iterations decide, the time limit is a safety stop; the seed shuffles the stops."""

    iterations: int
    time_limit_s: float
    seed: int


@dataclass(frozen=True)
class TripSets:
    """Stops (1 to n) of every trip in visiting order, and whether the safety stop cut the search short."""

    trips: tuple[tuple[int, ...], ...]
    hit_time_limit: bool


class TourEngine(Protocol):
    """An engine that groups stops into trips."""

    def trips(self, problem: TripProblem, budget: SearchBudget) -> TripSets:
        """Trips that together visit every stop once, each within payload, volume and time."""
        ...


def engine_names() -> tuple[str, ...]:
    """Names that a study may ask for."""
    return ("auto", *(name for name, _, _ in ENGINES))


def tour_engine(name: str) -> TourEngine:
    """The engine of that name, `auto` being the first; ValueError naming the known ones otherwise."""
    for known, module, attribute in ENGINES:
        if name in ("auto", known):
            engine: TourEngine = getattr(importlib.import_module(module), attribute)()
            return engine
    raise ValueError(f"unknown routing engine '{name}' (known: {', '.join(engine_names())})")


def trip_cost_cny(problem: TripProblem, trip: tuple[int, ...]) -> float:
    """What a trip costs by the engine's prices, CNY: its metres and all its seconds."""
    return problem.cny_per_m * trip_m(problem, trip) + problem.cny_per_s * trip_s(problem, trip)


def trip_m(problem: TripProblem, trip: tuple[int, ...]) -> float:
    """Length of a trip, m."""
    path = (0, *trip, 0)
    return float(sum(problem.distance_m[a, b] for a, b in pairwise(path)))


def trip_s(problem: TripProblem, trip: tuple[int, ...]) -> float:
    """Duration of a trip, s: driving, service and unloading."""
    path = (0, *trip, 0)
    driving = float(sum(problem.duration_s[a, b] for a, b in pairwise(path)))
    return driving + float(sum(problem.service_s[stop - 1] for stop in trip)) + problem.unload_s
