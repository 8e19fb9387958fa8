"""An extract of an OpenStreetMap file that holds some streets only, with their nodes' tags and turn restrictions."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import osmium
from osmium.osm import RELATION, WAY, Node, Relation, Way

from geodata.tables import DataError, fault


@dataclass(frozen=True)
class Extract:
    """How much an extract holds."""

    node_count: int
    way_count: int
    restriction_count: int


def write_street_extract(source: Path, target: Path, ways: Collection[int]) -> Extract:
    """Write the ways with these ids, all of their nodes, and the turn restrictions among them, in the file's order.

    A restriction is kept when all ways it names are. DataError: file_unreadable.
    """
    try:
        nodes, restrictions = _wanted(source, ways)
        written = [0, 0, 0]
        with osmium.SimpleWriter(str(target), overwrite=True) as writer:
            for thing in osmium.FileProcessor(source):
                if isinstance(thing, Node) and thing.id in nodes:
                    writer.add_node(thing)
                    written[0] += 1
                elif isinstance(thing, Way) and thing.id in ways:
                    writer.add_way(thing)
                    written[1] += 1
                elif isinstance(thing, Relation) and thing.id in restrictions:
                    writer.add_relation(thing)
                    written[2] += 1
    except (RuntimeError, OSError) as error:
        reason = " ".join(str(error).replace(str(source), source.name).split())
        raise DataError([fault("file_unreadable", file=source.name, reason=reason)]) from error
    return Extract(*written)


def _wanted(source: Path, ways: Collection[int]) -> tuple[set[int], set[int]]:
    """Nodes of the ways, and restrictions whose ways are all among them."""
    nodes: set[int] = set()
    restrictions: set[int] = set()
    for thing in osmium.FileProcessor(source, WAY | RELATION):
        if isinstance(thing, Way) and thing.id in ways:
            nodes.update(node.ref for node in thing.nodes)
        elif isinstance(thing, Relation) and _restricts(thing, ways):
            restrictions.add(thing.id)
    return nodes, restrictions


def _restricts(relation: Relation, ways: Collection[int]) -> bool:
    """Whether it is a turn restriction among these ways."""
    return ((relation.tags.get("type") or "").partition(":")[0] == "restriction"
            and all(member.type != "w" or member.ref in ways for member in relation.members))
