"""Capacitated siting with split service: Lagrangian bound, kernel programmes, exact finish on what cannot be ruled out.

1. Prices of the clients are raised; open sets met on the way are served exactly and give plans.
2. A kernel of promising sites and cheap arcs as an integer programme gives a better plan.
3. Sites whose opening (or closing) costs more than that plan by the Lagrangian bound are fixed, shares over dear arcs
   are capped, and the rest is solved with all other arcs priced from below, so that its bound holds for everything.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from optimizer.classic.capacitated_task import Plan, SitingTask, plan_cost
from optimizer.classic.common import PROOF_TOLERANCE, is_proven
from optimizer.classic.site_ascent import Ascent, first_prices, raise_bound
from optimizer.classic.site_fixing import Rest, rule_out
from optimizer.classic.site_mip import Kernel, solve_kernel
from optimizer.classic.site_prices import Prices, Relaxed, margins_at
from optimizer.classic.split_service import serve, without_unused

Float = NDArray[np.float64]
Bool = NDArray[np.bool_]

STEPS = 800
SERVE_EVERY = 50
NEAREST = 8
"""Cheapest arcs per client in a kernel."""
USEFUL_SHARE = 0.01
MET = 6
KERNEL_GAP = 1e-3
"""The first kernel only has to give a good plan: the proof comes later, on fewer sites."""
ASCENT_SHARE, KERNEL_SHARE, PROBE_SHARE = 0.3, 0.3, 0.3
"""Parts of the time left that the ascent, the first kernel and the probing of sites may take."""


@dataclass(frozen=True)
class Outcome:
    """Best plan (None if none was found), bound and where it comes from, prices that prove part of it."""

    plan: Plan | None
    bound: float
    bound_source: str
    prices: Prices
    price_bound: float
    hit_time_limit: bool
    met: tuple[Plan, ...] = ()
    """The cheapest few plans met, best first."""


class _Search:
    """The best plan and bound so far."""

    def __init__(self, task: SitingTask, deadline_s: float) -> None:
        """Nothing known yet."""
        self.task, self.deadline_s = task, deadline_s
        self.plan: Plan | None = None
        self.cost, self.bound = np.inf, -np.inf
        self.source = "Lagrangian"
        self.tried: set[bytes] = set()
        self.met: list[tuple[float, Plan]] = []

    def left_s(self) -> float:
        """Seconds until the time limit."""
        return self.deadline_s - time.monotonic()

    def offer(self, opened: Bool) -> None:
        """Serve from these open sites, once."""
        if opened.tobytes() in self.tried:
            return
        self.tried.add(opened.tobytes())
        plan = serve(self.task, opened, time_limit_s=max(self.left_s(), 1.0))
        if plan is not None:
            plan = without_unused(self.task, plan)
            cost = plan_cost(self.task, plan)
            self.met = sorted([*self.met, (cost, plan)], key=lambda pair: pair[0])[:MET]
            if cost < self.cost:
                self.plan, self.cost = plan, cost

    def raise_to(self, bound: float, source: str) -> None:
        """A bound that holds for every plan cheaper than the best known."""
        bound = min(bound, self.cost)
        if bound > self.bound:
            self.bound, self.source = bound, source

    def done(self) -> bool:
        """Proven (a plan, or that there is none), or out of time."""
        return self.proven() or self.bound == np.inf or self.left_s() <= 0.0

    def proven(self) -> bool:
        """Whether the bound reaches the plan."""
        return is_proven(self.cost - self.bound, self.cost)


def solve_split(task: SitingTask, *, time_limit_s: float) -> Outcome:
    """The best plan found and what is proven about all plans; the task must have passed `infeasible_because`."""
    begun = time.monotonic()
    search = _Search(task, begun + time_limit_s)
    if task.most_sites == len(task.fixed):
        search.offer(np.ones(len(task.fixed), dtype=bool))

    def on_step(step: int, relaxed: Relaxed) -> float:
        if step == 1 or step % SERVE_EVERY == 0:
            search.offer(relaxed.open)
        return search.cost

    ascent = raise_bound(task, first_prices(task), steps=STEPS, deadline_s=begun + ASCENT_SHARE * time_limit_s,
                         exact=False, best_known=np.inf, on_step=on_step)
    search.raise_to(ascent.bound, "Lagrangian")
    if not search.done():
        _promising(search, ascent)
    cut = False
    if not search.done():
        cut = _finish(search, ascent)
    return Outcome(search.plan, search.bound, search.source, ascent.prices, ascent.bound,
                   not search.proven() and (cut or search.left_s() <= 0.0),
                   tuple(plan for _, plan in search.met))


def _finish(search: _Search, ascent: Ascent) -> bool:
    """Proof or a better plan from what the bound cannot rule out; whether time cut it short."""
    task, nearest = search.task, NEAREST
    limit = search.cost + PROOF_TOLERANCE * max(1.0, abs(search.cost))
    rest = rule_out(task, ascent.prices, ascent.bound, limit=limit,
                    deadline_s=time.monotonic() + PROBE_SHARE * search.left_s(), exact=False)
    search.raise_to(rest.bound, "Lagrangian fixing")
    while not search.done():
        kernel, complete = _undecided(search, rest, limit, nearest)
        solved = solve_kernel(rest.task, kernel, time_limit_s=search.left_s())
        if solved.open is not None:
            opened = np.zeros(len(task.fixed), dtype=bool)
            opened[rest.kept] = solved.open
            search.offer(opened)
        search.raise_to(solved.bound, "Lagrangian fixing, then branch and bound")
        if complete or solved.hit_time_limit:
            return solved.hit_time_limit
        nearest *= 2
    return False


def _promising(search: _Search, ascent: Ascent) -> None:
    """A better plan from the sites that the averaged relaxed plan opens or nearly opens."""
    task = search.task
    _, margins = margins_at(task, ascent.prices)
    number = int(2 * ascent.weight.sum()) + 6
    near = np.argsort(margins.if_open, kind="stable")[:number]
    sites = (ascent.weight > USEFUL_SHARE) | task.required
    sites[near] = True
    if search.plan is not None:
        sites |= search.plan.open
    cost = np.where(sites[:, None] & task.arcs, task.cost, np.inf)
    arcs = _cheapest(cost, NEAREST) | ((ascent.share > USEFUL_SHARE) & np.isfinite(cost))
    if search.plan is not None:
        arcs |= search.plan.share > 0.0
    kernel = Kernel(arcs, sites, np.ones(cost.shape), np.full(cost.shape[1], np.inf), task.required)
    solved = solve_kernel(task, kernel, time_limit_s=KERNEL_SHARE * search.left_s(), relative_gap=KERNEL_GAP,
                          start=search.plan)
    if solved.open is not None:
        search.offer(solved.open)


def _undecided(search: _Search, rest: Rest, limit: float, nearest: int) -> tuple[Kernel, bool]:
    """The rest with each client's cheapest arcs one by one; and whether these are all arcs that matter."""
    task = rest.task
    _, margins = margins_at(task, rest.prices)
    room = np.maximum(limit - margins.if_open, 0.0)[:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        most = np.where(margins.per_share > 0.0, np.clip(room / margins.per_share, 0.0, 1.0), 1.0)
    allowed = task.arcs.copy()
    if (task.capacity >= task.demand.sum()).all():
        # without capacities some best plan splits nobody: what cannot carry a whole client carries nothing
        allowed &= (margins.if_used <= limit) & (most >= 1.0)
    cost = np.where(allowed, task.cost, np.inf)
    arcs = _cheapest(cost, nearest)
    if search.plan is not None:
        arcs |= (search.plan.share[rest.kept] > 0.0) & allowed
    elsewhere = np.where(arcs, np.inf, cost).min(axis=0)
    sites = np.ones(len(task.fixed), dtype=bool)
    return Kernel(arcs, sites, most, elsewhere, task.required), not np.isfinite(elsewhere).any()


def _cheapest(cost: Float, number: int) -> Bool:
    """The cheapest finite entries of each column."""
    chosen = np.zeros(cost.shape, dtype=bool)
    number = min(number, cost.shape[0])
    rows = np.argpartition(cost, number - 1, axis=0)[:number]
    chosen[rows, np.arange(cost.shape[1])[None, :]] = True
    return chosen & np.isfinite(cost)
