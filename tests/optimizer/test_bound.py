"""The bound never exceeds the exact optimum, whatever the multipliers; bad multipliers are refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray

from optimizer.accounts import all_coefficients, books
from optimizer.bound import dropped_rules, lower_bound, most_arriving_t_per_day
from optimizer.multipliers import BadMultipliersError, Multipliers, Scenario, check_multipliers
from optimizer.problem import Problem, SiteStatus
from tests.optimizer.brute_force import enumerated, optimum, plan_cost
from tests.optimizer.small_problems import Shape, small_problem

KEEP, MAY_CLOSE = SiteStatus.KEEP, SiteStatus.MAY_CLOSE

SHAPES = {
    "three tiers": Shape(sites=(3, 2, 2)),
    "two tiers": Shape(sites=(4, 3)),
    "four tiers": Shape(sites=(3, 2, 2, 2), parts=4),
    "sites to keep": Shape(sites=(3, 2, 2), existing=((0, 1, KEEP), (1, 0, KEEP), (2, 1, KEEP))),
    "sites that may close": Shape(sites=(3, 2, 2), existing=((0, 1, MAY_CLOSE), (0, 0, KEEP), (1, 0, MAY_CLOSE),
                                                              (2, 1, MAY_CLOSE))),
    "four tiers, some exist": Shape(sites=(3, 2, 2, 3), parts=4, existing=((0, 1, MAY_CLOSE), (2, 0, KEEP),
                                                                          (3, 1, MAY_CLOSE))),
    "quotas": Shape(sites=(3, 3, 2), quotas=((0, 0, 2), (1, 1, 1), (2, 0, 1))),
    "quotas, two tiers": Shape(sites=(4, 2), quotas=((0, 0, 2), (0, 1, 1), (1, 1, 1))),
    "specialised": Shape(sites=(3, 2, 3), specialised=True, sizes=4, materials=3, parts=4),
    "specialised, two tiers": Shape(sites=(3, 3), specialised=True, sizes=4, parts=4),
    "shared parcels": Shape(sites=(3, 2, 2), shared_parcels=True),
    "nothing but tonnes": Shape(sites=(3, 2, 2), volume_caps=False, households_cap=None),
    "not all reachable": Shape(sites=(3, 2, 2), unreachable_share=0.3),
    "residue in the middle": Shape(sites=(3, 2, 2), residue_at=(1,)),
    "minimum throughput": Shape(sites=(3, 2, 2), min_t_per_day=0.3),
}
CASES = [(name, seed) for name in SHAPES for seed in (0, 1)]


@cache
def case(name: str, seed: int) -> tuple[Problem, float]:
    """The problem and its exact optimum."""
    problem = small_problem(seed, SHAPES[name])
    best = optimum(problem)
    assert best is not None, "the case must have a plan"
    return problem, best.cost_cny_per_year


def no_multipliers(problem: Problem) -> Multipliers:
    last, none = len(problem.sites) - 1, np.empty(0, dtype=np.int64)
    free = Scenario(np.zeros(len(problem.demand.part_ids)), np.zeros(len(problem.network.materials)),
                    np.zeros(len(problem.site_rows)))
    flat = tuple(np.zeros(len(s) if 0 < level < last else 0) for level, s in enumerate(problem.sites))
    return Multipliers((free,), none, none, np.empty(0), flat, flat)


def row_size(problem: Problem) -> NDArray[np.float64]:
    """The largest amount in each side rule, so that prices of all rules weigh alike, [R]."""
    return np.array([row.amount.max(initial=1.0) for row in problem.site_rows])


def random_multipliers(problem: Problem, rng: np.random.Generator) -> Multipliers:
    """Multipliers of all kinds and of all magnitudes that matter, many of them zero."""
    start = no_multipliers(problem)
    scale = 10 ** rng.uniform(3, 5.7)

    def some(like: NDArray[np.float64], most: float | NDArray[np.float64]) -> NDArray[np.float64]:
        return np.where(rng.random(like.shape) < 0.6, rng.uniform(0, most, like.shape), 0.0)

    free = start.scenarios[0]
    rules = scale / row_size(problem)
    more = tuple(Scenario(some(free.part_price, scale), some(free.end_price, 10 ** rng.uniform(3, 6)),
                          some(free.row, rules))
                 for _ in range(int(rng.integers(0, 3))))
    link = np.nonzero(rng.random((len(free.part_price), len(problem.sites[1]))) < 0.6)
    part, site = link if len(problem.sites) > 2 else (start.link_part, start.link_site)
    limited = [bool(np.isfinite(problem.capacity_m3_per_day(level)).all()) for level in range(len(problem.sites))]
    return replace(
        start, scenarios=(replace(free, part_price=some(free.part_price, scale), row=some(free.row, rules)), *more),
        link_part=part, link_site=site, link_value=rng.uniform(0, scale, len(part)),
        site_per_t=tuple(some(a, 10 ** rng.uniform(3, 5.5)) for a in start.site_per_t),
        site_per_m3=tuple(some(a, 10 ** rng.uniform(2, 4.5) * yes)
                          for a, yes in zip(start.site_per_m3, limited, strict=True)))


def nudged(multipliers: Multipliers, rng: np.random.Generator) -> Multipliers:
    """The same multipliers with some of them made larger or smaller; zeros at the end and in volume stay."""
    def moved(array: NDArray[np.float64], add: float = 1e5) -> NDArray[np.float64]:
        factor = np.where(rng.random(array.shape) < 0.3, rng.uniform(0.3, 1.8, array.shape), 1.0)
        extra = np.where(rng.random(array.shape) < 0.1, rng.uniform(0.0, add, array.shape), 0.0)
        return array * factor + extra

    first, *others = multipliers.scenarios
    return replace(
        multipliers,
        scenarios=(replace(first, part_price=moved(first.part_price), row=moved(first.row, 0.0)),
                   *(Scenario(moved(s.part_price), moved(s.end_price), moved(s.row, 0.0)) for s in others)),
        link_value=moved(multipliers.link_value),
        site_per_t=tuple(moved(a) for a in multipliers.site_per_t),
        site_per_m3=tuple(moved(a, 0.0) for a in multipliers.site_per_m3))


def value(problem: Problem, multipliers: Multipliers, ceiling: float = np.inf) -> float:
    return lower_bound(problem, all_coefficients(problem), multipliers, ceiling).value_cny_per_year


def below(bound: float, best: float) -> bool:
    return bound <= best + 1e-6 * abs(best)


@pytest.mark.parametrize(("name", "seed"), CASES)
def test_never_above_the_optimum(name: str, seed: int) -> None:
    problem, best = case(name, seed)
    rng = np.random.default_rng(seed)
    bounds = [value(problem, random_multipliers(problem, rng)) for _ in range(40)]
    assert all(np.isfinite(bounds))
    assert below(max(bounds), best)


@pytest.mark.parametrize(("name", "seed"), CASES)
def test_never_above_the_optimum_when_pushed(name: str, seed: int) -> None:
    """A climb on the multipliers looks for a bound that is too good, and finds one better than none at all."""
    problem, best = case(name, seed)
    rng = np.random.default_rng(100 + seed)
    nothing = value(problem, no_multipliers(problem))
    reached = []
    for _ in range(3):
        multipliers = random_multipliers(problem, rng)
        top = value(problem, multipliers)
        for _ in range(50):
            other = nudged(multipliers, rng)
            bound = value(problem, other)
            if bound > top:
                multipliers, top = other, bound
        assert below(top, best)
        reached.append(top)
    assert max(reached) > nothing


@pytest.mark.parametrize(("name", "seed"), CASES)
def test_a_ceiling_changes_nothing_below_it(name: str, seed: int) -> None:
    """Mixes dearer than the ceiling are not listed: the bound is the same, or the ceiling where that is lower."""
    problem, best = case(name, seed)
    rng = np.random.default_rng(200 + seed)
    for _ in range(10):
        multipliers = random_multipliers(problem, rng)
        free = value(problem, multipliers)
        for ceiling in (best, best + 1e3, best + 1e5, best + 1e7):
            bound = value(problem, multipliers, ceiling)
            assert bound == pytest.approx(min(free, ceiling), rel=1e-9, abs=1e-3)
        low = free - 1e4
        assert value(problem, multipliers, low) == low


@pytest.mark.parametrize(("name", "seed"), CASES)
def test_zero_multipliers_give_a_finite_bound(name: str, seed: int) -> None:
    problem, best = case(name, seed)
    bound = lower_bound(problem, all_coefficients(problem), no_multipliers(problem), np.inf)
    assert np.isfinite(bound.value_cny_per_year)
    assert below(bound.value_cny_per_year, best)
    assert bound.mixes_tried > 0


def test_a_price_on_a_volume_without_limit_says_nothing() -> None:
    """The rule it prices does not exist: the bound falls to minus infinity instead of pretending."""
    problem, _ = case("nothing but tonnes", 0)
    first, _, last = no_multipliers(problem).site_per_m3
    assert value(problem, replace(no_multipliers(problem), site_per_m3=(first, np.ones(2), last))) == -np.inf


def test_the_oracle_agrees_with_trying_everything() -> None:
    """On problems of two parts the programme and the enumeration of every decision find the same cost."""
    shapes = (Shape(parts=2, sites=(2, 2, 1), sizes=1),
              Shape(parts=2, sites=(2, 1, 2), sizes=1, shared_parcels=True, quotas=((0, 0, 1),)),
              Shape(parts=2, sites=(2, 2), sizes=2, specialised=True, existing=((0, 0, MAY_CLOSE),)))
    for seed, shape in enumerate(shapes):
        problem = small_problem(seed + 3, shape)
        best = optimum(problem)
        assert best is not None
        assert best.cost_cny_per_year == pytest.approx(enumerated(problem), rel=1e-6)


@pytest.mark.parametrize(("name", "seed"), CASES)
def test_the_oracles_plan_costs_what_it_says(name: str, seed: int) -> None:
    problem = small_problem(seed, SHAPES[name])
    best = optimum(problem)
    assert best is not None
    assert plan_cost(problem, best.plan) == pytest.approx(best.cost_cny_per_year, rel=1e-6, abs=0.1)
    assert books(problem, best.plan).objective_cny_per_year == pytest.approx(best.cost_cny_per_year, rel=1e-6, abs=0.1)


def test_most_that_can_arrive() -> None:
    """Every part at its nearest point, less the residue on the way."""
    problem = small_problem(1, Shape(sites=(3, 2, 2), residue_at=(1,)))
    total = np.zeros(2)
    for part in range(len(problem.demand.part_ids)):
        shares = problem.walk.captured_share[problem.walk.part == part]
        total += problem.demand.generated_t_per_day[part] * max(shares, default=0.0)
    kept = np.array([1 - m.residue_share for m in problem.network.materials])
    assert most_arriving_t_per_day(problem) == pytest.approx(total * kept)


def _first_scenario(multipliers: Multipliers, **changes: object) -> Multipliers:
    return replace(multipliers, scenarios=(replace(multipliers.scenarios[0], **changes),))


def linked(multipliers: Multipliers, part: list[int], site: list[int], price: list[float]) -> Multipliers:
    return replace(multipliers, link_part=np.array(part), link_site=np.array(site), link_value=np.array(price))


BAD: dict[str, Callable[[Multipliers], Multipliers]] = {
    "negative part price": lambda m: _first_scenario(m, part_price=np.array([0, 0, -1e-9, 0, 0])),
    "part price is no number": lambda m: _first_scenario(m, part_price=np.array([0, np.nan, 0, 0, 0])),
    "infinite part price": lambda m: _first_scenario(m, part_price=np.array([0, np.inf, 0, 0, 0])),
    "a part price too few": lambda m: _first_scenario(m, part_price=np.zeros(4)),
    "negative end price": lambda m: replace(m, scenarios=(*m.scenarios, Scenario(np.zeros(5), np.array([1.0, -1.0])))),
    "end price of another network": lambda m: _first_scenario(m, end_price=np.zeros(3)),
    "no scenario": lambda m: replace(m, scenarios=()),
    "only priced scenarios": lambda m: _first_scenario(m, end_price=np.array([1.0, 0.0])),
    "negative link": lambda m: linked(m, [0], [0], [-1.0]),
    "link of an unknown part": lambda m: linked(m, [5], [0], [1.0]),
    "link counted from the end": lambda m: linked(m, [0], [-1], [1.0]),
    "link to an unknown site": lambda m: linked(m, [0], [2], [1.0]),
    "links of different length": lambda m: linked(m, [0, 1], [0], [1.0, 1.0]),
    "negative price of tonnes": lambda m: replace(m, site_per_t=(m.site_per_t[0], np.array([0, -1.0]),
                                                                 m.site_per_t[2])),
    "tonnes priced at the first tier": lambda m: replace(m, site_per_t=(np.zeros(3), *m.site_per_t[1:])),
    "tonnes priced at the last tier": lambda m: replace(m, site_per_t=(*m.site_per_t[:2], np.zeros(2))),
    "negative price of volume": lambda m: replace(m, site_per_m3=(m.site_per_m3[0], np.array([0, -1.0]),
                                                                  m.site_per_m3[2])),
    "price of a rule that is not there": lambda m: _first_scenario(m, row=np.zeros(1)),
}


@pytest.mark.parametrize("fault", BAD)
def test_bad_multipliers_are_refused(fault: str) -> None:
    problem, _ = case("three tiers", 0)
    with pytest.raises(BadMultipliersError):
        value(problem, BAD[fault](no_multipliers(problem)))


def test_negative_row_price_is_refused() -> None:
    problem, _ = case("quotas", 0)
    with pytest.raises(BadMultipliersError):
        check_multipliers(problem, _first_scenario(no_multipliers(problem), row=np.array([0, -1.0, 0])))


def test_links_need_a_tier_between() -> None:
    problem, _ = case("two tiers", 0)
    with pytest.raises(BadMultipliersError):
        check_multipliers(problem, linked(no_multipliers(problem), [0], [0], [1.0]))


def test_what_the_bound_leaves_out_is_named() -> None:
    named = {name: set(dropped_rules(case(name, 0)[0])) for name in SHAPES}
    always = {"single_sourcing_of_sites", "single_sites_of_last_tier"}
    assert named["nothing but tonnes"] == always
    assert named["three tiers"] == {*always, "volume_of_last_tier"}
    assert named["minimum throughput"] == {*always, "volume_of_last_tier", "minimum_throughput"}
    assert named["quotas"] == {*always, "volume_of_last_tier"}
    assert named["shared parcels"] == {*always, "volume_of_last_tier"}


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("name", ["three tiers", "two tiers", "quotas", "sites that may close", "sites to keep"])
def test_more_mixes_than_can_be_tried_leave_a_weaker_bound(name: str, seed: int,
                                                           monkeypatch: pytest.MonkeyPatch) -> None:
    """The bound stays finite and valid, whatever the rules' prices, and is no better than with every mix tried."""
    problem, cost = case(name, seed)
    coefficients, ceiling = all_coefficients(problem), 10.0 * abs(cost) + 1e9
    for price in (0.0, 1e6, 1e7):
        free = no_multipliers(problem)
        priced = replace(free.scenarios[0], row=np.full(len(problem.site_rows), price))
        multipliers = replace(free, scenarios=(priced,))
        monkeypatch.setattr("optimizer.configurations.MOST", 200_000)
        full = lower_bound(problem, coefficients, multipliers, ceiling).value_cny_per_year
        monkeypatch.setattr("optimizer.configurations.MOST", 0)
        weaker = lower_bound(problem, coefficients, multipliers, ceiling).value_cny_per_year
        assert np.isfinite(weaker)
        assert weaker <= cost + 1e-6 * abs(cost) + 0.1
        assert weaker <= full + 1e-6 * abs(full) + 0.1


def test_sites_of_the_last_tier_that_are_cheaper_open_than_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Closing costs more than staying open: serving nobody with everything open is what no bound may exceed."""
    problem = small_problem(0, Shape(sites=(2, 2, 6), existing=tuple((2, j, SiteStatus.MAY_CLOSE) for j in range(6))))
    last = replace(problem.sites[2], closing_cost_cny=np.full(6, 1e9))
    problem = replace(problem, sites=(*problem.sites[:2], last))
    best = optimum(problem)
    assert best is not None
    monkeypatch.setattr("optimizer.configurations.MOST", 0)
    found = lower_bound(problem, all_coefficients(problem), no_multipliers(problem), 1e15)
    assert found.value_cny_per_year <= best.cost_cny_per_year + 1e-6 * abs(best.cost_cny_per_year) + 0.1
