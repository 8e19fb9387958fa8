"""Networks, rules, vehicle classes by name: in the study's folder, then $RECYNET_CONFIGS, then packaged configs."""

from __future__ import annotations

import os
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from geodata.tables import DataError, Fault, did_you_mean, fault
from optimizer.network import Network
from optimizer.rules import Rule
from service.demand_rates import DemandRates
from service.messages import STUDY_MESSAGES
from service.study import Study
from service.study_streets import StreetsConfig
from service.vehicle_classes import VehicleClasses
from service.yaml_files import read_yaml, validation_faults

CONFIGS_VARIABLE = "RECYNET_CONFIGS"
_KIND_ZH = {"networks": "网络", "rules": "规则", "vehicle_classes": "车辆类型表", "demand": "产生量参数"}
Model = TypeVar("Model", bound=BaseModel)


def load_network(study: Study) -> Network:
    """The network a study names; DataError when it is unknown, wrong, or the study's screening does not fit it."""
    network = _load(study, "networks", study.network, Network)
    faults = screening_faults(study, network)
    if faults:
        raise DataError(faults)
    return network


def load_rules(study: Study) -> tuple[Rule, ...]:
    """The rules a study names, in its order; DataError with the faults of all of them."""
    rules: list[Rule] = []
    faults: list[Fault] = []
    for name in study.rules:
        try:
            rules.append(_load(study, "rules", name, Rule))
        except DataError as error:
            faults += error.faults
    if faults:
        raise DataError(faults)
    return tuple(rules)


def load_vehicle_classes(study: Study) -> VehicleClasses:
    """The vehicle classes on the streets of a study; DataError when their file is unknown or wrong."""
    return _load(study, "vehicle_classes", (study.streets or StreetsConfig()).vehicle_classes, VehicleClasses)


def load_demand_rates(study: Study) -> DemandRates | None:
    """The rates of demand a study names, None where it names none; DataError when their file is unknown or wrong."""
    name = demand_rates_name(study)
    return None if name is None else _load(study, "demand", name, DemandRates)


def demand_rates_name(study: Study) -> str | None:
    """The name of the file of rates of demand, if a study has one."""
    return None if study.demand is None else study.demand.rates


def is_osm(study: Study) -> bool:
    """Whether the streets of a study are those of an OpenStreetMap file."""
    return study.inputs.roads.source().is_osm


def config_parts(study: Study) -> tuple[tuple[str, str], ...]:
    """Kind and name of every configuration file a study rests on."""
    classes, rates = (study.streets or StreetsConfig()).vehicle_classes, demand_rates_name(study)
    return (("networks", study.network), *(("rules", name) for name in study.rules),
            *((("vehicle_classes", classes),) if is_osm(study) or study.inputs.access_bans is not None else ()),
            *(() if rates is None else (("demand", rates),)))


def config_text(study: Study, kind: str, name: str) -> str:
    """The YAML text of a configuration file, for the result folder; DataError when the name is unknown."""
    found = _find(study, kind, name)
    if found is None:
        known = known_names(study, kind)
        raise DataError([fault("name_unknown", file=study.file.name, messages=STUDY_MESSAGES, name=name,
                               kind=kind.removesuffix("s"), kind_zh=_KIND_ZH[kind], known=", ".join(known) or "-",
                               hint=did_you_mean(name, known))])
    return found.read_text(encoding="utf-8")


def known_names(study: Study, kind: str) -> tuple[str, ...]:
    """Names of all networks or rules that can be found, sorted."""
    names = {entry.name.removesuffix(".yaml") for folder in _folders(study, kind) if folder.is_dir()
             for entry in folder.iterdir() if entry.name.endswith(".yaml")}
    return tuple(sorted(names))


def screening_faults(study: Study, network: Network) -> tuple[Fault, ...]:
    """Tiers named in a study's screening that the network lacks or that do not stand on land."""
    ids = [tier.id for tier in network.tiers]
    faults: list[Fault] = []
    for tier_id in study.screening:
        key = f"screening.{tier_id}"
        if tier_id not in ids:
            faults.append(fault("tier_unknown", file=study.file.name, messages=STUDY_MESSAGES, key=key,
                                network=network.network, known=", ".join(ids), hint=did_you_mean(tier_id, ids)))
        elif network.tier(tier_id).candidates != "land":
            faults.append(fault("tier_not_on_land", file=study.file.name, messages=STUDY_MESSAGES, key=key))
    if study.inputs.land is None:
        faults += [fault("land_needed", file=study.file.name, messages=STUDY_MESSAGES, tier=tier.id)
                   for tier in network.tiers if tier.candidates == "land"]
    return tuple(faults)


def _folders(study: Study, kind: str) -> tuple[Path | Traversable, ...]:
    """Where files of a kind are looked for, first to last."""
    own: list[Path | Traversable] = [study.folder / kind]
    if os.environ.get(CONFIGS_VARIABLE):
        own.append(Path(os.environ[CONFIGS_VARIABLE]) / kind)
    return (*own, files("configs") / kind)


def _find(study: Study, kind: str, name: str) -> Path | Traversable | None:
    if not name.replace("_", "").replace("-", "").isalnum():
        return None  # a name, not a path
    beside = study.folder / f"{name}.yaml"
    places = [beside, *(folder / f"{name}.yaml" for folder in _folders(study, kind))]
    return next((place for place in places if place.is_file()), None)


def _load(study: Study, kind: str, name: str, model: type[Model]) -> Model:
    text = config_text(study, kind, name)
    file = f"{kind}/{name}.yaml"
    try:
        return model.model_validate(read_yaml(text, file))
    except ValidationError as error:
        raise DataError(validation_faults(error, model, file)) from error
