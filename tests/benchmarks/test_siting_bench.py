"""The siting harness on four nodes: rows, failures, what is skipped, and when best-known values are read."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from optimizer.classic.common import ClassicResult
from tests.benchmarks import siting
from tests.benchmarks.anchor_spopt import main as anchor_main
from tests.benchmarks.siting import FIELDS, best_known_of, faults_of, main, rows_of
from tests.benchmarks.siting_child import report_of
from tests.benchmarks.siting_families.pmed_orlib import read, referee, to_open_sites, ways_of
from tests.benchmarks.siting_registry import Bar, Row, benchmarks

HEAD = "family,problem,instance,file,p,capacity,radius,best_known,status\n"
GRAPH = "4 4 2\n1 2 9\n2 3 2\n3 4 3\n1 2 1\n"
"""A path 1-2-3-4 of lengths 1, 2, 3: the edge 1-2 is repeated, and the last line counts."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "pmed_orlib").mkdir()
    (tmp_path / "pmed_orlib" / "path.txt").write_text(GRAPH)
    rows = ["pmed_orlib,p-median,path,pmed_orlib/path.txt,1,,,7,proven",
            "pmed_orlib,p-center,path,pmed_orlib/path.txt,2,,,1,wrong on purpose",
            "pmed_orlib,lscp,path,pmed_orlib/path.txt,,,2,2,proven",
            "pmed_orlib,mclp,path,pmed_orlib/path.txt,1,,2,3,proven",
            "pmed_orlib,p-median,gone,pmed_orlib/gone.txt,1,,,1,proven",
            "moon_bases,p-median,crater,moon/crater.txt,1,,,1,proven"]
    (tmp_path / "instances.csv").write_text(HEAD + "\n".join(rows) + "\n")
    return tmp_path


def test_a_folder_is_run_row_by_row_and_failures_have_a_row(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """By hand: median in node 2 costs 1+0+2+5 = 8 (the 7 of the table is wrong); two centres reach all within 2."""
    out = folder / "results.json"
    assert main(["--data", str(folder), "--out", str(out), "--time-limit", "20"]) == 1
    document = json.loads(out.read_text())
    assert list(document) == ["machine", "rows"]
    by_name = {(row["problem"], row["instance"]): row for row in document["rows"]}
    assert len(document["rows"]) == 5
    for row in document["rows"]:
        assert tuple(row)[: len(FIELDS)] == FIELDS
        assert set(row) - set(FIELDS) <= {"message"}
    values = {problem: by_name[problem, "path"]["objective"] for problem in ("p-median", "p-center", "lscp", "mclp")}
    assert values == {"p-median": 8.0, "p-center": 2.0, "lscp": 2.0, "mclp": 3.0}
    done = by_name["mclp", "path"]
    assert (done["status"], done["gap"], done["violations"], done["best_known"]) == ("optimal", 0.0, [], 3.0)
    assert done["cpu_seconds"] > 0
    assert done["peak_rss_mb"] > 20
    solution = json.loads((folder / "results_solutions" / done["solution_file"]).read_text())
    assert len(solution["solution"]["open_sites"]) == 1
    gone = by_name["p-median", "gone"]
    assert gone["status"] == "error"
    assert gone["objective"] is None
    assert "gone.txt" in gone["message"]
    printed = capsys.readouterr().out
    assert "skipped, not covered: moon_bases/p-median" in printed
    assert "2 of 5 rows pass" in printed
    assert "bound contradicts the best-known value" in printed


def test_best_known_values_are_read_after_the_last_solve(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []
    solved, known = siting.run_one, siting.best_known_of

    def run_one(data: Path, row: Row, *rest: object) -> dict[str, object]:
        order.append(row.problem)
        return solved(data, row, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(siting, "run_one", run_one)
    monkeypatch.setattr(siting, "best_known_of", lambda data: order.append("best known") or known(data))
    main(["--data", str(folder), "--out", str(folder / "r.json"), "--instance", "path", "--problem", "lscp"])
    assert order == ["lscp", "best known"]
    assert {f.name for f in dataclasses.fields(Row)} & {"best_known", "status"} == set()


def test_rows_are_chosen_by_family_instance_and_problem(folder: Path) -> None:
    assert [row.instance for row in rows_of(folder)].count("path") == 4
    assert best_known_of(folder)["pmed_orlib", "mclp", "path"] == (3.0, "proven")
    out = folder / "r.json"
    assert main(["--data", str(folder), "--out", str(out), "--family", "moon_bases"]) == 0
    assert json.loads(out.read_text())["rows"] == []
    assert main(["--data", str(folder / "nowhere"), "--out", str(out)]) == 2


def graph(folder: Path, problem: str, radius: float | None = None) -> object:
    return read(folder / "pmed_orlib/path.txt", Row("pmed_orlib", problem, "path", "", 1, None, radius))


def plan(open_sites: list[int], site_of_client: list[int], objective: float = 8.0, bound: float = 8.0) -> ClassicResult:
    return ClassicResult("p-median", "optimal", objective, bound, np.array(open_sites), np.array(site_of_client), 0.0)


def test_the_last_of_repeated_edges_counts(folder: Path) -> None:
    path = graph(folder, "p-median")
    assert path.distance()[0].tolist() == [0, 1, 3, 6]
    assert to_open_sites(path, [0, 3], ways_of(path)) == [0, 1, 3, 0]


@pytest.mark.parametrize(("open_sites", "clients", "word"), [
    ([1, 2], [1, 1, 1, 1], "2 sites are open, not 1"),
    ([1], [1, 1, 1, 2], "client 3 is sent to 2"),
    ([1], [1, 1, 1, -1], "client 3 is sent to -1"),
    ([1, 1], [1, 1, 1, 1], "no set of nodes"),
    ([7], [7, 7, 7, 7], "no set of nodes"),
])
def test_the_referee_sees_what_is_wrong(folder: Path, open_sites: list[int], clients: list[int], word: str) -> None:
    _, violations = referee(graph(folder, "p-median"), plan(open_sites, clients))
    assert any(word in violation for violation in violations)


def test_the_referee_recomputes_and_a_false_claim_is_a_violation(folder: Path) -> None:
    objective, violations = referee(graph(folder, "p-median"), plan([1], [1] * 4))
    assert (objective, violations) == (8.0, [])
    report = report_of(plan([1], [1] * 4, objective=7.0, bound=7.0), objective, violations, 0.1)
    assert report["objective"] == 8.0
    assert report["gap"] == pytest.approx(1 / 8)
    assert "claims 7.0" in report["violations"][0]
    _, uncovered = referee(graph(folder, "lscp", 2.0), plan([0], [0, 0, -1, -1]))
    assert uncovered == ["2 nodes are not covered"]


def row(**changed: object) -> dict[str, object]:
    return {"status": "optimal", "objective": 8.0, "bound": 8.0, "gap": 0.0, "seconds": 1.0, "peak_rss_mb": 90.0,
            "violations": [], "maximise": False, "message": ""} | changed


@pytest.mark.parametrize(("result", "known", "word"), [
    (row(), 8.0, None),
    (row(), None, None),
    (row(), 7.0, "worse than best known"),
    (row(bound=7.0, gap=0.125), 8.0, "not proven"),
    (row(bound=9.0), 8.0, "wrong side"),
    (row(bound=9.0, maximise=True), 9.0, "worse than best known"),
    (row(bound=None, gap=None), 8.0, "no bound"),
    (row(seconds=11.0), 8.0, "over 10 s"),
    (row(peak_rss_mb=301.0), 8.0, "over 300 MB"),
    (row(violations=["x"]), 8.0, "x"),
    (row(status="error", objective=None, message="broke"), 8.0, "broke"),
])
def test_a_row_passes_only_when_every_bar_is_met(result: dict[str, object], known: float | None,
                                                 word: str | None) -> None:
    missed = faults_of(result, Bar(10.0, 300.0), None if known is None else (known, "proven"))
    assert (missed == []) == (word is None)
    assert word is None or any(word in m for m in missed)


def test_every_family_file_offers_its_problems_once() -> None:
    offered = benchmarks()
    assert {("pmed_orlib", p) for p in ("p-median", "p-center", "lscp", "mclp")} <= set(offered)


def test_the_anchor_says_when_it_is_not_installed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert anchor_main(["--data", str(folder), "--out", str(folder / "a.json"), "--python", "/bin/false"]) == 0
    assert "skipped" in capsys.readouterr().out
