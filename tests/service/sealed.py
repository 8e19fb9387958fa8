"""What the hashes of a result folder tell by themselves."""

from __future__ import annotations

from pathlib import Path

from geodata.tables import DataError
from service.compare_folder import read_json
from service.manifest import input_files, read_manifest
from service.study import load_study
from service.verify_seal import seal_findings


def hashes_fit(out: Path) -> bool:
    """What the manifest alone tells; a file that cannot be read is as good as a wrong hash."""
    try:
        study = load_study(out / "study.yaml")
        return not seal_findings(out, study, read_manifest(out), read_json(out / "manifest.json"), input_files(study))
    except (DataError, OSError, ValueError):
        return False
