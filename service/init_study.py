"""`recynet init`: a folder with a study file and a GeoPackage, from an OSM file or a place name."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import geopandas as gpd
import pyogrio.errors
import yaml

from geodata.osm_areas import Things, read_things
from geodata.osm_areas_classes import Meanings
from geodata.osm_areas_extract import write_street_extract
from geodata.osm_areas_messages import AREA_MESSAGES
from geodata.osm_download import download
from geodata.osm_places import Area, OsmPlaces, osm_places
from geodata.osm_places_area import area_of_box, area_of_file, area_of_streets, lies_in_china
from geodata.osm_places_cells import cell_communities
from geodata.osm_places_homes import Communities, Units, estimated_communities
from geodata.osm_servers import Servers
from geodata.readers import TABLES, Source
from geodata.tables import DataError, Fault, fault, text_column
from optimizer.network import Network, Title
from service.init_config import InitConfig, load_init_config
from service.init_geopackage import write_package
from service.init_land import captured_t_per_day, land_faults
from service.init_messages import INIT_MESSAGES
from service.init_rule import RULE, serving_rule
from service.init_small import small_network
from service.init_template import POINTS_OF_INTEREST, Filling, Language, study_text
from service.init_words import estimate_words
from service.lookup import known_names, load_network, load_rules
from service.study import AccessConfig, Study, load_study

PACKAGE, STUDY, STREETS = "study.gpkg", "study.yaml", "streets.osm.pbf"
YEAR = 2025
_LICENCE = "(c) OpenStreetMap contributors, ODbL 1.0"


Layers = Mapping[str, tuple[gpd.GeoDataFrame, str]]
"""{layer: (table, type of geometry)}."""


@dataclass(frozen=True)
class InitOptions:
    """What a new study is made of: an OSM file or a place, an outline, and who lives there."""

    out: Path
    osm: Path | None = None
    place: str | None = None
    servers: Servers = field(default_factory=Servers)
    boundary: Source | None = None
    box: tuple[float, float, float, float] | None = None
    population: Source | None = None
    persons: float | None = None
    units: Units = "both"
    network: str = "urban_three_tier"
    rules: tuple[str, ...] = ()
    turn_restrictions: bool = False
    name: str | None = None
    language: Language = "en"


@dataclass(frozen=True)
class Started:
    """The study file, how much each layer holds, and what was left out, assumed or is missing."""

    study: Path
    counts: tuple[tuple[str, int], ...]
    persons: float
    faults: tuple[Fault, ...]


def start_study(options: InitOptions) -> Started:
    """Write OUT/study.yaml and OUT/study.gpkg. DataError with what is wrong with the options or the files."""
    _check(options)
    config = load_init_config()
    meanings = config.meanings()
    name = identifier(options.name or options.out.resolve().name)
    bare = _bare_study(name, options.network, options.rules)
    things, area, notes = _things(options, meanings)
    file = options.place or (options.osm.name if options.osm else name)
    places = osm_places(things, area, meanings, file)
    communities = _communities(options, things, places, area, meanings, file, notes)
    persons = float(communities.frame["population"].sum())
    small = small_network(bare.network, captured_t_per_day(bare.network, persons, AccessConfig().share))
    network = bare.network if small is None else small.network
    filling = _filling(options, config, replace(bare, network=network), name, area, places, communities, file)
    layers = _layers(area, places, communities)
    texts = {f"rules/{RULE}.yaml": serving_rule(network), STUDY: study_text(filling, config, options.language)}
    if small is not None:
        texts[f"networks/{network.network}.yaml"] = small.text
    try:
        _write(options, texts, layers, f"{_LICENCE}; {filling.communities.en}")
    except (OSError, pyogrio.errors.DataSourceError) as error:
        raise DataError([fault("init_cannot_write", messages=INIT_MESSAGES, folder=options.out,
                               reason=" ".join(str(error).split()))]) from error
    short = land_faults(network, places.land, config.land, persons, AccessConfig().share, PACKAGE, "land")
    faults = (*things.faults, *notes, *places.faults, *communities.faults, *(small.faults if small else ()), *short)
    counts = tuple((layer, len(frame)) for layer, (frame, _) in layers.items())
    return Started(options.out / STUDY, counts, persons, faults)


def _write(options: InitOptions, texts: Mapping[str, str], layers: Layers, note: str) -> None:
    """The files of the study; the study file comes last, so that a folder that has one is whole."""
    options.out.mkdir(parents=True, exist_ok=True)
    write_package(options.out / PACKAGE, layers, note)
    if options.turn_restrictions and options.osm is not None:
        write_street_extract(options.osm, options.out / STREETS, {int(number) for number in layers["roads"][0]["id"]})
    for name in sorted(texts, key=lambda name: name == STUDY):
        path = options.out / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(texts[name], encoding="utf-8")


def identifier(text: str) -> str:
    """A text as the name of a study: small letters, digits and _."""
    found = re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")[:60]
    return found if found[:1].isalpha() else f"study_{found}".rstrip("_")


def _check(options: InitOptions) -> None:
    """Faults of the options among each other."""
    faults = []
    if options.out.exists() and (not options.out.is_dir() or any(options.out.iterdir())):
        faults.append(fault("init_folder_used", messages=INIT_MESSAGES, folder=options.out))
    if (options.osm is None) == (options.place is None):
        faults.append(fault("init_no_source", messages=INIT_MESSAGES))
    if sum(given is not None for given in (options.boundary, options.box, options.place)) > 1:
        faults.append(fault("init_two_outlines", messages=INIT_MESSAGES))
    if options.turn_restrictions and options.osm is None:
        faults.append(fault("init_restrictions_of_file", messages=INIT_MESSAGES))
    if faults:
        raise DataError(faults)


@dataclass(frozen=True)
class _Bare:
    """Network and rules by name, as a study in a folder of its own would find them."""

    network: Network
    known_rules: tuple[str, ...]


def _bare_study(name: str, network: str, rules: Sequence[str]) -> _Bare:
    """DataError where network or rules are unknown or wrong, before anything is read or fetched."""
    layer = {"path": PACKAGE}
    bare = {"schema_version": 1, "study": name, "title": {"zh": name, "en": name}, "network": network,
            "rules": list(rules), "inputs": {"communities": layer, "roads": dict(layer), "land": dict(layer)}}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / STUDY
        path.write_text(yaml.safe_dump(bare), encoding="utf-8")
        study: Study = load_study(path)
        load_rules(study)
        return _Bare(load_network(study), known_names(study, "rules"))


def _things(options: InitOptions, meanings: Meanings) -> tuple[Things, Area, list[Fault]]:
    """What OpenStreetMap has, and where."""
    if options.place is not None:
        fetched = download(options.place, meanings, options.servers)
        return fetched.things, fetched.area, []
    assert options.osm is not None
    area: Area | None = None
    if options.boundary is not None:
        area = area_of_file(options.boundary)
    elif options.box is not None:
        area = area_of_box(options.box, options.osm.name.split(".")[0])
    things = read_things(options.osm, meanings.keys())
    if area is not None:
        return things, area, []
    note = fault("boundary_of_streets", file=options.osm.name, messages=AREA_MESSAGES)
    return things, area_of_streets(things.streets, options.osm.name.split(".")[0]), [note]


def _communities(options: InitOptions, things: Things, places: OsmPlaces, area: Area, meanings: Meanings, file: str,
                 notes: list[Fault]) -> Communities:
    source = options.population
    if options.persons is not None:
        notes.append(fault("init_scaled", messages=INIT_MESSAGES, persons=f"{options.persons:,.0f}"))
    if source is None:
        return estimated_communities(things.areas, places, area, meanings, file, options.units, options.persons)
    if source.crs is None and source.path.suffix.lower() in TABLES:
        if lies_in_china(area):
            raise DataError([fault("init_population_crs_china", file=source.file, messages=INIT_MESSAGES)])
        notes.append(fault("init_population_crs", file=source.file, messages=INIT_MESSAGES))
        source = replace(source, crs="EPSG:4326")
    return cell_communities(source, area, options.persons)


def _filling(options: InitOptions, config: InitConfig, bare: _Bare, name: str, area: Area, places: OsmPlaces,
             communities: Communities, file: str) -> Filling:
    called = options.name or area.name
    title = Title(zh=f"{called}回收网络", en=f"{called} recycling network")
    words = estimate_words(communities, config, None if options.population is None else options.population.file,
                           options.persons)
    return Filling(
        study=name, title=title, year=YEAR, origin=file, package=PACKAGE, crs_metric=area.crs_metric,
        communities=words, network=bare.network, rules=(RULE, *options.rules), known_rules=bare.known_rules,
        exclusions=tuple(e.name for e in places.exclusions),
        kinds=tuple(sorted(set(places.points_of_interest["kind"]))),
        attribution=() if options.population is None else (f"Population: {options.population.file}",),
        streets=STREETS if options.turn_restrictions else None)


def _layers(area: Area, places: OsmPlaces, communities: Communities) -> Layers:
    zones = gpd.GeoDataFrame({"id": text_column(["boundary"]), "name": text_column([area.name])},
                             geometry=[area.outline], crs=area.crs_metric)
    points = {POINTS_OF_INTEREST: (places.points_of_interest, "Point")} if len(places.points_of_interest) else {}
    return {"communities": (communities.frame, "MultiPolygon" if _has_area(communities) else "Point"),
            "roads": (places.roads, "MultiLineString"), "land": (places.land, "MultiPolygon"),
            "zones": (zones, "MultiPolygon"),
            **{e.name: (e.frame, "MultiPolygon") for e in places.exclusions}, **points}


def _has_area(communities: Communities) -> bool:
    return bool(communities.frame.geometry.geom_type.str.endswith("Polygon").all())
