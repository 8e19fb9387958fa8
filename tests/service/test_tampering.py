"""Nothing that matters to a reader can be changed in a result folder: by accident, or with every hash made again.

By accident: the hashes of the manifest no longer fit. On purpose: the forger makes all hashes again, and what is
recomputed from the inputs does not fit. What neither shows is on a written list (service/verify_unchecked.py).
"""

from __future__ import annotations

import json
import random
import re
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from geodata.tables import DataError
from optimizer.accounts import all_coefficients
from optimizer.bound import lower_bound
from optimizer.multipliers import BadMultipliersError
from optimizer.problem import Problem
from service.certificate import read_claim, read_multipliers
from service.compare_folder import RELATIVE, read_json
from service.manifest import input_files, read_manifest
from service.seam import as_problem, ground_of, read_brief
from service.study import load_study
from service.verify import Verdict, Verifier, verify
from service.verify_seal import seal_findings
from service.verify_unchecked import BY_EFFECT, COSMETIC, counts_by_effect, is_unchecked
from tests.service.tampering import KINDS, Edit, Forgery, Layer, edit, edit_at_random, edit_yaml, geopackage, seal
from tests.service.tiny_town import ONE_STREET, TinyTown, one_street, packaged_network, recynet

DOCS = Path(__file__).parents[2] / "docs" / "verify.md"


@pytest.fixture(scope="module")
def ruled(tmp_path_factory: pytest.TempPathFactory) -> TinyTown:
    """A town with rules of its own, an existing station and the packaged network. Not to be changed."""
    town = TinyTown(tmp_path_factory.mktemp("ruled"))
    town.add_existing(("OLD", "transfer_station", "may_close", "station_20t", (600, 620), 50_000.0))
    town.add_rule("TOWN_RULE", {"id": "households", "kind": "max_households_per_site", "value": 3000,
                                "tier": "collection_point"},
                  {"id": "one_each", "kind": "min_sites_per_zone", "value": 1, "tier": "collection_point",
                   "zone_level": "district"})
    assert recynet("run", town.write(), "--out", town.folder / "out").exit_code == 0
    return town


@pytest.fixture(scope="module")
def referee(ruled: TinyTown) -> Verifier:
    """A referee that knows the town already."""
    verifier = Verifier()
    assert verifier.verdict(ruled.folder / "out").accepted
    return verifier


@contextmanager
def copy_of(result: Path, folder: Path) -> Iterator[Path]:
    """A copy of a result that is gone afterwards."""
    out = Path(shutil.copytree(result, folder / "out"))
    try:
        yield out
    finally:
        shutil.rmtree(out)


# -- one field at random ------------------------------------------------------------------------------------

def judged(referee: Verifier, out: Path) -> Verdict | None:
    """The verdict; None where an input is missing, which is exit code 2."""
    try:
        return referee.verdict(out)
    except DataError:
        return None


def hashes_fit(out: Path) -> bool:
    """What the manifest alone tells; a file that cannot be read is as good as a wrong hash."""
    try:
        study = load_study(out / "study.yaml")
        return not seal_findings(out, study, read_manifest(out), read_json(out / "manifest.json"), input_files(study))
    except (DataError, OSError, ValueError):
        return False


@pytest.fixture(scope="module")
def problem(ruled: TinyTown) -> Problem:
    """The town as arrays."""
    brief = read_brief(load_study(ruled.folder / "out" / "study.yaml"))
    return as_problem(brief, ground_of(brief))


def still_proven(out: Path, problem: Problem) -> bool:
    """Whether the multipliers in the folder prove the bound it claims, computed here from inputs and multipliers."""
    claim = read_claim(out)
    objective = claim["objective_cny_per_year"]
    assert isinstance(objective, float)
    try:
        found = lower_bound(problem, all_coefficients(problem), read_multipliers(out, problem), objective)
    except BadMultipliersError:
        return False
    return found.value_cny_per_year == pytest.approx(claim["bound_cny_per_year"], rel=2 * RELATIVE)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("first", [0, *(pytest.param(n, marks=pytest.mark.slow) for n in (5, 10, 15, 20))])
def test_any_field_edited_is_noticed(ruled: TinyTown, referee: Verifier, problem: Problem, tmp_path: Path, kind: str,
                                     first: int) -> None:
    """Twenty-five fields of each kind of file: the hashes show the edit, and where they were made again, its content.

    What is accepted is on the written list, and changes no figure.
    """
    judge = Verifier() if kind == "yaml" else referee  # each study is another problem
    for seed in range(first, first + 5):
        with copy_of(ruled.folder / "out", tmp_path) as out:
            made = edit_at_random(out, kind, random.Random(f"{kind} {seed}"))
            assert not hashes_fit(out), made
            seal(out, files=made.file != "manifest.json")
            verdict = judged(judge, out)
            if verdict is not None and verdict.accepted:
                assert allowed(made, out, problem), made
                claimed = read_claim(ruled.folder / "out")["objective_cny_per_year"]
                assert verdict.objective_cny_per_year == pytest.approx(claimed, rel=RELATIVE)


def allowed(made: Edit, out: Path, problem: Problem) -> bool:
    """Whether an edit may be believed when all hashes were made again."""
    if made.file == "manifest.json" and made.place == ".content_sha256":
        return True  # made again by the forger: nothing is edited
    if made.file == "certificate.npz":
        return still_proven(out, problem)
    return is_unchecked(made.file, made.place) or counts_by_effect(made.file, made.place)


@pytest.mark.parametrize("kind", KINDS)
def test_two_hundred_edits_break_the_hashes(ruled: TinyTown, tmp_path: Path, kind: str) -> None:
    for seed in range(1000, 1025):
        with copy_of(ruled.folder / "out", tmp_path) as out:
            made = edit_at_random(out, kind, random.Random(f"{kind} {seed}"))
            assert not hashes_fit(out), made


def test_hashes_of_an_untouched_folder_fit(ruled: TinyTown) -> None:
    assert hashes_fit(ruled.folder / "out")


def test_the_written_list_is_the_one_in_use() -> None:
    text = DOCS.read_text(encoding="utf-8")
    for field in (*COSMETIC, *BY_EFFECT):
        assert f"| `{field.file}` | `{field.place}` | {field.reason} |" in text, field
    assert text.count("\n| `") == len(COSMETIC) + len(BY_EFFECT)


# -- by hand, with what is said of it -----------------------------------------------------------------------

def on_layer(name: str, change: Callable[[list[Layer]], None]) -> Forgery:
    return lambda folder: edit(folder, f"layers/{name}.geojson", lambda document: change(document["features"]))


def on(name: str, change: Callable[[Any], None]) -> Forgery:
    return lambda folder: edit(folder, name, change)


def on_yaml(name: str, change: Callable[[Any], None]) -> Forgery:
    return lambda folder: edit_yaml(folder, name, change)


def of_first(key: str, value: Callable[[Any], Any]) -> Callable[[list[Layer]], None]:
    def change(features: list[Layer]) -> None:
        features[0]["properties"][key] = value(features[0]["properties"][key])

    return change


def shift(at: list[Any], by: float) -> None:
    """Move the first pair of numbers in nested lists."""
    if isinstance(at[0], float):
        at[0] += by
    else:
        shift(at[0], by)


def plan_of(folder: Path) -> dict[str, Any]:
    return dict(json.loads((folder / "plan.json").read_text(encoding="utf-8")))


def raised_bound(folder: Path) -> None:
    """A better bound in certificate, plan and indicators alike."""
    plan = plan_of(folder)
    better = 0.1 * plan["bound_cny_per_year"] + 0.9 * plan["objective_cny_per_year"]
    tell(folder, plan["objective_cny_per_year"], better)


def cheaper_plan(folder: Path) -> None:
    """A lower objective in certificate, plan and indicators alike."""
    plan = plan_of(folder)
    tell(folder, plan["objective_cny_per_year"] - 10_000.0, plan["bound_cny_per_year"])


def tell(folder: Path, objective: float, bound: float) -> None:
    gap = (objective - bound) / plan_of(folder)["gross_cost_cny_per_year"]

    def on_plan(plan: Layer) -> None:
        plan |= {"objective_cny_per_year": objective, "bound_cny_per_year": bound, "gap": gap}
        for name, value in (("objective_cny_per_year", objective), ("bound_cny_per_year", bound), ("gap_share", gap)):
            plan["kpis"][name]["value"] = value

    edit(folder, "plan.json", on_plan)
    edit(folder, "certificate.json",
         lambda claim: claim.update(objective_cny_per_year=objective, bound_cny_per_year=bound))


def greedy_multipliers(folder: Path) -> None:
    """Prices that would claim more, and the claim with them."""
    with np.load(folder / "certificate.npz") as stored:
        arrays = {name: stored[name] for name in stored.files}
    arrays["part_price"] = arrays["part_price"] * np.float32(1.5)
    np.savez_compressed(folder / "certificate.npz", allow_pickle=False, **arrays)
    raised_bound(folder)


def further_array(folder: Path) -> None:
    with np.load(folder / "certificate.npz") as stored:
        arrays = {name: stored[name] for name in stored.files}
    np.savez_compressed(folder / "certificate.npz", allow_pickle=False, **arrays, note=np.zeros(3))


def no_layer(folder: Path) -> None:
    """A layer gone, from the manifest too."""
    (folder / "layers" / "zones.geojson").unlink()
    edit(folder, "manifest.json", lambda m: m["outputs"].pop("layers/zones.geojson"))


def further_site(features: list[Layer]) -> None:
    features.append(json.loads(json.dumps(features[0])) | {"id": "P999"})


def cheaper(network: Any) -> None:
    network["tiers"][1]["sizes"][0]["fixed_cost_cny_per_year"] *= 0.9


def larger(network: Any) -> None:
    network["tiers"][2]["sizes"][0]["capacity_t_per_day"] *= 1.5


def owned(change: Callable[[Any], None]) -> Forgery:
    """Change the network, and call it the study's own in the manifest."""
    def forge(folder: Path) -> None:
        edit_yaml(folder, "networks/urban_three_tier.yaml", change)
        edit(folder, "manifest.json",
             lambda m: m["config_sources"].update({"networks/urban_three_tier.yaml": "own"}))

    return forge


def beside(folder: Path) -> None:
    """A network that would be found before the one in its folder."""
    shutil.copy(folder / "networks" / "urban_three_tier.yaml", folder / "urban_three_tier.yaml")
    edit_yaml(folder, "urban_three_tier.yaml", cheaper)


def journal(folder: Path) -> None:
    (folder / "plan.gpkg-wal").write_bytes(b"anything")


def on_geopackage(statement: str) -> Forgery:
    def forge(folder: Path) -> None:
        with geopackage(folder) as base:
            base.executescript(statement)

    return forge


def in_report(pattern: str, new: Callable[[str], str]) -> Forgery:
    def forge(folder: Path) -> None:
        text = (folder / "report.html").read_text(encoding="utf-8")
        match = re.search(pattern, text)
        assert match is not None
        (folder / "report.html").write_text(text[:match.start(1)] + new(match.group(1)) + text[match.end(1):],
                                            encoding="utf-8")

    return forge


def twice(folder: Path) -> None:
    """The key figures once more with another objective: which one counts depends on who reads."""
    path = folder / "plan.json"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("{", '{"objective_cny_per_year": 1.0,', 1), encoding="utf-8")


def warned(plan: Layer) -> None:
    plan["warnings"].append({"code": "point_without_load", "feature_id": plan["tiers"][0]["id"], "text": {
        "zh": "该点没有回收量，不安排收运", "en": "Nothing arises at this point, so no visit is planned"}})


FORGERIES: dict[str, tuple[Forgery, str]] = {
    "a site moved on the map": (
        on_layer("collection_point", lambda f: shift(f[0]["geometry"]["coordinates"], 1e-4)),
        r"\[differs\] layers/collection_point.geojson P\S*.geometry.coordinates\[0\]: says .* computed"),
    "demand dropped": (on_layer("assignments", lambda f: f.pop(0)), r"\[flow_balance\]"),
    "a part renamed": (
        on_layer("assignments", of_first("part_id", lambda v: f"{v}x")), r"\[result_malformed\].*C\d+#\d+x"),
    "bound raised": (
        raised_bound, r"\[claim_differs\] certificate.json bound_cny_per_year: says .* computed"),
    "gap altered": (on("plan.json", lambda p: p.update(gap=p["gap"] / 2)), r"\[differs\] plan.json .gap: says"),
    "objective and indicators forged alike": (
        cheaper_plan, r"\[claim_differs\] certificate.json objective_cny_per_year"),
    "cost of a site altered": (
        on_layer("transfer_station", of_first("annual_cost_cny_per_year", lambda v: v * 0.9)),
        r"\[differs\] layers/transfer_station.geojson \S*.properties.annual_cost_cny_per_year"),
    "a road swapped": (
        on_layer("streets", of_first("highway", lambda _: "motorway")),
        r"\[differs\] layers/streets.geojson s0.properties.highway: says 'motorway'"),
    "a size changed": (
        on_layer("collection_point", of_first("size_id", {"staffed_1t": "staffed_2t", "staffed_2t": "staffed_1t"}.get)),
        r"\[(over_mass|over_volume|claim_differs)\] \S+"),
    "a flow edited": (
        on_layer("flows", of_first("flow_t_per_day", lambda v: v * 1.1)), r"\[flow_balance\]"),
    "multipliers that claim more": (greedy_multipliers, r"\[claim_differs\] certificate.json bound_cny_per_year"),
    "an array too many": (further_array, r"\[result_malformed\].*belong to no bound: \['note'\]"),
    "a cheaper network, called packaged": (
        on_yaml("networks/urban_three_tier.yaml", cheaper),
        r"\[config_changed\] networks/urban_three_tier.yaml: .*fixed_cost_cny_per_year says .* packaged"),
    "a larger capacity, called packaged": (
        on_yaml("networks/urban_three_tier.yaml", larger), r"\[config_changed\] .*capacity_t_per_day says"),
    "a cheaper network, called own": (
        owned(cheaper), r"note: network urban_three_tier differs from the packaged one: .*fixed_cost_cny_per_year"),
    "a network before the network": (beside, r"\[differs\] urban_three_tier.yaml: does not belong here"),
    "a rule changed": (
        on_yaml("rules/TOWN_RULE.yaml", lambda r: r["clauses"][0].update(value=3500)),
        r"\[differs\] plan.json .rules\[0\].required: says '3000', computed '3500'"),
    "the study changed": (
        on_yaml("study.yaml", lambda s: s["access"].update(decay_m=600.0)), r"\[flow_balance\]"),
    "a layer removed": (no_layer, r"\[differs\] layers/zones.geojson: is missing"),
    "a site added": (on_layer("collection_point", further_site), r"\[result_malformed\].*P999"),
    "a community added": (
        on_layer("communities", lambda f: f.append(json.loads(json.dumps(f[0])) | {"id": "C99"})),
        r"\[differs\] layers/communities.geojson C99: should not be there"),
    "a route bent": (
        on_layer("routes", lambda f: shift(f[0]["geometry"]["coordinates"][1], 2e-5)),
        r"\[differs\] layers/routes.geojson \S*.geometry.coordinates\[1\]\[0\]: says"),
    "an assumption changed": (
        on("plan.json", lambda p: p["assumptions"][0].update(value=0.9)),
        r"\[differs\] plan.json .assumptions\[0\].value: says 0.9, computed 0.8"),
    "a warning left out": (
        on("plan.json", lambda p: p["warnings"].pop(0)), r"\[differs\] plan.json .warnings: has \d+ entries, computed"),
    "a warning invented": (on("plan.json", warned), r"\[false_warning\] .*point_without_load"),
    "a number as text": (
        on("plan.json", lambda p: p.update(year=str(p["year"]))),
        r"\[differs\] plan.json .year: says '2025', computed 2025"),
    "a figure told twice": (twice, r"\[differs\] plan.json: is no JSON: an object has a key twice"),
    "time below nothing": (
        on("plan.json", lambda p: p["timings_s"].update(siting=-1.0)),
        r"\[differs\] plan.json .timings_s.siting: says -1"),
    "status improved": (
        on("plan.json", lambda p: p.update(status="optimal")), r"\[differs\] plan.json .status: says 'optimal'"),
    "a cell of the geopackage": (
        on_geopackage("UPDATE collection_point SET load_t_per_day = load_t_per_day * 1.01 WHERE fid = 3"),
        r"\[differs\] plan.gpkg collection_point.load_t_per_day: differs in 1 rows, first in 'P"),
    "a style of the geopackage": (
        on_geopackage("UPDATE layer_styles SET styleQML = replace(styleQML, '1', '2') WHERE id = 1"),
        r"\[differs\] plan.gpkg layer_styles.styleQML"),
    "a title in the geopackage": (
        on_geopackage("UPDATE gpkg_contents SET identifier = 'x' WHERE table_name = 'zones'"),
        r"\[differs\] plan.gpkg gpkg_contents.identifier"),
    "a view in the geopackage": (
        on_geopackage("CREATE VIEW more AS SELECT * FROM zones"), r"\[differs\] plan.gpkg view more: should not be"),
    "a journal beside the geopackage": (journal, r"\[differs\] plan.gpkg-wal: does not belong here"),
    "the last digit of a figure in the report": (
        in_report(r">(\d+\.\d\d)<", lambda v: f"{float(v) + 0.01:.2f}"), r"\[differs\] report.html: says"),
    "a count in the legend of the map": (
        in_report(r"<text[^>]*>[^<]*\((\d+)\)</text>", lambda v: str(int(v) + 1)), r"\[differs\] report.html: says"),
    "commas of the report shifted": (
        in_report(r">(\d\d,\d\d\d)<", lambda v: v.replace(",", "")[:3] + "," + v.replace(",", "")[3:]),
        r"\[differs\] report.html: says"),
    "another source in the manifest": (
        on("manifest.json", lambda m: m["config_sources"].update({"networks/urban_three_tier.yaml": "own"})),
        r"\[differs\] manifest.json config_sources networks/urban_three_tier.yaml: says own, but it is the packaged"),
    "a hash left out of the manifest": (
        on("manifest.json", lambda m: m["outputs"].pop("certificate.npz")),
        r"\[differs\] manifest.json outputs: does not name certificate.npz"),
    "no hash of the manifest": (
        on("manifest.json", lambda m: m.pop("content_sha256")), r"\[manifest_unsealed\]"),
    "a path out of the folder": (
        on("manifest.json", lambda m: m["outputs"].update({"../out/plan.json": m["outputs"]["plan.json"]})),
        r"\[file_missing\] ../out/plan.json: named in the manifest, but no file of the folder"),
}
"""What the forger does, and what the referee says of it though every hash was made again."""


def yamls(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*.yaml")}


@pytest.mark.parametrize("name", FORGERIES)
def test_a_forgery_is_named(ruled: TinyTown, referee: Verifier, tmp_path: Path, name: str) -> None:
    forge, answer = FORGERIES[name]
    out = Path(shutil.copytree(ruled.folder / "out", tmp_path / "out"))
    forge(out)
    if name != "no hash of the manifest":
        seal(out)
    same_question = yamls(out) == yamls(ruled.folder / "out")
    verdict = (referee if same_question else Verifier()).verdict(out)
    assert not verdict.accepted, name
    assert re.search(answer, "\n".join(verdict.lines())), "\n".join(verdict.lines())[:3000]


# -- inputs, and certificates of other plans ----------------------------------------------------------------

def moved(town: TinyTown, folder: Path) -> tuple[Path, Path]:
    """A copy of a result with inputs of its own: (result, input file)."""
    out = Path(shutil.copytree(town.folder / "out", folder / "out"))
    (folder / "inputs").mkdir()
    return out, Path(shutil.copy(town.folder / "town.gpkg", folder / "inputs"))


def populate(file: Path) -> None:
    with closing(sqlite3.connect(file)) as base:
        for (name,) in base.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            base.execute(f'DROP TRIGGER "{name}"')
        base.execute("UPDATE communities SET population = population + 500 WHERE id = 'C3'")
        base.commit()


def test_an_input_that_changed_is_named(ruled: TinyTown, tmp_path: Path) -> None:
    """Though the forger gives the manifest the hash of the changed input."""
    out, file = moved(ruled, tmp_path)
    assert verify(out, file.parent).accepted
    populate(file)
    plain = verify(out, file.parent)
    assert {f.code for f in plain.findings} == {"input_changed"}
    assert {f.subject for f in plain.findings} == {"communities", "roads", "land", "zones", "existing_sites"}
    seal(out, inputs=file)
    forged = verify(out, file.parent)
    assert not forged.accepted
    assert "input_changed" not in {f.code for f in forged.findings}
    assert forged.findings


def test_the_certificate_of_another_plan(ruled: TinyTown, street: Path, referee: Verifier, tmp_path: Path) -> None:
    out = Path(shutil.copytree(ruled.folder / "out", tmp_path / "out"))
    shutil.copy(street / "certificate.json", out)
    seal(out)
    assert "[claim_differs] certificate.json objective_cny_per_year" in "\n".join(referee.verdict(out).lines())
    shutil.copy(street / "certificate.npz", out)
    seal(out)
    assert re.search(r"\[(result_malformed|claim_differs)\]", "\n".join(referee.verdict(out).lines()))


def test_hashes_name_what_was_touched(ruled: TinyTown, referee: Verifier, tmp_path: Path) -> None:
    """By accident: one word more in the report, one blank more in the study."""
    out = Path(shutil.copytree(ruled.folder / "out", tmp_path / "out"))
    for name in ("report.html", "study.yaml", "certificate.npz"):
        with (out / name).open("ab") as stream:
            stream.write(b" ")
    text = "\n".join(referee.verdict(out).lines())
    assert all(f"[file_changed] {name}: differs" in text for name in ("report.html", "study.yaml", "certificate.npz"))
    edit(out, "manifest.json", lambda m: m.update(reproducible=not m["reproducible"]))
    assert "[manifest_changed] manifest.json: was edited" in "\n".join(referee.verdict(out).lines())


def test_what_is_on_the_list_is_believed(ruled: TinyTown, referee: Verifier, tmp_path: Path) -> None:
    """The list is no longer than it must be: each of these is accepted when every hash was made again."""
    out = Path(shutil.copytree(ruled.folder / "out", tmp_path / "out"))
    edit(out, "manifest.json", lambda m: m["versions"].update(numpy="0.1", python="2.7"))
    on_geopackage("UPDATE gpkg_contents SET last_change = '2020-01-01T00:00:00.000Z'")(out)
    on_yaml("study.yaml", lambda s: s["solve"].update(iterations=7))(out)
    seal(out)
    assert referee.verdict(out).accepted


def test_inputs_in_sub_folders(ruled: TinyTown, tmp_path: Path) -> None:
    """Found by name; where two have it, the one the result was made from is taken, and that is said."""
    out, file = moved(ruled, tmp_path)
    edit_yaml(out, "study.yaml", lambda s: [source.update(path=f"/gone/data/{Path(source['path']).name}")
                                            for source in s["inputs"].values() if isinstance(source, dict)])
    seal(out)
    with pytest.raises(DataError, match="file_missing"):
        verify(out, tmp_path / "out")
    right, wrong = file.parent / "deep" / "er" / "town.gpkg", file.parent / "data" / "town.gpkg"
    for path in (right, wrong):
        path.parent.mkdir(parents=True)
        shutil.copy(file, path)
    file.unlink()
    wrong.unlink()
    alone = verify(out, file.parent)
    assert alone.accepted
    assert alone.notes == ("rule TOWN_RULE: no copy was found to compare it with; it is taken as it stands in the "
                           "folder (name its folder with --inputs)",)
    shutil.copy(right, wrong)
    populate(wrong)
    both = verify(out, file.parent)
    assert both.accepted
    assert ("--inputs: 2 files are called town.gpkg (data/town.gpkg, deep/er/town.gpkg); took deep/er/town.gpkg, which "
            "has the content the result was made from") in both.notes
    populate(right)
    neither = verify(out, file.parent)
    assert {f.code for f in neither.findings} == {"input_changed"}
    assert "took data/town.gpkg, whose folders are most like the study's" in " ".join(neither.notes)


def test_a_shapefile_is_all_its_files(tmp_path: Path) -> None:
    """Its attributes lie in the .dbf: a population changed there is an input changed."""
    town = one_street(tmp_path)
    path = town.write()
    town.layers["communities"].to_file(tmp_path / "blocks.shp")
    edit_yaml(tmp_path, "study.yaml",
              lambda s: s["inputs"]["communities"].update(path="blocks.shp", layer=None))
    assert recynet("run", path, "--out", tmp_path / "out").exit_code == 0
    assert verify(tmp_path / "out").accepted
    dbf = (tmp_path / "blocks.dbf").read_bytes()
    (tmp_path / "blocks.dbf").write_bytes(dbf.replace(b"1000", b"1001"))
    assert {(f.code, f.subject) for f in verify(tmp_path / "out").findings} == {("input_changed", "communities")}


def test_an_own_network_is_compared_with_its_original(tmp_path: Path) -> None:
    """A copy in the folder that was made cheaper, with all that follows from it, is a result; the change is said."""
    town = one_street(tmp_path)
    path = town.write()
    assert recynet("run", path, "--out", tmp_path / "out").exit_code == 0
    plain = verify(tmp_path / "out")
    assert plain.accepted
    assert plain.notes == ()
    edit_yaml(tmp_path, "networks/one_street.yaml", lambda n: n["money"].update(carbon_cny_per_t=50))
    changed = verify(tmp_path / "out")
    assert changed.accepted
    note, = changed.notes
    assert note.startswith("network one_street differs from ")
    assert note.endswith("networks/one_street.yaml: money.carbon_cny_per_t says 100, there 50")


@pytest.mark.slow
def test_a_renamed_copy_of_the_packaged_network(tmp_path: Path) -> None:
    """A network of the study's own under the packaged one's name: accepted, and every difference is said."""
    town = one_street(tmp_path)
    town.add_network("urban_three_tier", ONE_STREET)
    assert recynet("run", town.write(), "--out", tmp_path / "out").exit_code == 0
    verdict = verify(tmp_path / "out")
    assert verdict.accepted
    assert any(n.startswith("network urban_three_tier differs from the packaged one: ") for n in verdict.notes)


# -- genuine results ----------------------------------------------------------------------------------------

def street_with(change: Callable[[TinyTown], None]) -> Callable[[Path], TinyTown]:
    def make(folder: Path) -> TinyTown:
        town = one_street(folder)
        change(town)
        return town

    return make


def town_with(change: Callable[[TinyTown], None]) -> Callable[[Path], TinyTown]:
    def make(folder: Path) -> TinyTown:
        town = TinyTown(folder)
        change(town)
        return town

    return make


def setting(block: str, **values: Any) -> Callable[[TinyTown], None]:
    return lambda town: town.study.setdefault(block, {}).update(values)


def priced(**money: float) -> Callable[[TinyTown], None]:
    return lambda town: town.add_network("one_street", {**ONE_STREET, "money": {**ONE_STREET["money"], **money}})


def peopled(count: int) -> Callable[[TinyTown], None]:
    return lambda town: town.layers["communities"].__setitem__("population", [count])


def no_zones(town: TinyTown) -> None:
    del town.study["inputs"]["zones"], town.layers["zones"]


def station(status: str, tier: str = "transfer_station", size: str = "station") -> Callable[[TinyTown], None]:
    return lambda town: town.add_existing(("OLD", tier, status, size, (600, 20), 10_000.0))


def ruling(kind: str, value: float, tier: str, **more: str) -> Callable[[TinyTown], None]:
    return lambda town: town.add_rule("OWN_RULE", {"id": "clause", "kind": kind, "value": value, "tier": tier, **more})


def dear(town: TinyTown) -> None:
    network = packaged_network()
    for size in network["tiers"][1]["sizes"]:
        size["build_cost_cny"] *= 3
    town.add_network("dear_stations", network)


STREETS: dict[str, Callable[[TinyTown], None]] = {
    "plain": lambda _: None,
    "another seed": setting("solve", seed=7),
    "another seed of the tours": setting("routing", seed=9),
    "few people": peopled(40),
    "many people": peopled(4321),
    "odd people": peopled(997),
    "no zones": no_zones,
    "short walks": setting("access", max_m=200.0),
    "steep decay": setting("access", decay_m=150.0),
    "fine candidates": setting("candidates", spacing_m=150),
    "dear unserved": priced(unserved_cny_per_t=900),
    "dear carbon": priced(carbon_cny_per_t=1234.5),
    "a station to keep": station("keep"),
    "a station that may close": station("may_close"),
    "a point to keep": station("keep", "collection_point", "point"),
    "households ruled": ruling("max_households_per_site", 300, "collection_point"),
    "walks ruled": ruling("max_access_m", 400, "collection_point"),
    "a count ruled": ruling("min_sites_per_zone", 1, "collection_point", zone_level="district"),
    "a count of another level": ruling("min_sites_per_zone", 3, "transfer_station", zone_level="community"),
    "nobody at all": peopled(0),
}
TOWNS: dict[str, Callable[[TinyTown], None]] = {
    "another seed": setting("solve", seed=3),
    "packaged rule": lambda town: town.study.update(rules=["SBT_10719_2012"]),
    "dear stations": dear,
    "a centre to keep": station("keep", "sorting_center", "comprehensive_82t"),
    "short walks": setting("access", max_m=300.0),
}


QUICK = ("odd people", "a station to keep", "households ruled", "nobody at all")


@pytest.mark.parametrize("name", [n if n in QUICK else pytest.param(n, marks=pytest.mark.slow) for n in STREETS])
def test_genuine_streets_are_accepted(tmp_path: Path, name: str) -> None:
    genuine(street_with(STREETS[name])(tmp_path))


@pytest.mark.slow
@pytest.mark.parametrize("name", TOWNS)
def test_genuine_towns_are_accepted(tmp_path: Path, name: str) -> None:
    genuine(town_with(TOWNS[name])(tmp_path))


def genuine(town: TinyTown) -> None:
    out = town.folder / "out"
    assert recynet("run", town.write(), "--out", out).exit_code in (0, 1)  # 1: a plan that serves nobody
    done = recynet("verify", out)
    assert done.exit_code == 0, done.output
    assert hashes_fit(out)
