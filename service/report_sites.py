"""Sites in the report: few and large ones one by one, many small ones by zone and size with the first of them."""

from __future__ import annotations

import html
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from optimizer.network import Title
from service.plan_json import PlanJson
from service.report_html import Cell, amount, bar, head_of, is_known, label_of, records_of, rest_note, table, two
from service.texts import Texts

if TYPE_CHECKING:
    import geopandas

WHOLE = 60
"""Tiers of up to so many sites are listed whole."""
FIRST = 30
"""Rows listed of larger tiers; the layer holds all of them."""
Record = Mapping[str, Any]


def site_tables(plan: PlanJson, layers: Mapping[str, geopandas.GeoDataFrame], texts: Texts) -> str:
    """The sites of every tier, the upper tiers (few and large) first."""
    return "".join(
        f"<h3>{two(tier.title)} ({len(layers[tier.id]):,})</h3>{_tier(plan, tier.id, layers[tier.id], texts)}"
        for tier in reversed(plan.tiers) if tier.id in layers)


def _tier(plan: PlanJson, tier_id: str, layer: geopandas.GeoDataFrame, texts: Texts) -> str:
    records = sorted(records_of(layer), key=lambda r: (-round(r["load_t_per_day"] or 0.0, 6), r["id"]))
    if len(records) <= WHOLE:
        return site_table(plan, records, texts)
    return (_summary(plan, records, texts) + site_table(plan, records[:FIRST], texts)
            + rest_note(texts, FIRST, len(records), tier_id))


def site_table(plan: PlanJson, records: Sequence[Record], texts: Texts) -> str:
    """One row per site: where, on what land, how much of its capacity is used."""
    rows = []
    for record in records:
        parcel = record["parcel_id"]
        land = html.escape(str(parcel)) if is_known(parcel) else _host(plan, record, texts)
        rows.append([
            Cell(html.escape(record["id"])), Cell(two(label_of(plan, texts, record["size_id"]))),
            Cell(two(_zone(plan, record["zone_id"]))), Cell(land),
            Cell(amount(record["parcel_area_m2"]), numeric=True), Cell(amount(record["site_area_m2"]), numeric=True),
            Cell(amount(record["load_t_per_day"]), numeric=True),
            Cell(amount(record["capacity_t_per_day"]), numeric=True),
            Cell(bar(record["utilisation_share"]), numeric=True)])
    return table(head_of(texts, "site", "size", "zone", "parcel", "parcel_area#", "site_area#", "load#", "capacity#",
                         "utilisation#"), rows, kind="sites")


def _host(plan: PlanJson, record: Record, texts: Texts) -> str:
    """What a site without a parcel stands at: its host, else the street."""
    kind, name = record.get("host_kind"), record.get("host_name")
    if not is_known(kind):
        return two(texts.title("report.on_street"))
    named = f" {html.escape(str(name))}" if is_known(name) else ""
    return two(label_of(plan, texts, str(kind))) + named


def _summary(plan: PlanJson, records: Sequence[Record], texts: Texts) -> str:
    """Sites summed by zone and size."""
    groups: dict[tuple[str, str], list[Record]] = defaultdict(list)
    for record in records:
        groups[str(record["zone_id"]) if is_known(record["zone_id"]) else "", str(record["size_id"])].append(record)
    rows = [[Cell(two(_zone(plan, zone or None))), Cell(two(label_of(plan, texts, size))), *_sums(of_group)]
            for (zone, size), of_group in sorted(groups.items())]
    rows.append([Cell(two(texts.title("report.total"))), Cell(""), *_sums(records)])
    marks = [""] * len(groups) + ["total"]
    return table(head_of(texts, "zone", "size", "count#", "persons#", "site_area#", "load#", "capacity#",
                         "utilisation#"), rows, marks)


def _sums(records: Sequence[Record]) -> list[Cell]:
    persons, area_m2, load, capacity = (
        sum(float(r[name]) for r in records if is_known(r[name]))
        for name in ("persons_count", "site_area_m2", "load_t_per_day", "capacity_t_per_day"))
    numbers = (f"{len(records):,}", f"{persons:,.0f}", f"{area_m2:,.0f}", amount(load), amount(capacity),
               bar(load / capacity if capacity > 0.0 else None))
    return [Cell(text, numeric=True) for text in numbers]


def _zone(plan: PlanJson, zone_id: object) -> Title:
    word = str(zone_id) if is_known(zone_id) else "—"
    return plan.labels.get(word, Title(zh=word, en=word))
