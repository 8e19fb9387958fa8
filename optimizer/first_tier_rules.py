"""Side rules as a search of the first tier sees them: what its sites add, and the room that the tiers above leave."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from optimizer.plan import OpenSites
from optimizer.problem import Problem

Float = NDArray[np.float64]
Int = NDArray[np.int64]
Bool = NDArray[np.bool_]


@dataclass(frozen=True)
class FirstTierRules:
    """Rules over the options (site x sizes + size) of the first tier; a site that must be open counts beyond its duty.

    Its duty, the cheapest size, is taken off the room once and for all, so that a search may leave it out.
    """

    first: Int
    """Entries of option o are first[o] to first[o + 1]."""
    row: Int
    amount: Float
    most: Float
    """Room of each rule, signed, [R]."""
    sizes: int

    def entries(self, site: Int, size: Int) -> tuple[Int, Int, Float]:
        """Entries of some options: position in the list, rule, signed amount."""
        option = site * self.sizes + size
        start, count = self.first[option], self.first[option + 1] - self.first[option]
        at = np.repeat(start - (np.cumsum(count) - count), count) + np.arange(int(count.sum()))
        return np.repeat(np.arange(len(option)), count), self.row[at], self.amount[at]

    def taken(self, site: Int, size: Int) -> Float:
        """What some open sites take of every rule, [R]."""
        _, row, amount = self.entries(site, size)
        return np.bincount(row, weights=amount, minlength=len(self.most)).astype(np.float64)

    def exceeded(self, value: Float, before: Float) -> Bool:
        """Rules beyond their room, and further than before, [R]."""
        return np.asarray(value > np.maximum(self.most, before + 1e-9 * np.maximum(1.0, np.abs(before))))


def first_tier_rules(problem: Problem, upper: Sequence[OpenSites], cheapest: Int) -> FirstTierRules | None:
    """The rules under given open sites of tiers 1 and up; None where no rule speaks about the first tier.

    `cheapest` [J_0] is the size in which a site that must be open is one.
    """
    rows = problem.rows
    if not len(rows.tiers[0].row):
        return None
    entries = rows.tiers[0]
    options, sizes = len(entries.first) - 1, entries.sizes
    option, row, amount = entries.option, entries.row, entries.amount
    must = problem.sites[0].must_open
    duty = must[option // sizes] & (cheapest[option // sizes] == option % sizes)
    most = rows.tight - rows.values(upper, 1) - np.bincount(row[duty], weights=amount[duty], minlength=len(rows))
    if duty.any():  # every size of such a site less what the cheapest one takes
        site = np.repeat(option[duty] // sizes, sizes)
        own = site * sizes + np.tile(np.arange(sizes), int(duty.sum()))
        option = np.concatenate([option, own])
        row = np.concatenate([row, np.repeat(row[duty], sizes)])
        amount = np.concatenate([amount, np.repeat(-amount[duty], sizes)])
    order = np.lexsort((row, option))
    first = np.searchsorted(option[order], np.arange(options + 1))
    return FirstTierRules(first, row[order], amount[order], most, sizes)
