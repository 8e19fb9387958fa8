"""manifest.json: what a result was made from and of, as sha256 of every input, configuration and output file."""

from __future__ import annotations

import hashlib
import json
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from service.study import Study

LIBRARIES = ("numpy", "scipy", "shapely", "pyproj", "geopandas", "pyogrio", "ortools")
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class InputFile(BaseModel):
    """One input file by its role in the study."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    role: str
    file: str
    sha256: Sha256


class Manifest(BaseModel):
    """The whole of manifest.json."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[1] = 1
    study: str
    inputs: tuple[InputFile, ...]
    config: dict[str, Sha256]
    """study.yaml, networks and rules of the folder."""
    outputs: dict[str, Sha256]
    seed: int
    reproducible: bool
    """False where a time limit cut a search short."""
    versions: dict[str, str]


def sha256_of(path: Path) -> str:
    """The sha256 of a file, hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def input_files(study: Study) -> tuple[InputFile, ...]:
    """Every input of a study with its hash; OSError where a file is missing."""
    return tuple(InputFile(role=name, file=source.path.name, sha256=sha256_of(source.path))
                 for name, source in study.inputs.named())


def write_manifest(folder: Path, study: Study, *, reproducible: bool) -> None:
    """Hash everything in the folder and write the manifest last."""
    files = sorted(p for p in folder.rglob("*") if p.is_file() and p.name != "manifest.json")
    names = {p.relative_to(folder).as_posix(): sha256_of(p) for p in files}
    config = {n: h for n, h in names.items() if n.endswith(".yaml")}
    manifest = Manifest(
        study=study.study, inputs=input_files(study), config=config,
        outputs={n: h for n, h in names.items() if n not in config}, seed=study.solve.seed, reproducible=reproducible,
        versions={"recynet": version("recynet"), "python": platform.python_version(),
                  **{name: version(name) for name in LIBRARIES}})
    text = json.dumps(manifest.model_dump(mode="json"), indent=1, ensure_ascii=False)
    (folder / "manifest.json").write_text(text + "\n", encoding="utf-8")


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a result; OSError when unreadable, pydantic ValidationError when malformed."""
    return Manifest.model_validate_json((folder / "manifest.json").read_bytes())
