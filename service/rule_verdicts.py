"""What the report says of every clause and every rule of the study: asked, measured, source."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.spatial.distance import pdist

from optimizer.rules import ClauseVerdict
from optimizer.site_rows import SiteRow
from service.plan_json import RuleVerdict
from service.result_tables import Outcome
from service.site_rules import BUDGET_KEY
from service.study import RequiredSite
from service.texts import Texts

UNITS = {"count": "", "m2": " m2", "cny": " CNY"}
KIND_UNITS = {"spacing_m": " m", "land_cap_m2": " m2"}
STUDY = "study"


def rule_verdicts(out: Outcome, texts: Texts) -> Iterator[RuleVerdict]:
    """Each clause of the rules, then budget, required and forbidden sites of the study."""
    measured, rows = _measured(out), _worst_rows(out)
    for verdict in out.brief.verdicts:
        clause, applied = verdict.clause, verdict.status == "applies"
        found = _measured_text(out, verdict, measured, rows) if applied else None
        yield RuleVerdict(
            rule=verdict.rule, clause=clause.id, title=clause.title, verdict="applied" if applied else "not_applicable",
            required=f"{clause.value:g}{KIND_UNITS.get(clause.kind, '')}", source=f"[{clause.mark}] {clause.source}",
            measured=verdict.reason if not applied else found)
    yield from _of_study(out, texts, rows)


def _of_study(out: Outcome, texts: Texts, rows: dict[str, tuple[SiteRow, float]]) -> Iterator[RuleVerdict]:
    study = out.brief.study
    if BUDGET_KEY in rows:
        row, value = rows[BUDGET_KEY]
        yield RuleVerdict(rule=STUDY, clause="budget_cny", title=texts.title("rule.budget_cny"), verdict="applied",
                          required=f"{row.limit:,.0f} CNY", measured=f"{value:,.0f} CNY", source=study.file.name)
    position = {tier.id: n for n, tier in enumerate(out.problem.network.tiers)}
    required = {tier: [e.id if isinstance(e, RequiredSite) else e for e in sites]
                for tier, sites in study.required.items()}
    forbidden = {tier: list(sites) for tier, sites in study.forbidden.items()}
    for key, tiers in (("required", required), ("forbidden", forbidden)):
        for tier_id, ids in tiers.items():
            sites, opened = out.problem.sites[position[tier_id]].ids, out.plan.open_sites[position[tier_id]].site
            count = len({sites[j] for j in opened.tolist()} & set(ids))
            yield RuleVerdict(rule=STUDY, clause=f"{key}.{tier_id}", title=texts.title(f"rule.{key}"),
                              verdict="applied", required=", ".join(ids), measured=f"{count} / {len(ids)}",
                              source=study.file.name)


def _measured_text(out: Outcome, verdict: ClauseVerdict, measured: dict[tuple[str, str], float],
                   rows: dict[str, tuple[SiteRow, float]]) -> str | None:
    clause = verdict.clause
    if clause.kind == "spacing_m":
        apart = _nearest_m(out, clause.tier)
        return None if apart is None else f"{apart:.6g} m"
    if clause.kind in ("max_sites_per_zone", "max_count", "land_cap_m2") and verdict.name in rows:
        row, value = rows[verdict.name]
        where = f" ({row.subject_id})" if clause.zone_level is not None else ""
        return f"{value:.6g}{UNITS[row.unit]}{where}"
    found = measured.get((clause.kind, clause.tier))
    return None if found is None else f"{found:.6g}"


def _worst_rows(out: Outcome) -> dict[str, tuple[SiteRow, float]]:
    """Per clause the rule nearest to its limit, or furthest beyond, and what the plan has of it."""
    worst: dict[str, tuple[SiteRow, float]] = {}
    margin: dict[str, float] = {}
    for row, value in zip(out.problem.site_rows, out.problem.rows.own_values(out.plan.open_sites).tolist(),
                          strict=True):
        left = row.limit - value if row.sense == "<=" else value - row.limit
        if row.clause not in margin or left < margin[row.clause]:
            worst[row.clause], margin[row.clause] = (row, value), left
    return worst


def _nearest_m(out: Outcome, tier_id: str) -> float | None:
    """Least distance between two open sites of a tier, m; None with fewer than two."""
    for tier, sites, opened in zip(out.problem.network.tiers, out.ground.sites, out.shown.open_sites, strict=True):
        if tier.id == tier_id and len(opened.site) > 1:
            return float(pdist(np.asarray(sites.xy)[opened.site]).min())
    return None


def _measured(out: Outcome) -> dict[tuple[str, str], float]:
    """What the plan shows where a clause asks: the worst site of each tier."""
    problem, plan = out.problem, out.shown
    found: dict[tuple[str, str], float] = {}
    for level, (tier, opened) in enumerate(zip(problem.network.tiers, plan.open_sites, strict=True)):
        if len(opened.size):
            found["min_area_m2", tier.id] = min(tier.sizes[k].area_m2 for k in opened.size)
            found["max_area_m2", tier.id] = max(tier.sizes[k].area_m2 for k in opened.size)
        here = problem.sites[level].zone_of[opened.site]
        if len(problem.zone_ids):
            found["min_sites_per_zone", tier.id] = min(int((here == z).sum()) for z in range(len(problem.zone_ids)))
    first = problem.network.tiers[0].id
    load = [0.0] * len(problem.sites[0])
    for part, site in enumerate(plan.site_of_part):
        if site >= 0:
            load[site] += float(problem.demand.households[part])
    found["max_households_per_site", first] = max(load, default=0.0)
    arc = out.arc
    found["max_access_m", first] = float(problem.walk.distance_m[arc[arc >= 0]].max()) if (arc >= 0).any() else 0.0
    return found
