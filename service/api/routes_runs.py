"""Results: the list of runs, each run's plan, report, files and whole layers."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from service.api.answers import GEOJSON, App, NoQuery, base_url, file_answer
from service.api.paging import link
from service.api.settings import PREFIX
from service.kpi_groups import KpiGroup, kpi_groups
from service.runs import DOWNLOADS, Run

router = APIRouter(prefix=f"{PREFIX}/runs", tags=["runs"], dependencies=[NoQuery])


@router.get("")
def list_runs(request: Request, app: App) -> dict[str, Any]:
    """Every result, with its headline figures."""
    root = base_url(request) + f"{PREFIX}/runs"
    good, bad = app.runs.runs()
    return {"runs": [_summary(run, root) for run in good], "unreadable": bad,
            "links": [link(root, "self", "application/json")]}


@router.get("/{run}")
def plan(request: Request, app: App, run: str) -> Response:
    """plan.json of a run."""
    return file_answer(request, app.runs.run(run).download("plan.json"), "application/json")


@router.get("/{run}/indicators")
def indicators(app: App, run: str) -> dict[str, Any]:
    """The names of the plan's indicators that have a value, in groups; those of tiers or kinds of tours as grids."""
    return {"groups": [_group(group) for group in kpi_groups(app.runs.run(run).plan, app.texts)]}


@router.get("/{run}/report")
def report(request: Request, app: App, run: str) -> Response:
    """The report of a run."""
    return file_answer(request, app.runs.run(run).download("report.html"), "text/html; charset=utf-8")


@router.get("/{run}/files/{name}")
def download(request: Request, app: App, run: str, name: str) -> Response:
    """A file of a run: plan.gpkg, manifest.json, certificate.npz, study.yaml, ..."""
    path = app.runs.run(run).download(name)
    return file_answer(request, path, DOWNLOADS.get(name, "text/html; charset=utf-8"), f"{run}_{name}")


@router.get("/{run}/layers")
def layers(request: Request, app: App, run: str) -> dict[str, Any]:
    """The layers of a run with their titles, geometry and properties (titles in zh and en, units)."""
    found = app.runs.run(run)
    root = base_url(request) + PREFIX
    return {"layers": [_layer(app, found, name, root) for name in found.layer_names()]}


@router.get("/{run}/layers/{layer}")
def whole_layer(request: Request, app: App, run: str, layer: str) -> Response:
    """A layer as the GeoJSON file it is stored in."""
    return file_answer(request, app.runs.run(run).layer_path(layer), GEOJSON)


def _group(group: KpiGroup) -> dict[str, Any]:
    """A group of indicators as JSON."""
    return {"id": group.id, "title": group.title.model_dump(), "names": list(group.names),
            "grids": [{"columns": [title.model_dump() for title in grid.columns],
                       "rows": [{"title": row.title.model_dump(), "names": list(row.names)} for row in grid.rows]}
                      for grid in group.grids]}


def _summary(run: Run, root: str) -> dict[str, Any]:
    plan = run.plan
    return {"id": run.name, "study": plan.study, "title": plan.title.model_dump() if plan.title else None,
            "status": plan.status, "objective_cny_per_year": plan.objective_cny_per_year,
            "bound_cny_per_year": plan.bound_cny_per_year, "gap": plan.gap,
            "links": [link(f"{root}/{run.name}", "self", "application/json"),
                      link(f"{root}/{run.name}/report", "alternate", "text/html"),
                      link(f"{root}/{run.name}/layers", "layers", "application/json")]}


def _layer(app: App, run: Run, name: str, root: str) -> dict[str, Any]:
    schema = app.runs.schema(run, name)
    return {
        "id": name, "title": run.layer_title(name, app.texts).model_dump(), "geometry": schema.geometry,
        "tier": name in [t.id for t in run.plan.tiers], "collection": f"{run.name}__{name}",
        "properties": [{"name": p.name, "type": p.kind, "unit": p.unit, "title": p.title.model_dump()}
                       for p in schema.properties],
        "links": [link(f"{root}/runs/{run.name}/layers/{name}", "data", GEOJSON),
                  link(f"{root}/collections/{run.name}__{name}", "collection", "application/json")],
    }
