"""Names of indicators: which ones hold the id of a tier, a vehicle or a kind of tour, and what a reader calls them.

A catalogue key such as `kpi.{tier}_land_m2` is the pattern of the names it titles; its text has the same placeholders.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from optimizer.network import Network, Title

KINDS = ("collection", "line_haul")
"""Kinds of tours; their titles stand in the catalogue as word.<kind>."""
_HOLE = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True)
class Labels:
    """The ids that occur in names of indicators, with what readers call them."""

    tiers: Mapping[str, Title] = field(default_factory=dict)
    vehicles: Mapping[str, Title] = field(default_factory=dict)


@dataclass(frozen=True)
class Match:
    """A name taken apart: its pattern and the id in each hole."""

    pattern: str
    ids: Mapping[str, str]


def labels_of_network(network: Network) -> Labels:
    """The titles of a network's tiers and vehicles by id."""
    return Labels({tier.id: tier.title for tier in network.tiers}, {v.id: v.title for v in network.vehicles})


def match(name: str, patterns: Iterable[str], labels: Labels) -> Match | None:
    """The first pattern a name follows, None where there is none.

    {tier} and {lower} stand for a tier's id, {vehicle} for a vehicle's, {kind} for a kind of tours, {type} for any
    word.
    """
    allowed = {"tier": tuple(labels.tiers), "lower": tuple(labels.tiers), "vehicle": tuple(labels.vehicles),
               "kind": KINDS, "type": None}
    for pattern in patterns:
        found = re.fullmatch("".join(_expression(pattern, allowed)), name)
        if found is not None:
            return Match(pattern, found.groupdict())
    return None


def _expression(pattern: str, allowed: Mapping[str, tuple[str, ...] | None]) -> Iterator[str]:
    """The pieces of a regular expression; a hole without any allowed id matches nothing."""
    end = 0
    for hole in _HOLE.finditer(pattern):
        ids = allowed[hole[1]]
        choice = r"\w+" if ids is None else "|".join(map(re.escape, ids)) or r"(?!)"
        yield re.escape(pattern[end:hole.start()])
        yield f"(?P<{hole[1]}>{choice})"
        end = hole.end()
    yield re.escape(pattern[end:])


def within_sentence(text: str, title: str, hole: str) -> str:
    """A title as it stands in that hole of a text: capital where it opens the text, else small."""
    if text.startswith(f"{{{hole}}}"):
        return title[:1].upper() + title[1:]
    return title if title[1:2].isupper() else title[:1].lower() + title[1:]
