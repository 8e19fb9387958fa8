"""The certificate, case by case: whichever mix of the last tier undercuts gets multipliers of its own, then its areas.

A mix with one extra site is taken apart by where this site may lie: the drives to one place are known, those to the
nearest of many are too cheap.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.vq import kmeans2

from optimizer.bound import Bound, Case, evaluated, over_mixes
from optimizer.first_tier import FirstTier
from optimizer.multipliers import Multipliers, Scenario
from optimizer.objectives import Coefficients
from optimizer.problem import Problem
from optimizer.solvers.case_dual import Cases, Start
from optimizer.solvers.column_dual import DualEffort

Float = NDArray[np.float64]
Int = NDArray[np.int64]
Bool = NDArray[np.bool_]


@dataclass(frozen=True)
class AreaEffort:
    """How much work the certificate may take, counted."""

    scenarios: int = 19
    turns: int = 2
    """Between links and first tier, for a mix; an area takes one."""
    first_split: int = 6
    later_split: int = 3
    mix: DualEffort = field(default_factory=DualEffort)
    """For the first mix, whose prices the others begin with."""
    again: DualEffort = field(default_factory=lambda: DualEffort(steps=40, rounds=4))
    """For a mix that still undercuts after a hasty look."""
    look: DualEffort = field(default_factory=lambda: DualEffort(steps=40, rounds=1))
    area: DualEffort = field(default_factory=lambda: DualEffort(steps=10, rounds=4))


AGAIN = 1
"""Times that a mix of several sites is worked on again while it still undercuts."""

Key = tuple[tuple[int, ...], bytes]


class _Tree:
    """The cases so far and what is left to try."""

    def __init__(self, problem: Problem, coefficients: Coefficients, tier: FirstTier, multipliers: Multipliers,
                 effort: AreaEffort) -> None:
        self.problem, self.coefficients, self.tier = problem, coefficients, tier
        self.multipliers, self.effort = multipliers, effort
        self.cases: list[Case] = [evaluated(problem, coefficients, multipliers, s, tier)
                                  for s in multipliers.scenarios]
        self._ends: dict[Key, Start] = {}
        self._looked: dict[tuple[int, ...], Start] = {}
        self._tried: set[Key] = set()
        self._more: dict[tuple[int, ...], int] = {}

    def add(self, scenario: Scenario) -> None:
        self.multipliers = replace(self.multipliers, scenarios=(*self.multipliers.scenarios, scenario))
        self.cases.append(evaluated(self.problem, self.coefficients, self.multipliers, scenario, self.tier))

    def grow(self, finder: Cases, mix: tuple[int, ...], area: Bool, start: Start) -> bool:
        """Multipliers for the case that binds; False when nothing is left to try for it."""
        row = np.array(mix, dtype=np.int64)
        whole = (mix, b"")
        if whole not in self._ends and mix not in self._looked and self._ends:
            found = finder.find(row, None, next(reversed(self._ends.values())), 1, self.effort.look)
            self._looked[mix] = found.end
            self.add(found.scenario)
            return True
        if whole not in self._ends:
            effort = self.effort.mix if not self._ends else self.effort.again
            found = finder.find(row, None, self._looked.get(mix, start), self.effort.turns, effort)
            self._ends[whole] = found.end
            self.add(found.scenario)
            return True
        sites = np.flatnonzero(area)
        key = (mix, area.tobytes())
        if int(row.sum()) != 1:
            return self._again(finder, mix)
        if key in self._tried or not len(sites):
            return False
        self._tried.add(key)
        if len(sites) == 1:
            if key in self._ends:
                return False
            groups = [sites]
        else:
            fewest = self.effort.later_split if key in self._ends else self.effort.first_split
            groups = alike(self.problem, sites, fewest)
        begin = self._ends.get(key, self._ends[whole])
        for group in groups:
            within = np.zeros(len(area), dtype=np.bool_)
            within[group] = True
            found = finder.find(row, within, begin, 1, self.effort.area)
            self._ends[mix, within.tobytes()] = found.end
            self.add(found.scenario)
        return True


    def _again(self, finder: Cases, mix: tuple[int, ...]) -> bool:
        """More work on a mix of several sites, whose areas are not taken apart; False after AGAIN times."""
        self._more[mix] = self._more.get(mix, 0) + 1
        if self._more[mix] > AGAIN:
            return False
        found = finder.find(np.array(mix, dtype=np.int64), None, self._ends[mix, b""], 1, self.effort.mix)
        self._ends[mix, b""] = found.end
        self.add(found.scenario)
        return True


def case_multipliers(problem: Problem, coefficients: Coefficients, tier: FirstTier, base: Multipliers, start: Start,
                     ceiling_cny_per_year: float, effort: AreaEffort, likely: tuple[int, ...] = (),
                     on_bound: Callable[[Bound], bool] = lambda _: False) -> tuple[Multipliers, list[Case]]:
    """The base's scenarios and one for every case that would undercut, until none does or the effort is spent; all
    of them evaluated.

    The `likely` mix, that of a good plan, is looked at first: its prices suit many others. `on_bound` hears of every
    bound on the way and ends the work by returning True.
    """
    finder = Cases(problem, coefficients, tier, base, base.scenarios[0].row)
    tree = _Tree(problem, coefficients, tier, base, effort)
    if likely and any(likely):
        tree.grow(finder, likely, np.zeros(len(problem.sites[-1]), dtype=np.bool_), start)
    while True:
        bound = over_mixes(problem, tree.cases, ceiling_cny_per_year)
        if on_bound(bound) or not bound.binding_mix or len(tree.cases) >= effort.scenarios:
            return tree.multipliers, tree.cases
        if not tree.grow(finder, bound.binding_mix, bound.binding_area, start):
            return tree.multipliers, tree.cases


def alike(problem: Problem, sites: Int, groups: int) -> list[Int]:
    """Sites of the last tier in groups of similar drives from below."""
    leg = problem.legs[-1]
    drives = np.where(np.isfinite(leg.loaded_s), leg.loaded_s, 1e5)[:, sites].T
    if len(sites) <= groups:
        return [sites[[n]] for n in range(len(sites))]
    _, label = kmeans2(drives, groups, seed=1, minit="++")
    return [sites[label == n] for n in np.unique(label)]
