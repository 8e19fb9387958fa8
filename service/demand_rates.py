"""Rates of demand as a YAML file (configs/demand): factors for town and country, generators and what they give.

Kinds, words and settings are data: the program knows none by name.
"""

from __future__ import annotations

from collections import Counter
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from geodata.demand_input import GeneratorKind
from optimizer.network import Config, Identifier, NonNegative, Positive, Title

Mark = Literal["S", "S*", "D", "A", "M"]


class Sourced(Config):
    """Something with the origin of its figures."""

    id: Identifier
    title: Title
    words: tuple[str, ...] = ()
    """What files call it, besides its id."""
    mark: Mark
    source: Annotated[str, Field(min_length=1)]
    note: Title | None = None


class Setting(Sourced):
    """What zones are called, such as town and country, and how much people there give."""

    generation_factor: NonNegative = 1.0
    """Times what the network says of every material ..."""
    kg_per_person_day: dict[Identifier, NonNegative] = Field(default_factory=dict)
    """... except for materials that are given here."""


class Kind(Sourced):
    """A kind of generator: what its size is measured in, and what a unit of it gives a day."""

    measure: Literal["floor_area_m2", "heads_count", "site"]
    kg_per_unit_day: Annotated[dict[Identifier, NonNegative], Field(min_length=1)]
    """Per material; where a file gives the tonnes themselves, their split."""
    assumed_size: Positive | None = None
    """Size of a generator without one (an assumption); None: such rows are refused."""

    @model_validator(mode="after")
    def _gives_something(self) -> Self:
        if sum(self.kg_per_unit_day.values()) <= 0.0:
            raise ValueError("kg_per_unit_day needs a material with more than nothing")
        if self.measure == "site" and self.assumed_size is not None:
            raise ValueError("assumed_size belongs to kinds with a size, not to `measure: site`")
        return self

    def as_read(self) -> GeneratorKind:
        """What geodata must know of it."""
        return GeneratorKind(self.id, self.words, self.measure, self.assumed_size)


class DemandRates(Config):
    """One file of rates."""

    schema_version: Literal[1]
    demand: Identifier
    title: Title
    settings: tuple[Setting, ...] = ()
    generators: tuple[Kind, ...] = ()

    @model_validator(mode="after")
    def _words_are_clear(self) -> Self:
        faults = [f"{what}: '{word}' is used {count} times" for what, entries in
                  (("settings", self.settings), ("generators", self.generators))
                  for word, count in Counter(w for e in entries for w in {e.id, *e.words}).items() if count > 1]
        if faults:
            raise ValueError("; ".join(faults))
        return self
