"""What the tags of OpenStreetMap mean to a new study: classes of things, and the figures of its estimates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class TagClass:
    """A class of things: those with one of the tags; no value listed means any value."""

    name: str
    tags: Mapping[str, tuple[str, ...]]

    def holds(self, tags: Mapping[str, str]) -> bool:
        """Whether a thing with these tags belongs to the class; values may be lists ("a;b")."""
        return any(key in tags and (not values or any(v.strip() in values for v in tags[key].split(";")))
                   for key, values in self.tags.items())


@dataclass(frozen=True)
class BuildingClass(TagClass):
    """A class of buildings that people live in."""

    storeys: float
    """Where the building does not say."""
    lived_in_share: float
    """Share of the floor area that is homes."""
    only_off_land: bool = False
    """Whether one on industrial, commercial or other land of `land` is taken for a workplace."""


@dataclass(frozen=True)
class ExclusionClass(TagClass):
    """Areas where nothing may stand, with the distance to keep."""

    buffer_m: float


@dataclass(frozen=True)
class StreetTerms:
    """Which streets there are, which bound a block, and along which people live (highway values)."""

    leave_out: tuple[str, ...]
    margin_m: float
    block_walls: tuple[str, ...]
    lived_in: tuple[str, ...]


@dataclass(frozen=True)
class HomeTerms:
    """Where people live, and how many."""

    residential: tuple[TagClass, ...]
    min_area_m2: float
    covered_share: float
    max_block_m2: float
    buildings: tuple[BuildingClass, ...]
    not_homes: tuple[str, ...]
    """Keys that make a building something else."""
    min_share_of_communities: float
    floor_m2_per_person: float
    persons_per_street_m: float
    max_street_m_per_ha: float


@dataclass(frozen=True)
class LandTerms:
    """Which areas are candidate land."""

    classes: tuple[TagClass, ...]
    min_area_m2: float
    inside_share: float
    cut_above_m2: float
    """Larger areas are cut along streets."""
    not_land: TagClass


@dataclass(frozen=True)
class Meanings:
    """All of it."""

    streets: StreetTerms
    homes: HomeTerms
    land: LandTerms
    exclusions: tuple[ExclusionClass, ...]
    points_of_interest: tuple[TagClass, ...]

    def classes(self) -> tuple[TagClass, ...]:
        """Every class of points and areas."""
        return (*self.homes.residential, *self.homes.buildings, *self.land.classes, *self.exclusions,
                *self.points_of_interest)

    def keys(self) -> frozenset[str]:
        """Keys of points and areas that a class asks for."""
        return frozenset(key for c in self.classes() for key in c.tags)


def class_of(tags: Mapping[str, str], classes: Sequence[TagClass]) -> TagClass | None:
    """The first class that holds, or None."""
    return next((c for c in classes if c.holds(tags)), None)
