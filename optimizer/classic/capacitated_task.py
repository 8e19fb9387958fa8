"""Capacitated siting on matrices: what is asked, what makes it unanswerable, and what a plan costs.

One shape for all single-level variants: split or single service, with or without fixed costs, capacities, a largest
number of sites.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from optimizer.classic.common import ClassicInputError, site_mask

Float = NDArray[np.float64]
Int = NDArray[np.int64]
Bool = NDArray[np.bool_]

ROOM = 1e-9
"""Share by which loads may exceed capacities: rounding of sums only."""

FEW_CLIENTS_PER_SITE = 40
"""With more clients than that per open site, cutting one in two hardly helps the relaxation."""


@dataclass(frozen=True)
class SitingTask:
    """Open sites and serve every client: the least sum of fixed costs and service costs.

    `cost` [I, J] is for serving ALL of a client's demand (inf: not possible); a fraction costs that fraction.
    Forbidden sites are left out before a task is made; `place` holds the caller's numbers of the sites kept.
    """

    cost: Float
    demand: Float
    """[J], >= 0."""
    capacity: Float
    """[I], inf where unlimited."""
    fixed: Float
    """[I]"""
    single_source: bool
    most_sites: int
    """At most that many may be open (the number of sites where there is no limit)."""
    required: Bool
    """[I]: these are open in every plan."""
    place: Int
    """[I], the sites' numbers outside."""

    @cached_property
    def whole(self) -> bool:
        """Whether every plan costs a whole number: single service at whole costs."""
        costs = self.cost[np.isfinite(self.cost)]
        every = np.concatenate([costs, self.fixed])
        return self.single_source and bool((every == np.rint(every)).all())

    @cached_property
    def arcs(self) -> Bool:
        """[I, J]: the site may serve the client (for single service: it can hold all of it)."""
        allowed = np.isfinite(self.cost)
        if self.single_source:
            allowed = allowed & (self.demand[None, :] <= self.capacity[:, None] * (1 + ROOM))
        return allowed

    @cached_property
    def whole_knapsacks(self) -> bool:
        """Whether the bound takes clients as whole: single service, and few enough per site for that to matter."""
        return self.single_source and len(self.demand) <= FEW_CLIENTS_PER_SITE * self.least_sites

    @cached_property
    def least_sites(self) -> int:
        """The least number of open sites that hold the total demand, the required ones among them.

        Never more than there are sites: whether they hold the demand is another question.
        """
        if not self.demand.any():
            return max(1, int(self.required.sum()))
        order = np.lexsort((-self.capacity, ~self.required))
        held = np.cumsum(self.capacity[order])
        needed = int(np.searchsorted(held, self.demand.sum() * (1 - ROOM))) + 1
        return min(max(needed, int(self.required.sum())), len(self.capacity))


@dataclass(frozen=True)
class Plan:
    """Open sites and the share of each client's demand each site serves, [I, J]; rows as in the task."""

    open: Bool
    share: Float


def make_task(cost: ArrayLike, demand: ArrayLike, capacity: ArrayLike, fixed: ArrayLike, *, single_source: bool,
              most_sites: int | None = None, required: ArrayLike = (), forbidden: ArrayLike = ()) -> SitingTask:
    """The task without its forbidden sites; `cost` is [clients, sites].

    ClassicInputError names everything that has the wrong shape or an impossible value.
    """
    c, d = np.asarray(cost, dtype=np.float64), np.asarray(demand, dtype=np.float64)
    if c.ndim != 2 or 0 in c.shape:
        raise ClassicInputError(f"cost has shape {c.shape}, expected clients x sites, at least one of each")
    clients, sites = c.shape
    u = np.broadcast_to(np.asarray(capacity, dtype=np.float64), (sites,)) if np.ndim(capacity) == 0 else np.asarray(
        capacity, dtype=np.float64)
    f = np.asarray(fixed, dtype=np.float64)
    faults = [f"{name} has shape {value.shape}, expected {shape}"
              for name, value, shape in (("demand", d, (clients,)), ("capacity", u, (sites,)), ("fixed", f, (sites,)))
              if value.shape != shape]
    if not faults:
        faults = _value_faults(c, d, u, f)
    must, barred = _site_mask(required, sites, "required", faults), _site_mask(forbidden, sites, "forbidden", faults)
    if (must & barred).any():
        faults.append(f"site {int(np.flatnonzero(must & barred)[0])} is both required and forbidden")
    if most_sites is not None and most_sites < 1:
        faults.append(f"the number of sites is {most_sites}, expected at least 1")
    if faults:
        raise ClassicInputError("; ".join(faults))
    keep = np.flatnonzero(~barred)
    most = len(keep) if most_sites is None else min(int(most_sites), len(keep))
    return SitingTask(np.ascontiguousarray(c.T[keep]), d, u[keep], f[keep], single_source, most, must[keep], keep)


def _value_faults(cost: Float, demand: Float, capacity: Float, fixed: Float) -> list[str]:
    faults = []
    if np.isnan(cost).any() or np.isneginf(cost).any():
        faults.append("cost has missing values or -inf")
    if not (np.isfinite(demand).all() and (demand >= 0.0).all()):
        faults.append("demand has negative, infinite or missing values")
    if not (capacity >= 0.0).all():
        faults.append("capacity has negative or missing values")
    if not np.isfinite(fixed).all():
        faults.append("fixed has infinite or missing values")
    return faults


def _site_mask(given: ArrayLike, sites: int, name: str, faults: list[str]) -> Bool:
    try:
        return site_mask(given, sites, name)
    except ClassicInputError as wrong:
        faults.append(str(wrong))
        return np.zeros(sites, dtype=bool)


def infeasible_because(task: SitingTask) -> str | None:
    """One line saying why no plan can exist, from sums and single clients; None when those show nothing."""
    if len(task.fixed) == 0:
        return "every site is forbidden"
    if int(task.required.sum()) > task.most_sites:
        return f"{int(task.required.sum())} sites are required, but at most {task.most_sites} may be open"
    lonely = np.flatnonzero(~np.isfinite(task.cost).any(axis=0))
    if len(lonely):
        return f"client {int(lonely[0])} can be served by no allowed site ({len(lonely)} such clients)"
    if task.single_source:
        stuck = np.flatnonzero(~task.arcs.any(axis=0))
        if len(stuck):
            client = int(stuck[0])
            largest = float(task.capacity[np.isfinite(task.cost[:, client])].max())
            return (f"demand of client {client} ({task.demand[client]:g}) exceeds every capacity it can use "
                    f"({largest:g}), short by {task.demand[client] - largest:g}")
    order = np.lexsort((-task.capacity, ~task.required))[: task.most_sites]
    most, total = float(task.capacity[order].sum()), float(task.demand.sum())
    if total > most * (1 + ROOM):
        whose = "the total capacity" if task.most_sites == len(task.fixed) else (
            f"what the {task.most_sites} largest sites hold")
        return f"total demand {total:g} exceeds {whose} {most:g}, short by {total - most:g}"
    return None


def plan_cost(task: SitingTask, plan: Plan) -> float:
    """Fixed costs of the open sites plus service costs, from the plan alone."""
    used = plan.share > 0.0
    return float(task.fixed[plan.open].sum() + (task.cost[used] * plan.share[used]).sum())


def assigned(task: SitingTask, site_of_client: Int, also_open: Bool | None = None) -> Plan:
    """The plan that gives each client to one site and opens those, the required ones and `also_open`."""
    share = np.zeros(task.cost.shape)
    share[site_of_client, np.arange(len(site_of_client))] = 1.0
    opened = task.required.copy() if also_open is None else task.required | also_open
    opened[site_of_client] = True
    return Plan(opened, share)
