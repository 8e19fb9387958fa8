"""Results of small towns that several test files look at; each is made once."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.service.tiny_town import TinyTown, one_street, recynet


@pytest.fixture(scope="session")
def tiny_town(tmp_path_factory: pytest.TempPathFactory) -> TinyTown:
    """The town of twelve blocks with its result in the folder `out`. Not to be changed."""
    town = TinyTown(tmp_path_factory.mktemp("tiny_town"))
    assert recynet("run", town.write(), "--out", town.folder / "out").exit_code == 0
    return town


@pytest.fixture(scope="session")
def street(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The result of the town of one street."""
    town = one_street(tmp_path_factory.mktemp("one_street"))
    assert recynet("run", town.write(), "--out", town.folder / "out").exit_code == 0
    return town.folder / "out"
