"""Rule presets as data: dated, sourced clauses, and which of them speak about the zones a study has."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from optimizer.network import Config, Identifier, NonNegative, Title

ClauseKind = Literal["max_households_per_site", "min_area_m2", "max_area_m2", "max_access_m", "min_sites_per_zone",
                     "max_sites_per_zone", "max_count", "spacing_m", "land_cap_m2", "min_capacity_t_per_day"]
Level = Literal["community", "sub_district", "town", "village", "district", "county", "city"]
Status = Literal["applies", "reported", "not_applicable"]
RuleName = Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]{0,62}$")]

PER_ZONE: tuple[ClauseKind, ...] = ("min_sites_per_zone", "max_sites_per_zone")
ZONE_OR_NOT: tuple[ClauseKind, ...] = ("land_cap_m2",)
"""Kinds that count per zone where a zone_level is given, else over the whole network."""
ALL_TIERS = "all"
"""In place of a tier, for kinds that may speak about all tiers on land together."""


class Clause(Config):
    """One number a rule asks for."""

    id: Identifier
    kind: ClauseKind
    tier: Identifier
    value: NonNegative
    zone_level: Level | None = None
    """Level of the zones the clause counts in; needed for counts per zone."""
    setting: Literal["urban", "town"] | None = None
    """None holds in cities and towns alike."""
    title: Title
    source: str
    mark: Literal["S", "S*", "D", "A", "M"]

    @model_validator(mode="after")
    def _has_level(self) -> Self:
        if self.kind not in ZONE_OR_NOT and (self.kind in PER_ZONE) != (self.zone_level is not None):
            raise ValueError(f"clause '{self.id}': zone_level belongs to counts per zone, and only to them")
        if self.tier == ALL_TIERS and self.kind not in ZONE_OR_NOT:
            raise ValueError(f"clause '{self.id}': a {self.kind} clause speaks about one tier")
        return self


class Rule(Config):
    """A standard or a city's plan as numbers."""

    schema_version: Literal[1]
    rule: RuleName
    title: Title
    issued: str
    """Date or year of the document."""
    source: str
    mark: Literal["S", "S*", "D", "A", "M"]
    note: Title | None = None
    clauses: Annotated[tuple[Clause, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _ids_differ(self) -> Self:
        ids = [clause.id for clause in self.clauses]
        repeated = sorted({i for i in ids if ids.count(i) > 1})
        if repeated:
            raise ValueError(f"clause ids are repeated: {repeated}")
        return self


@dataclass(frozen=True)
class ClauseVerdict:
    """What becomes of one clause in one study."""

    rule: str
    clause: Clause
    status: Status
    reason: Title

    @property
    def name(self) -> str:
        """<rule>.<clause id>."""
        return f"{self.rule}.{self.clause.id}"


@dataclass(frozen=True)
class Quota:
    """At least `count` sites of a tier in every zone."""

    clause: str
    tier: str
    count: int


@dataclass(frozen=True)
class QuotaFault:
    """A zone with fewer candidates than a quota requires."""

    clause: str
    tier: str
    zone_id: str
    required_count: int
    candidate_count: int


def applicable(rule: Rule, zone_level: str | None, setting: str = "urban",
               tier_ids: Collection[str] | None = None) -> tuple[ClauseVerdict, ...]:
    """What becomes of each clause, in order: applied, only reported, or not applicable, with the reason.

    `zone_level` is the level of the study's zones (None without zones); `tier_ids` those of its network.
    """
    return tuple(ClauseVerdict(rule.rule, clause, *_verdict(clause, zone_level, setting, tier_ids))
                 for clause in rule.clauses)


def quotas(verdicts: Iterable[ClauseVerdict]) -> tuple[Quota, ...]:
    """The counts per zone that apply."""
    return tuple(Quota(v.name, v.clause.tier, math.ceil(v.clause.value - 1e-9)) for v in verdicts
                 if v.status == "applies" and v.clause.kind == "min_sites_per_zone")


def tightest(verdicts: Iterable[ClauseVerdict], kind: ClauseKind, tier: str) -> ClauseVerdict | None:
    """The clause of that kind that binds a tier: the smallest maximum or the largest minimum; None without one."""
    found = [v for v in verdicts if v.status == "applies" and v.clause.kind == kind and v.clause.tier == tier]
    pick = min if kind.startswith("max_") else max
    return pick(found, key=lambda v: v.clause.value) if found else None


def quota_faults(clause_counts: Iterable[Quota],
                 candidates_per_zone: Mapping[str, Mapping[str, int]]) -> tuple[QuotaFault, ...]:
    """Every zone with fewer candidates than a quota requires; candidates_per_zone is {zone id: {tier id: count}}."""
    return tuple(QuotaFault(quota.clause, quota.tier, zone, quota.count, counts.get(quota.tier, 0))
                 for quota in clause_counts for zone, counts in candidates_per_zone.items()
                 if counts.get(quota.tier, 0) < quota.count)


def _verdict(clause: Clause, zone_level: str | None, setting: str,
             tier_ids: Collection[str] | None) -> tuple[Status, Title]:
    if tier_ids is not None and clause.tier not in tier_ids and clause.tier != ALL_TIERS:
        return "not_applicable", Title(zh=f"网络中没有层级“{clause.tier}”",
                                       en=f"the network has no tier '{clause.tier}'")
    if clause.setting is not None and clause.setting != setting:
        return "not_applicable", Title(zh=f"条款适用于 {clause.setting}，本研究为 {setting}",
                                       en=f"the clause is for '{clause.setting}', the study is '{setting}'")
    if clause.zone_level is not None and clause.zone_level != zone_level:
        return "not_applicable", Title(
            zh=f"条款按 {clause.zone_level} 计数，数据的分区为 {zone_level or '无'}",
            en=f"the clause counts per {clause.zone_level}, the zones of the data are {zone_level or 'none'}")
    return "applies", Title(zh="已应用", en="applied")
