"""Every file of a result written again from its choices, to be compared with what a folder holds."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np

from service.geopackage import write_geopackage
from service.plan_document import estimates, plan_document
from service.plan_json import PlanJson
from service.publish_layers import STREETS, layer_titles, layers_of, street_layer, write_layers
from service.report import write_report
from service.result_tables import Outcome

NUDGES = (-1e-6, 1e-6)
"""Relative changes of all numbers a report is printed from, to see which printed digits they can decide."""


class Again:
    """A result written again, file by file as asked for, in a temporary folder of its own."""

    def __init__(self, outcome: Outcome, timings_s: Mapping[str, float]) -> None:
        self._out = outcome
        self._timings_s = dict(timings_s)
        self._temporary = tempfile.TemporaryDirectory(prefix="recynet-verify-")
        self.key = key_of(outcome, timings_s)

    @property
    def _folder(self) -> Path:
        return Path(self._temporary.name)

    @cached_property
    def plan(self) -> PlanJson:
        """plan.json."""
        return plan_document(self._out, self._timings_s)

    @cached_property
    def layers(self) -> Path:
        """The folder of the GeoJSON layers."""
        folder = self._folder / "layers"
        write_layers(folder, self._out, {**self._tables, STREETS: self._streets})
        return folder

    @cached_property
    def geopackage(self) -> Path:
        """plan.gpkg."""
        path = self._folder / "plan.gpkg"
        write_geopackage(path, self._tables, titles=layer_titles(self._out, self._tables),
                         attribution="; ".join(self._out.brief.study.attribution),
                         estimated=[t.en for t in estimates(self._out)])
        return path

    @cached_property
    def report(self) -> str:
        """report.html."""
        return self._printed(self.plan, self._tables)

    @cached_property
    def nudged_reports(self) -> tuple[str, ...]:
        """The report once more with every number a little smaller, and a little larger (NUDGES)."""
        return tuple(self._printed(_nudged_plan(self.plan, by), {n: _nudged(t, by) for n, t in self._tables.items()})
                     for by in NUDGES)

    @cached_property
    def _tables(self) -> dict[str, gpd.GeoDataFrame]:
        return layers_of(self._out)

    @cached_property
    def _streets(self) -> gpd.GeoDataFrame:
        return street_layer(self._out)

    def _printed(self, plan: PlanJson, tables: Mapping[str, gpd.GeoDataFrame]) -> str:
        path = self._folder / "report.html"
        write_report(path, plan, tables, self._streets)
        return path.read_text(encoding="utf-8")


def key_of(outcome: Outcome, timings_s: Mapping[str, float]) -> str:
    """A hash of the choices in an outcome: the same for the same files, as long as the case is the same."""
    plan, haulage = outcome.plan, outcome.haulage
    digest = hashlib.sha256()
    for array in _arrays(outcome):
        digest.update(f"{array.dtype} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    digest.update(repr((plan.report, haulage.tours, haulage.warnings, sorted(haulage.visits_per_week.items()),
                        haulage.hit_time_limit, list(timings_s.items()))).encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


def _arrays(outcome: Outcome) -> Iterator[np.ndarray[Any, Any]]:
    plan = outcome.plan
    yield plan.site_of_part
    for opened in plan.open_sites:
        yield from (opened.site, opened.size)
    for flow in plan.flows:
        yield from (flow.origin, flow.destination, flow.t_per_day)


def _nudged_plan(plan: PlanJson, by: float) -> PlanJson:
    def scaled(value: Any) -> Any:
        if isinstance(value, float):
            return value * (1.0 + by)
        if isinstance(value, dict):
            return {key: scaled(item) for key, item in value.items()}
        return [scaled(item) for item in value] if isinstance(value, list | tuple) else value

    return PlanJson.model_validate(scaled(plan.model_dump()) | {"timings_s": plan.timings_s})


def _nudged(table: gpd.GeoDataFrame, by: float) -> gpd.GeoDataFrame:
    floats = [name for name, kind in table.dtypes.items() if kind == np.float64]
    return table.assign(**{name: table[name] * (1.0 + by) for name in floats})
