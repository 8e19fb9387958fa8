"""Pieces of the report's HTML: texts in two languages, cells, tables, bars."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from optimizer.network import Title
from service.figures import number
from service.plan_json import PlanJson, Text
from service.texts import Texts, plain

if TYPE_CHECKING:
    import geopandas

SHORT = 14
"""Tables of up to so many rows stay on one page in print."""


@dataclass(frozen=True)
class Cell:
    """One cell: ready HTML, aligned right when it is a number."""

    content: str
    numeric: bool = False

FULL_SHARE = 1e-6
"""What counts as more than full: well above the share to which sites are filled, which rounding would tip over."""


def two(title: Title) -> str:
    """A text in both languages, one of which the page shows."""
    zh, en = html.escape(title.zh), html.escape(title.en)
    return zh if zh == en else f'<span lang="zh">{zh}</span><span lang="en">{en}</span>'


def table(head: Sequence[Cell], rows: Sequence[Sequence[Cell]], classes: Sequence[str] = (), kind: str = "") -> str:
    """An HTML table of some kind (a class of the style sheet); `classes` names the class of each row where given."""
    marks = classes or [""] * len(rows)
    body = "".join(f"<tr{f' class={mark}' if mark else ''}>{''.join(_cell('td', c) for c in row)}</tr>"
                   for row, mark in zip(rows, marks, strict=True))
    top = "".join(_cell("th", c) for c in head)
    styles = " ".join(name for name in (kind, "short" if len(rows) <= SHORT else "") if name)
    opening = f'<table class="{styles}">' if styles else "<table>"
    return f'<div class="scroll">{opening}<thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>'


def label_of(plan: PlanJson, texts: Texts, code: str | None, *, readable: bool = True) -> Title:
    """What an id or code is called: the plan's own labels first, then the catalogue, else its words (or itself)."""
    if code is None or code != code:
        return Title(zh="—", en="—")
    if code in plan.labels:
        return plan.labels[code]
    for group in ("word", "reason"):
        if f"{group}.{code}" in texts.en.entries:
            return texts.title(f"{group}.{code}")
    return plain(code) if readable else Title(zh=code, en=code)


def records_of(layer: geopandas.GeoDataFrame) -> list[dict[str, Any]]:
    columns = [c for c in layer.columns if c != layer.geometry.name]
    return [dict(zip(columns, row, strict=True)) for row in zip(*(layer[c].tolist() for c in columns), strict=True)]


def is_known(value: object) -> bool:
    """True unless a value is missing."""
    return value is not None and value == value and str(value) not in ("", "<NA>")


def amount(value: float | None) -> str:
    """A number, a dash where there is none."""
    return number(value) if value is not None and value == value else "—"


def bar(share: float | None) -> str:
    """A share as a bar and in percent."""
    if share is None or share != share:
        return "—"
    full = ' class="full"' if share > 1.0 + FULL_SHARE else ""
    return f'<span class="bar"><i{full} style="width:{min(share, 1.0) * 100:.0f}%"></i></span>{share * 100:.0f} %'


def either(text: Text | None) -> str:
    """A text in both languages, or a word that is the same in both, or a dash."""
    if text is None:
        return "—"
    return two(text) if isinstance(text, Title) else html.escape(text)


def rest_note(texts: Texts, shown: int, total: int, layer: str) -> str:
    """Where the rows are that are not listed; nothing when all of them are."""
    if total <= shown:
        return ""
    return f'<p class="note">{two(texts.title("report.rest", shown=shown, total=f"{total:,}", layer=layer))}</p>'


def head_of(texts: Texts, *names: str) -> list[Cell]:
    """Column heads by catalogue key; a trailing # marks a column of numbers."""
    return [Cell(two(texts.title(f"report.{name.rstrip('#')}")), numeric=name.endswith("#")) for name in names]


def _cell(tag: str, cell: Cell) -> str:
    return f"<{tag}{' class=n' if cell.numeric else ''}>{cell.content}</{tag}>"
