"""Side rules as limits of the first tier's linear relaxation: a start for their prices."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from optimizer.first_tier import FirstTier
from optimizer.problem import Problem

Float = NDArray[np.float64]
Int = NDArray[np.int64]

COVERS_SHARE = 0.5
"""A rule is taken to bind every tonne at a tier when it holds more than this share of the tier's options."""
BREACH = 10.0
"""What breaking a rule costs in the relaxation, in median opening costs per largest amount."""


@dataclass(frozen=True)
class RowLimits:
    """The rules that speak about the first tier, each site seen in its cheapest size; Q rules."""

    number: Int
    """Index in Problem.site_rows, [Q]."""
    row: Int
    site: Int
    amount: Float
    """Signed entries: rule, site, what the site takes if it is open."""
    draw: Float
    """What an arc takes through the tonnes it sends up, [E, Q] in FirstTier order."""
    limit: Float
    breach_cny_per_year: Float
    """Price of breaking each rule by one unit: the relaxation always has an answer."""

    def __len__(self) -> int:
        return len(self.number)


def row_limits(problem: Problem, tier: FirstTier, last_tier_sizes: Int | None = None) -> RowLimits | None:
    """The limits; None where no rule speaks about the first tier.

    Tonnes take their share of rules in the tiers above; with the sizes of the sites added to the last tier, those do.
    """
    entries, rows = problem.rows.tiers[0], problem.rows
    if not len(entries.row):
        return None
    site, size = np.divmod(entries.option, entries.sizes)
    here = np.argmin(tier.open_cny_per_year, axis=1)[site] == size
    number, row = np.unique(entries.row[here], return_inverse=True)
    amount = entries.amount[here]
    cost = tier.open_cny_per_year[np.isfinite(tier.open_cny_per_year)]
    largest = np.zeros(len(number))
    np.maximum.at(largest, row, np.abs(amount))
    breach = BREACH * float(np.median(cost) if len(cost) else 1.0) / np.maximum(largest, 1e-12)
    per_t, must = _above(problem, last_tier_sizes)
    draw = (problem.captured_t_per_day[tier.arc] @ per_t[:, number]) if per_t.any() else np.zeros((len(tier.arc), 1))
    draw = np.broadcast_to(draw, (len(tier.arc), len(number)))
    return RowLimits(number, row.astype(np.int64), site[here], amount, draw, (rows.most - must)[number], breach)


def _above(problem: Problem, last_tier_sizes: Int | None) -> tuple[Float, Float]:
    """What a captured t/day takes of each rule in the tiers above at least, [M, R], and what sites that must be open
    there take at least, [R]. An estimate: rules that hold few of a tier's options count for nothing."""
    rows, materials = problem.rows, len(problem.network.materials)
    per_t, must = np.zeros((materials, len(rows))), np.zeros(len(rows))
    passed = np.ones(materials)
    for level in range(1, len(problem.sites)):
        passed = passed * problem.passed_share(level - 1)
        entries, sites = rows.tiers[level], problem.sites[level]
        site, size = np.divmod(entries.option, entries.sizes)
        taken = entries.amount > 0.0
        held = np.bincount(entries.row[taken], minlength=len(rows))
        least = np.full(len(rows), np.inf)
        np.minimum.at(least, entries.row[taken], (entries.amount / problem.capacity_t_per_day(level)[size])[taken])
        wide = held > COVERS_SHARE * sites.allowed.sum()
        if level < len(problem.sites) - 1 or last_tier_sizes is None:
            per_t += passed[:, None] * np.where(wide & np.isfinite(least), least, 0.0)[None, :]
        else:
            for kind in last_tier_sizes.tolist():
                mine = taken & (size == kind)
                mean = np.bincount(entries.row[mine], weights=entries.amount[mine], minlength=len(rows))
                must += mean / max(int(sites.allowed[:, kind].sum()), 1)
        for j in np.flatnonzero(sites.must_open).tolist():
            of_site = site == j
            own = np.full(len(rows), np.inf)
            np.minimum.at(own, entries.row[of_site], entries.amount[of_site])
            must += np.where(np.isfinite(own), own, 0.0)
    return per_t, must
