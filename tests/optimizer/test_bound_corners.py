"""Corners of the bound, each the smallest problem in which a slip would show: a plan that undercuts it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from pydantic import ValidationError

from optimizer.accounts import all_coefficients, books
from optimizer.bound import lower_bound
from optimizer.multipliers import Multipliers, Scenario
from optimizer.network import Network, Size, Tier
from optimizer.objectives import TERMS, add
from optimizer.plan import Flows, OpenSites, Plan, SolveReport
from optimizer.problem import Problem, Sites, SiteStatus
from tests.optimizer.brute_force import optimum
from tests.optimizer.small_problems import chain_problem, plain_size

DAYS = 365.0


def prices(problem: Problem, *ends: float, part_price: float = 0.0) -> Multipliers:
    """No multipliers but a price at the last tier in each further scenario."""
    n, materials, last = len(problem.demand.part_ids), len(problem.network.materials), len(problem.sites) - 1
    scenarios = tuple(Scenario(np.full(n, part_price), np.full(materials, end), np.zeros(len(problem.site_rows)))
                      for end in (0.0, *ends))
    flat = tuple(np.zeros(len(s) if 0 < level < last else 0) for level, s in enumerate(problem.sites))
    none = np.empty(0, dtype=np.int64)
    return Multipliers(scenarios, none, none, np.empty(0), flat, flat)


def with_tiers(problem: Problem, *tiers: Tier, **changes: object) -> Problem:
    network = problem.network.model_copy(update={"tiers": tiers, **changes})
    return replace(problem, network=network)


def with_last(problem: Problem, sites: Sites, *sizes: Size) -> Problem:
    """The chain with other candidates and sizes for its last tier, as near as the first."""
    leg, (low, middle, high) = problem.legs[-1], problem.network.tiers
    tiers = (low, middle, high.model_copy(update={"sizes": sizes}))
    wide = {name: np.repeat(getattr(leg, name), len(sites), axis=1) for name in vars(leg)}
    return replace(problem, network=problem.network.model_copy(update={"tiers": tiers}),
                   sites=(*problem.sites[:-1], sites), legs=(*problem.legs[:-1], replace(leg, **wide)))


def centres(status: list[SiteStatus], allowed: list[list[bool]], closing_cost_cny: list[float]) -> Sites:
    count = len(status)
    return Sites(tuple(f"c{j}" for j in range(count)), np.zeros(count, dtype=np.int64), np.full(count, 1e4),
                 np.array(allowed), np.array([int(s) for s in status]), np.array(closing_cost_cny))


def cheap_chain() -> Problem:
    """The chain with nothing to pay for its point and its station: the last tier decides."""
    problem = chain_problem()
    low, middle, high = problem.network.tiers
    low = low.model_copy(update={"sizes": (plain_size("p", 5.0, 0.0, 1000.0),)})
    middle = middle.model_copy(update={"sizes": (plain_size("s", 20.0, 0.0, 1000.0),)})
    return with_tiers(problem, low, middle, high)


def assert_below_optimum(problem: Problem, multipliers: Multipliers, ceiling: float = np.inf) -> None:
    best = optimum(problem)
    assert best is not None
    assert books(problem, best.plan).objective_cny_per_year == pytest.approx(best.cost_cny_per_year, rel=1e-6)
    bound = lower_bound(problem, all_coefficients(problem), multipliers, ceiling)
    assert bound.value_cny_per_year <= best.cost_cny_per_year + 1e-6 * abs(best.cost_cny_per_year)


def test_a_site_to_keep_may_take_its_larger_size() -> None:
    """The cheapest size holds 0.1 t/day, the larger one all: a price at the end must not count the small one only."""
    problem = with_last(cheap_chain(), centres([SiteStatus.KEEP], [[True, True]], [0.0]),
                        plain_size("small", 0.1, 0.0, 1000.0), plain_size("large", 5.0, 0.0, 2000.0))
    for end in (50_000.0, 100_000.0, 200_000.0, 400_000.0):
        assert_below_optimum(problem, prices(problem, end))


def test_a_mix_with_a_site_that_is_cheaper_open_than_closed() -> None:
    """A MAY_CLOSE site whose closing costs more than running it makes the mix it is in cheaper, not dearer.

    Opening it and a new large site costs 10,000 - 50,000 + 45,000: within a ceiling that the large site alone exceeds.
    """
    sites = centres([SiteStatus.MAY_CLOSE, SiteStatus.NEW], [[True, False], [False, True]], [20 * 50_000.0, 0.0])
    problem = with_last(cheap_chain(), sites, plain_size("small", 0.05, 0.0, 10_000.0),
                        plain_size("large", 5.0, 0.0, 45_000.0))
    best = optimum(problem)
    assert best is not None
    for extra in (1.0, 1000.0, 10_000.0):
        for end in (50_000.0, 100_000.0, 200_000.0, 400_000.0):
            assert_below_optimum(problem, prices(problem, end), best.cost_cny_per_year + extra)


def test_residue_left_in_the_middle_is_not_hauled_on() -> None:
    """Where stations sort out residue, what is left costs and earns further up, not all that was brought."""
    problem = cheap_chain()
    low, middle, high = problem.network.tiers
    materials = tuple(m.model_copy(update={"price_cny_per_t": -100.0, "subsidy_cny_per_t": 0.0, "residue_share": 0.5})
                      for m in problem.network.materials)
    free = (plain_size("x", 5.0, 0.0, 0.0),)
    high = high.model_copy(update={"sizes": free, "removes_residue": False})
    middle = middle.model_copy(update={"sizes": free, "removes_residue": True})
    money = problem.network.money.model_copy(update={"unserved_cny_per_t": 1000.0, "residue_cny_per_t": 0.0})
    problem = with_tiers(problem, low, middle, high, materials=materials, money=money)
    best = optimum(problem)
    assert best is not None
    assert best.plan.site_of_part.tolist() == [0]
    assert_below_optimum(problem, prices(problem))


REFUSED = {
    "the first tier cannot remove residue": (0, {"removes_residue": True}),
    "tier 'high': single_source must be false": (2, {"single_source": True}),
}


@pytest.mark.parametrize("message", REFUSED)
def test_what_the_model_does_not_know_is_refused_by_the_network(message: str) -> None:
    """Residue at the first tier, and single sourcing above the second."""
    level, change = REFUSED[message]
    data = chain_problem().network.model_dump()
    tier = data["tiers"][level]
    (tier if "removes_residue" in change else tier["feed"]).update(change)
    with pytest.raises(ValidationError, match=message):
        Network.model_validate(data)


def test_no_carbon_price_and_no_way_between_two_sites() -> None:
    """A second centre that cannot be driven to changes nothing, whatever carbon costs."""
    problem = with_last(cheap_chain(), centres([SiteStatus.NEW] * 2, [[True]] * 2, [0.0, 0.0]),
                        plain_size("c", 5.0, 0.0, 1000.0))
    cut = {name: getattr(problem.legs[1], name).copy() for name in vars(problem.legs[1])}
    for name in ("loaded_m", "loaded_s"):
        cut[name][0, 1] = np.inf
    problem = replace(problem, legs=(problem.legs[0], replace(problem.legs[1], **cut)))
    for carbon in (100.0, 0.0):
        money = problem.network.money.model_copy(update={"carbon_cny_per_t": carbon})
        priced = replace(problem, network=problem.network.model_copy(update={"money": money}))
        assert add(t.coefficients(priced) for t in TERMS).trip_cny[1][0, 1] == np.inf
        assert_below_optimum(priced, prices(priced))


def test_an_arc_that_captures_nothing_still_serves() -> None:
    """At the end of an access curve that falls to 0 a part brings nothing, and pays no penalty either."""
    problem = cheap_chain()
    problem = replace(problem, walk=replace(problem.walk, captured_share=np.zeros(1)))
    free = with_tiers(problem, *(t.model_copy(update={"sizes": (plain_size("x", 5.0, 0.0, 0.0),)})
                                 for t in problem.network.tiers))
    assert_below_optimum(free, prices(free))
    problem = replace(problem, sites=(problem.sites[0], two(problem.sites[1]), problem.sites[2]),
                      legs=(widened(problem.legs[0], 1), widened(problem.legs[1], 0)))
    free = with_tiers(problem, *(t.model_copy(update={"sizes": (plain_size("x", 5.0, 0.0, 0.0),)})
                                 for t in problem.network.tiers))
    loaded = free.legs[0].loaded_m.copy()
    loaded[0, 1] = np.inf
    assert_below_optimum(replace(free, legs=(replace(free.legs[0], loaded_m=loaded), free.legs[1])), prices(free))


def two(sites: Sites) -> Sites:
    return Sites(("s0", "s1"), *(np.repeat(getattr(sites, name), 2, axis=0)
                                 for name in ("zone_of", "area_m2", "allowed", "status", "closing_cost_cny")))


def widened(leg: object, axis: int) -> object:
    return replace(leg, **{name: np.repeat(value, 2, axis=axis) for name, value in vars(leg).items()})


def test_zero_multipliers_reach_the_optimum_where_nothing_is_scarce() -> None:
    """One part, sites for nothing, ample capacity: the bound is the cost of serving it, or of not serving it."""
    problem = chain_problem()
    free = with_tiers(problem, *(t.model_copy(update={"sizes": (plain_size("x", 5.0, 0.0, 0.0),)})
                                 for t in problem.network.tiers))
    one = np.zeros(1, dtype=np.int64)
    flow = Flows(one, one, np.array([[0.6, 0.3]]))
    plan = Plan((OpenSites(one, one),) * 3, one, (flow, flow), SolveReport("feasible", 0.0, None))
    served = books(free, plan).objective_cny_per_year
    bound = lower_bound(free, all_coefficients(free), prices(free), np.inf).value_cny_per_year
    assert bound == pytest.approx(min(served, DAYS * 1.2 * 300))
