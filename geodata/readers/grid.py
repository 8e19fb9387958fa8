"""Sheets of cells as tables: titles above the heading, headings of several rows, sums among the rows.

What offices keep in Excel and CSV has a merged title, a heading in two merged rows and 合计 at the end. Cells stay as
they are written; only sums, empty rows and the title go.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from geodata.numbers import as_degrees, as_number

Row = Sequence[object]

MOST_TITLE_ROWS, MOST_HEADING_ROWS = 10, 4
_SUMS = re.compile(r"^(合计|总计|小计|共计|总和|全市|全区|全县|全省|全国|其中|total|subtotal|sum)\s*[:：]?$",
                   re.IGNORECASE)
_OF_WHICH = re.compile(r"^其中\s*[:：]")
_SPACE = re.compile(r"\s+")


@dataclass(frozen=True)
class Grid:
    """A table of a sheet; `row` is where each of its rows stands in the file, counted from 1."""

    table: pd.DataFrame
    row: list[int]
    sums: dict[int, str]
    """Rows that were sums of others, and what they said."""


def table_of(rows: Sequence[Row]) -> Grid | None:
    """The table of a sheet whose merged cells are filled; None where no heading is found."""
    cells = [[_clean(value) for value in row] for row in rows]
    width = max((len(row) for row in cells), default=0)
    cells = [row + [None] * (width - len(row)) for row in cells]
    start = _first_heading(cells)
    if start is None:
        return None
    stop = start + 1
    last = min(len(cells), start + MOST_HEADING_ROWS)
    while stop < last and _continues(cells[stop - 1], cells[stop], cells[stop + 1:]):
        stop += 1
    columns = [c for c in range(width) if any(row[c] is not None for row in cells[start:])]
    names = _names(cells[start:stop], columns)
    sums: dict[int, str] = {}
    kept: list[int] = []
    for number in range(stop, len(cells)):
        word = _sum_of(cells[number])
        if all(value is None for value in cells[number]) or [cells[number][c] for c in columns] == names:
            continue
        if word is not None:
            sums[number + 1] = word
        else:
            kept.append(number)
    table = pd.DataFrame({name: _column([cells[n][c] for n in kept]) for name, c in zip(names, columns, strict=True)})
    return Grid(table, [n + 1 for n in kept], sums)


def _clean(value: object) -> object:
    if isinstance(value, str):
        value = _SPACE.sub(" ", value.replace("\u3000", " ")).strip()
        return value or None
    return None if value is None or value != value else value


def _first_heading(cells: Sequence[Row]) -> int | None:
    """The first row with as many different texts as the table is wide, nearly: titles fill one cell or one word."""
    for number, row in enumerate(cells[:MOST_TITLE_ROWS]):
        texts = [value for value in row if isinstance(value, str)]
        below = max((sum(v is not None for v in other) for other in cells[number:number + 20]), default=0)
        if len(set(texts)) >= 2 and 2 * len(texts) > below and not any(_is_number(value) for value in row):
            return number
    return None


def _continues(above: Row, row: Row, below: Sequence[Row]) -> bool:
    """Whether a row goes on with the heading: texts only, under a merged cell, with a different kind of row below."""
    texts = [value for value in row if value is not None]
    if not texts or any(_is_number(value) for value in texts):
        return False
    merged = any(a is not None and a == b for a, b in itertools.pairwise(above))
    carried = any(a is not None and a == v for a, v in zip(above, row, strict=True))
    return (merged or carried) and any(_is_number(value) for other in below[:5] for value in other)


def _is_number(value: object) -> bool:
    return as_number(value) == as_number(value) or as_degrees(value) == as_degrees(value)


def _names(heading: Sequence[Row], columns: Sequence[int]) -> list[str]:
    """One name per column: the different words above it, joined by _; numbered where nothing or the same is said."""
    names: list[str] = []
    for c in columns:
        words: list[str] = []
        for row in heading:
            word = None if row[c] is None else str(row[c])
            if word is not None and word not in words:
                words.append(word)
        name = "_".join(words) or f"column_{c + 1}"
        names.append(name if name not in names else f"{name}_{c + 1}")
    return names


def _sum_of(row: Row) -> str | None:
    """The word by which a row says that it sums up others, among its first three cells."""
    for value in row[:3]:
        if isinstance(value, str):
            text = value.replace(" ", "")
            if _SUMS.match(text) or _OF_WHICH.match(text):
                return value
    return None


def _column(values: list[object]) -> pd.Series:
    """Numbers where every cell is one; texts such as 007 stay as they are."""
    texts = [value for value in values if isinstance(value, str)]
    plain = [text for text in texts if re.fullmatch(r"-?(0|[1-9]\d{0,14})(\.\d+)?", text)]
    if len(plain) == len(texts) and all(isinstance(v, str | int | float) or v is None for v in values):
        return pd.to_numeric(pd.Series(values, dtype=object))
    return pd.Series(values, dtype=object)
