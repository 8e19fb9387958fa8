"""What a reader returns."""

from __future__ import annotations

from dataclasses import dataclass

import geopandas as gpd

from geodata.tables import Fault


@dataclass(frozen=True)
class Read:
    """A layer with the file's own columns in the file's coordinates, and what was left out or is doubtful."""

    frame: gpd.GeoDataFrame
    notes: tuple[Fault, ...] = ()
