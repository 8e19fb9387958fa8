"""The layer schemas (service/layer_schemas/*.json) as typed objects: names, titles zh and en, units."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Literal

from optimizer.network import Title

SITE_SCHEMA = "tier"
"""Schema that serves every tier layer, whatever the tier's id."""
Kind = Literal["string", "number", "integer", "boolean"]


@dataclass(frozen=True)
class Property:
    """One property of a layer: JSON type, unit as written in the schema (None for words), titles."""

    name: str
    kind: Kind
    title: Title
    unit: str | None


@dataclass(frozen=True)
class LayerSchema:
    """One layer: geometry ("point", "linestring", "multipolygon", "any") and properties in declared order."""

    name: str
    title: Title
    geometry: str
    properties: tuple[Property, ...]
    extensible: bool
    document: dict[str, Any]
    """The JSON schema itself."""

    def kinds(self) -> dict[str, Kind]:
        """JSON type per declared property."""
        return {p.name: p.kind for p in self.properties}


def load_schema(name: str, tier_ids: Iterable[str] = ()) -> LayerSchema | None:
    """The stored schema of a layer (tier layers share one); None where there is none, as for the streets."""
    stored = SITE_SCHEMA if name in set(tier_ids) else name
    resource = files("service") / "layer_schemas" / f"{stored}.json"
    if not resource.is_file():
        return None
    return parse_schema(name, json.loads(resource.read_text(encoding="utf-8")))


def parse_schema(name: str, document: dict[str, Any]) -> LayerSchema:
    """A JSON schema document as a LayerSchema; KeyError where a needed member is missing."""
    members = document["properties"]
    declared = members["properties"]
    return LayerSchema(
        name=name,
        title=Title(zh=document.get("x-title-zh", document["title"]), en=document["title"]),
        geometry=str(members["geometry"].get("format", "geometry-any")).removeprefix("geometry-"),
        properties=tuple(_property(key, entry) for key, entry in declared["properties"].items()),
        extensible=bool(declared.get("additionalProperties", True)),
        document=document,
    )


def guessed_schema(name: str, title: Title, geometry: str, kinds: dict[str, Kind]) -> LayerSchema:
    """A schema for a layer that has none stored, from the types seen in all of its features."""
    entries = {key: {"title": key, "type": [kind, "null"]} for key, kind in kinds.items()}
    return parse_schema(name, {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": title.en, "x-title-zh": title.zh, "type": "object",
        "required": ["type", "id", "geometry", "properties"],
        "properties": {
            "type": {"const": "Feature"}, "id": {"type": "string"},
            "geometry": {"format": f"geometry-{geometry}"},
            "properties": {"type": "object", "additionalProperties": True, "properties": entries},
        },
    })


def _property(name: str, entry: dict[str, Any]) -> Property:
    kinds = entry.get("type", "string")
    kind: Kind = next((k for k in (kinds if isinstance(kinds, list) else [kinds]) if k != "null"), "string")
    return Property(name, kind, Title(zh=entry.get("x-title-zh", entry.get("title", name)),
                                      en=entry.get("title", name)), entry.get("x-unit"))
