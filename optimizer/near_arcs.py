"""Siting where every part can reach very many sites: the search looks at near ones, the bound at all of them.

Multipliers belong to parts, sites and materials and not to walking arcs: those found with few arcs are evaluated with
all arcs, so that the bound holds for the whole problem.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from optimizer.accounts import all_coefficients
from optimizer.bound import lower_bound
from optimizer.problem import Problem, Walk
from optimizer.siting import Progress, SiteSettings, Siting, gap_share, site_network

Int = NDArray[np.int64]
PROVEN_SHARE = 1e-6
"""A plan within this gap counts as optimal."""


def with_near_arcs(problem: Problem, near: int) -> Problem:
    """The problem with the `near` shortest walking arcs of every part (equally long ones by site)."""
    walk = problem.walk
    order = np.lexsort((walk.site, walk.distance_m, walk.part))
    start = np.searchsorted(walk.part[order], walk.part[order])
    kept = np.sort(order[np.arange(len(order)) - start < near])
    given = {name: array for name, array in vars(walk).items() if array is not None}
    return replace(problem, walk=Walk(**{name: array[kept] for name, array in given.items()}))


def site_by_near_arcs(problem: Problem, settings: SiteSettings, near: int,
                      on_progress: Callable[[Progress], None] = lambda _: None) -> Siting:
    """A plan found among the `near` shortest arcs of every part, with a bound over all arcs."""
    found = site_network(with_near_arcs(problem, near), settings, on_progress)
    report = found.plan.report
    bound = lower_bound(problem, all_coefficients(problem), found.multipliers, report.objective_cny_per_year)
    value = bound.value_cny_per_year if np.isfinite(bound.value_cny_per_year) else None
    gap = gap_share(problem, found.plan, value)
    proven = gap is not None and gap <= PROVEN_SHARE
    status = "feasible" if report.status == "optimal" and not proven else report.status
    report = replace(report, bound_cny_per_year=value, status=status)
    return Siting(replace(found.plan, report=report), found.multipliers, bound)
