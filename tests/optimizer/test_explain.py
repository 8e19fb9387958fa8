"""Rules that cannot all hold: the group named is a smallest one, the change proposed is the smallest."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

from optimizer.explain import Explanation, MustOpen, explain
from optimizer.plan import OpenSites
from optimizer.problem import Problem, SiteStatus
from optimizer.row_builders import at_least_open, at_most_open, budget, land_cap, spacing
from optimizer.site_rows import SiteRow
from tests.optimizer.ruled_problems import CASES, case, with_status
from tests.optimizer.small_problems import Shape, small_problem

SMALL = Shape(parts=2, sites=(3, 3, 2), sizes=2)
Slack = dict[str, float]


def every_choice(problem: Problem) -> list[tuple[OpenSites, ...]]:
    """Every set of open sites and sizes that opens what must be open."""
    options = []
    for sites in problem.sites:
        for j in range(len(sites)):
            sizes = np.flatnonzero(sites.allowed[j]).tolist()
            options.append(sizes if sites.must_open[j] else [-1, *sizes])
    count = np.cumsum([0, *(len(s) for s in problem.sites)])
    return [tuple(OpenSites(np.flatnonzero(np.array(c[a:b]) >= 0), np.array(c[a:b])[np.array(c[a:b]) >= 0])
                  for a, b in itertools.pairwise(count)) for c in itertools.product(*options)]


def breaches(problem: Problem) -> np.ndarray:
    """How far every choice breaks every rule, worked out entry by entry, [choices, R]."""
    out = []
    for opened in every_choice(problem):
        on = {(n, int(j), int(k)) for n, o in enumerate(opened) for j, k in zip(o.site, o.size, strict=True)}
        out.append([max(0.0, (value - row.limit) if row.sense == "<=" else (row.limit - value))
                    for row in problem.site_rows
                    for value in [sum(a for t, j, k, a in zip(row.tier, row.site, row.size, row.amount, strict=True)
                                      if (int(t), int(j), int(k)) in on)]])
    return np.array(out)


def weight(row: SiteRow) -> float:
    return max(abs(row.limit), float(row.amount.max(initial=0.0)) or 1.0)


def clauses(found: Explanation) -> set[str]:
    return {row.clause for row in found.rules}


def conflicts() -> dict[str, Problem]:
    problem = small_problem(0, SMALL)
    many = at_least_open(problem, 0, None, 3, "three points")
    few = at_most_open(problem, 0, None, 2, "two points")
    station = at_least_open(problem, 1, 0, 2, "two stations")
    cost = min(s.build_cost_cny for s in problem.network.tiers[1].sizes)
    apart = spacing(problem, 0, 500.0, np.array([0.0, 100.0, 200.0]), np.zeros(3), "apart")
    kept = with_status(with_status(problem, 0, 0, SiteStatus.KEEP), 0, 2, SiteStatus.REQUIRED)
    return {
        "counts": replace(problem, site_rows=(station, many, few)),
        "budget": replace(problem, site_rows=(station, budget(problem, 1.2 * cost, "money"), few)),
        "land": replace(problem, site_rows=(land_cap(problem, 1, 0, 150.0, "land"), station, many)),
        "spacing": replace(problem, site_rows=(*apart, many, station)),
        "required": replace(kept, site_rows=(*spacing(kept, 0, 500.0, np.array([0.0, 100.0, 200.0]), np.zeros(3),
                                                      "apart"), station)),
        "too few": replace(problem, site_rows=(at_least_open(problem, 2, 1, 2, "two centres"), many)),
    }


GROUPS = {"counts": {"three points", "two points"}, "budget": {"two stations", "money"},
          "land": {"land", "two stations"}, "spacing": {"apart", "three points"}, "required": {"apart"},
          "too few": {"two centres"}}


@pytest.mark.parametrize("name", GROUPS)
def test_the_group_is_in_conflict_and_none_can_be_spared(name: str) -> None:
    problem = conflicts()[name]
    found = explain(problem)
    assert found is not None
    assert clauses(found) == GROUPS[name]
    group = replace(problem, site_rows=found.rules)
    assert not (breaches(group).max(axis=1) <= 1e-9).any()
    for left_out in range(len(found.rules)):
        rest = found.rules[:left_out] + found.rules[left_out + 1:]
        assert not rest or (breaches(replace(problem, site_rows=rest)).max(axis=1) <= 1e-9).any()


@pytest.mark.parametrize("name", GROUPS)
def test_the_change_is_the_smallest_and_works(name: str) -> None:
    problem = conflicts()[name]
    found = explain(problem)
    assert found is not None
    weights = np.array([weight(row) for row in problem.site_rows])
    least = (breaches(problem) / weights).sum(axis=1).min()
    asked = sum(abs(b.workable_limit - b.row.limit) / weight(b.row) for b in found.relaxation)
    assert asked == pytest.approx(least, rel=1e-6)
    limits = {id(b.row): b.workable_limit for b in found.relaxation}
    rows = tuple(replace(row, limit=limits.get(id(row), row.limit)) for row in problem.site_rows)
    assert explain(replace(problem, site_rows=rows)) is None


def test_required_sites_of_a_conflict_are_named() -> None:
    found = explain(conflicts()["required"])
    assert found is not None
    assert found.sites == (MustOpen(0, 0), MustOpen(0, 2))


def test_a_required_site_without_a_size_is_named() -> None:
    problem = with_status(small_problem(0, SMALL), 1, 1, SiteStatus.REQUIRED, [])
    found = explain(problem)
    assert found is not None
    assert found.nowhere == (MustOpen(1, 1),)


@pytest.mark.parametrize(("name", "seed"), CASES)
def test_rules_that_can_hold_need_no_word(name: str, seed: int) -> None:
    found = case(name, seed)
    assert found.best is not None
    assert explain(found.problem) is None


@pytest.mark.parametrize("seed", range(12))
def test_random_rules_against_every_choice(seed: int) -> None:
    """An explanation is given exactly where no choice of sites keeps the rules."""
    rng = np.random.default_rng(seed)
    problem = small_problem(seed, SMALL)
    cost = min(s.build_cost_cny for t in problem.network.tiers for s in t.sizes)
    rows = (at_least_open(problem, 0, None, int(rng.integers(0, 4)), "a"),
            at_least_open(problem, 1, int(rng.integers(0, 2)), int(rng.integers(0, 3)), "b"),
            at_most_open(problem, 0, 0, int(rng.integers(0, 3)), "c"),
            budget(problem, float(rng.uniform(1, 8)) * cost, "d"),
            land_cap(problem, None, None, float(rng.uniform(100, 400)), "e"),
            *spacing(problem, 0, 400.0, rng.uniform(0, 900, 3), rng.uniform(0, 900, 3), "f"))
    problem = replace(problem, site_rows=rows)
    possible = bool((breaches(problem).max(axis=1) <= 1e-9).any())
    assert (explain(problem) is None) == possible


def least_throughputs(problem: Problem, tier: int, least_t_per_day: float) -> Problem:
    """The problem with a minimum throughput in every size of a tier."""
    tiers = list(problem.network.tiers)
    sizes = tuple(size.model_copy(update={"min_t_per_day": least_t_per_day}) for size in tiers[tier].sizes)
    tiers[tier] = tiers[tier].model_copy(update={"sizes": sizes})
    return replace(problem, network=problem.network.model_copy(update={"tiers": tuple(tiers)}))


def test_minimum_throughputs_that_nothing_can_fill_are_explained() -> None:
    """Two stations asked for, each with more than half of what could arrive at all; one would do."""
    problem = small_problem(0, SMALL)
    q = problem.captured_t_per_day
    most = sum(q[problem.walk.part == part].max(axis=0) for part in np.unique(problem.walk.part)).sum()
    asked = least_throughputs(problem, 1, 0.6 * most)
    found = explain(replace(asked, site_rows=(at_least_open(asked, 1, None, 2, "two stations"),)))
    assert found is not None
    assert clauses(found) == {"two stations", "min_t_per_day"}
    assert explain(replace(asked, site_rows=(at_least_open(asked, 1, None, 1, "one station"),))) is None


def test_a_site_that_nobody_can_fill_is_named() -> None:
    problem = with_status(least_throughputs(small_problem(0, SMALL), 0, 1e6), 0, 1, SiteStatus.REQUIRED)
    found = explain(problem)
    assert found is not None
    assert clauses(found) == {"min_t_per_day"}
    assert MustOpen(0, 1) in found.sites
