"""The `streets` block of a study: in which hours drives are measured, and what vehicles may do on the streets."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from geodata.osm_conditions import week_of
from optimizer.network import Config, Identifier, NonNegative

OSM_ONLY = ("u_turns", "u_turn_s", "signal_s", "gate_s")
"""Keys that mean nothing on streets that are mere lines."""


class SlotConfig(Config):
    """Hours of the week, and how slow the streets are in them."""

    days: str = "Mo-Fr"
    """Weekdays in the words of opening_hours."""
    hour: Annotated[int, Field(ge=0, le=23)] = 10
    """Drives are those from this hour on: a ban or condition that holds at any minute, on any of the days, counts."""
    until_hour: Annotated[int, Field(ge=1, le=24)] | None = None
    """... until this one; None: for one hour."""
    congestion: dict[str, Annotated[float, Field(ge=1.0)]] = Field(default_factory=dict)
    """How many times longer a highway value takes than in free flow; `default` for all others, else 1."""

    @field_validator("days")
    @classmethod
    def _are_weekdays(cls, days: str) -> str:
        if week_of(f"{days} 00:00-24:00") is None or any(letter.isdigit() for letter in days):
            raise ValueError("write weekdays such as Mo-Fr or Mo,We,Fr")
        return days

    @model_validator(mode="after")
    def _hours_go_on(self) -> Self:
        if self.until_hour is not None and self.until_hour <= self.hour:
            raise ValueError("until_hour must be later than hour")
        return self

    @property
    def hours(self) -> str:
        """The hours on their days, as opening_hours."""
        return f"{self.days} {self.hour:02d}:00-{self.until_hour or self.hour + 1:02d}:00"

    @property
    def week(self) -> int:
        """The same as minutes of the week (geodata.osm_conditions)."""
        found = week_of(self.hours)
        assert found is not None, "days were checked when the study was read"
        return found


class StreetsConfig(SlotConfig):
    """The hours of all vehicles and of single ones, their classes, and what is lost at crossings."""

    vehicle_classes: Identifier = "default"
    """A file of configs/vehicle_classes, or of the study's own folder."""
    vehicles: dict[Identifier, SlotConfig] = Field(default_factory=dict)
    """Per vehicle of the network: hours of its own, such as the night."""
    u_turns: Literal["dead_ends", "everywhere", "nowhere"] = "dead_ends"
    """Where a truck may turn round on the street."""
    u_turn_s: NonNegative = 0.0
    signal_s: NonNegative = 0.0
    """Lost at traffic lights."""
    gate_s: NonNegative = 0.0
    """Lost at a gate that must be opened."""

    def slot(self, vehicle_id: str) -> SlotConfig:
        """The hours of a vehicle: what it names of its own, and of the rest what all have."""
        own = self.vehicles.get(vehicle_id)
        if own is None:
            return self
        given = {name: getattr(own, name) for name in own.model_fields_set}
        common = {name: getattr(self, name) for name in SlotConfig.model_fields}
        if "hour" in given:
            common["until_hour"] = None  # the end of other hours is none of these
        return SlotConfig(**{**common, **given})

    @model_validator(mode="after")
    def _vehicles_have_hours(self) -> Self:
        for vehicle_id in self.vehicles:
            self.slot(vehicle_id)
        return self
