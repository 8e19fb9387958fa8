"""The hashes of a result folder: whether every file, and the manifest itself, is as it was written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from service.compare_folder import diff
from service.edits_report import REPORT_FILE
from service.lookup import config_parts
from service.manifest import MANIFEST, InputFile, Manifest, content_sha256, sha256_of
from service.study import Study
from service.verify_finding import Finding
from service.verify_unchecked import is_unchecked

FILES = ("plan.json", "plan.gpkg", "report.html", "certificate.json", "certificate.npz")
"""What every result holds beside its layers, study, network and rules."""


def seal_findings(folder: Path, study: Study, manifest: Manifest, document: Mapping[str, Any],
                  inputs: Sequence[InputFile]) -> list[Finding]:
    """Every file that is not what the manifest says, and every field of the manifest that cannot be.

    `document` is manifest.json as it stands, `inputs` are the study's with the hashes they have now.
    """
    return [*_of_inputs(study, manifest, inputs), *_of_files(folder, manifest),
            *_of_manifest(study, manifest, document), *_of_names(folder, study, manifest)]


def seal_notes(folder: Path, study: Study, manifest: Manifest) -> tuple[str, ...]:
    """Files of a folder that verify knows nothing of."""
    named = {MANIFEST, *manifest.config, *manifest.outputs}
    kept = {source.path.name for _, source in study.inputs.named() if source.path.parent == folder.resolve()}
    known = {*FILES, MANIFEST, REPORT_FILE, *config_names(study), *kept}
    there = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
    strange = sorted(n for n in (there | named) - known if not n.startswith("layers/") and not is_unchecked(n, ""))
    return tuple(f"{name}: " + ("only its hash was compared" if name in named else "is no part of the result")
                 + ", nothing in it was checked" for name in strange)


def config_names(study: Study) -> tuple[str, ...]:
    """The configuration files of a study's result folder."""
    return ("study.yaml", *(f"{kind}/{name}.yaml" for kind, name in config_parts(study)))


def _of_inputs(study: Study, manifest: Manifest, inputs: Sequence[InputFile]) -> Iterator[Finding]:
    stated = {entry.role: entry for entry in manifest.inputs}
    for (_, source), now in zip(study.inputs.named(), inputs, strict=True):
        entry = stated.pop(now.role, None)
        if entry is None or entry.sha256 != now.sha256:
            yield Finding("input_changed", now.role, f"{source.path.name} is not the file the result was made from")
        elif entry.file != now.file:
            yield Finding("differs", f"{MANIFEST} inputs {now.role}", f"says {entry.file!r}, study.yaml {now.file!r}")
    for role in stated:
        yield Finding("differs", f"{MANIFEST} inputs {role}", "study.yaml has no such input")
    if len({entry.role for entry in manifest.inputs}) != len(manifest.inputs):
        yield Finding("differs", f"{MANIFEST} inputs", "a role is there twice")


def _of_files(folder: Path, manifest: Manifest) -> Iterator[Finding]:
    for name, digest in {**manifest.config, **manifest.outputs}.items():
        path = folder / name
        if ".." in PurePosixPath(name).parts or PurePosixPath(name).is_absolute():
            yield Finding("file_missing", name, "named in the manifest, but no file of the folder")
        elif not path.is_file():
            yield Finding("file_missing", name, "named in the manifest, not in the folder")
        elif sha256_of(path) != digest:
            yield Finding("file_changed", name, "differs from the manifest's sha256")


def _of_manifest(study: Study, manifest: Manifest, document: Mapping[str, Any]) -> Iterator[Finding]:
    if manifest.content_sha256 is None:
        yield Finding("manifest_unsealed", MANIFEST, "has no hash of its own content (an older version wrote none)")
    elif content_sha256(document) != manifest.content_sha256:
        yield Finding("manifest_changed", MANIFEST, "was edited: its content_sha256 is that of another content")
    for name, said, meant in (("study", manifest.study, study.study), ("seed", manifest.seed, study.solve.seed)):
        if said != meant:
            yield Finding("differs", f"{MANIFEST} {name}", f"says {said!r}, study.yaml {meant!r}")
    # a text that only converts to what the field holds is another content
    for where, text in diff(dict(document), manifest.model_dump(mode="json"), "", "read as"):
        if not is_unchecked(MANIFEST, where):
            yield Finding("differs", f"{MANIFEST} {where}", text)


def _of_names(folder: Path, study: Study, manifest: Manifest) -> Iterator[Finding]:
    """Files every result has that the manifest does not name, and configuration that would be read before its own."""
    wanted = config_names(study)
    for name in wanted:
        if name not in manifest.config:
            yield Finding("differs", f"{MANIFEST} config", f"does not name {name}")
    layers = [f"layers/{p.name}" for p in sorted((folder / "layers").glob("*"))]
    for name in (*FILES, *layers):
        if name not in manifest.outputs:
            yield Finding("differs", f"{MANIFEST} outputs", f"does not name {name}")
    here = {p.relative_to(folder).as_posix() for p in folder.rglob("*.yaml")} | manifest.config.keys()
    for name in sorted(here - set(wanted)):
        yield Finding("differs", name, "does not belong here: no part of the study's configuration")
