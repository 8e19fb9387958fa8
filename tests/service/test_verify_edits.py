"""Forged reports on edits: what a folder alone can tell is rejected although every hash was made again."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.service.tampering import seal
from tests.service.test_resolve import POINT, Edited, edit, opened
from tests.service.tiny_town import TinyTown, recynet

Forgery = Callable[[dict[str, Any]], None]


@pytest.fixture(scope="module")
def edited(tiny_town: TinyTown, tmp_path_factory: pytest.TempPathFactory) -> Path:
    before = tiny_town.folder / "out"
    site = sorted(opened(before, POINT))[0]
    return Edited(before, tmp_path_factory.mktemp("edits"), edit("away", "forbid", site_id=site)).folder


def a_change(site: dict[str, Any]) -> None:
    site["size_after_id"] = None if site["size_after_id"] else "nothing_like_it"


FORGERIES: dict[str, Forgery] = {
    "total": lambda r: r.update(total_cny_per_year=-999_999.0),
    "objective after": lambda r: r["after"].update(objective_cny_per_year=r["after"]["objective_cny_per_year"] - 10.0),
    "bound after": lambda r: r["after"].update(bound_cny_per_year=r["after"]["bound_cny_per_year"] + 10.0),
    "gap after": lambda r: r["after"].update(gap_share=0.0),
    "routed cost after": lambda r: r["after"].update(routed_cost_cny_per_year=1.0),
    "objective before alone": lambda r: r["before"].update(objective_cny_per_year=1.0),
    "interaction": lambda r: r.update(interaction_cny_per_year=5e5),
    "cost of an edit": lambda r: r["edits"][0].update(alone_cny_per_year=-1e6),
    "kind of an edit": lambda r: r["edits"][0].update(edit="lock"),
    "site of an edit": lambda r: r["edits"][0].update(site_id="P1-1"),
    "an edit left out": lambda r: r.update(edits=[]),
    "a site that changed": lambda r: a_change(r["sites"][0]),
    "a site outside": lambda r: r["sites"][0].update(in_surroundings=False),
    "a station": lambda r: r.update(rerouted_station_ids=["no such station"]),
    "a word that is unknown": lambda r: r.update(remark="all is well"),
}


def forged(folder: Path, target: Path, forge: Forgery) -> Path:
    shutil.copytree(folder, target)
    path = target / "edits_report.json"
    report = json.loads(path.read_text(encoding="utf-8"))
    forge(report)
    path.write_text(json.dumps(report), encoding="utf-8")
    seal(target)
    return target


def test_an_honest_report_is_accepted_and_looked_at(edited: Path, tmp_path: Path) -> None:
    answer = recynet("verify", forged(edited, tmp_path / "same", lambda _: None))
    assert answer.exit_code == 0, answer.output
    assert "nothing in it was checked" not in answer.output


@pytest.mark.parametrize("name", FORGERIES)
def test_a_forged_report_is_rejected(edited: Path, tmp_path: Path, name: str) -> None:
    answer = recynet("verify", forged(edited, tmp_path / "forged", FORGERIES[name]))
    assert answer.exit_code == 1
    assert "edits_report.json" in answer.output
