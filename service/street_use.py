"""Who uses the streets of a study: walkers and the vehicles of its network, on lines or on OpenStreetMap."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from geodata.access_bans import read_access_bans
from geodata.driver import StreetUse
from geodata.ground import Ground
from geodata.line_driver import line_use
from geodata.matrix_cache import MatrixCache
from geodata.osm_network import read_network
from geodata.osm_street_messages import STREET_MESSAGES
from geodata.osm_streets import Terms, osm_use
from geodata.osm_tags import VehicleClass
from geodata.places import Places
from geodata.roads import NoStreetError, driving
from geodata.tables import DataError, Fault, did_you_mean, fault
from geodata.turn_metric import AreaBan, Slot, TurnCosts
from optimizer.network import Network, Vehicle
from service.lookup import is_osm, load_vehicle_classes
from service.messages import STUDY_MESSAGES
from service.study import Study
from service.study_streets import StreetsConfig
from service.vehicle_classes import VehicleClasses, class_of_table


def street_use(study: Study, network: Network, places: Places, cache: MatrixCache | None = None) -> StreetUse:
    """Walkers and the vehicle that feeds each tier after the first.

    DataError where the streets are of no use to one of them, or street file, vehicle classes or bans are faulty.
    """
    roads = study.inputs.roads
    vehicles = feeding(network)
    try:
        if not is_osm(study):
            profiles = [driving(v.id, v.speed_km_per_h, v.barred_from) for v in vehicles]
            return line_use(places.roads, profiles)
        config = study.streets or StreetsConfig()
        classes = load_vehicle_classes(study)
        bans, faults = _bans(study, network, classes)
        slot = Slot("study", config.week, config.congestion or None)
        costs = TurnCosts(config.u_turns, config.u_turn_s, config.signal_s, config.gate_s)
        found = osm_use(read_network(roads.path), places.crs_metric, [_row(v, classes) for v in vehicles],
                        Terms(slot, bans, costs), roads.path.name, cache)
    except NoStreetError as error:
        raise DataError([fault("streets_unusable", file=roads.path.name, layer=roads.layer, messages=STUDY_MESSAGES,
                               reason=str(error))]) from error
    said = fault("streets_slot", file=roads.path.name, layer="highway", messages=STREET_MESSAGES, hours=config.hours)
    return replace(found, faults=(*faults, *found.faults, said))


def street_faults(study: Study, network: Network) -> list[Fault]:
    """What is wrong with the keys and layers about streets, without reading the street file."""
    if not is_osm(study):
        given = [name for name, value in (("streets", study.streets), ("inputs.access_bans", study.inputs.access_bans))
                 if value is not None]
        return [fault("streets_need_osm", file=study.file.name, messages=STUDY_MESSAGES, key=key) for key in given]
    faults: list[Fault] = []
    crs = study.inputs.roads.crs
    if crs not in (None, "EPSG:4326"):
        faults.append(fault("value_wrong", file=study.file.name, messages=STUDY_MESSAGES, key="inputs.roads.crs",
                            reason=f"files of OpenStreetMap are in EPSG:4326, not {crs}"))
    try:
        classes = load_vehicle_classes(study)
    except DataError as error:
        return [*faults, *error.faults]
    known = [c.id for c in classes.classes]
    for vehicle in feeding(network):
        name = vehicle.vehicle_class
        if name is not None and name not in known:
            faults.append(fault("name_unknown", file=f"networks/{study.network}.yaml", messages=STUDY_MESSAGES,
                                name=name, kind="vehicle class", kind_zh="车辆类型", known=", ".join(known),
                                hint=did_you_mean(name, known)))
    if not faults and study.inputs.access_bans is not None:
        try:
            faults += _bans(study, network, classes)[1]
        except DataError as error:
            faults += error.faults
    return list(dict.fromkeys(faults))


def snap_notes(study: Study, ground: Ground) -> tuple[Fault, ...]:
    """How far the sites of each tier are from the streets of the vehicles that reach them, where those are OSM's."""
    if not is_osm(study):
        return ()
    notes = []
    for tier, (sites, metres) in enumerate(zip(ground.sites, ground.snap_m, strict=True)):
        driver = ground.by_vehicle[max(tier - 1, 0)]
        if tier == 0:
            metres = driver.snap(sites.geometry).distance_m
        worst = int(np.argmax(metres))
        notes.append(fault("streets_snap", file=study.inputs.roads.path.name, layer="highway",
                           messages=STREET_MESSAGES, tier=sites.tier_id, count=len(metres), vehicle=driver.name,
                           median=f"{np.median(metres):.0f}", most=f"{metres[worst]:.0f}", feature=sites.ids[worst]))
    return tuple(notes)


def feeding(network: Network) -> list[Vehicle]:
    """The vehicle that feeds each tier after the first."""
    return [network.vehicle(tier.feed.vehicle) for tier in network.tiers if tier.feed is not None]


def _row(vehicle: Vehicle, classes: VehicleClasses) -> VehicleClass:
    """The class a vehicle names, else one made of its own speed table."""
    if vehicle.vehicle_class is None:
        return class_of_table(vehicle.id, vehicle.speed_km_per_h, vehicle.barred_from)
    return next(row for row in classes.rows() if row.id == vehicle.vehicle_class)


def _bans(study: Study, network: Network, classes: VehicleClasses) -> tuple[tuple[AreaBan, ...], Sequence[Fault]]:
    """Areas under a ban; they may name classes, or vehicles of the network."""
    source = study.inputs.access_bans
    if source is None:
        return (), ()
    own = {vehicle.id: vehicle.vehicle_class or vehicle.id for vehicle in network.vehicles}
    return read_access_bans(source.source(), {**own, **{c.id: c.id for c in classes.classes}})
