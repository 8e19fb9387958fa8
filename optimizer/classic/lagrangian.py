"""Lagrangian bound of "open p sites": prices per client, improved by subgradient steps, with plans found on the way.

Relaxing "each client is served once" with prices u gives, for any u_i <= outside_i, the lower bound
    L(u) = sum_i u_i + sum of the p smallest rho_j (required sites first),  rho_j = -sum_i max(0, u_i - c_ij)
(Cornuejols, Fisher, Nemhauser 1977; Beasley 1993). Steps follow Held, Wolfe and Crowder 1974.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from optimizer.classic.arcs import Arcs, Nearest, sums
from optimizer.classic.common import Bool, Float
from optimizer.classic.interchange import greedy, improved

SMOOTHING = 0.7
"""Share of the previous direction in the next one."""
PATIENCE = 12
"""Steps without a better bound after which steps are halved."""
SMALLEST_STEP = 0.004
MEMORY = 0.9
"""Plans are tried from the sites chosen most often lately: an average that fades by this factor per step."""
TRY_EVERY = 8
MAX_INTERCHANGES = 40
HEADROOM = 1.3
"""Arcs up to this multiple of a client's price are looked at between two scans of all arcs."""


@dataclass(frozen=True)
class Relaxed:
    """The best prices found with their bound, and the best plan."""

    prices: Float
    bound: float
    reduced_cost: Float
    """rho_j at the best prices."""
    is_open: Bool
    served: Nearest


@dataclass(frozen=True)
class _Ask:
    """The fixed part of one run."""

    arcs: Arcs
    """With finite outside costs, for plans."""
    most: Float
    """Largest price of each client that keeps the bound valid (inf: any)."""
    p: int
    required: Bool
    forbidden: Bool
    step: float
    """Objectives are multiples of this (0: of nothing)."""
    deadline: float


def lagrangian_value(arcs: Arcs, prices: Float, p: int, required: Bool, forbidden: Bool) -> tuple[float, Float]:
    """(L(prices), rho), from all arcs. Prices above a client's outside cost are lowered to it."""
    prices = np.minimum(prices, arcs.outside)
    worth = np.maximum(prices[arcs.client] - arcs.cost, 0.0)
    rho = -sums(arcs.site, worth, arcs.sites)
    return float(prices.sum() + rho[chosen_sites(rho, p, required, forbidden)].sum()), rho


def chosen_sites(rho: Float, p: int, required: Bool, forbidden: Bool) -> Bool:
    """The required sites and the cheapest others, p in all."""
    rank = np.where(required, -np.inf, np.where(forbidden, np.inf, rho))
    chosen = np.zeros(len(rho), dtype=bool)
    chosen[np.argpartition(rank, p - 1)[:p]] = True
    return chosen


def relax(arcs: Arcs, p: int, required: Bool, forbidden: Bool, *, step: float, deadline: float,
          max_steps: int = 1500) -> Relaxed:
    """Prices, bound and plan after subgradient steps; ends when the bound proves the plan, or progress ends.

    `step`: all objectives are multiples of it. Clients that must be served may stay unserved in the plan (its total is
    then inf); the bound holds all the same.
    """
    ask = _Ask(_with_finite_outside(arcs), arcs.outside, p, required, forbidden, step, deadline)
    is_open, served = improved(ask.arcs, greedy(ask.arcs, p, required, forbidden), required, deadline)
    return _Ascent(ask, is_open, served).run(max_steps)


def _with_finite_outside(arcs: Arcs) -> Arcs:
    """Unserved clients at a price above any difference between two plans."""
    worst = (float(arcs.cost.max(initial=0.0)) + 1.0) * (arcs.clients + 1)
    return Arcs(arcs.first, arcs.site, arcs.cost, arcs.sites, np.where(np.isinf(arcs.outside), worst, arcs.outside))


class _Ascent:
    """Subgradient steps over the arcs near the current prices."""

    def __init__(self, ask: _Ask, is_open: Bool, served: Nearest) -> None:
        self.ask, self.is_open, self.served = ask, is_open, served
        self.client = ask.arcs.client
        self.dearest = np.zeros(ask.arcs.clients)
        np.maximum.at(self.dearest, self.client, ask.arcs.cost)
        self.dearest = np.minimum(self.dearest, ask.most)
        self.prices = np.minimum((served.first_cost + served.second_cost) / 2, self.dearest)
        self.best_prices, self.best_bound = self.prices, -np.inf
        self.best_rho = np.zeros(ask.arcs.sites)
        self.interchanges = 0
        self.tried: set[bytes] = {np.packbits(is_open).tobytes()}
        self.often = is_open.astype(np.float64)
        self._look_near()

    def run(self, max_steps: int) -> Relaxed:
        """The best of up to max_steps steps."""
        direction, scale, stalled = np.zeros(self.ask.arcs.clients), 1.0, 0
        for count in range(max_steps):
            bound, rho, chosen, missing = self._evaluate()
            gained = bound - self.best_bound
            if bound > self.best_bound:
                self.best_bound, self.best_prices, self.best_rho = bound, self.prices, rho
            stalled = 0 if gained > 1e-5 * max(1.0, abs(bound)) else stalled + 1
            if stalled >= PATIENCE:
                scale, stalled, self.prices = scale / 2, 0, self.best_prices
            self.often = MEMORY * self.often + (1.0 - MEMORY) * chosen
            if not missing.any():
                self._try_plan(chosen)
            elif count % TRY_EVERY == TRY_EVERY - 1:
                self._try_plan(chosen_sites(-self.often, self.ask.p, self.ask.required, self.ask.forbidden))
            if self._proven() or scale < SMALLEST_STEP or time.perf_counter() > self.ask.deadline:
                break
            direction = missing + SMOOTHING * direction
            norm = float(direction @ direction)
            if norm < 1e-12 or not missing.any():
                break
            reach = min(self.served.total, float(self.dearest.sum()))  # no plan that serves everybody costs more
            aim = max(1.02 * reach - 0.02 * bound, bound + 1e-6) - bound
            self.prices = np.minimum(np.maximum(self.prices + scale * aim / norm * direction, 0.0), self.ask.most)
            if (self.prices > self.cap).any():
                self._look_near()
        bound, rho = lagrangian_value(Arcs(self.ask.arcs.first, self.ask.arcs.site, self.ask.arcs.cost,
                                           self.ask.arcs.sites, self.ask.most), self.best_prices, self.ask.p,
                                      self.ask.required, self.ask.forbidden)
        return Relaxed(self.best_prices, bound, rho, self.is_open, self.served)

    def _look_near(self) -> None:
        self.cap = np.maximum(self.prices * HEADROOM, self.prices + 1e-9)
        near = np.flatnonzero(self.ask.arcs.cost < self.cap[self.client])
        self.near_client, self.near_site = self.client[near], self.ask.arcs.site[near]
        self.near_cost = self.ask.arcs.cost[near]

    def _evaluate(self) -> tuple[float, Float, Bool, Float]:
        """(bound, rho, chosen sites, subgradient) at the current prices."""
        ask = self.ask
        worth = np.maximum(self.prices[self.near_client] - self.near_cost, 0.0)
        rho = -sums(self.near_site, worth, ask.arcs.sites)
        chosen = chosen_sites(rho, ask.p, ask.required, ask.forbidden)
        times = np.bincount(self.near_client[(worth > 0) & chosen[self.near_site]], minlength=ask.arcs.clients)
        return float(self.prices.sum() + rho[chosen].sum()), rho, chosen, np.asarray(1.0 - times)

    def _try_plan(self, chosen: Bool) -> None:
        key = np.packbits(chosen).tobytes()
        if key in self.tried or self.interchanges >= MAX_INTERCHANGES:
            return
        self.tried.add(key)
        self.interchanges += 1
        is_open, served = improved(self.ask.arcs, chosen, self.ask.required, self.ask.deadline)
        if served.total < self.served.total:
            self.is_open, self.served = is_open, served

    def _proven(self) -> bool:
        return rounded_up(self.best_bound, self.ask.step) >= self.served.total - 1e-9 * max(1.0, self.served.total)


def rounded_up(bound: float, step: float) -> float:
    """The bound raised to the next multiple of `step`, with a margin for rounding errors; as it is when step is 0."""
    if step == 0.0 or not np.isfinite(bound):
        return bound
    return max(bound, float(np.ceil(bound / step - 1e-6 - 1e-12 * abs(bound) / step) * step))


@dataclass(frozen=True)
class Settled:
    """Sites whose state is the same in every plan that is better than the best known one."""

    is_open: Bool
    is_closed: Bool


def fixed_by(bound: float, rho: Float, total: float, p: int, required: Bool, forbidden: Bool, step: float) -> Settled:
    """Sites whose other state would lift the bound to the best plan's total, or above: fixed by reduced cost."""
    worth_finding = total - step + 1e-6 * step
    chosen = chosen_sites(rho, p, required, forbidden)
    free_in, free_out = chosen & ~required, ~chosen & ~forbidden
    dearest_in = float(rho[free_in].max()) if free_in.any() else -np.inf
    cheapest_out = float(rho[free_out].min()) if free_out.any() else np.inf
    closed = ~chosen & (forbidden | (bound - dearest_in + rho > worth_finding))
    opened = chosen & (required | (bound - rho + cheapest_out > worth_finding))
    return Settled(opened, closed)
