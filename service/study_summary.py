"""What plan.json says of the candidates a study asks for: titles and costs of hosts, and how land is scored."""

from __future__ import annotations

from collections.abc import Iterator

from geodata.suitability import CLASSES
from optimizer.network import Network, Title
from service.plan_json import Assumption, CriterionSummary, SuitabilitySummary
from service.study import Study
from service.study_suitability import CriterionConfig, SuitabilityConfig


def host_titles(study: Study) -> dict[str, Title]:
    """The titles of kinds of host that have one, by kind."""
    return {name: host.title for name, host in study.candidates.hosts.items() if host.title is not None}


def candidate_assumptions(study: Study) -> Iterator[Assumption]:
    """Shares of costs at hosts, with their source, and what low scores of land are said to cost."""
    note = Title(zh="依托既有场所设站的成本占新建的比例", en="Share of what a site costs elsewhere")
    for name, host in study.candidates.hosts.items():
        for key in ("build_cost_share", "fixed_cost_share"):
            if (share := getattr(host, key)) != 1.0:
                yield Assumption(parameter=f"candidates.hosts.{name}.{key}", value=share, mark=host.mark,
                                 source=host.source, note=note)
    note = Title(zh="得分是判断，不是实际支出", en="A score is a judgement, not a cost that anybody pays")
    scores = [("candidates", study.candidates.suitability),
              *((f"screening.{tier}", screening.suitability) for tier, screening in study.screening.items())]
    for where, asked in scores:
        if asked is not None and asked.premium_cny_per_year is not None:
            yield Assumption(parameter=f"{where}.suitability.premium_cny_per_year",
                             value=asked.premium_cny_per_year, mark="A", source="study file", note=note)


def suitability_summaries(study: Study, network: Network) -> tuple[SuitabilitySummary, ...]:
    """One per tier whose candidates have a score: the first, then those on land in the order of the study."""
    first = study.candidates.suitability
    return (*(() if first is None else (_summary(network.tiers[0].id, first),)),
            *(_summary(tier, screening.suitability) for tier, screening in study.screening.items()
              if screening.suitability is not None))


def _summary(tier_id: str, config: SuitabilityConfig) -> SuitabilitySummary:
    found = config.weights
    criteria = tuple(_criterion(name, criterion, weight)
                     for (name, criterion), weight in zip(config.criteria.items(), found.weights, strict=True))
    return SuitabilitySummary(tier_id=tier_id, criteria=criteria, consistency_ratio=found.consistency_ratio,
                              min_score_share=config.min_score_share, premium_cny_per_year=config.premium_cny_per_year)


def _criterion(name: str, criterion: CriterionConfig, weight: float) -> CriterionSummary:
    """Values that score 0 and 1; of classes of land use those with the least and the greatest score."""
    layer = criterion.layer or ", ".join(criterion.street_classes) or None
    if criterion.measure in CLASSES:
        scores = ", ".join(f"{use}: {score:g}" for use, score in criterion.scores.items())
        return CriterionSummary(id=name, measure=criterion.measure, layer=layer, best=scores, weight_share=weight)
    return CriterionSummary(id=name, measure=criterion.measure, layer=layer, worst=f"{criterion.worst:g}",
                            best=f"{criterion.best:g}", weight_share=weight)
