"""A laid ground with sites added, settled and taken away: old sites keep their distances, only new ones are measured.

Demand parts stay as they were laid, so that plans before and after an edit serve the same parts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray

from geodata.driver import Driver, Ways, joined
from geodata.ground import Ground, RejectedSite, TierSites
from geodata.places import zone_of
from geodata.roads import Access, Snap
from geodata.walks import WalkArcs, walking_arcs

Float = NDArray[np.float64]
Int = NDArray[np.int64]
Bool = NDArray[np.bool_]


@dataclass(frozen=True)
class NewSite:
    """A site that no layer holds; every plan must open it."""

    level: int
    site_id: str
    geometry: shapely.Geometry
    """Point or polygon, metric CRS."""
    area_m2: float
    """Usable land; inf where it is not asked after."""
    fits: Bool
    """[K]."""


@dataclass(frozen=True)
class SettledSite:
    """A candidate that every plan must open, at one of some sizes."""

    level: int
    row: int
    fits: Bool
    """[K]."""


@dataclass(frozen=True)
class TakenSite:
    """A candidate that no plan may use, with the reason."""

    level: int
    row: int
    reason: str | None
    """None: the candidate is not to be listed either."""


def street_distance_m(ground: Ground, level: int, geometry: shapely.Geometry) -> float:
    """How far the farthest of the networks that a site of a tier needs is from it, m."""
    place = np.array([geometry], dtype=object)
    return max(float(network.snap(place).distance_m[0]) for network in _networks(ground, level))


def _networks(ground: Ground, level: int) -> tuple[Access | Driver, ...]:
    """Networks that must reach a site: the walkers' for the first tier, and of the vehicles below and above it."""
    vehicles = ground.by_vehicle[max(level - 1, 0):level + 1]
    return (ground.on_foot, *vehicles) if level == 0 else vehicles


def with_new_sites(ground: Ground, zones: gpd.GeoDataFrame, crs: str, new: Sequence[NewSite],
                   max_walk_m: float) -> Ground:
    """The ground with further sites at the end of their tiers, required, and the ways to and from them."""
    for level in range(len(ground.sites)):
        mine = [site for site in new if site.level == level]
        if mine:
            ground = _appended(ground, zones, crs, level, mine, max_walk_m)
    return ground


def _appended(ground: Ground, zones: gpd.GeoDataFrame, crs: str, level: int, new: Sequence[NewSite],
              max_walk_m: float) -> Ground:
    before = ground.sites[level]
    shapes = np.array([site.geometry for site in new], dtype=object)
    points = shapely.point_on_surface(shapes)
    sites = TierSites(
        before.tier_id, (*before.ids, *(site.site_id for site in new)),
        (*before.zone_id, *zone_of(gpd.GeoSeries(shapes, crs=crs), zones)),
        np.concatenate([before.xy, shapely.get_coordinates(points)]),
        np.concatenate([before.area_m2, [site.area_m2 for site in new]]),
        np.concatenate([before.fits, np.array([site.fits for site in new], dtype=bool)]),
        (*before.status, *("required" for _ in new)), np.concatenate([before.closing_cost_cny, np.zeros(len(new))]),
        np.concatenate([before.geometry, shapes]))
    snap_m, walks, ways = list(ground.snap_m), ground.walks, list(ground.ways)
    if level == 0:
        place = ground.on_foot.snap(shapes)
        snap_m[0] = np.concatenate([snap_m[0], place.distance_m])
        walks = _more_arcs(walks, walking_arcs(ground.on_foot, place, ground.parts, max_walk_m), len(before.ids))
    else:
        driver = ground.by_vehicle[level - 1]
        place = driver.snap(shapes)
        snap_m[level] = np.concatenate([snap_m[level], place.distance_m])
        below = driver.snap(ground.sites[level - 1].geometry)
        ways[level - 1] = _stacked(ways[level - 1], _between(driver, place, below, new_is_upper=True), axis=1)
    if level < len(ways):
        driver = ground.by_vehicle[level]
        above = driver.snap(ground.sites[level + 1].geometry)
        ways[level] = _stacked(ways[level], _between(driver, driver.snap(shapes), above, new_is_upper=False), axis=0)
    tiers = tuple(sites if n == level else old for n, old in enumerate(ground.sites))
    return replace(ground, sites=tiers, walks=walks, ways=tuple(ways), snap_m=tuple(snap_m))


def _more_arcs(walks: WalkArcs, further: WalkArcs, offset: int) -> WalkArcs:
    part = np.concatenate([walks.part, further.part])
    site = np.concatenate([walks.site, further.site + offset])
    distance_m = np.concatenate([walks.distance_m, further.distance_m])
    order = np.lexsort((site, part))
    return WalkArcs(part[order], site[order], distance_m[order])


def _between(driver: Driver, new: Snap, others: Snap, *, new_is_upper: bool) -> Ways:
    """Drives between new sites and all of the neighbouring tier, searched from the few new ones."""
    trips = driver.trips(joined([new, others]))
    here, there = np.arange(len(new.edge)), len(new.edge) + np.arange(len(others.edge))
    out, back = trips.times(here, there), trips.times(here, there, backward=True)
    if new_is_upper:  # loaded is towards the upper site
        return Ways(back.distance_m.T, back.duration_s.T, out.distance_m.T, out.duration_s.T)
    return Ways(out.distance_m, out.duration_s, back.distance_m, back.duration_s)


def _stacked(a: Ways, b: Ways, axis: int) -> Ways:
    return Ways(*(np.concatenate([getattr(a, name), getattr(b, name)], axis=axis)
                  for name in ("loaded_m", "loaded_s", "empty_m", "empty_s")))


def with_settled(ground: Ground, settled: Sequence[SettledSite]) -> Ground:
    """The ground with some candidates required at some sizes; existing ones are kept instead of built."""
    tiers = []
    for level, sites in enumerate(ground.sites):
        status, fits = list(sites.status), sites.fits.copy()
        for change in settled:
            if change.level == level:
                status[change.row] = "keep" if status[change.row] in ("keep", "may_close") else "required"
                fits[change.row] = change.fits
        tiers.append(replace(sites, status=tuple(status), fits=fits))
    return replace(ground, sites=tuple(tiers))


def without_sites(ground: Ground, taken: Sequence[TakenSite]) -> Ground:
    """The ground without some candidates, which are listed as rejected with their reasons."""
    stays = [np.ones(len(sites.ids), dtype=bool) for sites in ground.sites]
    rejected = list(ground.rejected)
    for gone in taken:
        sites, row = ground.sites[gone.level], gone.row
        stays[gone.level][row] = False
        if gone.reason is not None:
            rejected.append(RejectedSite(sites.tier_id, sites.ids[row], sites.zone_id[row], sites.xy[row],
                                         float(sites.area_m2[row]), float(ground.snap_m[gone.level][row]), gone.reason))
    tiers = tuple(_rows(sites, stay) for sites, stay in zip(ground.sites, stays, strict=True))
    walks, number = ground.walks, np.cumsum(stays[0]) - 1
    on = stays[0][walks.site]
    ways = tuple(Ways(*(table[np.ix_(low, high)] for table in (w.loaded_m, w.loaded_s, w.empty_m, w.empty_s)))
                 for w, low, high in zip(ground.ways, stays[:-1], stays[1:], strict=True))
    return replace(ground, sites=tiers, ways=ways, rejected=tuple(rejected),
                   walks=WalkArcs(walks.part[on], number[walks.site[on]], walks.distance_m[on]),
                   snap_m=tuple(m[stay] for m, stay in zip(ground.snap_m, stays, strict=True)))


def _rows(sites: TierSites, stay: Bool) -> TierSites:
    kept: Int = np.flatnonzero(stay)
    return TierSites(sites.tier_id, tuple(sites.ids[k] for k in kept), tuple(sites.zone_id[k] for k in kept),
                     sites.xy[stay], sites.area_m2[stay], sites.fits[stay], tuple(sites.status[k] for k in kept),
                     sites.closing_cost_cny[stay], sites.geometry[stay])
