"""Builders of side rules: counts, spacing, land, budget and shared parcels as rows over open sites and sizes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from optimizer.network import Tier
from optimizer.problem import Problem, Sites, SiteStatus
from optimizer.site_rows import RowCode, Sense, SiteRow, Unit

Float = NDArray[np.float64]
Int = NDArray[np.int64]
Bool = NDArray[np.bool_]


def at_least_open(problem: Problem, tier: int, zone: int | None, count: int, clause: str) -> SiteRow:
    """At least `count` open sites of a tier in a zone (None: everywhere)."""
    return _count(problem, tier, zone, count, clause, "min_sites", ">=")


def at_most_open(problem: Problem, tier: int, zone: int | None, count: int, clause: str) -> SiteRow:
    """At most `count` open sites of a tier in a zone (None: everywhere)."""
    return _count(problem, tier, zone, count, clause, "max_sites", "<=")


def _count(problem: Problem, tier: int, zone: int | None, count: int, clause: str, code: RowCode,
           sense: Sense) -> SiteRow:
    sites = problem.sites[tier]
    inside = sites.allowed & _in_zone(sites, zone)[:, None]
    entries = [(tier, inside, np.ones(inside.shape))]
    return _row(code, clause, _name(problem, tier, zone), entries, float(count), sense, "count")


def land_cap(problem: Problem, tier: int | None, zone: int | None, most_m2: float, clause: str) -> SiteRow:
    """At most so many m2 built on by the open sites of a tier (None: all that stand on land) in a zone (None: all)."""
    levels = [n for n, t in enumerate(problem.network.tiers) if t.candidates == "land"] if tier is None else [tier]
    entries = []
    for level in levels:
        inside = problem.sites[level].allowed & _in_zone(problem.sites[level], zone)[:, None]
        entries.append((level, inside, np.broadcast_to(_area(problem.network.tiers[level]), inside.shape)))
    return _row("land_cap", clause, _name(problem, tier, zone), entries, most_m2, "<=", "m2")


def budget(problem: Problem, most_cny: float, clause: str) -> SiteRow:
    """At most so much build cost, paid once, for all new and required sites together."""
    entries = []
    for level, (tier, sites) in enumerate(zip(problem.network.tiers, problem.sites, strict=True)):
        entries.append((level, sites.allowed & sites.is_built[:, None], sites.build_cost_cny(tier)))
    return _row("budget", clause, problem.network.network, entries, most_cny, "<=", "cny")


def shared_parcels(problem: Problem, clause: str = "shared_parcel") -> tuple[SiteRow, ...]:
    """What is built on a parcel that is a candidate in several tiers fits on it together, one row per parcel.

    Parcels on which the largest sizes fit side by side need no rule.
    """
    places: dict[str, list[tuple[int, int]]] = {}
    for level, sites in enumerate(problem.sites):
        for number, parcel in enumerate(sites.ids):
            places.setdefault(parcel, []).append((level, number))
    rows = []
    for parcel, found in places.items():
        if len(found) > 1:
            limit = min(float(problem.sites[level].area_m2[site]) for level, site in found)
            entries = []
            for level, site in found:
                inside = np.zeros(problem.sites[level].allowed.shape, dtype=bool)
                inside[site] = problem.sites[level].allowed[site]
                entries.append((level, inside, np.broadcast_to(_area(problem.network.tiers[level]), inside.shape)))
            largest = sum(float(area[inside].max(initial=0.0)) for _, inside, area in entries)
            if largest > limit:
                rows.append(_row("parcel_overbuilt", clause, parcel, entries, limit, "<=", "m2"))
    return tuple(rows)


def spacing(problem: Problem, tier: int, min_m: float, x_m: Float, y_m: Float, clause: str) -> tuple[SiteRow, ...]:
    """No two open sites of a tier closer than `min_m` (straight line): at most one of every clique of too-near sites.

    `x_m`, `y_m` [J] are metric coordinates. The cliques cover every pair closer than `min_m`, found greedily; two
    sites that must both stay are excused (they stand there already).
    """
    sites = problem.sites[tier]
    rows = []
    for clique in _cliques(_pairs(sites, min_m, x_m, y_m), len(sites)):
        inside = np.zeros(sites.allowed.shape, dtype=bool)
        inside[clique] = sites.allowed[clique]
        subject = "+".join(sites.ids[j] for j in clique[:2].tolist())
        rows.append(_row("spacing", clause, subject, [(tier, inside, np.ones(inside.shape))], 1.0, "<=", "count"))
    return tuple(rows)


def _pairs(sites: Sites, min_m: float, x_m: Float, y_m: Float) -> Int:
    """Pairs of usable sites closer than a distance, [P, 2], the lower index first."""
    at = np.stack([x_m, y_m], axis=1)
    usable = np.flatnonzero(sites.allowed.any(axis=1) & np.isfinite(at).all(axis=1))
    near = cKDTree(at[usable]).query_pairs(min_m, output_type="ndarray") if len(usable) > 1 else np.empty((0, 2), int)
    pairs = usable[near.reshape(-1, 2)]
    apart = np.hypot(*(at[pairs[:, 0]] - at[pairs[:, 1]]).T) < min_m * (1.0 - 1e-12)
    stay = sites.status == SiteStatus.KEEP
    apart &= ~(stay[pairs[:, 0]] & stay[pairs[:, 1]])
    pairs = np.sort(pairs[apart], axis=1)
    return pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))].astype(np.int64)


def _cliques(pairs: Int, count: int) -> list[Int]:
    """Cliques that cover every pair: each uncovered pair is grown by the common neighbours with most uncovered ties."""
    near: list[set[int]] = [set() for _ in range(count)]
    for a, b in pairs.tolist():
        near[a].add(b)
        near[b].add(a)
    open_ties = [set(n) for n in near]
    out = []
    for a, b in pairs.tolist():
        if b not in open_ties[a]:
            continue
        clique, common = [a, b], near[a] & near[b]
        while common:
            best = max(sorted(common), key=lambda j: sum(j in open_ties[i] for i in clique))
            clique.append(best)
            common &= near[best]
        for i in clique:
            open_ties[i].difference_update(clique)
        out.append(np.array(sorted(clique), dtype=np.int64))
    return out


def _row(code: RowCode, clause: str, subject_id: str, entries: Sequence[tuple[int, Bool, Float]], limit: float,
         sense: Sense, unit: Unit) -> SiteRow:
    """The row of (tier, where, amount [J, K]) tables."""
    tier, site, size, amount = [], [], [], []
    for level, inside, values in entries:
        j, k = np.nonzero(inside)
        tier.append(np.full(len(j), level, dtype=np.int64))
        site.append(j.astype(np.int64))
        size.append(k.astype(np.int64))
        amount.append(np.asarray(values, dtype=np.float64)[j, k])
    return SiteRow(code, clause, subject_id, np.concatenate(tier), np.concatenate(site), np.concatenate(size),
                   np.concatenate(amount), float(limit), sense, unit)


def _in_zone(sites: Sites, zone: int | None) -> Bool:
    return np.ones(len(sites), dtype=bool) if zone is None else np.asarray(sites.zone_of == zone)


def _area(tier: Tier) -> Float:
    return np.array([size.area_m2 for size in tier.sizes])


def _name(problem: Problem, tier: int | None, zone: int | None) -> str:
    """Whom a row speaks about: its zone, else its tier, else the whole network."""
    if zone is not None:
        return problem.zone_ids[zone]
    return problem.network.network if tier is None else problem.network.tiers[tier].id
