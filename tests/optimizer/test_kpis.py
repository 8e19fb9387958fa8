"""Indicators of a tiny town worked out by hand, and what holds between them for any plan."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from optimizer.accounts import books
from optimizer.kpis import Kpi, Kpis, RatioLimit, balance, evaluate, sanity_warnings, zone_kpis
from optimizer.plan import Tour, Trip
from optimizer.problem import SiteStatus
from tests.optimizer.small_problems import Shape, small_problem
from tests.optimizer.small_town import town, town_plan, with_sites, with_size
from tests.optimizer.test_accounts import random_plan

TOWN = town()
PLAN = town_plan(TOWN, (0, 1, -1))
"""Part b#2 (400 persons) is not served; the others walk 100 m and bring 0.72 and 0.36 t/day each."""


def trip(load_t: float, load_m3: float, km: float, hours: float, stops: int = 1) -> Trip:
    """A trip with its load shared equally by its stops."""
    each_t, each_m3 = (load_t / stops,) * stops, (load_m3 / stops,) * stops
    return Trip(("p0",) * stops, each_t, each_m3, km * 1000.0, hours * 3600.0, 0.0)


TOURS = (
    Tour("a", "s0", "van", 1, (trip(1.5, 6.0, 12.0, 2.0, 3), trip(1.0, 4.0, 10.0, 1.0))),
    Tour("b", "s0", "van", 1, (trip(0.5, 6.0, 20.0, 3.0),)),
    Tour("c", "s0", "van", 4, (trip(1.0, 8.0, 14.0, 2.0),)),
    Tour("d", "lot", "van", 2, (trip(1.0, 8.0, 14.0, 2.0),)),
    Tour("e", "s0", "lorry", 3, (trip(8.0, 13.5, 42.0, 2.0),), "line_haul"),
)


def values(kpis: Kpis) -> dict[str, float | None]:
    return {kpi.name: kpi.value for kpi in kpis}


def expect(found: Kpis, expected: dict[str, float | None]) -> None:
    """The indicators named have these values."""
    known = values(found)
    assert {name: known[name] for name in expected} == {
        name: value if value is None else pytest.approx(value) for name, value in expected.items()}


def test_access_counts_persons() -> None:
    expect(evaluate(TOWN, PLAN), {
        "persons_count": 2000, "households_count": 800, "communities_count": 2, "covered_persons_count": 1600,
        "coverage_share": 0.8, "access_mean_m": 100, "access_p90_m": 100, "access_max_m": 100})
    across = evaluate(TOWN, town_plan(TOWN, (1, 0, 2)))
    expect(across, {"coverage_share": 1.0, "access_max_m": 300,
                    "access_mean_m": (1000 * 300 + 600 * 250 + 400 * 200) / 2000, "access_p90_m": 300})


def test_within_reach_of_an_open_site_but_not_served() -> None:
    """b#2 could walk 400 m to p1, which is open."""
    expect(evaluate(TOWN, PLAN), {"in_reach_share": 1.0, "coverage_share": 0.8})
    expect(evaluate(TOWN, town_plan(TOWN, (0, -1, -1))), {"in_reach_share": 0.8, "coverage_share": 0.5})


def test_ninety_percent_of_the_persons() -> None:
    """1000, 600 and 400 persons at 100, 100 and 200 m: half the heap, 80 %, all. 90 % needs the last."""
    expect(evaluate(TOWN, town_plan(TOWN)), {"access_p90_m": 200})
    fewer = replace(TOWN, demand=replace(TOWN.demand, persons=np.array([1200.0, 600.0, 200.0])))
    expect(evaluate(fewer, town_plan(fewer)), {"access_p90_m": 100})  # exactly 90 % walk at most 100 m


def test_mass_by_hand() -> None:
    """4.5 t/day arise; 20 % never takes part; 10 % of the rest is lost on 100 m. Residue: 10 % and 20 %."""
    expect(evaluate(TOWN, PLAN), {
        "generated_t_per_day": 4.5, "captured_t_per_day": 2.16, "unserved_t_per_day": 1.2,
        "not_captured_t_per_day": 1.14, "not_captured_participation_t_per_day": 0.9,
        "not_captured_distance_t_per_day": 0.24, "captured_10kt_per_year": 2.16 * 365 / 10_000,
        "captured_share": 2.16 / 4.5, "low_value_t_per_day": 0.72, "residue_t_per_day": 1.44 * 0.1 + 0.72 * 0.2,
        "recovered_t_per_day": 1.872, "recovery_share": 1.872 / 4.5, "recovery_kg_per_person_day": 2160 / 2000})


def test_network_and_land_by_hand() -> None:
    expect(evaluate(TOWN, PLAN), {
        "low_count": 2, "low_candidate_count": 3, "low_new_count": 2, "low_reused_count": 0, "low_closed_count": 0,
        "low_type_plain_count": 2, "low_per_zone_count": 1, "zones_without_low_count": 1, "persons_per_low_count": 800,
        "households_per_low_count": 320, "middle_count": 1, "low_per_middle_count": 2, "middle_per_high_count": 1,
        "low_land_m2": 200, "land_m2": 400, "land_mu": 0.6, "middle_land_mu": 0.15})


def test_capacity_by_hand() -> None:
    """2.16 t/day in two points of 2 t/day, a station of 20 and a centre of 100; 100 m2 each."""
    problem = with_size(with_size(TOWN, 1, capacity_m3_per_day=43.2), 0, storage_m3=54.0)
    expect(evaluate(problem, PLAN), {
        "low_throughput_t_per_day": 2.16, "low_utilisation_share": 0.54, "low_utilisation_max_share": 0.54,
        "middle_utilisation_share": 0.108, "high_utilisation_share": 0.0216, "low_volume_utilisation_share": None,
        # 1.44 t at 0.2 t/m3 and 0.72 t at 0.05 t/m3 are 21.6 m3
        "middle_volume_utilisation_share": 0.5, "low_storage_days": 108 / 21.6,
        "middle_throughput_t_per_m2_year": 2.16 * 365 / 100})
    assert "middle_storage_days" not in values(evaluate(problem, PLAN))


def test_existing_sites_cost_nothing_to_build() -> None:
    status = np.array([int(SiteStatus.KEEP), int(SiteStatus.MAY_CLOSE), int(SiteStatus.MAY_CLOSE)])
    found = evaluate(with_sites(TOWN, 0, status=status), PLAN)
    expect(found, {"low_new_count": 0, "low_reused_count": 2, "low_closed_count": 1, "low_build_cost_cny": 0.0,
                   "build_cost_cny": 21_500_000})
    expect(evaluate(TOWN, PLAN), {"low_build_cost_cny": 120_000, "build_cost_cny": 21_620_000})


def test_money_is_what_the_books_say() -> None:
    plan = replace(PLAN, report=replace(PLAN.report, bound_cny_per_year=4_000_000.0))
    account = books(TOWN, plan)
    gross, objective = account.gross_cost_cny_per_year, account.objective_cny_per_year
    revenue, subsidy = 365 * (1.44 * 0.9 * 1000 - 0.72 * 0.8 * 50), 365 * 0.72 * 221
    expect(evaluate(TOWN, plan), {
        "objective_cny_per_year": objective, "gross_cost_cny_per_year": gross, "bound_cny_per_year": 4e6,
        "gap_share": (objective - 4e6) / gross, "facilities_cny_per_year": 2 * 46_000 + 600_000 + 4_000_000,
        "revenue_cny_per_year": revenue, "subsidy_cny_per_year": subsidy, "income_cny_per_year": revenue + subsidy,
        "unserved_cny_per_year": 365 * 1.2 * 300, "funding_gap_cny_per_year": gross - revenue - subsidy,
        "cost_cny_per_t": gross / (365 * 2.16), "income_cny_per_t": (revenue + subsidy) / (365 * 2.16)})


def test_a_town_that_earns_has_no_funding_gap() -> None:
    dear = tuple(m.model_copy(update={"price_cny_per_t": 20_000.0}) for m in TOWN.network.materials)
    rich = replace(TOWN, network=TOWN.network.model_copy(update={"materials": dear}))
    expect(evaluate(rich, PLAN), {"funding_gap_cny_per_year": 0.0})
    assert evaluate(rich, PLAN)["objective_cny_per_year"].value < 0.0  # type: ignore[operator]


def test_transport_work_is_tonnes_times_the_loaded_way() -> None:
    expect(evaluate(TOWN, PLAN), {"transport_work_t_km_per_day": 2.16 * 6 + 2.16 * 20})


def test_haulage_by_hand() -> None:
    found = evaluate(TOWN, PLAN, TOURS)
    km, van_km = (22 + 20 + 14 + 14 + 42) / 7, (22 + 20 + 14 + 14) / 7
    cost = (van_km * 1.5 + 42 / 7 * 4.0 + 5 / 7 * 765) * 365  # a day of either truck costs 765 CNY
    expect(found, {
        "vehicle_days_per_week_count": 5, "vehicle_van_days_per_week_count": 4, "vehicle_lorry_days_per_week_count": 1,
        "vehicle_van_count": 3, "vehicle_lorry_count": 1, "vehicles_count": 4,  # two at s0 on Monday, one at the lot
        "trips_per_week_count": 6, "stops_per_week_count": 8, "collection_trips_per_week_count": 5,
        "line_haul_trips_per_week_count": 1, "distance_km_per_day": km, "distance_km_per_week": 112,
        "collection_distance_km_per_day": van_km, "km_per_t": km / 2.16, "work_h_per_vehicle_day": 12 / 5,
        "collection_load_by_weight_share": 5.0 / 10, "collection_load_by_volume_share": 32 / 40,
        "line_haul_load_by_weight_share": 0.8, "line_haul_load_by_volume_share": 0.5,
        "routed_cost_cny_per_year": cost, "routed_cost_cny_per_t": cost / (365 * 2.16),
        "routed_line_haul_cost_cny_per_year": (42 * 4.0 + 765) / 7 * 365,
        "co2_kg_per_day": van_km * 0.4 + 6 * 1.0, "co2_kg_per_t": (van_km * 0.4 + 6) / 2.16,
        "co2_t_per_year": (van_km * 0.4 + 6) * 0.365})


def test_without_tours_nothing_is_said_of_streets() -> None:
    names = set(values(evaluate(TOWN, PLAN)))
    assert not {name for name in names if name.startswith(("routed", "co2", "vehicle", "trips"))}
    with pytest.raises(KeyError, match="zeppelin"):
        evaluate(TOWN, PLAN, (replace(TOURS[0], vehicle="zeppelin"),))


def test_zones_by_hand() -> None:
    """The second zone holds b#2, which is not served, and the last candidate of every tier."""
    north, south = zone_kpis(TOWN, PLAN)
    assert (north.zone_id, south.zone_id) == ("north", "south")
    expect(north.kpis, {"persons_count": 1600, "coverage_share": 1.0, "access_m": 100, "generated_t_per_day": 3.0,
                        "captured_t_per_day": 2.16, "unserved_t_per_day": 0.0, "low_count": 2, "high_count": 0})
    expect(south.kpis, {"persons_count": 400, "coverage_share": 0.0, "access_m": None, "captured_t_per_day": 0.0,
                        "unserved_t_per_day": 1.2, "low_count": 0, "high_count": 1})


def test_balance_by_hand() -> None:
    heavy, light = balance(TOWN, PLAN)
    assert (heavy.material_id, light.material_id) == ("heavy", "light")
    for line, scale in ((heavy, 1.0), (light, 0.5)):
        assert [line.generated_t_per_day, line.captured_t_per_day, line.not_captured_participation_t_per_day,
                line.not_captured_distance_t_per_day, line.unserved_t_per_day, line.rejected_t_per_day] == [
            pytest.approx(scale * value) for value in (3.0, 1.44, 0.6, 0.16, 0.8, 0.0)]


SHAPES = st.sampled_from([Shape(), Shape(sites=(3, 2)), Shape(sites=(3, 2, 2, 2), materials=4, residue_at=(1,)),
                          Shape(existing=((0, 0, SiteStatus.MAY_CLOSE), (1, 1, SiteStatus.KEEP)), volume_caps=False)])


@settings(max_examples=40, deadline=None)
@given(shape=SHAPES, seed=st.integers(0, 10_000))
def test_indicators_agree_with_each_other(shape: Shape, seed: int) -> None:
    """Balances close, shares stay within 0 and 1, zones add up to the whole, names are in order."""
    problem = small_problem(seed, shape)
    plan = random_plan(problem, np.random.default_rng(seed))
    found = evaluate(problem, plan)
    for line in balance(problem, plan):
        parts = line.captured_t_per_day + line.not_captured_t_per_day + line.unserved_t_per_day
        assert line.generated_t_per_day == pytest.approx(parts + line.rejected_t_per_day, abs=1e-6)
        assert line.not_captured_distance_t_per_day >= -1e-9
    known = values(found)
    for name in ("coverage_share", "in_reach_share", "captured_share", "recovery_share"):
        assert 0.0 <= known[name] <= 1.0 + 1e-12  # type: ignore[operator]
    assert known["coverage_share"] <= known["in_reach_share"] + 1e-12  # type: ignore[operator]
    zones = [values(zone.kpis) for zone in zone_kpis(problem, plan)]
    for name in ("persons_count", "generated_t_per_day", "captured_t_per_day", "unserved_t_per_day", "tier_low_count"):
        assert sum(zone[name] for zone in zones) == pytest.approx(known[name], abs=1e-9)  # type: ignore[misc]
    assert all(kpi.value is None or np.isfinite(kpi.value) for kpi in found)


def test_an_empty_plan_has_indicators() -> None:
    found = evaluate(TOWN, town_plan(TOWN, (-1, -1, -1)))
    expect(found, {"coverage_share": 0.0, "access_mean_m": None, "access_p90_m": None, "low_count": 0,
                   "gap_share": None, "cost_cny_per_t": None, "low_utilisation_share": None, "captured_share": 0.0,
                   "persons_per_low_count": None, "unserved_t_per_day": 3.6})


def test_units_stand_in_names() -> None:
    endings = {"CNY/year": "_cny_per_year", "CNY/t": "_cny_per_t", "CNY": "_cny", "m": "_m", "m2": "_m2", "mu": "_mu",
               "t/day": "_t_per_day", "10,000 t/year": "_10kt_per_year", "kg/person/day": "_kg_per_person_day",
               "t/m2/year": "_t_per_m2_year", "t km/day": "_t_km_per_day", "km/day": "_km_per_day",
               "km/week": "_km_per_week", "km/t": "km_per_t", "h": "_h_per_vehicle_day", "kg/day": "_kg_per_day",
               "t/year": "_t_per_year", "kg/t": "_kg_per_t", "days": "_days"}
    for kpi in evaluate(with_size(TOWN, 0, storage_m3=5.0), PLAN, TOURS):
        wanted = ("_share", "_count") if kpi.unit == "1" else (endings[kpi.unit],)
        assert kpi.name.endswith(wanted), kpi


def test_names_are_unique() -> None:
    with pytest.raises(ValueError, match="twice"):
        Kpis((Kpi("twice", 1.0, "1"), Kpi("once", 1.0, "1"), Kpi("twice", 2.0, "1")))
    with pytest.raises(KeyError):
        Kpis(())["absent"]


def test_ratios_outside_the_usual_are_warned_of() -> None:
    """800 persons per point, 2 points per station, 1 station per centre."""
    found = sanity_warnings(TOWN, PLAN)
    assert [(w.code, w.subject_id, w.value) for w in found] == [
        ("ratio_persons_per_site", "low", 800.0), ("ratio_sites_per_site", "middle", 2.0),
        ("ratio_sites_per_site", "high", 1.0)]
    assert {w.mark for w in found} == {"D"}
    limits = (RatioLimit("ratio_persons_per_site", 0, 800.0, 800.0), RatioLimit("ratio_sites_per_site", 1, 1.0, 2.0),
              RatioLimit("ratio_sites_per_site", 2, 0.0, 0.9, "A"), RatioLimit("ratio_sites_per_site", 3, 5.0, 6.0))
    (only,) = sanity_warnings(TOWN, PLAN, limits)
    assert (only.subject_id, only.low, only.high, only.mark) == ("high", 0.0, 0.9, "A")
    assert sanity_warnings(TOWN, town_plan(TOWN, (-1, -1, -1))) == []
