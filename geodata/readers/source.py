"""What a study says about one input file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

OSM_SUFFIXES = frozenset({".pbf", ".osm"})
"""Of files of OpenStreetMap."""


@dataclass(frozen=True)
class Source:
    """One input: where it lies, which layer, its coordinates and text, and its columns as {ours: theirs}."""

    path: Path
    layer: str | None = None
    crs: str | None = None
    """EPSG:<n>, GCJ-02 or BD-09; None trusts the file."""
    encoding: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    unit: str | None = None
    """Of a population raster: persons_per_cell or persons_per_km2."""
    cell_m: float | None = None
    """Of a population raster: side of the squares that cells are put together to."""

    @property
    def file(self) -> str:
        """Name of the file, for messages."""
        return self.path.name

    @property
    def is_osm(self) -> bool:
        """Whether the file is one of OpenStreetMap."""
        return self.path.suffix.lower() in OSM_SUFFIXES
