"""Sites: annualised build cost plus fixed running cost; existing sites pay no build cost, closing one has its price."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from optimizer.network import annuity_share
from optimizer.objectives.coefficients import Coefficients, zero
from optimizer.problem import Problem, SiteStatus


def coefficients(problem: Problem) -> Coefficients:
    """CNY per year of every open site and size, and of closing a site that may close."""
    rate = problem.network.money.discount_rate
    opened, closed = [], []
    for tier, sites in zip(problem.network.tiers, problem.sites, strict=True):
        yearly = annuity_share(rate, tier.life_years)
        opened.append(sites.fixed_cost_cny_per_year(tier) + sites.build_cost_cny(tier) * yearly)
        closed.append(np.where(sites.status == SiteStatus.MAY_CLOSE, sites.closing_cost_cny * yearly, 0.0))
    return replace(zero(problem), open_cny_per_year=tuple(opened), closed_cny_per_year=tuple(closed))
