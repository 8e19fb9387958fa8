"""The search over single moves of the first tier: what to try when, and what follows a move. Rules in moves.py."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from optimizer.first_tier import FirstTier
from optimizer.solvers.first_tier_effects import Opening, close, opening, reopen, resizing
from optimizer.solvers.first_tier_state import DUST_T_PER_DAY, INF, State
from optimizer.solvers.options import site_options

Float = NDArray[np.float64]
Int = NDArray[np.int64]

WORTH_CNY_PER_YEAR = 1.0
"""Smaller savings are noise."""
TRIES = 2
"""Times a move is made whose saving the settling undoes."""
CHEAPER_CNY_PER_YEAR = 1e-6
"""A station is cheaper from this difference on."""

Key = tuple[int, int]
"""Site closed and site opened, -1 where none; a resized site is both."""


class Descent:
    """Moves until none pays. Sites whose surroundings changed wait in two queues: single moves first, then swaps."""

    def __init__(self, tier: FirstTier, state: State, until_s: float = INF) -> None:
        """`until_s` is a time of time.monotonic() at which the search stops where it is."""
        self._until_s = until_s
        self.state, self.fixed = state, state.fixed
        options = site_options(tier)
        count = tier.site_count
        self.options: list[list[int]] = [[] for _ in range(count)]
        for site, size in zip(options.site.tolist(), options.size.tolist(), strict=True):
            self.options[site].append(size)
        self.least_fixed = np.full(count, np.inf)
        np.minimum.at(self.least_fixed, options.site, options.fixed_cny_per_year)
        self.must_open: list[bool] = tier.must_open.tolist()
        self.near = _near_sites(tier, len(state.now))
        self.arc_part, self.arc_site, self.arc_walk_m = tier.part, tier.site, np.array(self.fixed.walk_m)
        self.regrets: Counter[Key] = Counter()
        self.singles, self.swaps = _Queue(), _Queue()
        self._margin: Float | None = None

    def run(self) -> None:
        """Full passes until one changes nothing."""
        everybody = range(len(self.state.now))
        while True:
            self._restore(everybody)
            if time.monotonic() >= self._until_s:
                return
            self.singles.add(range(len(self.state.size)))
            self.swaps.add(j for j, size in enumerate(self.state.size) if size >= 0)
            changed = self._empty_queues()
            if not self._cheaper_stations() and not changed:
                return

    def _empty_queues(self) -> bool:
        changed = False
        while True:
            if time.monotonic() >= self._until_s:
                return True
            if (site := self.singles.pop()) is not None:
                changed |= self._try_single(site)
            elif (site := self.swaps.pop()) is not None:
                changed |= self.state.size[site] >= 0 and self._try_swap(site)
            else:
                return changed

    # -- what a site may do ---------------------------------------------------------------------------------

    def _may_close(self, site: int) -> bool:
        """Whether a site may close."""
        return not self.must_open[site] and self.state.keeps_rules(site, -1)

    def _sizes(self, site: int, gone: tuple[int, int] | None = None) -> list[int]:
        """Sizes a site may open in, or be given; `gone` as in State.keeps_rules."""
        if not self.fixed.rows_of:
            return self.options[site]
        return [size for size in self.options[site] if self.state.keeps_rules(site, size, gone)]

    def _try_single(self, site: int) -> bool:
        """Make the best of OPEN, or of CLOSE and RESIZE, if it pays."""
        state = self.state
        if state.size[site] < 0:
            if self.margin()[site] >= -WORTH_CNY_PER_YEAR or self._tabu((-1, site)):
                return False
            found = opening(state, site, self._sizes(site), -WORTH_CNY_PER_YEAR)
            return found is not None and self._make((-1, site), found)
        resized = None if self._tabu((site, site)) else resizing(state, site, self._sizes(site), -WORTH_CNY_PER_YEAR)
        closing = INF
        if self._may_close(site) and not self._tabu((site, -1)):
            before = state.total
            undo = close(state, site)
            closing = state.total - before
            reopen(state, undo)
        if closing < min(-WORTH_CNY_PER_YEAR, resized.change_cny_per_year if resized else INF):
            return self._make((site, -1), None)
        return resized is not None and self._make((site, site), resized)

    def _try_swap(self, site: int) -> bool:
        """Close a site and open the best of its neighbours, if that pays."""
        if self.must_open[site]:
            return False
        state, fixed = self.state, self.fixed
        margin, before = self.margin(), state.total
        undo = close(state, site)
        bar = -WORTH_CNY_PER_YEAR - (state.total - before)
        extra: dict[int, float] = {}
        for part, _, cost, walk_m in undo.parts:
            for arc in fixed.arcs_of_part[part]:
                least, metres = float(fixed.least_cost[arc]), fixed.walk_m[arc]
                more = max(state.now[part] - least, 0.0) if metres < state.walk_m[part] else 0.0
                less = max(cost - least, 0.0) if metres < walk_m else 0.0
                extra[fixed.site[arc]] = extra.get(fixed.site[arc], 0.0) + more - less
        near = self.near[site]
        hopeful = set(near[margin[near] < bar].tolist()) | extra.keys()
        ranked = sorted((float(margin[j]) - extra.get(j, 0.0), j) for j in hopeful if state.size[j] < 0 and j != site)
        best: Opening | None = None
        for bound, other in ranked:
            if bound >= bar:
                break
            if self._tabu((site, other)):
                continue
            found = opening(state, other, self._sizes(other, (site, undo.size)), bar)
            if found is not None:
                best, bar = found, found.change_cny_per_year
        reopen(state, undo)
        return best is not None and self._make((site, best.site), best)

    # -- making a move, and what follows --------------------------------------------------------------------

    def _make(self, key: Key, change: Opening | None) -> bool:
        """Make a move, settle walking and mark the surroundings; True unless it breaks a minimum throughput."""
        minimums = any(self.fixed.least_t_per_day)
        kept, short = (self.state.copy(), self.state.too_empty()) if minimums else (self.state, set[int]())
        state, before = self.state, self.state.total
        closed, opened = key
        touched: set[int] = set()
        changed: set[int] = set()
        if closed >= 0 and closed != opened:
            changed.update(state.parts_of(closed))
            close(state, closed)
            touched.update([closed], (self.fixed.site[state.arc[p]] for p in changed if state.arc[p] >= 0))
        if change is not None:
            state.resize(change.site, change.size)
            touched.add(change.site)
            for arc in change.arcs:
                part = self.fixed.part[arc]
                changed.add(part)
                if state.arc[part] >= 0:
                    touched.add(self.fixed.site[state.arc[part]])
                state.lift(part)
                state.put(part, arc, change.station)
        if minimums and not state.too_empty() <= short:
            state.go_back_to(kept)
            self._margin, self.regrets[key] = None, TRIES
            # The next best move from here has its turn.
            swapped = min(key) >= 0 and closed != opened
            (self.swaps if swapped else self.singles).add([closed if closed >= 0 else opened])
            return False
        waiting = {self.fixed.part[arc] for site in touched for arc in state.would_come(site)}
        touched |= self._restore(waiting)
        if state.total > before - WORTH_CNY_PER_YEAR:
            self.regrets[key] += 1
        self._mark(touched, changed)
        return True

    def _tabu(self, key: Key) -> bool:
        return self.regrets[key] >= TRIES

    def _restore(self, parts: Iterable[int]) -> set[int]:
        """Settle walking and close sites without users; the sites touched."""
        state = self.state
        touched = state.settle(parts)
        for site, size in enumerate(state.size):
            if size >= 0 and not state.users[site] and self._may_close(site):
                state.resize(site, -1)
                touched.add(site)
        self._margin = None
        return touched

    def _mark(self, touched: set[int], changed: set[int]) -> None:
        """Queue the sites whose moves may have changed in value: around changed parts, and users of changed room."""
        fixed, arc_of = self.fixed, self.state.arc
        parts = changed | {fixed.part[arc] for site in touched for arc in fixed.arcs_of_site[site]
                           if arc_of[fixed.part[arc]] == arc}
        around = {fixed.site[arc] for part in parts for arc in fixed.arcs_of_part[part]}
        users = {fixed.site[arc_of[fixed.part[arc]]] for site in touched for arc in fixed.arcs_of_site[site]
                 if arc_of[fixed.part[arc]] >= 0}
        self.singles.add(sorted(around | users))
        self.swaps.add(sorted({fixed.site[arc_of[fixed.part[arc]]] for site in around | users
                               for arc in fixed.arcs_of_site[site] if arc_of[fixed.part[arc]] >= 0}))

    def _cheaper_stations(self) -> bool:
        """Move sites to cheaper stations that have room for their whole load, the largest saving first."""
        state, fixed = self.state, self.fixed
        changed = False
        cost = site_costs(state)  # of whole loads, which stay what they are here
        used = np.array([j for j, users in enumerate(state.users) if users], dtype=np.int64)
        while True:
            present = np.array([state.station[j] for j in used], dtype=np.int64)
            saving = cost[used, present][:, None] - cost[used]
            moved = False
            for row, station in _falling(saving):
                site = int(used[row])
                parts = [state.arc[part] for part in state.parts_of(site)]
                mass = sum(fixed.mass_t_per_day[arc] for arc in parts) + state.used[station]
                bulk = sum(fixed.bulk_m3_per_day[arc] for arc in parts) + state.used[fixed.stations + station]
                left = state.used[state.station[site]] - mass + state.used[station]
                least = fixed.least_t_per_day[len(fixed.least_t_per_day) - fixed.stations + state.station[site]]
                if DUST_T_PER_DAY < left < least:
                    continue
                if mass <= fixed.limit[station] and bulk <= fixed.limit[fixed.stations + station]:
                    restation(state, site, station)
                    moved = changed = True
                    break
            if not moved:
                break
        self._margin = None
        return changed

    def margin(self) -> Float:
        """At best, what opening each site adds to the yearly cost: only gains, no limits, no forced losses."""
        if self._margin is None:
            now, walk_m = np.array(self.state.now)[self.arc_part], np.array(self.state.walk_m)[self.arc_part]
            gain = np.where(self.arc_walk_m < walk_m, np.maximum(now - self.fixed.least_cost, 0.0), 0.0)
            self._margin = self.least_fixed - np.bincount(self.arc_site, weights=gain, minlength=len(self.least_fixed))
        return self._margin


def site_costs(state: State) -> Float:
    """Yearly path cost of each site's load through each open station, [J_0, S]."""
    fixed = state.fixed
    out = np.zeros((len(fixed.arcs_of_site), fixed.stations))
    arcs = [arc for arc in state.arc if arc >= 0]
    if arcs:
        np.add.at(out, [fixed.site[arc] for arc in arcs], np.array([fixed.cost[arc] for arc in arcs]))
    return out


def restation(state: State, site: int, station: int) -> None:
    """Let another station serve a site; room is not checked."""
    parts = state.parts_of(site)
    arcs = [state.arc[part] for part in parts]
    for part in parts:
        state.lift(part)
    for part, arc in zip(parts, arcs, strict=True):
        state.put(part, arc, station)


class _Queue:
    """First in, first out; nothing waits twice."""

    def __init__(self) -> None:
        self._order: deque[int] = deque()
        self._waiting: set[int] = set()

    def add(self, sites: Iterable[int]) -> None:
        new = [site for site in sites if site not in self._waiting]
        self._order.extend(new)
        self._waiting.update(new)

    def pop(self) -> int | None:
        if not self._order:
            return None
        site = self._order.popleft()
        self._waiting.discard(site)
        return site


def _falling(saving: Float) -> Iterator[tuple[int, int]]:
    """Row and column of every saving worth having, the largest first."""
    rows, columns = np.nonzero(saving > CHEAPER_CNY_PER_YEAR)
    order = np.argsort(-saving[rows, columns], kind="stable")
    yield from zip(rows[order].tolist(), columns[order].tolist(), strict=True)


def _near_sites(tier: FirstTier, parts: int) -> list[Int]:
    """The sites that share walking arcs with each site."""
    member = csr_array((np.ones(len(tier.arc)), (tier.site, tier.part)), shape=(tier.site_count, parts))
    shared = csr_array(member @ member.T)
    return [np.sort(shared.indices[a:b]).astype(np.int64)
            for a, b in zip(shared.indptr[:-1], shared.indptr[1:], strict=True)]
