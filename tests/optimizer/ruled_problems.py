"""Tiny problems with side rules that bind: limits are set from the optimum without rules."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from optimizer.plan import OpenSites
from optimizer.problem import Problem, SiteStatus
from optimizer.row_builders import at_least_open, at_most_open, budget, land_cap, spacing
from tests.optimizer.brute_force import Optimum, optimum
from tests.optimizer.small_problems import Shape, small_problem

PLAIN = Shape(parts=6, sites=(5, 4, 3))


@dataclass(frozen=True)
class Case:
    """A problem with rules and its exact optimum (None where no plan keeps them)."""

    problem: Problem
    best: Optimum | None


def built_cny(problem: Problem, opened: tuple[OpenSites, ...]) -> float:
    """Build cost of the sites that do not exist yet, added up one by one."""
    return sum(problem.network.tiers[level].sizes[size].build_cost_cny * _share(problem, level, site)
               for level, sites in enumerate(opened)
               for site, size in zip(sites.site.tolist(), sites.size.tolist(), strict=True)
               if problem.sites[level].status[site] in (SiteStatus.NEW, SiteStatus.REQUIRED))


def _share(problem: Problem, level: int, site: int) -> float:
    share = problem.sites[level].build_share
    return 1.0 if share is None else float(share[site])


def built_m2(problem: Problem, opened: tuple[OpenSites, ...], levels: tuple[int, ...]) -> float:
    """Land of the open sites of some tiers."""
    return sum(problem.network.tiers[level].sizes[size].area_m2
               for level in levels for size in opened[level].size.tolist())


def coordinates(problem: Problem, tier: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Random metric coordinates of a tier's candidates within one kilometre."""
    rng = np.random.default_rng(1000 + seed)
    return rng.uniform(0, 1000, len(problem.sites[tier])), rng.uniform(0, 1000, len(problem.sites[tier]))


def with_status(problem: Problem, tier: int, site: int, status: SiteStatus, sizes: list[int] | None = None) -> Problem:
    """The problem with one site of another status, and only some sizes allowed there."""
    sites = problem.sites[tier]
    kind, allowed = sites.status.copy(), sites.allowed.copy()
    kind[site] = status
    if sizes is not None:
        allowed[site] = np.isin(np.arange(allowed.shape[1]), sizes)
    changed = replace(sites, status=kind, allowed=allowed)
    return replace(problem, sites=tuple(changed if n == tier else s for n, s in enumerate(problem.sites)))


def _free(seed: int, shape: Shape = PLAIN) -> tuple[Problem, Optimum]:
    problem = small_problem(seed, shape)
    best = optimum(problem)
    assert best is not None
    return problem, best


def budget_case(seed: int, share: float) -> Problem:
    """A budget of a share of what the best plan builds."""
    problem, best = _free(seed)
    return replace(problem, site_rows=(budget(problem, share * built_cny(problem, best.plan.open_sites), "budget"),))


def land_case(seed: int) -> Problem:
    """Two thirds of the land, over all tiers on land; tiers differ in area per size."""
    problem, _ = _free(seed)
    tiers = tuple(t.model_copy(update={"sizes": tuple(
        s.model_copy(update={"area_m2": 60.0 + 55.0 * n + 40.0 * level}) for n, s in enumerate(t.sizes))})
        for level, t in enumerate(problem.network.tiers))
    problem = replace(problem, network=problem.network.model_copy(update={"tiers": tiers}), site_rows=())
    best = optimum(problem)
    assert best is not None
    total = built_m2(problem, best.plan.open_sites, (1, 2))
    own = built_m2(problem, best.plan.open_sites, (0,))
    return replace(problem, site_rows=(land_cap(problem, None, None, 0.7 * total, "land"),
                                       land_cap(problem, 0, 0, 0.4 * own, "land of points")))


def count_case(seed: int) -> Problem:
    """One point fewer than the best plan has, and at least one station per zone."""
    problem, best = _free(seed)
    most = max(len(best.plan.open_sites[0].site) - 1, 0)
    return replace(problem, site_rows=(
        at_most_open(problem, 0, None, most, "most"), at_most_open(problem, 1, 0, 1, "most"),
        at_least_open(problem, 0, 1, 1, "least"), at_least_open(problem, 2, 0, 1, "least")))


def spacing_case(seed: int) -> Problem:
    """Points and stations 400 m apart."""
    problem, _ = _free(seed)
    rows = [row for tier in (0, 1) for row in spacing(problem, tier, 400.0, *coordinates(problem, tier, seed), "apart")]
    return replace(problem, site_rows=tuple(rows))


def required_case(seed: int) -> Problem:
    """A required point, a required station in one size, a forbidden point, and a count."""
    problem, _ = _free(seed, replace(PLAIN, existing=((0, 4, SiteStatus.MAY_CLOSE),)))
    size = int(np.flatnonzero(problem.sites[1].allowed[1])[-1])
    problem = with_status(problem, 0, 0, SiteStatus.REQUIRED)
    problem = with_status(problem, 1, 1, SiteStatus.REQUIRED, [size])
    problem = with_status(problem, 0, 2, SiteStatus.NEW, [])
    return replace(problem, site_rows=(at_most_open(problem, 0, None, 3, "most"),))


def everything_case(seed: int) -> Problem:
    """Budget, land, spacing, counts and a required site together."""
    problem, best = _free(seed)
    problem = with_status(problem, 0, 1, SiteStatus.REQUIRED)
    return replace(problem, site_rows=(
        budget(problem, 1.2 * built_cny(problem, best.plan.open_sites), "budget"),
        land_cap(problem, None, None, 300.0, "land"), at_least_open(problem, 0, 0, 1, "least"),
        at_most_open(problem, 0, None, 4, "most"),
        *spacing(problem, 0, 250.0, *coordinates(problem, 0, seed), "apart")))


BUILDERS = {
    "budget 80 %": lambda seed: budget_case(seed, 0.8), "budget 50 %": lambda seed: budget_case(seed, 0.5),
    "land": land_case, "counts": count_case, "spacing": spacing_case, "required": required_case,
    "everything": everything_case,
}
CASES = [(name, seed) for name in BUILDERS for seed in (0, 1, 2)]


@cache
def case(name: str, seed: int) -> Case:
    """The problem of a name and seed with its optimum."""
    problem = BUILDERS[name](seed)
    return Case(problem, optimum(problem))
