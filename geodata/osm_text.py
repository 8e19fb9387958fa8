"""OpenStreetMap files as lines of text: libosmium filters a file and writes OPL, taken apart faster than objects are.

One line per object: `w123 Thighway=primary,name=A%20%B Nn1x114.3y30.6,n2x114.4y30.6`. Source: OPL File Format manual of
libosmium. Nodes come with their places; what is special in a text is written as %hex%.
"""

from __future__ import annotations

import re
import tempfile
from array import array
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
import osmium
import osmium.filter
from numpy.typing import NDArray
from osmium.osm import NODE, RELATION, WAY

from geodata.osm_restrictions import Member

Int = NDArray[np.int64]

MISSING = 2**31 - 1
"""Coordinate of a node that is not in the file, in units of 1e-7 degrees."""
UNITS_PER_DEGREE = 1e7
"""OpenStreetMap stores coordinates as integers of this unit."""
AT_ONCE = 2_000_000
"""Letters of places that are taken apart at once."""
_ESCAPED = re.compile(r"%([0-9a-f]+)%")
_BLANKS = str.maketrans("nxy,", "    ")
_MISSING_TEXT = f"x{MISSING / UNITS_PER_DEGREE!r}y{MISSING / UNITS_PER_DEGREE!r}"


class Line(NamedTuple):
    """An object: n, w or r, its id, its tags and its members, as written."""

    kind: str
    id: int
    tags: str
    rest: str


def lines(path: Path) -> Iterator[Line]:
    """Nodes that are barriers or of a highway value, ways with a highway tag, relations with a type, in file order.

    Nodes must come before ways. RuntimeError or OSError where the file cannot be read.
    """
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "streets.opl"
        _write(path, target)
        with target.open(encoding="utf-8", errors="replace", newline="\n") as text:
            for line in text:
                head, tags, *rest = line.rstrip("\n").split(" ")  # the writer gives the tags of every object, if empty
                yield Line(head[0], int(head[1:]), tags[1:], rest[0][1:])


def _write(path: Path, target: Path) -> None:
    places = osmium.NodeLocationsForWays(osmium.index.create_map("sparse_mem_array"))
    places.ignore_errors()
    filters = []
    for entity, keys in ((NODE, ("barrier", "highway")), (WAY, ("highway",)), (RELATION, ("type",))):
        only = osmium.filter.KeyFilter(*keys)
        only.enable_for(entity)
        filters.append(only)
    reader = osmium.io.Reader(str(path))
    writer = osmium.SimpleWriter(osmium.io.File(str(target), "opl,add_metadata=false,locations_on_ways=true"))
    try:
        osmium.apply(reader, places, *filters, writer)
    finally:
        writer.close()
        reader.close()


@dataclass(frozen=True)
class TagReader:
    """Picks the tags of some keys, with whatever follows a colon (hgv:conditional)."""

    pattern: re.Pattern[str]

    @classmethod
    def of(cls, keys: Collection[str]) -> TagReader:
        """The reader of some keys."""
        names = "|".join(re.escape(key) for key in sorted(keys, key=len, reverse=True))
        return cls(re.compile(rf"(?:^|,)((?:{names})(?::[^=,]*)?)=([^,]*)"))

    def pairs(self, tags: str) -> tuple[tuple[str, str], ...]:
        """Keys and values, sorted."""
        found = self.pattern.findall(tags)
        if "%" in tags:
            found = [(plain(key), plain(value)) for key, value in found]
        return tuple(sorted(found))


def plain(text: str) -> str:
    """A text without escapes."""
    return _ESCAPED.sub(lambda hexadecimal: chr(int(hexadecimal[1], 16)), text) if "%" in text else text


def all_tags(tags: str) -> dict[str, str]:
    """Every tag."""
    pairs = (tag.partition("=") for tag in tags.split(",") if tag)
    return {plain(key): plain(value) for key, _, value in pairs}


def members(text: str) -> list[Member]:
    """The members of a relation."""
    found = []
    for word in text.split(",") if text else ():
        ref, _, role = word.partition("@")
        found.append(Member(ref[0], int(ref[1:]), plain(role)))
    return found


@dataclass
class NodeRows:
    """The nodes of ways, one way after the other."""

    sizes: array[int] = field(default_factory=lambda: array("q"))
    _texts: list[str] = field(default_factory=list)
    _letters: int = 0
    _done: list[Int] = field(default_factory=list)

    def add(self, text: str) -> None:
        """The nodes of a further way, as written."""
        self.sizes.append(text.count("n"))
        self._texts.append(text)
        self._letters += len(text)
        if self._letters > AT_ONCE:
            self._take_apart()

    def rows(self) -> Int:
        """[nodes, 3]: id, longitude and latitude in units of 1e-7 degrees, MISSING where the file has no such node."""
        self._take_apart()
        return np.concatenate(self._done) if self._done else np.empty((0, 3), dtype=np.int64)

    def _take_apart(self) -> None:
        text = ",".join(self._texts).replace("xy", _MISSING_TEXT).translate(_BLANKS)
        if text.strip():
            numbers = np.fromstring(text, dtype=np.float64, sep=" ").reshape(-1, 3)
            numbers[:, 1:] *= UNITS_PER_DEGREE
            self._done.append(np.rint(numbers).astype(np.int64))
        self._texts.clear()
        self._letters = 0
