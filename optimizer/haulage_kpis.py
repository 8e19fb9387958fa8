"""Indicators of a week of tours: vehicles, kilometres, load factors, hours, routed cost, carbon."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from optimizer.indicator import Kpi, ratio
from optimizer.network import DAYS_PER_YEAR, SECONDS_PER_HOUR, Network, Vehicle
from optimizer.plan import Plan, Tour
from optimizer.problem import Problem
from optimizer.tours_check import routed_cost_cny_per_year
from optimizer.transport import DAYS_PER_WEEK, usable_m3


def haulage_kpis(network: Network, tours: Sequence[Tour], captured_t_per_day: float) -> Iterator[Kpi]:
    """Indicators of a week of tours, line haul included. KeyError for a tour with an unknown vehicle.

    Load factors are loads over payload and over usable body, trip by trip. Vehicles are the most of a class at work
    on one day at each base, summed over bases: vehicles are not lent from base to base.
    """
    vehicles = {vehicle.id: vehicle for vehicle in network.vehicles}
    days = Counter(tour.vehicle for tour in tours)
    fleet = _fleet(tours)
    km_per_day = sum(_km(tour) for tour in tours) / DAYS_PER_WEEK
    trips = sum(len(tour.trips) for tour in tours)
    yield Kpi("vehicles_count", float(sum(fleet.values())), "1")
    yield Kpi("vehicle_days_per_week_count", float(len(tours)), "1")
    for vehicle in network.vehicles:
        yield Kpi(f"vehicle_{vehicle.id}_count", float(fleet[vehicle.id]), "1")
        yield Kpi(f"vehicle_{vehicle.id}_days_per_week_count", float(days[vehicle.id]), "1")
    yield Kpi("trips_per_week_count", float(trips), "1")
    yield Kpi("stops_per_week_count", float(sum(len(trip.stops) for tour in tours for trip in tour.trips)), "1")
    yield Kpi("distance_km_per_day", km_per_day, "km/day")
    yield Kpi("distance_km_per_week", km_per_day * DAYS_PER_WEEK, "km/week")
    yield Kpi("km_per_t", ratio(km_per_day, captured_t_per_day), "km/t")
    yield from _by_kind(tours, vehicles)
    work_s = sum(trip.duration_s for tour in tours for trip in tour.trips)
    yield Kpi("work_h_per_vehicle_day", ratio(work_s / SECONDS_PER_HOUR, float(len(tours))), "h")
    cost = routed_cost_cny_per_year(tours, network.vehicles)
    yield Kpi("routed_cost_cny_per_year", cost.total_cny_per_year, "CNY/year")
    yield Kpi("routed_collection_cost_cny_per_year",
              cost.collection_km_cny_per_year + cost.collection_days_cny_per_year, "CNY/year")
    yield Kpi("routed_line_haul_cost_cny_per_year",
              cost.line_haul_km_cny_per_year + cost.line_haul_days_cny_per_year, "CNY/year")
    yield Kpi("routed_cost_cny_per_t", ratio(cost.total_cny_per_year, captured_t_per_day * DAYS_PER_YEAR), "CNY/t")
    co2_kg_per_day = sum(_km(tour) * vehicles[tour.vehicle].co2_kg_per_km for tour in tours) / DAYS_PER_WEEK
    yield Kpi("co2_kg_per_day", co2_kg_per_day, "kg/day")
    yield Kpi("co2_t_per_year", co2_kg_per_day * DAYS_PER_YEAR / 1000.0, "t/year")
    yield Kpi("co2_kg_per_t", ratio(co2_kg_per_day, captured_t_per_day), "kg/t")


def transport_work_t_km_per_day(problem: Problem, plan: Plan) -> float:
    """Tonne-kilometres a day: every flow times its loaded way straight from site to site, whatever tours drive."""
    return float(sum((flow.t_per_day.sum(axis=1) * leg.loaded_m[flow.origin, flow.destination]).sum()
                     for flow, leg in zip(plan.flows, problem.legs, strict=True)) / 1000.0)


def _by_kind(tours: Sequence[Tour], vehicles: dict[str, Vehicle]) -> Iterator[Kpi]:
    for kind in ("collection", "line_haul"):
        chosen = [tour for tour in tours if tour.kind == kind]
        trips = [(vehicles[tour.vehicle], trip) for tour in chosen for trip in tour.trips]
        yield Kpi(f"{kind}_trips_per_week_count", float(len(trips)), "1")
        yield Kpi(f"{kind}_vehicle_days_per_week_count", float(len(chosen)), "1")
        yield Kpi(f"{kind}_distance_km_per_day", sum(_km(tour) for tour in chosen) / DAYS_PER_WEEK, "km/day")
        yield Kpi(f"{kind}_load_by_weight_share",
                  ratio(sum(sum(trip.load_t) for _, trip in trips), sum(v.payload_t for v, _ in trips)), "1")
        yield Kpi(f"{kind}_load_by_volume_share",
                  ratio(sum(sum(trip.load_m3) for _, trip in trips), sum(usable_m3(v) for v, _ in trips)), "1")


def _fleet(tours: Sequence[Tour]) -> Counter[str]:
    """Vehicles needed of each class."""
    at_work = Counter((tour.base, tour.vehicle, tour.day) for tour in tours)
    most: dict[tuple[str, str], int] = defaultdict(int)
    for (base, vehicle, _), count in at_work.items():
        most[base, vehicle] = max(most[base, vehicle], count)
    fleet: Counter[str] = Counter()
    for (_, vehicle), count in most.items():
        fleet[vehicle] += count
    return fleet


def _km(tour: Tour) -> float:
    return sum(trip.distance_m for trip in tour.trips) / 1000.0
