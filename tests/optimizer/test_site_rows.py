"""Side rules against brute force: the bound never lies, plans keep every rule, the referee rejects what breaks one."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from optimizer.accounts import all_coefficients, books
from optimizer.bound import dropped_rules, lower_bound
from optimizer.check import check_plan
from optimizer.multipliers import Multipliers, Scenario
from optimizer.plan import Flows, OpenSites, Plan, SolveReport
from optimizer.problem import Problem, SiteStatus
from optimizer.row_builders import (
    at_least_open,
    at_most_open,
    budget,
    land_cap,
    shared_parcels,
    spacing,
)
from optimizer.row_repair import closable, lawful_sites, with_minimums
from optimizer.site_rows import SiteRow
from optimizer.siting import SiteSettings, Siting, site_network
from tests.optimizer.brute_force import optimum, plan_cost
from tests.optimizer.ruled_problems import (
    CASES,
    PLAIN,
    built_cny,
    built_m2,
    case,
    coordinates,
    with_status,
)
from tests.optimizer.small_problems import Shape, small_problem
from tests.optimizer.test_bound import no_multipliers, random_multipliers

QUICK = SiteSettings(iterations=160, rounds=1, processes=1, time_limit_s=600.0)
FAR_SHARE = 0.6


@cache
def sited(name: str, seed: int) -> tuple[Problem, float, Siting]:
    found = case(name, seed)
    assert found.best is not None
    return found.problem, found.best.cost_cny_per_year, site_network(found.problem, QUICK)


def noise(value: float) -> float:
    return 1e-6 * abs(value) + 0.1


# -- bound and search against the optimum --------------------------------------------------------------------

@pytest.mark.parametrize(("name", "seed"), CASES)
def test_random_prices_never_pass_the_optimum(name: str, seed: int) -> None:
    found = case(name, seed)
    assert found.best is not None
    problem, best, rng = found.problem, found.best.cost_cny_per_year, np.random.default_rng(seed)
    coefficients = all_coefficients(problem)
    for _ in range(30):
        value = lower_bound(problem, coefficients, random_multipliers(problem, rng), np.inf).value_cny_per_year
        assert value <= best + noise(best)


@pytest.mark.parametrize(("name", "seed"), CASES)
def test_small_problems_are_solved_to_the_optimum(name: str, seed: int) -> None:
    """Unless people would walk past a nearer site in the optimum: then the plan may cost more, never less."""
    problem, best, siting = sited(name, seed)
    found = case(name, seed).best
    assert found is not None
    objective, bound = siting.plan.report.objective_cny_per_year, siting.plan.report.bound_cny_per_year
    assert bound is not None
    assert bound <= best + noise(best)
    assert objective >= best - noise(best)
    if not check_plan(problem, found.plan):
        assert objective <= best + max(noise(best), 2.0)


@pytest.mark.parametrize(("name", "seed"), CASES)
def test_the_search_keeps_the_rules(name: str, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the programme that solves small problems outright: lawful, never below the optimum, not far above.

    Not far: within FAR_SHARE of what leaving everybody unserved costs; a town of five points allows few moves.
    """
    monkeypatch.setattr("optimizer.siting.is_small", lambda _: False)
    found = case(name, seed)
    assert found.best is not None
    problem, best = found.problem, found.best.cost_cny_per_year
    siting = site_network(problem, QUICK)
    assert [v for v in check_plan(problem, siting.plan) if v.code != "nearer_site_has_room"] == []
    objective = siting.plan.report.objective_cny_per_year
    assert objective == pytest.approx(plan_cost(problem, siting.plan), rel=1e-9, abs=1e-2)
    assert objective >= best - noise(best)
    nobody = problem.demand.generated_t_per_day.sum() * problem.participation_share
    assert objective - best <= FAR_SHARE * nobody * problem.network.money.unserved_cny_per_t * 365.0


@pytest.mark.parametrize("name", ["budget 50 %", "counts", "spacing"])
def test_prices_of_rules_lift_the_bound(name: str) -> None:
    """With the rules' prices set to zero the same multipliers prove less, in the cases where a rule binds."""
    lifted = 0
    for seed in (0, 1, 2):
        problem, _, siting = sited(name, seed)
        plain = replace(siting.multipliers, scenarios=tuple(
            replace(s, row=np.zeros(len(problem.site_rows))) for s in siting.multipliers.scenarios))
        coefficients, ceiling = all_coefficients(problem), siting.plan.report.objective_cny_per_year
        lifted += (lower_bound(problem, coefficients, siting.multipliers, ceiling).value_cny_per_year
                   > lower_bound(problem, coefficients, plain, ceiling).value_cny_per_year + 1.0)
    assert lifted >= 1


def test_no_side_rule_is_left_out_of_the_bound() -> None:
    for name in ("everything", "land", "counts"):
        assert set(dropped_rules(case(name, 0).problem)) <= {"single_sourcing_of_sites", "volume_of_last_tier",
                                                            "single_sites_of_last_tier"}


def test_a_budget_priced_by_hand() -> None:
    """One new site per tier, all too dear to open: the unserved penalty less price x budget."""
    problem = small_problem(0, Shape(parts=2, sites=(1, 1, 1), sizes=1))
    problem = replace(problem, site_rows=(budget(problem, 1000.0, "budget"),))
    free = no_multipliers(problem).scenarios[0]
    base = no_multipliers(problem)
    dear = replace(base, scenarios=(free, replace(free, row=np.array([5.0]))))  # 5 CNY a year for a yuan of budget
    unserved = problem.demand.generated_t_per_day.sum() * 0.8 * 300.0 * 365.0
    found = lower_bound(problem, all_coefficients(problem), dear, np.inf)
    assert found.scenario_cny_per_year[1] == pytest.approx(unserved - 5.0 * 1000.0, rel=1e-6)


# -- rows and their arithmetic -------------------------------------------------------------------------------

def any_open(problem: Problem, rng: np.random.Generator) -> tuple[OpenSites, ...]:
    """Random open sites of all tiers in allowed sizes."""
    out = []
    for sites in problem.sites:
        site = np.flatnonzero((rng.random(len(sites)) < 0.5) & sites.allowed.any(axis=1))
        size = np.array([rng.choice(np.flatnonzero(sites.allowed[j])) for j in site], dtype=np.int64)
        out.append(OpenSites(site, size))
    return tuple(out)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_rows_say_what_the_rules_mean(seed: int) -> None:
    """Counts, land and build cost of random open sites, added up one by one."""
    problem, rng = small_problem(seed % 50, Shape(sites=(5, 4, 3), existing=((1, 2, SiteStatus.KEEP),))), None
    problem = with_status(problem, 0, 1, SiteStatus.REQUIRED)
    rng = np.random.default_rng(seed)
    rows = (at_least_open(problem, 0, 0, 1, "a"), at_most_open(problem, 1, None, 2, "b"),
            land_cap(problem, None, None, 300.0, "c"), land_cap(problem, 2, 1, 50.0, "d"), budget(problem, 1e6, "e"))
    problem = replace(problem, site_rows=rows)
    opened = any_open(problem, rng)
    in_zone = [o.site[problem.sites[n].zone_of[o.site] == z] for n, o in enumerate(opened) for z in (0, 1)]
    expected = [len(in_zone[0]), len(opened[1].site), built_m2(problem, opened, (1, 2)), 100.0 * len(in_zone[5]),
                built_cny(problem, opened)]
    found = problem.rows.own_values(opened)
    assert found.tolist() == pytest.approx(expected)
    broken = {problem.site_rows[n].clause for n in problem.rows.broken(problem.rows.values(opened))}
    wrong = {row.clause for row, value in zip(rows, expected, strict=True)
             if (value > row.limit if row.sense == "<=" else value < row.limit)}
    assert broken == wrong


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_a_change_of_one_site_changes_the_values_by_as_much(seed: int) -> None:
    problem, rng = case("everything", seed % 3).problem, np.random.default_rng(seed)
    opened, tier = any_open(problem, rng), int(rng.integers(0, 3))
    sizes = opened[tier].size_of(len(problem.sites[tier]))
    site = int(rng.integers(0, len(sizes)))
    after = sizes.copy()
    after[site] = int(rng.integers(-1, problem.sites[tier].allowed.shape[1]))
    moved = OpenSites(np.flatnonzero(after >= 0), after[after >= 0])
    changed = tuple(moved if n == tier else o for n, o in enumerate(opened))
    rows = problem.rows
    delta = rows.change(tier, site, int(sizes[site]), int(after[site]))
    assert rows.values(opened) + delta == pytest.approx(rows.values(changed), abs=1e-6)


def test_charges_are_prices_times_amounts() -> None:
    problem = case("everything", 0).problem
    price = np.random.default_rng(0).uniform(0, 10, len(problem.site_rows))
    for tier, sites in enumerate(problem.sites):
        expected = np.zeros(sites.allowed.shape)
        for row, each in zip(problem.site_rows, price, strict=True):
            sign = 1.0 if row.sense == "<=" else -1.0
            for level, j, k, amount in zip(row.tier, row.site, row.size, row.amount, strict=True):
                if level == tier:
                    expected[j, k] += sign * each * amount
        charge = problem.rows.charge(tier, price)
        assert (np.zeros(expected.shape) if charge is None else charge) == pytest.approx(expected)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), min_m=st.floats(50, 900))
def test_spacing_covers_every_pair_with_cliques(seed: int, min_m: float) -> None:
    """Two sites share a row exactly when they are too near, and all sites of a row are too near to each other."""
    problem = small_problem(seed % 40, Shape(sites=(12, 2, 2)))
    x_m, y_m = coordinates(problem, 0, seed)
    rows = spacing(problem, 0, min_m, x_m, y_m, "apart")
    near = nx.Graph()
    near.add_edges_from((a, b) for a in range(12) for b in range(a)
                        if np.hypot(x_m[a] - x_m[b], y_m[a] - y_m[b]) < min_m)
    covered = nx.Graph()
    for row in rows:
        members = sorted(set(row.site.tolist()))
        assert row.limit == 1.0
        covered.add_edges_from((a, b) for a in members for b in members if b < a)
    assert {frozenset(e) for e in covered.edges} == {frozenset(e) for e in near.edges}


def test_sites_that_must_both_stay_are_excused_from_spacing() -> None:
    problem = small_problem(0, Shape(sites=(3, 2, 2), existing=((0, 0, SiteStatus.KEEP), (0, 1, SiteStatus.KEEP))))
    rows = spacing(problem, 0, 1e4, np.zeros(3), np.zeros(3), "apart")
    assert sorted(sorted(set(row.site.tolist())) for row in rows) == [[0, 2], [1, 2]]


def test_parcels_that_hold_everything_need_no_rule() -> None:
    problem = small_problem(0, Shape(shared_parcels=True))
    assert len(shared_parcels(problem)) == 2  # 150 m2 and two buildings of 100 m2
    wide = replace(problem, sites=tuple(replace(s, area_m2=np.full(len(s), 200.0)) for s in problem.sites))
    assert shared_parcels(wide) == ()


@pytest.mark.parametrize("fault", [
    {"site": np.array([9])}, {"size": np.array([-1])}, {"tier": np.array([3])}, {"amount": np.array([np.nan])},
    {"limit": np.inf}, {"amount": np.ones(2)}])
def test_rows_that_do_not_fit_are_refused(fault: dict[str, object]) -> None:
    problem, one = small_problem(0), np.zeros(1, dtype=np.int64)
    row = SiteRow("budget", "key", "all", one, one, one, np.ones(1), 1.0, "<=", "cny")
    with pytest.raises(ValueError, match="row 'key'"):
        replace(problem, site_rows=(replace(row, **fault),))


# -- the referee ---------------------------------------------------------------------------------------------

def nothing_served(problem: Problem, opened: tuple[OpenSites, ...]) -> Plan:
    none, materials = np.empty(0, dtype=np.int64), len(problem.network.materials)
    flows = tuple(Flows(none, none, np.empty((0, materials))) for _ in problem.legs)
    return Plan(opened, np.full(len(problem.demand.part_ids), -1), flows, SolveReport("feasible", 0.0, None))


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_the_referee_names_exactly_the_broken_rules(seed: int) -> None:
    problem = case(("everything", "counts", "land", "spacing", "required")[seed % 5], seed % 3).problem
    opened = any_open(problem, np.random.default_rng(seed))
    found = sorted((v.code, v.subject_id) for v in check_plan(problem, nothing_served(problem, opened))
                   if v.code not in ("idle_site", "below_min_throughput", "required_site_closed"))
    expected = []
    for row in problem.site_rows:
        entries = {(int(t), int(j), int(k)): a for t, j, k, a in zip(row.tier, row.site, row.size, row.amount,
                                                                    strict=True)}
        value = sum(entries.get((n, int(j), int(k)), 0.0) for n, o in enumerate(opened)
                    for j, k in zip(o.site, o.size, strict=True))
        if value > row.limit * (1 + 1e-7) if row.sense == "<=" else value < row.limit:
            expected.append((row.code, row.subject_id))
    assert found == sorted(expected)


def test_a_required_site_left_out_is_rejected() -> None:
    problem = case("required", 0).problem
    nothing = OpenSites(np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64))
    found = {(v.code, v.subject_id) for v in check_plan(problem, nothing_served(problem, (nothing,) * 3))}
    assert {("required_site_closed", "0-0"), ("required_site_closed", "1-1")} <= found


def test_a_required_site_pays_for_being_built() -> None:
    problem = small_problem(3, PLAIN)
    required = with_status(problem, 1, 0, SiteStatus.REQUIRED)
    kept = with_status(problem, 1, 0, SiteStatus.KEEP)
    cost = [all_coefficients(p).open_cny_per_year[1][0] for p in (problem, required, kept)]
    assert cost[0].tolist() == cost[1].tolist()
    assert (cost[2] < cost[1]).all()


# -- repair --------------------------------------------------------------------------------------------------

@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_minimums_are_met_without_breaking_a_rule(seed: int) -> None:
    problem = small_problem(seed % 60, PLAIN)
    problem = replace(problem, site_rows=(at_least_open(problem, 0, 1, 2, "a"), at_least_open(problem, 1, 0, 1, "b"),
                                          at_most_open(problem, 0, None, 5, "c")))
    none = OpenSites(np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64))
    opened = with_minimums(problem, all_coefficients(problem), (none,) * 3, range(3))
    assert lawful_sites(problem, opened)
    assert [len(o.site) for o in opened] == [2, 1, 0]
    idle = np.ones(len(opened[0].site), dtype=bool)
    assert not closable(problem, opened, 0, idle).any()


def test_rules_cost_what_they_should() -> None:
    """More rules never make the optimum cheaper, and a wide limit changes nothing."""
    problem = small_problem(1, PLAIN)
    free = optimum(problem)
    assert free is not None
    wide = optimum(replace(problem, site_rows=(budget(problem, 1e9, "budget"),)))
    tight = optimum(replace(problem, site_rows=(budget(problem, 0.5 * built_cny(problem, free.plan.open_sites), "b"),)))
    assert wide is not None
    assert tight is not None
    assert wide.cost_cny_per_year == pytest.approx(free.cost_cny_per_year, rel=1e-6)
    assert tight.cost_cny_per_year > free.cost_cny_per_year
    assert books(problem, free.plan).objective_cny_per_year == pytest.approx(free.cost_cny_per_year, rel=1e-6)


def test_multipliers_without_prices_of_rules_are_refused() -> None:
    problem = case("counts", 0).problem
    start = no_multipliers(problem)
    short = Scenario(start.scenarios[0].part_price, start.scenarios[0].end_price)
    with pytest.raises(ValueError, match="shape"):
        lower_bound(problem, all_coefficients(problem), Multipliers((short,), start.link_part, start.link_site,
                                                                    start.link_value, start.site_per_t,
                                                                    start.site_per_m3), np.inf)
