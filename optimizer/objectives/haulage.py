"""Haulage: kilometres and hours of the vehicles between tiers.

A trip costs its way there and back and its unloading. Collection on tours adds, per tonne, the loading time and the
stops with their detours: the load-weighted line haul plus local part of Daganzo's tour length approximation
(Daganzo 1984, Transportation Science 18). Hours cost the vehicle's and crew's day over the working part of the shift.
"""

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


def coefficients(problem: Problem) -> Coefficients:
    """CNY per full load between every two sites, and CNY per tonne for loading and stopping."""
    trips = []
    entering = [np.zeros(len(problem.network.materials))]
    for number, leg in enumerate(problem.legs):
        feed = problem.feed_tier(number).feed
        assert feed is not None
        vehicle = problem.network.vehicle(feed.vehicle)
        per_trip_s = vehicle.unload_s + (vehicle.stop_s if feed.stops_per_t == 0.0 else 0.0)
        driving_s = finite(leg.loaded_s) + finite(leg.empty_s)
        driving_km = (finite(leg.loaded_m) + finite(leg.empty_m)) / 1000.0
        trips.append(where_reachable(leg, driving_km * vehicle.cost_cny_per_km
                                     + (driving_s + per_trip_s) * vehicle.cost_cny_per_s))
        detour_s = feed.detour_m_per_stop / (vehicle.speed_km_per_h["default"] / 3.6)
        per_stop = ((vehicle.stop_s + detour_s) * vehicle.cost_cny_per_s
                    + feed.detour_m_per_stop / 1000.0 * vehicle.cost_cny_per_km)
        per_t = vehicle.load_s_per_t * vehicle.cost_cny_per_s + feed.stops_per_t * per_stop
        entering.append(np.full(len(problem.network.materials), per_t))
    # on a direct way nothing is loaded a second time, and nobody drives the second leg
    saved = (*(-float(above[0]) for above in entering[1:]), 0.0)
    return replace(zero(problem), trip_cny=no_trip_from_virtual(problem, trips), entering_cny_per_t=tuple(entering),
                   site_cny_per_t=on_direct_ways(problem, saved))
