"""The bundled vehicle classes are complete, sourced and sensible; faulty files are refused with every fault."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest
import yaml

from geodata.osm_tags import way_rules
from geodata.tables import DataError
from service.vehicle_classes import class_of_table, read_vehicle_classes
from tests.geodata.osm_xml import Town, cross
from tests.geodata.test_turns_properties import network_of

BUNDLED = Path(__file__).parents[2] / "configs" / "vehicle_classes" / "default.yaml"


def classes() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = yaml.safe_load(BUNDLED.read_text(encoding="utf-8"))["classes"]
    return found


def test_the_bundled_classes_grow_from_tricycle_to_heavy_truck() -> None:
    rows = read_vehicle_classes(BUNDLED).rows()
    assert [row.id for row in rows] == ["e_tricycle", "micro_van", "light_truck", "medium_truck", "heavy_truck"]
    for name in ("gvw_t", "axle_t", "height_m", "width_m", "length_m"):
        sizes = [getattr(row, name) for row in rows]
        assert sizes == sorted(sizes)
        assert len(set(sizes)) == 5
    assert rows[1].gvw_t <= 1.8 < rows[2].gvw_t < 4.5 < rows[3].gvw_t < 12.0 < rows[4].gvw_t
    assert all(row.width_m <= 2.55 and row.height_m <= 4.0 for row in rows)


def test_fast_roads_are_for_trucks_and_cycleways_for_tricycles() -> None:
    tricycle, *trucks = read_vehicle_classes(BUNDLED).rows()
    fast = {"motorway", "motorway_link", "trunk", "trunk_link"}
    assert not fast & set(tricycle.speed_km_per_h)
    assert not tricycle.may_use_motorroad
    assert "cycleway" in tricycle.speed_km_per_h
    for truck in trucks:
        assert fast <= set(truck.speed_km_per_h)
        assert "cycleway" not in truck.speed_km_per_h
        assert max(truck.speed_km_per_h.values()) <= truck.speed_cap_km_per_h
        assert truck.access_keys[-3:] == ("motor_vehicle", "vehicle", "access")
    for lighter, heavier in itertools.pairwise(trucks):
        assert all(heavier.speed_km_per_h[highway] <= speed for highway, speed in lighter.speed_km_per_h.items())


def test_every_figure_says_where_it_comes_from() -> None:
    for entry in classes():
        for key, value in entry.items():
            if key not in ("id", "title"):
                assert value["source"], (entry["id"], key)


@pytest.mark.parametrize(("key", "value", "where"), [
    ("gvw_t", {"value": -1, "source": "assumed"}, "classes.0.gvw_t.value"),
    ("gvw_t", {"value": 2}, "classes.0.gvw_t.source"),
    ("gvw", {"value": 2, "source": "assumed"}, "classes.0.gvw"),
    ("access_keys", {"values": ["lorry"], "source": "assumed"}, "classes.0"),
    ("opening_keys", {"values": ["hgv"], "source": "assumed"}, "classes.0"),
    ("axle_t", {"value": 99, "source": "assumed"}, "classes.0"),
    ("share_of_maxspeed", {"value": 1.5, "source": "assumed"}, "classes.0.share_of_maxspeed.value"),
    ("speed_km_per_h", {"values": {}, "source": "assumed"}, "classes.0.speed_km_per_h.values"),
    ("speed_km_per_h", {"values": {"primary": 0}, "source": "assumed"}, "classes.0.speed_km_per_h.values.primary"),
])
def test_faulty_classes_are_refused(tmp_path: Path, key: str, value: object, where: str) -> None:
    first = {**classes()[0], key: value}
    path = tmp_path / "fleet.yaml"
    path.write_text(yaml.safe_dump({"schema_version": 1, "vehicle_classes": "fleet", "classes": [first]}),
                    encoding="utf-8")
    with pytest.raises(DataError) as caught:
        read_vehicle_classes(path)
    assert len(caught.value.faults) == 1
    found = caught.value.faults[0]
    assert found.file == "fleet.yaml"
    assert f"'{where}'" in found.line()


def test_ids_must_differ(tmp_path: Path) -> None:
    path = tmp_path / "fleet.yaml"
    twice = {"schema_version": 1, "vehicle_classes": "fleet", "classes": [classes()[0], classes()[0]]}
    path.write_text(yaml.safe_dump(twice), encoding="utf-8")
    with pytest.raises(DataError, match="e_tricycle"):
        read_vehicle_classes(path)


def test_a_vehicle_without_a_class_keeps_its_own_speeds_below_tagged_limits() -> None:
    own = class_of_table("van", {"default": 20.0, "primary": 40.0}, ["service"])
    town = Town(cross()).way(1, "wx", highway="primary", maxspeed="30").way(2, "xe", highway="primary", maxspeed="60")
    network = network_of(town.way(3, "sx", highway="tertiary").way(4, "xn", highway="service"))
    rules = way_rules(network, own)
    speed = dict(zip(network.way_osm_id.tolist(), rules.speed_km_per_h[network.way_tags, 0].tolist(), strict=True))
    assert [speed[way] for way in (1, 2, 3)] == [30.0, 40.0, 20.0]
    opened = dict(zip(network.way_osm_id.tolist(), rules.through[network.way_tags, 0].tolist(), strict=True))
    assert opened == {1: True, 2: True, 3: True, 4: False}
