"""Demand between tables and arrays: communities settled, generators added, tonnes per material."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from geodata.demand import settled
from geodata.demand_generators import with_generators
from geodata.parts import Parts
from geodata.places import Places
from geodata.tables import DataError, Fault, did_you_mean, fault, has_errors
from optimizer.network import Network
from service.demand_rates import DemandRates
from service.messages import STUDY_MESSAGES
from service.study import Study

Float = NDArray[np.float64]

KG_PER_T = 1000.0
PART_SHARE = 0.5
"""A part of a generator is at most this share of the largest site of the first tier."""


def demand_places(study: Study, network: Network, places: Places) -> tuple[Places | None, tuple[Fault, ...]]:
    """Places with settled communities, all of them homes; None where an input cannot be used."""
    return settled(places, study.places_input(), network.persons_per_household)


def sound_homes(study: Study, network: Network, places: Places) -> Places:
    """Places with settled communities; DataError with every error."""
    found, faults = demand_places(study, network, places)
    if found is None or has_errors(faults):
        raise DataError(faults)
    return found


def sources(study: Study, network: Network, rates: DemandRates | None,
            places: Places) -> tuple[Places, tuple[Fault, ...]]:
    """Places with generators behind the homes, and what is wrong with generators and rates."""
    kinds = () if rates is None else tuple(kind.as_read() for kind in rates.generators)
    found, faults = with_generators(places, study.places_input().demand, kinds)
    return found, (*faults, *rate_faults(study, network, rates, places))


def sound_sources(study: Study, network: Network, rates: DemandRates | None, places: Places) -> Places:
    """Places with generators behind the homes; DataError with every error."""
    found, faults = sources(study, network, rates, places)
    if has_errors(faults):
        raise DataError(faults)
    return replace(found, communities=_cut_by_load(study, network, rates, found))


def rate_faults(study: Study, network: Network, rates: DemandRates | None, places: Places) -> Sequence[Fault]:
    """Materials that the network lacks, settings that the rates lack, sizes without room for the peak day."""
    faults = [fault("peak_above_minimum", file=study.file.name, messages=STUDY_MESSAGES, tier=tier.id, size=size.id,
                    least=f"{size.min_t_per_day:g}", room=f"{size.capacity_t_per_day / study.peak_factor:g}")
              for tier in network.tiers for size in tier.sizes
              if size.min_t_per_day > size.capacity_t_per_day / study.peak_factor]
    if study.inputs.generators and (rates is None or not rates.generators):
        faults.append(fault("rates_needed", file=study.file.name, messages=STUDY_MESSAGES))
    if rates is None:
        return [*faults, *_idle_settings(study, places)]
    known = [m.id for m in network.materials]
    given = ((e.id, name) for e, rated in (*((s, s.kg_per_person_day) for s in rates.settings),
                                           *((k, k.kg_per_unit_day) for k in rates.generators)) for name in rated)
    faults += [fault("rate_material_unknown", file=f"demand/{rates.demand}.yaml", messages=STUDY_MESSAGES,
                     feature_id=entry, material=name, network=network.network, known=", ".join(known),
                     hint=did_you_mean(name, known)) for entry, name in given if name not in known]
    if "setting" in places.communities:
        words = {word for entry in rates.settings for word in (entry.id, *entry.words)}
        zones = study.inputs.zones
        used = {str(s) for s in places.communities["setting"] if isinstance(s, str)}
        faults += [fault("setting_unknown", file=None if zones is None else zones.path.name, messages=STUDY_MESSAGES,
                         setting=word, known=", ".join(sorted(words)) or "-") for word in sorted(used - words)]
    return faults


def _idle_settings(study: Study, places: Places) -> Sequence[Fault]:
    """Without rates, what zones are called changes nothing: a warning where the study says it."""
    words = sorted({str(s) for s in places.communities.get("setting", ()) if isinstance(s, str)})
    zones = study.inputs.zones
    return [fault("setting_without_rates", file=None if zones is None else zones.path.name, messages=STUDY_MESSAGES,
                  known=", ".join(words))] if words else []


def home_rates(places: Places, network: Network, rates: DemandRates | None) -> Float:
    """What a person of each community gives of each material, kg per day, [communities, M]."""
    kg = np.array([m.kg_per_person_day for m in network.materials])
    table = np.tile(kg, (len(places.communities), 1))
    if rates is None or "setting" not in places.communities:
        return table
    setting_of = {word: entry for entry in rates.settings for word in (entry.id, *entry.words)}
    own = {entry.id: np.array([entry.kg_per_person_day.get(m.id, m.kg_per_person_day * entry.generation_factor)
                               for m in network.materials]) for entry in rates.settings}
    for row, word in enumerate(places.communities["setting"]):
        if isinstance(word, str) and word in setting_of:
            table[row] = own[setting_of[word].id]
    return table


def generator_kg_per_day(places: Places, network: Network, rates: DemandRates | None) -> Float:
    """What each generator gives of each material, kg per day, [communities, M]; zero in the rows of homes."""
    table = np.zeros((len(places.communities), len(network.materials)))
    if rates is None or "kind" not in places.communities:
        return table
    per_unit = {kind.id: np.array([kind.kg_per_unit_day.get(m.id, 0.0) for m in network.materials])
                for kind in rates.generators}
    columns = (places.communities[name] for name in ("kind", "size", "t_per_day"))
    for row, (kind, size, tonnes) in enumerate(zip(*columns, strict=True)):
        if isinstance(kind, str):
            rate = per_unit[kind]
            table[row] = rate * size if np.isnan(tonnes) else rate / rate.sum() * tonnes * KG_PER_T
    return table


def generated_t_per_day(places: Places, network: Network, rates: DemandRates | None, parts: Parts,
                        persons: Float) -> Float:
    """What every demand part gives of each material, t per day, [n, M]."""
    homes = persons[:, None] * home_rates(places, network, rates)[parts.community] / KG_PER_T
    if rates is None or "kind" not in places.communities:
        return np.asarray(homes)
    others = generator_kg_per_day(places, network, rates)[parts.community] * parts.share[:, None] / KG_PER_T
    return np.asarray(homes + others)


def _cut_by_load(study: Study, network: Network, rates: DemandRates | None, places: Places) -> object:
    """Communities with the number of parts that generators need, so that a part fits into half a site."""
    table = places.communities
    if "kind" not in table:
        return table
    tonnes = generator_kg_per_day(places, network, rates) / KG_PER_T
    tier = network.tiers[0]
    bulk = tonnes @ np.array([1.0 / m.density_t_per_m3[tier.state] for m in network.materials])
    most_t = max(s.capacity_t_per_day for s in tier.sizes)
    most_m3 = max(np.inf if s.capacity_m3_per_day is None else s.capacity_m3_per_day for s in tier.sizes)
    room = PART_SHARE / study.peak_factor
    need = np.maximum(tonnes.sum(axis=1) / (room * most_t), bulk / (room * most_m3))
    return table.assign(least_parts=np.maximum(1.0, np.ceil(need - 1e-9)))
