"""Sheets as offices keep them: titles, headings of two merged rows, sums, notes; Excel and CSV alike."""

from __future__ import annotations

from pathlib import Path

import openpyxl
import pytest

from geodata.places import read_table
from geodata.readers import Source
from geodata.readers.grid import table_of
from geodata.tables import COMMUNITIES

COLUMNS = {"id": "编号", "name": "名称", "population": "人口_常住(万人)", "households": "人口_户数"}


def office_book(path: Path) -> Path:
    """A merged title, a heading of two rows, numbers as text, a sum per street and one at the end, and a remark."""
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = "小区"
    for row in (["某区居住小区一览表", None, None, None, None, None],
                ["编号", "名称", "人口", None, "位置", None],
                [None, None, "常住(万人)", "户数", "经度", "纬度"],
                ["007", "甲小区", "0.12", "1,000", 114.27, 30.60],
                ["008", "乙小区", 0.03, "200", "114°16′48″", "30.61"],
                ["小计", None, 0.15, 1200, None, None],
                ["009", "丙小区", "500人", 180, 114.29, 30.62],
                [None, None, None, None, None, None],
                ["合计", None, 0.2, 1380, None, None]):
        sheet.append(row)
    for merged in ("A1:F1", "A2:A3", "B2:B3", "C2:D2", "E2:F2"):
        sheet.merge_cells(merged)
    book.create_sheet("空表")
    book.save(path)
    return path


def test_an_office_table_in_excel(tmp_path: Path) -> None:
    source = Source(office_book(tmp_path / "小区.xlsx"), crs="EPSG:4326", columns=COLUMNS)
    table, faults = read_table(source, COMMUNITIES)
    assert table is not None
    assert table["id"].tolist() == ["007", "008", "009"]
    assert table["name"].tolist() == ["甲小区", "乙小区", "丙小区"]
    assert table["population"].tolist() == pytest.approx([1200.0, 300.0, 500.0])
    assert table["households"].tolist() == [1000.0, 200.0, 180.0]
    assert table.geometry.x.tolist() == pytest.approx([114.27, 114.28, 114.29])
    said = [(f.code, f.feature_id) for f in faults]
    assert said == [("sum_row_left_out", "row-6"), ("sum_row_left_out", "row-9"), ("unit_of_heading", None)]


@pytest.mark.parametrize(("separator", "encoding"), [(",", "utf-8-sig"), (";", "gb18030"), ("\t", "utf-16")])
def test_a_table_as_csv(tmp_path: Path, separator: str, encoding: str) -> None:
    rows = [["小区一览", "", "", "", ""], ["编号", "名称", "人口(人)", "经度(GCJ-02)", "纬度(GCJ-02)"],
            ["1", "甲", "1200", "114.27", "30.60"], ["2", "乙", "300", "114.28", "30.61"],
            ["合计：", "", "1500", "", ""]]
    path = tmp_path / "小区.csv"
    path.write_text("\n".join(separator.join(row) for row in rows), encoding=encoding)
    source = Source(path, crs="EPSG:4326", encoding=encoding, columns={"id": "编号", "population": "人口(人)"})
    table, faults = read_table(source, COMMUNITIES)
    assert table is not None
    assert table["population"].tolist() == [1200.0, 300.0]
    assert [f.code for f in faults] == ["sum_row_left_out"]


def test_faults_of_a_book(tmp_path: Path) -> None:
    book = office_book(tmp_path / "a.xlsx")
    (tmp_path / "b.xlsx").write_bytes(b"PK no book")
    for source, code in ((Source(book, layer="别的"), "layer_missing"),
                         (Source(tmp_path / "b.xlsx"), "file_unreadable"),
                         (Source(book, columns={"lon": "东"}), "column_missing")):
        table, faults = read_table(source, COMMUNITIES)
        assert table is None
        assert [f.code for f in faults] == [code]


def test_a_book_with_several_tables_needs_a_name(tmp_path: Path) -> None:
    book = openpyxl.load_workbook(office_book(tmp_path / "a.xlsx"))
    book["空表"].append(["a", "b"])
    book["空表"].append([1, 2])
    book.save(tmp_path / "a.xlsx")
    _, faults = read_table(Source(tmp_path / "a.xlsx"), COMMUNITIES)
    assert [f.code for f in faults] == ["layer_not_named"]
    assert "小区, 空表" in faults[0].line("zh")


def test_a_plain_table_stays_as_it_is() -> None:
    found = table_of([["id", "kind", "n"], ["a", "x", 1], ["b", "y", 2]])
    assert found is not None
    assert found.table.to_dict("list") == {"id": ["a", "b"], "kind": ["x", "y"], "n": [1, 2]}
    assert found.row == [2, 3]
    assert found.sums == {}


def test_texts_without_any_number_have_their_first_row_as_heading() -> None:
    found = table_of([["名称", "类型"], ["甲店", "超市"], ["乙校", "学校"]])
    assert found is not None
    assert found.table["类型"].tolist() == ["超市", "学校"]


def test_a_sheet_of_remarks_is_no_table() -> None:
    assert table_of([["说明"], ["略"]]) is None
