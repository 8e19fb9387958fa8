"""One GeoJSON layer held ready to be served: features encoded once, found by id, bbox or property value."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from service.layer_schema import Kind

if TYPE_CHECKING:
    import shapely

HEAD_BYTES = 65_536
Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class LayerHead:
    """What stands beside the features of a layer."""

    title: str | None
    attribution: str | None
    estimated: tuple[str, ...]
    bbox: list[float] | None


class LayerIndex:
    """The features of one layer file, in the order of the file."""

    def __init__(self, path: Path) -> None:
        """Read the file; ValueError when it is no FeatureCollection with unique ids."""
        document = json.loads(path.read_bytes())
        self.head = _head(document)
        features: list[dict[str, Any]] = document["features"]
        self.encoded = [json.dumps(f, ensure_ascii=False, separators=(",", ":")).encode() for f in features]
        self.properties: list[Mapping[str, Any]] = [f["properties"] or {} for f in features]
        self._position = {str(f["id"]): n for n, f in enumerate(features)}
        if len(self._position) != len(features):
            raise ValueError(f"{path.name}: ids are not unique")
        self._geometries = [f["geometry"] for f in features]
        self._tree: shapely.STRtree | None = None
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self.encoded)

    def one(self, feature_id: str) -> bytes | None:
        """The encoded feature of that id, None when there is none."""
        position = self._position.get(feature_id)
        return None if position is None else self.encoded[position]

    def select(self, boxes: Sequence[Box], equal: Mapping[str, Any]) -> Sequence[int]:
        """Positions of the features that intersect any box (all when there is none) and have the given values."""
        chosen: Sequence[int] = self._in_boxes(boxes) if boxes else range(len(self))
        for name, value in equal.items():
            chosen = [n for n in chosen if self.properties[n].get(name) == value]
        return chosen

    def kinds(self) -> dict[str, Kind]:
        """JSON type of each property, seen over all features; a mixture counts as a string."""
        seen: dict[str, set[Kind]] = {}
        for row in self.properties:
            for name, value in row.items():
                kinds = seen.setdefault(name, set())
                if value is not None:
                    kinds.add(_kind(value))
        return {name: _common(kinds) for name, kinds in seen.items()}

    @property
    def geometry_kind(self) -> str:
        """"point", "linestring", ... when all features have one type, else "any"."""
        types = {g["type"].lower() for g in self._geometries if g is not None}
        return types.pop() if len(types) == 1 else "any"

    def _in_boxes(self, boxes: Sequence[Box]) -> list[int]:
        import shapely  # only when a bbox is asked for: the server starts without it

        with self._lock:
            if self._tree is None:
                texts = [None if g is None else json.dumps(g) for g in self._geometries]
                self._tree = shapely.STRtree(shapely.from_geojson(texts))
        found: set[int] = set()
        for box in boxes:
            found.update(self._tree.query(shapely.box(*box), predicate="intersects").tolist())
        return sorted(found)


def read_head(path: Path) -> LayerHead | None:
    """What stands before the features, from the first line only; None when the file is laid out otherwise."""
    with path.open("rb") as file:
        line = file.readline(HEAD_BYTES).rstrip()
    if not line.endswith(b'"features":['):
        return None
    return _head(json.loads(line + b"]}"))


def _head(document: dict[str, Any]) -> LayerHead:
    return LayerHead(document.get("title"), document.get("attribution"), tuple(document.get("estimated") or ()),
                     document.get("bbox"))


def _kind(value: Any) -> Kind:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "integer"
    return "number" if isinstance(value, float) else "string"


def _common(kinds: set[Kind]) -> Kind:
    if len(kinds) == 1:
        return next(iter(kinds))
    return "number" if kinds == {"integer", "number"} else "string"
