"""Points of interest of a study: read, checked against what the study says of them, turned into hosts and layers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace

import geopandas as gpd
import numpy as np
from numpy.typing import NDArray

from geodata.ground import TierSites
from geodata.hosts import HostKind, HostPlan
from geodata.places import Places
from geodata.points_of_interest import PointsInput, is_called, named_layers, read_points
from geodata.screening import COMMUNITIES
from geodata.survey_messages import SURVEY_MESSAGES
from geodata.tables import DataError, Fault, did_you_mean, fault, has_errors
from optimizer.network import Network
from service.candidate_messages import CANDIDATE_MESSAGES
from service.messages import STUDY_MESSAGES
from service.study import Study

Float = NDArray[np.float64]
MOST_NAMED = 12
"""Kinds that a message lists."""


@dataclass(frozen=True)
class Surroundings:
    """A study's layers together with its points of interest."""

    places: Places
    """With one layer per group of points besides the exclusions, which bars only where a rule names it."""
    points: gpd.GeoDataFrame | None
    faults: tuple[Fault, ...]


def with_surroundings(study: Study, places: Places) -> Surroundings:
    """The places with the points of interest of the study; DataError where a file of them cannot be used."""
    found = collect_surroundings(study, places)
    if has_errors(found.faults):
        raise DataError(found.faults)
    return found


def collect_surroundings(study: Study, places: Places) -> Surroundings:
    """The places with the points of interest of the study, and every fault of these."""
    given = study.inputs.points_of_interest
    if not given:
        return Surroundings(places, None, ())
    points, faults = read_points([PointsInput(p.name, p.source(), p.kind) for p in given], places.crs_metric)
    layers = named_layers(points, study.candidates.groups)
    return Surroundings(replace(places, exclusions=(*places.exclusions, *layers)), points, faults)


def candidate_faults(study: Study, network: Network, around: Surroundings) -> list[Fault]:
    """What the study says of hosts and points of interest against what it has."""
    config, file = study.candidates, study.file.name
    faults = []
    sizes = [size.id for size in network.tiers[0].sizes]
    for name, host in config.hosts.items():
        faults += [fault("size_unknown", file=file, feature_id=f"candidates.hosts.{name}", messages=STUDY_MESSAGES,
                         tier=network.tiers[0].id, size=size, known=", ".join(sizes))
                   for size in host.sizes or () if size not in sizes]
    if config.hosts and around.points is None:
        faults.append(fault("hosts_without_points", file=file, messages=CANDIDATE_MESSAGES))
    for exclusion in study.inputs.exclusions:
        if exclusion.name in config.groups:
            faults.append(fault("point_group_named", file=file, messages=CANDIDATE_MESSAGES, name=exclusion.name))
    return [*faults, *_criterion_faults(study, network, around), *_point_faults(study, around)]


def _criterion_faults(study: Study, network: Network, around: Surroundings) -> Iterable[Fault]:
    """Criteria of the first tier that name no layer."""
    config = study.candidates.suitability
    known = [COMMUNITIES, *(layer.name for layer in around.places.exclusions)]
    for name, criterion in ({} if config is None else config.criteria).items():
        if criterion.layer is not None and criterion.layer not in known:
            yield fault("layer_unknown", file=study.file.name, messages=SURVEY_MESSAGES, tier=network.tiers[0].id,
                        criterion=name, name=criterion.layer, known=", ".join(known),
                        hint=did_you_mean(criterion.layer, known))


def _point_faults(study: Study, around: Surroundings) -> Iterable[Fault]:
    points = around.points
    if points is None or len(points) == 0:
        return
    file, groups = study.inputs.points_of_interest[0].path.name, study.candidates.groups
    words = list(points["words"])
    used = np.zeros(len(points), dtype=bool)
    for name, kinds in groups.items():
        called = is_called(words, kinds)
        used |= called
        if not any(called):
            yield fault("host_kind_absent", file=study.file.name, messages=CANDIDATE_MESSAGES, group=name,
                        kinds=", ".join(kinds), known=_kinds(words))
    idle = [w for w, on in zip(words, used, strict=True) if not on]
    if not used.any():
        yield fault("points_unused", file=file, messages=CANDIDATE_MESSAGES, known=_kinds(words))
    elif idle:
        yield fault("point_kinds_unused", file=file, messages=CANDIDATE_MESSAGES, count=len(idle), known=_kinds(idle))
    if study.candidates.hosts:
        taken = {str(i) for frame in (around.places.land, around.places.existing_sites) for i in frame["id"]}
        for site in sorted(taken.intersection(str(i) for i in points["id"])):
            yield fault("host_id_taken", file=file, feature_id=site, messages=CANDIDATE_MESSAGES, site=site)


def _kinds(words: Iterable[frozenset[str]]) -> str:
    """The most frequent plain kinds with their counts."""
    counts = Counter(word for own in words for word in own if "=" not in word)
    named = [f"{word}: {count}" for word, count in counts.most_common(MOST_NAMED)]
    return ", ".join([*named, "..."] if len(counts) > MOST_NAMED else named) or "-"


def host_plan(study: Study, network: Network, points: gpd.GeoDataFrame | None, max_walk_m: float) -> HostPlan | None:
    """The hosts a study asks for, None where it asks for none."""
    config = study.candidates
    if points is None or not config.hosts:
        return None
    kinds = tuple(HostKind(name, host.kinds, tuple(host.sizes is None or size.id in host.sizes
                                                   for size in network.tiers[0].sizes))
                  for name, host in config.hosts.items())
    return HostPlan(points, kinds, config.host_reach_m, max_walk_m, config.host_apart_m)


def cost_shares(study: Study, sites: TierSites, kind_of: dict[str, str]) -> tuple[Float | None, Float | None]:
    """Shares of build and of fixed cost of the sites of a tier, [J] each; None where every site pays the whole."""
    hosts = [study.candidates.hosts.get(kind_of.get(site, "")) for site in sites.ids]
    if all(host is None for host in hosts):
        return None, None
    build = np.array([1.0 if host is None else host.build_cost_share for host in hosts])
    fixed = np.array([1.0 if host is None else host.fixed_cost_share for host in hosts])
    return build, fixed


