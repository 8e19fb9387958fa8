"""Study: YAML in, a validated frozen object out, with overrides and every error reported together."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import Field, PrivateAttr, ValidationError, field_validator

from geodata.demand_input import DemandInput, GeneratorSource
from geodata.places import ExclusionInput, PlacesInput
from geodata.readers import Source
from geodata.screening import TierScreening
from geodata.tables import DataError, Fault, fault
from optimizer.network import Config, Identifier, NonNegative, Positive, Share, Tier, Title
from service.messages import STUDY_MESSAGES
from service.study_candidates import CandidatesConfig, ScreeningConfig
from service.study_demand import DEMAND_COLUMNS, DemandConfig
from service.study_streets import StreetsConfig
from service.yaml_files import read_yaml_file, validation_faults

DATA_VARIABLE = "RECYNET_DATA"
ZoneLevel = Literal["community", "sub_district", "town", "village", "district", "county", "city"]
Count = Annotated[int, Field(ge=1)]


class SourceConfig(Config):
    """One input file."""

    path: Path
    layer: str | None = None
    crs: Annotated[str, Field(pattern=r"^(EPSG:\d+|GCJ-02|BD-09)$")] | None = None
    """EPSG:<n>, GCJ-02 or BD-09; without it the file is trusted."""
    encoding: str | None = None
    columns: dict[str, str] = Field(default_factory=dict)
    """{ours: theirs}."""
    unit: Literal["persons_per_cell", "persons_per_km2"] | None = None
    """What a cell of a population raster holds."""
    cell_m: Positive | None = None
    """Side of the squares that cells of a population raster are put together to."""
    estimated: Title | None = None
    """What in this layer is estimated, not measured; shown wherever the layer is."""

    def source(self) -> Source:
        """The same for the readers."""
        return Source(self.path, self.layer, self.crs, self.encoding, self.columns, self.unit, self.cell_m)


class ZonesConfig(SourceConfig):
    """The zones, and which level of the administration they are."""

    level: ZoneLevel | None = None


class ExclusionConfig(SourceConfig):
    """Land where nothing may stand."""

    name: Identifier
    buffer_m: NonNegative = 0.0


class PointsConfig(SourceConfig):
    """Points of interest, which may host sites or be kept away from; in files of OpenStreetMap the tags name them."""

    name: Identifier = "poi"
    """Ids of its places begin with it."""
    kind: str | None = None
    """What every place of the file is, where no column says so."""


class TotalsConfig(SourceConfig):
    """A table of zones and their persons."""

    rows: dict[str, str | int] = Field(default_factory=dict)
    """{column: value} of the rows that count, in tables that hold other figures or years besides."""


class GeneratorsConfig(SourceConfig):
    """Sources that are no homes."""

    name: Identifier = "sources"
    kind: Identifier | None = None
    """What every row of the file is, where no column says so."""


class EditsConfig(SourceConfig):
    """A GeoJSON file (RFC 7946, so WGS 84) of edits: sites locked, forbidden, moved or added; see docs/edits.md."""

    layer: None = None
    crs: None = None
    encoding: None = None


class InputsConfig(Config):
    """The layers of a study."""

    communities: SourceConfig
    roads: SourceConfig
    land: SourceConfig | None = None
    zones: ZonesConfig | None = None
    exclusions: tuple[ExclusionConfig, ...] = ()
    existing_sites: SourceConfig | None = None
    population: SourceConfig | None = None
    """Population raster laid under communities that have no persons of their own."""
    control_totals: TotalsConfig | None = None
    """Table of zones (id or name) and their persons."""
    generators: tuple[GeneratorsConfig, ...] = ()
    """Shops, offices, schools ...: kind, floor_area_m2 or heads_count, or t_per_day; one file or several."""
    points_of_interest: tuple[PointsConfig, ...] = ()
    """One file or several."""
    elevation: SourceConfig | None = None
    """A raster of heights in metres, for the slope of land."""
    access_bans: SourceConfig | None = None
    """Areas closed to vehicle classes at some hours: vehicle_class, hours."""
    edits: EditsConfig | None = None

    def named(self) -> tuple[tuple[str, SourceConfig], ...]:
        """Every input that is given, with its dotted name (land, exclusions.water ...)."""
        single = (("communities", self.communities), ("roads", self.roads), ("land", self.land), ("zones", self.zones),
                  ("existing_sites", self.existing_sites), ("population", self.population),
                  ("control_totals", self.control_totals),
                  ("access_bans", self.access_bans), ("elevation", self.elevation), ("edits", self.edits))
        return (*((name, source) for name, source in single if source is not None),
                *((f"exclusions.{e.name}", e) for e in self.exclusions),
                *((f"points_of_interest.{p.name}", p) for p in self.points_of_interest),
                *((f"generators.{g.name}", g) for g in self.generators))

    @field_validator("points_of_interest", "generators", mode="before")
    @classmethod
    def _one_or_several(cls, given: Any) -> Any:
        return [given] if isinstance(given, dict) else given


class AccessConfig(Config):
    """How the share captured falls with walking distance: share x exp(-d / decay_m), nothing beyond max_m."""

    share: Share = 0.8
    decay_m: Positive = 500.0
    max_m: Positive = 800.0
    assignment: Literal["planned", "nearest"] = "planned"
    """Who decides which site residents use: the plan, or residents, who go to the nearest."""


class RequiredSite(Config):
    """A candidate that every plan must open, in a given size."""

    id: str
    size: Identifier


class SolveConfig(Config):
    """When siting stops. Iterations decide; the time limit is a safety stop."""

    gap: Share = 0.01
    """Share to which the integer programme of the upper tiers is solved."""
    iterations: Count | None = None
    time_limit_s: Positive = 120.0
    seed: Annotated[int, Field(ge=0)] = 1
    threads: Count = 2


class RoutingConfig(Config):
    """How tours are made, and when that stops."""

    engine: Identifier = "auto"
    calendar: Literal["weekly"] = "weekly"
    iterations: Count | None = None
    time_limit_s: Positive = 60.0
    seed: Annotated[int, Field(ge=0)] = 1
    threads: Count = 2


class Study(Config):
    """One question: inputs, network, rules, screening, and the settings of siting and routing."""

    schema_version: Literal[1]
    study: Identifier
    title: Title
    year: Annotated[int, Field(ge=1990, le=2100)] = 2025
    inputs: InputsConfig
    crs_metric: Annotated[str, Field(pattern=r"^(auto|EPSG:\d+)$")] = "auto"
    network: str
    rules: tuple[str, ...] = ()
    setting: Literal["urban", "town"] = "urban"
    """Which column of a rule is meant where it tells towns from cities."""
    access: AccessConfig = Field(default_factory=AccessConfig)
    screening: dict[str, ScreeningConfig] = Field(default_factory=dict)
    """Per tier id."""
    candidates: CandidatesConfig = Field(default_factory=CandidatesConfig)
    demand: DemandConfig | None = None
    """How persons and other sources become demand; None: as the communities layer has them."""
    streets: StreetsConfig | None = None
    """In which hours streets are driven, and how; None: with the defaults."""
    budget_cny: NonNegative | None = None
    """Most that may be spent on building new sites, all tiers together."""
    required: dict[Identifier, tuple[str | RequiredSite, ...]] = Field(default_factory=dict)
    """Per tier id: candidates that must be opened, as ids or as {id, size}."""
    forbidden: dict[Identifier, tuple[str, ...]] = Field(default_factory=dict)
    """Per tier id: candidates that may not be used."""
    solve: SolveConfig = Field(default_factory=SolveConfig)
    routing: RoutingConfig = Field(default_factory=RoutingConfig)
    attribution: tuple[str, ...] = ()
    """Notices that licences of the data ask for."""

    _file: Path = PrivateAttr(default_factory=lambda: Path("study.yaml"))

    @field_validator("inputs")
    @classmethod
    def _names_differ(cls, inputs: InputsConfig) -> InputsConfig:
        names = [e.name for e in inputs.exclusions]
        repeated = sorted({name for name in names if names.count(name) > 1})
        if repeated:
            raise ValueError(f"exclusions share the names {repeated}")
        for layer, points in (("points_of_interest", inputs.points_of_interest), ("generators", inputs.generators)):
            if len({p.name for p in points}) < len(points):
                raise ValueError(f"{layer} need a `name` each, all different")
        if "communities" in names:
            raise ValueError("an exclusion may not be called 'communities'")
        return inputs

    @property
    def file(self) -> Path:
        """Where the study was read from."""
        return self._file

    @property
    def folder(self) -> Path:
        """The study file's folder: relative paths and local networks and rules belong to it."""
        return self._file.parent

    def places_input(self) -> PlacesInput:
        """The inputs as geodata.places.read_places takes them."""
        inputs = self.inputs
        land, zones, existing = inputs.land, inputs.zones, inputs.existing_sites
        return PlacesInput(
            communities=inputs.communities.source(), roads=inputs.roads.source(),
            land=None if land is None else land.source(), zones=None if zones is None else zones.source(),
            exclusions=tuple(ExclusionInput(e.name, e.buffer_m, e.source()) for e in inputs.exclusions),
            existing_sites=None if existing is None else existing.source(), crs_metric=self.crs_metric,
            demand=self.demand_input())

    @property
    def peak_factor(self) -> float:
        """Peak day over mean day."""
        return 1.0 if self.demand is None else self.demand.peak_factor

    def demand_input(self) -> DemandInput | None:
        """Where demand comes from besides the communities layer, None where the study says nothing of it."""
        inputs = self.inputs
        named = {*inputs.communities.columns, *(() if inputs.zones is None else inputs.zones.columns)}
        given = inputs.population or inputs.control_totals or inputs.generators or named & DEMAND_COLUMNS
        if self.demand is None and not given:
            return None
        population, totals = (None if s is None else s.source() for s in (inputs.population, inputs.control_totals))
        others = tuple(GeneratorSource(g.source(), g.kind, g.name) for g in inputs.generators)
        rows = {} if inputs.control_totals is None else {c: str(v) for c, v in inputs.control_totals.rows.items()}
        return replace((self.demand or DemandConfig()).as_input(population, totals, others), totals_rows=rows)

    def tier_screening(self, tiers: Sequence[Tier]) -> tuple[TierScreening, ...]:
        """What geodata.screening.screen_land asks, for every tier that stands on land."""
        return tuple(self.screening.get(tier.id, ScreeningConfig()).screening(tier)
                     for tier in tiers if tier.candidates == "land")


def load_study(path: Path | str, overrides: Sequence[str] = ()) -> Study:
    """The study of a YAML file with overrides such as 'solve.gap=0.02' applied; paths absolute.

    DataError with every fault: bad YAML, unknown keys, wrong values, an unset ${RECYNET_DATA}.
    """
    path = Path(path)
    if not path.is_file():
        raise DataError([fault("study_missing", file=str(path), messages=STUDY_MESSAGES)])
    data = read_yaml_file(path)
    faults = override(data, overrides, path.name)
    faults += _expand_paths(data, path)
    try:
        study = Study.model_validate(data)
    except ValidationError as error:
        raise DataError([*faults, *validation_faults(error, Study, path.name)]) from error
    if faults:
        raise DataError(faults)
    study._file = path.resolve()
    return study


def study_schema() -> dict[str, Any]:
    """JSON Schema of the study file."""
    schema = Study.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "recynet study"}


def override(data: dict[str, Any], overrides: Sequence[str], file: str) -> list[Fault]:
    """Write overrides such as 'solve.gap=0.02' into a study's raw data; the faults of those that cannot be."""
    return [f for text in overrides for f in _override(data, text, file)]


def _override(data: dict[str, Any], text: str, file: str) -> list[Fault]:
    """Write one override into the raw data; its key and value are checked with everything else."""
    key, equals, value = text.partition("=")
    steps = key.strip().split(".")

    def refused(reason: str) -> list[Fault]:
        return [fault("override_wrong", file=file, messages=STUDY_MESSAGES, text=text, reason=reason)]

    if not equals or not all(steps):
        return refused("no key or no value")
    try:
        parsed = yaml.safe_load(value)
    except yaml.YAMLError as error:
        return refused(" ".join(str(error).split()))
    at: Any = data
    for number, step in enumerate(steps):
        last = number == len(steps) - 1
        if isinstance(at, list):
            if not step.isdigit() or int(step) >= len(at):
                return refused(f"'{'.'.join(steps[:number])}' has no entry '{step}'")
            step_key: Any = int(step)
        elif isinstance(at, dict):
            step_key = step
        else:
            return refused(f"'{'.'.join(steps[:number])}' is a single value")
        if last:
            at[step_key] = parsed
        else:
            if isinstance(at, dict) and at.get(step_key) is None:
                at[step_key] = {}  # `solve:` with nothing behind it is an empty table
            at = at[step_key]
    return []


def _expand_paths(data: dict[str, Any], study_file: Path) -> list[Fault]:
    """Make the input paths absolute: ${RECYNET_DATA} expanded, the rest against the study's folder."""
    inputs = data.get("inputs")
    if not isinstance(inputs, dict):
        return []
    sources = [(f"inputs.{name}", s) for name, s in inputs.items() if isinstance(s, dict)]
    for name in ("exclusions", "points_of_interest", "generators"):
        if isinstance(inputs.get(name), list):
            sources += [(f"inputs.{name}.{n}", s) for n, s in enumerate(inputs[name]) if isinstance(s, dict)]
    faults: list[Fault] = []
    for place, source in sources:
        if isinstance(source.get("path"), str):
            source["path"], found = _expanded(source["path"], f"{place}.path", study_file)
            faults += [f for f in found if f not in faults]
    return faults


def _expanded(text: str, key: str, study_file: Path) -> tuple[str, list[Fault]]:
    faults = []
    for name in re.findall(r"\$\{([^}]*)\}", text):
        if name != DATA_VARIABLE:
            faults.append(fault("variable_unknown", file=study_file.name, messages=STUDY_MESSAGES, key=key, name=name))
        elif not os.environ.get(DATA_VARIABLE):
            faults.append(fault("variable_unset", file=study_file.name, messages=STUDY_MESSAGES))
    if faults:
        return text, faults
    expanded = Path(text.replace("${" + DATA_VARIABLE + "}", os.environ.get(DATA_VARIABLE, "")))
    return str((study_file.resolve().parent / expanded).resolve()), []
