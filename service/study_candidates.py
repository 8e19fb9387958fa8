"""The keys of a study that say where candidates come from and what is asked of them."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from optimizer.network import Config, Identifier, NonNegative, Positive, Title


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

    @model_validator(mode="after")
    def _groups_differ(self) -> Self:
        both = sorted(set(self.hosts) & set(self.point_kinds))
        if both:
            raise ValueError(f"{both} are both hosts and point_kinds")
        return self

    @property
    def groups(self) -> dict[str, tuple[str, ...]]:
        """What the places of every named group of points are called."""
        return {**{name: host.kinds for name, host in self.hosts.items()}, **self.point_kinds}
