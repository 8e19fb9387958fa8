"""Ways to serve clients as sorted arrays, from a dense or sparse matrix; and checks of what a caller gives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_array, issparse

from optimizer.classic.common import NOT_SERVED, Bool, ClassicInputError, Float, Int, Matrix


@dataclass(frozen=True)
class Arcs:
    """Every way to serve a client: client i's arcs are first[i]:first[i + 1], by ascending cost."""

    first: Int
    site: Int
    cost: Float
    sites: int
    """Number of candidates, also those without an arc."""
    outside: Float
    """What a client costs that no open site serves (inf: it must be served)."""

    @property
    def clients(self) -> int:
        """Number of clients."""
        return len(self.first) - 1

    @property
    def client(self) -> Int:
        """Client of each arc."""
        return np.repeat(np.arange(self.clients), np.diff(self.first))

    def keep(self, which: Bool) -> Arcs:
        """The same clients and candidates with some of the arcs."""
        count = np.bincount(self.client[which], minlength=self.clients)
        return Arcs(np.concatenate([[0], np.cumsum(count)]), self.site[which], self.cost[which], self.sites,
                    self.outside)

    def unreachable(self) -> Int:
        """Clients without any arc that must be served."""
        return np.flatnonzero((np.diff(self.first) == 0) & np.isinf(self.outside))


@dataclass(frozen=True)
class Choice:
    """Which candidates may and must be open, [J] each."""

    required: Bool
    forbidden: Bool

    @classmethod
    def of(cls, sites: int, required: Sequence[int] | Int, forbidden: Sequence[int] | Int) -> Choice:
        """Masks from lists of indices. ClassicInputError for an index that is no candidate."""
        masks = []
        for name, given in (("required", required), ("forbidden", forbidden)):
            index = np.asarray(given, dtype=np.int64).ravel()
            wrong = index[(index < 0) | (index >= sites)]
            if len(wrong):
                raise ClassicInputError(f"{name} site {wrong[0]} is not one of the {sites} candidates")
            mask = np.zeros(sites, dtype=bool)
            mask[index] = True
            masks.append(mask)
        return cls(*masks)

    def conflict(self, p: int | None = None) -> str:
        """Why no set of sites can satisfy this (and have p members), in one line; empty when one can."""
        both = np.flatnonzero(self.required & self.forbidden)
        allowed, needed = int((~self.forbidden).sum()), int(self.required.sum())
        if len(both):
            return f"site {both[0]} is both required and forbidden"
        if p is not None and p > allowed:
            return f"p is {p} but only {allowed} of {len(self.required)} candidates may be opened"
        if p is not None and p < needed:
            return f"p is {p} but {needed} sites are required"
        return ""


def arcs_of(distance: Matrix, weight: Float | None, choice_forbidden: Bool) -> Arcs:
    """Arcs with cost weight x distance, forbidden sites left out, every client to be served.

    Infinite entries of a dense matrix and entries that a sparse one does not store are no arcs; of entries stored
    twice the smaller counts. Raises ClassicInputError for negative or missing numbers.
    """
    client, site, value, shape = _triplets(distance)
    if np.isnan(value).any() or (len(value) and value.min() < 0):
        raise ClassicInputError("distances must be numbers of zero or more")
    keep = np.isfinite(value) & ~choice_forbidden[site]
    client, site, value = client[keep], site[keep], value[keep]
    if weight is not None:
        value = value * weight[client]
    order = np.lexsort((site, value, client))
    first = np.concatenate([[0], np.cumsum(np.bincount(client, minlength=shape[0]))])
    return Arcs(first, site[order], value[order], shape[1], np.full(shape[0], np.inf))


def _triplets(distance: Matrix) -> tuple[Int, Int, Float, tuple[int, int]]:
    if issparse(distance):
        table = coo_array(distance)
        if table.ndim != 2:
            raise ClassicInputError("distances must be a matrix of clients x sites")
        client, site = (np.asarray(c, dtype=np.int64) for c in table.coords)
        value = np.asarray(table.data, dtype=np.float64)
        order = np.lexsort((value, site, client))
        client, site, value = client[order], site[order], value[order]
        key = client * np.int64(max(table.shape[1], 1)) + site
        keep = np.diff(key, prepend=-1) > 0
        return client[keep], site[keep], value[keep], (table.shape[0], table.shape[1])
    dense = np.asarray(distance, dtype=np.float64)
    if dense.ndim != 2:
        raise ClassicInputError("distances must be a matrix of clients x sites")
    clients, sites = dense.shape
    return (np.repeat(np.arange(clients), sites), np.tile(np.arange(sites), clients), dense.ravel(), (clients, sites))


def checked_weight(weight: Float | Sequence[float] | None, clients: int) -> Float | None:
    """The weights as an array, None when none were given. ClassicInputError for wrong length or values."""
    if weight is None:
        return None
    array = np.asarray(weight, dtype=np.float64)
    if array.shape != (clients,):
        raise ClassicInputError(f"there are {clients} clients but weights of shape {array.shape}")
    if not np.isfinite(array).all() or (array < 0).any():
        raise ClassicInputError("weights must be numbers of zero or more")
    return array


def shape_of(distance: Matrix) -> tuple[int, int]:
    """(clients, sites). ClassicInputError when it is not a matrix."""
    shape = np.shape(distance) if not issparse(distance) else distance.shape
    if len(shape) != 2:
        raise ClassicInputError("distances must be a matrix of clients x sites")
    return int(shape[0]), int(shape[1])


def sums(index: Int, values: Float, count: int) -> Float:
    """The values added up by index, [count] (numpy's bincount turns to whole numbers when there are none)."""
    return np.bincount(index, values, minlength=count).astype(np.float64)


def whole_step(values: Float) -> float:
    """The step all totals of these values are multiples of: 1 for whole numbers, else 0."""
    finite = values[np.isfinite(values)]
    return 1.0 if len(finite) == 0 or bool(np.all(finite == np.round(finite)) and finite.max() < 2**52) else 0.0


@dataclass(frozen=True)
class Nearest:
    """The two cheapest ways of each client among open sites: cost and site, -1 for the outside."""

    first_cost: Float
    first_site: Int
    second_cost: Float

    @property
    def total(self) -> float:
        """Cost of all clients; inf when one must be served and is not."""
        return float(self.first_cost.sum())


def nearest_open(arcs: Arcs, is_open: Bool) -> Nearest:
    """What each client costs when these sites are open, and what it would cost without its own site."""
    which = np.flatnonzero(is_open[arcs.site])
    owner = np.searchsorted(arcs.first, which, side="right") - 1
    start = np.searchsorted(owner, np.arange(arcs.clients))
    count = np.searchsorted(owner, np.arange(arcs.clients), side="right") - start
    cost, second, site = arcs.outside.copy(), arcs.outside.copy(), np.full(arcs.clients, -1, dtype=np.int64)
    one, two = count >= 1, count >= 2
    at = which[start[one]]
    cost[one], site[one] = arcs.cost[at], arcs.site[at]
    second[two] = np.minimum(arcs.cost[which[start[two] + 1]], arcs.outside[two])
    better_outside = one & (arcs.outside < cost)
    cost[better_outside], site[better_outside] = arcs.outside[better_outside], -1
    return Nearest(cost, site, second)


def within(arcs: Arcs, site: Int, radius: float) -> Int:
    """The nearest of the sites for each client, NOT_SERVED beyond the radius."""
    is_open = np.zeros(arcs.sites, dtype=bool)
    is_open[site] = True
    served = nearest_open(arcs, is_open)
    return np.where(served.first_cost <= radius, served.first_site, NOT_SERVED)


def outside_or_free(arcs: Arcs, worth: Float, radius: float) -> Arcs:
    """Coverage as a cost: a client costs its weight unless a site within the radius is open."""
    near = arcs.keep(arcs.cost <= radius)
    return Arcs(near.first, near.site, np.zeros(len(near.site)), arcs.sites, worth)
