"""Parameters and assumptions of the report: by mark, then by what they concern, many values to a row."""

from __future__ import annotations

import html
from collections.abc import Iterable

from optimizer.network import Title
from service.figures import number
from service.plan_json import Assumption, Mark, PlanJson
from service.report_html import Cell, label_of, table, two
from service.texts import Texts

ASSUMED = ("A", "M")
MARKS: tuple[Mark, ...] = ("A", "M", "D", "S*", "S")
"""What is assumed stands first."""


def assumption_tables(plan: PlanJson, texts: Texts) -> str:
    """Every parameter under its mark; assumed ones (A, M) stand first and stand out."""
    blocks = [f'<p class="note">{two(texts.title("report.assumptions_note"))}</p>']
    for mark in MARKS:
        items = [item for item in plan.assumptions if item.mark == mark]
        if not items:
            continue
        assumed = " assumed" if mark in ASSUMED else ""
        heading = f'<span class="tag{assumed}">{mark}</span> {two(texts.title(f"mark.{mark}"))} ({len(items)})'
        blocks.append(f"<h3>{heading}</h3>{_table(plan, items, assumed.strip(), texts)}")
    return "".join(blocks)


def _table(plan: PlanJson, items: Iterable[Assumption], mark: str, texts: Texts) -> str:
    """One row per source and note: all values that rest on it, a line for each subject."""
    rows: dict[tuple[str, Title | None], dict[str, list[Assumption]]] = {}
    for item in items:
        rows.setdefault((item.source, item.note), {}).setdefault(subject_of(item.parameter), []).append(item)
    cells = []
    for (source, note), subjects in rows.items():
        lines = "".join(f"<p>{_subject(plan, subject, texts)} {_values(same, subject)}</p>"
                        for subject, same in subjects.items())
        cells.append([Cell(lines), Cell(html.escape(source) + (f"<br>{two(note)}" if note else ""))])
    head = [Cell(two(texts.title(f"report.{name}"))) for name in ("parameters", "source")]
    return table(head, cells, [mark] * len(cells), kind="assumptions")


def _values(items: Iterable[Assumption], subject: str) -> str:
    return " ".join(f'<span class="value">{_value(item, subject)}</span>' for item in items)


def subject_of(parameter: str) -> str:
    """What a dotted parameter concerns: `materials.glass`, `tiers.<id>.sizes.<id>`, `access`, or the whole of it."""
    steps = parameter.split(".")
    if len(steps) > 3 and steps[2] == "sizes":
        return ".".join(steps[:4])
    return ".".join(steps[:2]) if len(steps) > 2 else steps[0]


def _subject(plan: PlanJson, subject: str, texts: Texts) -> str:
    """The readable name of a subject and its place in the file; nothing where the parameter says it all."""
    if "." not in subject:
        return ""
    last = subject.split(".")[-1]
    title = f"<b>{two(label_of(plan, texts, last))}</b> " if last in plan.labels else ""
    return f"{title}<code>{html.escape(subject)}</code>"


def _value(item: Assumption, subject: str) -> str:
    name = item.parameter.removeprefix(f"{subject}.") if "." in subject else item.parameter
    plain = isinstance(item.value, str | bool) or item.value is None
    value = "" if item.value is None else str(item.value) if plain else number(item.value)  # type: ignore[arg-type]
    return f"<code>{html.escape(name)}</code> {html.escape(value)}".rstrip()
