"""Every check of a study in one place: what its files, network and rules say against each other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from geodata.audit import audit_places
from geodata.places import Places, collect_places
from geodata.screening import ScreenedLand, TierScreening, screen_places
from geodata.tables import DataError, Fault, did_you_mean, fault, has_errors
from optimizer.network import Network, Title
from optimizer.rules import ClauseVerdict, Quota, Rule, applicable, quota_faults, quotas, tightest
from service.candidate_inputs import candidate_faults, collect_surroundings
from service.candidate_survey import land_survey
from service.demand_seam import demand_places, sources
from service.edits import in_force, load_edits
from service.lookup import is_osm, load_demand_rates, load_network, load_rules
from service.messages import STUDY_MESSAGES
from service.street_use import street_faults, street_use
from service.study import Study

Made = TypeVar("Made")
UNREADABLE = frozenset({
    "file_missing", "format_unknown", "file_unreadable", "layer_missing", "layer_not_named", "layer_not_spatial",
    "layer_empty", "encoding_wrong", "no_crs", "crs_unknown", "crs_refused", "crs_not_metric",
    "coordinates_impossible", "lon_lat_swapped", "column_missing", "column_unknown",
    *(code for code, m in STUDY_MESSAGES.items() if m.severity == "error")})
"""Codes after which nothing can be said about the features of a layer (exit code 2 of an audit)."""


def check_study(study: Study, audit: bool = False) -> list[Fault]:
    """Every fault of a study's inputs, network, rules and screened land, worst first; raises nothing of them.

    With `audit`, also what is merely doubtful (slow checks of the geometry).
    """
    network, faults = _tried(lambda: load_network(study))
    rules, found = _tried(lambda: load_rules(study))
    faults += found
    places, place_faults = collect_places(study.places_input())
    faults += place_faults
    if places is not None:
        if audit:
            faults += audit_places(places, study.places_input())
        places, found = _with_demand(study, network, places)
        faults += found
    if places is not None:
        around = collect_surroundings(study, places)
        faults, places = [*faults, *around.faults], around.places
        if network is not None:
            faults += candidate_faults(study, network, around)
        if network is not None:
            faults += _edit_faults(study, network)
            faults += existing_site_faults(study, places, network)
            faults += _street_faults(study, network, places, audit=audit)
            if rules is not None:
                faults += rule_faults(study, network, rules)
                faults += _land_faults(study, places, network, rules)
    order = {"error": 0, "warning": 1, "note": 2}
    return sorted(dict.fromkeys(faults), key=lambda f: order[f.severity])


def _with_demand(study: Study, network: Network | None, places: Places) -> tuple[Places | None, list[Fault]]:
    """Places with settled homes, and what is wrong with them, with other sources and with rates."""
    rates, faults = _tried(lambda: load_demand_rates(study))
    if network is None:
        return places, faults
    homes, found = demand_places(study, network, places)
    faults += found
    if homes is not None and not has_errors(faults):
        faults += sources(study, network, rates, homes)[1]
    return homes, faults


def require_sound(study: Study) -> None:
    """DataError with every fault of check_study when one of them is an error."""
    faults = check_study(study)
    if has_errors(faults):
        raise DataError(faults)


def unreadable(faults: Iterable[Fault]) -> bool:
    """True when a fault says that an input could not be read at all."""
    return any(f.severity == "error" and f.code in UNREADABLE for f in faults)


def rule_verdicts(study: Study, network: Network, rules: Sequence[Rule]) -> tuple[ClauseVerdict, ...]:
    """What becomes of every clause of the study's rules."""
    zones = study.inputs.zones
    level = None if zones is None else zones.level
    ids = [tier.id for tier in network.tiers]
    return tuple(_as_enforced(v, network) for rule in rules for v in applicable(rule, level, study.setting, ids))


def _as_enforced(verdict: ClauseVerdict, network: Network) -> ClauseVerdict:
    """The verdict, lowered to `reported` where the model has no such constraint for the clause's tier."""
    kind, first = verdict.clause.kind, network.tiers[0].id
    on_first, on_land = verdict.clause.tier == first, verdict.clause.tier != first
    enforced = {"max_households_per_site": on_first, "max_access_m": on_first, "min_area_m2": True,
                "max_area_m2": on_land, "min_sites_per_zone": True, "max_sites_per_zone": True, "max_count": True,
                "spacing_m": True, "land_cap_m2": on_land}
    if verdict.status != "applies" or enforced.get(kind, False):
        return verdict
    reason = Title(zh="模型对该层级没有此约束，仅作报告",
                   en="the model has no such constraint for this tier; it is only reported")
    return replace(verdict, status="reported", reason=reason)


def land_screening(study: Study, network: Network, rules: Sequence[Rule]) -> tuple[TierScreening, ...]:
    """The screening of each tier that stands on land: what the study asks, tightened by the area clauses that apply."""
    verdicts = rule_verdicts(study, network, rules)
    tightened = []
    for asked in study.tier_screening(network.tiers):
        least, most = (tightest(verdicts, kind, asked.tier_id) for kind in ("min_area_m2", "max_area_m2"))
        maxima = [m for m in (asked.max_area_m2, most.clause.value if most else None) if m is not None]
        tightened.append(replace(asked, min_area_m2=max(asked.min_area_m2, least.clause.value if least else 0.0),
                                 max_area_m2=min(maxima) if maxima else None))
    return tuple(tightened)


def candidates_per_zone(places: Places, screened: ScreenedLand) -> dict[str, dict[str, int]]:
    """{zone id: {tier id: candidates}} of the tiers that stand on land; every zone has a count, if 0."""
    counts: dict[str, dict[str, int]] = {str(zone): {} for zone in places.zones["id"]}
    for tier in screened.tiers:
        per_zone = Counter(tier.table.loc[tier.is_candidate, "zone_id"])
        for zone, of_zone in counts.items():
            of_zone[tier.tier_id] = per_zone.get(zone, 0)
    return counts


def quota_errors(study: Study, wanted: Iterable[Quota], candidates: Mapping[str, Mapping[str, int]]) -> list[Fault]:
    """One error per zone that has fewer candidates than a rule requires sites."""
    zones = study.inputs.zones
    file, layer = (study.file.name, None) if zones is None else (zones.path.name, zones.layer)
    return [fault("quota_impossible", file=file, layer=layer, feature_id=f.zone_id, messages=STUDY_MESSAGES,
                  clause=f.clause, tier=f.tier, required=f.required_count, candidates=f.candidate_count)
            for f in quota_faults(wanted, candidates)]


def rule_faults(study: Study, network: Network, rules: Sequence[Rule]) -> list[Fault]:
    """Clauses that are not applied, with the reason, and sizes smaller than a clause allows."""
    verdicts = rule_verdicts(study, network, rules)
    faults = [fault("clause_not_applicable", file=study.file.name, messages=STUDY_MESSAGES, clause=v.name,
                    reason_zh=v.reason.zh, reason_en=v.reason.en) for v in verdicts if v.status != "applies"]
    for tier in network.tiers:
        least = tightest(verdicts, "min_area_m2", tier.id)
        if least is not None:
            faults += [fault("size_below_rule", file=study.file.name, messages=STUDY_MESSAGES, tier=tier.id,
                             size=size.id, area=f"{size.area_m2:g}", least=f"{least.clause.value:g}", clause=least.name)
                       for size in tier.sizes if size.area_m2 < least.clause.value]
    return faults


def existing_site_faults(study: Study, places: Places, network: Network) -> list[Fault]:
    """Existing sites of a tier or size the network does not have."""
    source = study.inputs.existing_sites
    if source is None:
        return []
    faults, sizes = [], {tier.id: [size.id for size in tier.sizes] for tier in network.tiers}
    sites, parcels = places.existing_sites, set(places.land["id"])
    for feature, tier, size in zip(sites["id"], sites["tier"], sites["size"], strict=True):
        if tier not in sizes:
            faults.append(fault("tier_unknown", file=source.path.name, layer=source.layer, feature_id=feature, key=tier,
                                messages=STUDY_MESSAGES, network=network.network, known=", ".join(sizes),
                                hint=did_you_mean(str(tier), sizes)))
        elif size is None:
            faults.append(fault("size_missing", file=source.path.name, layer=source.layer, feature_id=feature,
                                messages=STUDY_MESSAGES, tier=tier, known=", ".join(sizes[tier])))
        elif feature in parcels:
            faults.append(fault("id_of_parcel", file=source.path.name, layer=source.layer, feature_id=feature,
                                messages=STUDY_MESSAGES))
        elif size not in sizes[tier]:
            faults.append(fault("size_unknown", file=source.path.name, layer=source.layer, feature_id=feature,
                                messages=STUDY_MESSAGES, tier=tier, size=size, known=", ".join(sizes[tier])))
    return faults


def _street_faults(study: Study, network: Network, places: Places, *, audit: bool) -> list[Fault]:
    """What is wrong with keys about streets; with `audit`, what is left out of them and closed on them besides."""
    faults = street_faults(study, network)
    plain = not is_osm(study) and study.streets is None and study.inputs.access_bans is None
    if not audit or plain or has_errors(faults):
        return faults
    use, found = _tried(lambda: street_use(study, network, places))
    return [*faults, *(found if use is None else use.faults)]


def _edit_faults(study: Study, network: Network) -> list[Fault]:
    """What is wrong with the edits a study rests on, and which they are."""
    edits, faults = _tried(lambda: load_edits(study, network))
    return [*faults, *map(in_force, edits or ())]


def _land_faults(study: Study, places: Places, network: Network, rules: Sequence[Rule]) -> list[Fault]:
    screening = land_screening(study, network, rules)
    if study.inputs.land is None or not screening:
        return []
    screened, faults = _tried(lambda: screen_places(places, screening, land_survey(study, network, places, screening)))
    if screened is None:
        return faults
    on_land = {tier.tier_id for tier in screening}
    wanted = [q for q in quotas(rule_verdicts(study, network, rules)) if q.tier in on_land]
    return [*faults, *quota_errors(study, wanted, candidates_per_zone(places, screened))]


def _tried(make: Callable[[], Made]) -> tuple[Made | None, list[Fault]]:
    """What `make` returns, or None with the faults it raised."""
    try:
        return make(), []
    except DataError as error:
        return None, list(error.faults)
