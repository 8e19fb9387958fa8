"""The books of a plan: nothing is lost by material, and the yearly figures equal a cost written out by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from optimizer.accounts import all_coefficients, arc_of_part, books, cost_cny_per_year, throughput
from optimizer.plan import Flows, OpenSites, Plan, SolveReport
from optimizer.problem import Problem, SiteStatus
from tests.optimizer.brute_force import plan_cost
from tests.optimizer.small_problems import Shape, chain_problem, small_problem

REPORT = SolveReport("feasible", 0.0, None)


def chain_plan(served: bool = True) -> Plan:
    """The chain in use (0.6 t and 0.3 t a day), or everything closed."""
    none, one = np.empty(0, dtype=np.int64), np.zeros(1, dtype=np.int64)
    at = one if served else none
    flow = Flows(at, at, np.array([[0.6, 0.3]]) if served else np.empty((0, 2)))
    return Plan((OpenSites(at, at),) * 3, np.array([0 if served else -1]), (flow, flow), REPORT)


def random_plan(problem: Problem, rng: np.random.Generator) -> Plan:
    """Any plan that balances: sizes and destinations at random, flows split at random above the points."""
    opened = []
    for sites in problem.sites:
        at = np.flatnonzero(rng.random(len(sites)) < 0.7)
        at = at if len(at) else np.array([0])
        opened.append(OpenSites(at, np.array([rng.choice(np.flatnonzero(sites.allowed[j])) for j in at])))
    site_of_part = np.full(len(problem.demand.part_ids), -1)
    tonnes = np.zeros((len(problem.sites[0]), len(problem.network.materials)))
    for part in range(len(site_of_part)):
        arcs = np.flatnonzero((problem.walk.part == part) & np.isin(problem.walk.site, opened[0].site))
        if len(arcs) and rng.random() < 0.8:
            arc = rng.choice(arcs)
            site_of_part[part] = problem.walk.site[arc]
            share = problem.walk.captured_share[arc]
            tonnes[problem.walk.site[arc]] += problem.demand.generated_t_per_day[part] * share
    flows = []
    for level, upper in enumerate(opened[1:]):
        tier = problem.network.tiers[level]
        passed = np.array([1 - m.residue_share * tier.removes_residue for m in problem.network.materials])
        split = rng.dirichlet(np.ones(len(upper.site)), len(tonnes))
        a, b = (grid.ravel() for grid in np.meshgrid(opened[level].site, np.arange(len(upper.site)), indexing="ij"))
        moved = (tonnes * passed)[a] * split[a, b][:, None]
        flows.append(Flows(a, upper.site[b], moved))
        tonnes = np.zeros((len(problem.sites[level + 1]), tonnes.shape[1]))
        np.add.at(tonnes, upper.site[b], moved)
    return Plan(tuple(opened), site_of_part, tuple(flows), REPORT)


SHAPES = st.builds(
    Shape, parts=st.integers(1, 8), sites=st.sampled_from([(3, 2), (4, 3, 2), (3, 2, 2, 2)]),
    materials=st.integers(1, 4), residue_at=st.sampled_from([(), (1,)]),
    existing=st.sampled_from([(), ((0, 0, SiteStatus.MAY_CLOSE), (1, 1, SiteStatus.MAY_CLOSE))]))


@settings(max_examples=60, deadline=None)
@given(shape=SHAPES, seed=st.integers(0, 10_000))
def test_mass_balance_by_material(shape: Shape, seed: int) -> None:
    """generated = captured + not captured + unserved; captured = sold + rejected; all to 1e-6."""
    problem = small_problem(seed, shape)
    plan = random_plan(problem, np.random.default_rng(seed))
    through = throughput(problem, plan)
    generated = problem.demand.generated_t_per_day.sum(axis=0)
    captured = through.entering[0].sum(axis=0)
    away = through.unserved.sum(axis=0) + through.not_captured.sum(axis=0)
    assert generated == pytest.approx(captured + away, abs=1e-6)
    assert (through.unserved >= 0).all()
    assert (through.not_captured >= -1e-12).all()
    residue = np.array([m.residue_share for m in problem.network.materials])
    left = captured
    for level, tier in enumerate(problem.network.tiers):
        assert through.entering[level].sum(axis=0) == pytest.approx(left, abs=1e-6)
        left = left * (1 - residue * tier.removes_residue)


@settings(max_examples=60, deadline=None)
@given(shape=SHAPES, seed=st.integers(0, 10_000))
def test_books_equal_a_cost_written_out(shape: Shape, seed: int) -> None:
    problem = small_problem(seed, shape)
    plan = random_plan(problem, np.random.default_rng(seed))
    found = books(problem, plan)
    assert found.objective_cny_per_year == pytest.approx(plan_cost(problem, plan), rel=1e-9, abs=1e-3)
    assert found.objective_cny_per_year == pytest.approx(sum(found.terms_cny_per_year.values()))
    together = cost_cny_per_year(problem, plan, all_coefficients(problem), throughput(problem, plan))
    assert found.objective_cny_per_year == pytest.approx(together, rel=1e-9, abs=1e-3)


def test_books_of_the_chain_term_by_term() -> None:
    """0.6 and 0.3 t/day of two materials through one point, station and centre."""
    found = books(chain_problem(), chain_plan())
    collected, hauled = 0.6 / 1.6 + 0.3 / 0.4, 0.6 / 10 + 0.3 / 2.7  # full loads a day
    assert found.terms_cny_per_year == pytest.approx({
        "facilities": 46_000 + 600_000 + 4_000_000,  # CNY/year
        "rent": 0.0, "bringing": 0.0,
        "handling": 365 * (0.9 * (80 + 200) + (0.6 * 0.1 + 0.3 * 0.2) * 221),  # days x t/day x CNY/t
        "haulage": 365 * (collected * (22.5 + 3720 / 36) + hauled * (168 + 190)
                          + 0.9 * (900 / 36 + 2 * (410 / 36 + 0.375))),  # loads x CNY + t x CNY/t
        "carbon": 365 * (collected * 0.6 + hauled * 4.2 + 0.9 * 0.02),
        "revenue": -365 * (0.6 * 900 - 0.3 * 40),
        "subsidy": -365 * 0.3 * 221,
        "unserved": 0.0,
    })
    costs = [found.terms_cny_per_year[name] for name in ("facilities", "handling", "haulage", "carbon")]
    assert found.gross_cost_cny_per_year == pytest.approx(sum(costs))


def test_books_of_a_closed_chain() -> None:
    """Unserved are the tonnes of those who would take part, the rest was never to be captured."""
    problem = chain_problem()
    found = books(problem, chain_plan(served=False))
    assert found.objective_cny_per_year == pytest.approx(365 * 1.5 * 0.8 * 300)  # days x t/day x share x CNY/t
    assert found.gross_cost_cny_per_year == 0.0
    through = throughput(problem, chain_plan(served=False))
    assert through.unserved.tolist() == [pytest.approx([0.8, 0.4])]
    assert through.not_captured.tolist() == [pytest.approx([0.2, 0.1])]


def test_distance_loses_the_difference() -> None:
    through = throughput(chain_problem(), chain_plan())
    assert through.entering[0].tolist() == [pytest.approx([0.6, 0.3])]
    assert through.not_captured.tolist() == [pytest.approx([0.4, 0.2])]
    assert not through.unserved.any()


def test_a_closed_existing_site_is_paid_for_an_open_one_is_not() -> None:
    problem = chain_problem()
    sites = tuple(replace(s, status=np.array([int(SiteStatus.MAY_CLOSE)]), closing_cost_cny=np.array([30_000.0]))
                  for s in problem.sites)
    problem = replace(problem, sites=sites)
    closed = books(problem, chain_plan(served=False)).terms_cny_per_year["facilities"]
    assert closed == pytest.approx(3000 + 2000 + 1500)  # 30,000 CNY over 10, 15 and 20 years
    assert books(problem, chain_plan()).terms_cny_per_year["facilities"] == pytest.approx(40_000 + 500_000 + 3_000_000)


def test_arcs_of_parts_in_any_order() -> None:
    """The arc of every part and site is found, whatever the order of sites within a part."""
    problem = small_problem(5, Shape(parts=6, sites=(5, 2)))
    rng = np.random.default_rng(1)
    mixed = np.lexsort((rng.random(len(problem.walk.part)), problem.walk.part))
    given = {name: array for name, array in vars(problem.walk).items() if array is not None}
    walk = replace(problem.walk, **{name: array[mixed] for name, array in given.items()})
    problem = replace(problem, walk=walk)
    for arc in range(len(walk.part)):
        chosen = np.full(6, -1)
        chosen[walk.part[arc]] = walk.site[arc]
        expected = np.full(6, -1)
        expected[walk.part[arc]] = arc
        assert arc_of_part(problem, chosen).tolist() == expected.tolist()


def test_a_site_beyond_the_walking_limit_is_refused() -> None:
    problem = small_problem(0, Shape(parts=4, sites=(6, 2)))
    reached = set(zip(problem.walk.part.tolist(), problem.walk.site.tolist(), strict=True))
    part, site = next((i, j) for i in range(4) for j in range(6) if (i, j) not in reached)
    chosen = np.full(4, -1)
    chosen[part] = site
    with pytest.raises(ValueError, match=f"c{part}#1"):
        arc_of_part(problem, chosen)
