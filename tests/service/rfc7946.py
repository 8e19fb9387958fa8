"""An independent reading of RFC 7946 and of the layer schemas: every fault of a written layer, as text."""

from __future__ import annotations

import json
import math
from itertools import pairwise
from typing import Any

NOT_ON_A_COLLECTION = ("crs", "geometry", "properties", "coordinates", "geometries")
TYPES: dict[str, tuple[type, ...]] = {"string": (str,), "number": (int, float), "integer": (int,), "boolean": (bool,),
                                      "null": (type(None),)}


def faults_of(text: str, schema: dict[str, Any] | None = None) -> list[str]:
    """Every breach found in a GeoJSON text; empty when there is none."""
    def refuse(word: str) -> None:
        raise ValueError(f"{word} is not JSON")

    document = json.loads(text, parse_constant=refuse, object_pairs_hook=_once)
    faults = [f"member '{name}' on the collection" for name in NOT_ON_A_COLLECTION if name in document]
    if document["type"] != "FeatureCollection":
        faults.append("no FeatureCollection")
    ids = [f.get("id") for f in document["features"]]
    if len(set(ids)) != len(ids) or not all(isinstance(i, str) and i for i in ids):
        faults.append("ids are not unique non-empty strings")
    everywhere: list[tuple[float, float]] = []
    for feature in document["features"]:
        where = f"feature {feature.get('id')}"
        if feature.get("type") != "Feature" or "geometry" not in feature or "properties" not in feature:
            faults.append(f"{where}: a member is missing")
            continue
        places = list(_places(feature["geometry"]))
        everywhere += places
        faults += [f"{where}: {fault}" for fault in _geometry_faults(feature["geometry"], places)]
        if schema is not None:
            faults += [f"{where}: {fault}" for fault in _property_faults(feature["properties"], schema)]
    return faults + _bbox_faults(document.get("bbox"), everywhere)


def signed_area(ring: list[list[float]]) -> float:
    """Twice the area of a ring, positive when it runs counter-clockwise."""
    return sum(a[0] * b[1] - b[0] * a[1] for a, b in pairwise(ring))


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({name for name, _ in pairs}) != len(pairs):
        raise ValueError("a member is repeated")
    return dict(pairs)


def _places(geometry: dict[str, Any] | None) -> list[tuple[float, float]]:
    found: list[tuple[float, float]] = []

    def walk(node: Any) -> None:
        if isinstance(node[0], (int, float)):
            found.append((node[0], node[1]))
            if len(node) != 2:
                found.append((math.nan, math.nan))
        else:
            for inner in node:
                walk(inner)
    if geometry is not None:
        walk(geometry["coordinates"])
    return found


def _geometry_faults(geometry: dict[str, Any] | None, places: list[tuple[float, float]]) -> list[str]:
    if geometry is None:
        return []
    faults = [f"place {p} is not on the globe" for p in places if not (abs(p[0]) <= 180 and abs(p[1]) <= 90)]
    faults += [f"{n} has more than 7 decimals" for p in places for n in p if round(n, 7) != n]
    polygons = {"Polygon": [geometry["coordinates"]], "MultiPolygon": geometry["coordinates"]}.get(geometry["type"], [])
    for rings in polygons:
        for number, ring in enumerate(rings):
            if ring[0] != ring[-1] or len(ring) < 4:
                faults.append("a ring is not closed")
            if (signed_area(ring) > 0) != (number == 0):
                faults.append(f"ring {number} runs the wrong way")
    return faults


def _bbox_faults(bbox: list[float] | None, places: list[tuple[float, float]]) -> list[str]:
    if not places:
        return []
    xs, ys = [p[0] for p in places], [p[1] for p in places]
    return [] if bbox == [min(xs), min(ys), max(xs), max(ys)] else [f"bbox {bbox} does not hold the features exactly"]


def _property_faults(row: dict[str, Any], schema: dict[str, Any]) -> list[str]:
    declared = schema["properties"]["properties"]
    faults = [f"'{name}' is missing" for name in declared["required"] if name not in row]
    for name, value in row.items():
        entry = declared["properties"].get(name)
        if entry is None:
            faults += [] if declared.get("additionalProperties", True) else [f"'{name}' is not declared"]
            continue
        allowed = tuple(t for kind in entry["type"] for t in TYPES[kind])
        if not isinstance(value, allowed) or (isinstance(value, bool) and "boolean" not in entry["type"]):
            faults.append(f"'{name}' is {value!r}, not {entry['type']}")
    return faults
