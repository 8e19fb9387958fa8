"""Line haul: full loads between sites, spread over the week and packed into vehicle-days."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from optimizer.network import Vehicle
from optimizer.plan import Tour, Trip
from optimizer.schedule import placed_in_shift
from optimizer.solvers.shift_packing import pack_shifts
from optimizer.transport import DAYS_PER_WEEK, LINK_OUT_OF_REACH, HaulLink, RoutingWarning, work_s


@dataclass(frozen=True)
class HaulPlan:
    """Tours of a week that move every link's tonnes, and warnings about links that no shift can serve."""

    tours: tuple[Tour, ...]
    warnings: tuple[RoutingWarning, ...]
    vehicle_days_bound: int
    """Fewest vehicle-days a week that these trips need, proven."""


def line_haul(links: Sequence[HaulLink]) -> HaulPlan:
    """A week of full loads: each link's loads are equal and spread over the days, origins pack their own vehicles.

    A link whose trip is longer than a shift gets no tour and a warning. ValueError for repeated links.
    """
    keys = [(link.origin_id, link.destination_id, link.vehicle.id) for link in links]
    if len(set(keys)) != len(keys):
        raise ValueError("haul links are repeated")
    warnings = tuple(RoutingWarning(LINK_OUT_OF_REACH, link.id, (
        f"a trip takes {link.trip_s:.0f} s, a shift has {work_s(link.vehicle):.0f} s of work"))
        for link in links if link.trips_per_week and not link.fits_shift)
    warned = {w.subject_id for w in warnings}
    served = [link for link in links if link.trips_per_week and link.id not in warned]
    tours: list[Tour] = []
    bound = 0
    for origin, vehicle in dict.fromkeys((link.origin_id, link.vehicle.id) for link in served):
        fleet = [link for link in served if (link.origin_id, link.vehicle.id) == (origin, vehicle)]
        for day, trips in enumerate(_trips_by_day(fleet), start=1):
            shifts = pack_shifts([t.duration_s for t in trips], work_s(fleet[0].vehicle))
            bound += shifts.bound_count
            tours += [_tour(fleet[0].vehicle, origin, day, number, [trips[i] for i in shift])
                      for number, shift in enumerate(shifts.trips, start=1)]
    return HaulPlan(tuple(tours), warnings, bound)


def _tour(vehicle: Vehicle, origin: str, day: int, number: int, trips: list[Trip]) -> Tour:
    placed = placed_in_shift(trips, vehicle)
    return Tour(f"{origin}-haul-{vehicle.id}-{day}-{number:02d}", origin, vehicle.id, day, placed, "line_haul")


def _trips_by_day(fleet: Sequence[HaulLink]) -> list[list[Trip]]:
    """Trips of each day from one origin; whole loads are dealt out one after the other, so days differ by one."""
    days: list[list[Trip]] = [[] for _ in range(DAYS_PER_WEEK)]
    dealt = 0
    for link in fleet:
        count = link.trips_per_week
        # every link spreads its own loads evenly; the next link starts where the last one stopped
        for k in range(count):
            within = k * DAYS_PER_WEEK // count if count < DAYS_PER_WEEK else k
            days[(within + dealt) % DAYS_PER_WEEK].append(_trip(link))
        dealt += count
    return days


def _trip(link: HaulLink) -> Trip:
    loading_s = link.vehicle.stop_s + link.vehicle.load_s_per_t * link.trip_t
    return Trip(stops=(link.destination_id,), load_t=(link.trip_t,), load_m3=(link.trip_m3,),
                distance_m=link.loaded_m + link.empty_m, duration_s=link.trip_s, start_s=0.0,
                arrival_s=(loading_s + link.loaded_s,), service_s=(link.vehicle.unload_s,))
