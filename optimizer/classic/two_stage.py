"""Two-stage capacitated facility location with several products (MP-TSCFLP): plants, depots, clients."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from optimizer.classic.common import (
    PROOF_TOLERANCE,
    ClassicInputError,
    ClassicResult,
    Flows,
    is_proven,
    no_plan,
    site_mask,
    status_of,
)
from optimizer.classic.two_stage_model import PathModel, TwoStageTask, least_cost, path_model, route
from optimizer.solvers.linear import solve

Float = NDArray[np.float64]
Int = NDArray[np.int64]
Bool = NDArray[np.bool_]

PROBLEM = "mp-tscflp"
PATHS = 36
MOST_PATHS = 40_000
"""Path variables of one model; with many clients and products each gets fewer."""
LEAST_PATHS = 6
TREE_SHARE = 0.4
"""Part of the time left for branch and bound on everything before neighbourhoods take over."""
ROUND_S = 8.0
FIRST_FREE_SHARE, SHRINK = 0.4, 0.9
"""Sites freed in the first round; rounds that time cuts shrink it, others let it grow."""
DOUBT_BONUS = 1.5
ROOM = 1e-9
ELSEWHERE = 1e-7
"""Shares below that are rounding of the engine."""


def two_stage_location(demand: ArrayLike, plant_capacity: ArrayLike, plant_fixed: ArrayLike,
                       depot_capacity: ArrayLike, depot_fixed: ArrayLike, first_cost: ArrayLike,
                       second_cost: ArrayLike, *, required: ArrayLike = (), forbidden: ArrayLike = (),
                       time_limit_s: float = 60.0, seed: int = 1) -> ClassicResult:
    """The cheapest open plants and depots, and flows of every product from plants over depots to clients.

    `demand` [clients, products]; capacities [plants, products] and [depots, products]; fixed costs [plants], [depots];
    unit costs `first_cost` [products, plants, depots] and `second_cost` [products, depots, clients] (inf: impossible).
    Sites are numbered plants first, then depots: in `required`, `forbidden` and the result's `open_sites`. In the flows
    stage 1 goes from plant to depot and stage 0 from depot to client, each with its own numbers.
    ClassicInputError for misshapen input. The bound is that of branch and bound on the path formulation.
    """
    begun = time.monotonic()
    task = _task(demand, plant_capacity, plant_fixed, depot_capacity, depot_fixed, first_cost, second_cost)
    must, barred = site_mask(required, len(task.fixed), "required"), site_mask(forbidden, len(task.fixed), "forbidden")
    reason = _infeasible_because(task, must, barred)
    if reason is not None:
        return no_plan(PROBLEM, reason, bound=np.inf, seconds=time.monotonic() - begun)
    search = _Search(task, must, barred, begun + time_limit_s)
    search.run(seed)
    seconds = time.monotonic() - begun
    if search.flows is None:
        why = ("plants and depots cannot serve all clients over the ways that exist" if search.bound == np.inf
               else "no plan found within the time limit")
        return no_plan(PROBLEM, why, bound=search.bound, seconds=seconds)
    status = status_of(search.cost - search.bound, search.cost, stopped=time.monotonic() >= search.deadline_s)
    return ClassicResult(PROBLEM, status, search.cost, search.bound, np.flatnonzero(search.open), None, seconds,
                         flows=search.flows, bound_source=search.source)


def two_stage_cost(task: TwoStageTask, opened: Int, flows: Flows) -> float:
    """The cost of open sites and flows, recomputed from the input and the plan alone."""
    ahead, last = flows.stage == 1, flows.stage == 0
    moved = task.first_cost[flows.product[ahead], flows.origin[ahead], flows.destination[ahead]] @ flows.amount[ahead]
    handed = task.second_cost[flows.product[last], flows.origin[last], flows.destination[last]] @ flows.amount[last]
    return float(task.fixed[opened].sum() + moved + handed)


class _Search:
    """The best plan and bound so far."""

    def __init__(self, task: TwoStageTask, must: Bool, barred: Bool, deadline_s: float) -> None:
        """A bound that needs no engine, no plan yet."""
        self.task, self.must, self.barred, self.deadline_s = task, must, barred, deadline_s
        self.bound, self.source = least_cost(task), "cheapest paths"
        self.cost, self.open = np.inf, must
        self.flows: Flows | None = None
        self.tried: set[bytes] = set()

    def left_s(self) -> float:
        """Seconds until the time limit."""
        return self.deadline_s - time.monotonic()

    def done(self) -> bool:
        """Proven, or out of time."""
        if self.left_s() <= 0.0 or self.bound == np.inf:
            return True
        return is_proven(self.cost - self.bound, self.cost)

    def offer(self, opened: Bool) -> None:
        """Route over these open sites, close what is not used, keep it if cheaper."""
        opened = opened | self.must
        if opened.tobytes() in self.tried:
            return
        self.tried.add(opened.tobytes())
        flows = route(self.task, opened, time_limit_s=max(self.left_s(), 2.0))
        if flows is None:
            return
        used = self.must | (opened & (self.task.fixed < 0.0))
        plants = len(self.task.plant_fixed)
        used[flows.origin[flows.stage == 1]] = True
        used[plants + flows.origin[flows.stage == 0]] = True
        cost = two_stage_cost(self.task, np.flatnonzero(used), flows)
        if cost < self.cost:
            self.cost, self.open, self.flows = cost, used, flows

    def raise_to(self, bound: float) -> None:
        """A bound of branch and bound."""
        bound = min(bound, self.cost)
        if bound > self.bound:
            self.bound, self.source = bound, "branch and bound on paths"

    def run(self, seed: int) -> None:
        """All open; the whole model for a while; neighbourhoods of the best plan; the whole model for the rest."""
        self.offer(~self.barred)
        needs = int((self.task.demand > 0.0).sum())
        paths = int(np.clip(MOST_PATHS // max(needs, 1), LEAST_PATHS, PATHS))
        while not self.done():
            built = path_model(self.task, paths, self.must, self.barred)
            relaxed = solve(replace(built.model, integer=np.zeros_like(built.model.integer)),
                            time_limit_s=self.left_s())
            if relaxed.x is None:
                if not relaxed.hit_time_limit:
                    self.raise_to(np.inf)
                return
            self.raise_to(relaxed.objective)
            ended = self._branch(built, TREE_SHARE * self.left_s())
            if ended == "cut":
                self._neighbourhoods(built, relaxed.x[built.first_site:], seed)
            if ended != "wider":
                return
            paths *= 2

    def _branch(self, built: PathModel, time_limit_s: float) -> Literal["cut", "settled", "wider"]:
        """Branch and bound on everything: cut by time, settled, or to be repeated with more paths."""
        answer = solve(built.model, time_limit_s=time_limit_s)
        if answer.x is None:
            if answer.hit_time_limit:
                return "cut"
            self.raise_to(np.inf)
            return "settled"
        self.offer(answer.x[built.first_site:] > 0.5)
        self.raise_to(answer.bound)
        if answer.hit_time_limit:
            return "cut"
        elsewhere = float(answer.x[built.first_elsewhere:built.first_site].sum())
        return "wider" if elsewhere > ELSEWHERE else "settled"

    def _neighbourhoods(self, built: PathModel, relaxed: Float, seed: int) -> None:
        """Frees some sites of the best plan at a time, those first that the relaxation would have otherwise."""
        random, count = np.random.default_rng(seed), len(self.task.fixed)
        free, model, first = max(4, int(FIRST_FREE_SHARE * count)), built.model, built.first_site
        upper = model.upper.copy()
        upper[built.first_elsewhere:first] = 0.0
        while not self.done() and self.flows is not None:
            doubt = np.abs(relaxed - self.open) > 0.1
            order = np.argsort(-(random.random(count) + DOUBT_BONUS * random.random() * doubt), kind="stable")
            kept = order[min(free, count):]
            low, high = model.lower.copy(), upper.copy()
            low[first + kept] = high[first + kept] = self.open[kept]
            answer = solve(replace(model, lower=low, upper=high), relative_gap=1e-5,
                           time_limit_s=min(ROUND_S, self.left_s()))
            if answer.x is not None and answer.objective < self.cost - PROOF_TOLERANCE * abs(self.cost):
                self.offer(answer.x[first:] > 0.5)
            free = max(4, int(SHRINK * free)) if answer.hit_time_limit else min(count, free + max(1, count // 20))


def _task(demand: ArrayLike, plant_capacity: ArrayLike, plant_fixed: ArrayLike, depot_capacity: ArrayLike,
          depot_fixed: ArrayLike, first_cost: ArrayLike, second_cost: ArrayLike) -> TwoStageTask:
    """The checked task."""
    task = TwoStageTask(*(np.asarray(a, dtype=np.float64) for a in (
        demand, plant_capacity, plant_fixed, depot_capacity, depot_fixed, first_cost, second_cost)))
    if task.demand.ndim != 2 or task.plant_fixed.ndim != 1 or task.depot_fixed.ndim != 1:
        raise ClassicInputError("demand must be [clients, products], fixed costs [plants] and [depots]")
    (clients, products), plants, depots = task.demand.shape, len(task.plant_fixed), len(task.depot_fixed)
    shapes = {"plant_capacity": (plants, products), "depot_capacity": (depots, products),
              "first_cost": (products, plants, depots), "second_cost": (products, depots, clients)}
    faults = [f"{name} has shape {getattr(task, name).shape}, expected {shape}" for name, shape in shapes.items()
              if getattr(task, name).shape != shape]
    faults += [f"{name} has negative or missing values" for name in ("demand", "plant_capacity", "depot_capacity")
               if not (getattr(task, name) >= 0.0).all()]
    faults += [f"{name} has missing values or -inf" for name in ("first_cost", "second_cost")
               if np.isnan(getattr(task, name)).any() or np.isneginf(getattr(task, name)).any()]
    if not np.isfinite(task.fixed).all() or not np.isfinite(task.demand).all() or 0 in (clients, plants, depots):
        faults.append("there must be clients, plants and depots, with finite fixed costs and demands")
    if faults:
        raise ClassicInputError("; ".join(faults))
    return task


def _infeasible_because(task: TwoStageTask, must: Bool, barred: Bool) -> str | None:
    """One line saying why there is no plan, from sums; None when those show nothing."""
    if (must & barred).any():
        return f"site {int(np.flatnonzero(must & barred)[0])} is both required and forbidden"
    plants, total = len(task.plant_fixed), task.demand.sum(axis=0)
    for name, capacity, shut in (("plants", task.plant_capacity, barred[:plants]),
                                 ("depots", task.depot_capacity, barred[plants:])):
        short = total - capacity[~shut].sum(axis=0)
        worst = int(np.argmax(short))
        if short[worst] > ROOM * max(1.0, float(total[worst])):
            return (f"demand {total[worst]:g} for product {worst} exceeds what the {name} hold "
                    f"({total[worst] - short[worst]:g}), short by {short[worst]:g}")
    return None
