"""Rules: which clause speaks about which data, and quotas that cannot be met."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError

from optimizer.network import Title
from optimizer.rules import Clause, Quota, Rule, applicable, quota_faults, quotas, tightest

FOLDER = Path(__file__).parents[2] / "configs" / "rules"


def preset(name: str) -> Rule:
    return Rule.model_validate(yaml.safe_load((FOLDER / f"{name}.yaml").read_text(encoding="utf-8")))


def clause(**changes: object) -> Clause:
    return Clause.model_validate(
        {
            "id": "c",
            "kind": "min_sites_per_zone",
            "tier": "station",
            "value": 2,
            "zone_level": "town",
            "title": {"zh": "条", "en": "clause"},
            "source": "here",
            "mark": "A",
            **changes,
        }
    )


def rule(*clauses: Clause) -> Rule:
    return Rule(
        schema_version=1,
        rule="R",
        title=Title(zh="规", en="rule"),
        issued="2024",
        source="here",
        mark="A",
        clauses=clauses,
    )


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.yaml")), ids=lambda p: p.stem)
def test_presets_are_dated_sourced_and_bilingual(path: Path) -> None:
    found = preset(path.stem)
    assert found.rule == path.stem
    assert found.issued
    assert found.source
    assert all(c.title.zh and c.title.en and c.source for c in found.clauses)


def test_the_commerce_standard_on_districts_of_a_city() -> None:
    """Clauses per sub-district or per town are not applied to districts; the rest is."""
    verdicts = {v.clause.id: v.status for v in applicable(preset("SBT_10719_2012"), "district", "urban")}
    assert verdicts == {
        "households_per_point_urban": "applies",
        "households_per_point_town": "not_applicable",
        "point_area": "applies",
        "station_area": "applies",
        "station_per_sub_district": "not_applicable",
        "stations_per_town": "not_applicable",
    }


def test_figures_of_the_presets() -> None:
    figures = {
        name: {c.id: c.value for c in preset(name).clauses}
        for name in ("SBT_10719_2012", "SHANGHAI_2019", "CHENGDU_2022")
    }
    assert figures["SBT_10719_2012"]["households_per_point_urban"] == 2000
    assert figures["SBT_10719_2012"]["station_area"] == 500
    assert figures["SHANGHAI_2019"]["households_per_point_urban"] == 1000
    assert figures["CHENGDU_2022"]["households_per_point_urban"] == 1500


@pytest.mark.parametrize(
    ("level", "setting", "tiers", "status", "word"),
    [
        ("town", "urban", ["station"], "applies", "applied"),
        ("district", "urban", ["station"], "not_applicable", "per town"),
        (None, "urban", ["station"], "not_applicable", "none"),
        ("town", "urban", ["hub"], "not_applicable", "no tier 'station'"),
        ("town", "urban", None, "applies", "applied"),
    ],
)
def test_a_clause_holds_only_for_its_own_zone_level(
    level: str | None, setting: str, tiers: list[str] | None, status: str, word: str
) -> None:
    (verdict,) = applicable(rule(clause()), level, setting, tiers)
    assert verdict.status == status
    assert word in verdict.reason.en
    assert verdict.reason.zh
    assert len(quotas([verdict])) == (1 if status == "applies" else 0)


def test_a_maximum_per_zone_applies_and_is_no_minimum() -> None:
    (verdict,) = applicable(rule(clause(kind="max_sites_per_zone")), "town")
    assert verdict.status == "applies"
    assert quotas([verdict]) == ()


@pytest.mark.parametrize(
    "changes",
    [
        {"kind": "max_count", "zone_level": None},
        {"kind": "spacing_m", "zone_level": None, "value": 300},
        {"kind": "land_cap_m2", "zone_level": None, "tier": "all"},
        {"kind": "land_cap_m2", "zone_level": "town"},
    ],
)
def test_clauses_of_the_whole_network_and_of_land(changes: dict[str, object]) -> None:
    (verdict,) = applicable(rule(clause(**changes)), "town", "urban", ["station"])
    assert verdict.status == "applies"


def test_the_tightest_clause_binds() -> None:
    cap = {"kind": "max_households_per_site", "zone_level": None}
    area = {"kind": "min_area_m2", "zone_level": None}
    verdicts = applicable(
        rule(
            clause(id="a", value=2000, **cap),
            clause(id="b", value=1500, **cap),
            clause(id="town", value=900, setting="town", **cap),
            clause(id="d", value=500, **area),
            clause(id="e", value=800, **area),
        ),
        None,
    )
    found = tightest(verdicts, "max_households_per_site", "station")
    assert found is not None
    assert found.name == "R.b"
    found = tightest(verdicts, "min_area_m2", "station")
    assert found is not None
    assert found.clause.value == 800
    assert tightest(verdicts, "min_area_m2", "hub") is None


def test_quota_above_the_candidates_of_a_zone() -> None:
    faults = quota_faults([Quota("R.c", "station", 2)], {"A": {"station": 2}, "B": {"station": 1}, "C": {}})
    assert [(f.zone_id, f.required_count, f.candidate_count) for f in faults] == [("B", 2, 1), ("C", 2, 0)]


@pytest.mark.parametrize(
    "changes",
    [
        {"zone_level": None},
        {"kind": "min_area_m2"},
        {"value": -1},
        {"kind": "colour"},
        {"x": 1},
        {"kind": "spacing_m"},
        {"kind": "max_sites_per_zone", "tier": "all"},
    ],
)
def test_wrong_clauses_are_refused(changes: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        clause(**changes)


def test_repeated_clause_ids_are_refused() -> None:
    with pytest.raises(ValidationError, match="repeated"):
        rule(clause(), clause())
