"""The fields of a result that verify cannot recompute, each with the reason: the whole list, and nothing else.

An edit of one of them still shows, as it breaks the hashes of the manifest; it is only believed when every hash was
made again with it. docs/verify.md explains the list, the tests of tampering hold verify to it.
"""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase


@dataclass(frozen=True)
class Unchecked:
    """Fields of a file by a pattern of their place, and why their value cannot be known."""

    file: str
    place: str
    reason: str


COSMETIC = (
    Unchecked("plan.json", ".timings_s.*", "what a clock showed; nothing depends on it"),
    Unchecked("manifest.json", ".versions.*", "which programs were at work; says nothing of the plan"),
    Unchecked("manifest.json", ".reproducible", "whether a time limit cut a search short: only the search knows"),
    Unchecked("plan.gpkg", "*.last_change", "when the file was written"),
    Unchecked("plan.gpkg", "*.update_time", "when the file was written"),
    Unchecked("plan.gpkg", "*.timestamp", "when the file was written"),
    Unchecked("cache/*", "*", "spares `resolve` time; verify never reads it, and checks what is made with it"),
)
"""Fields nobody decides by: never compared."""

OF_THE_PLAN_BEFORE = (
    Unchecked("edits_report.json", ".before.*", "the plan that was edited; its folder is known by its manifest's hash"),
    Unchecked("edits_report.json", ".edits*.alone_cny_per_year", "needs the plan before; the sum is checked"),
    Unchecked("edits_report.json", ".edits*.method", "how that was found"),
    Unchecked("edits_report.json", ".edits*.is_new", "needs the edits of the plan before"),
    Unchecked("edits_report.json", ".superseded_edit_ids*", "needs the edits of the plan before"),
    Unchecked("edits_report.json", ".sites*", "which changed: the plan before; as what they stand now is checked"),
    Unchecked("edits_report.json", ".went_outside", "needs the plan before"),
    Unchecked("edits_report.json", ".adapted_station_ids*", "needs the tours of the plan before"),
    Unchecked("edits_report.json", ".rerouted_station_ids*", "needs the tours of the plan before"),
    Unchecked("edits_report.json", ".seconds.*", "what a clock showed"),
)
"""What an edited plan says of the one before, for which that folder must be asked."""

BY_EFFECT = (
    Unchecked("study.yaml", ".solve.*", "how long was searched, which is not repeated; its seed is the manifest's"),
    Unchecked("study.yaml", ".routing.*", "how long was searched, which is not repeated"),
    Unchecked("study.yaml", ".screening.*", "a threshold between two parcels screens the same land"),
    Unchecked("study.yaml", ".candidates.*", "two spacings can make the same candidates"),
    Unchecked("study.yaml", ".inputs.*", "how a file is read, where the same tables come of it"),
    Unchecked("study.yaml", ".streets.*", "what changes no drive, such as seconds at lights where there are none"),
    Unchecked("study.yaml", ".demand.*", "what changes no person and no tonne, such as a tolerance without totals"),
    Unchecked("study.yaml", ".crs_metric", "`auto` and the code it stands for are the same"),
    Unchecked("study.yaml", ".setting", "chooses among columns of rules; without such rules it chooses nothing"),
    Unchecked("networks/*", "*", "of a network of the study's own: figures that change nothing in the result"),
    Unchecked("rules/*", "*", "of a rule of the study's own: what changes nothing in the result"),
    Unchecked("vehicle_classes/*", "*", "of a table of the study's own: classes and figures that change no drive"),
    Unchecked("demand/*", "*", "of a file of rates of the study's own: kinds and words that nothing here is of"),
    Unchecked("certificate.npz", "*", "other multipliers that prove the same bound prove it as well"),
)
"""Fields that count by what follows from them: another value is accepted where every figure still follows from it."""


def is_unchecked(file: str, place: str) -> bool:
    """Whether a place of a file is one of the cosmetic fields, or speaks of the plan before."""
    return _on_list((*COSMETIC, *OF_THE_PLAN_BEFORE), file, place)


def counts_by_effect(file: str, place: str) -> bool:
    """Whether a place of a file is one of those that are only judged by what follows from them."""
    return _on_list(BY_EFFECT, file, place)


def _on_list(fields: tuple[Unchecked, ...], file: str, place: str) -> bool:
    return any(fnmatchcase(file, field.file) and fnmatchcase(place, field.place) for field in fields)
