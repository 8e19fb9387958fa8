"""What minimum throughputs ask of open sites, as rules that need no flows: no more than can arrive may be asked for.

True for every lawful plan, so where these rules contradict the others there is none. They say nothing of who is served
where: a plan may be impossible although they all hold.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from optimizer.minimums import has_minimums, least_t_per_day
from optimizer.problem import Problem
from optimizer.site_rows import SiteRow

Float = NDArray[np.float64]

CLAUSE = "min_t_per_day"
ROOM = 1.0 + 1e-6
"""Relative: what the referee lets pass of a minimum."""


def with_minimum_rows(problem: Problem) -> Problem:
    """The problem with these rules among its side rules; the same where no size has a minimum."""
    if not has_minimums(problem):
        return problem
    rows = [row for level in range(len(problem.sites)) if least_t_per_day(problem, level).any()
            for row in _rows_of_tier(problem, level)]
    return replace(problem, site_rows=(*problem.site_rows, *rows))


def _rows_of_tier(problem: Problem, level: int) -> list[SiteRow]:
    """The tier as a whole, and each site of the first that could be asked for more than can walk there."""
    tier, sites, least = problem.network.tiers[level], problem.sites[level], least_t_per_day(problem, level)
    asked = sites.allowed & (least > 0.0)[None, :] & ~sites.virtual[:, None]
    rows = [_row(level, tier.id, np.argwhere(asked), least, _most_arriving_t_per_day(problem, level))]
    if level == 0:
        near = np.zeros(len(sites))
        np.add.at(near, problem.walk.site, problem.captured_t_per_day.sum(axis=1))
        short = asked & (least[None, :] > near[:, None] * ROOM)
        rows += [_row(level, sites.ids[j], np.array([(j, k) for k in np.flatnonzero(short[j])]), least, float(near[j]))
                 for j in np.flatnonzero(short.any(axis=1)).tolist()]
    return rows


def _row(level: int, subject_id: str, options: NDArray[np.int64], least: Float, most_t_per_day: float) -> SiteRow:
    site, size = options.reshape(-1, 2).T
    return SiteRow("min_throughput", CLAUSE, subject_id, np.full(len(site), level), site, size, least[size],
                   most_t_per_day * ROOM, "<=", "t_per_day")


def _most_arriving_t_per_day(problem: Problem, level: int) -> float:
    """More can never arrive at a tier: every part at its best arc, all materials, t/day."""
    best = np.zeros((len(problem.demand.part_ids), len(problem.network.materials)))
    np.maximum.at(best, problem.walk.part, problem.captured_t_per_day)
    passed = np.prod([problem.passed_share(below) for below in range(level)], axis=0)
    return float((best.sum(axis=0) * passed).sum())
