"""The two-stage multi-product problem as programmes: by paths to decide what opens, by arcs to route exactly.

A path variable is the share of one client's demand for one product that goes over one plant and one depot. Linking
each client's share to plant AND depot makes the relaxation far stronger than flows per arc. Dear paths are replaced by
one share per client and product at the price of the cheapest of them that needs no site: the bound holds for all.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from optimizer.classic.common import Flows
from optimizer.solvers.linear import LinearModel, RowBuilder, solve

Float = NDArray[np.float64]
Int = NDArray[np.int64]
Bool = NDArray[np.bool_]

TINY = 1e-9


@dataclass(frozen=True)
class TwoStageTask:
    """Plants I serve depots J, which serve clients K, with L products; costs are per unit, inf where impossible."""

    demand: Float
    """[K, L]"""
    plant_capacity: Float
    """[I, L]"""
    plant_fixed: Float
    depot_capacity: Float
    """[J, L]"""
    depot_fixed: Float
    first_cost: Float
    """[L, I, J]"""
    second_cost: Float
    """[L, J, K]"""

    @property
    def fixed(self) -> Float:
        """Plants, then depots."""
        return np.concatenate([self.plant_fixed, self.depot_fixed])


@dataclass(frozen=True)
class PathModel:
    """The programme, and where its variables stand: paths, then services elsewhere, then sites."""

    model: LinearModel
    first_elsewhere: int
    first_site: int


def path_model(task: TwoStageTask, paths: int, must_open: Bool, barred: Bool) -> PathModel:
    """Whole opening decisions over the `paths` cheapest paths of each client and product; masks are [I + J]."""
    row, plant, depot, cost, beyond, amount, product = _cheapest_paths(task, paths, barred)
    needs, count = len(amount), len(row)
    outside = np.flatnonzero(np.isfinite(beyond))
    plants, depots = len(task.plant_fixed), len(task.depot_fixed)
    first_site = count + len(outside)
    arc, rows = np.arange(count), RowBuilder()
    served = rows.block(needs, lower=1.0, upper=1.0)
    rows.put(served + row, arc, 1.0)
    rows.put(served + outside, count + np.arange(len(outside)), 1.0)
    for site, number, capacity, first in ((plant, plants, task.plant_capacity, first_site),
                                          (depot, depots, task.depot_capacity, first_site + plants)):
        products = capacity.shape[1]
        total = np.bincount(product, weights=amount, minlength=products)
        room = np.minimum(capacity, total[None, :])
        opened = first + np.arange(number)
        held = rows.block(number * products, upper=0.0)
        rows.put(held + site * products + product[row], arc, amount[row])
        rows.put(held + np.arange(number * products), np.repeat(opened, products), -room.ravel())
        pair, at = np.unique(row * number + site, return_inverse=True)
        need, where = np.divmod(pair, number)
        linked = rows.block(len(pair), upper=0.0)
        rows.put(linked + at, arc, 1.0)
        most = np.minimum(1.0, capacity[where, product[need]] / amount[need])
        rows.put(linked + np.arange(len(pair)), first + where, -most)
        enough = rows.block(products, lower=np.asarray(total * (1 - TINY), dtype=np.float64))
        rows.put(enough + np.tile(np.arange(products), number), np.repeat(opened, products), room.ravel())
    lower = np.concatenate([np.zeros(first_site), must_open.astype(np.float64)])
    upper = np.concatenate([np.ones(first_site), (~barred).astype(np.float64)])
    whole = np.arange(len(lower)) >= first_site
    price = np.concatenate([cost * amount[row], (beyond * amount)[outside], task.fixed])
    return PathModel(LinearModel(price, lower, upper, whole, rows.rows()), count, first_site)


def _cheapest_paths(task: TwoStageTask, paths: int, barred: Bool) -> tuple[Int, Int, Int, Float, Float, Float, Int]:
    """Need, plant, depot and unit cost of each path; per need the next price, its amount and its product."""
    plants, depots = len(task.plant_fixed), len(task.depot_fixed)
    product, client = np.nonzero(task.demand.T > 0.0)
    kept = min(paths, plants * depots)
    beyond = np.full(len(product), np.inf)
    found = np.zeros((len(product), kept), dtype=np.int64)
    cost = np.zeros((len(product), kept))
    shut_plant, shut_depot = barred[:plants], barred[plants:]
    for this in np.unique(product):
        shut = ((task.plant_capacity[:, this] <= 0.0) | shut_plant)[:, None] | (
            (task.depot_capacity[:, this] <= 0.0) | shut_depot)[None, :]
        way = np.where(shut, np.inf, task.first_cost[this])
        for need in np.flatnonzero(product == this):
            whole = (way + task.second_cost[this, :, client[need]][None, :]).ravel()
            order = np.argpartition(whole, kept - 1)
            found[need], cost[need] = order[:kept], whole[order[:kept]]
            beyond[need] = whole[order[kept:]].min(initial=np.inf)
    row = np.repeat(np.arange(len(product)), kept)
    real = np.isfinite(cost.ravel())
    plant, depot = np.divmod(found.ravel(), depots)
    return (row[real], plant[real], depot[real], cost.ravel()[real], beyond, task.demand[client, product],
            product)


def least_cost(task: TwoStageTask) -> float:
    """What every plan costs at least: all demand over its cheapest path, sites with negative cost open."""
    everywhere = np.zeros(len(task.fixed), dtype=bool)
    row, _, _, cost, _, amount, _ = _cheapest_paths(task, 1, everywhere)
    return float((cost * amount[row]).sum() + np.minimum(task.fixed, 0.0).sum())


def route(task: TwoStageTask, opened: Bool, *, time_limit_s: float) -> Flows | None:
    """The cheapest flows over open plants and depots, product by product; None where they cannot serve all."""
    plants = np.flatnonzero(opened[: len(task.plant_fixed)])
    depots = np.flatnonzero(opened[len(task.plant_fixed):])
    parts = []
    for product in range(task.demand.shape[1]):
        part = _route_product(task, product, plants, depots, time_limit_s)
        if part is None:
            return None
        parts.append(part)
    stage, origin, destination, product_of, amount = (np.concatenate(list(column))
                                                      for column in zip(*parts, strict=True))
    return Flows(stage.astype(np.int64), origin.astype(np.int64), destination.astype(np.int64),
                 product_of.astype(np.int64), amount)


def _route_product(task: TwoStageTask, product: int, plants: Int, depots: Int,
                   time_limit_s: float) -> tuple[Float, Float, Float, Float, Float] | None:
    clients = np.flatnonzero(task.demand[:, product] > 0.0)
    if len(clients) == 0:
        return (np.zeros(0),) * 5
    first = task.first_cost[product][np.ix_(plants, depots)]
    second = task.second_cost[product][np.ix_(depots, clients)]
    i, j = np.nonzero(np.isfinite(first))
    via, k = np.nonzero(np.isfinite(second))
    ahead, rows = np.arange(len(i)), RowBuilder()
    onward = len(i) + np.arange(len(via))
    need = task.demand[clients, product]
    served = rows.block(len(clients), lower=need, upper=need)
    rows.put(served + k, onward, 1.0)
    kept = rows.block(len(depots), lower=0.0, upper=0.0)
    rows.put(kept + j, ahead, 1.0)
    rows.put(kept + via, onward, -1.0)
    made = rows.block(len(plants), upper=task.plant_capacity[plants, product])
    rows.put(made + i, ahead, 1.0)
    held = rows.block(len(depots), upper=task.depot_capacity[depots, product])
    rows.put(held + j, ahead, 1.0)
    cost = np.concatenate([first[i, j], second[via, k]])
    nothing = np.zeros(len(cost))
    answer = solve(LinearModel(cost, nothing, nothing + np.inf, nothing > 0.0, rows.rows()), time_limit_s=time_limit_s)
    if answer.x is None:
        return None
    used = answer.x > TINY
    stage = np.concatenate([np.ones(len(i)), np.zeros(len(via))])[used]
    origin = np.concatenate([plants[i], depots[via]])[used]
    destination = np.concatenate([depots[j], clients[k]])[used]
    return stage, origin, destination, np.full(int(used.sum()), float(product)), answer.x[used]
