"""Where the figures of a study's demand come from, for the table of assumptions, and what of it is an estimate."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator

import numpy as np
import shapely
from numpy.typing import NDArray

from optimizer.network import Title
from service.demand_rates import DemandRates, Kind
from service.plan_json import Assumption, Mark
from service.seam import Brief
from service.study import Study
from service.study_demand import DemandConfig

POINT_SIDE_M = 10.0
_SHARED_BY = {
    "weight": Title(zh="没有人口的小区按 weight 列分摊", en="Communities without persons share by the column `weight`"),
    "area": Title(zh="没有人口的小区按面积分摊", en="Communities without persons share by area"),
    "count": Title(zh="没有人口的小区平均分摊", en="Communities without persons share alike")}
_SCALED = Title(zh="小区人口乘以此系数以符合控制总量", en="Persons of the zone's communities were multiplied by this")
_PEAK = Title(zh="站点能力按高峰日校核，年量、成本、车辆和储存按平均日计，使用率为高峰日的",
              en="Sites have room for the peak day; tonnes, costs, vehicles and storage are those of the mean day, "
                 "utilisation is that of the peak day")
_UNPLACED = Title(zh="没有对应分区或小区的人口，未计入",
                  en="Persons of totals without a zone or a community; not counted")
_HOUSEHOLDS = Title(zh="这些小区的人口由户数推算", en="Communities whose persons were derived from households")


def demand_assumptions(brief: Brief) -> Iterator[Assumption]:
    """Every figure that demand was made with, with its unit in the name, mark and source; nothing where none was."""
    if brief.places.demand is None:
        return
    study, asked = brief.study, brief.study.demand or DemandConfig()
    yield from _totals(brief)
    yield from _raster(brief)
    for name, value in (("tolerance_share", asked.tolerance_share if brief.places.demand.totals else None),
                        *_layout(asked)):
        if value is not None:
            yield _said(study, name, value, "A", "study file")
    if brief.places.demand.from_households_count:
        yield _said(study, "from_households_count", brief.places.demand.from_households_count, "D",
                    "communities layer, persons per household of the network", _HOUSEHOLDS)
    if asked.peak_factor > 1.0:
        yield _said(study, "peak_factor", asked.peak_factor, "A", "study file", _PEAK)
    if brief.rates is not None:
        yield from _settings(brief, brief.rates)
        for kind in brief.rates.generators:
            yield from _generators(brief, kind)


def demand_estimates(brief: Brief) -> Iterator[Title]:
    """What of the demand is an estimate, in words to be shown with the result."""
    record = brief.places.demand
    if record is None:
        return
    if record.raster is not None:
        yield Title(zh="没有人口的小区，人口取自人口栅格按面积加权之和",
                    en="Persons of communities without any of their own are area-weighted sums of a population raster")
    if record.totals:
        yield Title(zh="小区人口按分区控制总量调整",
                    en="Persons of communities are made to fit the control totals of their zones")
        yield from (_SHARED_BY[word] for word in sorted({t.shared_by for t in record.totals if t.shared_by}))
    if record.cells_count:
        yield Title(zh="小区为规则网格，人口按面积分摊", en="Communities are cells of a grid, persons shared by area")
    if record.from_households_count:
        yield Title(zh="部分小区的人口由户数推算", en="Persons of some communities are derived from households")
    if "kind" in brief.places.communities:
        yield Title(zh="商业和公共机构的产生量由规模乘以单位系数估算",
                    en="What shops, offices, schools and the like give is their size times a rate")


def estimated_communities(brief: Brief) -> list[bool]:
    """Which communities hold persons or tonnes that are estimated, by the study's word or by what was made of them."""
    said = brief.study.inputs.communities.estimated is not None
    table = brief.places.communities
    return [said] * len(table) if "estimated" not in table else [said or bool(v) for v in table["estimated"]]


def community_outlines(brief: Brief) -> NDArray[np.object_]:
    """What communities are drawn as: their outlines, points as squares of 10 m, so that a layer holds areas only."""
    shapes = np.array(brief.places.communities.geometry.array, dtype=object)
    points = shapely.get_dimensions(shapes) == 0
    shapes[points] = shapely.buffer(shapes[points], POINT_SIDE_M / 2.0, cap_style="square")
    return shapes


def _said(study: Study, name: str, value: float | str, mark: Mark, source: str,
          note: Title | None = None) -> Assumption:
    """An assumption with the mark and source that the study gives for it, else with these."""
    for entry in (study.demand or DemandConfig()).provenance:
        if any(fnmatch.fnmatchcase(name, pattern) for pattern in entry.covers):
            return Assumption(parameter=f"demand.{name}", value=value, mark=entry.mark, source=entry.source,
                              note=entry.note or note)
    return Assumption(parameter=f"demand.{name}", value=value, mark=mark, source=source, note=note)


def _totals(brief: Brief) -> Iterator[Assumption]:
    """Control totals and what communities were multiplied by."""
    record, inputs = brief.places.demand, brief.study.inputs
    source = inputs.control_totals or inputs.zones
    file = "" if source is None else source.path.name
    for total in () if record is None else record.totals:
        note = None if total.shared_by is None else _SHARED_BY[total.shared_by]
        yield _said(brief.study, f"control_totals.{total.zone_id}.persons", total.persons, "A", f"file {file}", note)
        if total.before_persons > 0.0:
            yield _said(brief.study, f"scaling.{total.zone_id}.factor", total.persons / total.before_persons, "D",
                        "control total over the sum of the zone's communities", _SCALED)
    if record is not None and record.unplaced_persons > 0.0:
        yield _said(brief.study, "control_totals.unplaced_persons", record.unplaced_persons, "D", f"file {file}",
                    _UNPLACED)


def _raster(brief: Brief) -> Iterator[Assumption]:
    """Persons of the raster, placed and not."""
    record, source = brief.places.demand, brief.study.inputs.population
    if record is None or record.raster is None or source is None:
        return
    for name, value in (("total", record.raster.total_persons), ("placed", record.raster.placed_persons),
                        ("unplaced", record.raster.unplaced_persons)):
        yield _said(brief.study, f"population.{name}_persons", round(value, 3), "A",
                    f"file {source.path.name}, {source.unit}")


def _layout(asked: DemandConfig) -> Iterator[tuple[str, float | None]]:
    """Figures of cells and slivers."""
    if asked.cells is not None:
        yield "cells.h3_resolution", asked.cells.h3_resolution
        yield "cells.side_m", asked.cells.side_m
    if asked.slivers is not None:
        yield "slivers.min_area_m2", asked.slivers.min_area_m2
        yield "slivers.min_persons", asked.slivers.min_persons
        yield "slivers.reach_m", asked.slivers.reach_m


def _settings(brief: Brief, rates: DemandRates) -> Iterator[Assumption]:
    """Factors of the settings that some community has."""
    if "setting" not in brief.places.communities:
        return
    used = {str(word) for word in brief.places.communities["setting"] if isinstance(word, str)}
    for entry in rates.settings:
        if used & {entry.id, *entry.words}:
            yield _said(brief.study, f"settings.{entry.id}.generation_factor", entry.generation_factor, entry.mark,
                        entry.source, entry.note or entry.title)
            for name, value in entry.kg_per_person_day.items():
                yield _said(brief.study, f"settings.{entry.id}.{name}_kg_per_person_day", value, entry.mark,
                            entry.source, entry.note or entry.title)


def _generators(brief: Brief, kind: Kind) -> Iterator[Assumption]:
    """Rates of a kind of generator that occurs, and sizes that were assumed."""
    table, record = brief.places.communities, brief.places.demand
    if "kind" not in table or record is None:
        return
    mine = np.array([k == kind.id for k in table["kind"]], dtype=bool)
    if not mine.any():
        return
    unit = {"floor_area_m2": "m2", "heads_count": "head", "site": "site"}[kind.measure]
    place, note = f"generators.{kind.id}", kind.note or kind.title
    files = ", ".join(source.path.name for source in brief.study.inputs.generators)
    yield _said(brief.study, f"{place}.count", int(mine.sum()), "A", f"file {files}", note)
    for name, value in kind.kg_per_unit_day.items():
        yield _said(brief.study, f"{place}.{name}_kg_per_{unit}_day", value, kind.mark, kind.source, note)
    assumed = record.assumed_sizes.get(kind.id, 0)
    if assumed and kind.assumed_size is not None:
        yield _said(brief.study, f"{place}.assumed_{kind.measure}", kind.assumed_size, "A",
                    f"rates {brief.rates.demand if brief.rates else ''}: {assumed} rows without a size", note)
