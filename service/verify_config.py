"""Network and rules of a result folder against those the program, or the study's own folder, has under their names.

A result is judged by the network and the rules in its folder, as a study may bring its own. So that nobody mistakes a
changed copy for the original, every difference is said.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from geodata.tables import DataError
from service.compare_folder import diff
from service.lookup import CONFIGS_VARIABLE
from service.manifest import Manifest, packaged_config
from service.study import Study
from service.verify_finding import Finding
from service.verify_seal import config_names
from service.yaml_files import read_yaml

SHOWN = 3
"""Differences written out; the rest is counted."""


def config_answers(folder: Path, study: Study, manifest: Manifest, beside: Sequence[Path],
                   *, same_program: bool) -> tuple[list[Finding], tuple[str, ...]]:
    """Faults and notes on the network and the rules of a folder.

    `beside` are folders in which the study's own may lie. Without `same_program` the packaged files may rightly have
    changed since, and a difference is no fault.
    """
    findings: list[Finding] = []
    notes: list[str] = []
    for name in config_names(study)[1:]:
        text = (folder / name).read_text(encoding="utf-8")
        packaged = packaged_config(name)
        source = manifest.config_sources.get(name)
        if source is None or (source == "own" and text == packaged and same_program):
            findings.append(Finding("differs", f"manifest.json config_sources {name}",
                                    f"says {source or 'nothing'}, but it is the packaged one" if text == packaged else
                                    "does not say where it came from"))
        elif source == "packaged" and packaged is None and same_program:
            findings.append(Finding("config_changed", name, "the manifest calls it packaged; the program has no such"))
        elif source == "packaged" and text != packaged and packaged is not None and same_program:
            differences = _differences(text, packaged, "packaged") or "in remarks only"
            findings.append(Finding("config_changed", name, f"the manifest calls it packaged, but: {differences}"))
        note = None if text == packaged else _note(name, text, packaged, beside)
        notes += [note] if note else []
    extra = sorted(manifest.config_sources.keys() - set(config_names(study)[1:]))
    findings += [Finding("differs", "manifest.json config_sources", f"names {name}") for name in extra]
    return findings, tuple(notes)


def _note(name: str, text: str, packaged: str | None, beside: Sequence[Path]) -> str | None:
    """What to say of a network or rule that is not, to the letter, the packaged one."""
    kinds = {"networks": "network", "rules": "rule", "demand": "rates of demand"}
    kind = kinds.get(name.partition("/")[0], "vehicle classes")
    title = f"{kind} {Path(name).stem}"
    others = [(str(path), path.read_text(encoding="utf-8")) for path in _elsewhere(name, beside)]
    if packaged is not None:
        others.append(("the packaged one", packaged))
    if not others:
        return (f"{title}: no copy was found to compare it with; it is taken as it stands in the folder "
                f"(name its folder with --inputs)")
    told = [(where, _differences(text, other, "there")) for where, other in others]
    if packaged is None and any(not found for _, found in told):
        return None
    return "; ".join(f"{title} differs from {where}: {found}" for where, found in told if found) or None


def _elsewhere(name: str, beside: Sequence[Path]) -> Iterator[Path]:
    roots = [*beside, *([Path(os.environ[CONFIGS_VARIABLE])] if os.environ.get(CONFIGS_VARIABLE) else [])]
    for path in dict.fromkeys(p for root in roots for p in (root / name, root / Path(name).name)):
        if path.is_file():
            yield path


def _differences(text: str, other: str, called: str) -> str:
    """Where two YAML files differ in content, the first few written out; empty where they do not."""
    try:
        found = list(islice(diff(_content(text), _content(other), "", called), 1000))
    except DataError as error:
        return " ".join(str(error).split())
    shown = "; ".join(f"{where.removeprefix('.')} {what}" for where, what in found[:SHOWN])
    return shown + (f"; and {len(found) - SHOWN} more" if len(found) > SHOWN else "")


def _content(text: str) -> dict[str, Any]:
    return read_yaml(text, "yaml")
