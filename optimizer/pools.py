"""Limits that sites of the first tier share: room at their station, room at the last tier."""

from __future__ import annotations

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


def last_tier_limits(problem: Problem, sizes: Int) -> tuple[Float, Float]:
    """Limits on captured tonnes from open sites of the last tier: coefficients [R, M] and t/day [R].

    `sizes` lists the size of each open site. By max-flow min-cut the materials fit exactly if, for every set of accept
    lists, what only these lists accept is within their capacity.
    """
    level = len(problem.sites) - 1
    accepts, capacity = problem.accepts(level)[sizes], problem.capacity_t_per_day(level)[sizes]
    materials = len(problem.network.materials)
    passed = np.prod([problem.passed_share(below) for below in range(level)], axis=0)
    patterns, member = np.unique(accepts.reshape(-1, materials), axis=0, return_inverse=True)
    room = np.bincount(member.ravel(), weights=capacity, minlength=len(patterns))
    coefficients, limits = [], []
    for chosen in range(2 ** len(patterns)):
        inside = ((chosen >> np.arange(len(patterns))) & 1).astype(bool)
        only_here = ~patterns[~inside].any(axis=0)
        if only_here.any():
            coefficients.append(np.where(only_here, passed, 0.0))
            limits.append(float(room[inside].sum()))
    return np.array(coefficients).reshape(-1, materials), np.array(limits)


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
