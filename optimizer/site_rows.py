"""Side rules of a plan as linear rows over open sites and sizes: sum of amount x y <= limit, or >= limit.

Minimum and maximum counts, spacing, land, budget and shared parcels are all of this one kind; the builders are in
optimizer/row_builders.py. A set of rows is stored as sparse entries per tier, each row turned so that it reads
`signed value <= most`; without rows every helper here is free.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from optimizer.plan import OpenSites

Float = NDArray[np.float64]
Int = NDArray[np.int64]

RowCode = Literal["min_sites", "max_sites", "spacing", "land_cap", "budget", "parcel_overbuilt", "min_throughput"]
Sense = Literal["<=", ">="]
Unit = Literal["count", "m2", "cny", "t_per_day"]
ROW_ALLOWANCE = 1e-7
"""Relative to the limit (at least 1): what the referee lets pass of sums of figures, and the bound allows for."""
NOTHING = 1e-9
"""Changes of a row's value up to this share of its limit (at least 1) are rounding."""


@dataclass(frozen=True)
class SiteRow:
    """One rule: the sum over its entries of amount x (site open in that size), compared with a limit."""

    code: RowCode
    clause: str
    """The rule and clause, or the key of the study, it comes from."""
    subject_id: str
    """The zone, parcel, tier or site it speaks about."""
    tier: Int
    site: Int
    size: Int
    amount: Float
    """Entries, parallel to tier, site and size; each triple at most once."""
    limit: float
    sense: Sense
    unit: Unit

    def holds_at(self, value: float) -> bool:
        """Whether a value of the sum keeps the rule, within the referee's tolerance."""
        within = value - self.limit if self.sense == "<=" else self.limit - value
        return within <= self.allowance

    @property
    def allowance(self) -> float:
        """What the referee lets pass: counts are exact, the rest are sums of figures."""
        return 0.0 if self.unit == "count" else ROW_ALLOWANCE * max(1.0, abs(self.limit))


@dataclass(frozen=True)
class TierEntries:
    """The entries of all rows on one tier, sorted by option (site x sizes + size)."""

    first: Int
    """Entries of option o are first[o] to first[o + 1]."""
    option: Int
    row: Int
    amount: Float
    """Signed: as in `signed value <= most`."""
    sizes: int

    def of(self, site: int, size: int) -> tuple[Int, Float]:
        """Rows that a site open in a size enters, and its signed amounts; nothing for size -1 (closed)."""
        option = site * self.sizes + size
        inside = slice(self.first[option], self.first[option + 1]) if size >= 0 else slice(0, 0)
        return self.row[inside], self.amount[inside]


@dataclass(frozen=True)
class RowSet:
    """Rows compiled for arithmetic: R rows over the options of every tier."""

    rows: tuple[SiteRow, ...]
    most: Float
    """Limit of the signed value, with the referee's allowance, [R]."""
    sign: Float
    """1 for <=, -1 for >=, [R]."""
    tiers: tuple[TierEntries, ...]

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def tight(self) -> Float:
        """Limits with half of the allowance, for searches that add and subtract, [R]."""
        return np.asarray(self.most - np.array([0.5 * row.allowance for row in self.rows]), dtype=np.float64)

    def values(self, opened: Sequence[OpenSites], first_tier: int = 0) -> Float:
        """Signed value of every row, [R], counting the open sites of tiers `first_tier` and up as listed."""
        total = np.zeros(len(self.rows))
        for entries, sites in zip(self.tiers[first_tier:], opened, strict=False):
            if len(entries.row):
                on = np.zeros(len(entries.first) - 1, dtype=bool)
                on[sites.site * entries.sizes + sites.size] = True
                inside = on[entries.option]
                total += np.bincount(entries.row[inside], weights=entries.amount[inside], minlength=len(total))
        return total

    def own_values(self, opened: Sequence[OpenSites]) -> Float:
        """The sums as the rules write them, [R]."""
        return self.sign * self.values(opened)

    def broken(self, values: Float) -> Int:
        """Rows whose signed value exceeds its limit."""
        return np.flatnonzero(values > self.most)

    def charge(self, tier: int, price: Float) -> Float | None:
        """What row prices [R] >= 0 add to each site and size of a tier, [J, K]; None where that is nothing."""
        entries = self.tiers[tier]
        if not len(entries.row) or not price.any():
            return None
        paid = np.bincount(entries.option, weights=price[entries.row] * entries.amount,
                           minlength=len(entries.first) - 1)
        return np.asarray(paid.reshape(-1, entries.sizes), dtype=np.float64)

    def credit(self, price: Float) -> float:
        """The constant that goes with the charges: the prices times the limits."""
        return float(price @ self.most) if len(self.rows) else 0.0

    def change(self, tier: int, site: int, before: int, after: int) -> Float:
        """What changing the size of one site (-1 closed) adds to every signed value, [R]."""
        delta = np.zeros(len(self.rows))
        for size, factor in ((before, -1.0), (after, 1.0)):
            row, amount = self.tiers[tier].of(site, size)
            np.add.at(delta, row, factor * amount)
        return delta

    def breaks(self, values: Float, delta: Float) -> bool:
        """Whether a change leads beyond a limit, or further beyond one that is exceeded already."""
        worse = delta > NOTHING * np.maximum(1.0, np.abs(self.most))
        return bool((worse & (values + delta > self.most)).any())


def row_set(rows: tuple[SiteRow, ...], shapes: Sequence[tuple[int, int]]) -> RowSet:
    """The rows compiled; `shapes` are sites and sizes of every tier. ValueError names a row that does not fit them."""
    sign = np.array([1.0 if row.sense == "<=" else -1.0 for row in rows])
    limit = np.array([row.limit for row in rows])
    for row in rows:
        _check(row, shapes)
    number = np.repeat(np.arange(len(rows)), [len(row.amount) for row in rows])
    nothing = np.empty(0, dtype=np.int64)
    tier, site, size = (np.concatenate([nothing, *(getattr(row, name) for row in rows)])
                        for name in ("tier", "site", "size"))
    amount = np.concatenate([np.empty(0), *(row.amount for row in rows)]) * sign[number]
    tiers = []
    for level, (sites, sizes) in enumerate(shapes):
        here = np.flatnonzero((tier == level) & (amount != 0.0))
        option = site[here] * sizes + size[here]
        order = here[np.lexsort((number[here], option))]
        option = np.sort(option, kind="stable")
        first = np.searchsorted(option, np.arange(sites * sizes + 1))
        tiers.append(TierEntries(first, option, number[order], amount[order], sizes))
    most = sign * limit + np.array([row.allowance for row in rows])
    return RowSet(rows, most, sign, tuple(tiers))


def _check(row: SiteRow, shapes: Sequence[tuple[int, int]]) -> None:
    """ValueError where entries do not fit the tiers, are repeated or are not numbers."""
    count = len(row.amount)
    if not (len(row.tier) == len(row.site) == len(row.size) == count):
        raise ValueError(f"row '{row.clause}': tier, site, size and amount are not parallel")
    if not np.isfinite(row.limit) or not np.isfinite(row.amount).all():
        raise ValueError(f"row '{row.clause}': an amount or the limit is not a number")
    if count == 0:
        return
    if row.tier.min() < 0 or row.tier.max() >= len(shapes):
        raise ValueError(f"row '{row.clause}' names an unknown tier")
    sites, sizes = np.array(shapes, dtype=np.int64)[row.tier].T
    if ((row.site < 0) | (row.site >= sites) | (row.size < 0) | (row.size >= sizes)).any():
        raise ValueError(f"row '{row.clause}' names an unknown site or size")
    triple = (row.tier * (int(sites.max()) + 1) + row.site) * (int(sizes.max()) + 1) + row.size
    if len(np.unique(triple)) != count:
        raise ValueError(f"row '{row.clause}' names a site and size twice")
