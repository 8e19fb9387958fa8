"""The clauses and keys of a study that speak about open sites, as side rules of the model."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from optimizer.problem import Problem
from optimizer.row_builders import at_least_open, at_most_open, budget, land_cap, shared_parcels, spacing
from optimizer.rules import ALL_TIERS, ClauseVerdict
from optimizer.site_rows import SiteRow

Float = NDArray[np.float64]

BUDGET_KEY = "study.budget_cny"
"""Clause name of the study's budget."""


def side_rules(problem: Problem, verdicts: Sequence[ClauseVerdict], budget_cny: float | None,
               xy_m: Sequence[tuple[Float, Float]]) -> tuple[SiteRow, ...]:
    """Every side rule of a study: clauses that apply, the budget, parcels that several tiers share.

    `xy_m` are metric coordinates of the candidates of every tier, for spacing.
    """
    rows = [row for verdict in verdicts if verdict.status == "applies" for row in _of_clause(problem, verdict, xy_m)]
    if budget_cny is not None:
        rows.append(budget(problem, budget_cny, BUDGET_KEY))
    return (*rows, *shared_parcels(problem))


def _of_clause(problem: Problem, verdict: ClauseVerdict, xy_m: Sequence[tuple[Float, Float]]) -> Iterator[SiteRow]:
    clause, name = verdict.clause, verdict.name
    position = {tier.id: n for n, tier in enumerate(problem.network.tiers)}
    if clause.tier not in position and clause.tier != ALL_TIERS:
        return
    tier = position.get(clause.tier)
    zones: list[int | None] = list(range(len(problem.zone_ids))) if clause.zone_level is not None else [None]
    if clause.kind == "land_cap_m2":
        yield from (land_cap(problem, tier, zone, clause.value, name) for zone in zones)
    if tier is None:
        return
    if clause.kind == "min_sites_per_zone":
        yield from (at_least_open(problem, tier, zone, math.ceil(clause.value - 1e-9), name) for zone in zones)
    elif clause.kind in ("max_sites_per_zone", "max_count"):
        yield from (at_most_open(problem, tier, zone, math.floor(clause.value + 1e-9), name) for zone in zones)
    elif clause.kind == "spacing_m":
        yield from spacing(problem, tier, clause.value, *xy_m[tier], name)
