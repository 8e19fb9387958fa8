"""Why candidates are rejected, in words of both languages: every reason with what was measured and the limit."""

from __future__ import annotations

from collections.abc import Sequence

from geodata.rejections import Rejection, joined_text, told_apart
from optimizer.network import Title
from service.texts import Texts

UNITS = {
    "area_below_min": "m²", "area_above_max": "m²", "no_size_fits": "m²", "in_exclusion": "m²",
    "too_far_from_street": "m", "too_far_from_truck_street": "m", "too_far_from_communities": "m",
    "near_duplicate": "m", "no_rectangle_fits": "m",
}
"""Units of what the rules measure; shares have none."""


class Reasons:
    """The reasons of a column of candidates, as machine text and as sentences."""

    def __init__(self, texts: Texts, rows: Sequence[Sequence[Rejection]]) -> None:
        self._texts, self._rows = texts, rows

    def columns(self) -> dict[str, list[str | None]]:
        """`reasons`, `reasons_zh`, `reasons_en`: all reasons of each candidate in one text, None for none."""
        sentences = [[self.sentence(rejection) for rejection in row] for row in self._rows]
        return {"reasons": [joined_text(row) for row in self._rows],
                "reasons_zh": ["；".join(s.zh for s in row) or None for row in sentences],
                "reasons_en": ["; ".join(s.en for s in row) or None for row in sentences]}

    def sentence(self, rejection: Rejection) -> Title:
        """One reason in words."""
        title = self._texts.reason(rejection.code)
        subject = "" if rejection.subject is None else f" {rejection.subject}"
        compared = ""
        if rejection.measured is not None and rejection.limit is not None:
            measured, limit = told_apart(rejection.measured, rejection.limit)
            unit = UNITS.get(rejection.code, "")
            compared = f" {measured} {'<' if rejection.below else '>'} {limit}{' ' + unit if unit else ''}"
        return Title(zh=f"{title.zh}{subject}{compared}", en=f"{title.en}{subject}{compared}")
