"""Where the sites of the last tier may lie: scenarios of the bound that speak of a part of the city only.

A scenario with an area is valid for plans whose extra sites of the last tier all lie inside it. Whatever areas the
scenarios name, the sites fall into atoms (sites that are in the same areas); a plan with c extra sites lies in c atoms
at most, so trying every choice of c atoms covers every plan. Nothing about the areas has to be trusted.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]
Int = NDArray[np.int64]
Bool = NDArray[np.bool_]

MOST_CHOICES = 20_000


def atoms(areas: Bool, free: Bool) -> Bool:
    """Which areas contain each atom of the free sites, [A, S]; `areas` is [S, J], `free` [J]."""
    member = areas[:, free].T
    if not len(member):
        return np.zeros((0, len(areas)), dtype=np.bool_)
    return np.asarray(np.unique(member, axis=0), dtype=np.bool_)


def over_choices(value: Float, areas: Bool, offered: Bool, extra: Int,
                 dearer: Callable[[Bool, Int], Float] | None = None) -> tuple[Float, Bool]:
    """The least over choices of atoms of the best value whose area holds the choice, per mix, and the sites chosen.

    value [S, N] in scenarios (rows) for mixes with `extra` [N] sites out of those `offered` [N, J]; areas [S, J].
    `dearer` gives what some mixes cost more if only some sites [J] may be chosen, [S, mixes]. Returns [N] and the sites
    of the deciding choice, [N, J]. Where there are more than MOST_CHOICES choices only scenarios that hold every
    offered site count.
    """
    least = np.empty(value.shape[1])
    where = np.zeros(offered.shape, dtype=np.bool_)
    kinds, kind = np.unique(np.concatenate([extra[:, None], offered.astype(np.int64)], axis=1), axis=0,
                            return_inverse=True)
    for number, row in enumerate(kinds):
        mixes, free = np.flatnonzero(kind.ravel() == number), row[1:].astype(np.bool_)
        member = atoms(areas, free)
        least[mixes] = np.inf
        for choice in _choices(len(member), int(row[0])):
            chosen = np.zeros(len(free), dtype=np.bool_)
            same = np.asarray(np.equal(areas[:, free].T[:, None, :], member[list(choice)][None, :, :]), dtype=np.bool_)
            inside, _ = np.nonzero(np.logical_and.reduce(same, axis=2))
            chosen[np.flatnonzero(free)[inside]] = True
            holds = np.asarray(member[list(choice)].all(axis=0), dtype=np.bool_)
            best = value[:, mixes] if dearer is None else value[:, mixes] + dearer(chosen, mixes)
            best = np.where(holds[:, None], best, -np.inf).max(axis=0)
            worse = best < least[mixes]
            least[mixes[worse]] = best[worse]
            where[mixes[worse]] = chosen
    return least, where


def _choices(count: int, number: int) -> list[tuple[int, ...]]:
    """Every set of at most `number` atoms that no larger one contains; all atoms together where these are too many."""
    size = min(number, count)
    total = 1
    for step in range(size):
        total = total * (count - step) // (step + 1)
        if total > MOST_CHOICES:
            return [tuple(range(count))]
    return list(itertools.combinations(range(count), size))
