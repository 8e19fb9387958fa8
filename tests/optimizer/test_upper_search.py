"""Exchanges of upper sites: no worse than the start, lawful, and locally best (every small change tried by hand)."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from optimizer.accounts import all_coefficients
from optimizer.plan import OpenSites
from optimizer.problem import Problem
from optimizer.solvers.last_tonnes import worth_of_last
from optimizer.solvers.upper_search import improve_upper, upper_cost
from optimizer.solvers.upper_tiers import Supply
from tests.optimizer.small_problems import Shape, small_problem

SHAPE = Shape(parts=9, sites=(6, 5, 3), volume_caps=False)


def everything(problem: Problem) -> Supply:
    """What comes up when every part uses its nearest site."""
    walk = problem.walk
    load = np.zeros((len(problem.sites[0]), len(problem.network.materials)))
    for part in range(len(problem.demand.part_ids)):
        arcs = np.flatnonzero(walk.part == part)
        if len(arcs):
            arc = arcs[np.argmin(walk.distance_m[arcs])]
            load[walk.site[arc]] += problem.captured_t_per_day[arc]
    used = np.flatnonzero(load.sum(axis=1) > 0.0)
    return Supply(used, load[used])


def open_sites(choice: tuple[int, ...]) -> OpenSites:
    """From a size per site, -1 where closed."""
    size = np.array(choice)
    return OpenSites(np.flatnonzero(size >= 0), size[size >= 0])


def choices(problem: Problem, level: int) -> list[tuple[int, ...]]:
    """Every way to open sites of a tier, but for none at all."""
    ways = [(-1, *np.flatnonzero(row).tolist()) for row in problem.sites[level].allowed]
    return [choice for choice in itertools.product(*ways) if max(choice) >= 0]


@pytest.mark.parametrize("seed", range(8))
def test_no_small_change_is_better(seed: int) -> None:
    problem = small_problem(seed, SHAPE)
    coefficients, supply = all_coefficients(problem), everything(problem)
    largest = tuple(open_sites(tuple(np.where(row.any(), row.size - 1 - np.argmax(row[::-1]), -1)
                                     for row in problem.sites[level].allowed)) for level in (1, 2))
    start = upper_cost(problem, coefficients, largest, supply)
    found = improve_upper(problem, coefficients, largest, supply)
    value = upper_cost(problem, coefficients, found, supply)
    if not np.isfinite(start):
        pytest.skip("the loads do not fit even the largest sites")
    assert value <= start
    for level in (1, 2):
        now = found[level - 1].size_of(len(problem.sites[level]))
        for choice in choices(problem, level):
            if (np.array(choice) != now).sum() == 1:  # opens, closes or resizes one site
                tiers = (open_sites(choice), found[1]) if level == 1 else (found[0], open_sites(choice))
                assert value <= upper_cost(problem, coefficients, tiers, supply) + 1.0


@pytest.mark.parametrize("seed", range(4))
def test_tiers_too_small_for_the_loads_are_enlarged(seed: int) -> None:
    """From one smallest site per tier; where one more or larger station and centre would do, something is found."""
    problem = small_problem(seed, SHAPE)
    coefficients, supply = all_coefficients(problem), everything(problem)
    least = tuple(open_sites((int(np.argmax(sites.allowed[0])), *([-1] * (len(sites) - 1))))
                  for sites in problem.sites[1:])
    reachable = [tiers for tiers in itertools.product(choices(problem, 1), [least[1]])
                 if np.isfinite(upper_cost(problem, coefficients, (open_sites(tiers[0]), tiers[1]), supply))
                 and sum(k >= 0 for k in tiers[0]) <= 2]
    found = improve_upper(problem, coefficients, least, supply)
    assert bool(reachable) <= bool(np.isfinite(upper_cost(problem, coefficients, found, supply)))


def test_the_last_tonnes_are_worth_what_they_earn_at_the_worst_site() -> None:
    """A way that is cheaper by 1,000 a tonne makes them worth 1,000 more; one load with a dear way sets the price."""
    problem = small_problem(3, SHAPE)
    coefficients, supply = all_coefficients(problem), everything(problem)
    mass = supply.t_per_day.sum(axis=1)

    def worth(path_per_t: np.ndarray, share: float) -> float:
        return worth_of_last(problem, coefficients, supply.site, supply.t_per_day, path_per_t * mass, share)

    even = np.full(len(mass), -1e7)  # ways that earn much, so that nothing is worth less than nothing
    assert worth(even - 1000.0, 0.03) == pytest.approx(worth(even, 0.03) + 1000.0)
    dear = even.copy()
    dear[0] += 5e6
    part = mass[0] / mass.sum()
    assert worth(dear, 1.0) == pytest.approx(worth(even, 1.0) - 5e6 * part)
    assert worth(dear, part / 2.0) <= worth(even, part / 2.0) - 4e6
