"""Collection tours: hand-computed cases, oracles, properties, reproducibility."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from optimizer.plan import Tour
from optimizer.routing import CollectionPlan, RoutingSettings, route_collection
from optimizer.solvers.shift_packing import lower_bound, pack_shifts
from optimizer.solvers.tour_protocol import SearchBudget, TripProblem, tour_engine, trip_cost_cny, trip_s
from optimizer.solvers.tours import FAR, as_integers
from optimizer.tours_check import check_tours
from optimizer.transport import POINT_OUT_OF_REACH, CollectionArea, work_s
from optimizer.vehicle_days import trip_problem
from optimizer.visits import Load, expected_work_s, split_visit
from tests.optimizer.synthetic_areas import area, light_truck

QUICK = RoutingSettings(iterations=30, rounds=2)
BUDGET = SearchBudget(iterations=100, time_limit_s=60.0, seed=1)


def line_area(load_t: list[float], storage_m3: float = 100.0, storage_days: float = 7.0) -> CollectionArea:
    """Base at 0 km and points at 1, 2, 3 ... km on one street, 10 m/s; one tonne is 5 m3."""
    n = len(load_t)
    km = np.abs(np.subtract.outer(np.arange(n + 1), np.arange(n + 1))) * 1000.0
    return CollectionArea("B", light_truck(), tuple(f"P{k + 1}" for k in range(n)), np.array(load_t),
                          np.array(load_t) * 5.0, np.full(n, storage_m3), np.full(n, storage_days), km, km / 10.0)


def random_problem(n: int, seed: int, slack: float = 1.0) -> TripProblem:
    rng = np.random.default_rng(seed)
    points = area("S", np.zeros(2), rng.uniform(-5000, 5000, (n, 2)), rng)
    vehicle = points.vehicle
    share = rng.uniform(0.05, slack, n)
    return trip_problem(points, [Load(p, vehicle.payload_t * share[p], 14.4 * share[p] * 0.8) for p in range(n)])


def cheapest_cost(problem: TripProblem) -> float:
    """Optimum by all orders of all subsets and all partitions of the stops."""
    n = len(problem.load_t)
    best: dict[frozenset[int], float] = {}
    for size in range(1, n + 1):
        for stops in itertools.combinations(range(1, n + 1), size):
            rows = np.array(stops) - 1
            if problem.load_t[rows].sum() > problem.payload_t or problem.load_m3[rows].sum() > problem.usable_m3:
                continue
            orders = [o for o in itertools.permutations(stops) if trip_s(problem, o) <= problem.trip_s]
            if orders:
                best[frozenset(stops)] = min(trip_cost_cny(problem, o) for o in orders)
    cost = {frozenset[int](): 0.0}
    for left in (frozenset(c) for k in range(1, n + 1) for c in itertools.combinations(range(1, n + 1), k)):
        # the trip with the first stop left is one of these
        cost[left] = min((c + cost[left - trip] for trip, c in best.items() if trip <= left and min(left) in trip),
                         default=math.inf)
    return cost[frozenset(range(1, n + 1))]


def test_three_points_one_truck_by_hand() -> None:
    """0.06 t a day each, weekly: 0.42 t a visit, one trip P1-P2-P3 takes 1.26 t of 1.6 t and 6.3 m3 of 14.4 m3."""
    points = line_area([0.06, 0.06, 0.06])
    plan = route_collection([points], RoutingSettings(iterations=50, rounds=4))
    assert plan.visits_per_week == {"P1": 1, "P2": 1, "P3": 1}
    assert check_tours(plan.tours, [points], (), plan.warnings) == []
    # whole vehicle-days cost most, so all three points share one day and one trip
    assert len(plan.tours) == plan.vehicle_days_bound == 1
    (trip,) = plan.tours[0].trips
    assert sorted(trip.stops) == ["P1", "P2", "P3"]
    assert trip.distance_m == pytest.approx(6000.0)
    # 600 s driving, 3 x (300 s + 0.42 t x 1500 s/t) at stops, 720 s unloading
    assert trip.duration_s == pytest.approx(600.0 + 3 * (300.0 + 630.0) + 720.0)
    assert trip.service_s == pytest.approx((930.0,) * 3)
    assert trip.start_s == 0.0


def test_full_loads_go_straight_and_the_rest_follows_by_hand() -> None:
    """One point with 0.5 t a day, weekly: 3.5 t are two full loads of 1.6 t and a rest of 0.3 t."""
    full, rest = split_visit(line_area([0.5]), 0, 7)
    assert [load.load_t for load in full] == pytest.approx([1.6, 1.6])
    assert [load.load_t for load in rest] == pytest.approx([0.3])
    assert [load.load_m3 for load in rest] == pytest.approx([1.5])
    # 2 x (200 s + 720 s) driving and unloading, a share of another; 3 stops; 3.5 t loaded
    assert expected_work_s(line_area([0.5]), 0, 7) == pytest.approx(
        920 * (2 + 0.3 / 1.6 / 0.9) + 3 * 300.0 + 3.5 * 1500.0)


def test_volume_or_the_shift_can_limit_a_load() -> None:
    points = replace(line_area([0.5]), load_m3_per_day=np.array([7.2]))
    full, rest = split_visit(points, 0, 4)
    assert [load.load_m3 for load in full] == pytest.approx([14.4, 14.4])
    assert rest == []
    # loading 1 t takes 20000 s: only (26100 - 200 - 300 - 720) s of loading fit a shift
    slow = replace(line_area([0.5]), vehicle=light_truck(load_s_per_t=20000.0))
    full, rest = split_visit(slow, 0, 4)
    assert [load.load_t for load in full] == pytest.approx([24880.0 / 20000.0])
    assert [load.load_t for load in rest] == pytest.approx([2.0 - 1.244])


def test_an_exact_multiple_of_the_payload_leaves_no_crumb() -> None:
    full, rest = split_visit(line_area([1.6 / 7]), 0, 7)
    assert (len(full), rest) == (1, [])
    full, rest = split_visit(line_area([3.2 / 7]), 0, 7)
    assert (len(full), rest) == (2, [])
    assert sum(load.load_t for load in full) == pytest.approx(3.2, abs=1e-12)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_up_to_four_stops_are_solved_to_the_optimum(n: int, seed: int) -> None:
    problem = random_problem(n, 100 * n + seed)
    found = tour_engine("ortools").trips(problem, BUDGET)
    assert sorted(stop for trip in found.trips for stop in trip) == list(range(1, n + 1))
    # the engine rounds arc costs to thousandths and times to seconds
    assert sum(trip_cost_cny(problem, t) for t in found.trips) == pytest.approx(cheapest_cost(problem), rel=1e-4)


@pytest.mark.parametrize("seed", range(6))
def test_six_stops_are_within_two_percent_of_the_optimum(seed: int) -> None:
    problem = random_problem(6, seed, slack=0.6)
    found = tour_engine("auto").trips(problem, BUDGET)
    assert sum(trip_cost_cny(problem, t) for t in found.trips) <= 1.02 * cheapest_cost(problem)


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 8))
def test_what_fits_in_integers_fits_in_floats(seed: int, n: int) -> None:
    """Rounding trip: any set of stops within the integer capacities is within the true ones."""
    problem = random_problem(n, seed, slack=0.5)
    whole = as_integers(problem)
    trip = tuple(int(s) for s in np.random.default_rng(seed).permutation(n) + 1)
    path = (0, *trip, 0)
    if whole.kg[list(trip)].sum() <= whole.capacity_kg:
        assert problem.load_t.sum() <= problem.payload_t + 1e-8
    if whole.litres[list(trip)].sum() <= whole.capacity_litres:
        assert problem.load_m3.sum() <= problem.usable_m3 + 1e-8
    seconds = sum(int(whole.seconds[a, b]) for a, b in itertools.pairwise(path))
    assert seconds >= trip_s(problem, trip) - problem.unload_s - 1e-4
    assert seconds <= trip_s(problem, trip) - problem.unload_s + n + 1
    assert whole.capacity_s <= problem.trip_s - problem.unload_s + 1e-5


def test_a_full_payload_is_not_lost_to_rounding() -> None:
    whole = as_integers(trip_problem(line_area([1.0]), [Load(0, 1.6, 14.4)]))
    assert (whole.kg[1], whole.capacity_kg, whole.litres[1], whole.capacity_litres) == (1600, 1600, 14400, 14400)


def test_a_stop_that_only_rounding_pushes_over_goes_alone() -> None:
    """1600.4 kg of 1600.45 kg become 1601 of 1600: it still gets a trip, and spoils nothing for the others."""
    problem = replace(random_problem(4, 3, slack=0.3), payload_t=1.60045)
    tight = replace(problem, load_t=np.array([1.6004, *problem.load_t[1:]]))
    found = tour_engine("ortools").trips(tight, BUDGET)
    assert found.trips[0] == (1,)
    assert sorted(s for t in found.trips[1:] for s in t) == [2, 3, 4]
    assert len(found.trips) < 4


def test_no_way_is_dearer_than_any_way() -> None:
    problem = random_problem(3, 5, slack=0.3)
    distance, duration = problem.distance_m.copy(), problem.duration_s.copy()
    distance[1, 2] = duration[1, 2] = np.inf
    blocked = replace(problem, distance_m=distance, duration_s=duration)
    assert as_integers(blocked).cost[1, 2] == FAR
    found = tour_engine("ortools").trips(blocked, BUDGET)
    assert all((1, 2) not in itertools.pairwise(t) for t in found.trips)


def test_matrices_stay_directed() -> None:
    """Base -> P1 -> P2 -> base is short, the other way round long: the order must follow."""
    points = line_area([0.05, 0.05])
    distance = np.full((3, 3), 9000.0)
    distance[0, 1] = distance[1, 2] = distance[2, 0] = 1000.0
    np.fill_diagonal(distance, 0.0)
    plan = route_collection([replace(points, distance_m=distance, duration_s=distance / 10)], QUICK)
    assert {t.stops for tour in plan.tours for t in tour.trips} == {("P1", "P2")}


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 10_000), st.integers(1, 9), st.floats(0.02, 1.5), st.floats(1.5, 40.0))
def test_random_weeks_pass_the_referee(seed: int, n: int, most_t: float, storage_m3: float) -> None:
    """Weekly balance, capacity, shift and storage hold; no plan has fewer vehicle-days than its proven bound."""
    rng = np.random.default_rng(seed)
    points = area("S", np.zeros(2), rng.uniform(-6000, 6000, (n, 2)), rng, (0.01, most_t))
    points = replace(points, storage_m3=np.full(n, storage_m3))
    plan = route_collection([points], QUICK)
    assert check_tours(plan.tours, [points], (), plan.warnings) == []
    assert plan.vehicle_days_bound <= len(plan.tours)
    for tour in plan.tours:
        assert sum(t.duration_s for t in tour.trips) <= work_s(points.vehicle) + 1e-6


def plan_of(seed: int = 1, processes: int = 1) -> CollectionPlan:
    rng = np.random.default_rng(11)
    areas = [area(name, np.zeros(2), rng.uniform(-5000, 5000, (25, 2)), rng) for name in ("S1", "S2")]
    return route_collection(areas, replace(QUICK, seed=seed, processes=processes))


def test_same_seed_same_plan_whatever_the_processes() -> None:
    first = plan_of()
    assert plan_of() == first
    assert plan_of(processes=2) == first
    assert not first.hit_time_limit


def test_another_seed_may_differ_but_passes_too() -> None:
    assert [v.days for v in plan_of(seed=2).visits]
    rng = np.random.default_rng(11)
    areas = [area(name, np.zeros(2), rng.uniform(-5000, 5000, (25, 2)), rng) for name in ("S1", "S2")]
    plan = plan_of(seed=2)
    assert check_tours(plan.tours, areas, (), plan.warnings) == []


def test_points_out_of_reach_are_named_and_left_out() -> None:
    points = line_area([0.1, 0.1, 0.1])
    far = points.duration_s.copy()
    far[0, 2] = 30000.0
    nowhere = points.distance_m.copy()
    nowhere[3, 0] = np.inf
    points = replace(points, duration_s=far, distance_m=nowhere)
    plan = route_collection([points], QUICK)
    assert [(w.code, w.subject_id) for w in plan.warnings] == [(POINT_OUT_OF_REACH, "P2"), (POINT_OUT_OF_REACH, "P3")]
    assert {s for tour in plan.tours for t in tour.trips for s in t.stops} == {"P1"}
    assert plan.visits_per_week == {"P1": 1, "P2": 0, "P3": 0}
    assert check_tours(plan.tours, [points], (), plan.warnings) == []


def test_a_shift_that_leaves_seconds_to_load_is_out_of_reach() -> None:
    """Driving takes all but 60 s: instead of hundreds of trips for crumbs, the point is named."""
    points = line_area([0.1])
    drive_s = (26100.0 - 300.0 - 720.0 - 60.0) / 2
    points = replace(points, duration_s=np.array([[0.0, drive_s], [drive_s, 0.0]]))
    plan = route_collection([points], QUICK)
    assert [w.code for w in plan.warnings] == [POINT_OUT_OF_REACH]
    assert check_tours(plan.tours, [points], (), plan.warnings) == []


def test_alike_days_are_solved_once_and_days_fill_vehicles() -> None:
    """Daily visits everywhere: seven equal days, one search; progress is told and ends at its total."""
    told: list[tuple[int, int]] = []
    plan = route_collection([line_area([0.4] * 6, storage_days=1.0)], QUICK, lambda *x: told.append(x))
    assert len([t for t in told if t[0] != t[1]]) == 1
    assert told[-1][0] == told[-1][1]
    by_day = {day: [t.trips for t in plan.tours if t.day == day] for day in range(1, 8)}
    assert all(by_day[day] == by_day[1] for day in by_day)


def test_whole_vehicle_days_are_aimed_at() -> None:
    """Seven equal days waste up to a vehicle-day each; whole vehicle-days waste less."""
    rng = np.random.default_rng(4)
    points = area("S", np.zeros(2), rng.uniform(-5000, 5000, (24, 2)), rng, (0.3, 0.42))
    flat = route_collection([points], RoutingSettings(iterations=50, rounds=0))
    aimed = route_collection([points], RoutingSettings(iterations=50, rounds=4))
    assert len(aimed.tours) < len(flat.tours)
    assert check_tours(aimed.tours, [points], (), aimed.warnings) == []


def test_no_points_no_tours() -> None:
    plan = route_collection([line_area([])], QUICK)
    assert (plan.tours, plan.visits, plan.warnings, plan.vehicle_days_bound) == ((), (), (), 0)
    assert route_collection([], QUICK).tours == ()


def test_the_safety_stop_is_reported() -> None:
    rng = np.random.default_rng(1)
    points = area("S", np.zeros(2), rng.uniform(-5000, 5000, (40, 2)), rng)
    plan = route_collection([points], RoutingSettings(iterations=10**6, rounds=0, time_limit_s=0.7))
    assert plan.hit_time_limit
    assert check_tours(plan.tours, [points], (), plan.warnings) == []


@pytest.mark.parametrize("wrong", [{"engine": "magic"}, {"iterations": 0}, {"processes": 0}, {"time_limit_s": 0.0},
                                   {"rounds": -1}])
def test_senseless_settings_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=r"unknown routing engine|must be positive"):
        RoutingSettings(**wrong)  # type: ignore[arg-type]


def test_misfitting_or_repeated_inputs_are_refused_together() -> None:
    points = line_area([0.1, 0.1])
    with pytest.raises(ValueError, match=r"point ids are repeated; .*load_t_per_day has shape \(1,\)"):
        replace(points, point_ids=("P1", "P1"), load_t_per_day=np.array([1.0]))
    with pytest.raises(ValueError, match="several collection areas"):
        route_collection([points, points], QUICK)


def test_packing_equals_brute_force_on_small_days() -> None:
    rng = np.random.default_rng(2)
    for case in range(30):
        # every other day has three kinds of trips only, which are packed by pattern
        seconds = [int(s) for s in (rng.integers(10, 61, 7) if case % 2 else rng.choice([26, 34, 41], 7))]
        best = min(len(set(choice)) for choice in itertools.product(range(4), repeat=7)
                   if all(sum(s for s, c in zip(seconds, choice, strict=True) if c == b) <= 100 for b in set(choice)))
        shifts = pack_shifts(seconds, 100.0)
        assert len(shifts.trips) == shifts.bound_count == best
        assert lower_bound(seconds, 100) <= best
        assert sorted(i for s in shifts.trips for i in s) == list(range(7))


def test_packing_refuses_what_fits_no_shift() -> None:
    with pytest.raises(ValueError, match="does not fit"):
        pack_shifts([101.0], 100.0)
    assert pack_shifts([], 100.0).trips == ()
    assert pack_shifts([99.9, 99.95], 99.95).trips == ((0,), (1,))


def test_the_break_lies_between_trips_near_the_middle() -> None:
    plan = route_collection([line_area([0.9] * 4, storage_days=1.0)], QUICK)
    tour: Tour = plan.tours[0]
    gaps = [b.start_s - a.start_s - a.duration_s for a, b in itertools.pairwise(tour.trips)]
    assert sorted(gaps)[-1] == pytest.approx(2700.0)
    assert sum(gaps) == pytest.approx(2700.0)
