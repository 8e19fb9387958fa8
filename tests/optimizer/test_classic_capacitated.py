"""Capacitated siting on matrices: hand-computed cases, brute force, scipy's own HiGHS, and what always holds."""

from __future__ import annotations

import itertools
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.optimize import Bounds, LinearConstraint, linprog, milp

from optimizer.classic.capacitated_p_median import capacitated_p_median
from optimizer.classic.cflp import cflp, flow_cost, recomputed_bound, uflp
from optimizer.classic.common import ClassicInputError, ClassicResult
from optimizer.classic.single_source import assignment_cost, sscflp
from optimizer.classic.two_stage import two_stage_location

Float = NDArray[np.float64]
NEAR = 1e-6
SEEDS = st.integers(0, 10**6)
FEW = settings(max_examples=25, deadline=None)


def town(seed: int, clients: int = 6, sites: int = 4) -> tuple[Float, Float, Float, Float]:
    """Costs, demands, capacities (about twice the demand in all) and fixed costs: whole numbers."""
    random = np.random.default_rng(seed)
    cost = random.integers(0, 40, (clients, sites)).astype(float)
    demand = random.integers(0, 9, clients).astype(float)
    capacity = random.integers(4, 24, sites).astype(float)
    return cost, demand, capacity, random.integers(0, 60, sites).astype(float)


def split_by_enumeration(cost: Float, demand: Float, capacity: Float, fixed: Float, most: int) -> float:
    """The least cost over all open sets, each served by scipy's linear programme; inf if none can serve all."""
    clients, best = len(demand), np.inf
    for size in range(1, most + 1):
        for opened in itertools.combinations(range(len(fixed)), size):
            chosen = list(opened)
            load = np.kron(np.eye(size), demand)
            share = np.kron(np.ones(size), np.eye(clients))
            found = linprog(cost[:, chosen].T.ravel(), A_ub=load, b_ub=capacity[chosen], A_eq=share,
                            b_eq=np.ones(clients), bounds=(0, 1))
            if found.status == 0:
                best = min(best, found.fun + fixed[chosen].sum())
    return best


def whole_by_enumeration(cost: Float, demand: Float, capacity: Float, fixed: Float, most: int) -> float:
    """The least cost over all assignments of clients to sites."""
    best = np.inf
    for sites in itertools.product(range(len(fixed)), repeat=len(demand)):
        opened = sorted(set(sites))
        if len(opened) <= most and (np.bincount(sites, demand, len(fixed)) <= capacity).all():
            best = min(best, cost[np.arange(len(demand)), sites].sum() + fixed[opened].sum())
    return best


def holds(result: ClassicResult, optimum: float) -> None:
    """The claim is consistent, the bound valid, and the optimum found (or its absence explained)."""
    if optimum == np.inf:
        assert result.status == "no_plan"
        assert result.reason
        return
    assert result.bound <= optimum + NEAR * max(1.0, abs(optimum))
    assert result.objective == pytest.approx(optimum, abs=1e-5)
    assert result.status == "optimal"
    assert result.bound_source


@given(SEEDS, st.integers(1, 4))
@FEW
def test_split_service_against_all_open_sets(seed: int, most: int) -> None:
    cost, demand, capacity, fixed = town(seed)
    result = cflp(cost, demand, capacity, fixed, most_sites=most, time_limit_s=20)
    holds(result, split_by_enumeration(cost, demand, capacity, fixed, most))
    if result.status != "no_plan":
        assert result.flows is not None
        assert flow_cost(cost, demand, fixed, result) == pytest.approx(result.objective)
        load = np.bincount(result.flows.origin, result.flows.amount, len(fixed))
        assert (load <= capacity + NEAR).all()
        assert np.bincount(result.flows.destination, result.flows.amount, len(demand)) == pytest.approx(demand)


@given(SEEDS, st.integers(1, 4))
@FEW
def test_single_service_against_all_assignments(seed: int, most: int) -> None:
    cost, demand, capacity, fixed = town(seed, clients=5)
    result = sscflp(cost, demand, capacity, fixed, most_sites=most, time_limit_s=20)
    holds(result, whole_by_enumeration(cost, demand, capacity, fixed, most))
    if result.site_of_client is not None:
        assert assignment_cost(cost, fixed, result) == pytest.approx(result.objective)
        assert (np.bincount(result.site_of_client, demand, len(fixed)) <= capacity + NEAR).all()


@given(SEEDS, st.integers(1, 4))
@FEW
def test_capacitated_p_median_against_all_assignments(seed: int, p: int) -> None:
    cost, demand, capacity, _ = town(seed, clients=5)
    result = capacitated_p_median(cost, demand, capacity, p, time_limit_s=20)
    holds(result, whole_by_enumeration(cost, demand, capacity, np.zeros(4), p))
    if result.site_of_client is not None:
        assert len(set(result.open_sites.tolist())) == p
        assert set(result.site_of_client.tolist()) <= set(result.open_sites.tolist())


@given(SEEDS)
@FEW
def test_uncapacitated_against_scipy(seed: int) -> None:
    cost, _, _, fixed = town(seed, clients=8, sites=7)
    sites, clients = len(fixed), len(cost)
    links = np.hstack([np.eye(sites * clients), -np.kron(np.eye(sites), np.ones((clients, 1)))])
    once = np.hstack([np.kron(np.ones(sites), np.eye(clients)), np.zeros((clients, sites))])
    found = milp(np.concatenate([cost.T.ravel(), fixed]), integrality=np.ones(links.shape[1]), bounds=Bounds(0, 1),
                 constraints=[LinearConstraint(links, -np.inf, 0), LinearConstraint(once, 1, 1)])
    holds(uflp(cost, fixed, time_limit_s=20), float(found.fun))


def test_split_service_by_hand() -> None:
    """Site 0 holds 10 of 15: 10 units stay there, the 5 of client 1 that do not fit go to site 1 at 3 a unit."""
    cost = np.array([[10.0, 50.0], [5.0, 15.0]])
    result = cflp(cost, [10.0, 5.0], [10.0, 10.0], [4.0, 6.0])
    assert result.objective == pytest.approx(10.0 + 15.0 + 10.0)
    assert result.open_sites.tolist() == [0, 1]
    assert result.gap == 0.0


def test_single_service_by_hand() -> None:
    """Both clients would like site 0, which holds one: the cheaper exchange sends client 1 away (1 + 4 + 2 + 3)."""
    result = sscflp([[1.0, 9.0], [1.0, 4.0]], [3.0, 3.0], [5.0, 5.0], [2.0, 3.0])
    assert result.objective == pytest.approx(10.0)
    assert result.site_of_client is not None
    assert result.site_of_client.tolist() == [0, 1]


def test_capacitated_p_median_by_hand() -> None:
    """On a line 0, 1, 10, 11 with room for two at a site: two pairs, one step each."""
    at = np.array([0.0, 1.0, 10.0, 11.0])
    result = capacitated_p_median(np.abs(at[:, None] - at[None, :]), np.ones(4), 2.0, 2)
    assert result.objective == pytest.approx(2.0)
    assert result.status == "optimal"


def test_two_stage_by_hand() -> None:
    """3 units over depot 1 cost 3 * (1 + 2) + 5 + 7 = 21; over depot 0 they cost 3 * (4 + 1) + 5 + 2 = 22."""
    result = two_stage_location([[3.0]], [[9.0]], [5.0], [[9.0], [9.0]], [2.0, 7.0], [[[4.0, 1.0]]],
                                [[[1.0], [2.0]]])
    assert result.objective == pytest.approx(21.0)
    assert result.open_sites.tolist() == [0, 2]
    assert result.status == "optimal"


def two_stage_town(seed: int) -> tuple[Float, ...]:
    """Three plants, three depots, four clients, two products."""
    random = np.random.default_rng(seed)
    return (random.integers(0, 6, (4, 2)).astype(float), random.integers(2, 14, (3, 2)).astype(float),
            random.integers(5, 50, 3).astype(float), random.integers(2, 14, (3, 2)).astype(float),
            random.integers(5, 50, 3).astype(float), random.integers(1, 20, (2, 3, 3)).astype(float),
            random.integers(1, 20, (2, 3, 4)).astype(float))


def two_stage_by_scipy(demand: Float, plant: Float, plant_fixed: Float, depot: Float, depot_fixed: Float,
                       first: Float, second: Float) -> float:
    """Flows per arc with capacity rows only, solved by scipy."""
    (k, m), i, j = demand.shape, len(plant_fixed), len(depot_fixed)
    a, b = first.size, second.size
    columns = a + b + i + j
    ahead, onward = np.arange(a).reshape(first.shape), a + np.arange(b).reshape(second.shape)
    rows, lower, upper = [], [], []

    def row(plus: object, minus: object, low: float, high: float, opened: int | None = None, room: float = 0.0) -> None:
        line = np.zeros(columns)
        line[np.ravel(np.asarray(plus, dtype=int))] = 1.0
        line[np.ravel(np.asarray(minus, dtype=int))] = -1.0
        if opened is not None:
            line[opened] = -room
        rows.append(line)
        lower.append(low)
        upper.append(high)

    for product in range(m):
        for client in range(k):
            row(onward[product, :, client], [], demand[client, product], demand[client, product])
        for site in range(i):
            row(ahead[product, site], [], -np.inf, 0.0, a + b + site, plant[site, product])
        for site in range(j):
            row(ahead[product, :, site], onward[product, site], 0.0, 0.0)
            row(onward[product, site], [], -np.inf, 0.0, a + b + i + site, depot[site, product])
    whole = np.arange(columns) >= a + b
    found = milp(np.concatenate([first.ravel(), second.ravel(), plant_fixed, depot_fixed]), integrality=whole,
                 bounds=Bounds(0, np.where(whole, 1.0, np.inf)),
                 constraints=LinearConstraint(np.array(rows), lower, upper), options={"mip_rel_gap": 0.0})
    return float(found.fun) if found.status == 0 else np.inf


@given(SEEDS)
@FEW
def test_two_stage_against_scipy(seed: int) -> None:
    data = two_stage_town(seed)
    holds(two_stage_location(*data, time_limit_s=20), two_stage_by_scipy(*data))


@given(SEEDS, st.booleans())
@FEW
def test_required_and_forbidden_sites(seed: int, single: bool) -> None:
    """Forcing is the same as enumerating with a free required site and an unaffordable forbidden one."""
    cost, demand, capacity, fixed = town(seed, clients=5)
    solve, oracle = (sscflp, whole_by_enumeration) if single else (cflp, split_by_enumeration)
    result = solve(cost, demand, capacity, fixed, required=[1], forbidden=[2], time_limit_s=20)
    kept, free = [0, 1, 3], fixed.copy()
    free[1] = 0.0
    holds(result, oracle(cost[:, kept], demand, capacity[kept], free[kept], 3) + fixed[1])
    if result.status != "no_plan":
        assert 1 in result.open_sites
        assert 2 not in result.open_sites


@given(SEEDS, SEEDS, st.booleans())
@FEW
def test_no_prices_prove_more_than_the_optimum(seed: int, other: int, single: bool) -> None:
    cost, demand, capacity, fixed = town(seed, clients=5)
    optimum = (whole_by_enumeration if single else split_by_enumeration)(cost, demand, capacity, fixed, 3)
    random = np.random.default_rng(other)
    prices = np.concatenate([random.uniform(0, 60, len(demand)), random.uniform(0, 6, 1), random.uniform(-60, 60, 1)])
    bound = recomputed_bound(cost, demand, capacity, fixed, prices, most_sites=3, single_source=single)
    assert bound <= optimum + NEAR * max(1.0, abs(bound))


@given(SEEDS, st.booleans())
@FEW
def test_multipliers_prove_what_the_result_says(seed: int, single: bool) -> None:
    cost, demand, capacity, fixed = town(seed, clients=12, sites=6)
    result = (sscflp if single else cflp)(cost, demand, 3 * capacity, fixed, time_limit_s=20)
    assert result.multipliers is not None
    again = recomputed_bound(cost, demand, 3 * capacity, fixed, result.multipliers, single_source=single)
    assert again == pytest.approx(result.checkable_bound)
    assert again <= result.bound + NEAR * max(1.0, abs(result.bound))


def test_a_negative_price_of_capacity_is_refused() -> None:
    with pytest.raises(ValueError, match="capacity"):
        recomputed_bound([[1.0]], [1.0], [1.0], [1.0], np.array([1.0, -1.0, 0.0]))


@pytest.mark.parametrize(("call", "said"), [
    (lambda: sscflp(np.ones((3, 2)), [1, 120, 1], [100, 90], [1, 1]),
     "demand of client 1 (120) exceeds every capacity it can use (100), short by 20"),
    (lambda: cflp(np.ones((3, 2)), [300, 300, 300], [500, 300], [1, 1]),
     "total demand 900 exceeds the total capacity 800, short by 100"),
    (lambda: capacitated_p_median(np.ones((3, 3)), [5, 5, 5], 7, 2),
     "total demand 15 exceeds what the 2 largest sites hold 14, short by 1"),
    (lambda: cflp([[1.0, np.inf], [np.inf, np.inf]], [1, 1], [5, 5], [1, 1]),
     "client 1 can be served by no allowed site"),
    (lambda: cflp([[1.0, np.inf], [1.0, np.inf]], [4, 4], [5, 5], [1, 1]), "cannot hold their demand"),
    (lambda: sscflp(np.ones((3, 2)), [3, 3, 3], [5, 5], [1, 1]), "no assignment of whole clients fits"),
    (lambda: two_stage_location([[5.0]], [[4.0]], [1.0], [[9.0]], [1.0], [[[1.0]]], [[[1.0]]]),
     "demand 5 for product 0 exceeds what the plants hold (4), short by 1"),
])
def test_what_cannot_be_served_is_explained(call: object, said: str) -> None:
    result = call()  # type: ignore[operator]
    assert result.status == "no_plan"
    assert said in result.reason
    assert "\n" not in result.reason
    assert result.gap == np.inf


@pytest.mark.parametrize("call", [
    lambda: cflp(np.ones((3, 2)), [1, 1], [5, 5], [1, 1]),
    lambda: cflp(np.ones((2, 2)), [1, -1], [5, 5], [1, 1]),
    lambda: sscflp([[np.nan, 1.0]], [1], [5, 5], [1, 1]),
    lambda: sscflp(np.ones((2, 2)), [1, 1], [5, 5], [1, 1], required=[7]),
    lambda: two_stage_location([[5.0]], [[4.0, 1.0]], [1.0], [[9.0]], [1.0], [[[1.0]]], [[[1.0]]]),
])
def test_misshapen_input_is_refused_in_one_line(call: object) -> None:
    with pytest.raises(ClassicInputError) as refused:
        call()  # type: ignore[operator]
    assert "\n" not in str(refused.value)


def large(seed: int) -> tuple[Float, Float, Float, Float]:
    """60 sites and 300 clients in a square."""
    random = np.random.default_rng(seed)
    there, here = random.uniform(0, 100, (60, 2)), random.uniform(0, 100, (300, 2))
    far = np.hypot(*(here[:, None] - there[None]).transpose(2, 0, 1))
    demand = random.integers(1, 30, 300).astype(float)
    return far * demand[:, None], demand, np.full(60, 400.0), random.uniform(3e3, 9e3, 60)


@pytest.mark.parametrize("kind", ["split", "single", "median", "two_stage"])
def test_a_fraction_of_a_second_still_gives_plan_bound_and_gap(kind: str) -> None:
    cost, demand, capacity, fixed = large(3)
    begun = time.process_time()
    if kind == "split":
        result = cflp(cost, demand, capacity, fixed, time_limit_s=0.2)
    elif kind == "single":
        result = sscflp(cost, demand, capacity, fixed, time_limit_s=0.2)
    elif kind == "median":
        result = capacitated_p_median(cost, demand, capacity, 15, time_limit_s=0.2)
    else:
        random = np.random.default_rng(1)
        result = two_stage_location(demand[:, None], np.full((20, 1), 800.0), fixed[:20], np.full((20, 1), 700.0),
                                    fixed[20:40], random.uniform(1, 9, (1, 20, 20)),
                                    random.uniform(1, 99, (1, 20, 300)), time_limit_s=0.2)
    assert time.process_time() - begun < 5.0
    assert result.status in ("stopped", "optimal", "feasible")
    assert -np.inf < result.bound <= result.objective
    assert 0.0 <= result.gap < np.inf
    assert len(result.open_sites) > 0
