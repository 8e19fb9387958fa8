"""What plan.json says of the candidates a study asks for: titles of hosts, and how land is scored."""

from __future__ import annotations

from optimizer.network import Title
from service.plan_json import CriterionSummary, SuitabilitySummary
from service.study import Study
from service.study_suitability import CriterionConfig, SuitabilityConfig


def host_titles(study: Study) -> dict[str, Title]:
    """The titles of kinds of host that have one, by kind."""
    return {name: host.title for name, host in study.candidates.hosts.items() if host.title is not None}


def suitability_summaries(study: Study) -> tuple[SuitabilitySummary, ...]:
    """One per tier whose land has a score, in the order of the study."""
    return tuple(_summary(tier, screening.suitability) for tier, screening in study.screening.items()
                 if screening.suitability is not None)


def _summary(tier_id: str, config: SuitabilityConfig) -> SuitabilitySummary:
    found = config.weights
    criteria = tuple(_criterion(name, criterion, weight)
                     for (name, criterion), weight in zip(config.criteria.items(), found.weights, strict=True))
    return SuitabilitySummary(tier_id=tier_id, criteria=criteria, consistency_ratio=found.consistency_ratio,
                              min_score_share=config.min_score_share, premium_cny_per_year=config.premium_cny_per_year)


def _criterion(name: str, criterion: CriterionConfig, weight: float) -> CriterionSummary:
    """Values that score 0 and 1; of classes of land use those with the least and the greatest score."""
    layer = criterion.layer or ", ".join(criterion.street_classes) or None
    if criterion.measure == "land_use":
        scores = ", ".join(f"{use}: {score:g}" for use, score in criterion.scores.items())
        return CriterionSummary(id=name, measure=criterion.measure, layer=layer, best=scores, weight_share=weight)
    return CriterionSummary(id=name, measure=criterion.measure, layer=layer, worst=f"{criterion.worst:g}",
                            best=f"{criterion.best:g}", weight_share=weight)
