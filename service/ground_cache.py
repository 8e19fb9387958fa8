"""What is slow to measure of a study's ground, kept beside its result: parts, walks and drives.

The file is a convenience of `recynet resolve` alone. It is keyed by the inputs, the configuration and the code that
measures; `recynet verify` never reads it, and deleting it costs nothing but time.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from importlib.resources import files
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from geodata.driver import Ways
from geodata.ground import Ground, Measured
from geodata.parts import Parts
from geodata.roads import Snap
from geodata.walks import WalkArcs
from service.cache_folder import CACHE_FOLDER, GROUND_FILE
from service.lookup import config_parts, config_text
from service.manifest import input_sha256
from service.study import Study

_WAYS = ("loaded_m", "loaded_s", "empty_m", "empty_s")
_SNAP = ("edge", "along_m", "distance_m")


def ground_key(study: Study) -> str:
    """A digest of everything the unedited ground of a study depends on."""
    asked = study.model_dump(mode="json", exclude={"solve", "routing", "title", "attribution"})
    sources = {name: input_sha256(source.path) for name, source in study.inputs.named() if name != "edits"}
    asked["inputs"] = {name: {**source.model_dump(mode="json", exclude={"path"})}
                       for name, source in study.inputs.named() if name != "edits"}
    texts = [config_text(study, kind, name) for kind, name in config_parts(study)]
    code = [path.read_bytes() for path in sorted(Path(str(files("geodata"))).rglob("*.py"))]
    digest = hashlib.sha256(json.dumps([asked, sources, texts], sort_keys=True).encode())
    for piece in code:
        digest.update(piece)
    return digest.hexdigest()


def write_ground_cache(folder: Path, study: Study, ground: Ground) -> None:
    """Keep what was measured of an unedited ground in a result folder."""
    parts, walks = ground.parts, ground.walks
    arrays: dict[str, np.ndarray] = {
        "key": np.array(ground_key(study)), "part_ids": np.array(parts.ids), "part_community": parts.community,
        "part_share": parts.share, "part_xy": parts.xy, "part_of": parts.part_of,
        **{f"standing_{name}": getattr(parts.standing, name) for name in _SNAP},
        "walk_part": walks.part, "walk_site": walks.site, "walk_m": walks.distance_m}
    for leg, ways in enumerate(ground.ways):
        arrays |= {f"way_{leg}_{name}": getattr(ways, name) for name in _WAYS}
    (folder / CACHE_FOLDER).mkdir(exist_ok=True)
    np.savez(folder / CACHE_FOLDER / GROUND_FILE, allow_pickle=False, **arrays)


def read_ground_cache(folder: Path, study: Study) -> Measured | None:
    """What was measured, or None where there is no file, or one of other inputs, configuration or code."""
    path = folder / CACHE_FOLDER / GROUND_FILE
    if not path.is_file():
        return None
    try:
        with np.load(path, allow_pickle=False) as stored:
            if str(stored["key"]) != ground_key(study):
                return None
            legs = sum(name.startswith("way_") for name in stored.files) // len(_WAYS)
            parts = Parts(tuple(str(i) for i in stored["part_ids"]), stored["part_community"], stored["part_share"],
                          stored["part_xy"], Snap(*(stored[f"standing_{name}"] for name in _SNAP)), stored["part_of"])
            walks = WalkArcs(stored["walk_part"], stored["walk_site"], stored["walk_m"])
            ways = tuple(Ways(*(stored[f"way_{leg}_{name}"] for name in _WAYS)) for leg in range(legs))
    except (OSError, EOFError, KeyError, ValueError, BadZipFile, zlib.error):
        return None  # a broken cache is no cache
    return Measured(parts, walks, ways)
