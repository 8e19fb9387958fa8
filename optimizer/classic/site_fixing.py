"""Sites that no better plan opens, or that every better plan opens, told by the Lagrangian bound.

First at given prices; then one by one: what the bound becomes when a site is forced open (or closed) and the prices
may adapt for a few steps. A site is only ruled out when that bound reaches the cost of a plan already known.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from optimizer.classic.capacitated_task import SitingTask, infeasible_because
from optimizer.classic.site_ascent import raise_bound
from optimizer.classic.site_prices import Prices, margins_at

Float = NDArray[np.float64]
Bool = NDArray[np.bool_]

PROBE_STEPS = 60
PROBE_FACTOR = 0.15
ROUND_STEPS = 150
WORTH_ANOTHER_ROUND = 0.15
"""Share of the sites a round must rule out for the next one to follow."""
ROUNDS = 3


@dataclass(frozen=True)
class Rest:
    """What is left: a task without the sites ruled out (the sure ones required), prices for it, and their bound."""

    task: SitingTask
    kept: Bool
    """[I] of the task before."""
    prices: Prices
    bound: float
    """For plans cheaper than the limit; inf when no such plan exists."""


def rule_out(task: SitingTask, prices: Prices, bound: float, *, limit: float, deadline_s: float,
             exact: bool) -> Rest:
    """What plans cheaper than `limit` (cost of a known plan, slack added) may open; probing ends at the deadline."""
    rest = _fix(Rest(task, np.ones(len(task.fixed), dtype=bool), prices, bound), limit)
    for _ in range(ROUNDS):
        before = int((~rest.task.required).sum())
        if before == 0 or time.monotonic() > deadline_s or rest.bound >= limit:
            break
        ascent = raise_bound(rest.task, rest.prices.client, steps=ROUND_STEPS, deadline_s=deadline_s, exact=exact,
                             best_known=limit, factor=PROBE_FACTOR)
        rest = _fix(replace(rest, prices=ascent.prices, bound=max(rest.bound, ascent.bound)), limit)
        rest = _probe(rest, limit, deadline_s, exact)
        if before - int((~rest.task.required).sum()) < WORTH_ANOTHER_ROUND * before:
            break
    return rest


def _fix(rest: Rest, limit: float) -> Rest:
    """What the prices alone rule out."""
    if rest.bound >= limit:
        return replace(rest, bound=np.inf)
    _, margins = margins_at(rest.task, rest.prices)
    return _without(rest, margins.if_open > limit, margins.if_closed > limit)


def _probe(rest: Rest, limit: float, deadline_s: float, exact: bool) -> Rest:
    """Forces each undecided site open, and the likely ones closed."""
    _, margins = margins_at(rest.task, rest.prices)
    surplus = margins.if_open - margins.if_closed
    places = rest.task.place
    for site in places[np.argsort(-surplus, kind="stable")]:
        now = np.flatnonzero(rest.task.place == site)
        if time.monotonic() > deadline_s or rest.bound >= limit:
            break
        if len(now) == 0 or rest.task.required[now[0]]:
            continue
        here = np.arange(len(rest.task.fixed)) == now[0]
        likely = surplus[np.flatnonzero(places == site)[0]] <= 0.0
        forced = _sub(rest.task, ~here, None) if likely else replace(rest.task, required=rest.task.required | here)
        if _impossible(forced, rest.prices, limit, deadline_s, exact):
            rest = _without(rest, here & (not likely), here & likely)
    return rest


def _impossible(task: SitingTask, prices: Prices, limit: float, deadline_s: float, exact: bool) -> bool:
    """Whether no plan of the task is cheaper than the limit, as far as a short ascent shows."""
    if infeasible_because(task) is not None:
        return True
    ascent = raise_bound(task, prices.client, steps=PROBE_STEPS, deadline_s=deadline_s, exact=exact,
                         best_known=limit, factor=PROBE_FACTOR)
    return ascent.bound > limit


def _without(rest: Rest, closed: Bool, sure: Bool) -> Rest:
    """The rest without sites, others required."""
    if not (closed.any() or (sure & ~rest.task.required).any()):
        return rest
    if (closed & (sure | rest.task.required)).any():
        return replace(rest, bound=np.inf)
    kept = rest.kept.copy()
    kept[np.flatnonzero(rest.kept)[closed]] = False
    task = _sub(rest.task, ~closed, sure)
    if infeasible_because(task) is not None:
        return replace(rest, bound=np.inf)
    return Rest(task, kept, rest.prices, rest.bound)


def _sub(task: SitingTask, keep: Bool, sure: Bool | None) -> SitingTask:
    """The task with some of its sites."""
    required = task.required if sure is None else task.required | sure
    number = int(keep.sum())
    return SitingTask(task.cost[keep], task.demand, task.capacity[keep], task.fixed[keep], task.single_source,
                      min(task.most_sites, number), required[keep], task.place[keep])
