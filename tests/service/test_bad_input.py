"""Every kind of bad input ends in one clear line and exit code 2, never in a traceback."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import shapely
import typer
import yaml
from typer.testing import CliRunner

from service.checks import require_sound
from service.cli import LINES_PER_CODE, Commands, app
from service.study import load_study
from tests.town import Town, line, square

Change = Callable[[Town], None]
RUNNER = CliRunner()


@pytest.fixture
def town(tmp_path: Path) -> Town:
    return Town(tmp_path)


def _gate() -> typer.Typer:
    """A command that does what every command does first, behind the same error handling."""
    gate = typer.Typer(cls=Commands)

    @gate.command()
    def use(study: Path) -> None:
        require_sound(load_study(study))

    @gate.callback()
    def _options(lang: str = "en") -> None: ...

    return gate


def _set(*path: str | int, value: object) -> Change:
    def change(town: Town) -> None:
        at = town.study
        for step in path[:-1]:
            at = at.setdefault(step, {})
        at[path[-1]] = value

    return change


def _column(layer: str, name: str, row: int, value: object) -> Change:
    def change(town: Town) -> None:
        frame = town.layers[layer]
        frame[name] = frame[name].astype(object if isinstance(value, str) else float)
        frame.loc[row, name] = value

    return change


def _geometry(layer: str, row: int, shape: shapely.Geometry | None) -> Change:
    def change(town: Town) -> None:
        shapes = list(town.layers[layer].geometry)
        shapes[row] = shape
        town.layers[layer] = town.layers[layer].set_geometry(gpd.GeoSeries(shapes, crs=town.layers[layer].crs))

    return change


def _empty(layer: str) -> Change:
    return lambda town: town.layers.update({layer: town.layers[layer].iloc[:0]})


def _no_crs(town: Town) -> None:
    town.layers["land"] = town.layers["land"].set_crs(None, allow_override=True)


def _without(layer: str, column: str) -> Change:
    return lambda town: town.layers.update({layer: town.layers[layer].drop(columns=column)})


def _far_land(town: Town) -> None:
    land = town.layers["land"]
    town.layers["land"] = land.set_geometry(land.geometry.translate(yoff=50_000.0))


def _far_roads(town: Town) -> None:
    town.layers["roads"] = town.layers["roads"].set_geometry(town.layers["roads"].translate(xoff=5000))


def _all_small(town: Town) -> None:
    town.study["screening"]["sorting_center"] = {"min_area_m2": 30_000}


def _impossible_rule(town: Town) -> None:
    (town.folder / "rules").mkdir()
    clause = {
        "id": "three_each",
        "kind": "min_sites_per_zone",
        "tier": "transfer_station",
        "value": 3,
        "zone_level": "district",
        "title": {"zh": "三座", "en": "three"},
        "source": "test",
        "mark": "A",
    }
    rule = {
        "schema_version": 1,
        "rule": "STRICT",
        "title": {"zh": "严", "en": "strict"},
        "issued": "2024",
        "source": "test",
        "mark": "A",
        "clauses": [clause],
    }
    (town.folder / "rules" / "STRICT.yaml").write_text(yaml.safe_dump(rule), encoding="utf-8")
    town.study["rules"] = ["STRICT"]


def _unknown_vehicle(town: Town) -> None:
    packaged = Path(__file__).parents[2] / "configs" / "networks" / "urban_three_tier.yaml"
    network = yaml.safe_load(packaged.read_text(encoding="utf-8"))
    network["tiers"][1]["feed"]["vehicle"] = "flying_truck"
    (town.folder / "my_net.yaml").write_text(yaml.safe_dump(network, allow_unicode=True), encoding="utf-8")
    town.study["network"] = "my_net"


def _existing(tier: str, size: str | None) -> Change:
    def change(town: Town) -> None:
        town.layers["sites"] = gpd.GeoDataFrame(
            {"id": ["S1"], "tier": [tier], "size": [size], "status": ["keep"]},
            geometry=[square(10, 410, 9).centroid],
            crs=town.layers["land"].crs,
        )
        town.study["inputs"]["existing_sites"] = {"path": "town.gpkg", "layer": "sites"}

    return change


def _bow_tie() -> shapely.Polygon:
    corners = [p.coords[0] for p in shapely.points(shapely.get_coordinates(square(0, 0, 50)))[:4]]
    return shapely.Polygon([corners[0], corners[2], corners[1], corners[3]])


CASES: dict[str, tuple[Change, str, tuple[str, ...]]] = {
    "missing file": (_set("inputs", "roads", "path", value="gone.gpkg"), "file_missing", ("gone.gpkg",)),
    "missing layer": (
        _set("inputs", "roads", "layer", value="streets"),
        "layer_missing",
        ("streets", "communities, roads, land, zones"),
    ),
    "layer not named": (lambda t: t.study["inputs"]["roads"].pop("layer"), "layer_not_named", ("communities, roads",)),
    "unknown suffix": (_set("inputs", "roads", "path", value="roads.dwg"), "format_unknown", (".dwg", ".gpkg")),
    "unknown key": (_set("screnning", value={}), "key_unknown", ("screnning", "did you mean 'screening'?")),
    "unknown key deep down": (
        _set("inputs", "roads", "layr", value="x"),
        "key_unknown",
        ("inputs.roads.layr", "'layer'"),
    ),
    "missing column": (_without("communities", "population"), "column_missing", ("'population'", "in the layer: id")),
    "renamed column missing": (
        _set("inputs", "land", "columns", value={"id": "OBJECTID"}),
        "column_missing",
        ("'OBJECTID'", "land_use"),
    ),
    "unknown column of ours": (
        _set("inputs", "land", "columns", value={"landuse": "land_use"}),
        "column_unknown",
        ("'landuse'", "did you mean 'land_use'?"),
    ),
    "empty layer": (_empty("land"), "layer_empty", ("town.gpkg | land",)),
    "null geometry": (_geometry("communities", 1, None), "geometry_null", ("| B:",)),
    "empty geometry": (_geometry("land", 1, shapely.Polygon()), "geometry_null", ("| P2:",)),
    "invalid geometry": (_geometry("land", 0, _bow_tie()), "geometry_invalid", ("| P1:", "Self-intersection")),
    "wrong geometry": (_geometry("land", 0, line((0, 0), (9, 9))), "geometry_type", ("| P1:", "LineString", "polygon")),
    "no crs": (_no_crs, "no_crs", ("town.gpkg | land", "GCJ-02")),
    "private datum": (_set("inputs", "land", "crs", value="EPSG:2379"), "crs_refused", ("Xian 1980", "CGCS2000")),
    "crs that is none": (_set("inputs", "land", "crs", value="EPSG:999999"), "crs_unknown", ("EPSG:999999",)),
    "degrees as metric": (_set("crs_metric", value="EPSG:4490"), "crs_not_metric", ("EPSG:4490",)),
    "duplicate ids": (_column("communities", "id", 2, "A"), "id_repeated", ("| A:", "2 times")),
    "negative population": (_column("communities", "population", 3, -5), "value_too_small", ("| D:", "-5")),
    "population unknown": (_column("communities", "population", 3, np.nan), "value_missing", ("| D:", "population")),
    "population as words": (_column("communities", "population", 3, "many"), "value_not_number", ("| D:", "many")),
    "no land left": (_all_small, "no_candidate", ("sorting_center", "area_below_min: 3")),
    "no land of that use": (
        _set("screening", "transfer_station", "land_use", value=["9"]),
        "no_candidate",
        ("transfer_station", "land_use_not_allowed: 3"),
    ),
    "unknown exclusion": (
        _set("screening", "transfer_station", "buffers_m", value={"river": 5}),
        "exclusion_unknown",
        ("river", "communities"),
    ),
    "land elsewhere": (_far_land, "land_far", ("parcels lie within 500 m", "median distance")),
    "roads elsewhere": (_far_roads, "roads_far", ("0 of 4 communities", "median distance")),
    "impossible rule": (
        _impossible_rule,
        "quota_impossible",
        ("STRICT.three_each", "requires 3", "1 candidates", "| E"),
    ),
    "unknown rule": (_set("rules", value=["SBT_10719_2021"]), "name_unknown", ("SBT_10719_2012", "SHANGHAI_2019")),
    "unknown network": (_set("network", value="urban"), "name_unknown", ("'urban'", "urban_three_tier")),
    "unknown vehicle": (_unknown_vehicle, "value_wrong", ("networks/my_net.yaml", "flying_truck", "light_box_truck")),
    "unknown tier": (_set("screening", "stations", value={}), "tier_unknown", ("screening.stations", "sorting_center")),
    "tier without land": (_set("screening", "collection_point", value={}), "tier_not_on_land", ("collection_point",)),
    "existing site of an unknown tier": (_existing("depot", None), "tier_unknown", ("| S1:", "'depot'")),
    "existing site of an unknown size": (
        _existing("transfer_station", "huge"),
        "size_unknown",
        ("| S1:", "'huge'", "station_20t"),
    ),
    "land missing": (lambda t: t.study["inputs"].pop("land"), "land_needed", ("transfer_station", "inputs.land")),
}


def test_the_town_itself_is_sound(town: Town) -> None:
    result = RUNNER.invoke(_gate(), ["use", str(town.write())])
    assert result.exit_code == 0, result.output
    assert RUNNER.invoke(app, ["audit", str(town.folder / "study.yaml")]).exit_code == 0


@pytest.mark.parametrize("case", CASES)
def test_bad_input_gives_one_clear_line_and_exit_code_2(town: Town, case: str) -> None:
    change, code, words = CASES[case]
    change(town)
    study = str(town.write())
    result = RUNNER.invoke(_gate(), ["use", study])
    assert result.exit_code == 2, result.output
    assert "Traceback" not in result.output
    lines = [text for text in result.stderr.splitlines() if f"error [{code}]" in text]
    assert lines, result.stderr
    assert all(any(word in text for text in lines) for word in words), lines
    assert RUNNER.invoke(app, ["audit", study]).exit_code in (1, 2)


@pytest.mark.parametrize(
    "case",
    [
        "missing layer",
        "unknown key",
        "null geometry",
        "no land left",
        "unknown vehicle",
        "impossible rule",
        "roads elsewhere",
    ],
)
def test_run_refuses_bad_input_before_it_writes(town: Town, case: str) -> None:
    CASES[case][0](town)
    out = town.folder / "out"
    result = RUNNER.invoke(app, ["run", str(town.write()), "--out", str(out)])
    assert result.exit_code == 2, result.output
    assert f"[{CASES[case][1]}]" in result.stderr
    assert not (out / "plan.json").exists()


def test_faults_of_several_layers_are_reported_together(town: Town) -> None:
    for case in ("duplicate ids", "no crs", "negative population"):
        CASES[case][0](town)
    _set("inputs", "zones", "layer", value="districts")(town)
    result = RUNNER.invoke(_gate(), ["use", str(town.write())])
    assert result.exit_code == 2
    for code in ("id_repeated", "no_crs", "value_too_small", "layer_missing"):
        assert f"[{code}]" in result.stderr


def test_audit_tells_unreadable_from_faulty(town: Town) -> None:
    CASES["null geometry"][0](town)
    study = str(town.write())
    assert RUNNER.invoke(app, ["audit", study]).exit_code == 1
    assert RUNNER.invoke(app, ["audit", study, "--set", "inputs.land.layer=gone"]).exit_code == 2
    assert RUNNER.invoke(app, ["audit", str(town.folder / "gone.yaml")]).exit_code == 2


def test_audit_json_lists_every_fault_by_feature(town: Town) -> None:
    count = LINES_PER_CODE + 5
    town.layers["land"] = gpd.GeoDataFrame(
        {"id": [f"P{n}" for n in range(count)], "land_use": ["3"] * count},
        crs=town.layers["land"].crs,
        geometry=[square(10, 410, 150)] * count,
    )
    study = str(town.write())
    document = json.loads(RUNNER.invoke(app, ["audit", study, "--json"]).stdout)
    repeated = [f["feature_id"] for f in document["faults"] if f["code"] == "geometry_repeated"]
    assert repeated == [f"P{n}" for n in range(1, count)]
    assert document["counts"]["error"] == 0
    assert set(document["faults"][0]["title"]) == {"zh", "en"}
    printed = RUNNER.invoke(app, ["audit", study]).stdout
    assert f"{count - 1 - LINES_PER_CODE} more of [geometry_repeated]" in printed


def test_messages_come_in_chinese_too(town: Town) -> None:
    CASES["duplicate ids"][0](town)
    result = RUNNER.invoke(_gate(), ["--lang", "zh", "use", str(town.write())])
    assert "编号重复 2 次" in result.stderr


def test_a_file_that_is_no_geopackage_is_named(town: Town) -> None:
    study = town.write()
    (town.folder / "town.gpkg").write_bytes(b"not a database")
    result = RUNNER.invoke(_gate(), ["use", str(study)])
    assert result.exit_code == 2
    assert "[file_unreadable] town.gpkg" in result.stderr
    assert "Traceback" not in result.output
