"""Why a candidate is rejected: what was measured against which limit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

LEAST_DIGITS, MOST_DIGITS = 3, 12


@dataclass(frozen=True)
class Rejection:
    """One rule that a candidate breaks."""

    code: str
    measured: float | None = None
    limit: float | None = None
    below: bool = False
    """Whether the limit is a least one."""
    subject: str | None = None
    """What the rule speaks of: a layer, a land use, another site."""

    @property
    def short(self) -> str:
        """The code with its subject, as <code>:<subject>."""
        return self.code if self.subject is None else f"{self.code}:{self.subject}"

    @property
    def comparison(self) -> str:
        """What was measured against the limit, such as '0.14 > 0.08'; nothing where nothing was."""
        if self.measured is None or self.limit is None:
            return ""
        measured, limit = told_apart(self.measured, self.limit)
        return f"{measured} {'<' if self.below else '>'} {limit}"

    @property
    def text(self) -> str:
        """The rejection for machines: code, subject, measured value and limit."""
        return f"{self.short} {self.comparison}".strip()


def joined_text(rejections: Sequence[Rejection]) -> str | None:
    """All rejections of a candidate in one text, None where there is none."""
    return "; ".join(r.text for r in rejections) or None


def told_apart(measured: float, limit: float) -> tuple[str, str]:
    """Both numbers with as few digits as tell them apart."""
    for digits in range(LEAST_DIGITS, MOST_DIGITS):
        texts = plain(measured, digits), plain(limit, digits)
        if texts[0] != texts[1]:
            return texts
    return texts


def plain(value: float, digits: int = LEAST_DIGITS) -> str:
    """A number with so many significant digits, never fewer than its whole ones and never with an exponent."""
    if value == 0.0 or value != value or value in (float("inf"), float("-inf")):
        return f"{value:g}"
    whole = len(str(int(abs(value)))) if abs(value) >= 1.0 else 0
    text = f"{value:.{max(0, digits - whole) if whole else digits - 1 + _zeros(value)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _zeros(value: float) -> int:
    """Decimals up to the first digit that is not 0."""
    count, at = 1, abs(value) * 10.0
    while at < 1.0 and count < MOST_DIGITS:
        count, at = count + 1, at * 10.0
    return count
