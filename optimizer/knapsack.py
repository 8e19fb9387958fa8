"""Many small 0-1 knapsacks at once, exactly: the least value of any set of items that fits.

Branch and bound breadth first over all knapsacks together, with numpy alone: items in order of value per weight, and
sets that even a cut last item cannot make better than the best known are dropped (Dantzig 1957, Operations Research 5;
Horowitz and Sahni 1974, Journal of the ACM 21). An item may weigh in several measures.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]
Int = NDArray[np.int64]
Bool = NDArray[np.bool_]

MOST_SETS = 1_500_000
"""Sets looked at together; knapsacks with more undecided ones get the value of their relaxation, which is lower."""
TOLERANCE = 1e-8
"""Sets that exceed the capacity by no more than this share count as fitting: a little more than the referee allows."""
BETTER = 1e-9
"""Gains below this share of the best value are not followed."""
BITS = 62
"""Items marked in one whole number."""


@dataclass(frozen=True)
class Knapsacks:
    """Knapsack b holds the items first[b] to first[b + 1] and has capacity 1."""

    first: Int
    weight: Float
    """Share of the capacity each item takes, >= 0; [items], or [items, measures]."""

    @property
    def shares(self) -> Float:
        """The weights in columns, one per measure."""
        return self.weight[:, None] if self.weight.ndim == 1 else self.weight


@dataclass(frozen=True)
class Packed:
    """The least value of each knapsack (never above 0) and the items taken (all False unless asked for)."""

    value: Float
    taken: Bool


def solve(knapsacks: Knapsacks, value: Float, *, pick: bool = False) -> Packed:
    """The best set of each knapsack for item values [items]; only items of negative value are ever taken."""
    count = len(knapsacks.first) - 1
    owner = np.repeat(np.arange(count), np.diff(knapsacks.first))
    shares = knapsacks.shares
    useful = np.flatnonzero((value < 0.0) & (shares <= 1.0 + TOLERANCE).all(axis=1))
    least, taken = np.zeros(count), np.zeros(len(value), dtype=bool)
    total = np.stack([np.bincount(owner[useful], weights=shares[useful, d], minlength=count)
                      for d in range(shares.shape[1])], axis=1)
    easy = np.all(total <= 1.0 + TOLERANCE, axis=1)
    everything = useful[easy[owner[useful]]]
    least += np.bincount(owner[everything], weights=value[everything], minlength=count)
    taken[everything] = pick
    hard = np.flatnonzero(~easy)
    if len(hard):
        tight = np.argmax(total, axis=1)
        item = useful[~easy[owner[useful]]]
        ratio = value[item] / np.maximum(shares[item, tight[owner[item]]], 1e-12)
        item = item[np.lexsort((ratio, owner[item]))]
        found = _Search(owner[item], tight, value[item], shares[item], count).run(pick)
        least[hard] = found.value[hard]
        taken[item[found.taken]] = True
    return Packed(least, taken)


class _Search:
    """All hard knapsacks, their items in order of owner and then of value per weight in the tightest measure."""

    def __init__(self, owner: Int, tight: Int, value: Float, share: Float, count: int) -> None:
        self.value, self.share, self.owner, self.tight, self.count = value, share, owner, tight, count
        self.begin = np.searchsorted(owner, np.arange(count))
        self.end = np.searchsorted(owner, np.arange(count), side="right")
        self.weight = share[np.arange(len(owner)), tight[owner]]
        self.weight_before = np.concatenate([[0.0], np.cumsum(self.weight)])
        self.value_before = np.concatenate([[0.0], np.cumsum(value)])

    def run(self, pick: bool) -> Packed:
        """Every knapsack's best set."""
        best, marks = self._greedy()
        words = int((self.end - self.begin).max()) // BITS + 1 if pick else 0
        chosen = np.zeros((self.count, words), dtype=np.int64)
        for word in range(words):
            inside = (np.arange(len(self.owner)) - self.begin[self.owner]) // BITS == word
            bit = np.int64(1) << ((np.arange(len(self.owner)) - self.begin[self.owner]) % BITS)
            np.bitwise_or.at(chosen[:, word], self.owner[marks & inside], bit[marks & inside])
        floor = best.copy()
        at = np.flatnonzero(self.end > self.begin)
        state = _Sets(at, self.begin[at], np.zeros(len(at)), np.zeros((len(at), self.share.shape[1])),
                      np.zeros((len(at), words), dtype=np.int64))
        while len(state.owner):
            state = self._promising(state, best, floor)
            if not len(state.owner):
                break
            state = self._grown(state, best, chosen)
        taken = np.zeros(len(self.owner), dtype=bool)
        if pick:
            place = np.arange(len(self.owner)) - self.begin[self.owner]
            taken = (chosen[self.owner, place // BITS] >> (place % BITS)) & 1 == 1
        return Packed(np.minimum(best * (1.0 + BETTER), floor), taken)

    def _greedy(self) -> tuple[Float, Bool]:
        """Values of the sets that take whatever still fits, and their items."""
        load, best = np.zeros((self.count, self.share.shape[1])), np.zeros(self.count)
        marks = np.zeros(len(self.owner), dtype=bool)
        for step in range(int((self.end - self.begin).max(initial=0))):
            own = np.flatnonzero(self.begin + step < self.end)
            item = self.begin[own] + step
            fits = (load[own] + self.share[item] <= 1.0 + TOLERANCE).all(axis=1)
            own, item = own[fits], item[fits]
            load[own] += self.share[item]
            best[own] += self.value[item]
            marks[item] = True
        return best, marks

    def _promising(self, state: _Sets, best: Float, floor: Float) -> _Sets:
        """The sets that might still become better than the best known one."""
        reach = state.value + self._relaxed(state)
        kept = (state.next < self.end[state.owner]) & (reach < best[state.owner] * (1.0 + BETTER))
        if np.count_nonzero(kept) > MOST_SETS:
            number = np.bincount(state.owner[kept], minlength=self.count)
            lost = kept & (number > MOST_SETS // max(self.count, 1))[state.owner]
            np.minimum.at(floor, state.owner[lost], reach[lost])
            kept &= ~lost
        return state.where(kept)

    def _relaxed(self, state: _Sets) -> Float:
        """What the items to come could add, the last one cut to fit the tightest measure."""
        room = 1.0 + TOLERANCE - state.load[np.arange(len(state.owner)), self.tight[state.owner]]
        full = np.searchsorted(self.weight_before, self.weight_before[state.next] + np.maximum(room, 0.0), side="right")
        stop = np.clip(full - 1, state.next, self.end[state.owner])
        left = np.maximum(room - (self.weight_before[stop] - self.weight_before[state.next]), 0.0)
        item = np.minimum(stop, len(self.value) - 1)
        cut = np.where((stop < self.end[state.owner]) & (self.weight[item] > 0.0),
                       self.value[item] * np.minimum(left / np.maximum(self.weight[item], 1e-300), 1.0), 0.0)
        return np.asarray(self.value_before[stop] - self.value_before[state.next] + cut)

    def _grown(self, state: _Sets, best: Float, chosen: Int) -> _Sets:
        """Every set without and, where it fits, with its next item; the best known sets are updated."""
        item = state.next
        load = state.load + self.share[item]
        fits = np.flatnonzero((load <= 1.0 + TOLERANCE).all(axis=1))
        value, owner = state.value[fits] + self.value[item[fits]], state.owner[fits]
        marked = state.marks[fits].copy()
        if marked.shape[1]:
            place = item[fits] - self.begin[owner]
            marked[np.arange(len(fits)), place // BITS] |= np.int64(1) << (place % BITS)
        order = np.lexsort((value, owner))
        leads = order[np.flatnonzero(np.diff(owner[order], prepend=-1))]
        leads = leads[value[leads] < best[owner[leads]]]
        best[owner[leads]] = value[leads]
        if chosen.shape[1]:
            chosen[owner[leads]] = marked[leads]
        return _Sets(np.concatenate([state.owner, owner]), np.concatenate([item + 1, item[fits] + 1]),
                     np.concatenate([state.value, value]), np.concatenate([state.load, load[fits]]),
                     np.concatenate([state.marks, marked]))


@dataclass(frozen=True)
class _Sets:
    """Sets that fit, all items before `next` decided."""

    owner: Int
    next: Int
    value: Float
    load: Float
    marks: Int

    def where(self, kept: Bool) -> _Sets:
        return _Sets(self.owner[kept], self.next[kept], self.value[kept], self.load[kept], self.marks[kept])
