"""RFC 7946 GeoJSON: WGS 84, right-hand rule, 7 decimals (1 cm), bbox, unique string ids, strict JSON.

Title, attribution and what is estimated are foreign members of the collection (RFC 7946, 6.1).
"""

from __future__ import annotations

import json
import math
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely
from numpy.typing import NDArray

from service.layer_schema import SITE_SCHEMA, LayerSchema, load_schema

if TYPE_CHECKING:
    import geopandas
    import pandas as pd

DECIMALS = 7
PROPERTY_DECIMALS = 9
WGS84 = 4326
_LIFTS = {"multipolygon": ("Polygon", shapely.multipolygons),
          "multilinestring": ("LineString", shapely.multilinestrings)}


class LayerError(ValueError):
    """A layer that cannot be written as promised; the message lists every fault."""


def write_layer(path: Path, name: str, features: geopandas.GeoDataFrame, *, title: str, attribution: str,
                estimated: list[str]) -> None:
    """Write one layer as an RFC 7946 FeatureCollection, one feature per line.

    `features` is in WGS 84 with a string column `id`. A layer with a stored schema must carry its properties
    (a layer of sites, known by its column `tier_id`, those of the tier schema). Raises LayerError with every
    fault at once.
    """
    schema = load_schema(name) or (load_schema(SITE_SCHEMA) if "tier_id" in features.columns else None)
    _check(name, features, schema)
    geometries = wgs84_geometries(features.geometry.to_numpy(), schema.geometry if schema else "any")
    geometry_texts = shapely.to_geojson(geometries)
    rows = property_rows(features, schema)
    head: dict[str, Any] = {"type": "FeatureCollection", "name": name, "title": title,
                            "attribution": attribution}
    if estimated:
        head["estimated"] = list(estimated)
    bounds = bbox_of(geometries)
    if bounds is not None:
        head["bbox"] = bounds
    lines = [f'{{"type":"Feature","id":{_dumps(i)},"geometry":{text or "null"},"properties":{_dumps(row)}}}'
             for i, text, row in zip(features["id"], geometry_texts, rows, strict=True)]
    body = _dumps(head)[:-1] + ',"features":[\n' + ",\n".join(lines) + "\n]}\n"
    path.write_text(body, encoding="utf-8")


def wgs84_geometries(geometries: NDArray[np.object_], kind: str = "any") -> NDArray[np.object_]:
    """The geometries as they are published: 2D, rounded to 7 decimals, exterior rings counter-clockwise.

    `kind` "multipolygon" or "multilinestring" lifts single parts, so that a layer has one geometry type.
    """
    flat = shapely.force_2d(geometries)
    rounded = shapely.transform(flat, lambda xy: np.round(xy, DECIMALS) + 0.0)
    broken = ~shapely.is_valid(rounded) & (shapely.get_dimensions(rounded) == 2)
    if broken.any():  # rounding folded a sliver: let GEOS rebuild it on the same grid
        repaired = shapely.set_precision(flat[broken], 10.0**-DECIMALS)
        rounded[broken] = shapely.transform(repaired, lambda xy: np.round(xy, DECIMALS) + 0.0)
    oriented = shapely.orient_polygons(rounded, exterior_cw=False)
    if kind not in _LIFTS:
        return np.asarray(oriented, dtype=object)
    single, lift = _LIFTS[kind]
    lifted = [lift([g]) if g is not None and g.geom_type == single else g for g in oriented]
    return np.array(lifted, dtype=object)


def bbox_of(geometries: NDArray[np.object_]) -> list[float] | None:
    """[west, south, east, north] of all geometries in degrees; None when there is no coordinate."""
    bounds = shapely.total_bounds(geometries) if len(geometries) else np.full(4, np.nan)
    return None if np.isnan(bounds).any() else [round(float(b), DECIMALS) for b in bounds]


def property_rows(features: geopandas.GeoDataFrame, schema: LayerSchema | None) -> list[dict[str, Any]]:
    """The properties of each feature as JSON values: declared columns in declared order, then further ones.

    Missing values are null; LayerError for an infinite number.
    """
    given = [c for c in features.columns if c not in ("id", features.geometry.name)]
    kinds = schema.kinds() if schema else {}
    names = [n for n in kinds if n in given] + [n for n in given if n not in kinds]
    ids = features["id"].tolist()
    columns = [_json_column(features[n], n, kinds.get(n, ""), ids) for n in names]
    if not names:
        return [{} for _ in range(len(features))]
    return [dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True)]


def _json_column(column: pd.Series[Any], name: str, kind: str, ids: list[str]) -> list[Any]:
    """One column as JSON values; finite numbers, truth values and texts of the declared kind take the short way."""
    values = column.tolist()
    if column.dtype.kind == "f" and kind != "integer" and not np.isinf(column.to_numpy()).any():
        return [round(v, PROPERTY_DECIMALS) if v == v else None for v in values]
    if column.dtype.kind in "ib" and kind != "string":
        return values
    return [v if type(v) is str else _json_value(v, kind, name, i) for v, i in zip(values, ids, strict=True)]


def _json_value(value: Any, kind: str, name: str, feature_id: str) -> Any:
    """One cell as a JSON value of the declared kind; LayerError where it does not fit."""
    if value is None or value != value or type(value).__name__ in ("NAType", "NaTType"):
        return None
    if isinstance(value, float | np.floating):
        if math.isinf(value):
            raise LayerError(f"{name} of '{feature_id}' is infinite")
        if kind == "integer" and float(value).is_integer():
            return int(value)
        return round(float(value), PROPERTY_DECIMALS)
    if isinstance(value, np.generic):
        value = value.item()
    if kind == "string" and not isinstance(value, str):
        return str(value)
    if isinstance(value, str | bool | int | list | dict):
        return value
    raise LayerError(f"{name} of '{feature_id}' has no JSON form: {type(value).__name__}")


def _check(name: str, features: geopandas.GeoDataFrame, schema: LayerSchema | None) -> None:
    """Raise LayerError with every fault of the table: ids, CRS, coordinates, columns."""
    faults: list[str] = []
    if "id" not in features.columns:
        raise LayerError(f"layer '{name}': no column 'id'")
    ids = features["id"].tolist()
    faults += [f"id '{i}' is repeated" for i, count in Counter(map(str, ids)).items() if count > 1]
    faults += [f"id {i!r} is not a non-empty string" for i in ids if not isinstance(i, str) or not i]
    if features.crs is None or features.crs.to_epsg() != WGS84:
        faults.append(f"CRS is {features.crs}, expected WGS 84 (EPSG:{WGS84})")
    faults += [f"geometry of '{i}' lies outside the globe or is not finite"
               for i, bounds in zip(ids, features.geometry.bounds.to_numpy(), strict=True)
               if not np.isnan(bounds).all() and not (np.abs(bounds) <= (180.0, 90.0, 180.0, 90.0)).all()]
    if schema is not None:
        given = set(features.columns) - {"id", features.geometry.name}
        declared = schema.kinds()
        faults += [f"property '{p}' is missing" for p in declared if p not in given]
        if not schema.extensible:
            faults += [f"property '{p}' is not in the schema" for p in sorted(given - set(declared))]
    if faults:
        raise LayerError(f"layer '{name}': " + "; ".join(faults))


def _dumps(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
