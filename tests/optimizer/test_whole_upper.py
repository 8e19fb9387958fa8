"""The programme of the upper tiers against every choice of sites, sizes and stations."""

from __future__ import annotations

import itertools
from functools import cache

import numpy as np
import pytest

from optimizer.accounts import all_coefficients
from optimizer.network import DAYS_PER_YEAR
from optimizer.objectives import Coefficients
from optimizer.plan import OpenSites
from optimizer.problem import Problem
from optimizer.solvers.mend import mended, served
from optimizer.solvers.upper_tiers import Supply
from optimizer.solvers.whole_upper import GAP_SHARE, few_columns, whole_upper
from tests.optimizer.small_problems import Shape, small_problem


def case(seed: int, minimum: float, load: float) -> tuple[Problem, Supply]:
    """Three points, three stations, one centre; one material."""
    problem = small_problem(seed, Shape(parts=4, sites=(3, 3, 1), materials=1, min_t_per_day=minimum))
    rng = np.random.default_rng(seed)
    return problem, Supply(np.arange(3), rng.uniform(0.5, 1.0, (3, 1)) * load)


def cost_of(problem: Problem, costs: Coefficients, supply: Supply, sizes: tuple[int, ...], centre: int,
            station: tuple[int, ...]) -> float:
    """Yearly cost of stations in sizes (-1 closed), the centre in a size and points at stations; inf if not lawful."""
    total = 0.0
    arriving = np.zeros((3, 1))
    np.add.at(arriving, list(station), supply.t_per_day)
    for level, chosen, load in ((1, sizes, arriving), (2, (centre,), arriving.sum(axis=0, keepdims=True))):
        per_t = problem.m3_per_t(problem.network.tiers[level].state)
        for site, size in enumerate(chosen):
            mass = float(load[site].sum())
            if size < 0:
                if mass > 0.0:
                    return np.inf
                continue
            if not problem.sites[level].allowed[site, size]:
                return np.inf
            kind = problem.network.tiers[level].sizes[size]
            if not (kind.min_t_per_day <= mass <= kind.capacity_t_per_day
                    and float(load[site] @ per_t) <= problem.capacity_m3_per_day(level)[size]):
                return np.inf
            total += float(costs.open_cny_per_year[level][site, size])
        total += DAYS_PER_YEAR * float(load.sum(axis=0) @ costs.entering_cny_per_t[level])
    for point, to in enumerate(station):
        trips = float(supply.t_per_day[point] @ problem.trips_per_t(0))
        total += DAYS_PER_YEAR * trips * float(costs.trip_cny[0][supply.site[point], to])
    trips = arriving @ problem.trips_per_t(1)
    return total + DAYS_PER_YEAR * float(trips @ costs.trip_cny[1][:, 0])


@cache
def best_of_all(seed: int, minimum: float, load: float) -> float:
    problem, supply = case(seed, minimum, load)
    costs = all_coefficients(problem)
    return min(cost_of(problem, costs, supply, sizes, centre, station)
               for sizes in itertools.product((-1, 0, 1), repeat=3) for centre in (0, 1)
               for station in itertools.product(range(3), repeat=3))


LOADS = ((0.0, 1.0), (0.75, 0.2), (0.75, 0.5), (0.75, 1.0), (0.75, 2.0))
CASES = [(seed, minimum, load) for seed in range(4) for minimum, load in LOADS]


@pytest.mark.parametrize(("seed", "minimum", "load"), CASES)
def test_the_cheapest_lawful_tiers_are_found(seed: int, minimum: float, load: float) -> None:
    problem, supply = case(seed, minimum, load)
    assert few_columns(problem, supply)
    found, sure = whole_upper(problem, all_coefficients(problem), supply)
    best = best_of_all(seed, minimum, load)
    assert sure
    if not np.isfinite(best):
        assert found is None
        assert mended(problem, all_coefficients(problem), every_station(problem), supply) is None
        return
    assert found is not None
    stations, centre = found.open_sites
    sizes = stations.size_of(3)
    cost = cost_of(problem, all_coefficients(problem), supply, tuple(sizes.tolist()), int(centre.size[0]),
                   tuple(found.station.tolist()))
    assert best - 0.1 <= cost <= best + GAP_SHARE * abs(best) + 1.0


def every_station(problem: Problem) -> tuple[OpenSites, ...]:
    return tuple(OpenSites(np.arange(len(s)), s.allowed.argmax(axis=1)) for s in problem.sites[1:])


def test_some_cases_can_be_served_and_some_cannot() -> None:
    lawful = [np.isfinite(best_of_all(*one)) for one in CASES]
    assert len(lawful) - 5 == sum(lawful)


def test_what_is_mended_carries_all_the_loads() -> None:
    problem, supply = case(0, 0.75, 0.5)
    found = mended(problem, all_coefficients(problem), every_station(problem), supply)
    assert found is not None
    upper, flows = found
    assert flows[0].t_per_day.sum() == pytest.approx(supply.t_per_day.sum())
    assert served(problem, all_coefficients(problem), upper, supply) is not None
