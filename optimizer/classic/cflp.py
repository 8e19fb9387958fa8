"""Facility location with split service: capacitated (CFLP) and uncapacitated (UFLP)."""

from __future__ import annotations

import time

import numpy as np
from numpy.typing import ArrayLike, NDArray

from optimizer.classic.capacitated_task import SitingTask, infeasible_because, make_task, plan_cost
from optimizer.classic.common import ClassicResult, Flows, no_plan, status_of
from optimizer.classic.site_prices import bound_at, prices_of
from optimizer.classic.split_siting import Outcome, solve_split

Float = NDArray[np.float64]


def cflp(cost: ArrayLike, demand: ArrayLike, capacity: ArrayLike, fixed: ArrayLike, *,
         most_sites: int | None = None, required: ArrayLike = (), forbidden: ArrayLike = (),
         time_limit_s: float = 60.0, seed: int = 1) -> ClassicResult:
    """The cheapest open sites and flows when clients may be split (CFLP).

    `cost` [clients, sites] serves ALL of a client's demand from a site (inf: not possible), a fraction costs that
    fraction; `demand` [clients]; `capacity` [sites] or one number, inf where unlimited; `fixed` [sites] per open site.
    `required` and `forbidden` hold site numbers or masks. Nothing here is random: `seed` is accepted for uniformity.
    ClassicInputError for misshapen input. Strong formulation: Cornuejols, Sridharan, Thizy 1991, EJOR 50.
    """
    del seed
    return _answer("cflp", make_task(cost, demand, capacity, fixed, single_source=False, most_sites=most_sites,
                                     required=required, forbidden=forbidden), time_limit_s)


def uflp(cost: ArrayLike, fixed: ArrayLike, *, required: ArrayLike = (), forbidden: ArrayLike = (),
         time_limit_s: float = 60.0, seed: int = 1) -> ClassicResult:
    """The cheapest open sites when every site can hold all (UFLP); arguments as in `cflp`."""
    del seed
    clients = np.shape(cost)[0] if np.ndim(cost) == 2 else 0
    return _answer("uflp", make_task(cost, np.ones(clients), np.inf, fixed, single_source=False, required=required,
                                     forbidden=forbidden), time_limit_s)


def flow_cost(cost: ArrayLike, demand: ArrayLike, fixed: ArrayLike, result: ClassicResult) -> float:
    """The cost of a result's open sites and flows, recomputed from the input and the plan alone."""
    c, d, f = np.asarray(cost, dtype=np.float64), np.asarray(demand, dtype=np.float64), np.asarray(fixed)
    assert result.flows is not None
    client, site, amount = result.flows.destination, result.flows.origin, result.flows.amount
    entries = np.bincount(client, minlength=len(d))
    share = np.where(d[client] > 0.0, amount / np.where(d[client] > 0.0, d[client], 1.0), 1.0 / entries[client])
    return float(f[result.open_sites].sum() + (c[client, site] * share).sum())


def recomputed_bound(cost: ArrayLike, demand: ArrayLike, capacity: ArrayLike, fixed: ArrayLike, multipliers: Float, *,
                     most_sites: int | None = None, required: ArrayLike = (), forbidden: ArrayLike = (),
                     single_source: bool = False) -> float:
    """The lower bound that the multipliers of a result prove for its input, with numpy alone.

    Multipliers: a price per client, then of total capacity (>= 0) and of the number of sites. ValueError if negative.
    """
    task = make_task(cost, demand, capacity, fixed, single_source=single_source, most_sites=most_sites,
                     required=required, forbidden=forbidden)
    return bound_at(task, prices_of(np.asarray(multipliers, dtype=np.float64)))


def _answer(problem: str, task: SitingTask, time_limit_s: float) -> ClassicResult:
    begun = time.monotonic()
    reason = infeasible_because(task)
    if reason is not None:
        return no_plan(problem, reason, bound=np.inf, seconds=time.monotonic() - begun)
    return split_result(problem, task, solve_split(task, time_limit_s=time_limit_s), time.monotonic() - begun)


def split_result(problem: str, task: SitingTask, found: Outcome, seconds: float) -> ClassicResult:
    """What was found, in the caller's site numbers; flows are in units of demand."""
    if found.plan is None:
        reason = ("no plan found within the time limit" if found.hit_time_limit else
                  "the sites that clients can reach cannot hold their demand")
        return no_plan(problem, reason, bound=found.bound, seconds=seconds)
    objective = plan_cost(task, found.plan)
    site, client = np.nonzero(found.plan.share > 0.0)
    flows = Flows(np.zeros(len(site), dtype=np.int64), task.place[site], client, np.zeros(len(site), dtype=np.int64),
                  found.plan.share[site, client] * task.demand[client])
    status = status_of(objective - found.bound, objective, stopped=found.hit_time_limit)
    return ClassicResult(problem, status, objective, found.bound, task.place[found.plan.open], None, seconds,
                         flows=flows, bound_source=found.bound_source, multipliers=found.prices.as_array(),
                         checkable_bound=found.price_bound)
