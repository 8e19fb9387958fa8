"""The books of a plan: tonnes through every tier and what each term of the objective makes of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from optimizer.network import DAYS_PER_YEAR
from optimizer.objectives import TERMS, Coefficients, add
from optimizer.plan import Plan
from optimizer.problem import Problem

Float = NDArray[np.float64]
Int = NDArray[np.int64]


@dataclass(frozen=True)
class Throughput:
    """Tonnes per day and material: arriving at each site, left unserved, lost to distance or abstention."""

    entering: tuple[Float, ...]
    """[J_l, M] per tier."""
    unserved: Float
    """[n, M] of parts without a site."""
    not_captured: Float
    """[n, M]: never takes part, or lost to distance."""


def arc_of_part(problem: Problem, site_of_part: Int) -> Int:
    """The walking arc each part uses, -1 where unserved. ValueError where a part uses a site it cannot reach."""
    width = np.int64(len(problem.sites[0]) + 1)
    keys = problem.walk.part * width + problem.walk.site
    order = np.argsort(keys, kind="stable")
    wanted = np.arange(len(site_of_part)) * width + np.maximum(site_of_part, 0)
    at = np.minimum(np.searchsorted(keys[order], wanted), max(len(keys) - 1, 0))
    found = (keys[order][at] == wanted) if len(keys) else np.zeros(len(wanted), dtype=bool)
    lost = np.flatnonzero((site_of_part >= 0) & ~found)
    if len(lost):
        raise ValueError(f"part {problem.demand.part_ids[int(lost[0])]} uses a site beyond the walking limit")
    return np.where(site_of_part >= 0, order[at] if len(keys) else -1, -1)


def throughput(problem: Problem, plan: Plan) -> Throughput:
    """Tonnes per day at every site, from the plan's choices alone."""
    generated = problem.demand.generated_t_per_day
    arc = arc_of_part(problem, plan.site_of_part)
    served = arc >= 0
    captured = np.zeros_like(generated)
    captured[served] = problem.captured_t_per_day[arc[served]]
    unserved = np.where(served[:, None], 0.0, generated * problem.participation_share)
    entering = [_sum_at(plan.site_of_part[served], captured[served], len(problem.sites[0]))]
    entering += [_sum_at(flow.destination, flow.t_per_day, len(sites))
                 for flow, sites in zip(plan.flows, problem.sites[1:], strict=True)]
    return Throughput(tuple(entering), unserved, generated - captured - unserved)


def _sum_at(index: Int, values: Float, size: int) -> Float:
    out = np.zeros((size, values.shape[1]))
    np.add.at(out, index, values)
    return out


def cost_cny_per_year(problem: Problem, plan: Plan, coefficients: Coefficients, through: Throughput) -> float:
    """What one term (or the sum of terms) makes of a plan, CNY per year."""
    total = 0.0
    for level, (opened, sites) in enumerate(zip(plan.open_sites, problem.sites, strict=True)):
        closed = np.ones(len(sites), dtype=bool)
        closed[opened.site] = False
        total += float(coefficients.open_cny_per_year[level][opened.site, opened.size].sum())
        total += float(coefficients.closed_cny_per_year[level][closed].sum())
        total += DAYS_PER_YEAR * float(through.entering[level].sum(axis=0) @ coefficients.entering_cny_per_t[level])
        total += DAYS_PER_YEAR * float(through.entering[level].sum(axis=1) @ coefficients.site_cny_per_t[level])
    if coefficients.walk_cny_per_t.any():
        arc = arc_of_part(problem, plan.site_of_part)
        arc = arc[arc >= 0]
        tonnes = problem.captured_t_per_day[arc].sum(axis=1)
        total += DAYS_PER_YEAR * float(tonnes @ coefficients.walk_cny_per_t[arc])
    for number, flow in enumerate(plan.flows):
        trips_per_day = flow.t_per_day @ problem.trips_per_t(number)
        total += DAYS_PER_YEAR * float(trips_per_day @ coefficients.trip_cny[number][flow.origin, flow.destination])
    return total + DAYS_PER_YEAR * float(through.unserved.sum(axis=0) @ coefficients.unserved_cny_per_t)


@dataclass(frozen=True)
class Books:
    """Every term's yearly figure, the objective and the gross cost."""

    terms_cny_per_year: dict[str, float]
    objective_cny_per_year: float
    gross_cost_cny_per_year: float


def books(problem: Problem, plan: Plan) -> Books:
    """The objective of a plan, term by term; gross cost leaves out income and penalties."""
    through = throughput(problem, plan)
    terms = {t.name: cost_cny_per_year(problem, plan, t.coefficients(problem), through) for t in TERMS}
    gross = sum(terms[t.name] for t in TERMS if t.kind == "cost")
    return Books(terms, sum(terms.values()), gross)


def all_coefficients(problem: Problem) -> Coefficients:
    """The sum of all terms: what a solver minimises."""
    return add(term.coefficients(problem) for term in TERMS)


def gap_of(objective_cny_per_year: float, bound_cny_per_year: float | None,
           gross_cost_cny_per_year: float) -> float | None:
    """(objective - bound) / gross cost; None without a bound.

    A plan that costs nothing, because it serves nobody, is measured by the larger of |objective| and |bound| instead.
    """
    if bound_cny_per_year is None:
        return None
    whole = gross_cost_cny_per_year
    if not whole > 0.0:
        whole = max(abs(objective_cny_per_year), abs(bound_cny_per_year))
    return (objective_cny_per_year - bound_cny_per_year) / whole if whole > 0.0 else 0.0
