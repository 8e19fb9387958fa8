"""What report.html says against the same report printed again."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path

from service.verify_again import Again

REPORT = "report.html"
_DRAWING = re.compile(r"<svg.*?</svg>", re.DOTALL)
_TAG = re.compile(r"<[^>]*>")
_NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?")
_MINUS_NOTHING = re.compile(r"-(?=0(?:\.0+)?(?![\d.,]))")
"""The sign of -0.00, which hangs on the last bits of a sum."""


def report_differences(folder: Path, again: Again) -> Iterator[tuple[str, str]]:
    """The first place where report.html differs from the report printed again.

    Words must be the same. A number must be the same, or one that numbers a millionth away are printed as: the last
    digit of a figure can hang on the last bits of a sum. Where lines of the map are drawn, the last digit is free.
    """
    try:
        said = (folder / REPORT).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        yield REPORT, f"cannot be read: {error}"
        return
    if said == again.report:
        return
    words = (_NUMBER.split(_MINUS_NOTHING.sub("", text)) for text in (said, again.report))
    for one, two in zip_longest(*words):
        if one != two:
            yield REPORT, f"says {str(one)[:60]!r}, computed {str(two)[:60]!r}"
            return
    wrong = _wrong_number(said, again)
    if wrong is not None:
        yield REPORT, "says {}, computed {}".format(*wrong)


def _wrong_number(said: str, again: Again) -> tuple[str, str] | None:
    """The first number that cannot be the computed one, with the computed one. Words are known to be the same."""
    here, there = _NUMBER.findall(said), _NUMBER.findall(again.report)
    drawn = _in_drawing(again.report)
    nudged = [numbers for numbers in map(_NUMBER.findall, again.nudged_reports) if len(numbers) == len(there)]
    for place, (one, two) in enumerate(zip(here, there, strict=True)):
        if one == two:
            continue
        printed = [two, *(numbers[place] for numbers in nudged)]
        possible = [_value(text) for text in printed]
        step = 1.01 * 10.0 ** -_decimals(two) if drawn[place] else 0.0
        # a whole number is printed without the zeros that its neighbours show: 900, but 900.0
        most = max(_decimals(text) for text in printed)
        forms = {f"{_value(one):{grouped}.{decimals}f}" for decimals in range(most + 1) for grouped in (",", "")}
        if one not in forms or not min(possible) - step <= _value(one) <= max(possible) + step:
            return one, two
    return None


def _in_drawing(report: str) -> list[bool]:
    """Of every number of a report, whether it is a coordinate: inside a tag of a drawing."""
    spans = [(drawing.start() + tag.start(), drawing.start() + tag.end())
             for drawing in _DRAWING.finditer(report) for tag in _TAG.finditer(drawing.group())]
    starts = [a for a, _ in spans]
    found = []
    for match in _NUMBER.finditer(report):
        before = bisect_right(starts, match.start()) - 1
        found.append(before >= 0 and match.start() < spans[before][1])
    return found


def _decimals(number: str) -> int:
    return len(number.partition(".")[2])


def _value(number: str) -> float:
    return float(number.replace(",", ""))
