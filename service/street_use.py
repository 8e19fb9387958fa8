"""Who uses the streets of a study: walkers and the vehicles of its network, on lines or on OpenStreetMap."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
from numpy.typing import NDArray

from geodata.access_bans import read_access_bans
from geodata.crs import WGS84, to_metric
from geodata.driver import StreetUse
from geodata.ground import Ground
from geodata.line_driver import edges_in, line_use
from geodata.osm_street_messages import STREET_MESSAGES
from geodata.osm_tags import VehicleClass
from geodata.places import Places
from geodata.roads import NoStreetError, Profile, driving
from geodata.tables import DataError, Fault, did_you_mean, fault
from geodata.turn_metric import AreaBan, Slot, TurnCosts
from optimizer.network import Network, Vehicle
from service.lookup import is_osm, load_vehicle_classes
from service.messages import STUDY_MESSAGES
from service.study import Study
from service.study_streets import OSM_ONLY, SlotConfig, StreetsConfig
from service.vehicle_classes import VehicleClasses, class_of_table

if TYPE_CHECKING:
    from geodata.matrix_cache import MatrixCache

M_PER_KM = 1000.0


def street_use(study: Study, network: Network, places: Places, cache: MatrixCache | None = None) -> StreetUse:
    """Walkers and the vehicle that feeds each tier after the first.

    DataError where the streets are of no use to one of them, or street file, vehicle classes or bans are faulty.
    """
    roads = study.inputs.roads
    try:
        return _on_osm(study, network, places, cache) if is_osm(study) else _on_lines(study, network, places)
    except NoStreetError as error:
        raise DataError([fault("streets_unusable", file=roads.path.name, layer=roads.layer, messages=STUDY_MESSAGES,
                               reason=str(error))]) from error


def _on_osm(study: Study, network: Network, places: Places, cache: MatrixCache | None) -> StreetUse:
    from geodata.osm_network import read_network  # with matrices and compiled loops, which lines do without
    from geodata.osm_streets import Terms, osm_use

    config, vehicles, file = study.streets or StreetsConfig(), feeding(network), study.inputs.roads.path
    classes = load_vehicle_classes(study)
    bans, faults = _bans(study, network, classes)
    costs = TurnCosts(config.u_turns, config.u_turn_s, config.signal_s, config.gate_s)
    driven = [(_row(v, classes), _slot(config, v)) for v in vehicles]
    found = osm_use(read_network(file), places.crs_metric, driven, Terms(bans, costs), file.name, cache)
    return replace(found, faults=(*faults, *found.faults, *_slot_notes(study, vehicles)))


def _on_lines(study: Study, network: Network, places: Places) -> StreetUse:
    vehicles, config = feeding(network), study.streets
    if config is None and study.inputs.access_bans is None:
        return line_use(places.roads, [driving(v.id, v.speed_km_per_h, v.barred_from) for v in vehicles])
    config = config or StreetsConfig()
    bans, faults = _bans(study, network, load_vehicle_classes(study)) if study.inputs.access_bans else ((), ())
    closed = [_areas(bans, vehicle, _slot(config, vehicle), places.crs_metric) for vehicle in vehicles]
    found = line_use(places.roads, [_slowed(v, config.slot(v.id)) for v in vehicles], closed)
    notes = [*faults, *_slot_notes(study, vehicles)]
    for vehicle, areas in zip(vehicles, closed, strict=True):
        shut = edges_in(found.streets, areas)
        if shut is not None:
            km = float(found.streets.length_m[shut].sum()) / M_PER_KM
            notes.append(_note(study, "streets_banned", vehicle=vehicle.id, count=len(areas), km=f"{km:.1f}"))
    notes += [_note(study, "streets_component", vehicle=d.name, share=f"{d.component_share:.1%}")
              for d in found.by_vehicle]
    known = {"default", *found.streets.highway.tolist()}
    notes += [_note(study, "congestion_unused", name=name) for vehicle in vehicles
              for name in config.slot(vehicle.id).congestion if name not in known]
    return replace(found, faults=tuple(dict.fromkeys(notes)))


def street_faults(study: Study, network: Network) -> list[Fault]:
    """What is wrong with the keys and layers about streets, without reading the street file."""
    faults = list(_key_faults(study, network))
    if not is_osm(study) and study.inputs.access_bans is None:
        return faults
    try:
        classes = load_vehicle_classes(study)
        known = [c.id for c in classes.classes]
        for vehicle in feeding(network):
            name = vehicle.vehicle_class
            if name is not None and name not in known:
                faults.append(fault("name_unknown", file=f"networks/{study.network}.yaml", messages=STUDY_MESSAGES,
                                    name=name, kind="vehicle class", kind_zh="车辆类型", known=", ".join(known),
                                    hint=did_you_mean(name, known)))
            if vehicle.id in known and name != vehicle.id:  # two things of one name: bans could mean either
                faults.append(fault("value_wrong", file=f"networks/{study.network}.yaml", messages=STUDY_MESSAGES,
                                    key=f"vehicles.{vehicle.id}.id", reason="this is the name of a vehicle class, "
                                    "which this vehicle is not of; give it another name, or that class"))
        if not faults:
            faults += _bans(study, network, classes)[1]
    except DataError as error:
        faults += error.faults
    return list(dict.fromkeys(faults))


def _key_faults(study: Study, network: Network) -> Sequence[Fault]:
    """Keys of the block `streets` that have no meaning here, and vehicles it names that the network lacks."""
    faults, config, crs = [], study.streets, study.inputs.roads.crs
    if is_osm(study) and crs not in (None, WGS84):
        faults.append(fault("value_wrong", file=study.file.name, messages=STUDY_MESSAGES, key="inputs.roads.crs",
                            reason=f"files of OpenStreetMap are in {WGS84}, not {crs}"))
    if config is None:
        return faults
    if not is_osm(study):
        idle = OSM_ONLY if study.inputs.access_bans is not None else (*OSM_ONLY, "vehicle_classes")
        faults += [fault("streets_need_osm", file=study.file.name, messages=STUDY_MESSAGES, key=f"streets.{key}")
                   for key in idle if key in config.model_fields_set]
    known = [vehicle.id for vehicle in network.vehicles]
    faults += [fault("name_unknown", file=study.file.name, messages=STUDY_MESSAGES, name=name, kind="vehicle",
                     kind_zh="车辆", known=", ".join(known), hint=did_you_mean(name, known))
               for name in config.vehicles if name not in known]
    return faults


def snap_notes(study: Study, ground: Ground) -> tuple[Fault, ...]:
    """How far the sites of each tier are from the streets of the vehicles that reach them, where those are OSM's."""
    if not is_osm(study):
        return ()
    notes = []
    for tier, (sites, metres) in enumerate(zip(ground.sites, ground.snap_m, strict=True)):
        driver = ground.by_vehicle[max(tier - 1, 0)]
        away = driver.snap(sites.geometry).distance_m if tier == 0 else metres
        worst = int(np.argmax(away))
        notes.append(_note(study, "streets_snap", tier=sites.tier_id, count=len(away), vehicle=driver.name,
                           median=f"{np.median(away):.0f}", most=f"{away[worst]:.0f}", feature=sites.ids[worst]))
    return tuple(notes)


def feeding(network: Network) -> list[Vehicle]:
    """The vehicle that feeds each tier after the first."""
    return [network.vehicle(tier.feed.vehicle) for tier in network.tiers if tier.feed is not None]


def _row(vehicle: Vehicle, classes: VehicleClasses) -> VehicleClass:
    """The class a vehicle names, else one made of its own speed table."""
    if vehicle.vehicle_class is None:
        return class_of_table(vehicle.id, vehicle.speed_km_per_h, vehicle.barred_from)
    return next(row for row in classes.rows() if row.id == vehicle.vehicle_class)


def _slot(config: StreetsConfig, vehicle: Vehicle) -> Slot:
    slot = config.slot(vehicle.id)
    return Slot(vehicle.id if slot is not config else "all", slot.week, slot.congestion or None)


def _slowed(vehicle: Vehicle, slot: SlotConfig) -> Profile:
    """A vehicle's speeds on lines, less what congestion takes."""
    def factor(highway: str) -> float:
        return slot.congestion.get(highway, slot.congestion.get("default", 1.0))

    table: Mapping[str, float] = vehicle.speed_km_per_h
    speeds = {highway: table.get(highway, table["default"]) / factor(highway) for highway in {*table, *slot.congestion}}
    return driving(vehicle.id, speeds, vehicle.barred_from)


def _areas(bans: Sequence[AreaBan], vehicle: Vehicle, slot: Slot, crs_metric: str) -> NDArray[np.object_]:
    """The areas that are closed to a vehicle in its hours, metric CRS."""
    name = vehicle.vehicle_class or vehicle.id
    own = [ban.area for ban in bans if name in ban.vehicle_ids and ban.week & slot.week]
    return np.asarray(to_metric(gpd.GeoSeries(own, crs=WGS84), crs_metric).array, dtype=object)


def _slot_notes(study: Study, vehicles: Sequence[Vehicle]) -> list[Fault]:
    config = study.streets or StreetsConfig()
    return list(dict.fromkeys(_note(study, "streets_slot", vehicle=v.id, hours=config.slot(v.id).hours)
                              for v in vehicles))


def _note(study: Study, code: str, **values: str | int) -> Fault:
    """A note on the streets; the values fill in its message."""
    roads = study.inputs.roads
    words = {name: str(value) for name, value in values.items()}
    layer = "highway" if is_osm(study) else roads.layer
    return fault(code, file=roads.path.name, layer=layer, feature_id=None, messages=STREET_MESSAGES, **words)


def _bans(study: Study, network: Network, classes: VehicleClasses) -> tuple[tuple[AreaBan, ...], Sequence[Fault]]:
    """Areas under a ban; they may name classes, or vehicles of the network."""
    source = study.inputs.access_bans
    if source is None:
        return (), ()
    own = {vehicle.id: vehicle.vehicle_class or vehicle.id for vehicle in network.vehicles}
    return read_access_bans(source.source(), {**own, **{c.id: c.id for c in classes.classes}})
