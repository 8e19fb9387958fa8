"""Minimum throughput of the first tier: sites below it are downsized, filled from around, or closed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from optimizer.accounts import arc_of_part
from optimizer.first_tier import capacity_of_sizes, use_of_arcs
from optimizer.objectives import Coefficients
from optimizer.problem import Problem

Float = NDArray[np.float64]
Int = NDArray[np.int64]


DUST_T_PER_DAY = 1e-9


def least_t_per_day(problem: Problem, level: int) -> Float:
    """Minimum throughput of each size of a tier, [K]."""
    return np.array([size.min_t_per_day for size in problem.network.tiers[level].sizes])


def has_minimums(problem: Problem, first: int = 0) -> bool:
    """Whether any size of the tiers `first` and up has a minimum throughput."""
    return any(bool(least_t_per_day(problem, level).any()) for level in range(first, len(problem.sites)))


def meet_minimums(problem: Problem, coefficients: Coefficients, site_of_part: Int, size_of_site: Int, *,
                  pull: bool = True) -> tuple[Int, Int]:
    """Sites of parts and sizes of sites, with every used site (and every one that must be open) at its minimum.

    A site below takes the cheapest size that its load is enough for; else it pulls in the nearest parts that have no
    site or whose site can spare them; else it is closed, and its parts go to the nearest other site with room, or
    nowhere. Sites that must be open and cannot be filled stay as they are. Without `pull` nobody is pulled in. Arrays
    are copies, [n] and [J_0].
    """
    if not least_t_per_day(problem, 0).any():
        return site_of_part.copy(), size_of_site.copy()
    state = _Loads(problem, coefficients, site_of_part, size_of_site)
    while (site := state.most_lacking()) >= 0:
        if not state.downsized(site) and not (pull and state.filled(site)):
            state.give_up(site)
    return state.site_of_part, state.size


class _Loads:
    """Who uses what; loads in households, t/day and m3/day follow."""

    def __init__(self, problem: Problem, coefficients: Coefficients, site_of_part: Int, size_of_site: Int) -> None:
        self.problem, self.sites = problem, problem.sites[0]
        self.cost = np.where(self.sites.allowed, coefficients.open_cny_per_year[0], np.inf)
        self.site_of_part, self.size = site_of_part.copy(), size_of_site.copy()
        forced = self.sites.must_open & (self.size < 0)
        self.size[forced] = np.argmin(self.cost[forced], axis=1)
        self.least, self.capacity = least_t_per_day(problem, 0), capacity_of_sizes(problem)
        self.use = use_of_arcs(problem, np.arange(len(problem.walk.part)))
        self.arc = arc_of_part(problem, self.site_of_part)
        self.load = np.zeros((len(self.sites), 3))
        served = self.arc >= 0
        np.add.at(self.load, self.site_of_part[served], self.use[self.arc[served]])
        self.hopeless = np.zeros(len(self.sites), dtype=bool)

    def _lacks(self) -> Float:
        """Tonnes per day that each open site is short of, 0 where nothing."""
        used = (self.size >= 0) & ((self.load[:, 1] > 0.0) | self.sites.must_open) & ~self.hopeless
        return np.where(used, np.maximum(self.least[self.size] - self.load[:, 1], 0.0), 0.0)

    def most_lacking(self) -> int:
        """The site that is short of most, -1 if none is."""
        lacks = self._lacks()
        return int(np.argmax(lacks)) if lacks.max(initial=0.0) > DUST_T_PER_DAY else -1

    def downsized(self, site: int) -> bool:
        """Whether another size fits the present load, which the site then has."""
        fits = (self.capacity >= self.load[site]).all(axis=1) & (self.least <= self.load[site, 1])
        cost = np.where(fits & (self.load[site, 1] > 0.0), self.cost[site], np.inf)
        if not np.isfinite(cost).any():
            return False
        self.size[site] = int(np.argmin(cost))
        return True

    def filled(self, site: int) -> bool:
        """Whether parts from around bring the site to its minimum; nobody moves if they do not."""
        arcs = np.flatnonzero((self.problem.walk.site == site) & (self.site_of_part[self.problem.walk.part] != site))
        home = self.site_of_part[self.problem.walk.part[arcs]]
        load, room = self.load[site].copy(), self.capacity[self.size[site]]
        spare = self.load[:, 1] - np.where(self.size >= 0, self.least[self.size], 0.0)
        moved = []
        for at in np.lexsort((self.problem.walk.distance_m[arcs], home >= 0)).tolist():
            if load[1] >= self.least[self.size[site]]:
                break
            arc, source = int(arcs[at]), int(home[at])
            leaving = self.use[self.arc[self.problem.walk.part[arc]], 1] if source >= 0 else 0.0
            if (load + self.use[arc] > room).any() or (source >= 0 and spare[source] < leaving):
                continue
            load = load + self.use[arc]
            if source >= 0:
                spare[source] -= leaving
            moved.append(arc)
        if load[1] < self.least[self.size[site]]:
            return False
        for arc in moved:
            self._move(int(self.problem.walk.part[arc]), arc)
        return True

    def give_up(self, site: int) -> None:
        """Close a site; its parts go to the nearest open site with room. One that must be open is left as it is."""
        if self.sites.must_open[site]:
            self.hopeless[site] = True
            return
        self.size[site] = -1
        walk = self.problem.walk
        for part in np.flatnonzero(self.site_of_part == site).tolist():
            arcs = np.flatnonzero((walk.part == part) & (self.size[walk.site] >= 0))
            there = walk.site[arcs]
            fits = (self.load[there] + self.use[arcs] <= self.capacity[self.size[there]]).all(axis=1)
            arcs = arcs[fits & (self.load[there, 1] > 0.0)]
            self._move(part, int(arcs[np.argmin(walk.distance_m[arcs])]) if len(arcs) else -1)

    def _move(self, part: int, arc: int) -> None:
        if self.arc[part] >= 0:
            self.load[self.site_of_part[part]] -= self.use[self.arc[part]]
        self.arc[part] = arc
        self.site_of_part[part] = self.problem.walk.site[arc] if arc >= 0 else -1
        if arc >= 0:
            self.load[self.site_of_part[part]] += self.use[arc]
