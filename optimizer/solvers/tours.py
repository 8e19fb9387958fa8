"""OR-Tools' routing library as a tour engine. Integers (kg, litres, m, s) live in this file only.

Loads and times are rounded up and capacities down, so that what fits in integers fits in floats.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from ortools.constraint_solver import pywrapcp, routing_enums_pb2
from ortools.constraint_solver.routing_parameters_pb2 import RoutingSearchParameters

from optimizer.solvers.tour_protocol import SearchBudget, TripProblem, TripSets

Int = NDArray[np.int64]

KG_PER_T = 1000.0
LITRES_PER_M3 = 1000.0
PRICE_SCALE = 1000.0
"""Arc costs in thousandths of a yuan."""
FAR = 10**9
"""Stands for 'no way' in times and costs: beyond any shift, and small enough to add up."""
LNS_LIMIT_S = 3600
DUST = 1e-6
"""Float dust forgiven when rounding, in kg, litres and seconds; far below the referee's tolerance."""


@dataclass(frozen=True)
class IntegerTrips:
    """A TripProblem in whole kg, litres and seconds, and arc costs in thousandths of a yuan."""

    kg: Int
    litres: Int
    seconds: Int
    """Driving plus service at the arc's origin, [n + 1, n + 1]."""
    cost: Int
    capacity_kg: int
    capacity_litres: int
    capacity_s: int
    trip_cost: int
    """Of every trip used: unloading."""


def as_integers(problem: TripProblem) -> IntegerTrips:
    """The problem in integers: loads and times rounded up, capacities down."""
    price = (problem.cny_per_m * problem.distance_m + problem.cny_per_s * problem.duration_s) * PRICE_SCALE
    service = np.concatenate([[0.0], problem.service_s])
    capacity_s = math.floor(problem.trip_s - problem.unload_s + DUST)
    return IntegerTrips(
        kg=_up(np.concatenate([[0.0], problem.load_t]) * KG_PER_T),
        litres=_up(np.concatenate([[0.0], problem.load_m3]) * LITRES_PER_M3),
        seconds=_up(problem.duration_s + service[:, None]),
        cost=np.where(np.isfinite(price), np.rint(np.minimum(price, FAR)), FAR).astype(np.int64),
        capacity_kg=math.floor(problem.payload_t * KG_PER_T + DUST),
        capacity_litres=math.floor(problem.usable_m3 * LITRES_PER_M3 + DUST),
        capacity_s=max(0, capacity_s),
        trip_cost=round(problem.cny_per_s * problem.unload_s * PRICE_SCALE),
    )


def _up(values: NDArray[np.float64]) -> Int:
    return np.ceil(np.minimum(values, FAR) - DUST).astype(np.int64)


class OrToolsEngine:
    """Each trip is a vehicle of the routing model; a trip's fixed cost is its unloading."""

    def trips(self, problem: TripProblem, budget: SearchBudget) -> TripSets:
        """Trips by cheapest arcs, then iterated local search: ruin some strings of stops, reinsert, improve.

        The search counts its iterations and accepts only improvements, so that the clock plays no part in it
        unless the safety stop is hit, when stops without a trip come back as trips of their own.
        """
        whole = as_integers(problem)
        alone, together = _fits(whole)
        single = tuple((int(stop),) for stop in alone)
        if len(together) < 2:
            # the library's iterated local search does not end when there is nothing to exchange
            return TripSets((*single, *((int(stop),) for stop in together)), False)
        node = np.concatenate([[0], np.random.default_rng(budget.seed).permutation(together)])
        manager = pywrapcp.RoutingIndexManager(len(node), len(together), 0)
        model = _model(manager, whole, node)
        started = time.monotonic()
        # SolveWithParameters would stop at the first local optimum, whatever the parameters say
        solution = model.SolveWithIteratedLocalSearch(_parameters(budget))
        hit = time.monotonic() - started >= budget.time_limit_s
        if solution is None:
            return TripSets((*single, *((int(stop),) for stop in together)), hit)
        return TripSets((*single, *_trips_of(model, manager, solution, node)), hit)


def _fits(whole: IntegerTrips) -> tuple[Int, Int]:
    """Stops that fit a trip only by what rounding takes away, and so go alone; and all others."""
    stops = np.arange(1, len(whole.kg))
    fits = ((whole.kg[1:] <= whole.capacity_kg) & (whole.litres[1:] <= whole.capacity_litres)
            & (whole.seconds[0, 1:] + whole.seconds[1:, 0] <= whole.capacity_s))
    return stops[~fits], stops[fits]


def _model(manager: pywrapcp.RoutingIndexManager, whole: IntegerTrips, node: Int) -> pywrapcp.RoutingModel:
    model = pywrapcp.RoutingModel(manager)
    grid = np.ix_(node, node)
    model.SetArcCostEvaluatorOfAllVehicles(model.RegisterTransitMatrix(whole.cost[grid].tolist()))
    model.SetFixedCostOfAllVehicles(whole.trip_cost)
    mass = model.RegisterUnaryTransitVector(whole.kg[node].tolist())
    volume = model.RegisterUnaryTransitVector(whole.litres[node].tolist())
    duration = model.RegisterTransitMatrix(whole.seconds[grid].tolist())
    model.AddDimension(mass, 0, whole.capacity_kg, True, "kg")
    model.AddDimension(volume, 0, whole.capacity_litres, True, "litres")
    model.AddDimension(duration, 0, whole.capacity_s, True, "seconds")
    return model


def _parameters(budget: SearchBudget) -> RoutingSearchParameters:
    parameters = pywrapcp.DefaultRoutingSearchParameters()
    parameters.first_solution_strategy = routing_enums_pb2.FirstSolutionStrategy.PATH_CHEAPEST_ARC
    parameters.solution_limit = max(1, budget.iterations)
    parameters.time_limit.FromMilliseconds(max(1, round(budget.time_limit_s * 1000)))
    # neighbourhoods are left by count, not by the clock
    parameters.lns_time_limit.FromSeconds(LNS_LIMIT_S)
    parameters.use_iterated_local_search = True
    search = parameters.iterated_local_search_parameters
    search.improve_perturbed_solution = True
    search.reference_solution_acceptance_strategy.greedy_descent.SetInParent()
    del search.ruin_recreate_parameters.ruin_strategies[:]
    ruin = search.ruin_recreate_parameters.ruin_strategies.add().sisr
    ruin.max_removed_sequence_size = 10
    ruin.avg_num_removed_visits = 10
    ruin.bypass_factor = 0.01
    return parameters


def _trips_of(model: pywrapcp.RoutingModel, manager: pywrapcp.RoutingIndexManager,
              solution: pywrapcp.Assignment, node: Int) -> tuple[tuple[int, ...], ...]:
    trips = []
    for vehicle in range(model.vehicles()):
        index = solution.Value(model.NextVar(model.Start(vehicle)))
        trip = []
        while not model.IsEnd(index):
            trip.append(int(node[manager.IndexToNode(index)]))
            index = solution.Value(model.NextVar(index))
        if trip:
            trips.append(tuple(trip))
    return tuple(sorted(trips))
