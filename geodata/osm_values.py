"""Numbers as OpenStreetMap writes them: weights in tonnes, lengths in metres, speeds in km/h. None: not understood."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from types import MappingProxyType

NO_LIMIT = frozenset({"none", "no", "unlimited", "default", "below_default", "no_sign", "unsigned", "no_indications"})
WALKING_KM_PER_H = 5.0
"""maxspeed=walk: no figure in law; walking pace, assumed."""

_NUMBER = re.compile(r"^(\d+(?:[.,]\d+)?)\s*([a-z/]*)$")
_FEET_INCHES = re.compile(r"^(\d+)\s*(?:'|ft)\s*(?:(\d+(?:\.\d+)?)\s*(?:\"|''|in))?$")
_TONNES: Mapping[str, float] = MappingProxyType({
    "": 1.0, "t": 1.0, "ton": 1.0, "tons": 1.0, "tonne": 1.0, "tonnes": 1.0, "mt": 1.0, "kg": 1e-3,
    "st": 0.90718474, "lbs": 0.00045359237, "lb": 0.00045359237, "lt": 1.0160469088})
_METRES: Mapping[str, float] = MappingProxyType({"": 1.0, "m": 1.0, "cm": 0.01, "ft": 0.3048, "feet": 0.3048})
_KM_PER_H: Mapping[str, float] = MappingProxyType({
    "": 1.0, "km/h": 1.0, "kmh": 1.0, "kph": 1.0, "mph": 1.609344, "knots": 1.852})

ZONE_SPEED_KM_PER_H: Mapping[str, float] = MappingProxyType({
    # Implementing Regulation of the Road Traffic Safety Law of China, articles 45 (one lane each way) and 78
    "CN:urban": 50.0, "CN:rural": 70.0, "CN:motorway": 120.0,
    # Brazil, Codigo de Transito art. 61; Finland, Road Traffic Act 729/2018
    "BR:urban": 60.0, "BR:rural": 60.0, "FI:urban": 50.0, "FI:rural": 80.0, "FI:motorway": 120.0})
"""Speed limits that a tag names by a country's rule instead of a number."""


def tonnes(text: str) -> float | None:
    """Weight in t ("7.5", "3.5 tonnes", "3500 kg", "8 st"); inf where the tag says that there is no limit."""
    return _number(text, _TONNES)


def metres(text: str) -> float | None:
    """Length in m ("3.8", "12 ft", 11'6"); inf where the tag says that there is no limit."""
    feet = _FEET_INCHES.match(text.strip().lower())
    if feet:
        return (int(feet[1]) + float(feet[2] or 0.0) / 12.0) * 0.3048
    return _number(text, _METRES)


def km_per_h(text: str) -> float | None:
    """Speed limit in km/h ("50", "30 mph", "CN:urban", "walk"); inf for none."""
    word = text.strip()
    if word.lower() == "walk":
        return WALKING_KM_PER_H
    return ZONE_SPEED_KM_PER_H[word] if word in ZONE_SPEED_KM_PER_H else _number(word, _KM_PER_H)


def _number(text: str, units: Mapping[str, float]) -> float | None:
    word = text.strip().lower()
    if word in NO_LIMIT:
        return math.inf
    match = _NUMBER.match(word)
    if match is None or match[2] not in units:
        return None
    value = float(match[1].replace(",", ".")) * units[match[2]]
    return value if value > 0.0 else None
