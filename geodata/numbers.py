"""Numbers as Chinese tables write them: thousands, full-width digits, 万, units in the heading, degrees and minutes."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Float = NDArray[np.float64]

UNITS: Mapping[str, Mapping[str, float]] = MappingProxyType({
    "persons": {"万人": 1e4, "千人": 1e3, "人": 1.0},
    "households": {"万户": 1e4, "千户": 1e3, "户": 1.0},
    "m2": {"平方公里": 1e6, "平方千米": 1e6, "km2": 1e6, "公顷": 1e4, "hm2": 1e4, "ha": 1e4, "万平方米": 1e4,
           "亩": 1e4 / 15.0, "平方米": 1.0, "m2": 1.0},
    "CNY": {"亿元": 1e8, "万元": 1e4, "元": 1.0},
})
"""What a heading or a cell may name, per unit of ours. A mu is 1/15 hectare (GB 3100 annex)."""

_NUMBER = re.compile(r"^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$", re.IGNORECASE)
_GROUPED = re.compile(r"^[+-]?\d{1,3}(,\d{3})+(\.\d+)?$")
_TAIL = re.compile(r"^(?P<number>[+-]?[\d.,]+)\s*(?P<wan>[万亿])?\s*(?P<unit>[^\d.,]*)$")
_DEGREES = re.compile(r"^(?P<d>\d{1,3})[°度](?:(?P<m>\d{1,2}(?:\.\d+)?)['′分])?"
                      r"(?:(?P<s>\d{1,2}(?:\.\d+)?)(?:\"|″|''|′′|秒))?[EN东北]?$")
_IN_BRACKETS = re.compile(r"[(\[（【]([^)\]）】]*)[)\]）】]\s*$")
_AT_END = re.compile(r"[/_:：]([^/_:：]+)$")


def as_number(value: object, unit: str = "1", heading_factor: float = 1.0) -> float:
    """One cell as a number in our unit, NaN where it is none; booleans are none.

    The factor of the heading counts for plain numbers; a cell with a unit of its own says itself what it means.
    """
    if isinstance(value, bool | np.bool_):
        return float("nan")
    if isinstance(value, int | float | np.integer | np.floating):
        return float(value) * heading_factor
    if not isinstance(value, str):
        return float("nan")
    text = unicodedata.normalize("NFKC", value).strip()
    plain = text.replace(",", "") if _GROUPED.match(text) else text
    if _NUMBER.match(plain):
        return float(plain) * heading_factor
    return _with_unit(text, unit)


def _with_unit(text: str, unit: str) -> float:
    """'1.2万人' as persons; NaN where the unit is another or nothing can be read."""
    found = _TAIL.match(text)
    if found is None:
        return float("nan")
    digits = found["number"].replace(",", "") if _GROUPED.match(found["number"]) else found["number"]
    own, known = found["unit"].strip(), UNITS.get(unit, {})
    if not _NUMBER.match(digits) or (own and own not in known):
        return float("nan")
    factor = {"万": 1e4, "亿": 1e8}.get(found["wan"] or "", 1.0)
    return float(digits) * factor * (known[own] if own else 1.0)


def as_degrees(value: object) -> float:
    """Longitude or latitude of a cell, also as 114°18′22.5″, NaN where it is neither."""
    if isinstance(value, str):
        found = _DEGREES.match(value.replace(" ", "").strip())
        if found is not None:
            return float(found["d"]) + float(found["m"] or 0.0) / 60.0 + float(found["s"] or 0.0) / 3600.0
    return as_number(value)


def heading_factor(heading: str, unit: str) -> float:
    """What a column's numbers are multiplied by when its heading names a unit, as in 常住人口(万人); 1 otherwise."""
    text = unicodedata.normalize("NFKC", heading).strip()
    found = _IN_BRACKETS.search(text) or _AT_END.search(text)
    named = "" if found is None else found[1].strip()
    return UNITS.get(unit, {}).get(named, 1.0)


def numbers(given: pd.Series, unit: str) -> Float:
    """A column in our unit, [rows], NaN where a cell is no number; its heading may name another unit."""
    factor = heading_factor(str(given.name), unit)
    return np.array([as_number(value, unit, factor) for value in given.to_numpy(dtype=object)], dtype=np.float64)
