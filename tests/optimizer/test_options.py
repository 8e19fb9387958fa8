"""The options of a first tier against every set of arcs that fits."""

from __future__ import annotations

import itertools
import warnings
from dataclasses import replace

import numpy as np
import pytest

from optimizer.accounts import all_coefficients
from optimizer.first_tier import FirstTier, first_tier
from optimizer.solvers.options import most_in_reach, site_options
from tests.optimizer.small_problems import Shape, small_problem


def tier_of(seed: int, limited: tuple[bool, bool, bool]) -> FirstTier:
    """Six parts, three sites, two sizes; the measures that are not limited have no capacity."""
    problem = small_problem(seed, Shape(parts=6, sites=(3, 2)))
    tier = first_tier(problem, all_coefficients(problem))
    return replace(tier, capacity=np.where(np.array(limited), tier.capacity, np.inf))


def loads_that_fit(tier: FirstTier, site: int, size: int) -> np.ndarray:
    """What every set of arcs that fits brings, [sets, D]."""
    arcs = np.arange(tier.first[site], tier.first[site + 1])
    loads = [tier.use[list(some)].sum(axis=0)
             for count in range(len(arcs) + 1) for some in itertools.combinations(arcs, count)]
    return np.array([load for load in loads if (load <= tier.capacity[size] * (1 + 1e-12)).all()])


@pytest.mark.parametrize("limited", [*itertools.product((True, False), repeat=3)])
@pytest.mark.parametrize("seed", range(3))
def test_nothing_that_fits_brings_more_than_the_most_in_reach(seed: int, limited: tuple[bool, bool, bool]) -> None:
    tier = tier_of(seed, limited)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # unlimited times nothing is no number
        most = most_in_reach(tier)
    assert np.isfinite(most).all()
    for site, size in itertools.product(range(3), range(2)):
        assert (loads_that_fit(tier, site, size).max(axis=0) <= most[site, size] * (1 + 1e-9)).all()


@pytest.mark.parametrize("seed", range(6))
def test_a_size_left_out_holds_nothing_that_a_cheaper_one_does_not(seed: int) -> None:
    tier = tier_of(seed, (True, True, False))
    options = site_options(tier)
    kept = set(zip(options.site.tolist(), options.size.tolist(), strict=True))
    assert {site for site, _ in kept} == {0, 1, 2}
    for site, size in np.argwhere(np.isfinite(tier.open_cny_per_year)).tolist():
        if (site, size) in kept:
            continue
        cheaper = [k for s, k in kept if s == site and tier.open_cny_per_year[s, k] <= tier.open_cny_per_year[s, size]]
        assert cheaper
        loads = loads_that_fit(tier, site, size)
        assert any((loads <= tier.capacity[k] * (1 + 1e-9)).all() for k in cheaper)


def test_of_sizes_without_limits_only_the_cheapest_stays() -> None:
    tier = tier_of(0, (False, False, False))
    options = site_options(tier)
    assert options.site.tolist() == [0, 1, 2]
    assert options.size.tolist() == np.argmin(tier.open_cny_per_year, axis=1).tolist()
    assert options.measures.tolist() == []
