"""`recynet init`: the command line of a new study."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, cast

import typer

from geodata.osm_servers import NOMINATIM_URL, OVERPASS_URL, Servers
from geodata.readers import Source
from geodata.tables import DataError, Fault, fault
from service.init_messages import INIT_MESSAGES

if TYPE_CHECKING:
    from geodata.osm_places_homes import Units
    from service.init_study import Started

OVERPASS_VARIABLE, NOMINATIM_VARIABLE = "RECYNET_OVERPASS_URL", "RECYNET_NOMINATIM_URL"
Show = Literal["zh", "en"]
_FILES, _PEOPLE, _ONLINE = "Area", "People", "Servers (only with --place)"


Unit = Annotated[str | None, typer.Option(help="of a raster: persons_per_cell or persons_per_km2",
                                          rich_help_panel=_PEOPLE)]
Column = Annotated[list[str] | None, typer.Option(metavar="OURS=THEIRS", rich_help_panel=_PEOPLE,
                                                  help="id, population, lon ...; repeatable")]
CellM = Annotated[float | None, typer.Option(help="of a raster: cells put together to this side, m", min=1,
                                             rich_help_panel=_PEOPLE)]
Persons = Annotated[float | None, typer.Option(help="total to scale to", min=1, rich_help_panel=_PEOPLE)]
UnitsOf = Annotated[str, typer.Option(help="without a population file: residential land, blocks or both",
                                      rich_help_panel=_PEOPLE)]
PeopleFile = Annotated[Path | None, typer.Option(help="cells, areas, points or a raster with persons",
                                                 rich_help_panel=_PEOPLE)]
BoundaryFile = Annotated[Path | None, typer.Option(help="polygons to plan in", rich_help_panel=_FILES)]
Box = Annotated[str | None, typer.Option(help="west,south,east,north in degrees", rich_help_panel=_FILES)]
BoundaryLayer = Annotated[str | None, typer.Option(help="layer of the boundary file", rich_help_panel=_FILES)]
PeopleLayer = Annotated[str | None, typer.Option(help="layer of the population file", rich_help_panel=_PEOPLE)]
BoundaryCrs = Annotated[str | None, typer.Option(help="EPSG:n, GCJ-02 or BD-09", rich_help_panel=_FILES)]
PeopleCrs = Annotated[str | None, typer.Option(help="EPSG:n, GCJ-02 or BD-09", rich_help_panel=_PEOPLE)]
Restrictions = Annotated[bool, typer.Option("--turn-restrictions", help="streets as an extract that keeps them")]
OverpassUrl = Annotated[str, typer.Option(envvar=OVERPASS_VARIABLE, rich_help_panel=_ONLINE)]
NominatimUrl = Annotated[str, typer.Option(envvar=NOMINATIM_VARIABLE, rich_help_panel=_ONLINE)]


def init(context: typer.Context,
         out: Annotated[Path, typer.Argument(metavar="OUT", help="new folder for the study")],
         osm: Annotated[Path | None, typer.Option(help="OpenStreetMap file: .osm.pbf or .osm")] = None,
         place: Annotated[str | None, typer.Option(help="place name; needs the network")] = None,
         boundary: BoundaryFile = None, boundary_layer: BoundaryLayer = None, boundary_crs: BoundaryCrs = None,
         bbox: Box = None, population: PeopleFile = None, population_layer: PeopleLayer = None,
         population_crs: PeopleCrs = None, population_column: Column = None, population_unit: Unit = None,
         cell_m: CellM = None, persons: Persons = None, communities: UnitsOf = "both",
         network: Annotated[str, typer.Option(help="network the study plans")] = "urban_three_tier",
         rules: Annotated[list[str] | None, typer.Option("--rules", help="rule preset; repeatable")] = None,
         turn_restrictions: Restrictions = False,
         name: Annotated[str | None, typer.Option(help="name of the study; else that of the folder")] = None,
         overpass_url: OverpassUrl = OVERPASS_URL, nominatim_url: NominatimUrl = NOMINATIM_URL,
         timeout_s: Annotated[float, typer.Option(min=1, rich_help_panel=_ONLINE)] = 180.0,
         as_json: Annotated[bool, typer.Option("--json", help="print JSON for machines")] = False) -> None:
    """Begin a study: a folder with study.yaml, full of comments, and study.gpkg. Exit code: 0 done, 2 bad input."""
    from service.cli import print_faults
    from service.init_study import InitOptions, start_study

    assert context.parent is not None
    language: Show = context.parent.params["lang"]
    if communities not in ("residential", "blocks", "both"):
        raise typer.BadParameter("write residential, blocks or both", param_hint="--communities")
    options = InitOptions(
        out, osm, place, Servers(overpass_url, nominatim_url, timeout_s),
        None if boundary is None else Source(boundary, boundary_layer, boundary_crs),
        None if bbox is None else _box(bbox),
        None if population is None else Source(population, population_layer, population_crs, None,
                                               _columns(population_column or ()), population_unit, cell_m),
        persons, cast("Units", communities), network, tuple(rules or ()), turn_restrictions, name, language)
    started = start_study(options)
    if as_json:
        typer.echo(json.dumps(_as_json(started), ensure_ascii=False, indent=1))
        return
    order = {"note": 0, "warning": 1, "error": 2}
    print_faults(sorted(started.faults, key=lambda f: order[f.severity]), language)
    _summary(started, language)


def _box(text: str) -> tuple[float, float, float, float]:
    try:
        west, south, east, north = (float(word) for word in text.split(","))
    except ValueError:
        west = south = east = north = 0.0
    if not (-180.0 <= west < east <= 180.0 and -90.0 <= south < north <= 90.0):
        raise DataError([fault("init_bbox_wrong", messages=INIT_MESSAGES, text=text)])
    return west, south, east, north


def _columns(pairs: Sequence[str]) -> dict[str, str]:
    wrong: list[Fault] = [fault("init_column_wrong", messages=INIT_MESSAGES, text=pair)
                          for pair in pairs if not all(pair.partition("="))]
    if wrong:
        raise DataError(wrong)
    return {pair.partition("=")[0].strip(): pair.partition("=")[2].strip() for pair in pairs}


def _as_json(started: Started) -> dict[str, object]:
    return {"schema_version": 1, "study": str(started.study), "layers": dict(started.counts),
            "persons": started.persons, "faults": [asdict(f) for f in started.faults]}


def _summary(started: Started, language: Show) -> None:
    """How much there is, and what to do next."""
    counts = ", ".join(f"{layer} {count}" for layer, count in started.counts)
    path = started.study
    if language == "zh":
        typer.echo(f"图层：{counts}；人口 {started.persons:,.0f}\n{path}\n下一步：recynet audit {path}")
    else:
        typer.echo(f"layers: {counts}; persons {started.persons:,.0f}\n{path}\nnext: recynet audit {path}")
