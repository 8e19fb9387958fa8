"""The studies a server can run: those bundled with the package and those stored below its data folder."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Literal

import yaml

from optimizer.network import Title
from service.runs import NotFoundError

NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
MOST_BYTES = 1_000_000
OPEN_SECTIONS = ("access", "budget_cny", "candidates", "forbidden", "required", "rules", "routing", "screening",
                 "setting", "solve", "year")
"""What an override sent over HTTP may change; never the inputs, whose paths are the owner's own."""


@dataclass(frozen=True)
class StudyEntry:
    """One study file."""

    name: str
    path: Path
    origin: Literal["bundled", "stored"]

    def title(self) -> Title:
        """The study's own title, or its name when the file does not give a readable one."""
        try:
            if self.path.stat().st_size <= MOST_BYTES:
                return Title.model_validate(yaml.safe_load(self.path.read_bytes())["title"])
        except (OSError, yaml.YAMLError, ValueError, KeyError, TypeError):
            return Title(zh=self.name, en=self.name)  # running it will list the faults
        return Title(zh=self.name, en=self.name)


def list_studies(data: Path) -> list[StudyEntry]:
    """Bundled studies, then <data>/studies/<name>.yaml or <name>/study.yaml; a stored one hides a bundled one."""
    bundled = Path(str(files("configs") / "studies"))
    found = {entry.name: entry for entry in (*_in(bundled, "bundled"), *_in(data / "studies", "stored"))}
    return sorted(found.values(), key=lambda entry: entry.name)


def find_study(data: Path, name: str) -> StudyEntry:
    """The study of that name; NotFoundError when there is none."""
    for entry in list_studies(data):
        if entry.name == name:
            return entry
    raise NotFoundError(f"there is no study '{name}'")


def study_faults(path: Path, overrides: Sequence[str]) -> list[str]:
    """One line per fault of a study file with overrides, empty when it can be run.

    The checks need the geodata room, which is imported here, at the first run that is asked for, not at start-up.
    """
    from geodata.tables import DataError
    from service.lookup import load_network, load_rules
    from service.study import load_study

    try:
        study = load_study(path, overrides)
        load_network(study)
        load_rules(study)
    except DataError as error:
        return [fault.line() for fault in error.faults]
    return []


def _in(folder: Path, origin: Literal["bundled", "stored"]) -> list[StudyEntry]:
    if not folder.is_dir():
        return []
    paths = {p.stem: p for p in folder.glob("*.yaml")} | {p.parent.name: p for p in folder.glob("*/study.yaml")}
    return [StudyEntry(name, path, origin) for name, path in sorted(paths.items()) if NAME.fullmatch(name)]
