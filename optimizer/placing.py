"""The least cost of placing so many sites of each size, each at a place of its own, for many mixes at once.

An assignment problem per mix, bounded from below by its Lagrangian dual: a charge per size pays for "so many of this
size", and every place takes the size that then costs it least, or none. Any charges give a valid bound; exact steps in
the charges of some sizes at a time come close to the optimum (they reach it where there is one size).
"""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]
Int = NDArray[np.int64]
Bool = NDArray[np.bool_]

SWEEPS = 3
CELLS = 2_000_000
"""Mixes times places looked at together; bounds memory."""
MOST_CELLS = 12_000_000
"""Beyond so many, charges are worked out for some mixes only and tried on all of them."""


def least_placed(net_cny_per_year: Float, rows: Int, or_more: Bool) -> Float:
    """At least what each mix costs, [T], CNY per year.

    `net_cny_per_year` [J, K] what each size costs at each place (may be negative, inf where it does not fit), `rows`
    [T, K] how many places take each size, `or_more` [T, K] where more of them count as well.
    """
    places = len(net_cny_per_year)
    if not places:
        return np.zeros(len(rows))
    block = max(1, CELLS // places)
    if len(rows) * places <= MOST_CELLS:
        return np.concatenate([_each(net_cny_per_year, rows[at:at + block], or_more[at:at + block])[0]
                               for at in range(0, len(rows), block)])
    some = slice(None, None, -(-len(rows) * places // CELLS))
    _, charge = _each(net_cny_per_year, rows[some], or_more[some])
    return _at_charges(net_cny_per_year, rows, or_more, np.unique(charge, axis=0))


def _each(net: Float, rows: Int, or_more: Bool) -> tuple[Float, Float]:
    """The bound of each mix at charges of its own, and the charges, [T, K]; -inf where a mix has none of a size."""
    sizes = net.shape[1]
    charge = np.where((rows > 0) | or_more, 0.0, -np.inf)
    for _ in range(SWEEPS):
        for together in _directions(sizes):
            wanted = np.minimum(rows[:, together].sum(axis=1), len(net))
            inside = _least_of(net, charge, together)
            ahead = inside - np.minimum(_least_of(net, charge, [k for k in range(sizes) if k not in together]), 0.0)
            step = _smallest(ahead, wanted)
            step = np.where(np.isfinite(step), step, 0.0)
            for size in together:
                lowest = np.where(or_more[:, size], np.maximum(charge[:, size] + step, 0.0), charge[:, size] + step)
                charge[:, size] = np.where(wanted > 0, lowest, charge[:, size])
    paid = np.where(rows > 0, rows * np.where(np.isfinite(charge), charge, 0.0), 0.0).sum(axis=1)
    return paid + np.minimum(_least_of(net, charge, list(range(sizes))), 0.0).sum(axis=1), charge


def _directions(sizes: int) -> list[list[int]]:
    """Sets of sizes whose charges move together: with all sets no bound is missed, as the dual is L-natural-concave.

    Murota (2003), Discrete Convex Analysis, ch. 10. With more than four sizes only single ones and all together.
    """
    counts = range(1, sizes + 1) if sizes <= 4 else (1, sizes)
    return [list(some) for count in counts for some in itertools.combinations(range(sizes), count)]


def _smallest(values: Float, rank: Int) -> Float:
    """The rank-th smallest value of each row, [T]; the least where the rank is 0."""
    most = max(int(rank.max(initial=1)), 1)
    part = values if most >= values.shape[1] else np.partition(values, most - 1, axis=1)[:, :most]
    return np.asarray(np.sort(part, axis=1)[np.arange(len(rank)), np.maximum(rank - 1, 0)])


def _least_of(net: Float, charge: Float, sizes: list[int]) -> Float:
    """What each place costs least in some sizes at the charges, [T, J]; inf where it takes none."""
    best = np.full((len(charge), len(net)), np.inf)
    for size in sizes:
        np.minimum(best, net[None, :, size] - charge[:, size, None], out=best)
    return best


def _at_charges(net: Float, rows: Int, or_more: Bool, charge: Float) -> Float:
    """The best bound of each mix at any of some charges [W, K]."""
    value = np.minimum(_least_of(net, charge, list(range(net.shape[1]))), 0.0).sum(axis=1)
    best = np.full(len(rows), -np.inf)
    for at, constant in zip(charge, value.tolist(), strict=True):
        known = np.isfinite(at)
        lawful = ~(rows[:, ~known].any(axis=1) | (or_more & ((at < 0.0) | ~known)).any(axis=1))
        found = rows[:, known] @ at[known] + constant
        best = np.where(lawful & (found > best), found, best)
    # charges of zero hold for every mix
    return np.asarray(np.maximum(best, float(np.minimum(net.min(axis=1, initial=0.0), 0.0).sum())))
