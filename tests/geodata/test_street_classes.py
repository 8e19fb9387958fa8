"""Chinese street classes in the words of OpenStreetMap."""

from __future__ import annotations

import pytest

from geodata.street_classes import osm_class


@pytest.mark.parametrize(("word", "highway"), [
    ("高速公路", "motorway"), ("城市快速路", "trunk"), ("主干道", "primary"), ("次干路", "secondary"),
    ("支路", "tertiary"), ("小区道路", "residential"), ("内部道路", "service"), ("高速公路匝道", "motorway_link"),
    ("residential", "residential"),
    ("['trunk', 'primary']", "trunk"), ("", ""), (None, None)])
def test_classes(word: str | None, highway: str | None) -> None:
    assert osm_class(word) == highway
