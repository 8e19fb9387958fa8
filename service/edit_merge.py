"""Edits upon edits: those of the earlier plan, then the new ones; and the file that the new result keeps of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import shapely

from geodata.tables import DataError
from optimizer.plan import Plan
from optimizer.problem import Problem
from service.edit_targets import plain_site_id
from service.edits import Edit


@dataclass(frozen=True)
class MergedEdits:
    """All edits that hold now, in order, and the earlier ones that a new edit of the same site replaces."""

    edits: tuple[Edit, ...]
    superseded: tuple[Edit, ...]
    new_ids: tuple[str, ...]


def merged(earlier: Sequence[Edit], new: Sequence[Edit], problem: Problem, plan: Plan) -> MergedEdits:
    """Earlier edits followed by new ones; `keep_size` becomes the size a site has in the plan.

    DataError where a new edit has the id of an earlier one that still holds, or keeps the size of a closed site.
    """
    tier_ids = [tier.id for tier in problem.network.tiers]
    named = {plain_site_id(edit, tier_ids) for edit in new if edit.site_id is not None}
    gone = tuple(e for e in earlier if e.site_id is not None and plain_site_id(e, tier_ids) in named)
    holds = tuple(e for e in earlier if e not in gone)
    used = {edit.id for edit in holds}
    faults = [edit.fault("edit_id_used") for edit in new if edit.id in used]
    sized = []
    for edit in new:
        size_id = _present_size(edit, problem, plan, tier_ids) if edit.keep_size else edit.size_id
        if edit.keep_size and size_id is None:
            faults.append(edit.fault("edit_site_closed", site=edit.site_id))
        sized.append(replace(edit, keep_size=False, size_id=size_id))
    if faults:
        raise DataError(faults)
    return MergedEdits((*holds, *sized), gone, tuple(edit.id for edit in new))


def _present_size(edit: Edit, problem: Problem, plan: Plan, tier_ids: Sequence[str]) -> str | None:
    site = plain_site_id(edit, tier_ids)
    found = []
    for tier, sites, opened in zip(problem.network.tiers, problem.sites, plan.open_sites, strict=True):
        if site in sites.ids and (not edit.tier_ids or tier.id in edit.tier_ids):
            at = np.flatnonzero(opened.site == sites.ids.index(site))
            found += [tier.sizes[int(opened.size[n])].id for n in at]
    return found[0] if len(found) == 1 else None


def edits_text(edits: Sequence[Edit]) -> str:
    """Edits as the text of a GeoJSON file that read_edits reads as the same edits."""
    features = [_feature(edit) for edit in edits]
    lines = ",\n".join(json.dumps(f, ensure_ascii=False, separators=(",", ":")) for f in features)
    return f'{{"type":"FeatureCollection","features":[\n{lines}\n]}}\n'


def _feature(edit: Edit) -> dict[str, Any]:
    given: dict[str, Any] = {"edit": edit.kind, "site_id": edit.site_id, "size_id": edit.size_id,
                             "new_site_id": edit.new_site_id, "note": edit.note}
    if edit.kind == "no_go":
        given["tier_ids"] = list(edit.tier_ids) or None
    elif edit.tier_ids:
        given["tier_id"] = edit.tier_ids[0]
    shape = edit.geometry
    if shape is not None:
        shape = shapely.orient_polygons(shape)  # in full precision: the plan was made with it
    drawn = None if shape is None else json.loads(shapely.to_geojson(shape))
    return {"type": "Feature", "id": edit.id, "geometry": drawn,
            "properties": {name: value for name, value in given.items() if value is not None}}
