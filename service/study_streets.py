"""The `streets` block of a study: how the streets of an OpenStreetMap file are driven."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator

from geodata.osm_conditions import week_of
from optimizer.network import Config, NonNegative, Positive


class StreetsConfig(Config):
    """Vehicle classes, the hours that drives are measured in, and what is lost at crossings."""

    vehicle_classes: str = "default"
    """A file of configs/vehicle_classes, or of the study's own folder."""
    days: str = "Mo-Fr"
    """Weekdays in the words of opening_hours."""
    hour: Annotated[int, Field(ge=0, le=23)] = 10
    """Drives are those of this hour: a ban or condition that holds at any minute of it, on any of the days, counts."""
    congestion: dict[str, Positive] = Field(default_factory=dict)
    """How many times longer a highway value takes than in free flow; `default` for all others, else 1."""
    u_turns: Literal["dead_ends", "everywhere", "nowhere"] = "dead_ends"
    """Where a truck may turn round on the street."""
    u_turn_s: NonNegative = 0.0
    signal_s: NonNegative = 0.0
    """Lost at traffic lights."""
    gate_s: NonNegative = 0.0
    """Lost at a gate that must be opened."""

    @field_validator("days")
    @classmethod
    def _are_weekdays(cls, days: str) -> str:
        if week_of(f"{days} 00:00-24:00") is None or any(letter.isdigit() for letter in days):
            raise ValueError("write weekdays such as Mo-Fr or Mo,We,Fr")
        return days

    @property
    def hours(self) -> str:
        """The hour on its days, as opening_hours."""
        return f"{self.days} {self.hour:02d}:00-{self.hour + 1:02d}:00"

    @property
    def week(self) -> int:
        """The same as minutes of the week (geodata.osm_conditions)."""
        found = week_of(self.hours)
        assert found is not None, "days were checked when the study was read"
        return found
