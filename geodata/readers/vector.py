"""GeoPackage, GeoJSON, Shapefile (plain or zipped) and FlatGeobuf, through GDAL."""

from __future__ import annotations

import zipfile

import geopandas as gpd
import pyogrio
import pyogrio.errors
import shapely.errors

from geodata.readers.read import Read
from geodata.readers.source import Source
from geodata.tables import DataError, Fault, fault


def read_vector(source: Source) -> Read:
    """The layer with the file's own columns; DataError names the layers that exist when the wanted one does not."""
    place = _place(source)
    try:
        layers = [str(name) for name, _ in pyogrio.list_layers(place)]
    except pyogrio.errors.DataSourceError as error:
        raise DataError([_unreadable(source, error)]) from error
    layer = _layer(source, layers)
    try:
        frame = pyogrio.read_dataframe(place, layer=layer, encoding=source.encoding, on_invalid="ignore")
    except (UnicodeDecodeError, LookupError) as error:
        raise DataError([fault("encoding_wrong", file=source.file, layer=source.layer,
                               encoding=source.encoding or "UTF-8")]) from error
    except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError, pyogrio.errors.FeatureError,
            pyogrio.errors.GeometryError, shapely.errors.ShapelyError) as error:
        raise DataError([_unreadable(source, error)]) from error
    if not isinstance(frame, gpd.GeoDataFrame):
        code = "layer_empty" if len(frame) == 0 else "layer_not_spatial"
        raise DataError([fault(code, file=source.file, layer=layer)])
    return Read(frame)


def _place(source: Source) -> str:
    """What GDAL opens: the file, or the folder of the one shapefile in a zip, wherever it lies there."""
    if source.path.suffix.lower() != ".zip":
        return str(source.path)
    try:
        with zipfile.ZipFile(source.path) as packed:
            found = [name for name in packed.namelist() if name.lower().endswith(".shp") and "__MACOSX" not in name]
    except (zipfile.BadZipFile, OSError) as error:
        raise DataError([_unreadable(source, error)]) from error
    if len({name.rpartition("/")[0] for name in found}) != 1:
        code = "zip_without_shapefile" if not found else "zip_with_several_folders"
        raise DataError([fault(code, file=source.file, layer=source.layer, known=", ".join(found))])
    folder = found[0].rpartition("/")[0]
    return f"/vsizip/{source.path}/{folder}" if folder else f"/vsizip/{source.path}"


def _layer(source: Source, layers: list[str]) -> str:
    """The layer to read. A one-layer file needs no name, and a shapefile's or GeoJSON's layer name says nothing."""
    known = ", ".join(layers) or "-"
    if source.layer is None:
        if len(layers) > 1:
            raise DataError([fault("layer_not_named", file=source.file, known=known)])
        if not layers:
            raise DataError([fault("layer_empty", file=source.file)])
        return layers[0]
    if source.layer not in layers:
        raise DataError([fault("layer_missing", file=source.file, wanted=source.layer, known=known)])
    return source.layer


def _unreadable(source: Source, error: Exception) -> Fault:
    reason = " ".join(str(error).replace(str(source.path), source.file).split())
    return fault("file_unreadable", file=source.file, layer=source.layer, reason=reason or type(error).__name__)
