"""The folder of a run: replaced whole or left alone, never half written."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.service.tiny_town import TinyTown, features, plan_of, recynet


def test_a_run_shows_its_figures(street: Path, tmp_path: Path) -> None:
    shown = recynet("run", street.parent / "study.yaml", "--out", tmp_path / "again").output
    plan = plan_of(tmp_path / "again")
    for name in ("objective", "bound"):
        assert f"{name:<10} {plan[f'{name}_cny_per_year']:,.0f} CNY/year" in shown
    assert f"gap        {plan['gap']:.2%}" in shown
    assert str(tmp_path / "again" / "report.html") in shown.replace("\n", "")


def test_an_older_result_is_replaced_whole(street: Path, tmp_path: Path) -> None:
    """An untouched result gives way; one that holds files of somebody else is refused, and keeps them."""
    target = tmp_path / "out"
    for _ in range(2):
        assert recynet("run", street.parent / "study.yaml", "--out", target).exit_code == 0
    assert list(tmp_path.iterdir()) == [target]
    (target / "layers" / "notes.txt").write_text("mine", encoding="utf-8")
    before = {p: p.read_bytes() for p in target.rglob("*") if p.is_file()}
    refused = recynet("run", street.parent / "study.yaml", "--out", target)
    assert refused.exit_code == 2
    assert "out_not_a_result" in refused.output
    assert {p: p.read_bytes() for p in target.rglob("*") if p.is_file()} == before


def test_a_run_that_fails_leaves_nothing(street: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither bad input nor a failure while writing touches what was there, and no half folder stays."""
    study, target = street.parent / "study.yaml", tmp_path / "out"
    bad = recynet("run", study, "--out", target, "--set", "network=no_such_network")
    assert bad.exit_code == 2
    assert "Traceback" not in bad.output
    assert list(tmp_path.iterdir()) == []
    assert recynet("run", study, "--out", target).exit_code == 0
    before = {p: p.read_bytes() for p in target.rglob("*") if p.is_file()}

    def broken(*_: object, **__: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("service.publish.write_report", broken)
    full = recynet("run", study, "--out", target)
    assert full.exit_code == 2
    assert "disk full" in full.output
    assert "Traceback" not in full.output
    assert list(tmp_path.iterdir()) == [target]
    assert {p: p.read_bytes() for p in target.rglob("*") if p.is_file()} == before


def test_a_target_that_cannot_be_written_is_refused_before_anything_is_solved(street: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder", encoding="utf-8")
    refused = recynet("run", street.parent / "study.yaml", "--out", tmp_path / "file" / "out")
    assert refused.exit_code == 2
    assert "out_not_writable" in refused.output
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_a_study_without_a_plan_says_no(tmp_path: Path) -> None:
    """300 persons a block pay for no centre: everything stays unserved, exit code 1, and the folder is verifiable."""
    town = TinyTown(tmp_path)
    town.layers["communities"]["population"] = 300
    done = recynet("run", town.write(), "--out", tmp_path / "out")
    assert done.exit_code == 1
    plan = plan_of(tmp_path / "out")
    assert plan["status"] == "no_plan"
    assert {t["open_count"] for t in plan["tiers"]} == {0}
    assert {u["reason"] for u in features(tmp_path / "out", "unserved")} == {"no_open_site_in_reach"}
    assert recynet("verify", tmp_path / "out").exit_code == 0


def test_a_folder_that_is_no_result_is_left_alone(tmp_path: Path) -> None:
    """A project folder named by mistake keeps its files; exit code 2 with the reason."""
    precious = tmp_path / "project"
    precious.mkdir()
    (precious / "notes.txt").write_text("mine")
    done = recynet("run", TinyTown(tmp_path / "town").write(), "--out", precious)
    assert (done.exit_code, "out_not_a_result" in done.output) == (2, True)
    assert [p.name for p in precious.iterdir()] == ["notes.txt"]


def test_streets_that_all_lead_one_way_are_named(tmp_path: Path) -> None:
    """Nobody can drive there and back: one line about the streets, exit code 2, nothing written."""
    town = TinyTown(tmp_path / "town")
    town.layers["roads"]["oneway"] = "yes"
    done = recynet("run", town.write(), "--out", tmp_path / "out")
    assert (done.exit_code, "streets_unusable" in done.output, (tmp_path / "out").exists()) == (2, True, False)
