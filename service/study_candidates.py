"""The keys of a study that say where candidates come from and what is asked of them."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from geodata.screening_rules import RectangleRule, TierScreening
from optimizer.network import Config, Identifier, NonNegative, Positive, Tier, Title
from service.study_suitability import SuitabilityConfig

POINT_MEASURES = frozenset({"distance_to_street_m", "access_m", "distance_m", "host"})
"""What can be measured of sites that stand on no land of their own."""


class HostConfig(Config):
    """One kind of place that may host a site of the first tier."""

    kinds: Annotated[tuple[str, ...], Field(min_length=1)]
    """What such places are called in the points of interest: a value, or key=value of a column."""
    title: Title | None = None
    sizes: Annotated[tuple[Identifier, ...], Field(min_length=1)] | None = None
    """Sizes of the first tier that may stand there; None: all."""
    build_cost_share: NonNegative = 1.0
    """Of what a size costs to build elsewhere, such as 0.4 where a house for sorted waste stands already."""
    fixed_cost_share: NonNegative = 1.0
    """Of what a size costs a year elsewhere."""
    mark: Literal["S", "S*", "D", "A", "M"] = "A"
    """Where the shares come from: sourced, weakly sourced, derived, assumed, from memory."""
    source: str = "study file"


class CandidatesConfig(Config):
    """Candidates of the first tier: at hosts, and at points along streets."""

    spacing_m: Positive = 120.0
    """Points along streets keep this distance from one another and from hosts."""
    hosts: dict[Identifier, HostConfig] = Field(default_factory=dict)
    """Kinds of host, preferred ones first."""
    host_reach_m: Positive = 50.0
    """Most between a host and a street that residents walk and the collecting vehicle drives."""
    host_apart_m: NonNegative = 30.0
    """Hosts nearer to one another than this are one place listed twice: the preferred one stays."""
    point_kinds: dict[Identifier, tuple[str, ...]] = Field(default_factory=dict)
    """Further groups of points of interest by what they are called, for `buffers_m` and suitability only."""
    suitability: SuitabilityConfig | None = None
    """Criteria that make up a score of hosts and of points along streets."""

    @model_validator(mode="after")
    def _groups_differ(self) -> Self:
        both = sorted(set(self.hosts) & set(self.point_kinds))
        if both:
            raise ValueError(f"{both} are both hosts and point_kinds")
        return self

    @model_validator(mode="after")
    def _scores_points(self) -> Self:
        if self.suitability is not None:
            others = sorted(self.suitability.measures() - POINT_MEASURES)
            if others:
                raise ValueError(f"suitability of the first tier cannot measure {others}")
            if self.suitability.min_score_share is not None:
                raise ValueError("min_score_share is for land")
        return self

    @property
    def groups(self) -> dict[str, tuple[str, ...]]:
        """What the places of every named group of points are called."""
        return {**{name: host.kinds for name, host in self.hosts.items()}, **self.point_kinds}


class RectangleConfig(Config):
    """The shape of land that a size needs: a rectangle of its own area, or one of given sides."""

    max_aspect: Annotated[float, Field(ge=1.0, le=20.0)] | None = None
    """The rectangle has the area of the size and is at most so many times as long as wide."""
    width_m: Positive | None = None
    length_m: Positive | None = None

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        sides = [side for side in (self.width_m, self.length_m) if side is not None]
        if len(sides) == 1 or (self.max_aspect is None) == (not sides):
            raise ValueError("give either max_aspect, or width_m and length_m")
        return self

    def rule(self) -> RectangleRule:
        """The same for screening."""
        sides = None if self.width_m is None or self.length_m is None else (self.width_m, self.length_m)
        return RectangleRule(self.max_aspect, sides)


class ScreeningConfig(Config):
    """What land one tier may stand on."""

    min_area_m2: NonNegative = 0.0
    max_area_m2: Positive | None = None
    land_use: tuple[str, ...] = ()
    buffers_m: dict[str, NonNegative] = Field(default_factory=dict)
    """Distance to keep from an exclusion layer, a group of points of interest, or from `communities`."""
    max_distance_to_street_m: NonNegative | None = None
    """To any street that vehicles use."""
    max_access_m: NonNegative | None = None
    """To a street in the connected network of the vehicle that feeds the tier."""
    rectangle: RectangleConfig | None = None
    max_slope_share: NonNegative | None = None
    """Greatest slope, rise over run; needs inputs.elevation."""
    slope: Literal["mean", "p90"] = "p90"
    """Which slope of a parcel counts: the mean, or the one that nine tenths of its area keep below."""
    suitability: SuitabilityConfig | None = None
    """Criteria that make up a score."""

    @model_validator(mode="after")
    def _scores_land(self) -> Self:
        if self.suitability is not None and "host" in self.suitability.measures():
            raise ValueError("land stands at no host")
        return self

    def screening(self, tier: Tier) -> TierScreening:
        """The same for the land of a tier."""
        return TierScreening(
            tier.id, tuple(size.area_m2 for size in tier.sizes), self.min_area_m2, self.max_area_m2, self.land_use,
            self.max_distance_to_street_m, self.buffers_m, None if self.rectangle is None else self.rectangle.rule(),
            self.max_slope_share, None if self.slope == "mean" else 0.9, self.max_access_m,
            None if self.suitability is None else self.suitability.rule())
