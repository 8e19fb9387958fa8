"""Edits of a plan: a GeoJSON file (RFC 7946) in, checked frozen objects out, every fault of the file together.

What the properties mean is written down in service/layer_schemas/edits.json, in both languages.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import shapely

from geodata.tables import DataError, Fault, as_text, did_you_mean, fault, has_errors
from optimizer.network import Network
from service.edit_messages import EDIT_MESSAGES
from service.study import Study

EditKind = Literal["lock", "forbid", "move", "add", "no_go", "size"]
KINDS: tuple[EditKind, ...] = get_args(EditKind)
_WGS84_NAMES = ("CRS84", "4326")
_DRAWN: Mapping[str, tuple[str, ...]] = {
    "move": ("Point", "Polygon", "MultiPolygon"), "add": ("Point", "Polygon", "MultiPolygon"),
    "no_go": ("Polygon", "MultiPolygon")}
"""Geometry that is drawn on purpose; that of other kinds is not looked at."""
_NEEDED: Mapping[str, tuple[str, ...]] = {
    "lock": ("site_id",), "forbid": ("site_id",), "move": ("site_id",), "size": ("site_id", "size_id"),
    "add": ("tier_id",), "no_go": ()}
_POSSIBLE: Mapping[str, tuple[str, ...]] = {
    "lock": ("tier_id", "size_id", "keep_size"), "forbid": ("tier_id",),
    "move": ("tier_id", "size_id", "keep_size", "new_site_id"), "size": ("tier_id",),
    "add": ("size_id", "new_site_id"), "no_go": ("tier_id", "tier_ids")}
_TEXTS = ("site_id", "tier_id", "size_id", "new_site_id")
PROPERTIES = ("edit", *_TEXTS, "tier_ids", "keep_size", "note")


@dataclass(frozen=True)
class Edit:
    """One wish of the planner."""

    id: str
    kind: EditKind
    site_id: str | None = None
    tier_ids: tuple[str, ...] = ()
    """The tier meant, or none where the site says it; for `no_go` several, none for all."""
    size_id: str | None = None
    keep_size: bool = False
    """The size the site has in the plan."""
    new_site_id: str | None = None
    geometry: shapely.Geometry | None = None
    """WGS 84."""
    note: str | None = None
    file: str = "edits.geojson"

    @property
    def added_site_id(self) -> str:
        """Id of the site that `add` and `move` bring."""
        return self.new_site_id or self.id

    def fault(self, code: str, **values: Any) -> Fault:
        """A fault of this edit."""
        return fault(code, file=self.file, feature_id=self.id, messages=EDIT_MESSAGES, **values)


def in_force(edit: Edit) -> Fault:
    """A note that a plan rests on an edit: its kind, site, tiers, size and the planner's own note."""
    site = edit.site_id or (edit.added_site_id if edit.kind == "add" else "")
    brings = f"-> {edit.added_site_id}" if edit.kind == "move" else ""
    words = (edit.kind, site, brings, ", ".join(edit.tier_ids), edit.size_id, f"({edit.note})" if edit.note else "")
    return edit.fault("edit_in_force", what=" ".join(word for word in words if word))


@dataclass(frozen=True)
class EditsFile:
    """The edits of a file in its order, and what is worth knowing about them (no errors)."""

    edits: tuple[Edit, ...]
    faults: tuple[Fault, ...]


def read_edits(path: Path) -> EditsFile:
    """The checked edits of a GeoJSON file; DataError with every error of the file."""
    rows, faults = _features(path)
    edits: list[Edit] = []
    ids = [_feature_id(row, number) for number, row in enumerate(rows, start=1)]
    counts = Counter(name for name, given in ids if given)
    for row, (name, given) in zip(rows, ids, strict=True):
        found = [] if given else [fault("edit_no_id", file=path.name, feature_id=name, messages=EDIT_MESSAGES)]
        if given and counts[name] > 1:
            found.append(fault("edit_id_repeated", file=path.name, feature_id=name, messages=EDIT_MESSAGES,
                               count=counts[name]))
        edit, wrong = _edit(row, name, path.name)
        faults += [*found, *wrong]
        if edit is not None:
            edits.append(edit)
    if has_errors(faults):
        raise DataError(dict.fromkeys(faults))
    return EditsFile(tuple(edits), tuple(faults))


def load_edits(study: Study, network: Network) -> tuple[Edit, ...]:
    """The edits a study lists; DataError with every fault of the file against itself and the network."""
    if study.inputs.edits is None:
        return ()
    edits = read_edits(study.inputs.edits.path).edits
    faults = [*network_faults(edits, network),
              *(edit.fault("edit_keep_without_plan") for edit in edits if edit.keep_size)]
    if faults:
        raise DataError(faults)
    return edits


def network_faults(edits: Sequence[Edit], network: Network) -> tuple[Fault, ...]:
    """Tiers and sizes that the network does not have."""
    faults, tiers = [], {tier.id: [size.id for size in tier.sizes] for tier in network.tiers}
    for edit in edits:
        for tier in edit.tier_ids:
            if tier not in tiers:
                faults.append(edit.fault("edit_tier_unknown", tier=tier, known=", ".join(tiers),
                                         hint=did_you_mean(tier, tiers)))
            elif edit.size_id is not None and edit.size_id not in tiers[tier]:
                faults.append(edit.fault("edit_size_unknown", tier=tier, size=edit.size_id,
                                         known=", ".join(tiers[tier]), hint=did_you_mean(edit.size_id, tiers[tier])))
    return tuple(faults)


def _features(path: Path) -> tuple[list[dict[str, Any]], list[Fault]]:
    """The features of the file; DataError when it is no FeatureCollection in WGS 84."""
    def refuse(code: str, **values: Any) -> DataError:
        return DataError([fault(code, file=path.name, messages=EDIT_MESSAGES, **values)])

    try:
        document = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        raise refuse("edits_unreadable", reason=" ".join(str(error).split())) from error
    if isinstance(document, dict) and document.get("type") == "Feature":
        document = {**document, "type": "FeatureCollection", "features": [document]}
    if not isinstance(document, dict) or not isinstance(document.get("features"), list):
        raise refuse("edits_unreadable", reason="no FeatureCollection")
    crs = document.get("crs")
    if crs is not None and not any(name in str(crs) for name in _WGS84_NAMES):
        raise refuse("edits_not_wgs84", crs=str(crs)[:80])
    rows = document["features"]
    if not all(isinstance(row, dict) and isinstance(row.get("properties") or {}, dict) for row in rows):
        raise refuse("edits_unreadable", reason="a feature is no object with properties")
    if not rows:
        raise refuse("edits_no_feature")
    return rows, []


def _feature_id(row: Mapping[str, Any], number: int) -> tuple[str, bool]:
    """The id of a feature (its own member or the property `id`), and whether it has one."""
    given = row.get("id")
    if given is None:
        given = (row.get("properties") or {}).get("id")
    if given is None or isinstance(given, bool | dict | list) or not as_text(given):
        return f"feature {number}", False
    return as_text(given), True


def _edit(row: Mapping[str, Any], name: str, file: str) -> tuple[Edit | None, list[Fault]]:
    """One feature as an edit, or None with what is wrong with it (notes may come with an edit)."""
    def wrong(code: str, **values: Any) -> Fault:
        return fault(code, file=file, feature_id=name, messages=EDIT_MESSAGES, **values)

    # a table written by a GIS has every column in every row: empty cells are not given
    given = {k: v for k, v in (row.get("properties") or {}).items() if v is not None and v != "" and k != "id"}
    kind = given.get("edit")
    if kind not in KINDS:
        return None, [wrong("edit_kind_unknown", kind=kind or "-", known=", ".join(KINDS),
                            hint=did_you_mean(str(kind), KINDS))]
    faults = [wrong(code, **values) for code, values in _property_faults(kind, given)]
    geometry, found = _geometry(row.get("geometry"), kind)
    faults += [wrong(code, **values) for code, values in found]
    if has_errors(faults):
        return None, faults
    text = {key: as_text(given[key]) if key in given else None for key in _TEXTS}
    tiers = tuple(given.get("tier_ids", ())) or ((text["tier_id"],) if text["tier_id"] is not None else ())
    return Edit(name, kind, text["site_id"], tiers, text["size_id"], bool(given.get("keep_size", False)),
                text["new_site_id"], geometry, as_text(given["note"]) if "note" in given else None, file), faults


Found = tuple[str, dict[str, Any]]


def _property_faults(kind: str, given: Mapping[str, Any]) -> Iterator[Found]:
    for name in _NEEDED[kind]:
        if name not in given:
            yield "edit_property_missing", {"kind": kind, "name": name}
    for name, value in given.items():
        if name not in PROPERTIES:
            hint = did_you_mean(name, PROPERTIES)
            yield ("edit_property_unknown" if hint else "edit_property_ignored"), {"name": name, "hint": hint}
        elif name not in ("edit", "note", *_NEEDED[kind], *_POSSIBLE[kind]):
            yield "edit_property_idle", {"kind": kind, "name": name}
        elif name in _TEXTS and (isinstance(value, bool | dict | list) or not as_text(value)):
            yield "edit_property_wrong", {"name": name, "value": repr(value), "wanted": "a text", "wanted_zh": "文本"}
        elif name == "keep_size" and not isinstance(value, bool):
            yield "edit_property_wrong", {"name": name, "value": repr(value), "wanted": "true or false",
                                          "wanted_zh": " true 或 false"}
        elif name == "tier_ids" and not (isinstance(value, list) and value and all(isinstance(v, str) for v in value)):
            yield "edit_property_wrong", {"name": name, "value": repr(value), "wanted": "a list of tier ids",
                                          "wanted_zh": "层级编号列表"}
    if given.get("keep_size") is True and "size_id" in given:
        yield "edit_size_twice", {}


def _geometry(drawn: Any, kind: str) -> tuple[shapely.Geometry | None, list[Found]]:
    """The drawn geometry, in two dimensions, with what is wrong with it; None where the kind needs none."""
    wanted = _DRAWN.get(kind)
    if wanted is None:
        return None, []
    words = " / ".join(wanted)
    if not drawn:
        return None, [("edit_geometry_missing", {"kind": kind, "wanted": words})]
    found = drawn.get("type") if isinstance(drawn, dict) else type(drawn).__name__
    if found not in wanted:
        return None, [("edit_geometry_type", {"kind": kind, "found": found, "wanted": words})]
    try:
        shape = shapely.force_2d(shapely.from_geojson(json.dumps(drawn)))
    except (shapely.errors.GEOSException, ValueError, TypeError) as error:
        return None, [("edit_geometry_invalid", {"reason": " ".join(str(error).split())})]
    if shape.is_empty:
        return None, [("edit_geometry_missing", {"kind": kind, "wanted": words})]
    if not shape.is_valid:
        return None, [("edit_geometry_invalid", {"reason": shapely.is_valid_reason(shape)})]
    west, south, east, north = shape.bounds
    if not all(map(math.isfinite, shape.bounds)) or west < -180 or east > 180 or south < -90 or north > 90:
        bounds = ", ".join(f"{value:.6g}" for value in shape.bounds)
        return None, [("edit_coordinates_wrong", {"bounds": f"({bounds})"})]
    return shape, []
