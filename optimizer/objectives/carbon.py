"""Carbon: a price on the CO2 of every kilometre driven."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from optimizer.objectives.coefficients import (
    Coefficients,
    finite,
    no_trip_from_virtual,
    on_direct_ways,
    where_reachable,
    zero,
)
from optimizer.problem import Problem

KG_PER_T = 1000.0


def coefficients(problem: Problem) -> Coefficients:
    """CNY per full load between every two sites, and CNY per tonne for the detours of collection."""
    price_cny_per_kg = problem.network.money.carbon_cny_per_t / KG_PER_T
    trips = []
    entering = [np.zeros(len(problem.network.materials))]
    for number, leg in enumerate(problem.legs):
        feed = problem.feed_tier(number).feed
        assert feed is not None
        per_km = problem.network.vehicle(feed.vehicle).co2_kg_per_km * price_cny_per_kg
        trips.append(where_reachable(leg, (finite(leg.loaded_m) + finite(leg.empty_m)) / 1000.0 * per_km))
        detour_km_per_t = feed.stops_per_t * feed.detour_m_per_stop / 1000.0
        entering.append(np.full(len(problem.network.materials), detour_km_per_t * per_km))
    # on a direct way nothing is loaded a second time, and nobody drives the second leg
    saved = (*(-float(above[0]) for above in entering[1:]), 0.0)
    return replace(zero(problem), trip_cny=no_trip_from_virtual(problem, trips), entering_cny_per_t=tuple(entering),
                   site_cny_per_t=on_direct_ways(problem, saved))
