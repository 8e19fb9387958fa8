"""A town drawn in metres, as an OpenStreetMap file and as the answer of an Overpass server to any question."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

LON, LAT = 9.0, 0.1
"""On the middle line of UTM zone 32, near the equator."""
M_PER_DEGREE_LON, M_PER_DEGREE_LAT = 111_319.3, 110_574.4
XY = tuple[float, float]


class OsmTown:
    """Nodes, ways and relations; a place in metres is one node, however often it is used."""

    def __init__(self) -> None:
        self.nodes: dict[XY, tuple[int, dict[str, str]]] = {}
        self.ways: dict[int, tuple[list[int], dict[str, str]]] = {}
        self.relations: dict[int, tuple[list[tuple[str, int, str]], dict[str, str]]] = {}
        self.lost: set[int] = set()
        """Nodes and ways that others name but the file does not have."""

    def node(self, x: float, y: float, **tags: str) -> int:
        """The node at a place."""
        number, old = self.nodes.setdefault((x, y), (len(self.nodes) + 1, {}))
        old.update(_keys(tags))
        return number

    def way(self, points: Sequence[XY], **tags: str) -> int:
        """A way along places; the first one again at the end closes it. A tag's colon is written as __."""
        number = 1000 + len(self.ways)
        self.ways[number] = ([self.node(*point) for point in points], _keys(tags))
        return number

    def box(self, x: float, y: float, width: float, height: float, **tags: str) -> int:
        """A closed way around a box."""
        corners = [(x, y), (x + width, y), (x + width, y + height), (x, y + height), (x, y)]
        return self.way(corners, **tags)

    def relation(self, members: Sequence[tuple[int, str]], **tags: str) -> int:
        """A multipolygon of ways with their roles."""
        number = 5000 + len(self.relations)
        self.relations[number] = ([("way", way, role) for way, role in members],
                                  {"type": "multipolygon", **_keys(tags)})
        return number

    def streets(self, columns: int, rows: int, side: float = 100.0, **tags: str) -> None:
        """Streets around blocks of one side, each way from one end of the town to the other."""
        tags = {"highway": "residential", **tags}
        for column in range(columns + 1):
            self.way([(column * side, row * side) for row in range(rows + 1)], **tags)
        for row in range(rows + 1):
            self.way([(column * side, row * side) for column in range(columns + 1)], **tags)

    def write(self, path: Path) -> Path:
        """The town as an .osm file."""
        root = ElementTree.Element("osm", version="0.6")
        for element in self.elements():
            attributes = {key: f"{element[key]:.7f}" if key in ("lon", "lat") else str(element[key])
                          for key in ("id", "lon", "lat") if key in element}
            tree = ElementTree.SubElement(root, str(element["type"]), {**attributes, "version": "1"})
            for ref in element.get("nodes", []):
                ElementTree.SubElement(tree, "nd", ref=str(ref))
            for member in element.get("members", []):
                ElementTree.SubElement(tree, "member", {key: str(value) for key, value in member.items()})
            for key, value in element.get("tags", {}).items():
                ElementTree.SubElement(tree, "tag", k=key, v=value)
        ElementTree.ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)
        return path

    def elements(self) -> list[dict]:
        """The town as Overpass answers: one object per element, as with `out;`."""
        found: list[dict] = [
            {"type": "node", "id": number, **dict(zip(("lon", "lat"), degrees(x, y), strict=True)),
             **({"tags": tags} if tags else {})}
            for (x, y), (number, tags) in self.nodes.items() if number not in self.lost]
        found += [{"type": "way", "id": number, "nodes": nodes, "tags": tags}
                  for number, (nodes, tags) in self.ways.items() if number not in self.lost]
        return found + [{"type": "relation", "id": number, "tags": tags,
                         "members": [{"type": kind, "ref": ref, "role": role} for kind, ref, role in members]}
                        for number, (members, tags) in self.relations.items()]


def degrees(x: float, y: float) -> XY:
    """Longitude and latitude of a place in metres, as exact as OpenStreetMap stores them."""
    return round(LON + x / M_PER_DEGREE_LON, 7), round(LAT + y / M_PER_DEGREE_LAT, 7)


def _keys(tags: dict[str, str]) -> dict[str, str]:
    return {key.replace("__", ":"): value for key, value in tags.items()}


def small_town() -> OsmTown:
    """Sixteen blocks of 150 m: homes in the west, works in the east, a pond, a park, a shop and a school."""
    town = OsmTown()
    town.streets(4, 4, 150.0)
    town.box(10, 10, 130, 130, landuse="residential", name="South-west")
    for column, row in ((0, 1), (0, 2), (0, 3), (1, 0), (1, 1), (1, 2)):
        town.box(column * 150 + 20, row * 150 + 20, 40, 60, building="apartments", building__levels="5")
        town.box(column * 150 + 80, row * 150 + 20, 20, 20, building="house")
    town.box(30, 30, 60, 40, building="residential", building__levels="6")
    town.box(310, 10, 130, 130, landuse="industrial")
    town.box(460, 10, 130, 130, landuse="industrial")
    town.box(310, 160, 100, 100, landuse="brownfield")
    town.box(460, 160, 130, 100, landuse="commercial")
    town.box(470, 170, 20, 20, amenity="parking")
    town.box(460, 320, 100, 100, natural="water")
    outer, inner = town.box(310, 310, 130, 130), town.box(350, 350, 20, 20)
    town.relation([(outer, "outer"), (inner, "inner")], leisure="park")
    town.node(75, 155, shop="supermarket", name="Markt")
    town.box(160, 460, 80, 60, amenity="school")
    return town
