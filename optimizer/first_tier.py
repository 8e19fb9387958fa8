"""The first tier seen by itself: arcs grouped by site, what each arc takes of a site's capacities, and the sizes.

A site's capacity may be counted in households, tonnes and cubic metres a day; these are the `measures`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from optimizer import knapsack
from optimizer.objectives import Coefficients
from optimizer.problem import Problem

Float = NDArray[np.float64]
Int = NDArray[np.int64]
Bool = NDArray[np.bool_]

LARGE = 1e18


@dataclass(frozen=True)
class FirstTier:
    """Arcs in order of their site; everything an algorithm on the first tier needs."""

    arc: Int
    """Row of Problem.walk of each arc, [E]."""
    part: Int
    site: Int
    first: Int
    """Arcs of site j are first[j] to first[j + 1]."""
    use: Float
    """What an arc takes of each measure if it is used, [E, D]."""
    capacity: Float
    """Capacity of each size in each measure, inf where unlimited, [K, D]."""
    open_cny_per_year: Float
    """[J, K], inf where the size is not allowed."""
    closed_cny_per_year: Float
    must_open: Bool
    families: tuple[Family, ...]
    least_t_per_day: Float
    """Minimum throughput of each size, [K]; the bound leaves it out."""

    @property
    def site_count(self) -> int:
        """Number of candidate sites."""
        return len(self.first) - 1


@dataclass(frozen=True)
class Family:
    """Sites and sizes whose knapsack is the same: the same measures against the same capacities."""

    knapsacks: knapsack.Knapsacks
    member: Bool
    """[J, K]."""


def first_tier(problem: Problem, coefficients: Coefficients) -> FirstTier:
    """The first tier of a problem, arcs sorted by site."""
    sites = problem.sites[0]
    order = np.argsort(problem.walk.site, kind="stable")
    part, site = problem.walk.part[order], problem.walk.site[order]
    first = np.searchsorted(site, np.arange(len(sites) + 1))
    use, capacity = use_of_arcs(problem, order), capacity_of_sizes(problem)
    opened = np.where(sites.allowed, coefficients.open_cny_per_year[0], np.inf)
    return FirstTier(order, part, site, first, use, capacity, opened, coefficients.closed_cny_per_year[0],
                     sites.must_open, _families(site, first, use, capacity),
                     np.array([size.min_t_per_day for size in problem.network.tiers[0].sizes]))


def use_of_arcs(problem: Problem, arcs: Int) -> Float:
    """What some walking arcs take of a site if they are used: households, t/day and m3/day, [len(arcs), 3]."""
    q = problem.captured_t_per_day[arcs]
    bulk = q @ problem.m3_per_t(problem.network.tiers[0].state)
    return np.stack([problem.demand.households[problem.walk.part[arcs]], q.sum(axis=1), bulk], axis=1)


def capacity_of_sizes(problem: Problem) -> Float:
    """Capacity of each size of the first tier in households, t/day and m3/day, inf where unlimited, [K, 3]."""
    return np.stack([problem.household_caps, problem.capacity_t_per_day(0), problem.capacity_m3_per_day(0)], 1)


def _families(site: Int, first: Int, use: Float, capacity: Float) -> tuple[Family, ...]:
    """Sites and sizes by the capacities that everybody in reach together would exceed; the others cannot bind."""
    count, (sizes, measures) = len(first) - 1, capacity.shape
    reach = np.stack([np.bincount(site, weights=use[:, d], minlength=count) for d in range(measures)], axis=1)
    binds = reach[:, None, :] > capacity[None, :, :]
    limit = np.where(binds, capacity[None, :, :], np.inf).reshape(count * sizes, measures)
    limits, member = np.unique(limit, axis=0, return_inverse=True)
    return tuple(Family(knapsack.Knapsacks(first, use / row[None, :]), (member.ravel() == n).reshape(count, sizes))
                 for n, row in enumerate(limits))


@dataclass(frozen=True)
class SiteChoices:
    """What the relaxed first tier does at given prices: value per site, arcs taken, sites opened."""

    value: Float
    """Least cost of each site, open or closed, CNY per year, [J]."""
    margin: Float
    """Cost of opening the site at its best less leaving it closed, [J]."""
    taken: Bool
    """Arcs the best opening takes, [E] in FirstTier order (all False unless picked)."""


def choose(tier: FirstTier, arc_value: Float, *, pick: bool) -> SiteChoices:
    """Each site's best answer to arc values [E] (FirstTier order)."""
    count, sizes = tier.open_cny_per_year.shape
    best = np.full(count, LARGE)
    taken = np.zeros(len(arc_value), dtype=bool)
    arcs = np.diff(tier.first)
    for family in tier.families:
        inside = family.member.any(axis=1)
        packed = knapsack.solve(family.knapsacks, np.where(np.repeat(inside, arcs), arc_value, 0.0), pick=pick)
        opened = np.where(family.member, tier.open_cny_per_year, np.inf)
        total = opened.min(axis=1) + packed.value if sizes else np.full(count, np.inf)
        better = total < best
        best = np.where(better, total, best)
        if pick:
            rows = np.repeat(better, arcs)
            taken[rows] = packed.taken[rows]
    margin = best - tier.closed_cny_per_year
    value = np.where(tier.must_open, best, tier.closed_cny_per_year + np.minimum(margin, 0.0))
    return SiteChoices(value, margin, taken)
