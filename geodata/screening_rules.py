"""What land a tier asks for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from geodata.rectangle import RectangleRule
from geodata.suitability import SuitabilityRule


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
