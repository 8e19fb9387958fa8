"""Bypass of a tier: the sums by hand, the optimum of the model with direct ways, plans the referee accepts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from pydantic import ValidationError

from optimizer.accounts import all_coefficients, books
from optimizer.bypass import DIRECT, with_bypass, with_direct
from optimizer.check import check_plan
from optimizer.check_sanity import SANITY_CODES
from optimizer.network import Network
from optimizer.plan import Flows, OpenSites, Plan, SolveReport
from optimizer.problem import Leg, Problem
from optimizer.siting import SiteSettings, site_network
from optimizer.solvers.whole_model import solve_whole
from tests.optimizer.brute_force import optimum
from tests.optimizer.brute_force_bypass import bypass_optimum
from tests.optimizer.small_problems import Shape, chain_problem, drive, small_problem

QUICK = SiteSettings(iterations=150, rounds=2, processes=1, time_limit_s=600.0)
SHAPES = {
    "near": (Shape(sites=(3, 2, 2)), 0.3),
    "far": (Shape(sites=(3, 2, 2)), 3.0),
    "many parts": (Shape(sites=(5, 3, 2), parts=8), 0.6),
    "specialised": (Shape(sites=(3, 2, 3), specialised=True, sizes=4, materials=3, parts=4), 0.5),
    "minimums": (Shape(sites=(4, 2, 2), parts=7, min_t_per_day=0.4), 0.5),
}
CASES = [(name, seed) for name in SHAPES for seed in (0, 1, 2)]


def bypassable(problem: Problem) -> Problem:
    """The same question where tier 1 may be bypassed, without virtual sites yet."""
    tiers = list(problem.network.tiers)
    tiers[1] = tiers[1].model_copy(update={"bypass": True})
    return replace(problem, network=problem.network.model_copy(update={"tiers": tuple(tiers)}))


def case(name: str, seed: int) -> tuple[Problem, Leg]:
    shape, far = SHAPES[name]
    problem = bypassable(small_problem(seed, shape))
    rng = np.random.default_rng(seed + 99)
    metres = far * rng.uniform(1000, 20000, (len(problem.sites[0]), len(problem.sites[2])))
    metres[rng.random(metres.shape) < 0.2] = np.inf
    return problem, Leg(metres, metres / 6.0, metres * 1.1, metres / 7.0)


def test_a_direct_way_by_hand() -> None:
    """Against the chain: no station, no handling of 80 CNY/t, no second truck; the van drives 30 km out and back."""
    problem = with_bypass(bypassable(chain_problem()), {1: drive(30000, 6000, 30000, 6000)})
    one = np.zeros(1, dtype=np.int64)
    load = np.array([[0.6, 0.3]])
    plan = Plan((OpenSites(one, one), OpenSites(one + 1, one + 1), OpenSites(one, one)), one,
                (Flows(one, one + 1, load), Flows(one + 1, one, load)), SolveReport("feasible", 0.0, None))
    assert [v.code for v in check_plan(problem, plan)] == []
    terms = books(problem, plan).terms_cny_per_year
    # full loads a day: heavy 0.6 t / (8 m3 x 0.2 t/m3 = 1.6 t), light 0.3 / (8 x 0.05 = 0.4)
    trips = 0.6 / 1.6 + 0.3 / 0.4
    per_trip = 60 * 1.5 + (12000 + 720) / 36
    per_t = 900 / 36 + 2 * ((360 + 250 / 5) / 36 + 0.25 * 1.5)
    assert terms["haulage"] == pytest.approx(365 * (trips * per_trip + 0.9 * per_t))
    residue = 0.6 * 0.1 + 0.3 * 0.2
    assert terms["handling"] == pytest.approx(365 * (0.9 * 200 + residue * 221))
    assert terms["carbon"] == pytest.approx(365 * (trips * 60 + 0.9 * 0.5) * 0.4 * 0.1)
    assert terms["facilities"] == pytest.approx(60_000 / 10 + 40_000 + 20_000_000 / 20 + 3_000_000)


@pytest.mark.parametrize(("name", "seed"), CASES)
def test_virtual_sites_are_the_model_with_direct_ways(name: str, seed: int) -> None:
    """The exact optimum with virtual sites is that of the model written with direct ways."""
    problem, direct = case(name, seed)
    best = bypass_optimum(problem, direct)
    whole = solve_whole(with_bypass(problem, {1: direct}), all_coefficients(with_bypass(problem, {1: direct})),
                        time_limit_s=30.0)
    assert whole is not None
    found = books(with_bypass(problem, {1: direct}), whole).objective_cny_per_year
    assert found == pytest.approx(best, rel=1e-5, abs=5.0)
    plain = optimum(problem)
    assert plain is not None
    assert best <= plain.cost_cny_per_year + 1.0


@pytest.mark.parametrize(("name", "seed"), CASES)
def test_plans_are_lawful_and_the_bound_holds(name: str, seed: int) -> None:
    problem, direct = case(name, seed)
    wide = with_bypass(problem, {1: direct})
    siting = site_network(wide, QUICK)
    assert {v.code for v in check_plan(wide, siting.plan)} <= SANITY_CODES
    best = bypass_optimum(problem, direct)
    assert siting.bound.value_cny_per_year <= best + 1e-6 * abs(best) + 1.0
    assert siting.plan.report.objective_cny_per_year == pytest.approx(best, rel=1e-5, abs=5.0)
    used = np.unique(siting.plan.flows[0].destination)
    assert np.array_equal(used[wide.sites[1].virtual[used]],
                          siting.plan.open_sites[1].site[wide.sites[1].virtual[siting.plan.open_sites[1].site]])


def test_the_bypass_is_used_where_it_pays_and_not_where_it_does_not() -> None:
    near, far = 0, 0
    for seed in range(4):
        for name in ("near", "far"):
            problem, direct = case(name, seed)
            wide = with_bypass(problem, {1: direct})
            plan = solve_whole(wide, all_coefficients(wide), time_limit_s=30.0)
            assert plan is not None
            straight = int(wide.sites[1].virtual[plan.flows[0].destination].sum())
            near, far = near + straight * (name == "near"), far + straight * (name == "far")
    assert near > far


def test_virtual_sites_follow_the_open_sites_above() -> None:
    problem, direct = case("near", 0)
    wide = with_bypass(problem, {1: direct})
    assert wide.sites[1].ids[2:] == tuple(f"{DIRECT}:{i}" for i in wide.sites[2].ids)
    one = np.array([1], dtype=np.int64)
    zero = np.zeros(1, dtype=np.int64)
    opened = with_direct(wide, (OpenSites(zero, zero), OpenSites(one, zero)))
    assert opened[0].site.tolist() == [0, 3]
    assert opened[0].size.tolist() == [0, len(wide.network.tiers[1].sizes) - 1]


def test_a_problem_without_bypass_is_left_alone() -> None:
    problem = small_problem(1)
    assert with_bypass(problem, {}) is problem


@pytest.mark.parametrize(("tier", "change", "text"), [
    (0, {"bypass": True}, "one below and one above"),
    (2, {"bypass": True}, "one below and one above"),
    (1, {"bypass": True, "removes_residue": True}, "removes residue"),
])
def test_what_cannot_be_bypassed_is_refused_by_name(tier: int, change: dict[str, object], text: str) -> None:
    document = small_problem(0).network.model_dump()
    document["tiers"] = [dict(entry) for entry in document["tiers"]]
    document["tiers"][tier].update(change)
    with pytest.raises(ValidationError, match=text):
        Network.model_validate(document)


def test_missing_drives_are_named() -> None:
    problem, _ = case("near", 0)
    with pytest.raises(ValueError, match="drives past tier 1"):
        with_bypass(problem, {})
