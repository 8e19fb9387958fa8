"""Xinwu from the files planning offices hand over is the same question as Xinwu from clean ones."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from optimizer.problem import Problem
from service.seam import as_problem, ground_of, read_brief
from service.study import load_study

ROOT = Path(__file__).parents[2]
DATA = Path(os.environ.get("RECYNET_DATA", "/nowhere"))
STUDY = ROOT / "configs" / "studies" / "xinwu_planner_formats.yaml"
CLEAN_ROADS = 'inputs.roads={path: "${RECYNET_DATA}/wuxi_xinwu/roads.gpkg", layer: road_centerlines}'

pytestmark = pytest.mark.skipif(not (DATA / "wuxi_xinwu").is_dir(), reason="RECYNET_DATA/wuxi_xinwu is not there")


def problem(*overrides: str) -> Problem:
    brief = read_brief(load_study(STUDY, overrides))
    return as_problem(brief, ground_of(brief))


def test_streets_in_gbk_and_cgcs2000_are_the_same_streets() -> None:
    """Same candidates, demand, walks and drives, so the same plan: communities are the Excel points in both."""
    theirs, clean = problem(), problem(CLEAN_ROADS)
    assert theirs.demand.part_ids == clean.demand.part_ids
    assert theirs.demand.persons.sum() == pytest.approx(720_215)
    for one, other in zip(theirs.sites, clean.sites, strict=True):
        assert one.ids == other.ids
        assert np.array_equal(one.allowed, other.allowed)
    assert np.array_equal(theirs.walk.part, clean.walk.part)
    assert np.array_equal(theirs.walk.site, clean.walk.site)
    assert np.array_equal(theirs.walk.captured_share, clean.walk.captured_share)
    for first, second in zip(theirs.legs, clean.legs, strict=True):
        assert np.array_equal(first.loaded_s, second.loaded_s)
