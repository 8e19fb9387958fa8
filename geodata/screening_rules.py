"""What land a tier asks for."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from geodata.suitability import SuitabilityRule

ASPECT_STEP = 1.15
"""Rectangles of a given area are tried from the squarest to the longest, each this much longer for its width."""


@dataclass(frozen=True)
class RectangleRule:
    """The shape a size needs: its own area as a rectangle no longer than so many widths, or fixed sides in metres."""

    max_aspect: float | None = None
    sides_m: tuple[float, float] | None = None

    def sides(self, area_m2: float) -> list[tuple[float, float]]:
        """Width and length of the rectangles that would do, squarest first."""
        if self.sides_m is not None:
            return [(min(self.sides_m), max(self.sides_m))]
        assert self.max_aspect is not None
        steps = max(1, math.ceil(math.log(self.max_aspect) / math.log(ASPECT_STEP))) if self.max_aspect > 1.0 else 0
        aspects = [self.max_aspect ** (n / steps) for n in range(steps + 1)] if steps else [1.0]
        return [(math.sqrt(area_m2 / k), math.sqrt(area_m2 * k)) for k in aspects]

    def area_m2(self, area_m2: float) -> float:
        """Area of the rectangle that a size of some area needs."""
        return area_m2 if self.sides_m is None else self.sides_m[0] * self.sides_m[1]


@dataclass(frozen=True)
class TierScreening:
    """What land one tier may stand on."""

    tier_id: str
    size_areas_m2: tuple[float, ...]
    """Land each size of the tier needs."""
    min_area_m2: float = 0.0
    max_area_m2: float | None = None
    land_use: tuple[str, ...] = ()
    """Classes allowed; empty allows all."""
    max_distance_to_street_m: float | None = None
    buffers_m: Mapping[str, float] = field(default_factory=dict)
    """Distance to keep from an exclusion layer (in place of the layer's own), from points of interest of a group, or
    from `communities`."""
    rectangle: RectangleRule | None = None
    """Shape that a size needs."""
    max_slope_share: float | None = None
    """Greatest rise over run."""
    slope_quantile: float | None = 0.9
    """Which slope of a parcel counts: this quantile of its area, or the mean (None)."""
    max_access_m: float | None = None
    """Most to a street in the connected network of the vehicle that feeds the tier."""
    suitability: SuitabilityRule | None = None
