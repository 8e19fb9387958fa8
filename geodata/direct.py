"""Direct ways past a tier: the sites of the tier above it seen as sites of the tier itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from geodata.driver import Ways, drives
from geodata.ground import Ground, TierSites

PREFIX = "direct:"
NAMES = ("loaded_m", "loaded_s", "empty_m", "empty_s")


def with_direct_ways(ground: Ground, tiers: Sequence[int]) -> Ground:
    """The ground where each of some tiers also holds the sites of the tier above it, with ids `direct:<id>`.

    Drives to them are those of the vehicle that feeds the tier; from them there is a way of no length to the site
    itself and to no other. They fit one further size alone, the last. Tiers that hold them already are left alone.
    """
    for tier in tiers:
        if len(direct_sites(ground, tier)) == 0:
            ground = _with_direct(ground, tier)
    return ground


def direct_sites(ground: Ground, tier: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Positions of the direct ways among the sites of a tier; they come last."""
    return np.flatnonzero([name.startswith(PREFIX) for name in ground.sites[tier].ids])


def without_direct_ways(ground: Ground, tiers: Sequence[int]) -> Ground:
    """The ground with the real sites of some tiers only."""
    for tier in tiers:
        count = len(ground.sites[tier].ids) - len(direct_sites(ground, tier))
        own, below, above = ground.sites[tier], ground.ways[tier - 1], ground.ways[tier]
        sites, ways, snap_m = list(ground.sites), list(ground.ways), list(ground.snap_m)
        fits = own.fits[:count, :-1] if count < len(own.ids) else own.fits
        sites[tier] = TierSites(own.tier_id, own.ids[:count], own.zone_id[:count], own.xy[:count], own.area_m2[:count],
                                fits, own.status[:count], own.closing_cost_cny[:count], own.geometry[:count])
        ways[tier - 1] = Ways(*(getattr(below, name)[:, :count] for name in NAMES))
        ways[tier] = Ways(*(getattr(above, name)[:count] for name in NAMES))
        snap_m[tier] = snap_m[tier][:count]
        ground = replace(ground, sites=tuple(sites), ways=tuple(ways), snap_m=tuple(snap_m))
    return ground


def _with_direct(ground: Ground, tier: int) -> Ground:
    own, upper, driver = ground.sites[tier], ground.sites[tier + 1], ground.by_vehicle[tier - 1]
    count = len(upper.ids)
    seen = driver.snap(upper.geometry)
    to = drives(driver, driver.snap(ground.sites[tier - 1].geometry), seen)
    way = np.where(np.eye(count, dtype=bool), 0.0, np.inf)
    sites, ways, snap_m = list(ground.sites), list(ground.ways), list(ground.snap_m)
    sites[tier] = TierSites(
        own.tier_id, (*own.ids, *(PREFIX + name for name in upper.ids)), (*own.zone_id, *(None,) * count),
        np.concatenate([own.xy, upper.xy]), np.concatenate([own.area_m2, np.full(count, np.inf)]),
        np.pad(own.fits, ((0, count), (0, 1))), (*own.status, *("new",) * count),
        np.concatenate([own.closing_cost_cny, np.zeros(count)]), np.concatenate([own.geometry, upper.geometry]))
    sites[tier].fits[len(own.ids):, -1] = True
    ways[tier - 1] = _joined(ways[tier - 1], to, axis=1)
    ways[tier] = _joined(ways[tier], Ways(way, way, way, way), axis=0)
    snap_m[tier] = np.concatenate([snap_m[tier], seen.distance_m])
    return replace(ground, sites=tuple(sites), ways=tuple(ways), snap_m=tuple(snap_m))


def _joined(ways: Ways, more: Ways, axis: int) -> Ways:
    return Ways(*(np.concatenate([getattr(ways, name), getattr(more, name)], axis=axis)
                  for name in NAMES))
