"""Branch and bound on "this site open, this site closed" with Lagrangian bounds, and a record anyone can replay.

The sites left after fixing by reduced cost are few, so costs are dense here ([sites, clients]). Every node stores its
prices (rounded to float32 before they are evaluated) and the site it branches on; `replay` needs nothing else.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from optimizer.classic.arcs import Arcs
from optimizer.classic.common import Bool, BranchRecord, Float, Int
from optimizer.classic.lagrangian import Settled, chosen_sites

LEAF = -1
STEPS_AT_A_NODE = 80
PATIENCE = 8
"""Steps without a better bound after which steps are halved."""
SMALLEST_STEP = 0.005
LEAST_FIRST_STEP = 0.5
OVERSHOOT = 1.01
"""Steps aim at this multiple of the best plan: aiming at the plan itself makes them too short to get anywhere."""
SMOOTHING = 0.7
MEMORY = 0.85


@dataclass(frozen=True)
class Kernel:
    """The problem the tree is about: cost[site, client] (inf: cannot serve), p sites to open."""

    cost: Float
    p: int
    required: Bool
    most: Float
    """Largest valid price of each client (its outside cost)."""
    step: float

    def target(self, best: float) -> float:
        """Bounds from here on end the search: no plan is better than `best` by as much as plans can differ."""
        return best - self.step + 1e-6 * self.step if self.step > 0 else best - 1e-9 * max(1.0, abs(best))


def kernel_of(arcs: Arcs, p: int, fixed: Settled, step: float) -> Kernel:
    """The sites left by fixing as a dense matrix [sites, clients]."""
    site = np.flatnonzero(~fixed.is_closed)
    number = np.full(arcs.sites, -1, dtype=np.int64)
    number[site] = np.arange(len(site))
    cost = np.full((len(site), arcs.clients), np.inf)
    row = number[arcs.site]
    cost[row[row >= 0], arcs.client[row >= 0]] = arcs.cost[row >= 0]
    return Kernel(cost, p, fixed.is_open[site], arcs.outside, step)


@dataclass(frozen=True)
class Searched:
    """Best plan (None when none better than the given one was found) and the bound over all of the kernel."""

    chosen: Bool | None
    best: float
    bound: float
    complete: bool
    record: BranchRecord


@dataclass
class _Node:
    """Sites still in question, which of them are open, and what the parent knows."""

    site: Int
    required: Bool
    prices: Float
    bound: float
    scale: float


class _Search:
    """A depth-first walk with one incumbent."""

    def __init__(self, kernel: Kernel, best: float, deadline: float) -> None:
        self.kernel, self.best, self.deadline = kernel, best, deadline
        self.first_total = best
        self.chosen: Bool | None = None
        self.target: list[float] = []
        self.prices: list[NDArray[np.float32]] = []
        self.branch: list[int] = []

    def run(self, prices: Float, nodes: int) -> Searched:
        kernel = self.kernel
        stack = [_Node(np.arange(len(kernel.cost)), kernel.required.copy(), prices, -np.inf, 1.0)]
        while stack and len(self.branch) < nodes and time.perf_counter() < self.deadline:
            stack.extend(reversed(self._split(stack.pop())))
        bound = min([self.best, *(node.bound for node in stack)]) if stack else self.best
        record = BranchRecord(np.array(self.prices, dtype=np.float32).reshape(-1, kernel.cost.shape[1]),
                              np.array(self.branch, dtype=np.int64), np.array(self.target), self.first_total)
        return Searched(self.chosen, self.best, bound, not stack, record)

    def _split(self, node: _Node) -> list[_Node]:
        """The two children of a node, none when its bound ends the search there."""
        cost = self.kernel.cost[node.site]
        prices, often, scale = self._climb(cost, node)
        self.prices.append(prices.astype(np.float32))
        prices = self.prices[-1].astype(np.float64)
        self.target.append(self.kernel.target(self.best))
        fixed = fix(self.kernel, cost, node.required, prices, self.target[-1])
        if fixed is None:
            self.branch.append(LEAF)
            return []
        keep, required = fixed.keep, fixed.required
        site, required, often = node.site[keep], required[keep], often[keep]
        free = ~required
        last = only_plan(self.kernel, site, required)
        if last is not None:
            self._offer(last)
            self.branch.append(LEAF)
            return []
        at = int(np.argmin(np.where(free, np.abs(often - 0.5), np.inf)))
        self.branch.append(int(site[at]))
        bound = max(fixed.bound, node.bound)
        opened = required.copy()
        opened[at] = True
        rest = np.arange(len(site)) != at
        scale = max(2 * scale, LEAST_FIRST_STEP)
        return [_Node(site, opened, prices, bound, scale), _Node(site[rest], required[rest], prices, bound, scale)]

    def _climb(self, cost: Float, node: _Node) -> tuple[Float, Float, float]:
        """(best prices, how often each site was chosen lately, last step scale) after subgradient steps."""
        prices = best_prices = node.prices
        best_bound, stalled, scale = -np.inf, 0, node.scale
        often, direction = np.zeros(len(cost)), np.zeros(cost.shape[1])
        worth = np.empty_like(cost)
        nowhere = np.zeros(len(cost), dtype=bool)
        steps = STEPS_AT_A_NODE if self.branch else 3 * STEPS_AT_A_NODE
        for count in range(steps):
            np.subtract(prices, cost, out=worth)
            np.maximum(worth, 0.0, out=worth)
            rho = -worth.sum(axis=1)
            chosen = chosen_sites(rho, self.kernel.p, node.required, nowhere)
            bound = float(prices.sum() + rho[chosen].sum())
            stalled = 0 if bound > best_bound + 1e-5 * abs(bound) else stalled + 1
            if bound > best_bound:
                best_bound, best_prices = bound, prices
            self._offer(node.site[chosen])
            target = self.kernel.target(self.best)
            missing = 1.0 - np.count_nonzero(worth[chosen], axis=0)
            if best_bound >= target + 1e-3 * max(self.kernel.step, 0.0) or not missing.any():
                break
            weight = MEMORY if count else 0.0
            often = weight * often + (1.0 - weight) * chosen
            if stalled >= PATIENCE:
                scale, stalled, prices = scale / 2, 0, best_prices
                if scale < SMALLEST_STEP:
                    break
            direction = missing + SMOOTHING * direction
            norm = float(direction @ direction)
            if norm < 1e-12:
                break
            aim = OVERSHOOT * self.best - bound
            prices = np.minimum(np.maximum(prices + scale * max(aim, 1e-6) / norm * direction, 0.0), self.kernel.most)
        return best_prices, often, scale

    def _offer(self, site: Int) -> None:
        """Takes a plan that is better than the best one."""
        value = plan_total(self.kernel, site)
        if value < self.best - 1e-9 * max(1.0, abs(value)):
            self.best = value
            self.chosen = np.zeros(len(self.kernel.cost), dtype=bool)
            self.chosen[site] = True


@dataclass(frozen=True)
class Fixed:
    """What prices prove at a node: its bound, sites that stay in question, sites that must be open."""

    bound: float
    keep: Bool
    required: Bool


def fix(kernel: Kernel, cost: Float, required: Bool, prices: Float, target: float) -> Fixed | None:
    """Sites fixed by reduced cost at these prices; None when nothing below `target` is left."""
    if len(cost) < kernel.p or required.sum() > kernel.p:
        return None
    prices = np.minimum(prices, kernel.most)
    rho = -np.maximum(prices - cost, 0.0).sum(axis=1)
    chosen = chosen_sites(rho, kernel.p, required, np.zeros(len(cost), dtype=bool))
    bound = float(prices.sum() + rho[chosen].sum())
    if bound >= target:
        return None
    free_in, out = chosen & ~required, ~chosen
    dearest_in = float(rho[free_in].max()) if free_in.any() else -np.inf
    cheapest_out = float(rho[out].min()) if out.any() else np.inf
    keep = ~(out & (bound - dearest_in + rho >= target))
    opened = required | (free_in & (bound - rho + cheapest_out >= target))
    return Fixed(bound, keep, opened)


def only_plan(kernel: Kernel, site: Int, required: Bool) -> Int | None:
    """The sites of the one plan a node leaves, None when it leaves several."""
    if required.sum() == kernel.p:
        return site[required]
    return site if len(site) <= kernel.p else None


def plan_total(kernel: Kernel, site: Int) -> float:
    """Cost of all clients when these sites of the kernel are open."""
    return float(np.minimum(kernel.cost[site].min(axis=0), kernel.most).sum())


def replay(kernel: Kernel, record: BranchRecord, best: float) -> bool:
    """Whether the record proves that no plan of the kernel costs less than `best` by as much as plans can differ.

    Every node's bound and fixings are computed anew from its prices, and the two branches of every node that is not
    settled must follow: what the search did to find the prices plays no part.
    """
    stack = [(np.arange(len(kernel.cost)), kernel.required)]
    for prices, branch, target in zip(record.prices, record.branch, record.target, strict=True):
        if not stack or target < kernel.target(best):
            return False
        site, required = stack.pop()
        fixed = fix(kernel, kernel.cost[site], required, prices.astype(np.float64), float(target))
        if fixed is None:
            if branch != LEAF:
                return False
            continue
        site, required = site[fixed.keep], fixed.required[fixed.keep]
        last = only_plan(kernel, site, required)
        at = np.flatnonzero((site == branch) & ~required)
        if last is not None:
            if branch != LEAF or plan_total(kernel, last) < kernel.target(best):
                return False
        elif len(at) != 1:
            return False
        else:
            opened, rest = required.copy(), site != branch
            opened[at] = True
            stack += [(site[rest], required[rest]), (site, opened)]
    return not stack


def search(kernel: Kernel, prices: Float, best: float, nodes: int, deadline: float) -> Searched:
    """The best plan of the kernel below `best`, and the bound proven when the walk ended: complete, or stopped by
    `nodes` or the deadline."""
    return _Search(kernel, best, deadline).run(prices, nodes)
