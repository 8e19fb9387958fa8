"""The exact optimum where a tier may be bypassed, written on the problem without virtual sites.

Besides its stations a point may be served by a site of the tier above directly: one choice among all of them. Such
tonnes pay the collecting vehicle's loading, stops and drive to the upper site, and there what the tier itself asks for
(handling, residue, sale), but neither the bypassed tier's handling nor the second vehicle. Bypass of tier 1 only.
"""

from __future__ import annotations

import numpy as np

from optimizer.problem import Leg, Problem
from tests.optimizer.brute_force import DAYS, SCALE, Build


class BypassBuild(Build):
    """The programme with a direct way from every point to every site of tier 2."""

    def __init__(self, problem: Problem, direct: Leg) -> None:
        self.direct_leg = direct
        self.direct: dict[tuple[int, int], int] = {}
        super().__init__(problem)

    def _arcs(self) -> tuple[list[int], dict[tuple[int, int, int], int]]:
        x, via = super()._arcs()
        model, walk, leg = self.model, self.problem.walk, self.direct_leg
        points = len(self.problem.sites[0])
        straight = {(j, c): model.var(0.0, 1, True) for j in self.sites[0] for c in self.sites[2]}
        # the single-sourcing rows of the points came first, one per point, each over all stations
        firsts = [n for n, (terms, low, high) in enumerate(model.rows)
                  if (low, high) == (0, 1) and len(terms) == len(self.sites[1])
                  and set(terms.values()) == {1.0} and all(model.cost[v] == 0.0 for v in terms)]
        assert len(firsts) >= points
        for j, n in zip(self.sites[0], firsts[:points], strict=True):
            for c in self.sites[2]:
                model.rows[n][0][straight[j, c]] = 1.0
        sends = {e: [n for n, (terms, low, high) in enumerate(model.rows) if (low, high) == (0, 0) and v in terms]
                 for e, v in enumerate(x)}  # one row per material: what is used goes on
        for e, (_, j) in enumerate(zip(walk.part.tolist(), walk.site.tolist(), strict=True)):
            for c in self.sites[2]:
                if np.isfinite(leg.loaded_m[j, c] + leg.empty_m[j, c]):
                    cost = sum(DAYS * self.captured(e, m) * self.per_t(j, c, m) for m in self.materials)
                    variable = model.var(cost, 1, False)
                    self.direct[e, c] = variable
                    model.row([(variable, 1.0), (straight[j, c], -1.0)], -np.inf, 0)
                    for n in sends[e]:
                        model.rows[n][0][variable] = -1.0
        return x, via

    def per_t(self, j: int, c: int, m: int) -> float:
        """CNY per tonne of material m from point j straight to the upper site c, everything at c included."""
        network, prices, leg = self.problem.network, self.prices, self.direct_leg
        feed, truck = network.tiers[1].feed, prices.truck(0)
        assert feed is not None
        load_t = min(truck.payload_t, truck.volume_m3 * truck.fill_share
                     * network.materials[m].density_t_per_m3[feed.state])
        km = (leg.loaded_m[j, c] + leg.empty_m[j, c]) / 1000
        seconds = leg.loaded_s[j, c] + leg.empty_s[j, c] + truck.unload_s
        seconds += truck.stop_s if feed.stops_per_t == 0 else 0.0
        drive = (km * prices.per_km(truck) + seconds * prices.per_s(truck)) / load_t
        collect = prices.entering(1, m) - network.tiers[1].variable_cost_cny_per_t
        last, material = network.tiers[2], network.materials[m]
        at_end = last.variable_cost_cny_per_t + (1 - prices.passed(2, m)) * network.money.residue_cny_per_t
        at_end -= material.price_cny_per_t * prices.passed(2, m)
        at_end -= material.subsidy_cny_per_t if material.low_value else 0.0
        return drive + collect + at_end

    def entering(self, level: int, site: int, m: int) -> list[tuple[int, float]]:
        found = super().entering(level, site, m)
        if level == 2:
            found = [*found, *((v, self.captured(e, m)) for (e, c), v in self.direct.items() if c == site)]
        return found


def bypass_optimum(problem: Problem, direct: Leg) -> float:
    """CNY per year of the best plan; inf where there is none. `problem` has three tiers and no virtual sites."""
    build = BypassBuild(problem, direct)
    values = build.model.solve()
    return np.inf if values is None else float(np.dot(build.model.cost, values)) / SCALE + build.constant
