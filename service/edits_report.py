"""What edits_report.json holds: the plan before and after, what every edit costs, which sites changed."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from service.edits import Edit

Change = Literal["opened", "closed", "resized"]
Method = Literal["the_whole_change", "nothing_to_change", "repaired_alone", "impossible_alone", "not_computed"]
REPORT_FILE = "edits_report.json"


class _Row(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class PlanFigures(_Row):
    """What a plan costs and how far it can be from the best."""

    objective_cny_per_year: float
    bound_cny_per_year: float | None
    gap_share: float | None
    routed_cost_cny_per_year: float | None


class OldPlanFigures(PlanFigures):
    """The plan that was edited."""

    study: str
    folder: str
    manifest_sha256: str
    """sha256 of its manifest.json, which holds the hashes of all its files."""
    first_solve_s: float | None
    """Siting, routing and publishing of that plan, s, where it says so."""


class EditRow(_Row):
    """One edit and its cost."""

    edit_id: str
    edit: str
    site_id: str | None
    tier_ids: tuple[str, ...]
    size_id: str | None
    note: str | None
    is_new: bool
    """False for edits of the earlier plan, which hold on."""
    alone_cny_per_year: float | None
    """Cost against the old plan with no other new edit; below 0 it saves money."""
    method: Method | Literal["of_the_earlier_plan"]


class SiteChange(_Row):
    """A site that opens, closes or changes its size."""

    tier_id: str
    site_id: str
    change: Change
    size_before_id: str | None
    size_after_id: str | None
    is_edited: bool
    in_surroundings: bool
    """In the zone of an edited site, or among the sites it feeds."""


class EditsReport(_Row):
    """The whole of edits_report.json."""

    schema_version: Literal[1] = 1
    before: OldPlanFigures
    after: PlanFigures
    total_cny_per_year: float
    """Objective after less before, all edits together."""
    interaction_cny_per_year: float | None
    """Total less the sum of each alone: edits that help or hinder one another, and the harder search for the whole."""
    edits: tuple[EditRow, ...]
    superseded_edit_ids: tuple[str, ...]
    """Edits of the earlier plan that a new edit of the same site replaces."""
    sites: tuple[SiteChange, ...]
    went_outside: bool
    """Whether sites outside the surroundings changed, which must save more than the old plan's gap."""
    adapted_station_ids: tuple[str, ...]
    """Stations whose old trips took over small changes of points and loads."""
    rerouted_station_ids: tuple[str, ...]
    """Stations routed anew; the tours of all others are those of the old plan."""
    seconds: dict[str, float]
    """By phase, up to publishing, s; `siting` is the solve itself."""


def site_of_edit(edit: Edit) -> str | None:
    """The site an edit speaks of, if it speaks of one."""
    return edit.site_id or (edit.added_site_id if edit.kind == "add" else None)
