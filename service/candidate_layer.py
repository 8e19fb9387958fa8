"""The layer of candidates: every candidate of every tier, and every rejected one with all its reasons."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from geodata.ground import Host
from geodata.rejections import Rejection
from geodata.screening import ScreenedTier
from geodata.suitability import Suitability
from service.candidate_reasons import Reasons
from service.point_suitability import point_suitability
from service.result_tables import Outcome, estimated_land, frame
from service.site_choices import FORBIDDEN
from service.texts import load_texts

Float = NDArray[np.float64]
MUST_CLOSE = "must_close"
SURVEY = ("usable_area_m2", "slope_share", "access_m", "suitability_share")
"""Columns that every tier has, the score last."""


def candidate_layer(out: Outcome) -> gpd.GeoDataFrame:
    """Every candidate of every tier and every rejected one with its reasons; ids are <tier>:<site>."""
    frames = [_usable(out, level) for level in range(len(out.problem.network.tiers))]
    frames += [*_screened_out(out), *_closing(out), *_taken_away(out)]
    return gpd.GeoDataFrame(pd.concat(frames, ignore_index=True), crs=frames[0].crs)


def _usable(out: Outcome, level: int) -> gpd.GeoDataFrame:
    """The candidates of a tier; those that the study forbids are rejected."""
    tier, places = out.problem.network.tiers[level], out.ground.sites[level]
    is_open = np.zeros(len(places.ids), dtype=bool)
    is_open[out.plan.open_sites[level].site] = True
    parcel = np.isfinite(places.area_m2)
    capacity = np.array([s.capacity_t_per_day for s in tier.sizes])
    usable: list[bool] = np.logical_or.reduce(places.fits, axis=1).tolist()
    largest = np.argmax(np.where(places.fits, capacity[None, :], -1.0), axis=1)
    gone = [() if fits else (Rejection(FORBIDDEN),) for fits in usable]
    rows = {
        "id": [f"{tier.id}:{i}" for i in places.ids], "tier_id": tier.id,
        "status": np.where(is_open, "open", np.where(usable, "candidate", "rejected")),
        "reason": [None if fits else FORBIDDEN for fits in usable], **_reasons(gone),
        **_host_columns([out.ground.hosts.get(i) if level == 0 else None for i in places.ids]),
        "parcel_id": [i if on else None for i, on in zip(places.ids, parcel, strict=True)],
        "zone_id": list(places.zone_id),
        "parcel_area_m2": [float(a) if np.isfinite(a) else None for a in places.area_m2],
        "largest_size_id": [tier.sizes[k].id if fits else None for k, fits in zip(largest, usable, strict=True)],
        "snap_m": out.ground.snap_m[level], **_survey_columns(out, tier.id, places.ids),
        **(_point_scores(out) if level == 0 else {}),
        "estimated": estimated_land(out, parcel)}
    table = frame(rows, shapely.points(places.xy), out.brief.places.crs_metric)
    return table[~out.problem.sites[level].virtual]


def _screened_out(out: Outcome) -> list[gpd.GeoDataFrame]:
    """Land that screening rejects."""
    screened = out.brief.screened
    return [_rejected_land(out, seen) for seen in (screened.tiers if screened is not None else ())
            if not seen.is_candidate.all()]


def _rejected_land(out: Outcome, seen: ScreenedTier) -> gpd.GeoDataFrame:
    rejected = ~seen.is_candidate
    table = seen.table[rejected]
    rows = {
        "id": [f"{seen.tier_id}:{i}" for i in table["parcel_id"]], "tier_id": seen.tier_id,
        "status": "rejected", "reason": table["reason"].to_numpy(),
        **_reasons([row for row, gone in zip(seen.rejections, rejected, strict=True) if gone]),
        **_host_columns([None] * len(table)), "parcel_id": list(table["parcel_id"]),
        "zone_id": [None if pd.isna(z) else str(z) for z in table["zone_id"]],
        "parcel_area_m2": table["parcel_area_m2"].to_numpy(), "largest_size_id": None,
        "snap_m": table["distance_to_street_m"].to_numpy(), **_survey_columns(out, seen.tier_id, table["parcel_id"]),
        "estimated": estimated_land(out, np.ones(len(table), dtype=bool))}
    return frame(rows, table.geometry.array, out.brief.places.crs_metric)


def _closing(out: Outcome) -> list[gpd.GeoDataFrame]:
    """Existing sites that have to close."""
    old, found = out.brief.places.existing_sites, []
    for tier in out.problem.network.tiers:
        gone = old[(old["tier"] == tier.id) & (old["status"] == MUST_CLOSE)]
        if len(gone):
            rows = {"id": [f"{tier.id}:{i}" for i in gone["id"]], "tier_id": tier.id, "status": "rejected",
                    "reason": MUST_CLOSE, **_reasons([(Rejection(MUST_CLOSE),)] * len(gone)),
                    **_host_columns([None] * len(gone)), "parcel_id": None,
                    "zone_id": [None if pd.isna(z) else str(z) for z in gone["zone_id"]], "parcel_area_m2": None,
                    "largest_size_id": None, "snap_m": None, **_survey_columns(out, tier.id, [""] * len(gone)),
                    "estimated": False}
            points = shapely.point_on_surface(np.asarray(gone.geometry.array, dtype=object))
            found.append(frame(rows, points, out.brief.places.crs_metric))
    return found


def _taken_away(out: Outcome) -> list[gpd.GeoDataFrame]:
    """Hosts that are of no use, and candidates that an edit takes away."""
    gone = out.ground.rejected
    if not gone:
        return []
    area = [site.area_m2 if np.isfinite(site.area_m2) else None for site in gone]
    rows = {"id": [f"{site.tier_id}:{site.site_id}" for site in gone], "tier_id": [site.tier_id for site in gone],
            "status": "rejected", "reason": [site.reason for site in gone],
            **_reasons([site.reasons or (Rejection(site.reason),) for site in gone]),
            **_host_columns([site.host or out.ground.hosts.get(site.site_id) for site in gone]),
            "parcel_id": [site.site_id if a is not None else None for site, a in zip(gone, area, strict=True)],
            "zone_id": [site.zone_id for site in gone], "parcel_area_m2": area, "largest_size_id": None,
            "snap_m": [site.snap_m if np.isfinite(site.snap_m) else None for site in gone],
            **_survey_columns(out, None, [""] * len(gone)),
            "estimated": estimated_land(out, np.array([a is not None for a in area], dtype=bool))}
    return [frame(rows, shapely.points(np.array([site.xy for site in gone])), out.brief.places.crs_metric)]


def _reasons(rejections: Sequence[Sequence[Rejection]]) -> dict[str, list[str | None]]:
    return Reasons(load_texts(), rejections).columns()


def _survey_columns(out: Outcome, tier_id: str | None, ids: Iterable[str]) -> dict[str, list[float | None]]:
    """What screening measured of some parcels of a tier, None for what is no parcel of it."""
    seen = next((s for s in (out.brief.screened.tiers if out.brief.screened is not None else ())
                 if s.tier_id == tier_id), None)
    if seen is None:
        return {name: [None for _ in ids] for name in SURVEY}
    columns = {name: seen.table[name].to_numpy(dtype=np.float64) for name in SURVEY[:-1]}
    score = seen.suitability
    columns |= {SURVEY[-1]: np.full(len(seen.table), np.nan)} if score is None else _score_columns(score)
    row = {str(i): n for n, i in enumerate(seen.table["parcel_id"])}
    rows = [row.get(str(i)) for i in ids]
    return {name: [None if n is None or not np.isfinite(values[n]) else float(values[n]) for n in rows]
            for name, values in columns.items()}


def _point_scores(out: Outcome) -> dict[str, list[float | None]]:
    """The scores of the candidates of the first tier; nothing where the study asks for none."""
    found = point_suitability(out.brief.study, out.brief.places, out.brief.survey, out.ground)
    columns = {} if found is None else _score_columns(found)
    return {name: [float(v) if np.isfinite(v) else None for v in values] for name, values in columns.items()}


def _score_columns(found: Suitability) -> dict[str, Float]:
    return {SURVEY[-1]: found.total, **found.measured,
            **{f"score_{name}_share": score for name, score in found.scores.items()}}


def _host_columns(hosts: Sequence[Host | None]) -> dict[str, list[str | None]]:
    return {"host_kind": [None if host is None else host.kind_id for host in hosts],
            "host_name": [None if host is None else host.name for host in hosts]}
