"""Line haul: full loads over the week, hand-computed times, packed vehicle-days."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from optimizer.line_haul import line_haul
from optimizer.network import Title, Vehicle
from optimizer.tours_check import check_tours, routed_cost_cny_per_year
from optimizer.transport import LINK_OUT_OF_REACH, HaulLink, work_s


def hook_lift(**changes: float) -> Vehicle:
    figures = {"payload_t": 12.0, "volume_m3": 30.0, "fill_share": 0.9, "cost_cny_per_km": 3.4,
               "fixed_cny_per_day": 480.0, "crew_cny_per_day": 300.0, "shift_s": 28800.0, "break_s": 2700.0,
               "stop_s": 720.0, "unload_s": 1200.0, **changes}
    return Vehicle(id="hook", title=Title(zh="车", en="Hook"), speed_km_per_h={"default": 30.0}, **figures)


def link(t_per_day: float = 20.0, m3_per_day: float = 44.0, **changes: object) -> HaulLink:
    """20 t and 44 m3 a day over 15 km out and 16 km back."""
    plain = HaulLink("S1", "C1", hook_lift(), t_per_day, m3_per_day, 15_000.0, 1800.0, 16_000.0, 1860.0)
    return replace(plain, **changes)  # type: ignore[arg-type]


def test_a_week_by_hand() -> None:
    """140 t a week are 11.67 payloads, 308 m3 are 11.41 bodies of 27 m3: 12 loads of 11.667 t and 25.667 m3."""
    plan = line_haul([link()])
    trips = [(tour.day, trip) for tour in plan.tours for trip in tour.trips]
    assert len(trips) == 12
    assert {t.load_t for _, t in trips} == {(140.0 / 12,)}
    assert trips[0][1].load_m3 == pytest.approx((308.0 / 12,))
    assert trips[0][1].distance_m == 31_000.0
    assert trips[0][1].duration_s == pytest.approx(720.0 + 1800.0 + 1200.0 + 1860.0)
    assert trips[0][1].arrival_s == pytest.approx((720.0 + 1800.0,))
    # 12 trips over 7 days: one or two a day, one vehicle each day
    assert sorted(sum(len(t.trips) for t in plan.tours if t.day == d) for d in range(1, 8)) == [1, 1, 2, 2, 2, 2, 2]
    assert len(plan.tours) == plan.vehicle_days_bound == 7
    assert {t.kind for t in plan.tours} == {"line_haul"}
    assert check_tours(plan.tours, [], [link()]) == []


def test_volume_can_decide_the_number_of_loads() -> None:
    # 7 x 54 m3 = 378 m3 = 14 bodies of 27 m3 exactly; 7 x 1 t would be one load
    assert len([t for tour in line_haul([link(1.0, 54.0)]).tours for t in tour.trips]) == 14


def test_the_loads_are_rounded_up_over_the_week_and_not_every_day() -> None:
    # half a load a day: four loads a week, not seven; a hair of float dust is not a fifth
    assert link(6.0, 0.0).trips_per_week == 4
    assert link(12.0 / 7 * (1 + 1e-12), 0.0).trips_per_week == 1
    assert link(0.0, 0.0).trips_per_week == 0


def test_loading_time_counts_where_the_vehicle_has_one() -> None:
    slow = link(vehicle=hook_lift(load_s_per_t=60.0))
    assert slow.trip_s == pytest.approx(5580.0 + 60.0 * 140.0 / 12)


def test_rare_loads_of_several_links_fall_on_different_days() -> None:
    links = [link(12.0 / 7, 1.0, destination_id=f"C{k}") for k in range(7)]
    assert sorted(tour.day for tour in line_haul(links).tours) == [1, 2, 3, 4, 5, 6, 7]


def test_trips_to_several_centres_share_a_vehicle_but_origins_do_not() -> None:
    links = [link(12.0, 1.0), link(12.0, 1.0, destination_id="C2"), link(12.0, 1.0, origin_id="S2")]
    plan = line_haul(links)
    assert len([t for t in plan.tours if t.base == "S1"]) == 7
    assert len([t for t in plan.tours if t.base == "S2"]) == 7
    assert all({s for trip in t.trips for s in trip.stops} == {"C1", "C2"} for t in plan.tours if t.base == "S1")


def test_a_link_longer_than_a_shift_is_named_and_left_out() -> None:
    links = [link(), link(destination_id="C2", loaded_s=40_000.0), link(destination_id="C3", loaded_m=math.inf)]
    plan = line_haul(links)
    assert {w.code for w in plan.warnings} == {LINK_OUT_OF_REACH}
    assert [w.subject_id for w in plan.warnings] == ["S1>C2", "S1>C3"]
    assert {s for t in plan.tours for trip in t.trips for s in trip.stops} == {"C1"}
    assert check_tours(plan.tours, [], links, plan.warnings) == []


def test_repeated_and_senseless_links_are_refused() -> None:
    with pytest.raises(ValueError, match="repeated"):
        line_haul([link(), link()])
    with pytest.raises(ValueError, match="S1>C1"):
        link(-1.0)
    with pytest.raises(ValueError, match="no room or no working time"):
        link(vehicle=hook_lift(break_s=28800.0))
    assert line_haul([]).tours == ()


def test_the_cost_of_a_week_by_hand() -> None:
    """7 vehicle-days of 780 CNY and 12 x 31 km at 3.4 CNY, 365 / 7 times a year."""
    cost = routed_cost_cny_per_year(line_haul([link()]).tours, [hook_lift()])
    assert cost.line_haul_days_cny_per_year == pytest.approx(780.0 * 365.0)
    assert cost.line_haul_km_cny_per_year == pytest.approx(12 * 31 * 3.4 * 365.0 / 7)
    assert (cost.collection_km_cny_per_year, cost.collection_days_cny_per_year) == (0.0, 0.0)
    assert cost.total_cny_per_year == pytest.approx(780.0 * 365.0 + 12 * 31 * 3.4 * 365.0 / 7)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.floats(0.0, 150.0), st.floats(0.0, 400.0), st.floats(100.0, 9000.0)), max_size=4))
def test_random_links_pass_the_referee(figures: list[tuple[float, float, float]]) -> None:
    links = [link(t, m3, destination_id=f"C{k}", loaded_s=s) for k, (t, m3, s) in enumerate(figures)]
    plan = line_haul(links)
    assert check_tours(plan.tours, [], links, plan.warnings) == []
    by_day = [sum(len(t.trips) for t in plan.tours if t.day == d) for d in range(1, 8)]
    assert sum(by_day) == sum(li.trips_per_week for li in links)
    assert all(sum(trip.duration_s for trip in t.trips) <= work_s(hook_lift()) for t in plan.tours)
    assert plan.vehicle_days_bound <= len(plan.tours)
    assert line_haul(links) == plan
