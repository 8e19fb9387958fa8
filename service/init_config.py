"""The tables of `recynet init` (configs/init/osm_tags.yaml) as checked models, and as geodata takes them."""

from __future__ import annotations

import os
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError

from geodata.osm_areas_classes import (
    BuildingClass,
    ExclusionClass,
    HomeTerms,
    LandTerms,
    Meanings,
    StreetTerms,
    TagClass,
)
from geodata.tables import DataError
from optimizer.network import Config, Identifier, NonNegative, Positive, Share, Title
from service.lookup import CONFIGS_VARIABLE
from service.yaml_files import read_yaml, validation_faults

TABLE = "osm_tags.yaml"
DEFAULT = "default"
TagTable = dict[str, tuple[str, ...]]


class ClassConfig(Config):
    """One class: a name and the tags that make a feature one of it."""

    name: Identifier = Field(alias="class")
    tags: TagTable

    def made(self) -> TagClass:
        """The same for geodata."""
        return TagClass(self.name, self.tags)


class BuildingConfig(ClassConfig):
    """A class of buildings with homes."""

    storeys: Positive
    lived_in: Share
    only_off_land: bool = False


class PointConfig(ClassConfig):
    """A class of points of interest."""

    host: bool = False
    """Whether such a place may hold a site of the first tier."""


class StreetsConfig(Config):
    """Classes of streets."""

    leave_out: tuple[str, ...]
    margin_m: NonNegative
    block_walls: tuple[str, ...]
    lived_in: tuple[str, ...]


class CommunitiesConfig(Config):
    """What makes a community."""

    classes: tuple[ClassConfig, ...]
    min_area_m2: NonNegative
    covered_share: Share
    max_block_m2: Positive


class BuildingsConfig(Config):
    """Which buildings are homes."""

    classes: tuple[BuildingConfig, ...]
    not_homes: tuple[str, ...]
    min_share_of_communities: Share
    source: str


class PopulationConfig(Config):
    """Figures of the estimate of persons, with their sources."""

    floor_m2_per_person: Positive
    floor_source: str
    persons_per_street_m: Positive
    street_source: str
    max_street_m_per_ha: Positive


class TierLandConfig(Config):
    """What one tier may stand on."""

    land_use: tuple[str, ...]
    max_distance_to_street_m: NonNegative


class LandConfig(Config):
    """Candidate land."""

    classes: tuple[ClassConfig, ...]
    min_area_m2: NonNegative
    inside_share: Annotated[float, Field(gt=0, le=1)]
    cut_above_m2: Positive
    fewest_parcels: Annotated[int, Field(ge=1)]
    not_land: TagTable
    for_tiers: dict[str, TierLandConfig]

    def for_tier(self, tier_id: str) -> TierLandConfig:
        """What a tier may stand on."""
        return self.for_tiers.get(tier_id, self.for_tiers[DEFAULT])


class ExclusionTagsConfig(Config):
    """Areas where nothing may stand."""

    name: Identifier
    title: Title
    buffer_m: NonNegative
    tags: TagTable


class InitConfig(Config):
    """All tables."""

    schema_version: Literal[1]
    init: str
    streets: StreetsConfig
    communities: CommunitiesConfig
    buildings: BuildingsConfig
    population: PopulationConfig
    land: LandConfig
    exclusions: tuple[ExclusionTagsConfig, ...]
    points_of_interest: tuple[PointConfig, ...]

    def meanings(self) -> Meanings:
        """The same for geodata."""
        homes, built, people = self.communities, self.buildings, self.population
        return Meanings(
            StreetTerms(self.streets.leave_out, self.streets.margin_m, self.streets.block_walls, self.streets.lived_in),
            HomeTerms(tuple(c.made() for c in homes.classes), homes.min_area_m2, homes.covered_share,
                      homes.max_block_m2,
                      tuple(BuildingClass(b.name, b.tags, b.storeys, b.lived_in, b.only_off_land)
                            for b in built.classes),
                      built.not_homes, built.min_share_of_communities, people.floor_m2_per_person,
                      people.persons_per_street_m, people.max_street_m_per_ha),
            LandTerms(tuple(c.made() for c in self.land.classes), self.land.min_area_m2, self.land.inside_share,
                      self.land.cut_above_m2, TagClass("not_land", self.land.not_land)),
            tuple(ExclusionClass(e.name, e.tags, e.buffer_m) for e in self.exclusions),
            tuple(c.made() for c in self.points_of_interest))


def load_init_config() -> InitConfig:
    """The tables: $RECYNET_CONFIGS/init/osm_tags.yaml where there is one, else the packaged ones.

    DataError with every fault of the file.
    """
    path = _table("init/" + TABLE)
    try:
        return InitConfig.model_validate(read_yaml(path.read_text(encoding="utf-8"), f"init/{TABLE}"))
    except ValidationError as error:
        raise DataError(validation_faults(error, InitConfig, f"init/{TABLE}")) from error


def _table(name: str) -> Path | Traversable:
    own = os.environ.get(CONFIGS_VARIABLE)
    if own and (Path(own) / name).is_file():
        return Path(own) / name
    return files("configs").joinpath(name)
