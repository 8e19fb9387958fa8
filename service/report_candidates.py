"""Candidates in the report: how many there are, why others are none, and what a suitability score is made of."""

from __future__ import annotations

import html
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from optimizer.network import Title
from service.plan_json import PlanJson, SuitabilitySummary
from service.report_html import Cell, head_of, is_known, label_of, records_of, rest_note, table, two
from service.texts import Texts

if TYPE_CHECKING:
    import geopandas

LISTED = 30
"""Rejected candidates listed one by one; the layer holds all of them."""
Record = Mapping[str, Any]


def candidate_tables(plan: PlanJson, layer: geopandas.GeoDataFrame | None, texts: Texts) -> str:
    """Candidates by tier and host, reasons of rejection by their number, the first rejected ones in full, scores."""
    if layer is None or not len(layer):
        return ""
    records = records_of(layer)
    return (_counts(plan, records, texts) + _reasons(plan, records, texts) + _rejected(plan, records, texts)
            + "".join(_score(plan, summary, texts) for summary in plan.suitability))


def _counts(plan: PlanJson, records: Sequence[Record], texts: Texts) -> str:
    """Open, other and rejected candidates of every tier and kind of host."""
    counts = Counter((str(r["tier_id"]), _host(r), str(r["status"])) for r in records)
    rows = []
    for tier in plan.tiers:
        for host in sorted({h for t, h, _ in counts if t == tier.id}):
            numbers = [counts[tier.id, host, status] for status in ("open", "candidate", "rejected")]
            name = two(label_of(plan, texts, host)) if host else two(texts.title("report.no_host"))
            rows.append([Cell(two(tier.title)), Cell(name), *(Cell(f"{n:,}", numeric=True) for n in numbers)])
    return table(head_of(texts, "tier", "host", "open#", "not_chosen#", "rejected#"), rows)


def _reasons(plan: PlanJson, records: Sequence[Record], texts: Texts) -> str:
    """How often each reason rejects a candidate of a tier; one candidate may have several."""
    counts = Counter((str(r["tier_id"]), code) for r in records if r["status"] == "rejected" for code in _codes(r))
    order = {tier.id: n for n, tier in enumerate(plan.tiers)}
    rows = [[Cell(two(label_of(plan, texts, tier))), Cell(two(_reason(plan, texts, code))),
             Cell(f"{count:,}", numeric=True)]
            for (tier, code), count in sorted(counts.items(), key=lambda c: (order.get(c[0][0], 0), -c[1], c[0][1]))]
    return table(head_of(texts, "tier", "reason", "count#"), rows) if rows else ""


def _codes(record: Record) -> list[str]:
    """The codes of all reasons, with their subjects: land_use_not_allowed, in_exclusion:water ..."""
    text = record.get("reasons")
    return [r.partition(" ")[0] for r in str(text).split("; ")] if is_known(text) else [str(record["reason"])]


def _reason(plan: PlanJson, texts: Texts, code: str) -> Title:
    kind, _, subject = code.partition(":")
    if kind == "near_duplicate":  # of which site is told where they are listed
        return label_of(plan, texts, kind)
    title = label_of(plan, texts, kind)
    return Title(zh=f"{title.zh} {subject}", en=f"{title.en} {subject}") if subject else title


def _rejected(plan: PlanJson, records: Sequence[Record], texts: Texts) -> str:
    """The first rejected candidates with all their reasons, those with most reasons first."""
    gone = sorted((r for r in records if r["status"] == "rejected"), key=lambda r: (-len(_codes(r)), str(r["id"])))
    rows = []
    for record in gone[:LISTED]:
        zh, en = (record.get(f"reasons_{language}") for language in ("zh", "en"))
        why = Title(zh=str(zh), en=str(en)) if is_known(zh) and is_known(en) else label_of(plan, texts,
                                                                                        record["reason"])
        rows.append([Cell(html.escape(str(record["id"]))), Cell(two(why))])
    if not rows:
        return ""
    return table(head_of(texts, "feature", "reasons"), rows) + rest_note(texts, LISTED, len(gone), "candidates")


def _score(plan: PlanJson, summary: SuitabilitySummary, texts: Texts) -> str:
    """Criteria of a tier with weight and function, and how consistent the comparisons are."""
    rows = [[Cell(html.escape(c.id)), Cell(two(label_of(plan, texts, c.measure))), Cell(html.escape(c.layer or "")),
             Cell(_value(c.worst)), Cell(_value(c.best)), Cell(f"{c.weight_share:.3f}", numeric=True)]
            for c in summary.criteria]
    said = texts.title("report.suitability_note", ratio=f"{summary.consistency_ratio:.3f}", use=_use(summary, texts))
    return (f"<h3>{two(texts.title('report.suitability'))}: {two(label_of(plan, texts, summary.tier_id))}</h3>"
            f'<p class="note">{two(said)}</p>'
            + table(head_of(texts, "criterion", "measure", "layer", "scores_0", "scores_1", "weight#"), rows))


def _use(summary: SuitabilitySummary, texts: Texts) -> Title:
    """What the score decides."""
    parts = []
    if summary.min_score_share is not None:
        parts.append(texts.title("report.score_rejects", least=f"{summary.min_score_share:g}"))
    if summary.premium_cny_per_year is not None:
        parts.append(texts.title("report.score_costs", premium=f"{summary.premium_cny_per_year:,.0f}"))
    parts = parts or [texts.title("report.score_shown")]
    return Title(zh="".join(p.zh for p in parts), en=" ".join(p.en for p in parts))


def _value(text: str | None) -> str:
    return html.escape(text or "")


def _host(record: Record) -> str:
    host = record.get("host_kind")
    return str(host) if is_known(host) else ""
