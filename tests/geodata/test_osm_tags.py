"""Tags to rules: who may go where, in which direction, how fast and when; what is not understood is counted."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from geodata.osm_conditions import ALWAYS, week_of
from geodata.osm_network import read_network
from geodata.osm_tags import VehicleClass, WayRules, node_rules, way_rules
from tests.geodata.osm_xml import TRUCK, Town, cross

OPEN, DEST, SHUT = "open", "destination", "closed"


def rules(path: Path, truck: VehicleClass = TRUCK, week: int = ALWAYS, /, **tags: str) -> WayRules:
    network = read_network(Town(cross()).way(1, "wx", **tags).write(path / "t.osm"))
    return way_rules(network, truck, week)


def both_ways(found: WayRules) -> tuple[str, str]:
    words = [OPEN if found.through[0, k] else DEST if found.destination[0, k] else SHUT for k in (0, 1)]
    return words[0], words[1]


@pytest.mark.parametrize(("tags", "expected"), [
    ({}, (OPEN, OPEN)),
    ({"highway": "footway"}, (SHUT, SHUT)),
    ({"access": "no"}, (SHUT, SHUT)),
    ({"access": "no", "motor_vehicle": "yes"}, (OPEN, OPEN)),
    ({"motor_vehicle": "no", "hgv": "yes"}, (OPEN, OPEN)),
    ({"hgv": "no", "motor_vehicle": "yes"}, (SHUT, SHUT)),
    ({"goods": "no", "motor_vehicle": "yes"}, (SHUT, SHUT)),
    ({"goods": "no", "hgv": "yes"}, (OPEN, OPEN)),
    ({"vehicle": "no", "access": "yes"}, (SHUT, SHUT)),
    ({"motorcar": "no"}, (OPEN, OPEN)),
    ({"bicycle": "no"}, (OPEN, OPEN)),
    ({"hgv__backward": "no"}, (OPEN, SHUT)),
    ({"hgv": "no", "hgv__forward": "yes"}, (OPEN, SHUT)),
    ({"vehicle__forward": "no", "hgv": "yes"}, (OPEN, OPEN)),
    ({"access": "destination"}, (DEST, DEST)),
    ({"access": "private"}, (DEST, DEST)),
    ({"motor_vehicle": "customers"}, (DEST, DEST)),
    ({"access": "private", "hgv": "no"}, (SHUT, SHUT)),
    ({"motor_vehicle": "agricultural;destination"}, (DEST, DEST)),
    ({"highway": "pedestrian", "motor_vehicle": "delivery"}, (DEST, DEST)),
    ({"highway": "footway", "motor_vehicle": "yes"}, (OPEN, OPEN)),
    ({"highway": "footway", "access": "yes"}, (SHUT, SHUT)),
    ({"hgv": "mystery"}, (OPEN, OPEN)),
])
def test_the_most_specific_access_tag_wins(tmp_path: Path, tags: dict[str, str], expected: tuple[str, str]) -> None:
    assert both_ways(rules(tmp_path, **tags)) == expected


@pytest.mark.parametrize(("tags", "expected"), [
    ({"oneway": "yes"}, (OPEN, SHUT)), ({"oneway": "1"}, (OPEN, SHUT)), ({"oneway": "-1"}, (SHUT, OPEN)),
    ({"oneway": "no"}, (OPEN, OPEN)), ({"oneway": "reversible"}, (SHUT, SHUT)),
    ({"oneway": "alternating"}, (OPEN, OPEN)),
    ({"junction": "roundabout"}, (OPEN, SHUT)), ({"junction": "circular"}, (OPEN, SHUT)),
    ({"junction": "roundabout", "oneway": "no"}, (OPEN, OPEN)),
    ({"junction": "roundabout", "oneway": "-1"}, (SHUT, OPEN)),
    ({"highway": "motorway"}, (OPEN, SHUT)), ({"highway": "motorway", "oneway": "no"}, (OPEN, OPEN)),
    ({"oneway": "yes", "oneway__hgv": "no"}, (OPEN, OPEN)), ({"oneway": "yes", "oneway__bicycle": "no"}, (OPEN, SHUT)),
])
def test_directions(tmp_path: Path, tags: dict[str, str], expected: tuple[str, str]) -> None:
    assert both_ways(rules(tmp_path, **tags)) == expected


@pytest.mark.parametrize(("tags", "expected"), [
    ({"maxweight": "7.5"}, SHUT), ({"maxweight": "8"}, OPEN), ({"maxweight": "7500 kg"}, SHUT),
    ({"maxweight": "none"}, OPEN),
    ({"maxheight": "3.1"}, SHUT), ({"maxheight": "3.2"}, OPEN), ({"maxheight": "10'"}, SHUT),
    ({"maxheight": "default"}, OPEN),
    ({"maxheight__physical": "3"}, SHUT), ({"maxwidth": "2.3"}, SHUT), ({"maxlength": "7"}, SHUT),
    ({"maxaxleload": "5"}, SHUT),
    ({"maxweightrating": "7.5"}, SHUT), ({"maxweight__hgv": "7.5"}, SHUT), ({"maxweight__bus": "7.5"}, OPEN),
    ({"maxweight": "3.5", "maxweight__hgv": "none"}, OPEN),
    ({"maxweight": "3.5", "maxweight__conditional": "none @ delivery"}, DEST),
    ({"maxweight": "heavy"}, OPEN), ({"hgv__conditional": "no @ (weight>7.5)"}, SHUT),
    ({"hgv__conditional": "no @ (weight>8)"}, OPEN), ({"hgv__conditional": "no @ (length<7)"}, OPEN),
    ({"hgv": "no", "hgv__conditional": "yes @ delivery"}, DEST),
    ({"hgv__conditional": "destination @ (weight>7.5)"}, DEST),
])
def test_streets_are_closed_to_what_does_not_fit(tmp_path: Path, tags: dict[str, str], expected: str) -> None:
    assert both_ways(rules(tmp_path, **tags)) == (expected, expected)


def test_a_limit_of_one_direction(tmp_path: Path) -> None:
    assert both_ways(rules(tmp_path, maxweight__backward="3.5")) == (OPEN, SHUT)


@pytest.mark.parametrize(("tags", "hours", "expected"), [
    ({"hgv__conditional": "no @ (Mo-Fr 07:00-19:00)"}, "Mo 08:00-09:00", SHUT),
    ({"hgv__conditional": "no @ (Mo-Fr 07:00-19:00)"}, "Mo 18:00-20:00", SHUT),
    ({"hgv__conditional": "no @ (Mo-Fr 07:00-19:00)"}, "Mo 19:00-20:00", OPEN),
    ({"hgv": "no", "hgv__conditional": "yes @ (05:00-11:00)"}, "06:00-10:00", OPEN),
    ({"hgv": "no", "hgv__conditional": "yes @ (05:00-11:00)"}, "10:00-12:00", SHUT),
    ({"access": "no", "motor_vehicle__conditional": "yes @ (22:00-06:00)"}, "23:00-01:00", OPEN),
    ({"motor_vehicle__conditional": "no @ (07:00-19:00)", "hgv": "yes"}, "08:00-09:00", OPEN),
    ({"hgv__conditional": "no @ (07:00-19:00); destination @ (07:00-19:00)"}, "08:00-09:00", DEST),
    ({"hgv__conditional": "no @ (SH 07:00-19:00)"}, "08:00-09:00", OPEN),
    ({"oneway__conditional": "yes @ (07:00-09:00)"}, "10:00-11:00", OPEN),
])
def test_bans_hold_at_any_minute_of_the_hours_and_freedom_throughout(
        tmp_path: Path, tags: dict[str, str], hours: str, expected: str) -> None:
    week = week_of(hours)
    assert week is not None
    assert both_ways(rules(tmp_path, TRUCK, week, **tags)) == (expected, expected)


def test_conditional_oneway(tmp_path: Path) -> None:
    week = week_of("08:00-09:00")
    assert week is not None
    assert both_ways(rules(tmp_path, TRUCK, week, oneway__conditional="yes @ (07:00-09:00)")) == (OPEN, SHUT)


@pytest.mark.parametrize(("tags", "forward", "backward"), [
    ({}, 18.0, 18.0), ({"maxspeed": "50"}, 50.0, 50.0), ({"maxspeed": "30 mph"}, 48.28, 48.28),
    ({"maxspeed": "none"}, 18.0, 18.0),
    ({"maxspeed": "CN:urban"}, 50.0, 50.0), ({"maxspeed": "120"}, 80.0, 80.0), ({"maxspeed": "signals"}, 18.0, 18.0),
    ({"maxspeed": "50", "maxspeed__hgv": "30"}, 30.0, 30.0),
    ({"maxspeed": "50", "maxspeed__backward": "20"}, 50.0, 20.0),
    ({"maxspeed": "50", "maxspeed__conditional": "30 @ (22:00-06:00)"}, 30.0, 30.0),
    ({"maxspeed": "50", "maxspeed__hgv__conditional": "30 @ (weight>12)"}, 50.0, 50.0),
    ({"highway": "footway", "hgv": "yes"}, 5.0, 5.0),
])
def test_speeds(tmp_path: Path, tags: dict[str, str], forward: float, backward: float) -> None:
    assert rules(tmp_path, **tags).speed_km_per_h[0].tolist() == pytest.approx([forward, backward], abs=0.01)


def test_usual_speed_is_a_share_of_the_limit(tmp_path: Path) -> None:
    slower = replace(TRUCK, share_of_maxspeed=0.8)
    assert rules(tmp_path, slower, maxspeed="50").speed_km_per_h[0, 0] == pytest.approx(40.0)


def test_slow_vehicles_are_kept_off_motorroads(tmp_path: Path) -> None:
    assert both_ways(rules(tmp_path, motorroad="yes")) == (OPEN, OPEN)
    assert both_ways(rules(tmp_path, replace(TRUCK, may_use_motorroad=False), motorroad="yes")) == (SHUT, SHUT)


@pytest.mark.parametrize(("tags", "reason", "detail"), [
    ({"hgv": "mystery"}, "tag hgv", "mystery"),
    ({"hgv__conditional": "no @ (SH 07:00-19:00)"}, "tag hgv:conditional", "no @ (SH 07:00-19:00)"),
    ({"hgv__lanes__conditional": "|yes @ (Mo 09:00-15:00)"}, "tag hgv:lanes:conditional", "|yes @ (Mo 09:00-15:00)"),
    ({"maxweight": "heavy"}, "tag maxweight", "heavy"), ({"maxspeed": "signals"}, "tag maxspeed", "signals"),
    ({"oneway": "sometimes"}, "tag oneway", "sometimes"),
])
def test_what_is_not_understood_is_counted_by_way(
        tmp_path: Path, tags: dict[str, str], reason: str, detail: str) -> None:
    town = Town(cross()).way(1, "wx", **tags).way(2, "xe", **tags).way(3, "sx")
    found = way_rules(read_network(town.write(tmp_path / "t.osm")), TRUCK)
    assert [(t.reason, t.detail, t.count) for t in found.unread] == [(reason, detail, 2)]


@pytest.mark.parametrize("tags", [
    {"maxspeed__type": "CN:urban"}, {"oneway__bicycle": "no"}, {"hgv__conditional": "no @ (weight>7.5)"},
    {"bicycle__conditional": "no @ (SH)"}, {"hgv": "designated"}])
def test_what_is_understood_or_about_others_is_not_counted(tmp_path: Path, tags: dict[str, str]) -> None:
    assert rules(tmp_path, **tags).unread == ()


def barrier(path: Path, /, **tags: str) -> str:
    town = Town(cross()).way(1, "wxe")
    town.node_tags["x"] = {"barrier": "bollard", **tags}
    found = node_rules(read_network(town.write(path / "t.osm")), TRUCK)
    return "blocked" if found.blocked[0] else "private" if found.private[0] else "gate" if found.gate[0] else "free"


@pytest.mark.parametrize(("tags", "expected"), [
    ({}, "blocked"), ({"barrier": "gate"}, "gate"), ({"barrier": "gate", "access": "private"}, "private"),
    ({"barrier": "gate", "access": "no"}, "blocked"), ({"motor_vehicle": "yes"}, "free"), ({"access": "yes"}, "free"),
    ({"barrier": "gate", "maxwidth": "2"}, "blocked"), ({"barrier": "gate", "maxwidth": "3"}, "gate"),
    ({"barrier": "no"}, "free"),
])
def test_barriers(tmp_path: Path, tags: dict[str, str], expected: str) -> None:
    assert barrier(tmp_path, **tags) == expected
