"""Where the input files of a study are now: `verify --inputs FOLDER` finds them by name, also in sub-folders."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from service.manifest import input_sha256
from service.study import Study


def moved_study(study: Study, inputs: Path, stated_sha256: Mapping[str, str]) -> tuple[Study, tuple[str, ...]]:
    """The study with its input files taken from a folder, and a note on every file whose name occurs there twice.

    `stated_sha256` are the manifest's hashes by role: among files of one name, the one the result was made from is
    taken, else the one whose folders match best. A file that is not there keeps a path at which it is missing.
    """
    moved, notes, found = {}, [], {}
    for role, source in study.inputs.named():
        if source.path.parent == study.folder and source.path.is_file():  # edits that the result itself keeps
            moved[role] = source
            continue
        asked = (source.path, stated_sha256.get(role, ""))
        if asked not in found:
            found[asked], note = _located(source.path, inputs, asked[1])
            notes += [note] if note else []
        moved[role] = source.model_copy(update={"path": found[asked]})
    exclusions = tuple(moved[f"exclusions.{e.name}"] for e in study.inputs.exclusions)
    points = tuple(moved[f"points_of_interest.{p.name}"] for p in study.inputs.points_of_interest)
    others = tuple(moved[f"generators.{g.name}"] for g in study.inputs.generators)
    single = {role: source for role, source in moved.items() if "." not in role}
    inputs_now = study.inputs.model_copy(update={**single, "exclusions": exclusions, "points_of_interest": points,
                                                 "generators": others})
    changed = study.model_copy(update={"inputs": inputs_now})
    changed._file = study.file
    return changed, tuple(notes)


def _located(path: Path, inputs: Path, sha256: str) -> tuple[Path, str | None]:
    """The file of a folder that stands for a path, and a note where several could."""
    same_name = sorted(p for p in inputs.rglob(path.name) if p.is_file())
    if not same_name:
        return (inputs / path.name).resolve(), None
    if len(same_name) == 1:
        return same_name[0].resolve(), None
    right = [p for p in same_name if input_sha256(p) == sha256]
    taken = max(right or same_name, key=lambda p: (_shared_tail(p, path), -len(p.parts)))
    names = ", ".join(p.relative_to(inputs).as_posix() for p in same_name)
    why = ("which has the content the result was made from" if right
           else "whose folders are most like the study's; the result was made from none of them")
    return taken.resolve(), (f"--inputs: {len(same_name)} files are called {path.name} ({names}); "
                             f"took {taken.relative_to(inputs).as_posix()}, {why}")


def _shared_tail(one: Path, two: Path) -> int:
    """How many names at the end of two paths are the same."""
    count = 0
    for a, b in zip(reversed(one.parts), reversed(two.parts), strict=False):
        if a != b:
            break
        count += 1
    return count
