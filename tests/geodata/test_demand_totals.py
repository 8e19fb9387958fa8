"""Control totals: names matched, persons scaled or shared, and everything that does not fit told with its persons."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import numpy as np
import openpyxl
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from geodata.demand_input import DemandInput
from geodata.demand_totals import Totals, fitted, read_totals
from geodata.readers import Source

CRS = "EPSG:4547"


def zones(*names: str, totals: list[float] | None = None) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame({
        "id": [f"Z{n}" for n in range(len(names))], "name": pd.Series(names, dtype=object),
        "control_persons": totals or [np.nan] * len(names)},
        geometry=[shapely.box(1000 * n, 0, 1000 * n + 1000, 1000) for n in range(len(names))], crs=CRS)


def communities(persons: list[float], zone: list[str | None], area: list[float] | None = None,
                weight: list[float] | None = None) -> gpd.GeoDataFrame:
    sides = np.sqrt(area or [100.0] * len(persons))
    return gpd.GeoDataFrame({
        "id": [f"C{n}" for n in range(len(persons))], "population": persons,
        "households": np.array(persons) / 2.0, "weight": weight or [np.nan] * len(persons),
        "zone_id": pd.Series(zone, dtype=object), "estimated": False, "area_m2": sides**2},
        geometry=[shapely.box(0, 0, s, s) for s in sides], crs=CRS)


def codes(faults: object) -> list[tuple[str, str | None]]:
    return [(f.code, f.feature_id) for f in faults]  # type: ignore[attr-defined]


def given_totals(**persons: float) -> Totals:
    return Totals(persons, "totals.csv", None)


def test_persons_are_scaled_to_the_total() -> None:
    """100 + 300 persons made 800: each doubles, so do households; the other zone fits and is no estimate."""
    table, used, faults = fitted(communities([100.0, 300.0, 50.0], ["Z0", "Z0", "Z1"]),
                                 given_totals(Z0=800.0, Z1=50.0), zones("A", "B"), 0.1)
    assert table["population"].tolist() == [200.0, 600.0, 50.0]
    assert table["households"].tolist() == [100.0, 300.0, 25.0]
    assert table["estimated"].tolist() == [True, True, False]
    assert [(u.zone_id, u.persons, u.before_persons, u.shared_by) for u in used] == [
        ("Z0", 800.0, 400.0, None), ("Z1", 50.0, 50.0, None)]
    assert codes(faults) == [("total_far", "A")]
    text = faults[0].line()
    assert "400" in text
    assert "800" in text
    assert "0.50" in text


def test_the_tolerance_is_the_studys() -> None:
    far = fitted(communities([109.0], ["Z0"]), given_totals(Z0=100.0), zones("A"), 0.1)[2]
    assert codes(far) == []
    assert codes(fitted(communities([111.0], ["Z0"]), given_totals(Z0=100.0), zones("A"), 0.1)[2]) == [
        ("total_far", "A")]


def test_without_persons_the_area_or_the_weight_shares() -> None:
    """Areas 1 : 3 share 400 persons as 100 and 300; the column `weight` 3 : 1 turns that round."""
    by_area, used, _ = fitted(communities([np.nan, np.nan], ["Z0", "Z0"], [100.0, 300.0]), given_totals(Z0=400.0),
                              zones("A"), 0.1)
    assert by_area["population"].tolist() == pytest.approx([100.0, 300.0])
    assert by_area["estimated"].all()
    assert (used[0].before_persons, used[0].shared_by) == (0.0, "area")
    weighted, used, _ = fitted(communities([np.nan, np.nan], ["Z0", "Z0"], [100.0, 300.0], [3.0, 1.0]),
                               given_totals(Z0=400.0), zones("A"), 0.1)
    assert weighted["population"].tolist() == pytest.approx([300.0, 100.0])
    assert used[0].shared_by == "weight"


def test_some_without_persons_follow_the_others() -> None:
    """10 persons on 100 m2 are known, 200 m2 are not: 20 persons by the same density, then 60 over all."""
    table, used, faults = fitted(communities([10.0, np.nan], ["Z0", "Z0"], [100.0, 200.0]), given_totals(Z0=60.0),
                                 zones("A"), 0.1)
    assert table["population"].tolist() == pytest.approx([20.0, 40.0])
    assert used[0].before_persons == pytest.approx(30.0)
    assert codes(faults) == [("total_far", "A")]


def test_nobody_vanishes_without_a_word() -> None:
    """A zone without communities, one whose communities hold nobody, and communities without a total."""
    table, used, faults = fitted(communities([0.0, 70.0, 5.0], ["Z1", "Z2", None]),
                                 given_totals(Z0=1000.0, Z1=500.0), zones("空区", "B", "C"), 0.1)
    assert codes(faults) == [("total_unplaced", "空区"), ("total_on_nobody", "B"), ("total_missing", "C")]
    assert "1,000 persons" in faults[0].line()
    assert "500 persons" in faults[1].line()
    assert table["population"].tolist() == [0.0, 70.0, 5.0]
    assert used == ()


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000))
def test_every_zone_sums_up_to_its_total(seed: int) -> None:
    """Whatever is known, in part or not: zones with a total have it to 1e-9, others keep what they had."""
    rng = np.random.default_rng(seed)
    count = 12
    zone = rng.choice(["Z0", "Z1", "Z2"], count).tolist()
    persons = np.where(rng.random(count) < 0.4, np.nan, rng.uniform(1.0, 1000.0, count))
    totals = {"Z0": float(rng.uniform(1, 1e6)), "Z1": float(rng.uniform(1, 1e6))}
    table, used, _ = fitted(communities(persons.tolist(), zone, rng.uniform(10, 1e5, count).tolist()),
                            Totals(totals, "t", None), zones("A", "B", "C"), 0.1)
    after = table["population"].to_numpy()
    for entry in used:
        mine = np.array(zone) == entry.zone_id
        assert after[mine].sum() == pytest.approx(totals[entry.zone_id], rel=1e-9)
    rest = np.array(zone) == "Z2"
    np.testing.assert_array_equal(after[rest], persons[rest])
    known = ~np.isnan(persons)
    for one, other in zip(*np.nonzero(np.triu(known[:, None] & known[None, :], 1)), strict=True):
        if zone[one] == zone[other]:  # shares among the known do not change
            assert after[one] / after[other] == pytest.approx(persons[one] / persons[other], rel=1e-9)


def csv(folder: Path, text: str) -> DemandInput:
    (folder / "totals.csv").write_text(text, encoding="utf-8-sig")
    columns = {"zone": "街道", "persons": "常住人口(万人)"}
    return DemandInput(control_totals=Source(folder / "totals.csv", columns=columns))


def test_a_table_in_ten_thousands(tmp_path: Path) -> None:
    """万人 in the heading, a cell with a unit of its own, the sum left out; names with and without 街道 meet."""
    demand = csv(tmp_path, "街道,常住人口(万人)\n花楼,1.5\n前进街道,8000人\nZ2,2\n合计,4.3\n")
    found, faults = read_totals(demand, zones("花楼街道", "前进街道", "唐家墩"), None)
    assert found is not None
    assert found.persons == {"Z0": 15_000.0, "Z1": 8_000.0, "Z2": 20_000.0}
    assert {f.code for f in faults} == {"sum_row_left_out", "unit_of_heading", "total_matched"}


def test_names_that_nobody_answers_to(tmp_path: Path) -> None:
    """A misspelt zone is told with its persons and the name that was perhaps meant."""
    demand = csv(tmp_path, "街道,常住人口(万人)\n唐加墩街道,2\n")
    found, faults = read_totals(demand, zones("唐家墩街道"), None)
    assert found is not None
    assert found.persons == {}
    assert codes(faults)[-1] == ("total_unmatched", "唐加墩街道")
    assert "20,000 persons" in faults[-1].line()
    assert "唐家墩街道" in faults[-1].line()


def test_names_that_could_be_two_zones_are_not_guessed(tmp_path: Path) -> None:
    demand = csv(tmp_path, "街道,常住人口(万人)\n新沟,2\n")
    found, faults = read_totals(demand, zones("新沟镇", "新沟街道"), None)
    assert found is not None
    assert found.persons == {}
    assert codes(faults)[-1] == ("total_unmatched", "新沟")


def test_a_zone_named_twice_is_an_error(tmp_path: Path) -> None:
    demand = csv(tmp_path, "街道,常住人口(万人)\n花楼街道,1\n花楼街道,2\n")
    _, faults = read_totals(demand, zones("花楼街道"), None)
    assert [f.code for f in faults if f.severity == "error"] == ["total_repeated"]


def test_an_office_workbook(tmp_path: Path) -> None:
    """A title, a heading of two merged rows and a sum, as offices keep them."""
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    for row in (["各街道人口", None, None], ["名称", "常住人口", None], [None, "户数(户)", "人口(万人)"],
                ["花楼街道", 100, 1.2], ["前进街道", 90, 0.8], ["合计", 190, 2.0]):
        sheet.append(row)
    sheet.merge_cells("A1:C1")
    sheet.merge_cells("A2:A3")
    sheet.merge_cells("B2:C2")
    book.save(tmp_path / "totals.xlsx")
    source = Source(tmp_path / "totals.xlsx", columns={"zone": "名称", "persons": "常住人口_人口(万人)"})
    found, _ = read_totals(DemandInput(control_totals=source), zones("花楼街道", "前进街道"), None)
    assert found is not None
    assert found.persons == {"Z0": 12_000.0, "Z1": 8_000.0}


def test_totals_of_the_zones_layer(tmp_path: Path) -> None:
    with_totals = zones("A", "B", totals=[100.0, np.nan])
    found, faults = read_totals(DemandInput(), with_totals, Source(tmp_path / "zones.gpkg"))
    assert (found is not None and found.persons, faults) == ({"Z0": 100.0}, ())
    _, faults = read_totals(csv(tmp_path, "街道,常住人口(万人)\nA,1\n"), with_totals, None)
    assert codes(faults) == [("totals_twice", None)]
    _, faults = read_totals(csv(tmp_path, "街道,常住人口(万人)\nA,1\n"), zones(), None)
    assert codes(faults) == [("totals_without_zones", None)]


@pytest.mark.parametrize(("text", "code"), [("街道,人口\nA,1\n", "column_missing"),
                                            ("街道,常住人口(万人)\nA,many\n", "value_not_number"),
                                            ("街道,常住人口(万人)\nA,-1\n", "value_too_small")])
def test_faults_of_the_table(tmp_path: Path, text: str, code: str) -> None:
    _, faults = read_totals(csv(tmp_path, text), zones("A"), None)
    assert code in [f.code for f in faults if f.severity == "error"]


def test_rows_of_a_long_table(tmp_path: Path) -> None:
    """Figures of several years and kinds below one another: only the asked rows count."""
    (tmp_path / "t.csv").write_text("区,年份,指标,数值\n甲区,2020,常住人口,900\n甲区,2020,家庭户数,300\n"
                                    "甲区,2010,常住人口,700\n", encoding="utf-8-sig")
    source = Source(tmp_path / "t.csv", columns={"zone": "区", "persons": "数值"})
    found, faults = read_totals(DemandInput(control_totals=source, totals_rows={"年份": "2020", "指标": "常住人口"}),
                                zones("甲区"), None)
    assert found is not None
    assert (found.persons, faults) == ({"Z0": 900.0}, ())
    _, faults = read_totals(DemandInput(control_totals=source, totals_rows={"year": "2020"}), zones("甲区"), None)
    assert "column_missing" in [f.code for f in faults]
    _, faults = read_totals(DemandInput(control_totals=source, totals_rows={"年份": "1999"}), zones("甲区"), None)
    assert "layer_empty" in [f.code for f in faults]


@pytest.mark.parametrize("name", ["中山街道", "中山"])
def test_a_name_of_two_zones_means_neither(tmp_path: Path, name: str) -> None:
    """Two districts have a street of one name: its 900 persons go to neither, an id still finds its zone."""
    (tmp_path / "t.csv").write_text(f"zone,persons\n{name},900\nZ1,40\n", encoding="utf-8")
    found, faults = read_totals(DemandInput(control_totals=Source(tmp_path / "t.csv")), zones("中山街道", "中山街道"),
                                None)
    assert found is not None
    assert (found.persons, found.unmatched_persons) == ({"Z1": 40.0}, 900.0)
    told = [f for f in faults if f.severity == "warning"]
    assert [f.feature_id for f in told] == [name]
    assert told[0].code == ("total_ambiguous" if name == "中山街道" else "total_unmatched")
    assert "900" in told[0].line()
