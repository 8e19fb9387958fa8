"""What is assumed about walking and driving: street tags that are missing, vehicle classes, hours and congestion."""

from __future__ import annotations

from collections.abc import Iterator

from optimizer.network import Title
from service.lookup import is_osm, load_vehicle_classes
from service.plan_json import Assumption
from service.seam import Brief
from service.street_use import feeding
from service.study_streets import StreetsConfig
from service.vehicle_classes import VehicleClassConfig

ASSUMED = "assumed"
_FIGURES = ("gvw_t", "axle_t", "height_m", "width_m", "length_m", "speed_cap_km_per_h", "share_of_maxspeed",
            "opened_speed_km_per_h")


def street_assumptions(brief: Brief) -> Iterator[Assumption]:
    """One row per assumption; on OpenStreetMap every figure of the vehicle classes in use, with its source."""
    study = brief.study
    if not is_osm(study) and brief.places.roads["oneway"].isna().all():
        yield Assumption(parameter="roads.oneway", value=None, mark="A", source="street layer without direction",
                         note=Title(zh="街道无单行信息：车辆双向通行",
                                    en="No one-way tags: vehicles drive both ways on every street"))
    if is_osm(study):
        yield Assumption(parameter="walking", value="4.5 km/h", mark="A", source="streets of OpenStreetMap",
                         note=Title(zh="步行使用除高速公路和标签禁止行人之外的所有街道",
                                    en="Residents walk on every street but motorways and those closed to walkers"))
        yield from _classes(brief)
    else:
        yield Assumption(parameter="walking", value="4.5 km/h", mark="A", source="street layer",
                         note=Title(zh="步行使用除高速公路外的所有街道",
                                    en="Residents walk on every street but motorways"))
        yield Assumption(parameter="driving speeds", value=None, mark="A", source="vehicles of the network",
                         note=Title(zh="车速按道路等级与车型表取值",
                                    en="Speeds come from a table per street and vehicle class"))
    if is_osm(study) or study.streets is not None or study.inputs.access_bans is not None:
        yield from _hours(brief)


def _classes(brief: Brief) -> Iterator[Assumption]:
    used = {vehicle.vehicle_class for vehicle in feeding(brief.network)}
    for row in load_vehicle_classes(brief.study).classes:
        if row.id in used:
            yield from _figures(row)


def _figures(row: VehicleClassConfig) -> Iterator[Assumption]:
    for name in _FIGURES:
        figure = getattr(row, name)
        yield _figure(f"vehicle_classes.{row.id}.{name}", figure.value, figure.source)
    for highway, speed in row.speed_km_per_h.values.items():
        yield _figure(f"vehicle_classes.{row.id}.speed_km_per_h.{highway}", speed, row.speed_km_per_h.source)


def _figure(parameter: str, value: float, source: str) -> Assumption:
    return Assumption(parameter=parameter, value=value, mark="A" if source.startswith(ASSUMED) else "S*", source=source)


def _hours(brief: Brief) -> Iterator[Assumption]:
    config = brief.study.streets or StreetsConfig()
    for vehicle in feeding(brief.network):
        slot = config.slot(vehicle.id)
        yield Assumption(parameter=f"streets.{vehicle.id}.hours", value=slot.hours, mark="A", source="study file",
                         note=Title(zh="所有行驶按该时段的限行与拥堵计", en="All drives are those of these hours"))
        for highway, factor in slot.congestion.items():
            yield Assumption(parameter=f"streets.{vehicle.id}.congestion.{highway}", value=factor, mark="A",
                             source="study file")
