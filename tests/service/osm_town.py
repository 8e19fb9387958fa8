"""The tiny town of tiny_town.py on streets of OpenStreetMap: the same lines as ways of an .osm file, with its rules.

Crossings are n<column>_<row>; ways are numbered: 100 + 10 row + column run east, 200 + 10 column + row run north.
"""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import shapely

from geodata.crs import to_wgs84
from tests.geodata.osm_xml import Town as OsmFile
from tests.service.tiny_town import COLUMNS, ROWS, TinyTown
from tests.town import CRS, ORIGIN_X, ORIGIN_Y


class PlacedFile(OsmFile):
    """A town whose nodes lie where the tiny town has them, not on the plane of osm_xml."""

    def write(self, path: Path, missing: str = "") -> Path:
        """The file, its coordinates put right."""
        super().write(path, missing)
        points = to_wgs84(gpd.GeoSeries([shapely.Point(ORIGIN_X + x, ORIGIN_Y + y) for x, y in self.xy.values()],
                                        crs=CRS))
        text = path.read_text(encoding="utf-8")
        for name, point in zip(self.xy, points, strict=True):
            start = text.index(f'<node id="{self.id(name)}"')
            end = text.index(">", start)
            closed = "/" if text[end - 1] == "/" else ""
            text = (f'{text[:start]}<node id="{self.id(name)}" version="1" lon="{point.x:.7f}" '
                    f'lat="{point.y:.7f}"{closed}{text[end:]}')
        path.write_text(text, encoding="utf-8")
        return path


class OsmTown(TinyTown):
    """The tiny town with `osm` to add rules to; streets.osm is written with the rest."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.osm = PlacedFile({f"n{a}_{b}": (x, y) for a, x in enumerate(COLUMNS) for b, y in enumerate(ROWS)})
        for row, y in enumerate(ROWS):
            oneway = {200: {"oneway": "yes"}, 400: {"oneway": "-1"}}.get(y, {})
            for column in range(len(COLUMNS) - 1):
                self.osm.way(100 + 10 * row + column, [f"n{column}_{row}", f"n{column + 1}_{row}"], **oneway)
        for column in range(len(COLUMNS)):
            for row in range(len(ROWS) - 1):
                self.osm.way(200 + 10 * column + row, [f"n{column}_{row}", f"n{column}_{row + 1}"], highway="tertiary")
        self.study["inputs"]["roads"] = {"path": "streets.osm"}

    def write(self) -> Path:
        """Write all files and return the path of the study."""
        self.osm.write(self.folder / "streets.osm")
        return super().write()
