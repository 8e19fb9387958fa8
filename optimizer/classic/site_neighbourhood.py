"""Large neighbourhoods for single service: some sites give up their clients, an integer programme shares them anew.

The sites freed lie near one another (what one serves the others serve cheaply); closed sites and arcs are let in by
what the Lagrangian bound says they cost. (Stefanello, de Araujo, Mueller 2015, Int. Trans. Oper. Res. 22, for the idea
of reduced models around an incumbent.)
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from optimizer.classic.capacitated_task import SitingTask
from optimizer.classic.site_mip import Kernel, solve_kernel
from optimizer.classic.site_moves import Assignment, assignment_of
from optimizer.classic.site_prices import Margins

Float = NDArray[np.float64]
Int = NDArray[np.int64]
Bool = NDArray[np.bool_]

ARCS_PER_CLIENT = 8
FIRST_CLIENTS = 40
MOST_CLIENTS = 400
ROUND_S = 4.0
QUICK_S = 0.6
CLOSED_PER_FREED = 4
SHARE_GAP = 1e-4


@dataclass(frozen=True)
class Freed:
    """Sites that give up their clients, those clients, and all sites that may serve them."""

    sites: Int
    clients: Int
    candidates: Int


class Neighbourhoods:
    """Improves an assignment round by round; the size adapts to how fast the rounds are."""

    def __init__(self, task: SitingTask, margins: Margins, seed: int) -> None:
        """Margins steer which sites and arcs are let in."""
        self.task, self.margins = task, margins
        self.random = np.random.default_rng(seed)
        self.clients = min(FIRST_CLIENTS, len(task.demand))
        self.failed = 0
        self.rounds = 0
        self.covers_all = False

    def improve(self, best: Assignment, *, deadline_s: float) -> Assignment:
        """The assignment after one round, never worse."""
        freed = self._free(best)
        begun = time.monotonic()
        found, cut = self._share_anew(best, freed, min(ROUND_S, deadline_s - begun))
        took = time.monotonic() - begun
        self.rounds += 1
        if cut:
            self.clients = max(10, int(0.8 * self.clients))
        elif took < QUICK_S:
            self.clients = min(int(1.15 * self.clients) + 1, MOST_CLIENTS, len(self.task.demand))
        if found.key < best.key:
            self.failed = 0
            return found
        self.failed += 1
        return best

    def share_all(self, best: Assignment | None, opened: Bool, *, time_limit_s: float) -> Assignment | None:
        """The best sharing of all clients among open sites, or `best` where that is no worse."""
        if time_limit_s <= 0.0:
            return best
        price = np.where(opened[:, None], self.margins.if_used, np.inf)
        rank = np.argsort(np.argsort(price, axis=0, kind="stable"), axis=0, kind="stable")
        arcs = (rank < ARCS_PER_CLIENT) & np.isfinite(price)
        kernel = Kernel(arcs, opened, np.ones(arcs.shape), np.full(arcs.shape[1], np.inf), self.task.required)
        solved = solve_kernel(self.task, kernel, time_limit_s=time_limit_s, relative_gap=SHARE_GAP)
        if solved.share is None:
            return best
        found = assignment_of(self.task, np.argmax(solved.share, axis=0).astype(np.int64))
        return found if best is None or found.key < best.key else best

    def _free(self, best: Assignment) -> Freed:
        """A random open site and its neighbours, until enough clients are free."""
        task = self.task
        opened = np.unique(np.concatenate([best.site, np.flatnonzero(task.required)]))
        member = best.site[None, :] == opened[:, None]
        number = member.sum(axis=1)
        seed = int(self.random.integers(len(opened)))
        mine = np.flatnonzero(member[seed])
        cost = np.where(task.arcs[opened], task.cost[opened], np.nan)
        if len(mine):
            own = cost[seed, mine]
            far = np.nanmean(np.where(np.isnan(cost[:, mine]), np.nanmax(cost), cost[:, mine]) - own, axis=1)
        else:
            far = np.zeros(len(opened))
        spread = float(np.nanstd(far)) + 1e-12
        far = far + self.random.normal(0.0, 0.25 * spread, len(far))
        far[seed] = -np.inf
        order = np.argsort(far, kind="stable")
        enough = int(np.searchsorted(np.cumsum(number[order]), self.clients)) + 1
        sites = opened[order[: max(2, enough)]]
        clients = np.flatnonzero(np.isin(best.site, sites))
        closed = np.setdiff1d(np.arange(len(task.fixed)), opened)
        return Freed(sites, clients, np.concatenate([sites, self._closed(closed, sites, clients)]))

    def _closed(self, closed: Int, sites: Int, clients: Int) -> Int:
        """Closed sites worth a try: cheap by the bound, for one of these clients or at all."""
        if len(closed) == 0 or len(clients) == 0:
            return closed
        near = self.margins.if_used[closed][:, clients]
        reach = np.sort(near, axis=1)[:, : max(1, len(clients) // max(1, len(sites)))]
        worth = np.where(np.isfinite(reach), reach, np.nanmax(np.where(np.isfinite(near), near, np.nan), initial=0.0))
        chosen = np.argsort(worth.mean(axis=1), kind="stable")[: CLOSED_PER_FREED * len(sites) + 4]
        return closed[chosen]

    def _share_anew(self, best: Assignment, freed: Freed, time_limit_s: float) -> tuple[Assignment, bool]:
        """The best sharing of the free clients, and whether time cut the search."""
        if time_limit_s <= 0.0 or len(freed.clients) == 0:
            return best, True
        task, rows = self.task, freed.candidates
        kept_open = np.zeros(len(task.fixed), dtype=bool)
        kept_open[best.site[np.setdiff1d(np.arange(len(best.site)), freed.clients)]] = True
        kept_open |= task.required
        kept_open[rows] = False
        places = min(task.most_sites - int(kept_open.sum()), len(rows))
        part = SitingTask(task.cost[np.ix_(rows, freed.clients)], task.demand[freed.clients], task.capacity[rows],
                          task.fixed[rows], True, places, task.required[rows], task.place[rows])
        price = np.where(part.arcs, self.margins.if_used[np.ix_(rows, freed.clients)], np.inf)
        rank = np.argsort(np.argsort(price, axis=0, kind="stable"), axis=0, kind="stable")
        own = best.site[freed.clients][None, :] == rows[:, None]
        arcs = (rank < ARCS_PER_CLIENT) & part.arcs | own
        kernel = Kernel(arcs, np.ones(len(rows), dtype=bool), np.ones(arcs.shape), np.full(arcs.shape[1], np.inf),
                        part.required)
        solved = solve_kernel(part, kernel, time_limit_s=time_limit_s, relative_gap=1e-6)
        if solved.share is None:
            return best, solved.hit_time_limit
        site = best.site.copy()
        site[freed.clients] = rows[np.argmax(solved.share, axis=0)]
        return assignment_of(task, site), solved.hit_time_limit
