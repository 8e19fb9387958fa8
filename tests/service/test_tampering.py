"""Nothing that matters to a reader can be changed in a result folder: by accident, or with every hash made again.

By accident: the hashes of the manifest no longer fit. On purpose: the forger makes all hashes again, and what is
recomputed from the inputs does not fit. What neither shows is on a written list (service/verify_unchecked.py).
"""

from __future__ import annotations

import random
import re
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from geodata.tables import DataError
from optimizer.accounts import all_coefficients
from optimizer.bound import lower_bound
from optimizer.multipliers import BadMultipliersError
from optimizer.problem import Problem
from service.certificate import read_claim, read_multipliers
from service.compare_folder import RELATIVE
from service.manifest import input_sha256
from service.seam import as_problem, ground_of, read_brief
from service.study import load_study
from service.verify import Verdict, Verifier, verify
from service.verify_unchecked import BY_EFFECT, COSMETIC, OF_THE_PLAN_BEFORE, counts_by_effect, is_unchecked
from tests.service.forgeries import FORGERIES, on_geopackage, on_yaml
from tests.service.sealed import hashes_fit
from tests.service.tampering import KINDS, Edit, edit, edit_at_random, edit_yaml, seal
from tests.service.tiny_town import ONE_STREET, TinyTown, one_street, recynet

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
    for field in (*COSMETIC, *OF_THE_PLAN_BEFORE, *BY_EFFECT):
        assert f"| `{field.file}` | `{field.place}` | {field.reason} |" in text, field
    assert text.count("\n| `") == len(COSMETIC) + len(OF_THE_PLAN_BEFORE) + len(BY_EFFECT)


# -- by hand, with what is said of it -----------------------------------------------------------------------

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


@pytest.mark.parametrize(("name", "beside"), [
    ("L.SHP", "L.DBF"), ("l.shp", "l.prj"), ("pop.tif", "pop.tif.aux.xml"), ("pop.TIF", "pop.TIF.MSK"),
    ("pop.tiff", "pop.tfw"), ("pop.tif", "pop.tif.ovr")])
def test_what_is_read_with_an_input_counts_with_it(tmp_path: Path, name: str, beside: str) -> None:
    (tmp_path / name).write_bytes(b"input")
    alone = input_sha256(tmp_path / name)
    (tmp_path / beside).write_bytes(b"one")
    one = input_sha256(tmp_path / name)
    (tmp_path / beside).write_bytes(b"two")
    assert len({alone, one, input_sha256(tmp_path / name)}) == 3


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
