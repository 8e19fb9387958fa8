"""Vehicle classes of the streets as a YAML file: every figure with its source, handed to geodata as plain rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError, model_validator

from geodata.osm_network import MODES
from geodata.osm_tags import VehicleClass
from geodata.roads import FOOT_ONLY
from geodata.tables import DataError
from optimizer.network import Config, Identifier, Positive, Share, Title
from service.yaml_files import read_yaml_file, validation_faults

Source = Annotated[str, Field(min_length=1)]
STREETS = ("motorway", "motorway_link", "trunk", "trunk_link", "primary", "primary_link", "secondary",
           "secondary_link", "tertiary", "tertiary_link", "unclassified", "residential", "living_street", "service",
           "road")
"""Highway values that vehicles use; others are for those on foot, or open by a tag of their own."""
TRUCK_KEYS = ("hgv", "goods", "motor_vehicle", "vehicle", "access")
GATES = frozenset({"cattle_grid", "border_control", "toll_booth", "sally_port", "gate", "lift_gate", "swing_gate",
                   "sliding_gate", "hampshire_gate", "entrance", "height_restrictor", "kerb", "arch"})


class Figure(Config):
    """A number and where it comes from ("assumed" where nowhere)."""

    value: Positive
    source: Source


class ShareFigure(Config):
    """A share above 0 and where it comes from."""

    value: Annotated[Share, Field(gt=0.0)]
    source: Source


class Answer(Config):
    """Yes or no, and where it comes from."""

    value: bool
    source: Source


class Words(Config):
    """Words of OpenStreetMap, and where the choice comes from."""

    values: tuple[str, ...]
    source: Source


class Speeds(Config):
    """km/h per highway value, and where they come from."""

    values: Annotated[dict[str, Positive], Field(min_length=1)]
    source: Source


class VehicleClassConfig(Config):
    """One vehicle class; see geodata.osm_tags.VehicleClass for what each field does."""

    id: Identifier
    title: Title
    gvw_t: Figure
    axle_t: Figure
    height_m: Figure
    width_m: Figure
    length_m: Figure
    speed_cap_km_per_h: Figure
    share_of_maxspeed: ShareFigure
    speed_km_per_h: Speeds
    opened_speed_km_per_h: Figure
    access_keys: Words
    opening_keys: Words
    may_use_motorroad: Answer
    passes_barriers: Words

    @model_validator(mode="after")
    def _keys_fit(self) -> VehicleClassConfig:
        unknown = [key for key in self.access_keys.values if key not in MODES]
        foreign = [key for key in self.opening_keys.values if key not in self.access_keys.values]
        if unknown:
            raise ValueError(f"access_keys: {', '.join(unknown)} is none of {', '.join(MODES)}")
        if foreign:
            raise ValueError(f"opening_keys: {', '.join(foreign)} is not among access_keys")
        if self.axle_t.value > self.gvw_t.value:
            raise ValueError("axle_t is more than gvw_t")
        return self

    def row(self) -> VehicleClass:
        """The same for geodata, without the sources."""
        return VehicleClass(
            self.id, self.gvw_t.value, self.axle_t.value, self.height_m.value, self.width_m.value, self.length_m.value,
            self.speed_cap_km_per_h.value, dict(self.speed_km_per_h.values), self.share_of_maxspeed.value,
            self.access_keys.values, frozenset(self.opening_keys.values), self.opened_speed_km_per_h.value,
            self.may_use_motorroad.value, frozenset(self.passes_barriers.values))


class VehicleClasses(Config):
    """A file of vehicle classes."""

    schema_version: Literal[1]
    vehicle_classes: Identifier
    classes: tuple[VehicleClassConfig, ...]

    @model_validator(mode="after")
    def _ids_differ(self) -> VehicleClasses:
        if not self.classes:
            raise ValueError("there is no class")
        twice = [id_ for id_, count in Counter(c.id for c in self.classes).items() if count > 1]
        if twice:
            raise ValueError(f"ids used twice: {', '.join(twice)}")
        return self

    def rows(self) -> tuple[VehicleClass, ...]:
        """The classes for geodata, in the order of the file."""
        return tuple(c.row() for c in self.classes)


def class_of_table(id_: str, speed_km_per_h: Mapping[str, float], barred_from: Collection[str]) -> VehicleClass:
    """A truck without limits of size or weight, as fast as a network's speed table says (`default` for the rest).

    A tagged limit counts where it is lower.
    """
    default = speed_km_per_h["default"]
    streets = {*STREETS, *speed_km_per_h} - {"default"} - set(barred_from) - FOOT_ONLY
    speeds = {highway: speed_km_per_h.get(highway, default) for highway in sorted(streets)}
    return VehicleClass(id_, 0.0, 0.0, 0.0, 0.0, 0.0, max(speeds.values(), default=default), speeds, None, TRUCK_KEYS,
                        frozenset({"hgv", "goods", "motor_vehicle"}), default, True, GATES)


def read_vehicle_classes(path: Path) -> VehicleClasses:
    """The vehicle classes of a YAML file. Raises DataError with every fault of it."""
    data = read_yaml_file(path)
    try:
        return VehicleClasses.model_validate(data)
    except ValidationError as error:
        raise DataError(validation_faults(error, VehicleClasses, path.name)) from error
