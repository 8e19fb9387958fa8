"""Multi-product two-stage facility location: plants, depots, clients (MP-TSCFLP).

The referee adds the plan up flow by flow from the file's own figures and shares no code with the solvers.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optimizer.classic.common import ClassicResult
from optimizer.classic.two_stage import two_stage_location
from tests.benchmarks.siting_families.cflp import SLACK, words_of
from tests.benchmarks.siting_registry import Bar, Benchmark, Row

Float = NDArray[np.float64]


@dataclass(frozen=True)
class Instance:
    """Demands [K, L]; capacities [I, L] and [J, L]; fixed costs; unit costs [L, I, J] and [L, J, K]."""

    demand: Float
    plant_capacity: Float
    plant_fixed: Float
    depot_capacity: Float
    depot_fixed: Float
    first_cost: Float
    second_cost: Float


def read(path: Path, row: Row) -> Instance:
    """`nI nJ nK nL`, demands, plants, costs of the first stage, depots, costs of the second stage."""
    del row
    words = words_of(path)
    plants, depots, clients, products = (int(word) for word in words[:4])
    rest = np.array(words[4:], dtype=np.float64)
    blocks, at = [], 0
    for shape in ((clients, products), (plants, products + 1), (products, plants, depots), (depots, products + 1),
                  (products, depots, clients)):
        size = math.prod(shape)
        blocks.append(rest[at: at + size].reshape(shape))
        at += size
    demand, plant, first, depot, second = blocks
    return Instance(demand, plant[:, :-1], plant[:, -1], depot[:, :-1], depot[:, -1], first, second)


def solve(instance: Instance, time_limit_s: float, seed: int) -> ClassicResult:
    """The library call."""
    return two_stage_location(instance.demand, instance.plant_capacity, instance.plant_fixed,
                              instance.depot_capacity, instance.depot_fixed, instance.first_cost,
                              instance.second_cost, time_limit_s=time_limit_s, seed=seed)


def referee(instance: Instance, solution: ClassicResult) -> tuple[float, list[str]]:
    """The cost of open sites and flows, and what they violate."""
    if solution.flows is None:
        return math.nan, ["no flows"]
    plants = len(instance.plant_fixed)
    opened = {int(site) for site in solution.open_sites}
    fixed = [*instance.plant_fixed.tolist(), *instance.depot_fixed.tolist()]
    objective, violations = sum(fixed[site] for site in opened), []
    made: defaultdict[tuple[int, int], float] = defaultdict(float)
    into, out, got = made.copy(), made.copy(), made.copy()
    flows = solution.flows
    for stage, origin, to, product, amount in zip(flows.stage.tolist(), flows.origin.tolist(),
                                                  flows.destination.tolist(), flows.product.tolist(),
                                                  flows.amount.tolist(), strict=True):
        needed = {origin, plants + to} if stage == 1 else {plants + origin}
        if not needed <= opened or amount < 0.0:
            violations.append(f"flow {amount} of product {product} over a closed site: {origin} to {to}")
        cost = instance.first_cost if stage == 1 else instance.second_cost
        objective += amount * float(cost[product, origin, to])
        (made if stage == 1 else out)[origin, product] += amount
        (into if stage == 1 else got)[to, product] += amount
    for name, held, most in (("plant", made, instance.plant_capacity), ("depot", out, instance.depot_capacity)):
        violations += [f"{name} {site} handles {amount} of product {product}, capacity {most[site, product]}"
                       for (site, product), amount in held.items() if amount > float(most[site, product]) + SLACK]
    violations += [f"depot {key[0]} takes in {into[key]} and gives out {out[key]}" for key in {*into, *out}
                   if abs(into[key] - out[key]) > SLACK]
    violations += [f"client {client} gets {got[client, product]} of product {product}"
                   for client, row in enumerate(instance.demand.tolist()) for product, need in enumerate(row)
                   if abs(got[client, product] - need) > SLACK]
    return objective, violations


def solution_json(instance: Instance, solution: ClassicResult) -> dict[str, Any]:
    """Open plants and depots, and flows, by index."""
    plants, flows = len(instance.plant_fixed), solution.flows
    listed = [] if flows is None else np.column_stack(
        [flows.stage, flows.origin, flows.destination, flows.product, flows.amount]).tolist()
    return {"open_plants": [int(s) for s in solution.open_sites if s < plants],
            "open_depots": [int(s) - plants for s in solution.open_sites if s >= plants],
            "flows_stage_origin_destination_product_amount": listed, "bound_source": solution.bound_source}


BENCHMARKS = (Benchmark("mp_tscflp", ("mp-tscflp",), read, solve, referee, solution_json,
                        Bar(seconds=60.0, gap=None, to_best_known=1e-3)),)
