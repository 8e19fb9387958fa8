"""Local search over the sites in use where residents go to the nearest: use, give up, swap; sizes follow.

Random changes under a falling temperature first (Kirkpatrick, Gelatt and Vecchi 1983, Science 220), then every single
change and swap until none pays. The work is counted in tries, so the same seed gives the same sites.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from optimizer.first_tier import FirstTier
from optimizer.solvers.nearest_state import Change, NearestState, NearestTables

Int = NDArray[np.int64]

WORTH_CNY_PER_YEAR = 1.0
"""Smaller savings are noise."""
START_HEAT_SHARE, END_HEAT_SHARE = 0.05, 0.001
"""Acceptance temperature as a share of the median cost of a site."""
NEIGHBOURS = 12
"""Sites a site is swapped with: those that share most parts with it."""
WATCH_EVERY = 500


class NearestSearch:
    """The search on one set of arc costs; `state` holds where it stands."""

    def __init__(self, tables: NearestTables, near: list[list[int]], state: NearestState) -> None:
        self.tables, self.near, self.state = tables, near, state
        self.candidates = [site for site, arcs in enumerate(tables.arcs_of_site) if arcs and tables.fixed[site]]

    def ease(self) -> None:
        """Give up sites until no pool is overdrawn: whatever costs least for what it frees."""
        state = self.state
        while state.overdrawn() > 0.0:
            closings = (self.state.change((), (site,)) for site in state.sites_in_use().tolist())
            lawful = [found for found in closings if found is not None]
            if not lawful:
                return
            state.make(min(lawful, key=lambda c: (c.cny_per_year / max(sum(state.drawn) - sum(c.drawn), 1e-9),
                                                  c.closed)))

    def anneal(self, tries: int, seed: int, watch: Callable[[int], bool]) -> None:
        """Random changes under a falling temperature; ends in the best state met. `watch` may stop it."""
        if not self.candidates or tries <= 0:
            return
        random = np.random.default_rng(seed)
        costs = [cost for site in self.candidates for _, cost in self.tables.fixed[site]]
        scale = max(float(np.median(costs)), 1.0)
        best, kept = self.state.total, self.state.sites_in_use()
        draws = random.random((tries, 3)).tolist()
        for step, (kind, where, chance) in enumerate(draws):
            heat = scale * START_HEAT_SHARE * (END_HEAT_SHARE / START_HEAT_SHARE) ** (step / tries)
            change = self._random_change(kind, where)
            if change is not None and change.cny_per_year < -heat * math.log(max(chance, 1e-300)):
                self.state.make(change)
                if self.state.total < best - WORTH_CNY_PER_YEAR:
                    best, kept = self.state.total, self.state.sites_in_use()
            if step % WATCH_EVERY == 0 and watch(step):
                break
        now = self.state.sites_in_use()
        back = self.state.change(tuple(np.setdiff1d(kept, now).tolist()), tuple(np.setdiff1d(now, kept).tolist()))
        if back is not None:
            self.state.make(back)

    def _random_change(self, kind: float, where: float) -> Change | None:
        """Toggle a site anywhere, or swap a site in use with a neighbour."""
        site = self.candidates[int(where * len(self.candidates))]
        if self.state.on[site]:
            others = [other for other in self.near[site] if not self.state.on[other]]
            if kind < 0.5 or not others:
                return self.state.change((), (site,))
            return self.state.change((others[int((kind - 0.5) * 2.0 * len(others))],), (site,))
        others = [other for other in self.near[site] if self.state.on[other]]
        if kind < 0.5 or not others:
            return self.state.change((site,), ())
        return self.state.change((site,), (others[int((kind - 0.5) * 2.0 * len(others))],))

    def descend(self, watch: Callable[[int], bool]) -> None:
        """Every opening, closing and swap, around what changed last, until none pays or `watch` stops it."""
        queue = deque(self.candidates)
        waiting = set(queue)
        step = 0
        while queue:
            step += 1
            if step % WATCH_EVERY == 0 and watch(step):
                return
            site = queue.popleft()
            waiting.discard(site)
            best: Change | None = None
            for opened, closed in self._moves(site):
                found = self.state.change(opened, closed)
                if found is not None and found.cny_per_year < (
                        -WORTH_CNY_PER_YEAR if best is None else best.cny_per_year):
                    best = found
            if best is None:
                continue
            self.state.make(best)
            around = {site, *best.opened, *best.closed, *best.filled}
            around |= {other for changed in tuple(around) for other in self.near[changed]}
            queue.extend(other for other in sorted(around) if other not in waiting)
            waiting |= around

    def _moves(self, site: int) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
        """Toggling a site and swapping it with every neighbour."""
        if self.state.on[site]:
            return [((), (site,)), *(((other,), (site,)) for other in self.near[site] if not self.state.on[other])]
        return [((site,), ()), *(((site,), (other,)) for other in self.near[site] if self.state.on[other])]


def search_nearest(tables: NearestTables, near: list[list[int]], state: NearestState, *, tries: int, seed: int,
                   watch: Callable[[int], bool] = lambda _: False) -> Int:
    """Size of each site in use, -1 of the others, [J], after annealing and descent; `state` is used up."""
    search = NearestSearch(tables, near, state)
    search.ease()
    search.anneal(tries, seed, watch)
    search.descend(watch)
    return state.size_of_site()


def neighbours(tier: FirstTier, parts: int, most: int = NEIGHBOURS) -> list[list[int]]:
    """Per site the other sites that share parts with it, those that share most first, at most `most`."""
    count = tier.site_count
    member = csr_array((np.ones(len(tier.arc)), (tier.site, tier.part)), shape=(count, max(parts, 1)))
    shared = csr_array(member @ member.T)
    out: list[list[int]] = []
    for site in range(count):
        columns = shared.indices[shared.indptr[site]:shared.indptr[site + 1]]
        weight = shared.data[shared.indptr[site]:shared.indptr[site + 1]]
        order = columns[np.lexsort((columns, -weight))]
        out.append([int(other) for other in order if other != site][:most])
    return out
