"""Indicators in the groups planners report them in, those of tiers and kinds of tours side by side in columns."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from optimizer.network import Title
from service.kpi_names import KINDS, Labels, Match, match
from service.plan_json import PlanJson
from service.texts import Texts

GROUPS: Mapping[str, tuple[str, ...]] = {
    "network": (
        "persons_count", "households_count", "communities_count", "persons_per_{tier}_count",
        "households_per_{tier}_count", "{lower}_per_{tier}_count", "{tier}_type_{type}_count", "{tier}_count",
        "{tier}_candidate_count", "{tier}_new_count", "{tier}_reused_count", "{tier}_closed_count",
        "{tier}_per_zone_count", "zones_without_{tier}_count", "must_close_count"),
    "access": ("coverage_share", "covered_persons_count", "in_reach_share", "access_mean_m", "access_p90_m",
               "access_max_m"),
    "mass": (
        "generated_t_per_day", "generated_10kt_per_year", "captured_t_per_day", "captured_10kt_per_year",
        "captured_share", "not_captured_t_per_day", "not_captured_participation_t_per_day",
        "not_captured_distance_t_per_day", "not_captured_10kt_per_year", "unserved_t_per_day", "unserved_10kt_per_year",
        "residue_t_per_day", "recovered_t_per_day", "recovery_share", "recovery_kg_per_person_day",
        "low_value_t_per_day"),
    "capacity": (
        "{tier}_throughput_t_per_day", "{tier}_utilisation_share", "{tier}_utilisation_max_share",
        "{tier}_volume_utilisation_share", "{tier}_throughput_t_per_m2_year", "{tier}_storage_days"),
    "land": ("land_m2", "land_mu", "{tier}_land_m2", "{tier}_land_mu"),
    "haulage": (
        "vehicles_count", "vehicle_{vehicle}_count", "vehicle_days_per_week_count",
        "vehicle_{vehicle}_days_per_week_count", "work_h_per_vehicle_day", "trips_per_week_count",
        "stops_per_week_count", "distance_km_per_day", "distance_km_per_week", "km_per_t",
        "transport_work_t_km_per_day",
        "{kind}_trips_per_week_count", "{kind}_vehicle_days_per_week_count", "{kind}_distance_km_per_day",
        "{kind}_load_by_weight_share", "{kind}_load_by_volume_share", "routed_{kind}_cost_cny_per_year",
        "routed_cost_cny_per_year", "routed_cost_cny_per_t"),
    "money": (
        "gross_cost_cny_per_year", "facilities_cny_per_year", "rent_cny_per_year", "bringing_cny_per_year",
        "handling_cny_per_year", "haulage_cny_per_year", "carbon_cny_per_year", "unserved_cny_per_year",
        "revenue_cny_per_year", "subsidy_cny_per_year",
        "income_cny_per_year", "funding_gap_cny_per_year", "cost_cny_per_t", "income_cny_per_t", "build_cost_cny",
        "{tier}_build_cost_cny", "closing_cost_cny"),
    "carbon": ("co2_kg_per_day", "co2_t_per_year", "co2_kg_per_t"),
    "solver": ("objective_cny_per_year", "bound_cny_per_year", "gap_share"),
}
"""Group -> names or patterns, in the order they are read. A name that is in none stands in the group "other"."""
OTHER = "other"


@dataclass(frozen=True)
class GridRow:
    """One measure: the name of its indicator in each column, None where the column has none."""

    title: Title
    names: tuple[str | None, ...]


@dataclass(frozen=True)
class Grid:
    """The same measures for several tiers, or for several kinds of tours."""

    columns: tuple[Title, ...]
    rows: tuple[GridRow, ...]


@dataclass(frozen=True)
class KpiGroup:
    """One group: single indicators by name, and grids."""

    id: str
    title: Title
    names: tuple[str, ...]
    grids: tuple[Grid, ...]


def kpi_groups(plan: PlanJson, texts: Texts) -> tuple[KpiGroup, ...]:
    """Every indicator of a plan that has a value, exactly once, in groups; groups without any are left out."""
    labels = Labels({tier.id: tier.title for tier in plan.tiers}, dict(plan.labels))
    valued = [name for name, kpi in plan.kpis.items() if kpi.value is not None]
    known = [pattern for patterns in GROUPS.values() for pattern in patterns]
    found: dict[str, list[tuple[str, Match]]] = {}
    for name in valued:
        # an exact name before a pattern that happens to fit
        matched = Match(name, {}) if name in known else match(name, (p for p in known if "{" in p), labels)
        found.setdefault(matched.pattern if matched else OTHER, []).append((name, matched or Match(name, {})))
    groups = [_group(group, [found[p] for p in patterns if p in found], labels, texts)
              for group, patterns in (*GROUPS.items(), (OTHER, (OTHER,)))]
    return tuple(group for group in groups if group.names or group.grids)


def _group(group: str, by_pattern: Iterable[list[tuple[str, Match]]], labels: Labels, texts: Texts) -> KpiGroup:
    names: list[str] = []
    rows: dict[str, list[GridRow]] = {"tier": [], "kind": []}
    keys = {"tier": tuple(labels.tiers), "kind": KINDS}
    for same in by_pattern:
        pattern, holes = same[0][1].pattern, tuple(same[0][1].ids)
        hole = holes[0] if len(holes) == 1 and holes[0] in rows and len(same) > 1 else None
        if hole is None:
            names += [name for name, _ in same]
        else:
            of_column = {found.ids[hole]: name for name, found in same}
            rows[hole].append(GridRow(_row_title(pattern, texts), tuple(of_column.get(key) for key in keys[hole])))
    titles = {"tier": tuple(labels.tiers.values()), "kind": tuple(_capital(texts.word(kind)) for kind in KINDS)}
    grids = tuple(Grid(titles[hole], tuple(rows[hole])) for hole in rows if rows[hole])
    return KpiGroup(group, texts.title(f"kpi_group.{group}"), tuple(names), grids)


def _row_title(pattern: str, texts: Texts) -> Title:
    """The title of a pattern without the part that names the column."""
    zh, en = (re.sub(r"^\{\w+\}\W*", "", catalogue.entries[f"kpi.{pattern}"]) for catalogue in (texts.zh, texts.en))
    return _capital(Title(zh=zh, en=en))


def _capital(title: Title) -> Title:
    return Title(zh=title.zh, en=title.en[:1].upper() + title.en[1:])
