"""Rules over open sites that cannot all hold, in words: who is in conflict, and the smallest change that would do."""

from __future__ import annotations

from collections.abc import Iterator

from optimizer.explain import Breach, Explanation, MustOpen, explain
from optimizer.network import Title
from optimizer.problem import Problem
from optimizer.site_rows import SiteRow
from service.texts import Texts, load_texts


class ConflictingRulesError(RuntimeError):
    """The rules of a study leave no set of open sites; the message has one line per fact, in English."""

    def __init__(self, explanation: Explanation, lines: tuple[Title, ...]) -> None:
        super().__init__("\n".join(line.en for line in lines))
        self.explanation = explanation
        self.lines = lines


def require_consistent_rules(problem: Problem) -> None:
    """ConflictingRulesError when no set of open sites keeps every side rule."""
    found = explain(problem)
    if found is not None:
        raise ConflictingRulesError(found, tuple(_lines(problem, found, load_texts())))


def _lines(problem: Problem, found: Explanation, texts: Texts) -> Iterator[Title]:
    if found.nowhere:
        for site in found.nowhere:
            yield texts.title("conflict.nowhere", site=_site(problem, site))
        return
    yield texts.title("conflict.group")
    for row in found.rules:
        yield _rule_line(problem, row, texts)
    for site in found.sites:
        yield texts.title("conflict.must_open", site=_site(problem, site))
    yield texts.title("conflict.change")
    for breach in found.relaxation:
        yield _change_line(problem, breach, texts)


def _rule_line(problem: Problem, row: SiteRow, texts: Texts) -> Title:
    key = "conflict.at_most" if row.sense == "<=" else "conflict.at_least"
    return texts.title(key, clause=row.clause, limit=_figure(row.limit, row), where=row.subject_id,
                       tiers=_tiers(problem, row), what=texts.title(f"conflict.what.{row.code}"))


def _change_line(problem: Problem, breach: Breach, texts: Texts) -> Title:
    row = breach.row
    key = "conflict.raise" if row.sense == "<=" else "conflict.lower"
    if row.code == "min_throughput":
        key = "conflict.lower_minimum"
    return texts.title(key, clause=row.clause, where=row.subject_id, tiers=_tiers(problem, row),
                       limit=_figure(row.limit, row), workable=_figure(breach.workable_limit, row),
                       short=_figure(abs(breach.workable_limit - row.limit), row))


def _figure(value: float, row: SiteRow) -> str:
    """A limit with its unit; counts are whole numbers."""
    unit = {"count": "", "m2": " m2", "cny": " CNY", "t_per_day": " t/day"}[row.unit]
    return f"{value:,.0f}{unit}" if row.unit in ("count", "cny") else f"{value:,.6g}{unit}"


def _tiers(problem: Problem, row: SiteRow) -> str:
    return ", ".join(tier.id for level, tier in enumerate(problem.network.tiers) if (row.tier == level).any())


def _site(problem: Problem, site: MustOpen) -> str:
    return f"{problem.network.tiers[site.tier].id} '{problem.sites[site.tier].ids[site.site]}'"
