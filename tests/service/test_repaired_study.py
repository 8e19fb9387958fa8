"""`recynet audit --fix`: a broken study goes in, a study that runs comes out, with a list of what was changed."""

from __future__ import annotations

import csv
from pathlib import Path

import geopandas as gpd
import pandas as pd
import shapely
import shapely.affinity
from typer.testing import CliRunner

from geodata.tables import has_errors
from service.checks import check_study
from service.cli import app
from service.study import load_study
from tests import town


def broken(folder: Path) -> Path:
    """The town with a bow tie for a parcel and two communities of one name."""
    place = town.Town(folder)
    land, communities = place.layers["land"], place.layers["communities"]
    tie = shapely.Polygon([(10, 410), (160, 560), (160, 410), (10, 560)])
    moved = shapely.affinity.translate(tie, town.ORIGIN_X, town.ORIGIN_Y)
    land.loc[0, "geometry"] = moved
    extra = gpd.GeoDataFrame({"id": ["A"], "population": [50]}, geometry=[town.square(450, 25, 50)], crs=town.CRS)
    place.layers["communities"] = gpd.GeoDataFrame(pd.concat([communities, extra], ignore_index=True), crs=town.CRS)
    return place.write()


def test_a_broken_study_is_put_right(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    study = broken(tmp_path / "in")
    assert has_errors(check_study(load_study(study)))
    result = CliRunner().invoke(app, ["audit", str(study), "--fix", str(tmp_path / "out")])
    assert result.exit_code == 1
    fixed = load_study(tmp_path / "out" / "study.yaml")
    assert not has_errors(check_study(fixed))
    with (tmp_path / "out" / "fixes.csv").open(encoding="utf-8-sig", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [(r["layer"], r["id"], r["code"]) for r in rows] == [
        ("communities", "A-2", "id_repeated"), ("land", "P1", "geometry_invalid")]
    again = CliRunner().invoke(app, ["audit", str(study), "--fix", str(tmp_path / "out")])
    assert again.exit_code == 2
    assert "is not empty" in " ".join(again.output.replace("│", " ").split())


def test_overrides_go_into_the_new_study(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    study = town.Town(tmp_path / "in").write()
    CliRunner().invoke(app, ["audit", str(study), "--fix", str(tmp_path / "out"), "--set", "access.max_m=500"])
    assert load_study(tmp_path / "out" / "study.yaml").access.max_m == 500.0


def test_a_sound_study_is_not_changed(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    study = town.Town(tmp_path / "in").write()
    CliRunner().invoke(app, ["audit", str(study), "--fix", str(tmp_path / "out")])
    assert (tmp_path / "out" / "fixes.csv").read_text(encoding="utf-8-sig").splitlines() == ["layer,id,code,change"]
    for name in ("communities", "roads", "land", "zones"):
        before = gpd.read_file(tmp_path / "in" / "town.gpkg", layer=name)
        after = gpd.read_file(tmp_path / "out" / "fixed.gpkg", layer=name).to_crs(town.CRS)
        assert len(before) == len(after)
        assert shapely.hausdorff_distance(before.geometry.union_all(), after.geometry.union_all()) < 1e-6
