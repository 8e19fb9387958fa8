"""Query parameters of a page of features: bbox, limit, offset, property filters, and the links between pages."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from service.api.errors import BadQueryError
from service.api.settings import DEFAULT_LIMIT, MAX_LIMIT
from service.layer_index import Box
from service.layer_schema import LayerSchema, Property

RESERVED = ("bbox", "limit", "offset", "datetime")
_WHOLE = re.compile(r"[0-9]{1,12}")
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?")
_MOMENT = r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})"
_DATETIME = re.compile(rf"{_MOMENT}|({_MOMENT}|\.\.|)/({_MOMENT}|\.\.|)")


@dataclass(frozen=True)
class PageQuery:
    """What one request for features asks for."""

    boxes: tuple[Box, ...]
    limit: int
    offset: int
    equal: Mapping[str, Any]


def parse_page(query: Iterable[tuple[str, str]], schema: LayerSchema) -> PageQuery:
    """The page a query string asks for; BadQueryError for an unknown, repeated or impossible parameter."""
    given: dict[str, str] = {}
    known = {p.name: p for p in schema.properties}
    for name, value in query:
        if name in given:
            raise BadQueryError(f"parameter '{name}' is given twice")
        if name not in RESERVED and name not in known:
            raise BadQueryError(f"unknown parameter '{_short(name)}'; known: {', '.join([*RESERVED, *known])}")
        given[name] = value
    if "datetime" in given and not _DATETIME.fullmatch(given["datetime"]):  # no layer has time: all features match
        raise BadQueryError("datetime is a time or an interval of RFC 3339")
    return PageQuery(
        boxes=parse_bbox(given["bbox"]) if "bbox" in given else (),
        limit=min(_whole(given.get("limit", str(DEFAULT_LIMIT)), "limit", 1), MAX_LIMIT),
        offset=_whole(given.get("offset", "0"), "offset", 0),
        equal={n: parse_value(known[n], v) for n, v in given.items() if n in known and n not in RESERVED})


def parse_bbox(text: str) -> tuple[Box, ...]:
    """One box, or two when it crosses the antimeridian; heights are ignored. BadQueryError when it is no box."""
    words = text.split(",")
    if len(words) not in (4, 6):
        raise BadQueryError("bbox has 4 (or 6) numbers: west,south,east,north")
    numbers = [_real(word, "bbox") for word in words]
    west, south, east, north = numbers if len(numbers) == 4 else (numbers[0], numbers[1], numbers[3], numbers[4])
    if not (-180 <= west <= 180 and -180 <= east <= 180 and -90 <= south <= north <= 90):
        raise BadQueryError("bbox is west,south,east,north in degrees with south <= north")
    if west <= east:
        return ((west, south, east, north),)
    return ((west, south, 180.0, north), (-180.0, south, east, north))


def parse_value(column: Property, text: str) -> Any:
    """The value a filter asks for, in the property's own type; BadQueryError where it cannot have it."""
    if column.kind == "boolean":
        if text not in ("true", "false"):
            raise BadQueryError(f"'{column.name}' is true or false")
        return text == "true"
    if column.kind in ("number", "integer"):
        return _real(text, column.name)
    return text


def page_links(url: str, query: Mapping[str, str], page: PageQuery, matched: int) -> list[dict[str, str]]:
    """self, next and prev; each keeps every parameter of the request."""
    def at(offset: int) -> str:
        asked = {**query, "limit": str(page.limit), "offset": str(offset)}
        return f"{url}?{urlencode(asked)}"
    links = [link(at(page.offset), "self", "application/geo+json")]
    if page.offset + page.limit < matched:
        links.append(link(at(page.offset + page.limit), "next", "application/geo+json"))
    if page.offset > 0:
        links.append(link(at(max(0, page.offset - page.limit)), "prev", "application/geo+json"))
    return links


def link(href: str, rel: str, media_type: str, title: str | None = None) -> dict[str, str]:
    """A link object of OGC API Common."""
    return {"href": href, "rel": rel, "type": media_type, **({"title": title} if title else {})}


def _whole(text: str, name: str, least: int) -> int:
    if not _WHOLE.fullmatch(text) or int(text) < least:
        raise BadQueryError(f"{name} is a whole number of at least {least}, not '{_short(text)}'")
    return int(text)


def _real(text: str, name: str) -> float:
    value = float(text) if _NUMBER.fullmatch(text) else math.nan
    if not math.isfinite(value):
        raise BadQueryError(f"{name} needs finite numbers, not '{_short(text)}'")
    return value


def _short(text: str) -> str:
    """What a client sent, cut and without control characters, fit to be repeated in a message."""
    return "".join(c for c in text[:60] if c.isprintable())
