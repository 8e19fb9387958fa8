"""The ground of a study: demand parts, candidate sites of every tier and the ways between them, on real streets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from geodata.candidates import street_sites
from geodata.driver import Driver, StreetUse, Trips, Ways, drives, joined
from geodata.hosts import HostPlan, HostSites, host_sites
from geodata.parts import PartLimits, Parts, demand_parts, halved
from geodata.places import Places, zone_of
from geodata.rejections import Rejection
from geodata.roads import Access, NoStreetError, Snap, Streets
from geodata.screening import ScreenedLand
from geodata.tables import Fault
from geodata.walks import WalkArcs, walking_arcs

Float = NDArray[np.float64]
Int = NDArray[np.int64]
Bool = NDArray[np.bool_]


RECUTS = 3
"""How often a part that reaches no site is cut in two."""


@dataclass(frozen=True)
class TierPlan:
    """What the ground must know of a tier: its id and its sizes. The first stands along streets."""

    tier_id: str
    size_ids: tuple[str, ...]
    street_classes: tuple[tuple[str, ...] | None, ...] = ()
    """Highway classes beside which each size may stand, None for any; empty: all sizes anywhere."""
    hosts: HostPlan | None = None
    """Places that sites of the first tier may stand at, besides the streets."""


@dataclass(frozen=True)
class TierSites:
    """Candidate sites of one tier; status is new, keep, may_close or required (new, and open in every plan)."""

    tier_id: str
    ids: tuple[str, ...]
    zone_id: tuple[str | None, ...]
    xy: Float
    """Where the site is drawn, metric CRS."""
    area_m2: Float
    """Usable land; inf at the street side."""
    fits: Bool
    """[J, K]."""
    status: tuple[str, ...]
    closing_cost_cny: Float
    geometry: NDArray[np.object_]
    """Point or parcel."""


@dataclass(frozen=True)
class RejectedSite:
    """A candidate that was taken away after the ground was laid, with the reason."""

    tier_id: str
    site_id: str
    zone_id: str | None
    xy: Float
    area_m2: float
    snap_m: float
    reason: str
    reasons: tuple[Rejection, ...] = ()
    """All reasons with what was measured, where there is more to say than `reason`."""
    host: Host | None = None


@dataclass(frozen=True)
class Host:
    """What a site stands at."""

    kind_id: str
    name: str | None


@dataclass(frozen=True)
class Ground:
    """Everything spatial that a plan is made of."""

    streets: Streets
    on_foot: Access
    by_vehicle: tuple[Driver, ...]
    """The vehicle that feeds each tier after the first."""
    parts: Parts
    sites: tuple[TierSites, ...]
    walks: WalkArcs
    ways: tuple[Ways, ...]
    snap_m: tuple[Float, ...]
    """Distance of each site to the street it is reached by."""
    rejected: tuple[RejectedSite, ...] = ()
    faults: tuple[Fault, ...] = ()
    """Notes on the streets; warnings and notes on sites that were added or taken away."""
    hosts: Mapping[str, Host] = field(default_factory=dict)
    """By id, the sites of the first tier that stand at a host."""


@dataclass(frozen=True)
class Measured:
    """What takes long about a ground: parts, walks and drives, as an earlier run of the same study measured them."""

    parts: Parts
    walks: WalkArcs
    ways: tuple[Ways, ...]


def lay_ground(places: Places, use: StreetUse, screened: ScreenedLand | None, tiers: Sequence[TierPlan],
               limits: PartLimits, spacing_m: float, max_walk_m: float, measured: Measured | None = None) -> Ground:
    """Parts, candidates and distances of a study. Needs `households` filled in places.communities.

    `use` has the vehicle that feeds each tier after the first. With `measured` nothing is measured again; it must come
    from the same inputs (shapes that do not fit are ignored). NoStreetError when no street can be both walked and
    driven, so that no site can stand on one.
    """
    on_foot, by_vehicle = use.on_foot, use.by_vehicle
    hosted = _at_hosts(places, tiers[0], on_foot, by_vehicle[0])
    sites = [_on_streets(places, tiers[0], on_foot, by_vehicle[0], spacing_m, hosted)]
    sites += [_on_land(places, screened, tier) for tier in tiers[1:]]
    if not sites[0].ids:
        raise NoStreetError("no street near a community can be both walked and driven")
    snap = on_foot.snap(sites[0].geometry)
    snap_m = [snap.distance_m, *(a.snap(s.geometry).distance_m for a, s in zip(by_vehicle, sites[1:], strict=True))]
    if measured is None or not _fits(measured, sites):
        parts, walks = _parts_in_reach(places, on_foot, limits, snap, max_walk_m)
        ways = tuple(drives(driver, driver.snap(low.geometry), driver.snap(high.geometry))
                     for driver, (low, high) in zip(by_vehicle, pairwise(sites), strict=True))
        measured = Measured(parts, walks, ways)
    return Ground(use.streets, on_foot, by_vehicle, measured.parts, tuple(sites), measured.walks, measured.ways,
                  tuple(snap_m), _rejected_hosts(places, tiers[0], hosted), use.faults, _hosts(hosted))


def _fits(measured: Measured, sites: Sequence[TierSites]) -> bool:
    shapes = [(len(low.ids), len(high.ids)) for low, high in pairwise(sites)]
    walks = measured.walks
    return ([ways.loaded_m.shape for ways in measured.ways] == shapes
            and bool((walks.site < len(sites[0].ids)).all() and (walks.part < len(measured.parts.ids)).all()))


def _parts_in_reach(places: Places, on_foot: Access, limits: PartLimits, sites: Snap,
                    max_walk_m: float) -> tuple[Parts, WalkArcs]:
    """Demand parts and their walking arcs.

    A part whose standing points lie on both sides of a barrier may reach no site on average although each of them has
    one near by: such a part is cut in two, up to RECUTS times.
    """
    parts = demand_parts(places.communities, on_foot, limits)
    for _ in range(RECUTS):
        walks = walking_arcs(on_foot, sites, parts, max_walk_m)
        lost = np.setdiff1d(np.arange(len(parts.ids)), walks.part)
        smaller = halved(parts, lost, places.communities, on_foot)
        if len(smaller.ids) == len(parts.ids):
            return parts, walks
        parts = smaller
    return parts, walking_arcs(on_foot, sites, parts, max_walk_m)


def leg_trips(ground: Ground, leg: int) -> tuple[Trips, Int, Int]:
    """Drives of a leg's vehicle among the sites of both tiers, and the numbers of the lower and the upper ones."""
    driver = ground.by_vehicle[leg]
    low, high = driver.snap(ground.sites[leg].geometry), driver.snap(ground.sites[leg + 1].geometry)
    count = len(low.edge)
    return driver.trips(joined([low, high])), np.arange(count), count + np.arange(len(high.edge))


def _existing(places: Places, tier: TierPlan) -> pd.DataFrame:
    table = places.existing_sites
    mine = (table["tier"] == tier.tier_id) & (table["status"] != "must_close")
    return pd.DataFrame(table[mine].reset_index(drop=True))


def _with_existing(places: Places, tier: TierPlan, ids: Sequence[str], zone: Sequence[str | None],
                   geometry: NDArray[np.object_],
                   xy: Float, area_m2: Float, fits: Bool) -> TierSites:
    """New candidates followed by the tier's existing sites, which stand on land of their own."""
    old = _existing(places, tier)
    sizes = np.array(tier.size_ids)
    fits_old = np.array([[s is None or pd.isna(s) or s == k for k in sizes] for s in old["size"]], dtype=bool)
    points = shapely.point_on_surface(np.asarray(old["geometry"].array, dtype=object))
    return TierSites(
        tier.tier_id, (*ids, *(str(i) for i in old["id"])),
        (*zone, *(None if pd.isna(z) else str(z) for z in old["zone_id"])),
        np.concatenate([xy, shapely.get_coordinates(points).reshape(-1, 2)]),
        np.concatenate([area_m2, np.full(len(old), np.inf)]),
        np.concatenate([fits, fits_old.reshape(len(old), len(sizes))]),
        (*("new" for _ in ids), *(str(s) for s in old["status"])),
        np.concatenate([np.zeros(len(ids)), old["closing_cost_cny"].to_numpy(dtype=np.float64)]),
        np.concatenate([np.asarray(geometry, dtype=object), points]))


def _at_hosts(places: Places, tier: TierPlan, on_foot: Access, by_truck: Driver) -> HostSites | None:
    if tier.hosts is None:
        return None
    old = _existing(places, tier)
    points = shapely.point_on_surface(np.asarray(old["geometry"].array, dtype=object))
    return host_sites(tier.hosts, places.communities, on_foot, by_truck, [str(i) for i in old["id"]],
                      shapely.get_coordinates(points).reshape(-1, 2))


def _hosts(hosted: HostSites | None) -> Mapping[str, Host]:
    if hosted is None:
        return {}
    return {i: Host(kind, name) for i, kind, name in zip(hosted.ids, hosted.kind_ids, hosted.names, strict=True)}


def _rejected_hosts(places: Places, tier: TierPlan, hosted: HostSites | None) -> tuple[RejectedSite, ...]:
    if hosted is None:
        return ()
    gone = hosted.rejected
    zone = zone_of(gpd.GeoSeries([shapely.Point(h.xy) for h in gone], crs=places.crs_metric), places.zones)
    return tuple(RejectedSite(tier.tier_id, h.site_id, z, h.xy, np.inf, h.snap_m, h.reasons[0].short, h.reasons,
                              Host(h.kind_id, h.name)) for h, z in zip(gone, zone, strict=True))


def _on_streets(places: Places, tier: TierPlan, on_foot: Access, by_truck: Driver, spacing_m: float,
                hosted: HostSites | None) -> TierSites:
    """Hosts, then points of the streets where hosts leave room, then existing sites."""
    found = street_sites(places.communities, on_foot, by_truck, spacing_m, None if hosted is None else hosted.xy)
    points = shapely.points(found.xy)
    zone = zone_of(gpd.GeoSeries(points, crs=places.crs_metric), places.zones)
    fits = np.ones((len(found.ids), len(tier.size_ids)), dtype=bool)
    for size, classes in enumerate(tier.street_classes):
        if classes is not None:
            fits[:, size] = np.isin(on_foot.streets.highway[found.snap.edge].astype(str), classes)
    some = np.flatnonzero(fits.any(axis=1))  # beside other streets nothing can stand
    ids, zones = [found.ids[int(n)] for n in some], [zone[int(n)] for n in some]
    shapes, xy, fits = points[some], found.xy[some], fits[some]
    if hosted is not None:
        ids = [*hosted.ids, *ids]
        zones = [*zone_of(gpd.GeoSeries(hosted.geometry, crs=places.crs_metric), places.zones), *zones]
        shapes, xy = np.concatenate([hosted.geometry, shapes]), np.concatenate([hosted.xy, xy])
        fits = np.concatenate([hosted.fits, fits])
    return _with_existing(places, tier, ids, zones, shapes, xy, np.full(len(ids), np.inf), fits)


def _on_land(places: Places, screened: ScreenedLand | None, tier: TierPlan) -> TierSites:
    assert screened is not None, "a tier on land needs the land layer"
    seen = screened.tier(tier.tier_id)
    table, inside = seen.table[seen.is_candidate], seen.is_candidate
    shapes = np.asarray(places.land.geometry.array, dtype=object)[inside]
    zone = [None if pd.isna(z) else str(z) for z in table["zone_id"]]
    xy = shapely.get_coordinates(np.asarray(table.geometry.array, dtype=object))
    return _with_existing(places, tier, [str(i) for i in table["parcel_id"]], zone, shapes, xy,
                          table["usable_area_m2"].to_numpy(dtype=np.float64), seen.fits[inside])




