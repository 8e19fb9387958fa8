"""plan.json: the key figures of a result as frozen models, read and written as strict JSON.

Money is CNY per year, mass tonnes per day, shares 0-1, times seconds. What people read exists in zh and en.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from optimizer.network import Network, Title

Status = Literal["optimal", "feasible", "stopped", "no_plan"]
Mark = Literal["S", "S*", "D", "A", "M"]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Mass = Annotated[float, Field(allow_inf_nan=False, ge=-1e-6)]
Text = Title | str
"""A text in both languages, or a word that is the same in both (a number with its unit, a name)."""


class Record(BaseModel):
    """Base of everything in plan.json: frozen, unknown keys refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class TierSummary(Record):
    """One tier: how many candidates there were and how many the plan opens."""

    id: str
    title: Title
    open_count: Annotated[int, Field(ge=0)]
    candidate_count: Annotated[int, Field(ge=0)]


class Kpi(Record):
    """One indicator with its unit ("1" for a share or a count)."""

    value: Finite | None
    unit: str
    title: Title


class Balance(Record):
    """Where the tonnes of one material go; generated = captured + not captured + unserved + rejected."""

    material_id: str
    title: Title
    generated_t_per_day: Mass
    captured_t_per_day: Mass
    not_captured_t_per_day: Mass
    unserved_t_per_day: Mass
    rejected_t_per_day: Mass

    @model_validator(mode="after")
    def _closes(self) -> Self:
        parts = (self.captured_t_per_day + self.not_captured_t_per_day
                 + self.unserved_t_per_day + self.rejected_t_per_day)
        if abs(self.generated_t_per_day - parts) > 1e-6 * max(1.0, self.generated_t_per_day):
            raise ValueError(f"balance of '{self.material_id}' does not close: generated "
                             f"{self.generated_t_per_day}, accounted for {parts}")
        return self


class RuleVerdict(Record):
    """One clause the plan was held to, or why it does not apply."""

    rule: str
    clause: str
    title: Title
    verdict: Literal["applied", "not_applicable"]
    measured: Text | None = None
    required: Text | None = None
    source: str


class Assumption(Record):
    """One parameter and the mark of its origin: S sourced, S* weakly, D derived, A assumed, M from memory."""

    parameter: str
    value: bool | int | float | str | None
    mark: Mark
    source: str
    note: Title | None = None


class CriterionSummary(Record):
    """One criterion of a suitability score: what is measured, what scores 0 and 1, and its weight."""

    id: str
    measure: str
    layer: str | None = None
    worst: str | None = None
    best: str | None = None
    weight_share: Finite


class SuitabilitySummary(Record):
    """How the land of a tier is scored, how consistent the comparisons are, and what the score decides."""

    tier_id: str
    criteria: tuple[CriterionSummary, ...]
    consistency_ratio: Finite
    min_score_share: Finite | None = None
    premium_cny_per_year: Finite | None = None


class PlanWarning(Record):
    """Something a reader must know about one feature, or about the whole run."""

    code: str
    feature_id: str | None = None
    text: Title


class PlanJson(Record):
    """The whole of plan.json."""

    schema_version: Literal[1] = 1
    study: str
    title: Title | None = None
    year: int | None = None
    status: Status
    objective_cny_per_year: Finite | None
    bound_cny_per_year: Finite | None
    gross_cost_cny_per_year: Finite | None
    gap: Finite | None
    """Share: (objective - bound) / gross cost."""
    routed_cost_cny_per_year: Finite | None = None
    tiers: tuple[TierSummary, ...]
    kpis: dict[str, Kpi]
    balance: tuple[Balance, ...] = ()
    rules: tuple[RuleVerdict, ...] = ()
    assumptions: tuple[Assumption, ...] = ()
    suitability: tuple[SuitabilitySummary, ...] = ()
    """Per tier whose land has a score."""
    warnings: tuple[PlanWarning, ...] = ()
    estimated: tuple[Title, ...] = ()
    """What in the inputs is an estimate, shown wherever results are."""
    attribution: tuple[str, ...] = ()
    labels: dict[str, Title] = Field(default_factory=dict)
    """Readable names of ids that occur in layers: materials, sizes, vehicles, types, reason codes, zones."""
    timings_s: dict[str, Finite] = Field(default_factory=dict)


def labels_of(network: Network) -> dict[str, Title]:
    """Readable names of a network's materials, vehicles, tiers and sizes, by id; for PlanJson.labels."""
    labels = {material.id: material.title for material in network.materials}
    labels |= {vehicle.id: vehicle.title for vehicle in network.vehicles}
    for tier in network.tiers:
        labels |= {tier.id: tier.title, **{size.id: size.title for size in tier.sizes}}
    return labels


def read_plan_json(path: Path) -> PlanJson:
    """The plan of a result folder; OSError when unreadable, pydantic ValidationError when malformed."""
    return PlanJson.model_validate_json(path.read_bytes())


def write_plan_json(path: Path, plan: PlanJson) -> None:
    """Write plan.json as indented UTF-8 with a final newline; NaN and infinities are refused by the model."""
    path.write_text(plan.model_dump_json(indent=1) + "\n", encoding="utf-8")
