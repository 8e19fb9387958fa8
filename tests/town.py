"""A town of four blocks, six streets and three parcels, written as files: the smallest study that can be read.

All coordinates in EPSG:4547 metres from the corner (ORIGIN_X, ORIGIN_Y), which lies in Wuhan.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import geopandas as gpd
import shapely
import yaml

CRS = "EPSG:4547"
ORIGIN_X, ORIGIN_Y = 520_000.0, 3_390_000.0


def square(x: float, y: float, side: float) -> shapely.Polygon:
    """A square with its lower left corner at (x, y) m from the town's corner."""
    return shapely.box(ORIGIN_X + x, ORIGIN_Y + y, ORIGIN_X + x + side, ORIGIN_Y + y + side)


def line(*points: tuple[float, float]) -> shapely.LineString:
    """A line through points in m from the town's corner."""
    return shapely.LineString([(ORIGIN_X + x, ORIGIN_Y + y) for x, y in points])


def communities() -> gpd.GeoDataFrame:
    """Four blocks of 150 x 150 m with 300, 400, 500 and 600 persons; A and C in the west, B and D in the east."""
    places = [(25, 25), (225, 25), (25, 225), (225, 225)]
    return gpd.GeoDataFrame(
        {"id": list("ABCD"), "population": [300, 400, 500, 600]},
        geometry=[square(x, y, 150) for x, y in places],
        crs=CRS,
    )


def roads() -> gpd.GeoDataFrame:
    """Streets 200 m apart in both directions, cut at their crossings."""
    cuts = (0.0, 200.0, 400.0)
    lines = [line((at, a), (at, b)) for at in cuts for a, b in ((0, 200), (200, 400))]
    lines += [line((a, at), (b, at)) for at in cuts for a, b in ((0, 200), (200, 400))]
    return gpd.GeoDataFrame({"highway": ["residential"] * len(lines)}, geometry=lines, crs=CRS)


def land() -> gpd.GeoDataFrame:
    """Parcels north of the town: P1 150 x 150 m in the west, P2 60 x 60 m and P3 20 x 20 m in the east."""
    return gpd.GeoDataFrame(
        {"id": ["P1", "P2", "P3"], "land_use": ["3", "3", "0"]},
        geometry=[square(10, 410, 150), square(210, 410, 60), square(300, 410, 20)],
        crs=CRS,
    )


def zones() -> gpd.GeoDataFrame:
    """West and east of x = 200 m."""
    return gpd.GeoDataFrame(
        {"id": ["W", "E"], "name": ["西区", "东区"]},
        crs=CRS,
        geometry=[square(-800, -200, 1000), square(200, -200, 1000)],
    )


class Town:
    """The town's files in a folder; change a layer or the study, then write it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.layers: dict[str, gpd.GeoDataFrame] = {
            "communities": communities(),
            "roads": roads(),
            "land": land(),
            "zones": zones(),
        }
        self.study: dict[str, Any] = {
            "schema_version": 1,
            "study": "town",
            "title": {"zh": "小镇", "en": "Town"},
            "inputs": {name: {"path": "town.gpkg", "layer": name} for name in self.layers},
            "network": "urban_three_tier",
            "screening": {"transfer_station": {"min_area_m2": 500}, "sorting_center": {"min_area_m2": 2500}},
        }
        self.study["inputs"]["zones"]["level"] = "district"

    def write(self) -> Path:
        """Write all files and return the path of the study."""
        for name, frame in self.layers.items():
            frame.to_file(self.folder / "town.gpkg", layer=name, driver="GPKG")
        path = self.folder / "study.yaml"
        path.write_text(yaml.safe_dump(self.study, allow_unicode=True, sort_keys=False), encoding="utf-8")
        return path
