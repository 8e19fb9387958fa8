"""The GeoPackage of a new study: its layers in the metric system, the same bytes for the same input."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import geopandas as gpd
import pyogrio

from service.geopackage import GPKG_VERSION

_NO_DATE = "2000-01-01T00:00:00.000Z"
"""What GDAL writes for the date of the last change, so that the file says nothing about when it was made."""


def write_package(path: Path, layers: Mapping[str, tuple[gpd.GeoDataFrame, str]], note: str) -> None:
    """Write {layer: (table, type of geometry)} to a new file; an empty table becomes an empty layer with its columns.

    `note` (licence, estimates) is kept with every layer.
    """
    with _without_date():
        for name, (frame, kind) in layers.items():
            pyogrio.write_dataframe(
                frame, path, layer=name, driver="GPKG", append=path.exists(), geometry_type=kind,
                promote_to_multi=kind.startswith("Multi"), dataset_options={"VERSION": GPKG_VERSION},
                layer_options={"GEOMETRY_NAME": "geom", "DESCRIPTION": note, "SPATIAL_INDEX": "YES"})


@contextmanager
def _without_date() -> Iterator[None]:
    before = pyogrio.get_gdal_config_option("OGR_CURRENT_DATE")
    pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": _NO_DATE})
    try:
        yield
    finally:
        pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": before})
