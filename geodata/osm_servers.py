"""The servers that OpenStreetMap is downloaded from; nothing here asks them (geodata/osm_download.py does)."""

from __future__ import annotations

from dataclasses import dataclass

OVERPASS_URL = "https://overpass-api.de/api"
NOMINATIM_URL = "https://nominatim.openstreetmap.org/"


@dataclass(frozen=True)
class Servers:
    """Which servers are asked, and how long an answer may take, s."""

    overpass_url: str = OVERPASS_URL
    nominatim_url: str = NOMINATIM_URL
    timeout_s: float = 180.0
