"""Why the side rules cannot all hold: a smallest group that conflicts, and the smallest change that would do.

Only open sites and sizes are asked, not who is served: nobody need be. Of minimum throughputs it is asked whether as
much could ever arrive (optimizer/minimum_rows.py). Elastic filter and deletion filter after Chinneck (2008),
Feasibility and Infeasibility in Optimization, chapters 6 and 7.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from optimizer.accounts import all_coefficients
from optimizer.minimum_rows import with_minimum_rows
from optimizer.plan import OpenSites
from optimizer.problem import Problem
from optimizer.row_repair import lawful_sites, with_minimums
from optimizer.site_rows import SiteRow
from optimizer.solvers.linear import LinearModel, RowBuilder, solve

Float = NDArray[np.float64]
Int = NDArray[np.int64]
Bool = NDArray[np.bool_]

SLACK = 1e-6
"""Breaches up to this share of a rule's unit are rounding of the engine."""
TIME_LIMIT_S = 20.0
MOST_SITES = 60
"""Sites that must be open are tried one by one up to this number; beyond, all of them are named."""


@dataclass(frozen=True)
class MustOpen:
    """A site that must be open."""

    tier: int
    site: int


@dataclass(frozen=True)
class Breach:
    """A rule that has to give way, and the limit at which all rules together could hold."""

    row: SiteRow
    workable_limit: float


@dataclass(frozen=True)
class Explanation:
    """Why no set of open sites keeps all rules."""

    rules: tuple[SiteRow, ...]
    """Rules that cannot hold together with `sites`; without any one of them the others can."""
    sites: tuple[MustOpen, ...]
    """Sites that must be open and take part in the conflict."""
    relaxation: tuple[Breach, ...]
    """The smallest change of limits, each measured as a share of its own limit."""
    nowhere: tuple[MustOpen, ...] = ()
    """Sites that must be open and are allowed in no size."""


def explain(problem: Problem) -> Explanation | None:
    """Why the side rules cannot all hold; None where they can. Free where plain repair finds open sites that do."""
    nowhere = tuple(MustOpen(level, j) for level, sites in enumerate(problem.sites)
                    for j in np.flatnonzero(sites.must_open & ~sites.allowed.any(axis=1)).tolist())
    if nowhere:
        return Explanation((), (), (), nowhere)
    problem = with_minimum_rows(problem)
    if _repairable(problem):
        return None
    model = _Openings(problem)
    every, must = np.ones(len(problem.site_rows), dtype=bool), np.ones(len(model.must), dtype=bool)
    slack = model.least_breach(~every, must)
    if slack is None or (slack <= SLACK * model.unit).all():
        return None
    rules = _conflicting(model, must)
    sites = _sites_in_conflict(model, rules)
    return Explanation(tuple(problem.site_rows[r] for r in np.flatnonzero(rules)), sites,
                       tuple(model.breach(r, float(slack[r]))
                             for r in np.flatnonzero(slack > SLACK * model.unit).tolist()))


def _repairable(problem: Problem) -> bool:
    """Whether the sites that must be open, with the cheapest others that minimums ask for, keep every rule."""
    coefficients = all_coefficients(problem)
    opened = []
    for level, sites in enumerate(problem.sites):
        cost = np.where(sites.allowed, coefficients.open_cny_per_year[level], np.inf)
        site = np.flatnonzero(sites.must_open)
        opened.append(OpenSites(site, np.argmin(cost[site], axis=1).astype(np.int64)))
    return lawful_sites(problem, with_minimums(problem, coefficients, tuple(opened), range(len(opened))))


def _conflicting(model: _Openings, must: Bool) -> Bool:
    """A group of rules that cannot hold together, none of which can be spared, [R]."""
    enforced = np.zeros(model.rules, dtype=bool)
    while True:  # elastic filter: whatever gives way is enforced next, until nothing fits any more
        slack = model.least_breach(enforced, must)
        if slack is None:
            break
        soft = (slack > SLACK * model.unit) & ~enforced
        if not soft.any():
            return enforced
        enforced |= soft
    return _filtered(enforced, lambda kept: model.least_breach(kept, must, only=kept) is None)


def _filtered(members: Bool, conflict: Callable[[Bool], bool]) -> Bool:
    """The deletion filter: members dropped one by one while the rest still conflicts."""
    kept = members.copy()
    for one in np.flatnonzero(members):
        kept[one] = False
        if not conflict(kept):
            kept[one] = True
    return kept


def _sites_in_conflict(model: _Openings, rules: Bool) -> tuple[MustOpen, ...]:
    """Sites that must be open without which the rules could hold, none of which can be spared."""
    nobody = np.zeros(len(model.must), dtype=bool)
    if model.least_breach(rules, nobody, only=rules) is None:
        return ()
    concerned = model.concerned(rules)
    if concerned.sum() <= MOST_SITES:
        concerned = _filtered(concerned, lambda kept: model.least_breach(rules, kept, only=rules) is None)
    return tuple(model.must[n] for n in np.flatnonzero(concerned))


class _Openings:
    """The integer programme over open sites and sizes alone; every rule has a slack that may be barred."""

    def __init__(self, problem: Problem) -> None:
        rows = problem.rows
        self.rules = len(rows)
        self._problem, self._most = problem, rows.most
        self.must = [MustOpen(level, j) for level, sites in enumerate(problem.sites)
                     for j in np.flatnonzero(sites.must_open).tolist()]
        largest = np.zeros(self.rules)
        self._of_tier: list[Int] = []
        first = 0
        for sites, entries in zip(problem.sites, rows.tiers, strict=True):
            np.maximum.at(largest, entries.row, np.abs(entries.amount))
            used = sites.allowed & sites.must_open[:, None]
            used.ravel()[entries.option] = True
            used &= sites.allowed
            column = np.where(used.ravel(), first + np.cumsum(used.ravel()) - 1, -1)
            self._of_tier.append(column.reshape(used.shape).astype(np.int64))
            first += int(used.sum())
        self._count = first
        self.unit = np.maximum(np.abs([row.limit for row in rows.rows]), np.where(largest > 0.0, largest, 1.0))
        """What one unit of breach of each rule is, [R]: its limit, or its largest amount."""

    def breach(self, number: int, slack: float) -> Breach:
        """A rule with the limit at which it would hold; counts are whole."""
        row = self._problem.site_rows[number]
        more = float(np.ceil(slack - SLACK)) if row.unit == "count" else slack
        return Breach(row, row.limit + more if row.sense == "<=" else row.limit - more)

    def concerned(self, rules: Bool) -> Bool:
        """Which sites that must be open enter one of the rules, [len(must)]."""
        found = set()
        for level, entries in enumerate(self._problem.rows.tiers):
            inside = rules[entries.row]
            found |= {(level, j) for j in (entries.option[inside] // entries.sizes).tolist()}
        return np.array([(m.tier, m.site) in found for m in self.must], dtype=bool)

    def least_breach(self, enforced: Bool, must: Bool, only: Bool | None = None) -> Float | None:
        """The least weighted slack of every rule, [R], with some rules and some sites enforced; None if impossible.

        With `only`, the other rules are left out altogether.
        """
        rows = RowBuilder()
        start = rows.block(self.rules, upper=self._most)
        for entries, column in zip(self._problem.rows.tiers, self._of_tier, strict=True):
            number = column.ravel()[entries.option]
            rows.put(start + entries.row[number >= 0], number[number >= 0], entries.amount[number >= 0])
        every = np.arange(self.rules)
        rows.put(start + every, self._count + every, -1.0)
        stays = {(m.tier, m.site) for m, on in zip(self.must, must, strict=True) if on}
        for level, column in enumerate(self._of_tier):
            site = np.flatnonzero((column >= 0).any(axis=1))
            lower = np.array([float((level, j) in stays) for j in site.tolist()])
            one = rows.block(len(site), lower=lower, upper=1.0)
            at, size = np.nonzero(column[site] >= 0)
            rows.put(one + at, column[site][at, size], 1.0)
        free = np.where(enforced, 0.0, np.inf) if only is None else np.where(only & enforced, 0.0, np.inf)
        cost = 1.0 / self.unit if only is None else np.where(only, 1.0 / self.unit, 0.0)
        model = LinearModel(np.concatenate([np.zeros(self._count), cost]), np.zeros(self._count + self.rules),
                            np.concatenate([np.ones(self._count), free]),
                            np.append(np.ones(self._count, dtype=bool), np.zeros(self.rules, dtype=bool)), rows.rows())
        answer = solve(model, time_limit_s=TIME_LIMIT_S)
        return None if answer.x is None else np.asarray(np.maximum(answer.x[self._count:], 0.0), dtype=np.float64)
