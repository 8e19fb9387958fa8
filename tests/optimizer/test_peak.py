"""The peak day: as if every site were smaller by the factor, in search, bound and check; costs are the mean day's."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from optimizer.accounts import all_coefficients, books
from optimizer.bound import lower_bound
from optimizer.check import check_plan
from optimizer.check_sanity import SANITY_CODES
from optimizer.network import Network
from optimizer.problem import Problem
from optimizer.siting import SiteSettings, site_network
from tests.optimizer.brute_force import optimum
from tests.optimizer.small_problems import Shape, small_problem

FACTOR = 1.6
QUICK = SiteSettings(iterations=100, rounds=2, processes=1, time_limit_s=600.0)


def smaller(network: Network, factor: float) -> Network:
    """The network with every capacity divided by a factor, written out size by size."""
    tiers = []
    for tier in network.tiers:
        sizes = [s.model_copy(update={
            "capacity_t_per_day": s.capacity_t_per_day / factor,
            "capacity_m3_per_day": None if s.capacity_m3_per_day is None else s.capacity_m3_per_day / factor})
            for s in tier.sizes]
        tiers.append(tier.model_copy(update={"sizes": tuple(sizes)}))
    return network.model_copy(update={"tiers": tuple(tiers)})


def solved(problem: Problem) -> tuple[float, float, list[str]]:
    """Objective, bound and faults of a plan for a problem."""
    found = site_network(problem, QUICK)
    bound = lower_bound(problem, all_coefficients(problem), found.multipliers,
                        books(problem, found.plan).objective_cny_per_year)
    faults = [v.code for v in check_plan(problem, found.plan) if v.code not in SANITY_CODES]
    return books(problem, found.plan).objective_cny_per_year, bound.value_cny_per_year, faults


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("shape", [Shape(sites=(3, 2, 2)), Shape(sites=(4, 3)),
                                   Shape(sites=(3, 2, 2), volume_caps=False)], ids=["three", "two", "tonnes"])
def test_the_optimum_is_that_of_smaller_sites(shape: Shape, seed: int) -> None:
    """Enumerating all plans of the smaller network gives the optimum: the bound stays below it, the plan above."""
    problem = small_problem(seed, shape)
    best = optimum(replace(problem, network=smaller(problem.network, FACTOR)))
    assert best is not None
    objective, bound, faults = solved(replace(problem, peak_factor=FACTOR))
    assert faults == []
    scale = max(1.0, abs(best.cost_cny_per_year))
    assert bound <= best.cost_cny_per_year + 1e-6 * scale
    assert objective >= best.cost_cny_per_year - 1e-6 * scale
    whole = optimum(problem)
    assert whole is not None
    assert whole.cost_cny_per_year <= best.cost_cny_per_year + 1e-9 * scale


def test_a_plan_of_the_mean_day_is_too_full_on_the_peak_day() -> None:
    """Sites filled to more than 1 / factor of their room are refused once the peak is asked for."""
    refused = 0
    for seed in range(4):
        problem = small_problem(seed, Shape(sites=(3, 2, 2), households_cap=None))
        plan = site_network(problem, QUICK).plan
        fullest = 0.0
        for level, opened in enumerate(plan.open_sites):
            entering = np.zeros((len(problem.sites[level]), len(problem.network.materials)))
            if level == 0:
                arcs = [int(np.flatnonzero((problem.walk.part == i) & (problem.walk.site == s))[0])
                        for i, s in enumerate(plan.site_of_part) if s >= 0]
                np.add.at(entering, problem.walk.site[arcs], problem.captured_t_per_day[arcs])
            else:
                flow = plan.flows[level - 1]
                np.add.at(entering, flow.destination, flow.t_per_day)
            tonnes = entering.sum(axis=1)[opened.site]
            if len(opened.site):
                fullest = max(fullest, float((tonnes / problem.capacity_t_per_day(level)[opened.size]).max()))
        faults = {v.code for v in check_plan(replace(problem, peak_factor=FACTOR), plan)} - SANITY_CODES
        if fullest > (1.0 + 1e-6) / FACTOR:
            assert faults
            refused += 1
    assert refused
