"""Colours and class breaks shared by map page, static map and QGIS styles (service/web/palette.json)."""

from __future__ import annotations

import bisect
from dataclasses import dataclass
from importlib.resources import files

from pydantic import BaseModel, ConfigDict

MAJOR = ("motorway", "trunk", "primary")
MIDDLE = ("secondary", "tertiary")


class Palette(BaseModel):
    """The colours as stored; capture_colours has one entry more than capture_breaks."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    paper: str
    ink: str
    muted: str
    zone_line: str
    street: dict[str, str]
    tiers: tuple[str, ...]
    capture_breaks: tuple[float, ...]
    capture_colours: tuple[str, ...]
    flow: str
    unserved: str
    routes: tuple[str, ...]

    def tier(self, number: int) -> str:
        """Colour of the tier of that position in the chain."""
        return self.tiers[number % len(self.tiers)]

    def capture(self, share: float) -> str:
        """Colour of a captured share."""
        return self.capture_colours[bisect.bisect_right(self.capture_breaks, share)]

    def capture_classes(self) -> list[CaptureClass]:
        """The classes of captured share from low to high."""
        edges = (0.0, *self.capture_breaks, 1.0)
        return [CaptureClass(low, high, colour)
                for low, high, colour in zip(edges, edges[1:], self.capture_colours, strict=False)]


@dataclass(frozen=True)
class CaptureClass:
    """One class of captured share: low <= share < high."""

    low: float
    high: float
    colour: str

    @property
    def label(self) -> str:
        """For example "10-20 %"."""
        return f"{self.low * 100:.0f}–{self.high * 100:.0f} %"


def load_palette() -> Palette:
    """The palette shipped with the package."""
    return Palette.model_validate_json((files("service") / "web" / "palette.json").read_bytes())


def street_rank(highway: object) -> str:
    """"major", "middle" or "minor" for an OSM highway class (a list of classes counts by its first)."""
    word = str(highway).strip("[]'\" ").split("'")[0].removesuffix("_link")
    if word in MAJOR:
        return "major"
    return "middle" if word in MIDDLE else "minor"
