"""Types of points: household caps by size, and what is refused by name."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from pydantic import ValidationError

from optimizer.accounts import all_coefficients, books
from optimizer.check import check_plan
from optimizer.check_sanity import SANITY_CODES
from optimizer.nearest import nearest_assignment
from optimizer.network import Network
from optimizer.problem import Problem
from optimizer.siting import SiteSettings, site_network
from optimizer.solvers.whole_model import solve_whole
from tests.optimizer.brute_force_types import typed_optimum
from tests.optimizer.small_problems import Shape, small_problem

QUICK = SiteSettings(iterations=150, rounds=2, processes=1, time_limit_s=600.0)


def typed(seed: int, caps: tuple[float | None, ...] = (450.0, None)) -> Problem:
    """A problem whose first-tier sizes are a terminal for few households and a staffed point."""
    problem = small_problem(seed, Shape(sites=(4, 2, 2), parts=6, households_cap=1200.0))
    low = problem.network.tiers[0]
    sizes = tuple(s.model_copy(update={"max_households": c}) for s, c in zip(low.sizes, caps, strict=True))
    tiers = (low.model_copy(update={"sizes": sizes}), *problem.network.tiers[1:])
    return replace(problem, network=problem.network.model_copy(update={"tiers": tiers}))


def test_the_tighter_cap_counts() -> None:
    assert typed(0).household_caps.tolist() == [450.0, 1200.0]
    assert typed(0, (1500.0, None)).household_caps.tolist() == [1200.0, 1200.0]
    assert replace(typed(0), max_households_per_site=None).household_caps.tolist() == [450.0, np.inf]


@pytest.mark.parametrize("seed", range(5))
def test_plans_keep_the_caps_and_the_whole_model_is_the_optimum(seed: int) -> None:
    problem = typed(seed)
    best = typed_optimum(problem)
    siting = site_network(problem, QUICK)
    assert {v.code for v in check_plan(problem, siting.plan)} <= SANITY_CODES
    assert siting.bound.value_cny_per_year <= best + 1e-6 * abs(best) + 1.0
    assert siting.plan.report.objective_cny_per_year >= best - 1e-6 * abs(best) - 1.0
    whole = solve_whole(problem, all_coefficients(problem), time_limit_s=30.0)
    assert whole is not None
    assert books(problem, whole).objective_cny_per_year == pytest.approx(best, rel=1e-6, abs=2.0)


def test_caps_bind_somewhere() -> None:
    """Without the caps of sizes the optimum is cheaper in some of the problems: the test above tests something."""
    assert any(typed_optimum(typed(seed, (None, None))) < typed_optimum(typed(seed)) - 100.0 for seed in range(5))


def test_the_referee_counts_households_against_the_size() -> None:
    problem = typed(1)
    siting = site_network(problem, QUICK)
    opened = siting.plan.open_sites[0]
    households = np.bincount(siting.plan.site_of_part[siting.plan.site_of_part >= 0],
                             weights=problem.demand.households[siting.plan.site_of_part >= 0],
                             minlength=len(problem.sites[0]))
    at = int(np.flatnonzero(households[opened.site] > 450.0)[0])
    size = opened.size.copy()
    size[at] = 0
    allowed = np.ones_like(problem.sites[0].allowed)
    wide = replace(problem, sites=(replace(problem.sites[0], allowed=allowed), *problem.sites[1:]))
    forged = replace(siting.plan, open_sites=(replace(opened, size=size), *siting.plan.open_sites[1:]))
    assert "over_households" in {v.code for v in check_plan(wide, forged)}


def test_residents_fill_a_terminal_up_to_its_own_cap() -> None:
    problem = typed(2)
    size = np.full(4, -1)
    size[0] = 0
    used = nearest_assignment(problem, size) == 0
    assert problem.demand.households[used].sum() <= 450.0 * (1 + 1e-8)


@pytest.mark.parametrize(("tier", "change", "text"), [
    (0, {"accepts": ("m0",)}, "must accept every material"),
    (1, {"max_households": 10.0}, "is for the first tier"),
    (2, {"street_classes": ("residential",)}, "is for the first tier"),
])
def test_what_a_size_cannot_be_is_refused_by_name(tier: int, change: dict[str, object], text: str) -> None:
    document = small_problem(0).network.model_dump()
    document["tiers"] = [{**t, "sizes": [dict(s) for s in t["sizes"]]} for t in document["tiers"]]
    document["tiers"][tier]["sizes"][1].update(change)
    with pytest.raises(ValidationError, match=text):
        Network.model_validate(document)
