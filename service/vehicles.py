"""What a sited plan's vehicles have to drive, and their trips as lines on the streets. No solver is needed here."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from geodata.ground import Ground, leg_trips
from optimizer.plan import Plan, Tour
from optimizer.problem import Problem
from optimizer.transport import CollectionArea, HaulLink, RoutingWarning

Float = NDArray[np.float64]


@dataclass(frozen=True)
class Loads:
    """What is to be driven: areas to collect and links to haul."""

    areas: tuple[CollectionArea, ...]
    links: tuple[HaulLink, ...]


@dataclass(frozen=True)
class Haulage:
    """The vehicles' week."""

    loads: Loads
    tours: tuple[Tour, ...]
    visits_per_week: dict[str, int]
    warnings: tuple[RoutingWarning, ...]
    hit_time_limit: bool


def loads_of(problem: Problem, ground: Ground, plan: Plan, stations: Collection[str] | None = None) -> Loads:
    """Collection areas of the stations (or of some, by id) and full-load links above all of them.

    Distances are those of the directed streets.
    """
    return Loads(_areas(problem, ground, plan, stations), _links(problem, ground, plan))


def _areas(problem: Problem, ground: Ground, plan: Plan,
           stations: Collection[str] | None) -> tuple[CollectionArea, ...]:
    feed, tier = problem.network.tiers[1].feed, problem.network.tiers[0]
    assert feed is not None
    vehicle = problem.network.vehicle(feed.vehicle)
    trips, points, bases = leg_trips(ground, 0)
    flow = plan.flows[0]
    size = plan.open_sites[0].size_of(len(problem.sites[0]))
    storage = np.array([np.inf if s.storage_m3 is None else s.storage_m3 for s in tier.sizes])
    days = np.array([np.inf if s.storage_days is None else s.storage_days for s in tier.sizes])
    areas = []
    for station in plan.open_sites[1].site:
        rows = np.flatnonzero(flow.destination == station)
        if len(rows) == 0 or (stations is not None and problem.sites[1].ids[station] not in stations):
            continue
        site = flow.origin[rows]
        stops = np.concatenate([[bases[station]], points[site]])
        found = trips.times(stops, stops)
        np.fill_diagonal(found.distance_m, 0.0)
        np.fill_diagonal(found.duration_s, 0.0)
        # the truck carries the material in its own state; storage counts the state at the point
        bulk = flow.t_per_day[rows] @ problem.m3_per_t(feed.state)
        at_point = flow.t_per_day[rows] @ problem.m3_per_t(tier.state)
        room = storage[size[site]] * np.divide(bulk, at_point, out=np.ones_like(bulk), where=at_point > 0.0)
        areas.append(CollectionArea(
            problem.sites[1].ids[station], vehicle, tuple(problem.sites[0].ids[s] for s in site),
            flow.t_per_day[rows].sum(axis=1), bulk, room, days[size[site]], found.distance_m, found.duration_s))
    return tuple(areas)


def _links(problem: Problem, ground: Ground, plan: Plan) -> tuple[HaulLink, ...]:
    links = []
    for leg in range(1, len(plan.flows)):
        flow, feed = plan.flows[leg], problem.network.tiers[leg + 1].feed
        assert feed is not None
        vehicle, ways = problem.network.vehicle(feed.vehicle), ground.ways[leg]
        bulk = flow.t_per_day @ problem.m3_per_t(feed.state)
        for row, (a, b) in enumerate(zip(flow.origin, flow.destination, strict=True)):
            if problem.sites[leg].virtual[a]:
                continue  # driven already, on the way to the site it stands for
            links.append(HaulLink(
                problem.sites[leg].ids[a], problem.sites[leg + 1].ids[b], vehicle, float(flow.t_per_day[row].sum()),
                float(bulk[row]), float(ways.loaded_m[a, b]), float(ways.loaded_s[a, b]), float(ways.empty_m[a, b]),
                float(ways.empty_s[a, b])))
    return tuple(links)


def trip_lines(problem: Problem, ground: Ground, tours: tuple[Tour, ...]) -> dict[tuple[str, int], Float]:
    """Vertices of every trip along the streets, by tour id and trip number, metric CRS, [k, 2] with k >= 2."""
    itinerary: dict[tuple[str, int], tuple[int, list[tuple[int, int]]]] = {}
    wanted: dict[tuple[int, tuple[int, int]], set[tuple[int, int]]] = {}
    index = [{name: row for row, name in enumerate(sites.ids)} for sites in problem.sites]
    for tour in tours:
        leg = _leg_of(problem, tour)
        base_side = 1 if tour.kind == "collection" else 0  # a station is the upper end of a collection trip
        for number, trip in enumerate(tour.trips, start=1):
            base = (base_side, index[leg + base_side][tour.base])
            stops = [(1 - base_side, index[leg + 1 - base_side][stop]) for stop in trip.stops]
            places = [base, *stops, base]
            itinerary[tour.id, number] = (leg, places)
            for start, end in pairwise(places):
                wanted.setdefault((leg, start), set()).add(end)
    pieces: dict[tuple[int, tuple[int, int], tuple[int, int]], Float] = {}
    for leg in sorted({leg for leg, _ in wanted}):
        trips, *numbers = leg_trips(ground, leg)
        for (at, start), ends in wanted.items():
            if at == leg:
                targets = sorted(ends)
                reached = np.array([numbers[side][row] for side, row in targets], dtype=np.int64)
                for end, line in zip(targets, trips.lines(int(numbers[start[0]][start[1]]), reached), strict=True):
                    pieces[leg, start, end] = line
    return {key: _joined([pieces[leg, a, b] for a, b in pairwise(places)]) for key, (leg, places) in itinerary.items()}


def _joined(parts: list[Float]) -> Float:
    line = np.concatenate([parts[0], *(p[1:] for p in parts[1:])])
    return line if len(line) > 1 else np.repeat(line, 2, axis=0)


def _leg_of(problem: Problem, tour: Tour) -> int:
    """The leg a tour drives: 0 for collection, else the one whose lower tier holds its base."""
    if tour.kind == "collection":
        return 0
    for leg in range(1, len(problem.legs)):
        reached = {stop for trip in tour.trips for stop in trip.stops}
        if tour.base in problem.sites[leg].ids and reached <= set(problem.sites[leg + 1].ids):
            return leg
    raise ValueError(f"tour {tour.id} starts at no site that is hauled from")
