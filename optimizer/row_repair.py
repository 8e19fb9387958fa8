"""Open sites made to keep the side rules, cheaply: more sites where a minimum asks for them, none that it forbids."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from optimizer.objectives import Coefficients
from optimizer.plan import OpenSites
from optimizer.problem import Problem

Float = NDArray[np.float64]
Int = NDArray[np.int64]
Bool = NDArray[np.bool_]


def lawful_sites(problem: Problem, opened: tuple[OpenSites, ...]) -> bool:
    """Whether the open sites of all tiers hold every site that must be open and keep every side rule."""
    for sites, here in zip(problem.sites, opened, strict=True):
        if np.setdiff1d(np.flatnonzero(sites.must_open), here.site).size:
            return False
    rows = problem.rows
    return not len(rows) or not len(rows.broken(rows.values(opened)))


def with_minimums(problem: Problem, coefficients: Coefficients, opened: tuple[OpenSites, ...],
                  tiers: range) -> tuple[OpenSites, ...]:
    """The open sites with the cheapest further ones of some tiers that rules of the kind >= still lack.

    A site that would break another rule is not opened, so a rule may still lack sites afterwards.
    """
    rows = problem.rows
    if not len(rows):
        return opened
    size = [here.size_of(len(sites)) for here, sites in zip(opened, problem.sites, strict=True)]
    values = rows.values(opened)
    for number in rows.broken(values).tolist():
        row = rows.rows[number]
        if row.sense == "<=":
            continue
        extra = np.array([coefficients.open_cny_per_year[t][j, k] - coefficients.closed_cny_per_year[t][j]
                          for t, j, k in zip(row.tier, row.site, row.size, strict=True)])
        useful = (row.amount > 0.0) & np.isin(row.tier, np.array(tiers, dtype=np.int64))
        order = np.argsort(extra / np.where(useful, row.amount, 1.0), kind="stable")
        for at in order[useful[order]].tolist():
            if values[number] <= rows.most[number]:
                break
            tier, site, kind = int(row.tier[at]), int(row.site[at]), int(row.size[at])
            if size[tier][site] >= 0 or not problem.sites[tier].allowed[site, kind]:
                continue
            delta = rows.change(tier, site, -1, kind)
            if not rows.breaks(values, delta):
                size[tier][site], values = kind, values + delta
    return tuple(_as_opened(of_tier) for of_tier in size)


def closable(problem: Problem, opened: tuple[OpenSites, ...], tier: int, idle: Bool) -> Bool:
    """Which of the idle open sites of a tier may close together: not those that must stay or that a rule needs.

    Where a rule needs some of several idle sites, the first ones stay.
    """
    sites, here, rows = problem.sites[tier], opened[tier], problem.rows
    out = np.asarray(idle & ~sites.must_open[here.site], dtype=bool)
    if not len(rows):
        return out
    values = rows.values(opened)
    for at in np.flatnonzero(out)[::-1].tolist():
        delta = rows.change(tier, int(here.site[at]), int(here.size[at]), -1)
        if rows.breaks(values, delta):
            out[at] = False
        else:
            values = values + delta
    return out


def _as_opened(size_of_site: Int) -> OpenSites:
    site = np.flatnonzero(size_of_site >= 0)
    return OpenSites(site, size_of_site[site])
