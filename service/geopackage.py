"""plan.gpkg: every layer in one GeoPackage 1.2 file, each with a stored QGIS style and its provenance.

Version 1.2 because QGIS 3.22 (GDAL 3.6) warns about 1.4, which GDAL writes by default.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from service.geojson import LayerError, property_rows, wgs84_geometries
from service.layer_schema import SITE_SCHEMA, LayerSchema, load_schema
from service.palette import load_palette
from service.qgis_styles import style_of

if TYPE_CHECKING:
    import geopandas

GPKG_VERSION = "1.2"
GEOMETRY_COLUMN = "geom"
_STYLES = """
CREATE TABLE layer_styles (
  id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, f_table_catalog TEXT(256), f_table_schema TEXT(256),
  f_table_name TEXT(256), f_geometry_column TEXT(256), styleName TEXT(30), styleQML TEXT, styleSLD TEXT,
  useAsDefault BOOLEAN, description TEXT, owner TEXT(30), ui TEXT(30),
  update_time DATETIME DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ','now')))
"""
_REGISTER = """
INSERT INTO gpkg_contents (table_name, data_type, identifier, description, srs_id)
VALUES ('layer_styles', 'attributes', 'layer_styles', 'QGIS styles', 0)
"""
_INSERT = """
INSERT INTO layer_styles (f_table_catalog, f_table_schema, f_table_name, f_geometry_column, styleName,
                          styleQML, useAsDefault, description)
VALUES ('', '', ?, ?, ?, ?, 1, ?)
"""


def write_geopackage(path: Path, layers: Mapping[str, geopandas.GeoDataFrame], *,
                     titles: Mapping[str, str], attribution: str, estimated: Sequence[str]) -> None:
    """Write all layers (WGS 84, string column `id`) with titles, provenance, styles; replaces an older file.

    Layers that carry `tier_id` as sites do count as tiers, in the order given. Raises LayerError on a bad layer.
    """
    path.unlink(missing_ok=True)
    note = "; ".join([attribution, *estimated])
    for name, features in layers.items():
        _write_features(path, name, features, titles.get(name, name), note)
    _store_styles(path, layers)


def _write_features(path: Path, name: str, features: geopandas.GeoDataFrame, title: str, note: str) -> None:
    """Append one layer; the first call creates the file."""
    import geopandas
    import pyogrio

    if "id" not in features.columns:
        raise LayerError(f"layer '{name}': no column 'id'")
    schema = load_schema(name) or (load_schema(SITE_SCHEMA) if _is_tier(name, features) else None)
    geometries = wgs84_geometries(features.geometry.to_numpy(), schema.geometry if schema else "any")
    table = geopandas.GeoDataFrame(_typed(features, schema), geometry=geometries, crs="EPSG:4326")
    kind = _geometry_type(table, schema)
    pyogrio.write_dataframe(
        table, path, layer=name, driver="GPKG", append=path.exists(), geometry_type=kind,
        promote_to_multi=False, dataset_options={"VERSION": GPKG_VERSION},
        dataset_metadata={"ATTRIBUTION_AND_ESTIMATES": note},
        layer_options={"GEOMETRY_NAME": GEOMETRY_COLUMN, "IDENTIFIER": title, "DESCRIPTION": note,
                       "SPATIAL_INDEX": "YES"})


def _typed(features: geopandas.GeoDataFrame, schema: LayerSchema | None) -> dict[str, object]:
    """Columns with the types of the schema, so that an all-null column still has its declared type."""
    import pandas as pd

    dtypes: dict[str, Any] = {"string": "string", "number": "float64", "integer": "Int64",
                              "boolean": "boolean"}
    kinds = schema.kinds() if schema else {}
    given = [c for c in features.columns if c not in ("id", features.geometry.name)]
    names = [n for n in kinds if n in given] + [n for n in given if n not in kinds]
    rows = pd.DataFrame(property_rows(features, schema), columns=names)
    columns: dict[str, object] = {"id": features["id"].astype("string").reset_index(drop=True)}
    for name in rows.columns:
        column = rows[name].reset_index(drop=True)
        columns[name] = pd.array(column.tolist(), dtype=dtypes[kinds[name]]) if name in kinds else column
    return columns


def _geometry_type(table: geopandas.GeoDataFrame, schema: LayerSchema | None) -> str:
    names = {"point": "Point", "linestring": "LineString", "multipolygon": "MultiPolygon"}
    if schema is not None and schema.geometry in names:
        return names[schema.geometry]
    seen = set(table.geometry.geom_type.dropna())
    return seen.pop() if len(seen) == 1 else "Unknown"


def _is_tier(name: str, features: geopandas.GeoDataFrame) -> bool:
    return load_schema(name) is None and "tier_id" in features.columns


def _store_styles(path: Path, layers: Mapping[str, geopandas.GeoDataFrame]) -> None:
    """Create and fill table layer_styles; QGIS applies the rows marked useAsDefault on opening."""
    palette = load_palette()
    tiers = [name for name, features in layers.items() if _is_tier(name, features)]
    with closing(sqlite3.connect(path)) as db, db:
        db.execute(_STYLES)
        db.execute(_REGISTER)
        for name, features in layers.items():
            qml = style_of(name, list(features.columns), tiers.index(name) if name in tiers else -1, palette)
            if qml is not None:
                db.execute(_INSERT, (name, GEOMETRY_COLUMN, name, qml, f"recynet: {name}"))
