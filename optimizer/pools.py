"""Limits that sites of the first tier share: room at their station, room at the last tier."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from optimizer.first_tier import FirstTier
from optimizer.plan import OpenSites
from optimizer.problem import Problem

Float = NDArray[np.float64]
Int = NDArray[np.int64]


@dataclass(frozen=True)
class Pools:
    """Shared limits above the first tier: each arc draws from the pools of its site's station and of the last tier."""

    draw: Float
    """What an arc takes of each pool if used, [E, R] in FirstTier order."""
    limit: Float
    """[R]."""


def tier_limits(problem: Problem, level: int, sizes: Int) -> tuple[Float, Float]:
    """Limits that open sites of a tier put on captured tonnes: coefficients [R, M] and their limits [R].

    `sizes` lists the size of each open site. What only some accept lists take must fit into the sites that have them;
    by max-flow min-cut that is exact for mass alone, and necessary where mass and volume bind at once.
    """
    materials = len(problem.network.materials)
    accepts = problem.accepts(level)[sizes].reshape(-1, materials)
    patterns, member = np.unique(accepts, axis=0, return_inverse=True)
    passed = np.prod([problem.passed_share(below) for below in range(level)], axis=0)
    bulk = passed * problem.m3_per_t(problem.network.tiers[level].state)
    mass, volume = problem.capacity_t_per_day(level)[sizes], problem.capacity_m3_per_day(level)[sizes]
    rows, room = [], []
    for inside in itertools.product([False, True], repeat=len(patterns)):
        chosen = np.array(inside, dtype=bool)
        only_here = ~patterns[~chosen].any(axis=0)
        for per_t, capacity in ((passed, mass), (bulk, volume)):
            most = float(capacity[chosen[member.ravel()]].sum())
            if only_here.any() and np.isfinite(most):
                rows.append(np.where(only_here, per_t, 0.0))
                room.append(most)
    return np.array(rows).reshape(-1, materials), np.array(room)


def last_tier_limits(problem: Problem, sizes: Int) -> tuple[Float, Float]:
    """The limits of the last tier's open sites, see tier_limits."""
    return tier_limits(problem, len(problem.sites) - 1, sizes)


def last_tier_pools(problem: Problem, tier: FirstTier, sizes: Int) -> Pools:
    """The last tier's limits as pools of the walking arcs."""
    coefficients, limits = last_tier_limits(problem, sizes)
    return Pools(problem.captured_t_per_day[tier.arc] @ coefficients.T, limits)


def pools_of(problem: Problem, tier: FirstTier, upper: tuple[OpenSites, ...], station_of_site: Int) -> Pools:
    """Pools of the open sites of tiers 1 and up when each site of the first tier uses a given open station.

    `station_of_site` [J_0] is a position in upper[0].
    """
    end = last_tier_pools(problem, tier, upper[-1].size)
    opened = upper[0]
    q = problem.captured_t_per_day[tier.arc]
    mass = q.sum(axis=1)
    bulk = q @ problem.m3_per_t(problem.network.tiers[1].state)
    here = station_of_site[tier.site][:, None] == np.arange(len(opened.site))[None, :]
    volume = problem.capacity_m3_per_day(1)[opened.size]
    limited = np.flatnonzero(np.isfinite(volume))
    draw = np.concatenate([np.where(here, mass[:, None], 0.0), np.where(here, bulk[:, None], 0.0)[:, limited],
                           end.draw], axis=1)
    return Pools(draw, np.concatenate([problem.capacity_t_per_day(1)[opened.size], volume[limited], end.limit]))
