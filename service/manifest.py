"""manifest.json: what a result was made from and of, as sha256 of every input, configuration and output file.

It is written last and seals the folder: it holds a hash of every other file and one of itself, so that an edit of any
file, the manifest included, shows. Who changes a file and all hashes with it is answered by service/verify.py.
"""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Mapping
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from service.study import Study

MANIFEST = "manifest.json"
CONFIG_KINDS = ("networks", "rules", "vehicle_classes", "demand")
LIBRARIES = ("numpy", "scipy", "shapely", "pyproj", "geopandas", "pyogrio", "ortools")
_RASTER = ("{stem}.tfw", "{stem}.tifw", "{stem}.wld", "{name}.aux.xml", "{name}.msk", "{name}.ovr")
COMPANIONS = {".shp": ("{stem}.shx", "{stem}.dbf", "{stem}.prj", "{stem}.cpg"), ".tif": _RASTER, ".tiff": _RASTER}
"""Files that belong to an input by its suffix and are read with it, in any case of letters: a shapefile keeps its
attributes in the .dbf, a raster may have its place, its mask and its system beside it."""
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
ConfigSource = Literal["packaged", "own"]


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
    config_sources: dict[str, ConfigSource] = Field(default_factory=dict)
    """Where each network and rule came from: `packaged` with the program, or the study's `own`."""
    outputs: dict[str, Sha256]
    seed: int
    reproducible: bool
    """False where a time limit cut a search short."""
    versions: dict[str, str]
    content_sha256: Sha256 | None = None
    """Hash of everything else in this document (see content_sha256)."""


def sha256_of(path: Path) -> str:
    """The sha256 of a file, hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def input_sha256(path: Path) -> str:
    """The sha256 of an input, hexadecimal: of the file, or of it and the names and hashes of its companions."""
    own, beside = sha256_of(path), companions_of(path)
    if not beside:
        return own
    lines = [own, *(f"{name} {sha256_of(companion)}" for name, companion in beside)]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def companions_of(path: Path) -> tuple[tuple[str, Path], ...]:
    """The files that are read with an input, each with what it adds to the input's name (`.dbf`, `.aux.xml` ...)."""
    forms = COMPANIONS.get(path.suffix.lower(), ())
    there = {other.name.casefold(): other for other in path.parent.iterdir()} if forms else {}
    found = [(form.partition("}")[2], there.get(form.format(stem=path.stem, name=path.name).casefold()))
             for form in forms]
    return tuple((added, other) for added, other in found if other is not None and other.is_file())


def content_sha256(document: Mapping[str, Any]) -> str:
    """The sha256 of a manifest's content without its own hash: keys sorted, no blanks, UTF-8."""
    content = {name: value for name, value in document.items() if name != "content_sha256"}
    text = json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def packaged_config(name: str) -> str | None:
    """The packaged text of a network or rule such as `rules/x.yaml`; None where the program has none of that name."""
    kind, _, file = name.partition("/")
    packaged = files("configs") / kind / file
    return packaged.read_text(encoding="utf-8") if kind in CONFIG_KINDS and packaged.is_file() else None


def config_source(folder: Path, name: str) -> ConfigSource:
    """Whether a network or rule of a result folder is, to the letter, the one packaged with the program."""
    return "packaged" if (folder / name).read_text(encoding="utf-8") == packaged_config(name) else "own"


def input_files(study: Study) -> tuple[InputFile, ...]:
    """Every input of a study with its hash; OSError where a file is missing."""
    named = study.inputs.named()
    digest = {path: input_sha256(path) for path in {source.path for _, source in named}}
    return tuple(InputFile(role=name, file=source.path.name, sha256=digest[source.path]) for name, source in named)


def write_manifest(folder: Path, study: Study, *, reproducible: bool) -> None:
    """Hash everything in the folder and write the manifest last."""
    paths = sorted(p for p in folder.rglob("*") if p.is_file() and p.name != MANIFEST)
    names = {p.relative_to(folder).as_posix(): sha256_of(p) for p in paths}
    config = {n: h for n, h in names.items() if n.endswith(".yaml")}
    manifest = Manifest(
        study=study.study, inputs=input_files(study), config=config,
        config_sources={n: config_source(folder, n) for n in config if "/" in n},
        outputs={n: h for n, h in names.items() if n not in config}, seed=study.solve.seed, reproducible=reproducible,
        versions={"recynet": version("recynet"), "python": platform.python_version(),
                  **{name: version(name) for name in LIBRARIES}})
    document = manifest.model_dump(mode="json")
    document["content_sha256"] = content_sha256(document)
    text = json.dumps(document, indent=1, ensure_ascii=False)
    (folder / MANIFEST).write_text(text + "\n", encoding="utf-8")


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a result; OSError when unreadable, pydantic ValidationError when malformed."""
    return Manifest.model_validate_json((folder / MANIFEST).read_bytes())
