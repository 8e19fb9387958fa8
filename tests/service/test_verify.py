"""The referee accepts what a run leaves and nothing else, whether or not the forger seals the manifest again."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from service.verify import Verifier, verify
from tests.service.forgeries import on_geopackage
from tests.service.tampering import Forgery, Layer, edit, leaves, seal
from tests.service.tiny_town import TinyTown, recynet


def copied(town: TinyTown, folder: Path) -> Path:
    return Path(shutil.copytree(town.folder / "out", folder / "out"))


def on_layer(name: str, change: Callable[[list[Layer]], None]) -> Forgery:
    """A forgery of the features of a layer."""
    return lambda folder: edit(folder, f"layers/{name}.geojson", lambda document: change(document["features"]))


def on_first(name: str, key: str, value: Callable[[Any], Any], where: str = "") -> Forgery:
    """A forgery of one property of the first feature whose text holds `where`."""
    def change(features: list[Layer]) -> None:
        feature = next(f for f in features if where in json.dumps(f))
        feature["properties"][key] = value(feature["properties"][key])

    return on_layer(name, change)


# -- forgeries ----------------------------------------------------------------------------------------------

def move_first(features: list[Layer]) -> None:
    features[0]["geometry"]["coordinates"][0] += 1e-4  # 10 m


def drop_first(features: list[Layer]) -> None:
    del features[0]


def other_parcel(folder: Path) -> None:
    """The station and all its flows and tours under the id of another parcel that could hold it."""
    station = json.loads((folder / "layers/transfer_station.geojson").read_text(encoding="utf-8"))["features"][0]
    here = station["id"]
    there = next(p for p in ("P1", "P2") if p != here)
    for path in (folder / "layers").glob("*.geojson"):
        if path.stem in ("transfer_station", "flows", "routes", "stops", "collection_point"):
            path.write_text(path.read_text(encoding="utf-8").replace(f'"{here}"', f'"{there}"'), encoding="utf-8")


def raise_bound(folder: Path) -> None:
    """A better bound, told by certificate, plan and its indicators alike."""
    plan = json.loads((folder / "plan.json").read_text(encoding="utf-8"))
    better = plan["bound_cny_per_year"] + 0.9 * (plan["objective_cny_per_year"] - plan["bound_cny_per_year"])
    gap = (plan["objective_cny_per_year"] - better) / plan["gross_cost_cny_per_year"]

    def on_plan(document: Layer) -> None:
        document |= {"bound_cny_per_year": better, "gap": gap}
        document["kpis"]["bound_cny_per_year"]["value"] = better
        document["kpis"]["gap_share"]["value"] = gap

    edit(folder, "plan.json", on_plan)
    edit(folder, "certificate.json", lambda c: c.update(bound_cny_per_year=better))


def multipliers(name: str, change: Callable[[np.ndarray], np.ndarray]) -> Forgery:
    def forge(folder: Path) -> None:
        path = folder / "certificate.npz"
        with np.load(path) as stored:
            arrays = {key: stored[key] for key in stored.files}
        arrays[name] = change(arrays[name])
        np.savez_compressed(path, **arrays)

    return forge


def drop_trip(folder: Path) -> None:
    gone: list[str] = []

    def from_routes(features: list[Layer]) -> None:
        gone.append(features.pop()["id"])

    def from_stops(features: list[Layer]) -> None:
        features[:] = [f for f in features if f["properties"]["trip_id"] not in gone]

    on_layer("routes", from_routes)(folder)
    on_layer("stops", from_stops)(folder)


def bend_route(features: list[Layer]) -> None:
    features[0]["geometry"]["coordinates"][1][1] += 2e-5  # 2 m off the street


def cheaper_network(folder: Path) -> None:
    """Cheaper centres in the folder's own network: the plan's figures no longer follow from it."""
    path, = (folder / "networks").iterdir()
    network = yaml.safe_load(path.read_text(encoding="utf-8"))
    for size in network["tiers"][2]["sizes"]:
        size["fixed_cost_cny_per_year"] *= 0.5
    path.write_text(yaml.safe_dump(network, allow_unicode=True, sort_keys=False), encoding="utf-8")


def other_study(folder: Path) -> None:
    path = folder / "study.yaml"
    study = yaml.safe_load(path.read_text(encoding="utf-8"))
    study["access"]["decay_m"] = 600.0
    path.write_text(yaml.safe_dump(study, allow_unicode=True, sort_keys=False), encoding="utf-8")


def on_plan(change: Callable[[Layer], None]) -> Forgery:
    return lambda folder: edit(folder, "plan.json", change)


def on_claim(change: Callable[[Layer], None]) -> Forgery:
    return lambda folder: edit(folder, "certificate.json", change)


def swap_text(name: str, old: str, new: str) -> Forgery:
    def forge(folder: Path) -> None:
        text = (folder / name).read_text(encoding="utf-8")
        assert old in text
        (folder / name).write_text(text.replace(old, new, 1), encoding="utf-8")

    return forge


def report_figure(folder: Path) -> None:
    """The captured tonnes in the table of indicators, by a tenth."""
    plan = json.loads((folder / "plan.json").read_text(encoding="utf-8"))
    shown = f"{plan['kpis']['captured_t_per_day']['value']:.2f}"
    swap_text("report.html", shown, f"{float(shown) * 1.1:.2f}")(folder)


FORGERIES: dict[str, Forgery] = {
    "site moved on the map": on_layer("collection_point", move_first),
    "site moved to another parcel": other_parcel,
    "site left out": on_layer("collection_point", drop_first),
    "community left out": on_layer("communities", drop_first),
    "assignment left out": on_layer("assignments", drop_first),
    "assignment made nearer": on_first("assignments", "distance_m", lambda v: v * 0.5),
    "rejected parcel left out": on_layer("candidates", lambda f: f.remove(next(
        c for c in f if c["properties"]["status"] == "rejected"))),
    "zone figure changed": on_first("zones", "coverage_share", lambda v: v * 0.9),
    "street left out": on_layer("streets", drop_first),
    "bound raised": raise_bound,
    "bound raised by hand in the plan": on_plan(lambda p: p.update(bound_cny_per_year=p["objective_cny_per_year"])),
    "part prices halved": multipliers("part_price", lambda a: a * np.float32(0.5)),
    "part prices negative": multipliers("part_price", lambda a: -a - 1),
    "part prices for too few": multipliers("part_price", lambda a: a[:, :-1]),
    "reaches doubled": multipliers("reach_price", lambda a: a * np.float32(2)),
    "reaches from nowhere": multipliers("reach_site", lambda a: a + 1000),
    "indicator changed": on_plan(lambda p: p["kpis"]["captured_t_per_day"].update(value=99.0)),
    "objective changed": on_plan(lambda p: p.update(objective_cny_per_year=p["objective_cny_per_year"] * 0.99)),
    "status changed": on_plan(lambda p: p.update(status="optimal")),
    "status of a stopped run": on_plan(lambda p: p.update(status="stopped")),
    "rule invented": on_plan(lambda p: p.update(assumptions=p["assumptions"][1:])),
    "claim about gross cost changed": on_claim(lambda c: c.update(gross_cost_cny_per_year=1.0)),
    "claim about mixes changed": on_claim(lambda c: c.update(mixes_tried=99)),
    "claim with a further word": on_claim(lambda c: c.update(proved_by="me")),
    "route off the street": on_layer("routes", bend_route),
    "trip left out": drop_trip,
    "stop's load changed": on_first("stops", "load_t", lambda v: v * 0.9),
    "stop nowhere": on_first("stops", "site_id", lambda _: None),
    "haul to nowhere": on_first("stops", "site_id", lambda _: "Q", where="haul"),
    "trip from nowhere": on_first("routes", "base_id", lambda _: "Q"),
    "trip made shorter": on_first("routes", "distance_m", lambda v: v - 100.0),
    "trip made faster": on_first("routes", "duration_s", lambda v: v * 0.9),
    "size changed": on_first("collection_point", "size_id", lambda v: {
        "staffed_1t": "staffed_2t", "staffed_2t": "staffed_1t"}[v]),
    "flow changed": on_first("flows", "flow_t_per_day", lambda v: v * 1.1),
    "haul made cheaper": on_first("flows", "haul_cost_cny_per_year", lambda v: v * 0.5),
    "network made cheaper": cheaper_network,
    "study changed": other_study,
    "report changed": swap_text("report.html", "</h1>", "!</h1>"),
    "figure of the report changed": report_figure,
    "row of the geopackage changed": on_geopackage("UPDATE transfer_station SET load_t_per_day = 1.0"),
    "row of the geopackage gone": on_geopackage("DELETE FROM unserved; DELETE FROM flows"),
    "geopackage gone": lambda f: (f / "plan.gpkg").unlink(),
    "seed changed": lambda f: edit(f, "manifest.json", lambda m: m.update(seed=99)),
    "name of the study changed": lambda f: edit(f, "manifest.json", lambda m: m.update(study="other")),
    "layer that does not belong": lambda f: (f / "layers" / "x.geojson").write_text("{}", encoding="utf-8") and None,
    "layer gone": lambda f: (f / "layers" / "zones.geojson").unlink(),
}


NEEDS_A_TOWN = {"site moved to another parcel", "size changed", "rejected parcel left out", "network made cheaper",
                "links doubled", "part prices halved"}
"""Forgeries for which one street is too small."""


@pytest.fixture(scope="module")
def referee() -> Verifier:
    """A referee that keeps what it rebuilt."""
    return Verifier()


def rejected(out: Path, referee: Verifier) -> None:
    verdict = referee.verdict(out)
    assert not verdict.accepted
    assert verdict.findings
    assert all(line.startswith(("rejected [", "... and ", "note: ", "seal ")) for line in verdict.lines())


def test_a_forgery_on_the_command_line(street: Path, tmp_path: Path) -> None:
    out = Path(shutil.copytree(street, tmp_path / "out"))
    FORGERIES["bound raised"](out)
    result = recynet("verify", out)
    assert result.exit_code == 1, result.output
    assert "rejected [" in result.output
    assert "accepted" not in result.output


@pytest.mark.parametrize("name", FORGERIES)
def test_forgeries_are_rejected(tiny_town: TinyTown, referee: Verifier, tmp_path: Path, name: str) -> None:
    """Though the forger sealed the manifest again: only what follows from inputs and configuration is accepted."""
    out = copied(tiny_town, tmp_path)
    FORGERIES[name](out)
    seal(out)
    rejected(out, referee)


@pytest.mark.parametrize("name", [n for n in FORGERIES if n not in NEEDS_A_TOWN])
def test_forgeries_are_rejected_by_the_manifest(street: Path, referee: Verifier, tmp_path: Path, name: str) -> None:
    out = Path(shutil.copytree(street, tmp_path / "out"))
    FORGERIES[name](out)
    rejected(out, referee)


def test_a_network_that_is_cheaper_for_all_is_another_result(street: Path, tmp_path: Path) -> None:
    """The folder's own network counts, as a study may bring one: a run with it is accepted, with its own figures.

    What verify says is that the figures follow from inputs and configuration of the folder, not that the configuration
    is the packaged one; it stands in the folder, and in manifest and plan.json, for everybody to compare.
    """
    out = Path(shutil.copytree(street, tmp_path / "out"))
    cheaper_network(out)
    before = verify(street)
    again = tmp_path / "again"
    assert recynet("run", out / "study.yaml", "--out", again).exit_code == 0
    after = verify(again)
    assert before.accepted
    assert after.accepted
    assert before.objective_cny_per_year is not None
    assert after.objective_cny_per_year is not None
    assert after.objective_cny_per_year < before.objective_cny_per_year


# -- genuine folders ----------------------------------------------------------------------------------------

def test_a_genuine_folder_is_accepted(tiny_town: TinyTown) -> None:
    done = recynet("verify", tiny_town.folder / "out")
    plan = json.loads((tiny_town.folder / "out" / "plan.json").read_text(encoding="utf-8"))
    assert done.exit_code == 0, done.output
    assert f"objective {plan['objective_cny_per_year']:,.0f} CNY/year recomputed" in done.output
    assert f"gap {plan['gap']:.2%}" in done.output


def test_a_folder_moved_with_its_inputs(tiny_town: TinyTown, tmp_path: Path) -> None:
    """The inputs are not where study.yaml says any more: exit 2 without, 0 with --inputs, 1 when they differ."""
    out = copied(tiny_town, tmp_path)
    study = yaml.safe_load((out / "study.yaml").read_text(encoding="utf-8"))
    for name in ("communities", "roads", "land", "zones"):
        study["inputs"][name]["path"] = str(tmp_path / "gone" / "town.gpkg")
    (out / "study.yaml").write_text(yaml.safe_dump(study, allow_unicode=True), encoding="utf-8")
    seal(out)
    missing = recynet("verify", out)
    assert missing.exit_code == 2
    assert "file_missing" in missing.output
    moved = tmp_path / "moved"
    moved.mkdir()
    shutil.copy(tiny_town.folder / "town.gpkg", moved)
    assert recynet("verify", out, "--inputs", moved).exit_code == 0
    with (moved / "town.gpkg").open("ab") as stream:
        stream.write(b"x")
    changed = recynet("verify", out, "--inputs", moved)
    assert changed.exit_code == 1
    assert "input_changed" in changed.output


def test_a_folder_that_is_no_result(tmp_path: Path) -> None:
    assert recynet("verify", tmp_path).exit_code == 2
    assert recynet("verify", tmp_path / "nothing").exit_code == 2


GARBAGE = ["", "null", '{"features": [1]}', "[" * 100_000, "\x00\xff"]
FILES = ["plan.json", "manifest.json", "certificate.json", "certificate.npz", "study.yaml",
         "layers/collection_point.geojson", "layers/flows.geojson", "layers/stops.geojson", "layers/zones.geojson"]


@pytest.mark.parametrize("name", FILES)
def test_garbage_is_rejected_without_a_traceback(street: Path, tmp_path: Path, name: str) -> None:
    out = Path(shutil.copytree(street, tmp_path / "out"))
    for text in GARBAGE:
        (out / name).write_text(text, encoding="latin-1")
        if name != "manifest.json":
            seal(out)
        result = recynet("verify", out)
        assert result.exit_code == 1, (text[:20], result.output)


def test_no_solver_is_imported() -> None:
    code = ("import sys, service.verify; "
            "print(sorted(m for m in sys.modules if m.split('.')[0] in ('ortools', 'pyvrp', 'highspy')))")
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"


# -- any single field ---------------------------------------------------------------------------------------

def edited(value: Any, dice: random.Random) -> Any:
    """Something else of the same kind, by more than the last digits."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + dice.choice([-1, 1]) * max(abs(value) * 0.003, 0.0001)
    return dice.choice([f"{value}x", None]) if value is not None else dice.choice(["x", 1.5])


@pytest.mark.parametrize("seed", range(30))
def test_any_single_field_edited_is_noticed(tiny_town: TinyTown, referee: Verifier, tmp_path: Path,
                                            seed: int) -> None:
    """A random leaf of a random layer, of plan.json or of the claim; computing times are nobody's business."""
    dice = random.Random(seed)
    out = copied(tiny_town, tmp_path)
    names = [p.relative_to(out).as_posix() for p in sorted((out / "layers").iterdir())]
    path = out / [*names, "plan.json", "certificate.json"][seed % (len(names) + 2)]
    document = json.loads(path.read_text(encoding="utf-8"))
    *way, last = dice.choice([leaf for leaf in leaves(document) if leaf[0] != "timings_s"])
    at = document
    for step in way:
        at = at[step]
    at[last] = edited(at[last], dice)
    path.write_text(json.dumps(document, ensure_ascii=False), encoding="utf-8")
    seal(out)
    assert not referee.verdict(out).accepted, (path.name, *way, last)
