"""Candidate land: which parcel may hold which tier, at which size, and why the others may not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray

from geodata.places import Exclusion, Places
from geodata.tables import DataError, Fault, did_you_mean, fault, text_column

Bool = NDArray[np.bool_]
Float = NDArray[np.float64]

COMMUNITIES = "communities"
"""Name under which `buffers_m` may keep a distance from the communities."""
NO_VEHICLES = frozenset({"construction", "proposed", "abandoned", "razed", "footway", "path", "steps", "pedestrian",
                         "cycleway", "bridleway", "corridor", "platform", "elevator"})
"""Highway classes that no vehicle reaches a parcel on."""


@dataclass(frozen=True)
class TierScreening:
    """What land one tier may stand on."""

    tier_id: str
    size_areas_m2: tuple[float, ...]
    """Land each size of the tier needs."""
    min_area_m2: float = 0.0
    max_area_m2: float | None = None
    land_use: tuple[str, ...] = ()
    """Classes allowed; empty allows all."""
    max_distance_to_street_m: float | None = None
    buffers_m: Mapping[str, float] = field(default_factory=dict)
    """Distance to keep from an exclusion layer (in place of the layer's own) or from `communities`."""


@dataclass(frozen=True)
class ScreenedTier:
    """All parcels as one tier sees them.

    table: parcel_id, zone_id, land_use, parcel_area_m2, status (candidate or rejected), reason (None for a
    candidate), usable_area_m2, distance_to_street_m; geometry is a point on the usable land (on the parcel where none
    is usable), in the metric system.
    """

    tier_id: str
    table: gpd.GeoDataFrame
    fits: Bool
    """Which sizes fit on which parcel, [parcels, sizes]; all False on rejected ones."""

    @property
    def is_candidate(self) -> Bool:
        """Which parcels are candidates, [parcels]."""
        return np.asarray(self.table["status"].to_numpy() == "candidate", dtype=bool)


@dataclass(frozen=True)
class ScreenedLand:
    """The land as each tier that stands on land sees it, in the order of the rules."""

    tiers: tuple[ScreenedTier, ...]

    def tier(self, tier_id: str) -> ScreenedTier:
        """The tier of that id; KeyError when it does not stand on land."""
        for tier in self.tiers:
            if tier.tier_id == tier_id:
                return tier
        raise KeyError(tier_id)


def screen_land(land: gpd.GeoDataFrame, exclusions: Sequence[Exclusion], rules: Sequence[TierScreening],
                streets: shapely.STRtree, communities: gpd.GeoDataFrame | None = None) -> ScreenedLand:
    """Every parcel for every tier, with status, reason and the sizes that fit.

    All geometry in one metric system. Usable is the largest connected piece of a parcel outside the buffered
    exclusions: a site stands on one piece. Raises DataError with the reasons counted when a tier is left without
    any candidate, or when a rule names an unknown exclusion layer or needs a land use the layer does not have.
    """
    layers = list(exclusions)
    if communities is not None:
        layers.append(Exclusion(COMMUNITIES, 0.0, communities.geometry))
    faults = [f for rule in rules for f in _rule_faults(rule, land, layers)]
    if faults:
        raise DataError(faults)
    shapes = np.asarray(land.geometry.array, dtype=object)
    distance_m = _to_street_m(shapes, streets)
    usable: dict[tuple[tuple[str, float], ...], tuple[NDArray[np.object_], list[str | None]]] = {}
    tiers = []
    for rule in rules:
        buffers = _buffers(rule, layers)
        if buffers not in usable:
            usable[buffers] = _usable(shapes, [(e, dict(buffers)[e.name]) for e in layers if e.name in dict(buffers)])
        pieces, blockers = usable[buffers]
        tiers.append(_screened(rule, land, pieces, blockers, distance_m))
    faults = [_none_left(tier) for tier in tiers if not tier.is_candidate.any()]
    if faults:
        raise DataError(faults)
    return ScreenedLand(tuple(tiers))


def screen_tier(land: gpd.GeoDataFrame, exclusions: Sequence[Exclusion], rule: TierScreening,
                streets: shapely.STRtree, communities: gpd.GeoDataFrame) -> ScreenedTier:
    """Some land as one tier sees it, as screen_land does; a tier left without any candidate is no fault here."""
    layers = [*exclusions, Exclusion(COMMUNITIES, 0.0, communities.geometry)]
    shapes, buffers = np.asarray(land.geometry.array, dtype=object), dict(_buffers(rule, layers))
    pieces, blockers = _usable(shapes, [(e, buffers[e.name]) for e in layers if e.name in buffers])
    return _screened(rule, land, pieces, blockers, _to_street_m(shapes, streets))


def screen_places(places: Places, rules: Sequence[TierScreening]) -> ScreenedLand:
    """The land of a study as each tier sees it (see screen_land)."""
    return screen_land(places.land, places.exclusions, rules, street_tree(places.roads), places.communities)


def street_tree(roads: gpd.GeoDataFrame) -> shapely.STRtree:
    """Search tree of the streets that vehicles use."""
    open_to_vehicles = ~roads["highway"].isin(NO_VEHICLES).to_numpy()
    return shapely.STRtree(np.asarray(roads.geometry.array, dtype=object)[open_to_vehicles])


def _rule_faults(rule: TierScreening, land: gpd.GeoDataFrame, layers: Sequence[Exclusion]) -> list[Fault]:
    known = [e.name for e in layers]
    faults = [fault("exclusion_unknown", feature_id=rule.tier_id, name=name, known=", ".join(known) or "-",
                    hint=did_you_mean(name, known)) for name in rule.buffers_m if name not in known]
    if rule.land_use and land["land_use"].isna().all():
        faults.append(fault("land_use_missing", tier=rule.tier_id))
    return faults


def _buffers(rule: TierScreening, layers: Sequence[Exclusion]) -> tuple[tuple[str, float], ...]:
    """The layers that bar this tier with the distance to keep; communities bar only where a rule names them."""
    return tuple((e.name, rule.buffers_m.get(e.name, e.buffer_m)) for e in layers
                 if e.name != COMMUNITIES or e.name in rule.buffers_m)


def _to_street_m(shapes: NDArray[np.object_], streets: shapely.STRtree) -> Float:
    out = np.full(len(shapes), np.inf)
    if len(streets) and len(shapes):
        (rows, _), nearest = streets.query_nearest(shapes, all_matches=False, return_distance=True)
        out[rows] = nearest
    return out


def _usable(shapes: NDArray[np.object_],
            barred: Sequence[tuple[Exclusion, float]]) -> tuple[NDArray[np.object_], list[str | None]]:
    """Largest usable piece of each parcel, and the exclusion that takes most of it (None where none does).

    Per parcel union and difference of what a search tree finds near it: about five times faster than an overlay.
    """
    taken = np.zeros((len(shapes), len(barred)))
    left = shapes.copy()
    for number, (exclusion, buffer_m) in enumerate(barred):
        obstacles = np.asarray(exclusion.geometries.array, dtype=object)
        if buffer_m > 0.0:
            obstacles = shapely.buffer(obstacles, buffer_m)
        rows, hits = shapely.STRtree(obstacles).query(shapes, predicate="intersects")
        order = np.argsort(rows, kind="stable")
        found, starts = np.unique(rows[order], return_index=True)
        for row, near in zip(found, np.split(hits[order], starts[1:]), strict=False):
            barrier = shapely.union_all(obstacles[near])
            taken[row, number] = shapely.area(shapely.intersection(shapes[row], barrier))
            left[row] = shapely.difference(left[row], barrier)
    blockers = [barred[int(np.argmax(row))][0].name if row.any() else None for row in taken]
    return np.array([_largest_piece(shape) for shape in left], dtype=object), blockers


def _largest_piece(shape: shapely.Geometry) -> shapely.Geometry:
    parts = shapely.get_parts(shape)
    return parts[int(np.argmax(shapely.area(parts)))] if len(parts) else shapely.Polygon()


def _screened(rule: TierScreening, land: gpd.GeoDataFrame, pieces: NDArray[np.object_],
              blockers: Sequence[str | None], distance_m: Float) -> ScreenedTier:
    area_m2 = land.geometry.area.to_numpy()
    usable_m2 = np.asarray(shapely.area(pieces), dtype=np.float64)
    needed = np.asarray(rule.size_areas_m2, dtype=np.float64)
    fits = needed[None, :] <= usable_m2[:, None]
    least_m2 = max(rule.min_area_m2, float(needed.min()))
    reasons: list[str | None] = []
    for row in range(len(land)):
        reasons.append(_reason(rule, land["land_use"].iloc[row], area_m2[row], usable_m2[row], least_m2,
                               blockers[row], distance_m[row]))
    candidate = np.array([reason is None for reason in reasons], dtype=bool)
    whole = np.asarray(land.geometry.array, dtype=object)
    points = shapely.point_on_surface(np.where(shapely.is_empty(pieces), whole, pieces))
    table = gpd.GeoDataFrame({
        "parcel_id": text_column(land["id"]), "zone_id": text_column(land["zone_id"]),
        "land_use": text_column(land["land_use"]),
        "parcel_area_m2": area_m2, "status": text_column(np.where(candidate, "candidate", "rejected")),
        "reason": text_column(reasons), "usable_area_m2": usable_m2, "distance_to_street_m": distance_m,
    }, geometry=points, crs=land.crs)
    return ScreenedTier(rule.tier_id, table, np.asarray(fits & candidate[:, None], dtype=bool))


def _reason(rule: TierScreening, land_use: str | None, area_m2: float, usable_m2: float, least_m2: float,
            blocker: str | None, distance_m: float) -> str | None:
    """The first rule that a parcel breaks, or None."""
    if rule.land_use and land_use not in rule.land_use:
        return "land_use_not_allowed"
    if area_m2 < rule.min_area_m2:
        return "area_below_min"
    if rule.max_area_m2 is not None and area_m2 > rule.max_area_m2:
        return "area_above_max"
    if rule.max_distance_to_street_m is not None and distance_m > rule.max_distance_to_street_m:
        return "too_far_from_street"
    if usable_m2 < least_m2:
        return f"in_exclusion:{blocker}" if blocker is not None and area_m2 >= least_m2 else "no_size_fits"
    return None


def _none_left(tier: ScreenedTier) -> Fault:
    counts = Counter(str(reason) for reason in tier.table["reason"])
    most_first = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    reasons = ", ".join(f"{reason}: {count}" for reason, count in most_first)
    return fault("no_candidate", tier=tier.tier_id, reasons=reasons or "0 parcels")
