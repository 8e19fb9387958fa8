"""Scenarios of parts of the city and mixes of the tier between: never above the best plan, and as defined."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

from optimizer.accounts import all_coefficients
from optimizer.areas import over_choices
from optimizer.between import Between, between_mixes, each_between
from optimizer.bound import lower_bound
from optimizer.configurations import last_tier, room_t_per_day
from optimizer.links import Reach
from optimizer.multipliers import BadMultipliersError, Multipliers, Scenario, check_multipliers
from optimizer.problem import Problem
from tests.optimizer.small_problems import Shape, small_problem
from tests.optimizer.test_bound import SHAPES, below, case, no_multipliers, random_multipliers, value

THREE = tuple(name for name in SHAPES if len(SHAPES[name].sites) > 2)


def with_own(problem: Problem, multipliers: Multipliers, rng: np.random.Generator) -> Multipliers:
    """The multipliers with scenarios that have an area, links of their own, both or neither."""
    n, last = len(problem.demand.part_ids), len(problem.sites[-1])
    scale = 10 ** rng.uniform(3, 5.7)
    more = []
    for _ in range(int(rng.integers(1, 5))):
        like = multipliers.scenarios[int(rng.integers(len(multipliers.scenarios)))]
        reach = Reach(rng.uniform(0, scale, n) * (rng.random(n) < 0.7), rng.integers(0, len(problem.sites[0]), n),
                      rng.uniform(0, 1, n))
        area = rng.random(last) < 0.6
        more.append(replace(like, part_price=like.part_price * rng.uniform(0.5, 1.5),
                            reach=reach if rng.random() < 0.7 else None, area=area if rng.random() < 0.7 else None))
    return replace(multipliers, scenarios=(*multipliers.scenarios, *more),
                   site_per_m3=tuple(np.zeros_like(a) if rng.random() < 0.7 else a for a in multipliers.site_per_m3))


@pytest.mark.parametrize("name", THREE)
@pytest.mark.parametrize("seed", range(3))
def test_no_multipliers_lift_the_bound_above_the_best_plan(name: str, seed: int) -> None:
    problem, best = case(name, seed)
    rng = np.random.default_rng(1000 + seed)
    for _ in range(40):
        assert below(value(problem, with_own(problem, random_multipliers(problem, rng), rng)), best)


@pytest.mark.parametrize("seed", range(20))
def test_choices_of_atoms(seed: int) -> None:
    """Against every set of sites a mix could add: the best scenario that holds the set, then the worst set."""
    rng = np.random.default_rng(seed)
    sites, scenarios = 5, 4
    areas = rng.random((scenarios, sites)) < 0.6
    areas[0] = True
    extra = np.array([0, 1, 2, 3, 1])
    free = rng.random((len(extra), sites)) < 0.8
    table = rng.normal(size=(scenarios, len(extra)))
    least, where = over_choices(table, areas, free, extra)
    for mix, number in enumerate(extra):
        offered = np.flatnonzero(free[mix])
        sets = list(itertools.combinations(offered, min(int(number), len(offered))))
        worst = min(max(table[s, mix] for s in range(scenarios) if areas[s, list(chosen)].all()) for chosen in sets)
        assert least[mix] == pytest.approx(worst)
        inside = np.flatnonzero(where[mix])
        holding = [table[s, mix] for s in range(scenarios) if areas[s, inside].all()]
        assert max(holding) == pytest.approx(worst)


@pytest.mark.parametrize("seed", range(12))
def test_mixes_of_both_tiers(seed: int) -> None:
    """Every mix of the tier between in plain loops, more sites than needed among them."""
    problem = small_problem(seed, Shape(parts=4, sites=(3, 3, 2), sizes=2, residue_at=(1,) if seed % 2 else ()))
    rng, coefficients = np.random.default_rng(seed), all_coefficients(problem)
    links, price_per_t = rng.uniform(0, 4e5, 3), rng.uniform(0, 3e4, 3)
    price, supply = rng.uniform(0, 5e4, 2), rng.uniform(0.1, 3.0, 2)
    most = float(supply.sum() / problem.passed_share(1).min())
    between = between_mixes(problem, coefficients, links, price_per_t, most)
    assert isinstance(between, Between)
    last = last_tier(problem, coefficients)
    rows = np.array(list(itertools.product(range(2), repeat=2)))
    found = each_between(last, rows, price, supply, between).min(axis=1)
    sites, capacity = problem.sites[1], problem.capacity_t_per_day(1)
    opened, closed = coefficients.open_cny_per_year[1], coefficients.closed_cny_per_year[1]
    for mix, row in enumerate(rows):
        room = [room_t_per_day(last, row[None, :], np.array(inside))[0] for inside in ([0], [1], [0, 1])]
        for sizes in itertools.product(range(-1, 2), repeat=3):
            if any(k >= 0 and not sites.allowed[j, k] for j, k in enumerate(sizes)):
                continue
            cost = sum(opened[j, k] - links[j] if k >= 0 else closed[j] for j, k in enumerate(sizes))
            has = sum(capacity[k] for k in sizes if k >= 0)
            worth = worth_of_flow(problem, price, supply, room, has, float(price_per_t.max()))
            assert found[mix] <= cost - worth + 1e-6 * abs(cost)


def worth_of_flow(problem: Problem, price: np.ndarray, supply: np.ndarray, room: list[float], has: float,
                  per_t: float) -> float:
    """A good flow of two materials through both tiers and what the prices on it make: some value that is reached."""
    passed = problem.passed_share(1)
    best = 0.0
    for order in ([0, 1], [1, 0]):
        flow = np.zeros(2)
        for m in order:
            left = min(supply[m], room[m] - flow[m], room[2] - flow.sum())
            flow[m] = max(0.0, min(left, (has - float((flow / passed).sum())) * passed[m]))
        best = max(best, float(price @ flow + per_t * (flow / passed).sum()))
    return best


BAD = {
    "area of another tier": Scenario(np.zeros(5), np.zeros(2), area=np.ones(7, dtype=bool)),
    "area in numbers": Scenario(np.zeros(5), np.zeros(2), area=np.ones(2)),
    "negative reach": Scenario(np.zeros(5), np.zeros(2), reach=Reach(-np.ones(5), np.zeros(5, dtype=int), np.ones(5))),
    "reach of no number": Scenario(np.zeros(5), np.zeros(2),
                                   reach=Reach(np.full(5, np.nan), np.zeros(5, dtype=int), np.ones(5))),
    "reach from an unknown site": Scenario(np.zeros(5), np.zeros(2),
                                           reach=Reach(np.ones(5), np.full(5, 99), np.ones(5))),
    "reach counted from the end": Scenario(np.zeros(5), np.zeros(2),
                                           reach=Reach(np.ones(5), np.full(5, -1), np.ones(5)))}


@pytest.mark.parametrize("fault", BAD)
def test_bad_scenarios_are_refused(fault: str) -> None:
    problem, _ = case("three tiers", 0)
    start = no_multipliers(problem)
    with pytest.raises(BadMultipliersError):
        check_multipliers(problem, replace(start, scenarios=(*start.scenarios, BAD[fault])))


def test_the_whole_city_as_two_areas() -> None:
    """Two areas that share the sites between them do at least as well as one scenario that speaks of all of them."""
    problem, best = case("nothing but tonnes", 1)
    start = random_multipliers(problem, np.random.default_rng(5))
    last = len(problem.sites[-1])
    first = np.arange(last) == 0
    both = [replace(s, area=area) for s in start.scenarios for area in (first, ~first)]
    more = replace(start, scenarios=(*start.scenarios, *both))
    bound = lower_bound(problem, all_coefficients(problem), more, np.inf)
    assert below(value(problem, start), bound.value_cny_per_year)
    assert below(bound.value_cny_per_year, best)
