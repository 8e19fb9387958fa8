"""An export is the file its suffix promises, and a spreadsheet can do no harm with it."""

from __future__ import annotations

import csv
import json
import zipfile
from pathlib import Path

import pytest

from service.export import SUFFIXES, ExportError, export_run
from tests.service.small_run import TIERS, build_small_run, small_layers


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_small_run(tmp_path_factory.mktemp("out") / "small")


def test_package_report_and_plan_are_copied(run: Path, tmp_path: Path) -> None:
    for target, source in (("a.gpkg", "plan.gpkg"), ("a.html", "report.html"), ("a.JSON", "plan.json")):
        export_run(run, tmp_path / target)
        assert (tmp_path / target).read_bytes() == (run / source).read_bytes()


def test_a_layer_goes_out_as_geojson_by_name(run: Path, tmp_path: Path) -> None:
    stored = (run / "layers" / "flows.geojson").read_bytes()
    export_run(run, tmp_path / "flows.geojson")
    export_run(run, tmp_path / "other.geojson", layer="flows")
    assert (tmp_path / "flows.geojson").read_bytes() == stored == (tmp_path / "other.geojson").read_bytes()


def test_a_table_of_all_sites_opens_in_a_spreadsheet(run: Path, tmp_path: Path) -> None:
    export_run(run, tmp_path / "sites.csv")
    assert (tmp_path / "sites.csv").read_bytes().startswith(b"\xef\xbb\xbf")
    with (tmp_path / "sites.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    layers = small_layers()
    assert [r["id"] for r in rows] == [i for t in TIERS for i in layers[t]["id"]]
    assert float(rows[0]["longitude"]) == pytest.approx(layers[TIERS[0]].geometry.iloc[0].x)
    assert sum(float(r["load_t_per_day"]) for r in rows if r["tier_id"] == TIERS[1]) == pytest.approx(
        layers[TIERS[1]]["load_t_per_day"].sum())


def test_no_cell_is_a_formula(run: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    (folder / "layers").mkdir(parents=True)
    (folder / "plan.json").write_bytes((run / "plan.json").read_bytes())
    feature = {"type": "Feature", "id": "a", "geometry": None, "properties": {"name": "=HYPERLINK(1)", "size": -2.5}}
    (folder / "layers" / "x.geojson").write_text(json.dumps({"features": [feature]}), encoding="utf-8")
    export_run(folder, tmp_path / "x.csv")
    assert (tmp_path / "x.csv").read_text(encoding="utf-8-sig").splitlines()[1] == "a,'=HYPERLINK(1),-2.5"


def test_an_archive_holds_the_whole_result_and_is_repeatable(run: Path, tmp_path: Path) -> None:
    export_run(run, tmp_path / "a.zip")
    export_run(run, tmp_path / "b.zip")
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()
    names = zipfile.ZipFile(tmp_path / "a.zip").namelist()
    assert sorted(names) == sorted(f"small/{p.relative_to(run).as_posix()}" for p in run.rglob("*") if p.is_file())


def test_what_cannot_be_exported_is_refused_with_what_can(run: Path, tmp_path: Path) -> None:
    with pytest.raises(ExportError) as raised:
        export_run(run, tmp_path / "a.docx")
    assert all(suffix in str(raised.value) for suffix in SUFFIXES)
    with pytest.raises(ExportError, match="flows"):
        export_run(run, tmp_path / "a.geojson")
    with pytest.raises(ExportError, match="no result folder"):
        export_run(tmp_path, tmp_path / "a.zip")
