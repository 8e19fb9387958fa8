"""The referee accepts sound plans and names every fault of a tampered one."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from optimizer.accounts import books
from optimizer.check import check_plan
from optimizer.check_sanity import path_cost_cny_per_year
from optimizer.plan import Plan
from optimizer.problem import Problem, SiteStatus
from tests.optimizer.brute_force import optimum
from tests.optimizer.small_problems import Shape, small_problem
from tests.optimizer.small_town import (
    also_open,
    town,
    town_plan,
    with_flow,
    with_minimum,
    with_open,
    with_sites,
    with_size,
)

Case = tuple[Problem, Plan]
SANITY = {"nearer_site_has_room", "cheaper_station_has_room"}
TOWN, BOTH = town(), {0: {1: 1.0}, 1: {0: 1.0}, 2: {0: 1.0}}


def codes(problem: Problem, plan: Plan) -> set[str]:
    return {violation.code for violation in check_plan(problem, plan)}


def subjects(problem: Problem, plan: Plan, code: str) -> set[str]:
    return {violation.subject_id for violation in check_plan(problem, plan) if violation.code == code}


def test_a_sound_plan_has_no_fault() -> None:
    assert check_plan(TOWN, town_plan(TOWN)) == []
    assert check_plan(TOWN, town_plan(TOWN, (0, 1, -1))) == []
    assert check_plan(TOWN, town_plan(TOWN, (-1, -1, -1))) == []


SHAPES = st.sampled_from([
    Shape(), Shape(materials=3, specialised=True), Shape(quotas=((1, 0, 1), (0, 1, 1))), Shape(shared_parcels=True),
    Shape(existing=((0, 0, SiteStatus.KEEP), (1, 1, SiteStatus.MAY_CLOSE))), Shape(unreachable_share=0.3),
    Shape(min_t_per_day=0.2), Shape(sites=(3, 2, 2, 2), residue_at=(1,)), Shape(sites=(3, 2))])


@settings(max_examples=25, deadline=None)
@given(shape=SHAPES, seed=st.integers(0, 1000))
def test_exact_optima_break_no_rule(shape: Shape, seed: int) -> None:
    problem = small_problem(seed, shape)
    best = optimum(problem)
    if best is not None:
        assert codes(problem, best.plan) <= SANITY


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 1000))
def test_an_optimum_without_limits_above_passes_no_cheaper_station(seed: int) -> None:
    """With room for everything at the last tier, a cheaper station with room would make a cheaper plan."""
    problem = small_problem(seed, Shape(sites=(4, 3, 2), volume_caps=False))
    tiers = problem.network.tiers
    roomy = tuple(size.model_copy(update={"capacity_t_per_day": 1e3}) for size in tiers[2].sizes)
    tiers = (*tiers[:2], tiers[2].model_copy(update={"sizes": roomy}))
    problem = replace(problem, network=problem.network.model_copy(update={"tiers": tiers}))
    best = optimum(problem)
    assert best is not None
    assert "cheaper_station_has_room" not in codes(problem, best.plan)


def tampered_form() -> dict[str, tuple[Case, set[str]]]:
    plan = town_plan(TOWN)
    return {
        "a leg is missing": ((TOWN, replace(plan, flows=plan.flows[:1])), {"bad_shape"}),
        "a part is missing": ((TOWN, replace(plan, site_of_part=plan.site_of_part[:2])), {"bad_shape"}),
        "flows of one material": ((TOWN, with_flow(plan, 0, t_per_day=np.ones((3, 1)))), {"bad_shape"}),
        "no such site": ((TOWN, with_open(plan, 1, np.array([0, 2]))), {"bad_index"}),
        "no such size": ((TOWN, replace(plan, open_sites=(replace(plan.open_sites[0], size=np.array([0, 0, 1])),
                                                          *plan.open_sites[1:]))), {"bad_index"}),
        "site -2": ((TOWN, replace(plan, site_of_part=np.array([0, 1, -2]))), {"bad_index"}),
        "no such destination": ((TOWN, with_flow(plan, 1, destination=np.array([2]))), {"bad_index"}),
        "sites as floats": ((TOWN, replace(plan, site_of_part=np.array([0.0, 1.0, 2.0]))), {"bad_index"}),
        "descending sites": ((TOWN, with_open(plan, 0, np.array([2, 1, 0]))), {"sites_not_ascending"}),
        "a site twice": ((TOWN, with_open(plan, 1, np.array([0, 0]))), {"sites_not_ascending"}),
        "a flow below zero": ((TOWN, with_flow(plan, 1, t_per_day=np.array([[-0.1, 1.0]]))), {"bad_flow"}),
        "a flow that is no number": ((TOWN, with_flow(plan, 1, t_per_day=np.array([[np.nan, 1.0]]))), {"bad_flow"}),
    }


def tampered_sites() -> dict[str, tuple[Case, set[str]]]:
    plan = town_plan(TOWN)
    keep = with_sites(TOWN, 1, status=np.array([0, int(SiteStatus.KEEP)]))
    return {
        "beyond the limit": ((TOWN, replace(plan, site_of_part=np.array([2, 1, 2]))), {"beyond_walking_limit"}),
        "the site is closed": ((TOWN, with_open(plan, 0, np.array([0, 1]))), {"site_not_open", "flow_at_closed_site"}),
        "the station is closed": ((TOWN, with_open(plan, 1, np.array([], dtype=int))), {"flow_at_closed_site"}),
        "size too large": ((with_sites(TOWN, 2, allowed=np.array([[True], [False]])), plan), {"size_not_allowed"}),
        "kept site closed": ((keep, plan), {"kept_site_closed"}),
        "a station for nothing": ((TOWN, also_open(plan, 1, 1)), {"idle_site"}),
        "a point for nothing": ((TOWN, also_open(town_plan(TOWN, (0, 1, -1)), 0, 2)), {"idle_site"}),
        "too many households": ((replace(TOWN, max_households_per_site=300.0), plan), {"over_households"}),
        "too many tonnes": ((with_size(TOWN, 1, capacity_t_per_day=3.0), plan), {"over_capacity_t"}),
        # 0.72 t at 0.2 t/m3 and 0.36 t at 0.05 t/m3 are 10.8 m3
        "too many cubic metres": ((with_size(TOWN, 0, capacity_m3_per_day=10.7), plan), {"over_capacity_m3"}),
        "too few tonnes": ((with_size(TOWN, 2, min_t_per_day=3.2), plan), {"below_min_throughput"}),
        "a material too many": ((with_size(TOWN, 2, accepts=("heavy",)), plan), {"material_not_accepted"}),
        "a quota not met": ((with_minimum(TOWN, 0, 0, 3), plan), {"min_sites"}),
    }


def tampered_flows() -> dict[str, tuple[Case, set[str]]]:
    plan = town_plan(TOWN)
    split = town_plan(TOWN, stations={0: {0: 0.5, 1: 0.5}, 1: {0: 1.0}, 2: {0: 1.0}})
    emptied = replace(plan, site_of_part=np.array([0, 1, -1]))
    less = np.array([[1.0], [1.0], [0.0]])
    emptied = with_flow(emptied, 0, t_per_day=plan.flows[0].t_per_day * less)
    emptied = with_flow(emptied, 1, t_per_day=emptied.flows[0].t_per_day.sum(axis=0)[None, :])
    cut = replace(TOWN.legs[0], empty_s=np.full((3, 2), np.inf))
    swapped = plan.flows[1].t_per_day[:, ::-1]
    greedy = replace(TOWN, walk=replace(TOWN.walk, captured_share=TOWN.walk.captured_share + 0.2))
    return {
        "no way back": ((replace(TOWN, legs=(cut, TOWN.legs[1])), plan), {"flow_unreachable"}),
        "a flow of nothing": ((TOWN, emptied), {"flow_without_load", "idle_site"}),
        "tonnes lost": ((TOWN, with_flow(plan, 1, t_per_day=plan.flows[1].t_per_day * (1 - 1e-5))), {"flow_balance"}),
        "tonnes won": ((TOWN, with_flow(plan, 1, t_per_day=plan.flows[1].t_per_day * (1 + 1e-5))), {"flow_balance"}),
        "one material for another": ((TOWN, with_flow(plan, 1, t_per_day=swapped)), {"flow_balance"}),
        "a point without station": ((TOWN, with_flow(plan, 0, origin=np.array([0, 1, 1]))), {"flow_balance"}),
        "two stations": ((TOWN, split), {"several_destinations"}),
        "one parcel, two buildings": ((TOWN, town_plan(TOWN, stations=BOTH, centre=0)), {"parcel_overbuilt"}),
        "more than takes part": ((greedy, town_plan(greedy)), {"mass_balance"}),
    }


CASES = {**tampered_form(), **tampered_sites(), **tampered_flows()}


@pytest.mark.parametrize("name", CASES)
def test_a_tampered_plan_is_refused_for_its_fault(name: str) -> None:
    (problem, plan), expected = CASES[name]
    assert codes(problem, plan) == expected


def test_dust_is_forgiven() -> None:
    plan = town_plan(TOWN)
    assert check_plan(TOWN, with_flow(plan, 1, t_per_day=plan.flows[1].t_per_day * (1 + 5e-7))) == []


def test_faults_name_what_they_concern() -> None:
    assert subjects(*CASES["a station for nothing"][0], "idle_site") == {"lot"}
    assert subjects(*CASES["a quota not met"][0], "min_sites") == {"north"}
    assert subjects(*CASES["too many households"][0], "over_households") == {"p0"}
    assert subjects(*CASES["no way back"][0], "flow_unreachable") == {"p0>s0", "p1>s0", "p2>s0"}
    assert subjects(*CASES["one material for another"][0], "flow_balance") == {"s0"}
    assert subjects(*CASES["beyond the limit"][0], "beyond_walking_limit") == {"a#1"}
    assert subjects(*CASES["a material too many"][0], "material_not_accepted") == {"c1"}


def test_an_idle_site_may_have_its_reason() -> None:
    """An existing site to be kept, a minimum count, or a closing dearer than the running of the site."""
    plan = also_open(town_plan(TOWN), 1, 1)
    assert codes(with_sites(TOWN, 1, status=np.array([0, int(SiteStatus.KEEP)])), plan) == set()
    assert codes(with_minimum(TOWN, 1, 1, 1), plan) == set()
    assert codes(with_minimum(TOWN, 1, 0, 1), plan) == {"idle_site"}
    one_zone = with_sites(TOWN, 1, zone_of=np.array([0, 0]))
    assert codes(with_minimum(one_zone, 1, 0, 2), plan) == set()
    assert codes(with_minimum(one_zone, 1, 0, 1), plan) == {"idle_site"}
    may_close = with_sites(TOWN, 1, status=np.array([0, int(SiteStatus.MAY_CLOSE)]))
    # running costs 500,000 CNY a year, closing is paid over 15 years
    assert codes(with_sites(may_close, 1, closing_cost_cny=np.array([0.0, 7.6e6])), plan) == set()
    assert codes(with_sites(may_close, 1, closing_cost_cny=np.array([0.0, 7.4e6])), plan) == {"idle_site"}


def test_two_buildings_may_share_a_parcel_with_room() -> None:
    wide = with_sites(with_sites(TOWN, 1, area_m2=np.array([150.0, 200.0])), 2, area_m2=np.array([200.0, 150.0]))
    assert "parcel_overbuilt" not in codes(wide, town_plan(wide, stations=BOTH, centre=0))


def test_land_of_a_site_by_itself_is_judged_by_its_sizes() -> None:
    """A point on a street has no parcel; which sizes fit on it is in the table of allowed sizes."""
    street = with_sites(TOWN, 0, area_m2=np.zeros(3))
    assert codes(street, town_plan(street)) == set()


def test_a_minimum_for_every_open_site_even_an_idle_one() -> None:
    keep = with_size(with_sites(TOWN, 1, status=np.array([0, int(SiteStatus.KEEP)])), 1, min_t_per_day=1.0)
    assert codes(keep, also_open(town_plan(TOWN), 1, 1)) == {"below_min_throughput"}


# -- what a reader of the map would ask ----------------------------------------------------------------------

ACROSS = (1, 0, 2)
"""The first two parts walk past each other: 300 m and 250 m instead of 100 m."""


def test_walking_past_a_site_with_room() -> None:
    """p0 holds 0.9 t/day of part b#1 and has room for 1.08 t/day within its 2 t/day; p1 likewise."""
    assert codes(TOWN, town_plan(TOWN, ACROSS)) == {"nearer_site_has_room"}
    assert subjects(TOWN, town_plan(TOWN, ACROSS), "nearer_site_has_room") == {"a#1", "b#1"}


@pytest.mark.parametrize("full", [
    lambda p: replace(p, max_households_per_site=600.0),
    # p0 would hold 0.9 + 1.08 = 1.98 t, p1 0.84 + 1.08 = 1.92 t
    lambda p: with_size(p, 0, capacity_t_per_day=1.9),
    # 2/3 of the tonnes at 0.2 t/m3 and 1/3 at 0.05 t/m3: 10 m3 per tonne
    lambda p: with_size(p, 0, capacity_m3_per_day=19.1),
    lambda p: with_size(p, 0, min_t_per_day=0.1, capacity_t_per_day=1.9),
], ids=["households", "tonnes", "cubic metres", "both"])
def test_a_full_site_is_walked_past(full: Callable[[Problem], Problem]) -> None:
    problem = full(TOWN)
    assert codes(problem, town_plan(problem, ACROSS)) == set()


def test_room_for_one_of_two() -> None:
    """With 1.95 t/day b#1 (0.84 + 1.08 = 1.92 t/day) finds room at p1, a#1 (1.98 t/day) none at p0."""
    problem = with_size(TOWN, 0, capacity_t_per_day=1.95)
    assert subjects(problem, town_plan(problem, ACROSS), "nearer_site_has_room") == {"b#1"}


def test_a_nearer_site_counts_only_if_open_and_nearer() -> None:
    assert codes(TOWN, town_plan(TOWN, (1, 1, 2))) == set()
    level = replace(TOWN, walk=replace(TOWN.walk, distance_m=np.full(6, 200.0)))
    assert codes(level, town_plan(level, ACROSS)) == set()


@pytest.mark.parametrize(("least_t", "expected"), [(0.7, {"a#1", "b#1"}), (0.8, {"b#1"})])
def test_a_site_may_keep_its_minimum(least_t: float, expected: set[str]) -> None:
    """p1 holds 0.84 and 0.72 t/day: without a#1 0.72 t is left. p0 holds b#1 alone and may lose it altogether."""
    problem = replace(with_size(TOWN, 0, capacity_t_per_day=5.0, min_t_per_day=least_t), max_households_per_site=None)
    assert subjects(problem, town_plan(problem, (1, 0, 1)), "nearer_site_has_room") == expected


def test_driving_past_a_cheaper_station() -> None:
    plan = town_plan(TOWN, stations=BOTH)
    assert subjects(TOWN, plan, "cheaper_station_has_room") == {"p0"}
    assert codes(TOWN, plan) == {"cheaper_station_has_room"}


def test_the_price_of_the_dearer_station_is_what_the_books_say() -> None:
    """Both stations stay open, so only the paths differ: 8 km and 800 s there and back for 0.72 and 0.36 t."""
    plan, better = town_plan(TOWN, stations=BOTH), town_plan(TOWN)
    cost = path_cost_cny_per_year(TOWN, plan, np.array([0]), plan.flows[0].t_per_day[:1])
    loads = 0.72 / 1.6 + 0.36 / 0.4
    assert cost[0, 1] - cost[0, 0] == pytest.approx(365 * loads * (8 * 1.54 + 800 / 36))
    facility = 600_000.0  # the second station a year
    saved = books(TOWN, plan).objective_cny_per_year - books(TOWN, better).objective_cny_per_year - facility
    assert cost[0, 1] - cost[0, 0] == pytest.approx(saved)


@pytest.mark.parametrize("change", [
    lambda p: with_size(p, 1, capacity_t_per_day=3.1),  # 3.12 t/day in all
    lambda p: with_size(p, 1, capacity_m3_per_day=31.1),  # 31.2 m3/day in all
    lambda p: replace(p, legs=(replace(p.legs[0], loaded_m=np.tile([6000.0, 5900.0], (3, 1))), p.legs[1])),
    lambda p: replace(p, legs=(type(p.legs[0])(*(np.full((3, 2), 6000.0) / by for by in (1, 10, 1, 10))), p.legs[1])),
], ids=["no tonnes left", "no cubic metres left", "100 m nearer but much slower", "tie"])
def test_a_station_may_be_dearer_than_a_full_or_equal_one(change: Callable[[Problem], Problem]) -> None:
    problem = change(TOWN)
    found = codes(problem, town_plan(problem, stations=BOTH))
    slower = problem.legs[0].loaded_m[0, 1] == 5900.0
    assert found == ({"cheaper_station_has_room"} if slower else set())


@pytest.mark.parametrize(("extra_m", "expected"), [(0.9, set()), (2.0, {"cheaper_station_has_room"})])
def test_a_difference_below_a_yuan_a_year_is_none(extra_m: float, expected: set[str]) -> None:
    """A metre more costs 365 x 1.35 loads x 0.00154 CNY = 0.76 CNY a year."""
    metres = np.tile([6000.0, 6000.0 + extra_m], (3, 1))
    same_s = np.full((3, 2), 600.0)
    leg = type(TOWN.legs[0])(metres, same_s, np.full((3, 2), 6000.0), same_s)
    problem = replace(TOWN, legs=(leg, TOWN.legs[1]))
    assert codes(problem, town_plan(problem, stations=BOTH)) == expected


def test_a_station_out_of_reach_is_no_alternative() -> None:
    metres = TOWN.legs[0].loaded_m.copy()
    metres[0, 0] = np.inf
    problem = replace(TOWN, legs=(replace(TOWN.legs[0], loaded_m=metres, loaded_s=metres / 10.0), TOWN.legs[1]))
    assert codes(problem, town_plan(problem, stations=BOTH)) == set()


@pytest.mark.parametrize(("least_t", "expected"), [(0.9, {"p0", "p2"}), (1.0, {"p2"})])
def test_a_station_may_keep_its_minimum(least_t: float, expected: set[str]) -> None:
    """p0 and p2 bring 1.08 and 0.96 t/day to the dearer station, which may not fall below its minimum."""
    problem = with_size(TOWN, 1, min_t_per_day=least_t)
    plan = town_plan(problem, stations={0: {1: 1.0}, 1: {0: 1.0}, 2: {1: 1.0}})
    assert subjects(problem, plan, "cheaper_station_has_room") == expected


def test_the_referee_imports_no_solver() -> None:
    script = ("import sys, optimizer.check; print([m for m in sys.modules if m.startswith('optimizer.solvers') or "
              "m.split('.')[0] in ('ortools', 'scipy', 'highspy', 'pyvrp')])")
    out = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
