"""p-center: open p sites so that the client farthest from its nearest open site is as near as possible."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from optimizer.classic.arcs import Arcs, Choice, arcs_of, checked_weight, nearest_open, shape_of
from optimizer.classic.common import Bool, ClassicInputError, ClassicResult, Float, Int, Matrix, no_plan, status_of
from optimizer.classic.cover_sets import cover_table, greedy_cover
from optimizer.classic.covering import needs_more, smallest_cover
from optimizer.classic.open_p import filled_up

PROBLEM = "p-center"


def p_center(distance: Matrix, weight: Float | Sequence[float] | None = None, *, p: int,
             required: Sequence[int] | Int = (), forbidden: Sequence[int] | Int = (),
             time_limit_s: float = 60.0) -> ClassicResult:
    """p sites that minimise the largest weight x distance to the nearest open one, with bound and gap.

    distance [clients, sites], dense (inf: out of reach) or sparse (not stored: out of reach); weight [clients],
    default 1. Status "no_plan" with a reason when no p sites reach every client. Raises ClassicInputError for
    malformed input. Method: a search over the distinct distances, each asked as a set-covering question (Minieka 1970;
    Daskin 2000), first by greedy covers, then by linear relaxations, then exactly.
    """
    started = time.perf_counter()
    clients, sites = shape_of(distance)
    given = checked_weight(weight, clients)
    choice = Choice.of(sites, required, forbidden)
    if clients == 0 or p < 1:
        raise ClassicInputError("p-center needs at least one client and p of at least 1")
    arcs = arcs_of(distance, given, choice.forbidden)
    lost = tuple(arcs.unreachable().tolist())
    why = choice.conflict(p) or (f"{len(lost)} clients can reach no site, the first is {lost[0]}" if lost else "")
    if why:
        return no_plan(PROBLEM, why, clients=lost, bound=np.inf, seconds=time.perf_counter() - started)
    found = _Search(arcs, p, choice, started + time_limit_s).run()
    seconds = time.perf_counter() - started
    if found.is_open is None:
        impossible = np.isinf(found.bound)
        why = "no p sites reach every client" if impossible else "no plan was found that reaches every client"
        return no_plan(PROBLEM, why, bound=found.bound, seconds=seconds)
    served = nearest_open(arcs, found.is_open)
    value = float(served.first_cost.max())
    bound = min(found.bound, value)
    return ClassicResult(PROBLEM, status_of(value - bound, value, stopped=seconds >= time_limit_s), value, bound,
                         np.flatnonzero(found.is_open), served.first_site, seconds, bound_source="set covering")


@dataclass(frozen=True)
class _Found:
    is_open: Bool | None
    bound: float


class _Search:
    """Halving of the list of distinct costs between what is proven too small and what is known to do."""

    def __init__(self, arcs: Arcs, p: int, choice: Choice, deadline: float) -> None:
        self.arcs, self.p, self.choice, self.deadline = arcs, p, choice, deadline
        least = float(arcs.cost[arcs.first[:-1]].max())
        self.value = np.unique(arcs.cost[arcs.cost >= least])
        self.is_open: Bool | None = None

    def run(self) -> _Found:
        """The best plan and the smallest cost not proven impossible."""
        low, high = 0, len(self.value)  # value[high] is known to do; len(value) stands for "nothing does"
        while low < high:  # quick answers first: what greedy covers reach
            middle = (low + high) // 2
            high, low = (self._index(), low) if self._greedy(middle) else (high, middle + 1)
        best = self._index() if self.is_open is not None else len(self.value)
        low, high = 0, best
        while low < high:  # then what linear relaxations prove too small
            middle = (low + high) // 2
            low, high = (middle + 1, high) if self._needs_more(middle) else (low, middle)
        high = best
        while low < high:  # what is left is asked exactly
            middle = (low + high) // 2
            answer = self._exact(middle)
            if answer is None:
                break
            low, high = (low, self._index()) if answer else (middle + 1, high)
        return _Found(self.is_open, float(self.value[low]) if low < len(self.value) else np.inf)

    def _index(self) -> int:
        """Place of the current plan's value in the list."""
        assert self.is_open is not None
        worst = nearest_open(self.arcs, self.is_open).first_cost.max()
        return int(np.searchsorted(self.value, worst))

    def _take(self, site: Int) -> None:
        is_open = self.choice.required.copy()
        is_open[site] = True
        self.is_open = filled_up(is_open, self.p, self.choice.forbidden)

    def _greedy(self, at: int) -> bool:
        """Whether a greedy cover at this cost has at most p sites; takes it if so."""
        table = cover_table(self.arcs, float(self.value[at]))
        missing = np.asarray(table @ self.choice.required.astype(np.float32)) == 0
        site = greedy_cover(table[missing])
        if int(self.choice.required.sum()) + len(site) > self.p:
            return False
        self._take(site)
        return True

    def _needs_more(self, at: int) -> bool:
        """Whether a relaxation proves that p sites cannot cover everything at this cost."""
        table = cover_table(self.arcs, float(self.value[at]))
        return needs_more(table, self.choice.required, self.p, self.deadline)

    def _exact(self, at: int) -> bool | None:
        """Whether p sites cover everything at this cost; None when time ran out first."""
        if time.perf_counter() > self.deadline:
            return None
        table = cover_table(self.arcs, float(self.value[at]))
        found = smallest_cover(table, self.choice.required, self.deadline, enough=self.p)
        if found.site is not None and len(found.site) <= self.p:
            self._take(found.site)
            return True
        return False if found.bound > self.p else None
