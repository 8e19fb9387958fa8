"""A finished outcome -> the result folder: whole or not at all, manifest last."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import yaml

from geodata.tables import DataError, fault
from optimizer.accounts import books
from optimizer.bound import Bound, Multipliers
from service.certificate import write_certificate
from service.geopackage import write_geopackage
from service.lookup import config_text
from service.manifest import read_manifest, write_manifest
from service.messages import STUDY_MESSAGES
from service.plan_document import estimates, plan_document
from service.plan_json import PlanJson, write_plan_json
from service.publish_layers import STREETS, layer_titles, layers_of, street_layer, write_layers
from service.report import write_report
from service.result_tables import Outcome
from service.study import Study


def refuse_foreign_folder(target: Path) -> None:
    """DataError when the target holds anything but an older result, which would be replaced."""
    if not target.exists():
        return
    files = {p.relative_to(target).as_posix() for p in target.rglob("*") if not p.is_dir()} if target.is_dir() else {""}
    try:
        older = read_manifest(target)
        ours = {"manifest.json", *older.config, *older.outputs}
    except (OSError, ValueError):
        ours = set()
    if files - ours:
        raise DataError([fault("out_not_a_result", messages=STUDY_MESSAGES, folder=str(target))])


def publish(out: Outcome, multipliers: Multipliers, bound: Bound, target: Path,
            timings_s: dict[str, float]) -> PlanJson:
    """Write the result folder and return its key figures; an older result at the target is replaced."""
    target = target.resolve()
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{target.name}-", dir=target.parent) as temporary:
        folder = Path(temporary) / "result"
        folder.mkdir()
        plan = _write(folder, out, multipliers, bound, timings_s)
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
    write_configuration(folder, study)
    stopped = out.plan.report.hit_time_limit or out.haulage.hit_time_limit
    write_manifest(folder, study, reproducible=not stopped)
    return plan


def write_configuration(folder: Path, study: Study) -> None:
    """The resolved study with the network and the rules it names, so that the folder can be run and verified again."""
    text = yaml.safe_dump(study.model_dump(mode="json", exclude_none=True), allow_unicode=True, sort_keys=False)
    (folder / "study.yaml").write_text(text, encoding="utf-8")
    for kind, names in (("networks", (study.network,)), ("rules", study.rules)):
        (folder / kind).mkdir(exist_ok=True)
        for name in names:
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
