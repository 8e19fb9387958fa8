"""Porto Alegre: an extract with hexagon population and practically no land use leads to a plan once land is added."""

from __future__ import annotations

import os
from pathlib import Path

import geopandas as gpd
import numpy as np
import pyogrio
import pytest
import shapely
from typer.testing import CliRunner

from geodata.tables import has_errors
from service.checks import check_study
from service.cli import app
from service.plan_json import PlanJson
from service.study import load_study
from service.verify import verify

DATA = os.environ.get("RECYNET_DATA")
pytestmark = pytest.mark.skipif(not DATA, reason="RECYNET_DATA does not name the folder that holds porto_alegre/")
QUARTER = "--bbox=-51.20,-30.05,-51.18,-30.03"
FAST = ["--set", "solve.time_limit_s=10", "--set", "routing.time_limit_s=5", "--set", "candidates.spacing_m=200"]


def begun(folder: Path, *options: str) -> str:
    """The study of the extract with its hexagons; what was said."""
    place = Path(str(DATA)) / "porto_alegre"
    result = CliRunner().invoke(app, ["init", str(folder), "--osm", str(place / "poa_osm.pbf"), "--population",
                                      str(place / "poa_hexgrid.csv"), *options])
    assert result.exit_code == 0, result.output
    return result.output


def add_land(folder: Path, sides_m: list[float]) -> None:
    """Squares drawn into the layer land beside streets, as a user does in QGIS."""
    package = folder / "study.gpkg"
    roads = gpd.read_file(package, layer="roads")
    streets = roads[roads["highway"] == "residential"].geometry.to_numpy()
    beside = shapely.line_interpolate_point(streets[np.linspace(0, len(streets) - 1, len(sides_m)).astype(int)], 0.5,
                                            normalized=True)
    squares = [shapely.buffer(point, side / 2, cap_style="square") for point, side in zip(beside, sides_m, strict=True)]
    parcels = gpd.GeoDataFrame({"id": [f"mine-{n}" for n in range(len(squares))], "land_use": "brownfield"},
                               geometry=squares, crs=roads.crs)
    pyogrio.write_dataframe(parcels, package, layer="land", append=True, geometry_type="MultiPolygon",
                            promote_to_multi=True)


def planned(study: Path, out: Path, *options: str) -> PlanJson:
    """The plan of a run that the referee accepts."""
    result = CliRunner().invoke(app, ["run", str(study), "--out", str(out), *options])
    assert result.exit_code == 0, result.output
    assert verify(out, None).accepted
    return PlanJson.model_validate_json((out / "plan.json").read_text(encoding="utf-8"))


def test_too_little_land_is_told_in_a_line_per_tier(tmp_path: Path) -> None:
    said = begun(tmp_path / "poa", "--bbox=-51.22,-30.08,-51.21,-30.07")
    lines = [line for line in said.splitlines() if "[init_land_short]" in line]
    assert len(lines) == 2
    for line, tier in zip(lines, ("transfer_station", "sorting_center"), strict=True):
        assert f"'{tier}'" in line
        assert "layer land of study.gpkg" in line
        assert "columns id" in line
        assert "land_use" in line
    land = gpd.read_file(tmp_path / "poa" / "study.gpkg", layer="land")
    assert len(land) == 0
    assert list(land.columns) == ["id", "land_use", "name", "geometry"]
    codes = {f.code for f in check_study(load_study(tmp_path / "poa" / "study.yaml")) if f.severity == "error"}
    assert codes == {"layer_empty"}


def test_hexagons_are_drawn_and_every_person_is_accounted_for(tmp_path: Path) -> None:
    said = begun(tmp_path / "poa")
    cells = gpd.read_file(tmp_path / "poa" / "study.gpkg", layer="communities")
    assert len(cells) == 1227 - 103
    assert cells["population"].sum() == 812_935
    assert "103 cells of the population file have nobody" in said
    assert cells.area.between(85_000, 115_000).all()  # H3, resolution 9: 0.105 km2 on average
    inside, outside = begun(tmp_path / "part", QUARTER), 0
    for line in inside.splitlines():
        if "[cells_outside]" in line:
            outside = int(line.split("(")[1].split(" ")[0].replace(",", ""))
    part = gpd.read_file(tmp_path / "part" / "study.gpkg", layer="communities")
    assert part["population"].sum() + outside == 812_935


def test_a_quarter_leads_to_a_plan_once_land_is_added(tmp_path: Path) -> None:
    begun(tmp_path / "poa", QUARTER)
    add_land(tmp_path / "poa", [40.0, 60.0, 80.0, 30.0, 50.0, 70.0])
    study = tmp_path / "poa" / "study.yaml"
    assert not has_errors(check_study(load_study(study)))
    plan = planned(study, tmp_path / "out", *FAST)
    assert plan.status in ("optimal", "feasible", "stopped")
    assert all(tier.open_count > 0 for tier in plan.tiers)
    assert sum(b.captured_t_per_day for b in plan.balance) > 0.3 * sum(b.generated_t_per_day for b in plan.balance)


@pytest.mark.slow
def test_the_whole_city_leads_to_a_plan_once_land_is_added(tmp_path: Path) -> None:
    begun(tmp_path / "poa")
    add_land(tmp_path / "poa", [150.0, 120.0, 80.0, 60.0, 100.0, 40.0] * 5)
    plan = planned(tmp_path / "poa" / "study.yaml", tmp_path / "out", "--set", "solve.time_limit_s=60", "--set",
                   "routing.time_limit_s=20", "--set", "candidates.spacing_m=200")
    assert all(tier.open_count > 0 for tier in plan.tiers)
    assert plan.gap is not None
    assert plan.gap < 0.1
