"""Which sites cover which clients, and what may be left out of such a table without losing every optimum."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from optimizer.classic.arcs import Arcs
from optimizer.classic.common import Bool, Float, Int

DENSE_CELLS = 25_000_000
"""Largest table whose rows are compared with one another by a dense product."""


@dataclass(frozen=True)
class Reduced:
    """Clients and sites that still matter, and sites that every cover opens anyway."""

    client: Int
    site: Int
    opened: Bool
    """[all sites]."""


def cover_table(arcs: Arcs, radius: float) -> csr_array:
    """1 where a site serves a client at a cost of `radius` or less, [clients, sites]."""
    near = arcs.cost <= radius
    return csr_array((np.ones(int(near.sum()), dtype=np.float32), (arcs.client[near], arcs.site[near])),
                     shape=(arcs.clients, arcs.sites))


def contained(table: csr_array) -> Bool:
    """Rows whose set lies within another row's set (of equal rows all but the first), [rows].

    Tables too large for a dense product are only searched for equal rows.
    """
    rows, columns = table.shape
    if rows * max(columns, rows) > DENSE_CELLS:
        return _repeated(table)
    dense = table.toarray().astype(np.float32)
    size = dense.sum(axis=1)
    common = dense @ dense.T
    within = common >= size[:, None] - 0.5  # row i within row k
    equal = within & (size[:, None] == size[None, :])
    earlier = np.tri(rows, k=-1, dtype=bool)  # k < i
    within &= ~equal | earlier
    np.fill_diagonal(within, False)
    return np.asarray(within.any(axis=1))


def _repeated(table: csr_array) -> Bool:
    group = groups_of_rows(table)
    first = np.full(group.max(initial=-1) + 1, -1, dtype=np.int64)
    first[group[::-1]] = np.arange(len(group))[::-1]
    return np.asarray(first[group] != np.arange(len(group)))


def groups_of_rows(table: csr_array) -> Int:
    """A number per row, the same for rows with the same set, [rows]."""
    table.sort_indices()
    seen: dict[bytes, int] = {}
    out = np.empty(table.shape[0], dtype=np.int64)
    for row in range(table.shape[0]):
        key = table.indices[table.indptr[row]:table.indptr[row + 1]].tobytes()
        out[row] = seen.setdefault(key, len(seen))
    return out


def reduced_for_cover(table: csr_array, required: Bool) -> Reduced:
    """Row and column dominance and essential sites of set covering, repeated until nothing changes.

    A client whose sites include all sites of another client is covered with it; a site whose clients are all covered
    by another one is not needed; a client with a single site opens it (Toregas and ReVelle 1973).
    """
    opened = required.copy()
    client = np.flatnonzero(np.asarray(table @ opened.astype(np.float32)) == 0)
    site = np.flatnonzero(~opened & (np.asarray(table.sum(axis=0)).ravel() > 0))
    while len(client):
        before = (len(client), len(site))
        left = csr_array(table[client][:, site])
        site = site[~contained(csr_array(left.T))]
        left = csr_array(table[client][:, site])
        single = np.flatnonzero(np.diff(left.indptr) == 1)
        if len(single):
            sure = np.unique(site[left.indices[left.indptr[single]]])
            opened[sure] = True
            client = client[np.asarray(table[client] @ opened.astype(np.float32)) == 0]
            site = site[~opened[site]]
            continue
        client = client[~_covers_another(left)]
        if before == (len(client), len(site)):
            break
    return Reduced(client, site if len(client) else site[:0], opened)


def _covers_another(table: csr_array) -> Bool:
    """Rows whose set includes another row's set (of equal rows all but the first)."""
    rows, columns = table.shape
    if rows * max(columns, rows) > DENSE_CELLS:
        return _repeated(table)
    dense = table.toarray().astype(np.float32)
    size = dense.sum(axis=1)
    includes = (dense @ dense.T) >= size[None, :] - 0.5  # row k within row i
    equal = includes & (size[:, None] == size[None, :])
    includes &= ~equal | np.tri(rows, k=-1, dtype=bool)
    np.fill_diagonal(includes, False)
    return np.asarray(includes.any(axis=1))


def greedy_cover(table: csr_array, weight: Float | None = None) -> Int:
    """Sites that cover every coverable client, most new clients first; those found superfluous at the end left out."""
    columns = csr_array(table.T)
    columns.sort_indices()
    missing = np.diff(table.indptr) > 0
    worth = missing.astype(np.float64) if weight is None else np.where(missing, weight, 0.0)
    chosen: list[int] = []
    while missing.any():
        site = int(np.argmax(columns @ worth))
        chosen.append(site)
        hit = columns.indices[columns.indptr[site]:columns.indptr[site + 1]]
        missing[hit], worth[hit] = False, 0.0
    times = np.asarray(table[:, chosen].sum(axis=1)).ravel() if chosen else np.zeros(table.shape[0])
    kept = []
    for site in reversed(chosen):
        hit = columns.indices[columns.indptr[site]:columns.indptr[site + 1]]
        if len(hit) and times[hit].min() > 1:
            times[hit] -= 1
        else:
            kept.append(site)
    return np.array(sorted(kept), dtype=np.int64)


def apart(table: csr_array) -> int:
    """How many clients share no site with one another (picked greedily): no cover has fewer sites."""
    columns = csr_array(table.T)
    free = np.diff(table.indptr) > 0
    size = np.diff(table.indptr)
    count = 0
    for row in np.argsort(size, kind="stable"):
        if free[row]:
            count += 1
            for site in table.indices[table.indptr[row]:table.indptr[row + 1]]:
                free[columns.indices[columns.indptr[site]:columns.indptr[site + 1]]] = False
    return count
