"""Capacitated siting as an integer programme over some sites and arcs, with the links x_ij <= y_i that make it strong.

Arcs left out of a split-service model are replaced by one share per client that costs no more than any of them and
needs no site: what the model proves then holds for all arcs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from optimizer.classic.capacitated_task import Plan, SitingTask
from optimizer.solvers.linear import Answer, LinearModel, RowBuilder, solve

Float = NDArray[np.float64]
Int = NDArray[np.int64]
Bool = NDArray[np.bool_]


@dataclass(frozen=True)
class Kernel:
    """What of a task enters the model."""

    arcs: Bool
    """[I, J]; sites without an arc that are neither required nor listed in `sites` stay closed."""
    sites: Bool
    """[I]: sites that may be open."""
    most_share: Float
    """[I, J]: no better plan serves a larger share over the arc."""
    elsewhere: Float
    """[J]: cost of service outside the model, inf where every arc is in it."""
    must_open: Bool
    """[I]: open in every better plan."""


@dataclass(frozen=True)
class Layout:
    """Where variables stand: arcs first (site, client), then services elsewhere, then sites."""

    site: Int
    client: Int
    outside: Int
    """Clients with a service elsewhere."""
    sites: Int

    @property
    def first_site(self) -> int:
        """The first site variable."""
        return len(self.site) + len(self.outside)


@dataclass(frozen=True)
class Solved:
    """Open sites and shares of the best solution (None without one), the bound, and whether the search was cut."""

    open: Bool | None
    share: Float | None
    bound: float
    hit_time_limit: bool
    elsewhere: float
    """Sum of shares served outside the model."""


def whole_kernel(task: SitingTask) -> Kernel:
    """Everything."""
    shape, sites = task.cost.shape, len(task.fixed)
    return Kernel(task.arcs, np.ones(sites, dtype=bool), np.ones(shape), np.full(shape[1], np.inf), task.required)


def solve_kernel(task: SitingTask, kernel: Kernel, *, time_limit_s: float, relative_gap: float = 0.0,
                 absolute_gap: float = 0.0, start: Plan | None = None) -> Solved:
    """The best plan of the kernel that the engine finds, and what it proves for every plan better than known ones."""
    model, layout = build(task, kernel)
    given = None if start is None else _start_of(layout, start)
    answer = solve(model, time_limit_s=time_limit_s, relative_gap=relative_gap, absolute_gap=absolute_gap, start=given)
    return _read(task, layout, answer)


def _read(task: SitingTask, layout: Layout, answer: Answer) -> Solved:
    if answer.x is None:
        bound = answer.bound if answer.hit_time_limit else np.inf
        return Solved(None, None, bound, answer.hit_time_limit, 0.0)
    share = np.zeros(task.cost.shape)
    share[layout.site, layout.client] = np.clip(answer.x[: len(layout.site)], 0.0, 1.0)
    opened = task.required.copy()
    opened[layout.sites] |= answer.x[layout.first_site:] > 0.5
    outside = float(answer.x[len(layout.site):layout.first_site].sum())
    return Solved(opened, share, answer.bound, answer.hit_time_limit, outside)


def _start_of(layout: Layout, plan: Plan) -> Float:
    values = np.zeros(layout.first_site + len(layout.sites))
    values[: len(layout.site)] = plan.share[layout.site, layout.client]
    values[layout.first_site:] = plan.open[layout.sites]
    return values


def build(task: SitingTask, kernel: Kernel) -> tuple[LinearModel, Layout]:
    """The model and where its variables stand."""
    site, client = np.nonzero(kernel.arcs & kernel.sites[:, None])
    outside = np.flatnonzero(np.isfinite(kernel.elsewhere))
    sites = np.flatnonzero(kernel.sites)
    layout = Layout(site, client, outside, sites)
    row_of = np.full(len(task.fixed), -1)
    row_of[sites] = np.arange(len(sites))
    opened, clients = layout.first_site + np.arange(len(sites)), len(task.demand)
    arc = np.arange(len(site))
    rows = RowBuilder()
    served = rows.block(clients, lower=1.0, upper=1.0)
    rows.put(served + client, arc, 1.0)
    rows.put(served + outside, len(site) + np.arange(len(outside)), 1.0)
    capacity = np.minimum(task.capacity[sites], task.demand.sum())
    with np.errstate(divide="ignore", invalid="ignore"):
        most = np.minimum(kernel.most_share[site, client], task.capacity[site] / task.demand[client])
    most = np.where(np.isfinite(most) & (task.demand[client] > 0.0), np.minimum(most, 1.0), 1.0)
    if task.single_source:
        most = np.ones(len(site))
    linked = rows.block(len(site), upper=0.0)
    rows.put(linked + arc, arc, 1.0)
    rows.put(linked + arc, opened[row_of[site]], -most)
    reach = np.bincount(row_of[site], weights=task.demand[client], minlength=len(sites))
    tight = np.flatnonzero(reach > capacity * (1 + 1e-12))
    if len(tight):
        place = np.full(len(sites), -1)
        place[tight] = np.arange(len(tight))
        held = rows.block(len(tight), upper=0.0)
        mine = place[row_of[site]] >= 0
        rows.put(held + place[row_of[site[mine]]], arc[mine], task.demand[client[mine]])
        rows.put(held + np.arange(len(tight)), opened[tight], -capacity[tight])
    number = rows.block(1, lower=float(task.least_sites), upper=float(task.most_sites))
    rows.put(np.array([number]), opened, 1.0)
    if np.ptp(capacity) > 0.0 and np.isfinite(task.capacity).all():
        total = rows.block(1, lower=float(task.demand.sum()) * (1 - 1e-9))
        rows.put(np.array([total]), opened, capacity)
    lower = np.zeros(layout.first_site + len(sites))
    lower[opened] = kernel.must_open[sites] | task.required[sites]
    upper = np.ones(len(lower))
    upper[arc] = most
    whole = np.zeros(len(lower), dtype=bool)
    whole[opened] = True
    whole[arc] = task.single_source
    cost = np.concatenate([task.cost[site, client], kernel.elsewhere[outside], task.fixed[sites]])
    return LinearModel(cost, lower, upper, whole, rows.rows()), layout
