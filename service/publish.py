"""A finished outcome -> the result folder: whole or not at all, manifest last."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import yaml

from geodata.ground import Ground
from geodata.tables import DataError, fault
from optimizer.accounts import books
from optimizer.bound import Bound
from optimizer.multipliers import Multipliers
from service.cache_folder import CACHE_FOLDER, GROUND_FILE
from service.certificate import write_certificate
from service.geopackage import write_geopackage
from service.ground_cache import write_ground_cache
from service.lookup import config_parts, config_text
from service.manifest import read_manifest, write_manifest
from service.messages import STUDY_MESSAGES
from service.plan_document import estimates, plan_document
from service.plan_json import PlanJson, write_plan_json
from service.publish_layers import STREETS, layer_titles, layers_of, street_layer, write_layers
from service.report import write_report
from service.result_tables import Outcome
from service.study import Study


def require_usable_target(target: Path) -> None:
    """DataError when nothing can be written there, or when it holds anything but an older result, to be replaced."""
    if not target.exists():
        _require_writable(target)
        return
    files = {p.relative_to(target).as_posix() for p in target.rglob("*") if not p.is_dir()} if target.is_dir() else {""}
    try:
        older = read_manifest(target)
        ours = {"manifest.json", f"{CACHE_FOLDER}/{GROUND_FILE}", *older.config, *older.outputs}
    except (OSError, ValueError):
        ours = set()
    if files - ours:
        raise DataError([fault("out_not_a_result", messages=STUDY_MESSAGES, folder=str(target))])


def _require_writable(target: Path) -> None:
    """DataError when no folder can be made at the target: found out by making one beside where it will stand."""
    beside = next(folder for folder in target.resolve().parents if folder.exists())
    try:
        with tempfile.TemporaryDirectory(dir=beside, prefix=".recynet-"):
            return
    except OSError as error:
        raise DataError([fault("out_not_writable", messages=STUDY_MESSAGES, folder=str(target),
                               reason=error.strerror or type(error).__name__)]) from error


def publish(out: Outcome, multipliers: Multipliers, bound: Bound, target: Path, timings_s: dict[str, float],
            beside: Mapping[str, str] = MappingProxyType({}), unedited: Ground | None = None) -> PlanJson:
    """Write the result folder and return its key figures; an older result at the target is replaced.

    `beside` are further files by name and text; an edits file of the study among them is read from the folder from
    then on. What was measured of the `unedited` ground is kept for `recynet resolve`.
    """
    target = target.resolve()
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{target.name}-", dir=target.parent) as temporary:
        folder = Path(temporary) / "result"
        folder.mkdir()
        for name, text in beside.items():
            (folder / name).write_text(text, encoding="utf-8")
        plan = _write(folder, out, multipliers, bound, timings_s)
        if unedited is not None:  # after the manifest: the cache is no part of the result
            write_ground_cache(folder, out.brief.study, unedited)
        _replace(folder, target)
    return plan


def _write(folder: Path, out: Outcome, multipliers: Multipliers, bound: Bound,
           timings_s: dict[str, float]) -> PlanJson:
    study = out.brief.study
    layers, streets = layers_of(out), street_layer(out)
    write_layers(folder / "layers", out, {**layers, STREETS: streets})
    write_geopackage(folder / "plan.gpkg", layers, titles=layer_titles(out, layers),
                     attribution="; ".join(study.attribution), estimated=[t.en for t in estimates(out)])
    plan = plan_document(out, timings_s)
    write_plan_json(folder / "plan.json", plan)
    account = books(out.problem, out.plan)
    write_certificate(folder, multipliers, bound, account.objective_cny_per_year, account.gross_cost_cny_per_year)
    write_report(folder / "report.html", plan, layers, streets)
    own = _edits_in(folder, study)
    write_configuration(folder, study if own is None else own[0])
    stopped = out.plan.report.hit_time_limit or out.haulage.hit_time_limit
    write_manifest(folder, study if own is None else own[1], reproducible=not stopped)
    return plan


def _edits_in(folder: Path, study: Study) -> tuple[Study, Study] | None:
    """The study with its edits taken from the result folder, by a relative and by a full path; None where it has none.

    A result that was made by editing another one keeps its edits, so that it can be verified wherever it lies.
    """
    edits = study.inputs.edits
    if edits is None or not (folder / edits.path.name).is_file():
        return None

    def at(path: Path) -> Study:
        moved = edits.model_copy(update={"path": path})
        changed = study.model_copy(update={"inputs": study.inputs.model_copy(update={"edits": moved})})
        changed._file = study.file
        return changed

    return at(Path(edits.path.name)), at(folder / edits.path.name)


def write_configuration(folder: Path, study: Study) -> None:
    """The resolved study with all configuration it names, so that the folder can be run and verified again."""
    text = yaml.safe_dump(study.model_dump(mode="json", exclude_none=True), allow_unicode=True, sort_keys=False)
    (folder / "study.yaml").write_text(text, encoding="utf-8")
    (folder / "rules").mkdir(exist_ok=True)
    for kind, name in config_parts(study):
        (folder / kind).mkdir(exist_ok=True)
        (folder / kind / f"{name}.yaml").write_text(config_text(study, kind, name), encoding="utf-8")


def _replace(folder: Path, target: Path) -> None:
    """Put the new folder in place of the old in two renames."""
    if target.exists():
        old = folder.parent / "old"
        target.rename(old)
        folder.rename(target)
        shutil.rmtree(old)
    else:
        folder.rename(target)
