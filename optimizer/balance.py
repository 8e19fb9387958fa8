"""Where the tonnes of each material go, and ratios of the network against what real networks look like."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from optimizer.accounts import throughput
from optimizer.bypass import without_virtual
from optimizer.plan import Plan
from optimizer.problem import Problem


@dataclass(frozen=True)
class MaterialBalance:
    """One material; generated = captured + not captured + unserved + rejected."""

    material_id: str
    generated_t_per_day: float
    captured_t_per_day: float
    not_captured_participation_t_per_day: float
    """Of residents who never take part."""
    not_captured_distance_t_per_day: float
    """Of residents who would take part, lost to the walk to their site."""
    unserved_t_per_day: float
    """Of residents who would take part and are given no site."""
    rejected_t_per_day: float = 0.0
    """Of inputs refused before the problem was built; the caller's to fill."""

    @property
    def not_captured_t_per_day(self) -> float:
        """Lost to abstention and to distance."""
        return self.not_captured_participation_t_per_day + self.not_captured_distance_t_per_day


def balance(problem: Problem, plan: Plan) -> list[MaterialBalance]:
    """The balance of every material of the network, in its order, t/day.

    ValueError where a part uses a site beyond the walking limit.
    """
    through = throughput(problem, plan)
    generated = problem.demand.generated_t_per_day.sum(axis=0)
    captured = through.entering[0].sum(axis=0)
    abstains = generated * (1.0 - problem.participation_share)
    distance = through.not_captured.sum(axis=0) - abstains
    unserved = through.unserved.sum(axis=0)
    return [MaterialBalance(material.id, float(generated[m]), float(captured[m]), float(abstains[m]),
                            float(distance[m]), float(unserved[m]))
            for m, material in enumerate(problem.network.materials)]


@dataclass(frozen=True)
class RatioLimit:
    """What a ratio usually is: persons served per site of the first tier, or sites of a tier per site of the next."""

    code: str
    tier: int
    """Number of the tier whose sites are the divisor."""
    low: float
    high: float
    mark: Literal["S", "S*", "D", "A", "M"] = "D"


USUAL_RATIOS = (
    RatioLimit("ratio_persons_per_site", 0, 1000.0, 5400.0),
    RatioLimit("ratio_sites_per_site", 1, 6.0, 125.0),
    RatioLimit("ratio_sites_per_site", 2, 4.0, 20.0),
)
"""Derived from counts of real three-tier networks: Shanghai, Hefei, Chengdu, Dezhou, Haikou, Sanya, Hainan."""


@dataclass(frozen=True)
class RatioWarning:
    """A ratio outside its usual range: a reason to look, not an error."""

    code: str
    subject_id: str
    """Id of the tier."""
    value: float
    low: float
    high: float
    mark: str
    text: str


def sanity_warnings(problem: Problem, plan: Plan, limits: Sequence[RatioLimit] = USUAL_RATIOS) -> list[RatioWarning]:
    """Ratios of the plan outside their usual range; limits of tiers the network lacks or leaves closed say nothing."""
    plan = without_virtual(problem, plan)
    tiers = problem.network.tiers
    found = []
    for limit in limits:
        if limit.tier >= len(tiers) or not len(plan.open_sites[limit.tier].site):
            continue
        served = plan.site_of_part >= 0
        above = len(plan.open_sites[limit.tier].site)
        below = (float(np.sum(problem.demand.persons[served])) if limit.tier == 0
                 else float(len(plan.open_sites[limit.tier - 1].site)))
        value = below / above
        if not limit.low <= value <= limit.high:
            what = "persons" if limit.tier == 0 else f"sites of '{tiers[limit.tier - 1].id}'"
            tier_id = tiers[limit.tier].id
            found.append(RatioWarning(limit.code, tier_id, value, limit.low, limit.high, limit.mark,
                                      f"{value:.1f} {what} per site of '{tier_id}', usual are {limit.low:g} to "
                                      f"{limit.high:g}"))
    return found
