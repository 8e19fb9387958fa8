"""Capacitated siting with single service: Lagrangian bound, local search, large neighbourhoods, exact finish.

1. Prices of the clients are raised, first with continuous, then with whole knapsacks; open sets met on the way are
   filled and improved by local search.
2. Neighbourhoods of a few dozen clients are shared anew by integer programmes.
3. Sites and arcs that the bound rules out are dropped, and the rest is solved as one integer programme.
"""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from optimizer.classic.capacitated_task import SitingTask, assigned, plan_cost
from optimizer.classic.common import PROOF_TOLERANCE, is_proven
from optimizer.classic.site_ascent import Ascent, first_prices, raise_bound
from optimizer.classic.site_fixing import rule_out
from optimizer.classic.site_mip import Kernel, solve_kernel, whole_kernel
from optimizer.classic.site_moves import Assignment, assignment_of, descend, first_assignment
from optimizer.classic.site_neighbourhood import Neighbourhoods
from optimizer.classic.site_prices import Relaxed, margins_at
from optimizer.classic.split_siting import Outcome, solve_split

Float = NDArray[np.float64]
Int = NDArray[np.int64]
Bool = NDArray[np.bool_]

STEPS, WHOLE_STEPS = 600, 400
WHOLE_FACTOR = 0.1
TRY_EVERY, TRY_S = 40, 1.0
LOOSE_SHARE, WHOLE_SHARE, TRY_SHARE = 0.15, 0.15, 0.12
"""Parts of the time limit for the two ascents, and for local search within each."""
SEARCH_SHARE, FINISH_SHARE = 0.3, 0.6
"""Parts of what is left for neighbourhoods before each finish, and for the finish."""
STUCK_ROUNDS = 12
SMALL_ARCS = 2000
"""A rest of so few arcs is solved at once."""
SPLIT_BELOW = 0.2
"""Where whole knapsacks close less than this share of the gap, splitting clients is the better relaxation."""
KERNEL_SITES, KERNEL_ARCS, LEAST_ARCS = 3, 6, 3
"""The kernel: sites per open site, arcs per client on the whole, and for each client."""
KERNEL_SHARE, PROBE_SHARE = 0.4, 0.25
USEFUL_WEIGHT = 0.01
SPLIT_SHARE, FILL_SHARE = 0.3, 0.3
"""Parts of what is left for the relaxation with split clients, and for filling the open sites it gives."""
ROUNDING = 1e-6


class _Search:
    """The best assignment and bound so far."""

    def __init__(self, task: SitingTask, time_limit_s: float) -> None:
        """Nothing known yet."""
        self.task, self.begun = task, time.monotonic()
        self.deadline_s = self.begun + time_limit_s
        self.best: Assignment | None = None
        self.bound, self.source = -np.inf, "Lagrangian"
        self.tried: set[bytes] = set()
        self.tried_s = 0.0

    @property
    def cost(self) -> float:
        """Of the best assignment that fits, inf without one."""
        return self.best.cost if self.best is not None and self.best.over <= 0.0 else np.inf

    @property
    def limit(self) -> float:
        """Only plans up to this cost are still of interest."""
        if not np.isfinite(self.cost):
            return np.inf
        return self.cost - 1.0 + ROUNDING if self.task.whole else self.cost + PROOF_TOLERANCE * max(1.0, abs(self.cost))

    def left_s(self) -> float:
        """Seconds until the time limit."""
        return self.deadline_s - time.monotonic()

    def offer(self, found: Assignment) -> None:
        """Keep it if it is better."""
        if self.best is None or found.key < self.best.key:
            self.best = found

    def try_open(self, opened: Bool, price: Float) -> None:
        """Fill open sites and improve, once."""
        if opened.tobytes() in self.tried:
            return
        self.tried.add(opened.tobytes())
        begun = time.monotonic()
        start = first_assignment(self.task, opened, price)
        self.offer(descend(self.task, start, deadline_s=min(self.deadline_s, begun + TRY_S)))
        self.tried_s += time.monotonic() - begun

    def raise_to(self, bound: float, source: str) -> None:
        """A bound that holds for every plan cheaper than the best known."""
        if self.task.whole and np.isfinite(bound):
            bound = float(np.ceil(bound - ROUNDING))
        bound = min(bound, self.cost)
        if bound > self.bound:
            self.bound, self.source = bound, source

    def proven(self) -> bool:
        """Whether the bound reaches the plan."""
        return is_proven(self.cost - self.bound, self.cost)

    def done(self) -> bool:
        """Proven (a plan, or that there is none), or out of time."""
        return self.proven() or self.bound == np.inf or self.left_s() <= 0.0


def solve_single(task: SitingTask, *, time_limit_s: float, seed: int) -> Outcome:
    """The best plan found and what is proven about all plans; the task must have passed `infeasible_because`."""
    search = _Search(task, time_limit_s)
    ascent, gained = _ascend(search, time_limit_s)
    _, margins = margins_at(task, ascent.prices)
    neighbourhoods = Neighbourhoods(task, margins, seed)
    if not search.done() and gained < SPLIT_BELOW and task.fixed.any():
        _split(search, neighbourhoods)
    if not np.isfinite(search.cost) and not search.done():
        _any_plan(search)
    if not search.done():
        _promising(search, ascent)
    cut = _search_and_finish(search, ascent, neighbourhoods)
    plan = None
    if search.best is not None and np.isfinite(search.cost):
        plan = assigned(task, search.best.site)
        assert abs(plan_cost(task, plan) - search.cost) <= 1e-6 * max(1.0, abs(search.cost))
    return Outcome(plan, search.bound, search.source, ascent.prices, ascent.bound,
                   not search.proven() and (cut or search.left_s() <= 0.0))


def _search_and_finish(search: _Search, ascent: Ascent, neighbourhoods: Neighbourhoods) -> bool:
    """Neighbourhoods and exact finishes in turn until there is proof or no time; whether time cut a finish short."""
    finished_at = np.inf
    while not search.done():
        again = finished_at <= search.cost
        if again or _arcs_left(search, ascent) > SMALL_ARCS:
            until = search.deadline_s if again else time.monotonic() + SEARCH_SHARE * search.left_s()
            neighbourhoods.failed = 0
            while not search.done() and time.monotonic() < until and search.best is not None:
                search.offer(neighbourhoods.improve(search.best, deadline_s=until))
                if neighbourhoods.failed >= STUCK_ROUNDS and not again:
                    break
        if again or search.done():
            return True
        finished_at = search.cost
        if not _finish(search, ascent):
            return False
    return search.left_s() <= 0.0


def _arcs_left(search: _Search, ascent: Ascent) -> int:
    """How many arcs the prices alone do not rule out."""
    _, margins = margins_at(search.task, ascent.prices)
    return int((search.task.arcs & (margins.if_used <= search.limit)).sum())


def _split(search: _Search, neighbourhoods: Neighbourhoods) -> None:
    """The relaxation in which clients may be split: its bound, and its open sites filled without splitting."""
    task = search.task
    relaxed = replace(task, cost=np.where(task.arcs, task.cost, np.inf), single_source=False)
    found = solve_split(relaxed, time_limit_s=SPLIT_SHARE * search.left_s())
    search.raise_to(found.bound, "split service: " + found.bound_source)
    until = time.monotonic() + FILL_SHARE * search.left_s()
    for plan in found.met:
        left = until - time.monotonic()
        if search.done() or left <= 0.0 or plan_cost(relaxed, plan) >= search.limit:
            break
        filled = neighbourhoods.share_all(search.best, plan.open, time_limit_s=0.5 * left)
        if filled is not None:
            search.offer(filled)


def _ascend(search: _Search, time_limit_s: float) -> tuple[Ascent, float]:
    """Prices, first for continuous, then for whole knapsacks, and the share of the gap that these closed.

    Plans found on the way are offered.
    """
    task = search.task

    def on_step(step: int, relaxed: Relaxed) -> float:
        spent = search.tried_s > TRY_SHARE * time_limit_s
        if step == 1 or (step % TRY_EVERY == 0 and not spent):
            search.try_open(relaxed.open, relaxed.prices.client)
        return search.cost

    loose = raise_bound(task, first_prices(task), steps=STEPS, exact=False, best_known=np.inf, on_step=on_step,
                        deadline_s=search.begun + LOOSE_SHARE * time_limit_s)
    search.raise_to(loose.bound, "Lagrangian")
    if search.done() or not task.whole_knapsacks:
        return loose, 0.0
    search.tried_s = 0.0
    whole = raise_bound(task, loose.prices.client, steps=WHOLE_STEPS, exact=True, best_known=search.cost,
                        on_step=on_step, factor=WHOLE_FACTOR,
                        deadline_s=time.monotonic() + WHOLE_SHARE * time_limit_s)
    search.raise_to(whole.bound, "Lagrangian")
    if whole.bound < loose.bound:
        return loose, 0.0
    gap = search.cost - loose.bound
    return whole, (whole.bound - loose.bound) / gap if 0.0 < gap < np.inf else 0.0


def _promising(search: _Search, ascent: Ascent) -> None:
    """A better plan from the sites and arcs that cost least by the bound."""
    task = search.task
    _, margins = margins_at(task, ascent.prices)
    number = min(len(task.fixed), KERNEL_SITES * int(np.ceil(ascent.weight.sum())))
    sites = (ascent.weight > USEFUL_WEIGHT) | task.required
    sites[np.argsort(margins.if_open, kind="stable")[:number]] = True
    cost = np.where(sites[:, None] & task.arcs, margins.if_used, np.inf)
    rank = np.argsort(np.argsort(cost, axis=0, kind="stable"), axis=0, kind="stable")
    most = min(KERNEL_ARCS * len(task.demand), cost.size) - 1
    arcs = ((cost <= np.partition(cost.ravel(), most)[most]) | (rank < LEAST_ARCS)) & np.isfinite(cost)
    start = None
    if search.best is not None and np.isfinite(search.cost):
        start = assigned(task, search.best.site)
        arcs |= start.share > 0.0
        sites |= start.open
    kernel = Kernel(arcs, sites, np.ones(arcs.shape), np.full(arcs.shape[1], np.inf), task.required)
    solved = solve_kernel(task, kernel, time_limit_s=KERNEL_SHARE * search.left_s(), start=start)
    if solved.share is not None:
        search.offer(assignment_of(task, np.argmax(solved.share, axis=0).astype(np.int64)))


def _any_plan(search: _Search) -> None:
    """A first plan from the whole model: local search found none that fits."""
    solved = solve_kernel(search.task, whole_kernel(search.task), time_limit_s=0.5 * search.left_s(), relative_gap=0.5)
    if solved.share is not None:
        search.offer(assignment_of(search.task, np.argmax(solved.share, axis=0).astype(np.int64)))
    search.raise_to(solved.bound, "branch and bound")


def _finish(search: _Search, ascent: Ascent) -> bool:
    """Proof or a better plan from what the bound cannot rule out; whether time cut it short."""
    task = search.task
    probe_s = 0.0 if _arcs_left(search, ascent) <= SMALL_ARCS else PROBE_SHARE * search.left_s()
    rest = rule_out(task, ascent.prices, ascent.bound, limit=search.limit, exact=task.whole_knapsacks,
                    deadline_s=time.monotonic() + probe_s)
    search.raise_to(rest.bound, "Lagrangian fixing")
    if search.done():
        return search.left_s() <= 0.0
    _, margins = margins_at(rest.task, rest.prices)
    arcs = rest.task.arcs & (margins.if_used <= search.limit)
    if not arcs.any(axis=0).all():
        search.raise_to(np.inf, "Lagrangian fixing")
        return False
    shape = arcs.shape
    kernel = Kernel(arcs, np.ones(shape[0], dtype=bool), np.ones(shape), np.full(shape[1], np.inf), rest.task.required)
    share = 1.0 if int(arcs.sum()) <= SMALL_ARCS else FINISH_SHARE
    solved = solve_kernel(rest.task, kernel, time_limit_s=share * search.left_s())
    if solved.share is not None:
        kept = np.flatnonzero(rest.kept)
        search.offer(assignment_of(task, kept[np.argmax(solved.share, axis=0)]))
    search.raise_to(solved.bound, "Lagrangian fixing, then branch and bound")
    return solved.hit_time_limit
