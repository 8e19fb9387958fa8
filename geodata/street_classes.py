"""Street classes of Chinese road layers in the words of OpenStreetMap, which networks and vehicles use.

Urban classes as in GB 50220-95 and CJJ 37-2012 (快速路, 主干路, 次干路, 支路); the pairing is OpenStreetMap's usual
one in China (wiki: Tagging in China). 道 for 路 and words around the class do not matter.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

CLASSES: Mapping[str, str] = MappingProxyType({
    "高速": "motorway", "快速": "trunk", "国道": "primary", "主干": "primary", "省道": "primary", "次干": "secondary",
    "县道": "secondary", "支路": "tertiary", "乡道": "tertiary", "小区道路": "residential", "居住区道路": "residential",
    "街坊": "residential", "村道": "unclassified", "内部道路": "service", "步行": "pedestrian", "人行": "footway",
    "绿道": "cycleway", "非机动车": "cycleway"})
ROUNDABOUTS = frozenset({"roundabout", "circular"})
"""Values of the tag `junction` that make a street one-way where no tag says otherwise (wiki: Key:junction)."""
_RAMPS = ("匝道", "立交", "连接线")


def osm_class(word: str | None) -> str | None:
    """The highway value of a Chinese class, or the word itself where it is none of these.

    Of a list as OSMnx writes it, the first.
    """
    if word is None:
        return None
    if word.startswith("["):
        return osm_class(word.strip("[]").split(",")[0].strip(" '\""))
    for part, highway in CLASSES.items():
        if part in word:
            ramp = highway in ("motorway", "trunk", "primary") and any(r in word for r in _RAMPS)
            return f"{highway}_link" if ramp else highway
    return word
