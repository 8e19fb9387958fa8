"""Opening p sites so that clients cost least: the method behind p-median and maximum coverage.

Lagrangian prices and fast interchange; sites fixed by reduced cost; on what is left prices from the linear radius
model, a Lagrangian branch and bound whose every node can be checked, and the integer radius model at last.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

import numpy as np

from optimizer.classic.arcs import Arcs, Choice, nearest_open
from optimizer.classic.branching import Searched, kernel_of, search
from optimizer.classic.common import Bool, BranchRecord, Float, Int
from optimizer.classic.lagrangian import Relaxed, Settled, fixed_by, relax, rounded_up
from optimizer.classic.radius_model import RadiusModel, radius_model
from optimizer.solvers.integer import Engine, solve_integer
from optimizer.solvers.linear import LinearModel, solve

LP_COLUMNS = 6000
"""Up to this size of the radius model its linear relaxation is solved for better prices."""
TREE_CELLS = 4_000_000
"""Up to this many site-client pairs the branch and bound keeps costs dense."""
TREE_NODES = 4000


@dataclass(frozen=True)
class OpenP:
    """"Open p sites" as numbers: p-median, and coverage with its outside costs."""

    arcs: Arcs
    p: int
    choice: Choice
    step: float
    deadline: float
    nodes: int = TREE_NODES
    """Most nodes of the branch and bound before the integer model takes over."""
    engine: Engine = "highs"


@dataclass(frozen=True)
class Solved:
    """Best plan, bound and how it is proven; nothing is rounded up yet but what `bound` says."""

    is_open: Bool
    total: float
    bound: float
    source: str
    root: Relaxed
    record: BranchRecord | None
    infeasible: bool = False


def open_p(ask: OpenP) -> Solved:
    """The best p sites and the bound proven by the deadline."""
    required, forbidden = ask.choice.required, ask.choice.forbidden
    root = relax(ask.arcs, ask.p, required, forbidden, step=ask.step, deadline=ask.deadline)
    if _closed(ask, root):
        total = _total(ask, root.is_open)
        return Solved(root.is_open, total, rounded_up(root.bound, ask.step), "Lagrangian", root, None)
    return _finish(ask, root, _settled(ask, root))


def _total(ask: OpenP, is_open: Bool) -> float:
    return nearest_open(ask.arcs, is_open).total


def _closed(ask: OpenP, root: Relaxed) -> bool:
    total = _total(ask, root.is_open)
    return rounded_up(root.bound, ask.step) >= total - 1e-9 * max(1.0, abs(total))


def _settled(ask: OpenP, root: Relaxed) -> Settled:
    """Sites fixed by reduced cost, none as long as the plan leaves somebody unserved."""
    if np.isfinite(_total(ask, root.is_open)):
        return fixed_by(root.bound, root.reduced_cost, _total(ask, root.is_open), ask.p, ask.choice.required,
                        ask.choice.forbidden, ask.step)
    return Settled(ask.choice.required, ask.choice.forbidden)


def _prices_by_lp(built: RadiusModel, prices: Float, deadline: float) -> Float:
    """Prices from the duals of the linear radius model, those given when it is too large.

    The dual of a client's first row is what it would pay above its cheapest cost: u_i = D_i1 + dual.
    """
    linear = built.model
    left = deadline - time.perf_counter()
    if len(linear.cost) > LP_COLUMNS or left <= 0:
        return prices
    answer = solve(LinearModel(linear.cost, linear.lower, linear.upper, np.zeros(len(linear.cost), dtype=bool),
                               linear.rows), time_limit_s=left)
    if answer.dual is None:
        return prices
    client, cost = built.level
    first = np.flatnonzero(np.diff(client, prepend=-1) > 0)
    out = prices.copy()
    out[client[first]] = cost[first] + np.maximum(answer.dual[first], 0.0)
    return out


def _finish(ask: OpenP, root: Relaxed, fixed: Settled) -> Solved:
    """Branch and bound on the sites left, then the integer model on them."""
    total = _total(ask, root.is_open)
    best = Solved(root.is_open, total, rounded_up(root.bound, ask.step), "Lagrangian", root, None)
    model = radius_model(ask.arcs.keep(~fixed.is_closed[ask.arcs.site]), ask.p, fixed.is_open)
    site = np.flatnonzero(~fixed.is_closed)
    if len(site) * ask.arcs.clients <= TREE_CELLS and np.isfinite(total):
        prices = _prices_by_lp(model, root.prices, ask.deadline)
        found = search(kernel_of(ask.arcs, ask.p, fixed, ask.step), prices, total, ask.nodes, ask.deadline)
        best = _taken(ask, best, found, site)
        if found.complete:
            return best
    return _by_integer_model(ask, best, model)


def _taken(ask: OpenP, best: Solved, found: Searched, site: Int) -> Solved:
    """The plan and bound after the branch and bound."""
    is_open = best.is_open
    if found.chosen is not None:
        is_open = np.zeros(ask.arcs.sites, dtype=bool)
        is_open[site[found.chosen]] = True
    bound = max(best.bound, rounded_up(min(found.bound, found.best), ask.step))
    return replace(best, is_open=is_open, total=_total(ask, is_open), bound=bound,
                   record=found.record if found.complete else None, source="Lagrangian branch and bound")


def _by_integer_model(ask: OpenP, best: Solved, built: RadiusModel) -> Solved:
    """The plan and bound after the radius model; its bound counts up to the best plan, where fixing began."""
    left = ask.deadline - time.perf_counter()
    if left <= 0:
        return best
    has_plan = np.isfinite(best.total)
    model, start = built.model, None
    if ask.engine == "scip":  # measured on coverage: proves sooner with whole z and without a first plan
        model = replace(model, integer=np.ones(len(model.cost), dtype=bool))
    elif has_plan:
        start = built.start(nearest_open(ask.arcs, best.is_open).first_cost, best.is_open)
    answer = solve_integer(model, engine=ask.engine, time_limit_s=left, start=start, absolute_gap=0.999 * ask.step)
    if answer.infeasible and not has_plan:
        return replace(best, infeasible=True, bound=np.inf)
    is_open, total = best.is_open, best.total
    if answer.x is not None:
        found = np.zeros(ask.arcs.sites, dtype=bool)
        found[built.site[answer.x[: len(built.site)] > 0.5]] = True
        found = filled_up(found, ask.p, ask.choice.forbidden)
        if _total(ask, found) < total:
            is_open, total = found, _total(ask, found)
    proven = min(total, rounded_up(answer.bound + built.constant, ask.step))
    return replace(best, is_open=is_open, total=total, bound=max(best.bound, proven), source="branch and bound")


def filled_up(is_open: Bool, p: int, forbidden: Bool) -> Bool:
    """At least these sites, p in all: further ones cost nothing."""
    short = p - int(is_open.sum())
    out = is_open.copy()
    if short > 0:
        out[np.flatnonzero(~is_open & ~forbidden)[:short]] = True
    return out
