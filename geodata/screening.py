"""Candidate land: which parcel may hold which tier, at which size, and why the others may not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray

from geodata.land_survey import LandSurvey, Parcels, access_m, measured_criteria, slope_share
from geodata.places import Exclusion, Places
from geodata.points_of_interest import NamedLayer
from geodata.rejections import Rejection
from geodata.screening_reasons import Found
from geodata.screening_rules import TierScreening
from geodata.screening_usable import Usable, usable_parts
from geodata.suitability import Suitability, scored
from geodata.survey_messages import SURVEY_MESSAGES
from geodata.tables import DataError, Fault, did_you_mean, fault, text_column

__all__ = ["COMMUNITIES", "ScreenedLand", "ScreenedTier", "TierScreening", "screen_land", "screen_places",
           "screen_tier", "street_tree"]

Bool = NDArray[np.bool_]
Float = NDArray[np.float64]

COMMUNITIES = "communities"
"""Name under which `buffers_m` may keep a distance from the communities."""
NO_VEHICLES = frozenset({"construction", "proposed", "abandoned", "razed", "footway", "path", "steps", "pedestrian",
                         "cycleway", "bridleway", "corridor", "platform", "elevator"})
"""Highway classes that no vehicle reaches a parcel on."""


@dataclass(frozen=True)
class ScreenedTier:
    """All parcels as one tier sees them.

    table: parcel_id, zone_id, land_use, parcel_area_m2, status (candidate or rejected), reason (the first, None for a
    candidate), usable_area_m2, distance_to_street_m, slope_share and access_m (nan where not asked for or unknown);
    geometry is a point on the usable land (on the parcel where none is usable), in the metric system.
    """

    tier_id: str
    table: gpd.GeoDataFrame
    fits: Bool
    """Which sizes fit on which parcel, [parcels, sizes]; all False on rejected ones."""
    room: Bool
    """Which sizes the usable land has the area and the rectangle for, rejected or not, [parcels, sizes]."""
    rejections: tuple[tuple[Rejection, ...], ...]
    """All reasons of every parcel, none for a candidate."""
    suitability: Suitability | None = None
    """Of every parcel, where the rule has criteria."""

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
                streets: shapely.STRtree, communities: gpd.GeoDataFrame | None = None,
                survey: LandSurvey | None = None) -> ScreenedLand:
    """Every parcel for every tier, with status, reasons and the sizes that fit.

    All geometry in one metric system. Usable is the largest connected piece of a parcel outside the buffered
    exclusions: a site stands on one piece. Raises DataError with the reasons counted when a tier is left without
    any candidate, or when a rule names an unknown layer or needs a land use or slope that nobody gave.
    """
    around, layers = survey or LandSurvey(), _layers(exclusions, communities)
    faults = [f for rule in rules for f in _rule_faults(rule, land, layers, around)]
    if faults:
        raise DataError(faults)
    shapes = np.asarray(land.geometry.array, dtype=object)
    distance_m = _to_street_m(shapes, streets)
    usable: dict[tuple[tuple[str, float], ...], Usable] = {}
    tiers = []
    for rule in rules:
        buffers = _buffers(rule, layers)
        if buffers not in usable:
            usable[buffers] = _usable(shapes, layers, buffers)
        tiers.append(_screened(rule, land, usable[buffers], distance_m, layers, around))
    faults = [_none_left(tier) for tier in tiers if not tier.is_candidate.any()]
    if faults:
        raise DataError(faults)
    return ScreenedLand(tuple(tiers))


def screen_tier(land: gpd.GeoDataFrame, exclusions: Sequence[Exclusion], rule: TierScreening,
                streets: shapely.STRtree, communities: gpd.GeoDataFrame,
                survey: LandSurvey | None = None) -> ScreenedTier:
    """Some land as one tier sees it, as screen_land does; a tier left without any candidate is no fault here."""
    layers, shapes = _layers(exclusions, communities), np.asarray(land.geometry.array, dtype=object)
    usable = _usable(shapes, layers, _buffers(rule, layers))
    return _screened(rule, land, usable, _to_street_m(shapes, streets), layers, survey or LandSurvey())


def screen_places(places: Places, rules: Sequence[TierScreening], survey: LandSurvey | None = None) -> ScreenedLand:
    """The land of a study as each tier sees it (see screen_land)."""
    return screen_land(places.land, places.exclusions, rules, street_tree(places.roads), places.communities, survey)


def street_tree(roads: gpd.GeoDataFrame) -> shapely.STRtree:
    """Search tree of the streets that vehicles use."""
    open_to_vehicles = ~roads["highway"].isin(NO_VEHICLES).to_numpy()
    return shapely.STRtree(np.asarray(roads.geometry.array, dtype=object)[open_to_vehicles])


def _layers(exclusions: Sequence[Exclusion], communities: gpd.GeoDataFrame | None) -> list[Exclusion]:
    return [*exclusions, *([] if communities is None else [Exclusion(COMMUNITIES, 0.0, communities.geometry)])]


def _rule_faults(rule: TierScreening, land: gpd.GeoDataFrame, layers: Sequence[Exclusion],
                 survey: LandSurvey) -> Iterable[Fault]:
    known = [e.name for e in layers]
    for name in rule.buffers_m:
        if name not in known:
            yield fault("exclusion_unknown", feature_id=rule.tier_id, name=name, known=", ".join(known) or "-",
                        hint=did_you_mean(name, known))
    criteria = () if rule.suitability is None else rule.suitability.criteria
    for criterion in criteria:
        if criterion.layer is not None and criterion.layer not in known:
            yield fault("layer_unknown", feature_id=rule.tier_id, messages=SURVEY_MESSAGES, tier=rule.tier_id,
                        criterion=criterion.name, name=criterion.layer, known=", ".join(known) or "-",
                        hint=did_you_mean(criterion.layer, known))
    measures = {criterion.measure for criterion in criteria}
    if (rule.land_use or "land_use" in measures) and land["land_use"].isna().all():
        yield fault("land_use_missing", tier=rule.tier_id)
    if (rule.max_slope_share is not None or "slope_share" in measures) and survey.slopes is None:
        yield fault("elevation_missing", messages=SURVEY_MESSAGES, tier=rule.tier_id)


def _buffers(rule: TierScreening, layers: Sequence[Exclusion]) -> tuple[tuple[str, float], ...]:
    """The layers that bar this tier with the distance to keep; some bar only where a rule names them."""
    return tuple((e.name, rule.buffers_m.get(e.name, e.buffer_m)) for e in layers
                 if e.name in rule.buffers_m or not (e.name == COMMUNITIES or isinstance(e, NamedLayer)))


def _usable(shapes: NDArray[np.object_], layers: Sequence[Exclusion],
            buffers: tuple[tuple[str, float], ...]) -> Usable:
    keep = dict(buffers)
    return usable_parts(shapes, [(e, keep[e.name]) for e in layers if e.name in keep])


def _to_street_m(shapes: NDArray[np.object_], streets: shapely.STRtree) -> Float:
    out = np.full(len(shapes), np.inf)
    if len(streets) and len(shapes):
        (rows, _), nearest = streets.query_nearest(shapes, all_matches=False, return_distance=True)
        out[rows] = nearest
    return out


def _screened(rule: TierScreening, land: gpd.GeoDataFrame, usable: Usable, distance_m: Float,
              layers: Sequence[Exclusion], survey: LandSurvey) -> ScreenedTier:
    area_m2 = land.geometry.area.to_numpy()
    usable_m2 = np.asarray(shapely.area(usable.pieces), dtype=np.float64)
    parcels = Parcels(np.asarray(land.geometry.array, dtype=object), usable.pieces, land.crs)
    measures = set() if rule.suitability is None else {c.measure for c in rule.suitability.criteria}
    nothing = np.full(len(land), np.nan)
    access = access_m(survey, rule.tier_id, parcels.whole) \
        if rule.max_access_m is not None or "access_m" in measures else nothing
    slope = slope_share(survey, parcels, rule.slope_quantile) if survey.slopes is not None else nothing
    classes = [None if c is None or c != c else str(c) for c in land["land_use"]]
    known = {"distance_to_street_m": distance_m, "access_m": access, "slope_share": slope,
             "usable_area_m2": usable_m2, "parcel_area_m2": area_m2}
    fitting = _fitting(rule, usable.pieces, usable_m2)
    score = None if rule.suitability is None else scored(
        rule.suitability, measured_criteria(rule.suitability.criteria, survey, parcels, layers, known), classes)
    rejections = _rejections(rule, classes, known, usable, fitting, score)
    candidate = np.array([not row for row in rejections], dtype=bool)
    table = gpd.GeoDataFrame({
        "parcel_id": text_column(land["id"]), "zone_id": text_column(land["zone_id"]),
        "land_use": text_column(land["land_use"]),
        "parcel_area_m2": area_m2, "status": text_column(np.where(candidate, "candidate", "rejected")),
        "reason": text_column(row[0].short if row else None for row in rejections), "usable_area_m2": usable_m2,
        "distance_to_street_m": distance_m, "slope_share": slope, "access_m": access,
    }, geometry=shapely.point_on_surface(parcels.sites), crs=land.crs)
    return ScreenedTier(rule.tier_id, table, np.asarray(fitting & candidate[:, None], dtype=bool), fitting, rejections,
                        score)


def _fitting(rule: TierScreening, pieces: NDArray[np.object_], usable_m2: Float) -> Bool:
    """Which sizes have the area and the rectangle they need, [parcels, sizes]."""
    needed = np.asarray(rule.size_areas_m2, dtype=np.float64)
    fits = np.asarray(needed[None, :] <= usable_m2[:, None], dtype=bool)
    if rule.rectangle is not None:
        from geodata.rectangle import rectangles_fit  # compiled loops: only where a rule asks for a rectangle

        some = np.flatnonzero(fits.any(axis=1))
        fits[some] &= rectangles_fit(pieces[some], needed, rule.rectangle)
    return fits


def _rejections(rule: TierScreening, classes: Sequence[str | None], known: dict[str, Float], usable: Usable,
                fitting: Bool, score: Suitability | None) -> tuple[tuple[Rejection, ...], ...]:
    """Every rule that each parcel breaks."""
    found, area_m2, usable_m2 = Found(len(classes)), known["parcel_area_m2"], known["usable_area_m2"]
    if rule.land_use:
        allowed = np.isin(np.array(["" if c is None else c for c in classes]), rule.land_use)
        lacking = np.array([c is None for c in classes], dtype=bool)
        found.plain("land_use_not_allowed", ~allowed | lacking)
    found.below("area_below_min", area_m2, rule.min_area_m2)
    found.above("area_above_max", area_m2, rule.max_area_m2)
    found.above("too_far_from_street", known["distance_to_street_m"], rule.max_distance_to_street_m)
    found.above("too_far_from_truck_street", known["access_m"], rule.max_access_m)
    if rule.max_slope_share is not None:
        found.plain("slope_unknown", np.isnan(known["slope_share"]))
        found.above("slope_above_max", known["slope_share"], rule.max_slope_share)
    least_m2 = max(rule.min_area_m2, min(rule.size_areas_m2))
    small = usable_m2 < least_m2
    for row in np.flatnonzero(small).tolist():
        names = usable.blockers[row] if area_m2[row] >= least_m2 else ()
        for subject in names:
            found.add(row, Rejection("in_exclusion", float(usable_m2[row]), least_m2, True, subject))
        if not names:
            found.add(row, Rejection("no_size_fits", float(usable_m2[row]), least_m2, True))
    if rule.rectangle is not None:
        from geodata.rectangle import largest_share

        asked_m2 = rule.rectangle.area_m2(min(rule.size_areas_m2))
        for row in np.flatnonzero(~small & ~fitting.any(axis=1)).tolist():
            share = largest_share(usable.pieces[row], min(rule.size_areas_m2), rule.rectangle)
            found.add(row, Rejection("no_rectangle_fits", share * asked_m2, asked_m2, True))
    if score is not None and rule.suitability is not None and rule.suitability.min_score_share is not None:
        found.below("score_below_min", score.total, rule.suitability.min_score_share)
    return found.rows


def _none_left(tier: ScreenedTier) -> Fault:
    counts = Counter(str(reason) for reason in tier.table["reason"])
    most_first = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    reasons = ", ".join(f"{reason}: {count}" for reason, count in most_first)
    return fault("no_candidate", tier=tier.tier_id, reasons=reasons or "0 parcels")
