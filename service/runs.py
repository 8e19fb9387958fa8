"""Run folders as a store: which results there are, their plan, their layers. Reading only; imports nothing heavy."""

from __future__ import annotations

import re
import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from optimizer.network import Title
from service.layer_index import LayerIndex, read_head
from service.layer_schema import LayerSchema, guessed_schema, load_schema
from service.plan_json import PlanJson, read_plan_json
from service.texts import Texts

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}")
"""Names of runs and layers: no dot and no slash, so a name is never a path."""
DOWNLOADS: Mapping[str, str] = {
    "plan.json": "application/json", "plan.gpkg": "application/geopackage+sqlite3", "manifest.json": "application/json",
    "certificate.json": "application/json", "certificate.npz": "application/octet-stream",
    "study.yaml": "application/yaml",
}
CACHED_LAYERS = 48


class NotFoundError(LookupError):
    """There is no such run, layer, feature, file, study or job."""


class UnreadableRunError(ValueError):
    """A run folder whose plan.json does not conform."""


@dataclass(frozen=True)
class Run:
    """One result folder."""

    name: str
    folder: Path
    plan: PlanJson

    def layer_names(self) -> tuple[str, ...]:
        """Layers in the order people read them: tiers, then the others by name."""
        found = {p.stem for p in (self.folder / "layers").glob("*.geojson") if NAME.fullmatch(p.stem)}
        tiers = [t.id for t in self.plan.tiers if t.id in found]
        return (*tiers, *sorted(found - set(tiers)))

    def layer_path(self, layer: str) -> Path:
        """The GeoJSON file of a layer; NotFoundError when there is none."""
        path = self.folder / "layers" / f"{layer}.geojson"
        if not NAME.fullmatch(layer) or not path.is_file():
            raise NotFoundError(f"run '{self.name}' has no layer '{layer}'")
        return path

    def download(self, name: str) -> Path:
        """One of the files of DOWNLOADS or report.html; NotFoundError for any other or a missing one."""
        if (name not in DOWNLOADS and name != "report.html") or not (self.folder / name).is_file():
            raise NotFoundError(f"run '{self.name}' has no file '{name}'")
        return self.folder / name

    def layer_title(self, layer: str, texts: Texts) -> Title:
        """The tier's own title, else the catalogue's."""
        return next((t.title for t in self.plan.tiers if t.id == layer), None) or texts.layer(layer)


class RunStore:
    """All result folders below one data folder; what was read is kept until its file changes."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self._lock = threading.Lock()
        self._plans: dict[Path, tuple[tuple[int, int], PlanJson]] = {}
        self._schemas: dict[Path, tuple[tuple[int, int], LayerSchema]] = {}
        self._layers: OrderedDict[Path, tuple[tuple[int, int], LayerIndex]] = OrderedDict()

    def names(self) -> list[str]:
        """Names of all folders that hold a plan.json, sorted."""
        if not self.data.is_dir():
            return []
        return sorted(p.name for p in self.data.iterdir() if NAME.fullmatch(p.name) and (p / "plan.json").is_file())

    def runs(self) -> tuple[list[Run], list[str]]:
        """Every readable run, and the names of those whose plan.json does not conform."""
        good: list[Run] = []
        bad: list[str] = []
        for name in self.names():
            try:
                good.append(self.run(name))
            except UnreadableRunError:
                bad.append(name)
        return good, bad

    def run(self, name: str) -> Run:
        """The run of that name; NotFoundError when there is none, UnreadableRunError when its plan does not conform."""
        path = self.data / name / "plan.json"
        if not NAME.fullmatch(name) or not path.is_file():
            raise NotFoundError(f"there is no run '{name}'")
        stamp = file_stamp(path)
        with self._lock:
            kept = self._plans.get(path)
        if kept is None or kept[0] != stamp:
            try:
                kept = (stamp, read_plan_json(path))
            except ValidationError as error:
                raise UnreadableRunError(f"plan.json of run '{name}' does not conform: {_summary(error)}") from error
            with self._lock:
                self._plans[path] = kept
        return Run(name, path.parent, kept[1])

    def split_collection(self, collection: str) -> tuple[Run, str]:
        """The run and layer of a collection id <run>__<layer>; NotFoundError when there is none."""
        for found in re.finditer("(?=__)", collection):
            name, layer = collection[:found.start()], collection[found.start() + 2:]
            if NAME.fullmatch(name) and NAME.fullmatch(layer) and (self.data / name / "plan.json").is_file():
                run = self.run(name)
                if (run.folder / "layers" / f"{layer}.geojson").is_file():
                    return run, layer
        raise NotFoundError(f"there is no collection '{collection}'")

    def layer(self, run: Run, layer: str) -> LayerIndex:
        """The features of a layer, indexed once per version of its file."""
        path = run.layer_path(layer)
        stamp = file_stamp(path)
        with self._lock:
            kept = self._layers.get(path)
            if kept is not None and kept[0] == stamp:
                self._layers.move_to_end(path)
                return kept[1]
        index = LayerIndex(path)
        with self._lock:
            self._layers[path] = (stamp, index)
            while len(self._layers) > CACHED_LAYERS:
                self._layers.popitem(last=False)
        return index

    def layer_bbox(self, run: Run, layer: str) -> list[float] | None:
        """Extent of a layer in degrees, from the head of its file where it stands there."""
        head = read_head(run.layer_path(layer))
        return head.bbox if head is not None else self.layer(run, layer).head.bbox

    def schema(self, run: Run, layer: str) -> LayerSchema:
        """The stored schema of a layer, or one guessed from all of its features."""
        path = run.layer_path(layer)
        stamp = file_stamp(path)
        with self._lock:
            kept = self._schemas.get(path)
        if kept is not None and kept[0] == stamp:
            return kept[1]
        schema = load_schema(layer, [t.id for t in run.plan.tiers])
        if schema is None:
            index = self.layer(run, layer)
            title = Title(zh=index.head.title or layer, en=index.head.title or layer)
            schema = guessed_schema(layer, title, index.geometry_kind, index.kinds())
        with self._lock:
            self._schemas[path] = (stamp, schema)
        return schema


def file_stamp(path: Path) -> tuple[int, int]:
    """Version of a file: time of its last change in nanoseconds, and its size."""
    status = path.stat()
    return status.st_mtime_ns, status.st_size


def _summary(error: ValidationError) -> str:
    first = error.errors()[0]
    return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
