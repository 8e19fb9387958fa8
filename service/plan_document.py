"""plan.json of a result: key figures, balance, rules, assumptions, warnings, all recomputed from the plan."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator
from typing import Any

import numpy as np

from geodata.tables import Fault
from optimizer.balance import balance, sanity_warnings
from optimizer.check_sanity import check_sanity
from optimizer.indicator import Kpi as Indicator
from optimizer.kpis import evaluate
from optimizer.network import Network, Title
from optimizer.tours_check import routed_cost_cny_per_year
from service.demand_provenance import demand_assumptions, demand_estimates
from service.flow_tables import UNSERVED_REASONS
from service.kpi_names import labels_of_network
from service.plan_json import (
    Assumption,
    Balance,
    Kpi,
    PlanJson,
    PlanWarning,
    TierSummary,
    labels_of,
)
from service.result_tables import Outcome
from service.rule_verdicts import rule_verdicts
from service.street_assumptions import street_assumptions
from service.study_summary import candidate_assumptions, host_titles, suitability_summaries
from service.texts import Texts, load_texts


def plan_document(out: Outcome, timings_s: dict[str, float]) -> PlanJson:
    """The key figures of an outcome."""
    texts, network, report = load_texts(), out.problem.network, out.plan.report
    kpis = evaluate(out.problem, out.plan, out.haulage.tours)
    value = {k.name: k.value for k in kpis}
    routed = routed_cost_cny_per_year(out.haulage.tours, network.vehicles).total_cny_per_year
    names = labels_of_network(network)
    labels = labels_of(network) | {code: texts.reason(code) for code in UNSERVED_REASONS}
    labels |= host_titles(out.brief.study)
    study = out.brief.study
    return PlanJson(
        study=study.study, title=study.title, year=study.year, status=report.status,
        objective_cny_per_year=value["objective_cny_per_year"], bound_cny_per_year=report.bound_cny_per_year,
        gross_cost_cny_per_year=value["gross_cost_cny_per_year"], gap=value["gap_share"],
        routed_cost_cny_per_year=routed,
        tiers=tuple(TierSummary(id=t.id, title=t.title, open_count=len(o.site), candidate_count=int((~s.virtual).sum()))
                    for t, o, s in zip(network.tiers, out.shown.open_sites, out.problem.sites, strict=True)),
        kpis={k.name: Kpi(value=k.value, unit=k.unit, title=texts.kpi(k.name, names))
              for k in (*kpis, *_closings(out))},
        balance=tuple(_balance(out)), rules=tuple(rule_verdicts(out, texts)), assumptions=tuple(_assumptions(out)),
        suitability=suitability_summaries(study, network),
        warnings=tuple(_warnings(out, texts)), estimated=estimates(out), attribution=study.attribution,
        labels=labels, timings_s=timings_s)


def estimates(out: Outcome) -> tuple[Title, ...]:
    """What the study says of its inputs being estimates, and what of the demand is one."""
    said = (source.estimated for _, source in out.brief.study.inputs.named() if source.estimated is not None)
    return (*said, *demand_estimates(out.brief))


def _balance(out: Outcome) -> Iterator[Balance]:
    title = {m.id: m.title for m in out.problem.network.materials}
    for row in balance(out.problem, out.plan):
        yield Balance(
            material_id=row.material_id, title=title[row.material_id],
            generated_t_per_day=row.generated_t_per_day, captured_t_per_day=row.captured_t_per_day,
            not_captured_t_per_day=row.not_captured_t_per_day,
            unserved_t_per_day=row.unserved_t_per_day, rejected_t_per_day=row.rejected_t_per_day)


def _closings(out: Outcome) -> Iterator[Indicator]:
    """Existing sites that close and what closing them costs once: those that must, and those the plan gives up."""
    old = out.brief.places.existing_sites
    if not len(old):
        return
    must = old[old["status"] == "must_close"]
    given_up = sum(float(np.delete(sites.closing_cost_cny, opened.site).sum())
                   for sites, opened in zip(out.problem.sites, out.plan.open_sites, strict=True))
    yield Indicator("must_close_count", float(len(must)), "1")
    yield Indicator("closing_cost_cny", given_up + float(must["closing_cost_cny"].astype(float).sum()), "CNY")


def _assumptions(out: Outcome) -> Iterator[Assumption]:
    study = out.brief.study
    note = Title(zh="居民步行衰减为工程假设",
                 en="The decay of capture with walking distance is an engineering assumption")
    for name, value in (("access.share", study.access.share), ("access.decay_m", study.access.decay_m),
                        ("access.max_m", study.access.max_m)):
        yield Assumption(parameter=name, value=value, mark="A", source="study file", note=note)
    yield from candidate_assumptions(study)
    yield from street_assumptions(out.brief)
    yield from demand_assumptions(out.brief)
    yield from network_assumptions(out.problem.network)


def network_assumptions(network: Network) -> Iterator[Assumption]:
    """Every figure of the network with the mark and source of the first provenance entry that covers it."""
    for path, value in leaves(network.model_dump(mode="json", exclude={"provenance", "schema_version"})):
        for entry in network.provenance:
            if any(fnmatch.fnmatchcase(path, pattern) for pattern in entry.covers):
                yield Assumption(parameter=path, value=value, mark=entry.mark, source=entry.source, note=entry.note)
                break


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, float]]:
    """Numbers of a configuration by dotted path; list entries go by their id."""
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return
    if isinstance(value, int | float):
        yield path, value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from leaves(item, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for number, item in enumerate(value):
            name = item["id"] if isinstance(item, dict) and "id" in item else str(number)
            yield from leaves(item, f"{path}.{name}")


def _warnings(out: Outcome, texts: Texts) -> Iterator[PlanWarning]:
    for fault in (*out.brief.places.faults, *out.ground.faults):
        yield _from_fault(fault)
    for found in out.haulage.warnings:
        yield PlanWarning(code=found.code, feature_id=found.subject_id, text=texts.warning(found.code, found.text))
    title = {tier.id: tier.title for tier in out.problem.network.tiers}
    below = dict(zip(list(title)[1:], title.values(), strict=False))
    for odd in check_sanity(out.problem, out.plan, out.through):
        yield PlanWarning(code=odd.code, feature_id=odd.subject_id, text=texts.warning(odd.code, odd.text))
    for ratio in sanity_warnings(out.problem, out.plan):
        subject, lower = title[ratio.subject_id], below.get(ratio.subject_id, title[ratio.subject_id])
        yield PlanWarning(code=ratio.code, feature_id=ratio.subject_id, text=texts.warning(
            ratio.code, ratio.text, subject=subject, lower=lower, value=f"{ratio.value:,.1f}", low=f"{ratio.low:,g}",
            high=f"{ratio.high:,g}"))


def _from_fault(fault: Fault) -> PlanWarning:
    text = Title(zh=fault.line("zh"), en=fault.line("en"))
    return PlanWarning(code=fault.code, feature_id=fault.feature_id, text=text)
