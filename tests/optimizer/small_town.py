"""A town of three parts, three points, two stations and two centres with round figures, and plans for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from optimizer.plan import Flows, OpenSites, Plan, SolveReport
from optimizer.problem import Demand, Leg, Problem, Sites, Walk
from optimizer.row_builders import at_least_open, shared_parcels
from tests.optimizer.small_problems import chain_problem

Stations = Mapping[int, Mapping[int, float]]
"""Share of each point's load that goes to each station."""


def town() -> Problem:
    """Each part makes 1.0 and 0.5 t/day; at 100 m 0.72 of it is captured. The second station and the first centre
    stand on one parcel with room for one of them.

    The points are 6 km from the first station and 10 km from the second, at 36 km/h.
    """
    walk = Walk(part=np.array([0, 0, 1, 1, 2, 2]), site=np.array([0, 1, 0, 1, 1, 2]),
                distance_m=np.array([100.0, 300.0, 250.0, 100.0, 400.0, 200.0]),
                captured_share=0.8 * (1 - np.array([100.0, 300.0, 250.0, 100.0, 400.0, 200.0]) / 1000.0))
    demand = Demand(("a#1", "b#1", "b#2"), ("a", "b"), np.array([0, 1, 1]), np.array([0, 0, 1]),
                    np.array([1000.0, 600.0, 400.0]), np.array([400.0, 240.0, 160.0]), np.tile([1.0, 0.5], (3, 1)))
    legs = (Leg(*(np.tile([6000.0, 10000.0], (3, 1)) / by for by in (1.0, 10.0, 1.0, 10.0))),
            Leg(*(np.full((2, 2), 20_000.0) / by for by in (1.0, 10.0, 1.0, 10.0))))
    return with_parcels(replace(
        chain_problem(), demand=demand, zone_ids=("north", "south"), walk=walk, legs=legs,
        max_households_per_site=700.0, sites=(some_sites("p0", "p1", "p2"), some_sites("s0", "lot"),
                                              some_sites("lot", "c1"))))


def some_sites(*ids: str) -> Sites:
    """New candidates of 150 m2 with one size; the last one lies in the second zone."""
    zero = np.zeros(len(ids), dtype=np.int64)
    zone = np.where(np.arange(len(ids)) == len(ids) - 1, 1, 0)
    return Sites(ids, zone, np.full(len(ids), 150.0), np.ones((len(ids), 1), dtype=bool), zero, np.zeros(len(ids)))


def town_plan(problem: Problem, points: tuple[int, ...] = (0, 1, 2), stations: Stations | None = None,
              centre: int = 1) -> Plan:
    """The plan in which each part uses its entry of `points` (-1: none); all goes to one centre."""
    site_of_part = np.array(points)
    load = np.zeros((3, 2))
    for part, site in enumerate(points):
        for arc in np.flatnonzero((problem.walk.part == part) & (problem.walk.site == site)):
            load[site] += problem.demand.generated_t_per_day[part] * problem.walk.captured_share[arc]
    used = sorted({site for site in points if site >= 0})
    shares = {site: {0: 1.0} for site in used} if stations is None else stations
    rows = [(site, station, share) for site in used for station, share in sorted(shares[site].items())]
    up = Flows(np.array([r[0] for r in rows], dtype=np.int64), np.array([r[1] for r in rows], dtype=np.int64),
               np.array([r[2] * load[r[0]] for r in rows]).reshape(-1, 2))
    reached = np.unique(up.destination)
    arriving = np.array([up.t_per_day[up.destination == s].sum(axis=0) for s in reached]).reshape(-1, 2)
    on = Flows(reached, np.full(len(reached), centre), arriving)
    centres = np.array([centre] if len(reached) else [], dtype=np.int64)
    opened = tuple(OpenSites(at, np.zeros(len(at), dtype=np.int64)) for at in (np.array(used, dtype=np.int64), reached,
                                                                             centres))
    return Plan(opened, site_of_part, (up, on), SolveReport("feasible", 0.0, None))


def with_size(problem: Problem, level: int, **changes: object) -> Problem:
    """The problem with other figures for the one size of a tier."""
    tiers = list(problem.network.tiers)
    size = tiers[level].sizes[0].model_copy(update=changes)
    tiers[level] = tiers[level].model_copy(update={"sizes": (size,)})
    return with_parcels(replace(problem, network=problem.network.model_copy(update={"tiers": tuple(tiers)})))


def with_sites(problem: Problem, level: int, **changes: object) -> Problem:
    """The problem with other columns for the sites of a tier."""
    sites = tuple(replace(s, **changes) if number == level else s for number, s in enumerate(problem.sites))
    return with_parcels(replace(problem, sites=sites))


def with_parcels(problem: Problem) -> Problem:
    """The problem with the rule of shared parcels as its sites and sizes have it, and no other rule."""
    return replace(problem, site_rows=shared_parcels(problem))


def with_minimum(problem: Problem, tier: int, zone: int, count: int) -> Problem:
    """The problem with one more rule: at least so many open sites."""
    return replace(problem, site_rows=(*problem.site_rows, at_least_open(problem, tier, zone, count, "rule:clause")))


def also_open(plan: Plan, level: int, site: int) -> Plan:
    """The plan with one more open site of a tier, without load."""
    at = np.union1d(plan.open_sites[level].site, [site])
    return with_open(plan, level, at)


def with_open(plan: Plan, level: int, site: np.ndarray) -> Plan:
    """The plan with these sites of a tier open, in the first size."""
    opened = list(plan.open_sites)
    opened[level] = OpenSites(np.asarray(site, dtype=np.int64), np.zeros(len(site), dtype=np.int64))
    return replace(plan, open_sites=tuple(opened))


def with_flow(plan: Plan, number: int, **changes: object) -> Plan:
    """The plan with other columns for the flows of a leg."""
    flows = tuple(replace(f, **changes) if at == number else f for at, f in enumerate(plan.flows))
    return replace(plan, flows=flows)
