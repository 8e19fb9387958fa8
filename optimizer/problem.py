"""The question as numbers: who produces what, where may we build, how far is it. Ids and arrays, nothing else.

Axes used throughout: n demand parts, E walking arcs, J_l candidate sites of tier l, K_l sizes of tier l, M materials.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from optimizer.network import Network, Tier
from optimizer.site_rows import RowSet, SiteRow, row_set

Float = NDArray[np.float64]
Int = NDArray[np.int64]
Bool = NDArray[np.bool_]


Assignment = Literal["planned", "nearest"]

FULL_SHARE = 5e-9
"""A site of the first tier counts as within its capacity up to this share above it: rounding of sums."""
ALLOWANCE = 1e-7


def with_allowance(limit: Float) -> Float:
    """Limits of the upper tiers with what the referee lets pass: flows come from linear programmes.

    The bound uses the same limits, so that it holds for every plan the referee accepts.
    """
    return np.asarray(limit + ALLOWANCE * np.maximum(1.0, np.where(np.isfinite(limit), np.abs(limit), 1.0)))


class SiteStatus(IntEnum):
    """What a plan may do with a candidate site; a forbidden one has no allowed size (Sites.allowed)."""

    NEW = 0
    KEEP = 1
    """Exists and stays open: no build cost."""
    MAY_CLOSE = 2
    """Exists; closing it has its cost."""
    REQUIRED = 3
    """A new site that every plan must open; its build cost is paid."""


@dataclass(frozen=True)
class Demand:
    """Demand parts: pieces of communities, each of which uses one site of the first tier for all materials."""

    part_ids: tuple[str, ...]
    community_ids: tuple[str, ...]
    community_of: Int
    """Index into community_ids, [n]."""
    zone_of: Int
    """Index into Problem.zone_ids, -1 outside every zone, [n]."""
    persons: Float
    households: Float
    generated_t_per_day: Float
    """[n, M]."""


@dataclass(frozen=True)
class Sites:
    """Candidate sites of one tier."""

    ids: tuple[str, ...]
    zone_of: Int
    area_m2: Float
    allowed: Bool
    """Which sizes fit on the site, [J, K]."""
    status: Int
    """SiteStatus, [J]."""
    closing_cost_cny: Float
    """Paid once when a MAY_CLOSE site is closed, [J]."""
    site_cost_cny_per_year: Float | None = None
    """Rent or price of the ground of an open site on top of the cost of its size, [J] or by size [J, K]; None: 0."""
    build_share: Float | None = None
    """Share of the build cost of its size that a site costs, below 1 where a house stands already, [J]; None: 1."""
    fixed_share: Float | None = None
    """Share of the fixed yearly cost of its size that an open site costs, [J]; None: 1."""
    stands_for: Int | None = None
    """The upper site that a virtual site leads straight to, -1 for real ones, [J] (optimizer/bypass.py); None: all."""

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def virtual(self) -> Bool:
        """Sites that stand for a direct way past the tier, [J]."""
        return np.zeros(len(self), dtype=bool) if self.stands_for is None else np.asarray(self.stands_for >= 0)

    def build_cost_cny(self, tier: Tier) -> Float:
        """What building each size of the tier costs on each site that does not exist yet, 0 on the others, [J, K]."""
        cost = np.array([size.build_cost_cny for size in tier.sizes])[None, :]
        shared = cost if self.build_share is None else cost * self.build_share[:, None]
        return np.where(self.is_built[:, None], shared, 0.0)

    def fixed_cost_cny_per_year(self, tier: Tier) -> Float:
        """What each size of the tier costs a year on each site, [J, K]."""
        cost = np.array([size.fixed_cost_cny_per_year for size in tier.sizes])
        share = np.ones(len(self)) if self.fixed_share is None else self.fixed_share
        return np.asarray(share[:, None] * cost[None, :], dtype=np.float64)

    def cost_faults(self) -> list[str]:
        """What is wrong with the costs of single sites."""
        shares = [(name, getattr(self, name)) for name in ("build_share", "fixed_share")]
        faults = [f"{name} has to be {len(self)} numbers that are not negative" for name, share in shares
                  if share is not None and not (share.shape == (len(self),) and bool((share >= 0.0).all()))]
        own = self.site_cost_cny_per_year
        if own is not None and own.shape != self.allowed.shape[:max(own.ndim, 1)]:
            faults.append(f"site_cost_cny_per_year has shape {own.shape}, expected a number per site, or site and size")
        return faults

    @property
    def must_open(self) -> Bool:
        """Sites that are open in every plan, [J]."""
        return np.asarray((self.status == SiteStatus.KEEP) | (self.status == SiteStatus.REQUIRED), dtype=np.bool_)

    @property
    def is_built(self) -> Bool:
        """Sites that do not exist yet, so that opening them means building, [J]."""
        return np.asarray((self.status == SiteStatus.NEW) | (self.status == SiteStatus.REQUIRED), dtype=np.bool_)


@dataclass(frozen=True)
class Walk:
    """Walking arcs from demand parts to sites of the first tier, within the walking limit; sorted by part."""

    part: Int
    site: Int
    distance_m: Float
    captured_share: Float
    """Share of the generated tonnes that reaches the site if the part uses it, [E]."""
    cost_cny_per_t: Float | None = None
    """What it costs to bring a tonne over the arc (collection at the door, residents' time), [E]; None: 0."""


@dataclass(frozen=True)
class Leg:
    """Drives from every site of a tier to every site of the next; inf where there is no way. All [J_l, J_l+1]."""

    loaded_m: Float
    loaded_s: Float
    empty_m: Float
    empty_s: Float
    """Back from the upper site to the lower one."""


@dataclass(frozen=True)
class Problem:
    """One siting question over all tiers. legs[l] joins tier l to tier l + 1."""

    network: Network
    demand: Demand
    participation_share: float
    zone_ids: tuple[str, ...]
    sites: tuple[Sites, ...]
    walk: Walk
    legs: tuple[Leg, ...]
    site_rows: tuple[SiteRow, ...] = ()
    """Side rules over open sites, see optimizer/site_rows.py."""
    max_households_per_site: float | None = None
    """Household cap of a site of the first tier."""
    assignment: Assignment = "planned"
    """Who decides which site a part uses: the plan, or the residents (see optimizer/nearest.py)."""
    peak_factor: float = 1.0
    """Peak day over mean day: tonnes and costs are those of the mean day, room is asked for on the peak day."""

    def __post_init__(self) -> None:
        """Raise ValueError where shapes do not fit together."""
        n, materials = len(self.demand.part_ids), len(self.network.materials)
        arcs = len(self.walk.part)
        faults: list[str] = []

        def expect(name: str, array: NDArray[np.generic], shape: tuple[int, ...]) -> None:
            if array.shape != shape:
                faults.append(f"{name} has shape {array.shape}, expected {shape}")

        expect("demand.generated_t_per_day", self.demand.generated_t_per_day, (n, materials))
        for name in ("community_of", "zone_of", "persons", "households"):
            expect(f"demand.{name}", getattr(self.demand, name), (n,))
        for name in ("part", "site", "distance_m", "captured_share"):
            expect(f"walk.{name}", getattr(self.walk, name), (arcs,))
        if len(self.sites) != len(self.network.tiers) or len(self.legs) != len(self.sites) - 1:
            faults.append("one Sites per tier and one Leg between two tiers are needed")
        for tier, sites in zip(self.network.tiers, self.sites, strict=False):
            expect(f"sites of {tier.id}: allowed", sites.allowed, (len(sites), len(tier.sizes)))
            for name in ("zone_of", "area_m2", "status", "closing_cost_cny"):
                expect(f"sites of {tier.id}: {name}", getattr(sites, name), (len(sites),))
            faults += [f"sites of {tier.id}: {reason}" for reason in sites.cost_faults()]
        if self.walk.cost_cny_per_t is not None:
            expect("walk.cost_cny_per_t", self.walk.cost_cny_per_t, (arcs,))
        for number, leg in enumerate(self.legs):
            shape = (len(self.sites[number]), len(self.sites[number + 1]))
            for name in ("loaded_m", "loaded_s", "empty_m", "empty_s"):
                expect(f"leg {number}: {name}", getattr(leg, name), shape)
        if not self.peak_factor >= 1.0:
            faults.append(f"peak_factor is {self.peak_factor}, below 1")
        if arcs and np.any(np.diff(self.walk.part) < 0):
            faults.append("walk arcs must be sorted by part")
        if faults:
            raise ValueError("; ".join(faults))
        _ = self.rows  # raises ValueError where a rule names what is not there

    # -- small look-ups that several rooms need -------------------------------------------------------------

    @cached_property
    def rows(self) -> RowSet:
        """The side rules, compiled for arithmetic."""
        return row_set(self.site_rows, [sites.allowed.shape for sites in self.sites])

    @property
    def single_source(self) -> bool:
        """Whether a site of the first tier is served by one site of the next, for all materials together."""
        feed = self.feed_tier(0).feed
        return feed is None or feed.single_source

    @property
    def captured_t_per_day(self) -> Float:
        """Tonnes per day and material that arrive if an arc is used, [E, M]."""
        generated: Float = self.demand.generated_t_per_day[self.walk.part]
        return np.asarray(generated * self.walk.captured_share[:, None], dtype=np.float64)

    def m3_per_t(self, state: str) -> Float:
        """Cubic metres per tonne of each material in a state, [M]."""
        return np.array([1.0 / m.density_t_per_m3[state] for m in self.network.materials])

    def trips_per_t(self, leg: int) -> Float:
        """Full loads per tonne of each material on a leg, [M] (see Vehicle.trips_per_t)."""
        feed = self.feed_tier(leg).feed
        assert feed is not None
        vehicle = self.network.vehicle(feed.vehicle)
        return np.array([vehicle.trips_per_t(m.density_t_per_m3[feed.state]) for m in self.network.materials])

    def feed_tier(self, leg: int) -> Tier:
        """The tier that a leg arrives at."""
        return self.network.tiers[leg + 1]

    def passed_share(self, tier: int) -> Float:
        """Share of each material that a tier passes on (the rest is residue), [M]."""
        removes = self.network.tiers[tier].removes_residue
        return np.array([1.0 - m.residue_share if removes else 1.0 for m in self.network.materials])

    def accepts(self, tier: int) -> Bool:
        """Which materials each size of a tier accepts, [K, M]."""
        ids = [m.id for m in self.network.materials]
        return np.array([[s.accepts is None or i in s.accepts for i in ids] for s in self.network.tiers[tier].sizes])

    @property
    def household_caps(self) -> Float:
        """Most households at a site of the first tier by its size, inf where unlimited, [K]."""
        common = np.inf if self.max_households_per_site is None else self.max_households_per_site
        return np.array([min(common, np.inf if s.max_households is None else s.max_households)
                         for s in self.network.tiers[0].sizes])

    def capacity_t_per_day(self, tier: int) -> Float:
        """Capacity in mass of each size of a tier in tonnes of the mean day, [K]: every capacity in models, bounds and
        checks is this one, so that all of them leave room for the peak day alike."""
        return np.array([s.capacity_t_per_day for s in self.network.tiers[tier].sizes]) / self.peak_factor

    def capacity_m3_per_day(self, tier: int) -> Float:
        """Capacity in volume of each size of a tier on the mean day, inf where none is given, [K]."""
        return np.array([np.inf if s.capacity_m3_per_day is None else s.capacity_m3_per_day
                         for s in self.network.tiers[tier].sizes]) / self.peak_factor
