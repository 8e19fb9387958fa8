"""Covering clients within a radius: as few sites as possible (LSCP), or as much weight as p sites can (MCLP)."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.sparse import csr_array

from optimizer.classic.arcs import (
    Arcs,
    Choice,
    arcs_of,
    checked_weight,
    outside_or_free,
    shape_of,
    whole_step,
    within,
)
from optimizer.classic.common import (
    Bool,
    ClassicInputError,
    ClassicResult,
    Float,
    Int,
    Matrix,
    no_plan,
    status_of,
)
from optimizer.classic.cover_sets import apart, contained, cover_table, greedy_cover, groups_of_rows, reduced_for_cover
from optimizer.classic.lagrangian import lagrangian_value
from optimizer.classic.open_p import OpenP, open_p
from optimizer.solvers.integer import solve_integer
from optimizer.solvers.linear import LinearModel, RowBuilder, solve

LSCP, MCLP = "lscp", "mclp"
NODES_BEFORE_THE_MODEL = 40
"""Coverage bounds rise slowly by branching on sites alone: the integer model takes over soon."""


def lscp(distance: Matrix, *, radius: float, required: Sequence[int] | Int = (), forbidden: Sequence[int] | Int = (),
         time_limit_s: float = 60.0) -> ClassicResult:
    """The smallest number of sites that have every client within `radius` (location set covering).

    distance [clients, sites], dense (inf: out of reach) or sparse (not stored: out of reach). Status "no_plan" names
    the clients no allowed site covers. Raises ClassicInputError for malformed input.
    Source: Toregas et al. 1971.
    """
    started = time.perf_counter()
    _, sites = shape_of(distance)
    choice = Choice.of(sites, required, forbidden)
    _check_radius(radius)
    arcs = arcs_of(distance, None, choice.forbidden)
    table = cover_table(arcs, radius)
    lost = tuple(np.flatnonzero(np.diff(table.indptr) == 0).tolist())
    why = choice.conflict() or (f"{len(lost)} clients have no site within {radius:g}, the first is {lost[0]}" if lost
                                else "")
    if why:
        return no_plan(LSCP, why, clients=lost, bound=np.inf, seconds=time.perf_counter() - started)
    found = smallest_cover(table, choice.required, started + time_limit_s)
    assert found.site is not None
    count, seconds = len(found.site), time.perf_counter() - started
    return ClassicResult(LSCP, status_of(count - found.bound, count, stopped=seconds >= time_limit_s), float(count),
                         float(found.bound), found.site, within(arcs, found.site, radius), seconds,
                         bound_source=found.source)


@dataclass(frozen=True)
class Cover:
    """A cover (None: none within the limit asked for) and the least number of sites any cover has."""

    site: Int | None
    bound: int
    source: str


def smallest_cover(table: csr_array, required: Bool, deadline: float, *, enough: int | None = None) -> Cover:
    """A smallest cover of all rows [clients, sites], or as good as time allows.

    With `enough` the search ends as soon as a cover of so many sites is known or proven not to exist (its bound is
    then enough + 1 and the cover None).
    """
    less = reduced_for_cover(table, required)
    base = np.flatnonzero(less.opened)
    left = csr_array(table[less.client][:, less.site])
    first = np.sort(np.concatenate([base, less.site[greedy_cover(left)]])).astype(np.int64)
    bound = len(base) + apart(left)
    limit = len(first) if enough is None else enough
    if bound > limit:
        return Cover(None, bound, "clients far apart")
    if bound == len(first) or (enough is not None and len(first) <= enough):
        return Cover(first, bound, "dominance" if len(less.client) == 0 else "clients far apart")
    answer = solve_integer(_cover_model(left, limit - len(base)), engine="highs",
                           time_limit_s=deadline - time.perf_counter(),
                           absolute_gap=0.999 if enough is None else float(limit))
    if answer.infeasible:
        return Cover(None if enough is not None else first, limit + 1 if enough is not None else len(first),
                     "branch and bound")
    if answer.x is not None:
        chosen = np.sort(np.concatenate([base, less.site[answer.x > 0.5]])).astype(np.int64)
        first = chosen if len(chosen) < len(first) else first
    proven = int(np.ceil(answer.bound - 1e-6)) if np.isfinite(answer.bound) else 0
    return Cover(first, min(max(bound, len(base) + proven), len(first)), "branch and bound")


def needs_more(table: csr_array, required: Bool, p: int, deadline: float) -> bool:
    """Whether the linear relaxation proves that p sites, the required ones among them, cannot cover every client.

    Its duals are client weights; divided by the most weight any site covers they add up to a number no cover
    undercuts, whatever the engine's tolerances were. False also when time is up.
    """
    less = reduced_for_cover(table, required)
    left = csr_array(table[less.client][:, less.site])
    opened = int(less.opened.sum())
    if opened + apart(left) > p:
        return True
    time_limit_s = deadline - time.perf_counter()
    if left.shape[0] == 0 or time_limit_s <= 0:
        return False
    model = _cover_model(left, left.shape[1])
    answer = solve(replace(model, integer=np.zeros(left.shape[1], dtype=bool)), time_limit_s=time_limit_s)
    if answer.dual is None:
        return False
    weight = np.maximum(answer.dual[: left.shape[0]], 0.0)
    return bool(opened + weight.sum() / max(float((left.T @ weight).max()), 1e-12) > p + 1e-6)


def _cover_model(table: csr_array, most: int) -> LinearModel:
    """Fewest columns that cover every row, at most `most` of them."""
    clients, sites = table.shape
    rows, entries = RowBuilder(), table.tocoo()
    start = rows.block(clients, lower=1.0)
    rows.put(start + entries.coords[0].astype(np.int64), entries.coords[1].astype(np.int64), 1.0)
    rows.put(np.full(sites, rows.block(1, upper=float(most))), np.arange(sites), 1.0)
    return LinearModel(np.ones(sites), np.zeros(sites), np.ones(sites), np.ones(sites, dtype=bool), rows.rows())


def mclp(distance: Matrix, weight: Float | Sequence[float] | None = None, *, p: int, radius: float,
         required: Sequence[int] | Int = (), forbidden: Sequence[int] | Int = (),
         time_limit_s: float = 60.0) -> ClassicResult:
    """p sites that have the most weight within `radius` (maximal covering); the bound is an upper one.

    distance as in `lscp`, weight [clients], default 1. Clients that are not covered have site NOT_SERVED. Status
    "no_plan" when p, `required` and `forbidden` contradict one another. Raises ClassicInputError for malformed input.
    Source: Church and ReVelle 1974.
    """
    started = time.perf_counter()
    clients, sites = shape_of(distance)
    given = checked_weight(weight, clients)
    choice = Choice.of(sites, required, forbidden)
    _check_radius(radius)
    if p < 1:
        raise ClassicInputError("mclp needs a p of at least 1")
    if why := choice.conflict(p):
        return no_plan(MCLP, why, bound=-np.inf, maximise=True, seconds=time.perf_counter() - started)
    arcs = arcs_of(distance, None, choice.forbidden)
    worth = np.ones(clients) if given is None else given
    table = cover_table(arcs, radius)
    group, less = _grouped(table, worth, choice)
    solved = open_p(OpenP(less, p, Choice(choice.required, choice.forbidden), whole_step(worth),
                          started + time_limit_s, NODES_BEFORE_THE_MODEL, "scip"))
    site = np.flatnonzero(solved.is_open)
    serving = within(arcs, site, radius)
    total, objective = float(worth.sum()), float(worth[serving >= 0].sum())
    bound = max(total - solved.bound, objective)
    share = worth / np.maximum(less.outside[group], np.finfo(np.float64).tiny)
    prices = solved.root.prices[group] * share
    checkable = total - lagrangian_value(outside_or_free(arcs, worth, radius), prices, p, choice.required,
                                         choice.forbidden)[0]
    seconds = time.perf_counter() - started
    status = status_of(bound - objective, objective, stopped=seconds >= time_limit_s)
    return ClassicResult(MCLP, status, objective, bound, site, serving, seconds, maximise=True,
                         bound_source=solved.source, multipliers=prices, checkable_bound=max(checkable, bound))


def _grouped(table: csr_array, worth: Float, choice: Choice) -> tuple[Int, Arcs]:
    """(group of each client, arcs of groups): clients with the same sites are one; sites within another are left out.

    Being outside costs a group its weight, being covered nothing. A site whose clients another site covers too keeps
    its place as a candidate but has no arc.
    """
    useless = contained(csr_array(table.T)) & ~choice.required
    keep = np.flatnonzero(~useless & ~choice.forbidden)
    left = csr_array(table[:, keep])
    group = groups_of_rows(left)
    _, first = np.unique(group, return_index=True)
    rows = csr_array(left[first])
    weight: Float = np.bincount(group, worth).astype(np.float64)
    return group, Arcs(rows.indptr.astype(np.int64), keep[rows.indices], np.zeros(rows.nnz), table.shape[1], weight)


def _check_radius(radius: float) -> None:
    if not radius >= 0:
        raise ClassicInputError("the radius must be a number of zero or more")
