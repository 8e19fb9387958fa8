"""What plan.gpkg and report.html say against what the plan makes: both written again and compared with the folder's."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path

import numpy as np
import pandas as pd
import pyogrio
import shapely

from service.compare_folder import ABSOLUTE, DEGREES, RELATIVE
from service.plan_document import estimates, plan_document
from service.plan_json import PlanJson
from service.publish_layers import layer_titles, layers_of, street_layer
from service.report import write_report
from service.result_tables import Outcome

GEOPACKAGE, REPORT = "plan.gpkg", "report.html"
_NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?")


def geopackage_differences(folder: Path, out: Outcome) -> Iterator[tuple[str, str]]:
    """Where the layers of plan.gpkg differ from the plan's: (place, what), one per column; styles are not compared."""
    from service.geopackage import write_geopackage

    layers = layers_of(out)
    with tempfile.TemporaryDirectory() as temporary:
        made = Path(temporary) / GEOPACKAGE
        write_geopackage(made, layers, titles=layer_titles(out, layers),
                         attribution="; ".join(out.brief.study.attribution),
                         estimated=[t.en for t in estimates(out)])
        stated, names = _layers_in(folder / GEOPACKAGE), _layers_in(made)
        if stated is None or names is None:
            yield GEOPACKAGE, "cannot be read"
            return
        for name in sorted(stated ^ names):
            yield f"{GEOPACKAGE} {name}", "is missing" if name in names else "should not be there"
        for name in sorted(stated & names):
            for place, text in _table_differences(folder / GEOPACKAGE, made, name):
                yield f"{GEOPACKAGE} {name}{place}", text


def _layers_in(path: Path) -> set[str] | None:
    try:
        return {str(name) for name, _ in pyogrio.list_layers(path)}
    except (RuntimeError, ValueError, OSError):
        return None


def _table_differences(stated: Path, made: Path, name: str) -> Iterator[tuple[str, str]]:
    try:
        said = pyogrio.read_dataframe(stated, layer=name)
    except (RuntimeError, ValueError, OSError) as error:
        yield "", f"cannot be read: {error}"
        return
    again = pyogrio.read_dataframe(made, layer=name)
    if name == "layer_styles":
        return
    if list(said.columns) != list(again.columns) or len(said) != len(again):
        yield "", f"has {len(said)} rows and the columns {list(said.columns)}"
        return
    for column in again.columns:
        if column == "geometry":
            shapes = [np.asarray(table.geometry.array, dtype=object) for table in (said, again)]
            same = shapely.equals_exact(shapes[0], shapes[1], tolerance=DEGREES)
            same |= shapely.is_missing(shapes[0]) & shapely.is_missing(shapes[1])
        else:
            same = _same(said[column], again[column])
        wrong = np.flatnonzero(~same)
        if len(wrong):
            yield f".{column}", f"differs in {len(wrong)} rows, first in '{again.iloc[wrong[0]].get('id')}'"


def _same(said: pd.Series, made: pd.Series) -> np.ndarray:
    if pd.api.types.is_numeric_dtype(said) and pd.api.types.is_numeric_dtype(made):
        return np.isclose(said.astype(float), made.astype(float), rtol=RELATIVE, atol=ABSOLUTE, equal_nan=True)
    return np.asarray((said == made) | (said.isna() & made.isna()), dtype=bool)


def report_differences(folder: Path, out: Outcome, plan: PlanJson) -> Iterator[tuple[str, str]]:
    """The first place where report.html differs from the plan's report by more than the last digit of a number."""
    try:
        said = (folder / REPORT).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        yield REPORT, f"cannot be read: {error}"
        return
    with tempfile.TemporaryDirectory() as temporary:
        again = Path(temporary) / REPORT
        write_report(again, plan_document(out, plan.timings_s), layers_of(out), street_layer(out))
        made = again.read_text(encoding="utf-8")
    if said == made:
        return
    for one, two in zip_longest(_NUMBER.split(said), _NUMBER.split(made)):
        if one != two:
            yield REPORT, f"says {str(one)[:60]!r}, computed {str(two)[:60]!r}"
            return
    for one, two in zip(_NUMBER.findall(said), _NUMBER.findall(made), strict=True):
        step = 10.0 ** -len(two.partition(".")[2])
        if abs(float(one.replace(",", "")) - float(two.replace(",", ""))) > 1.01 * step:
            yield REPORT, f"says {one}, computed {two}"
            return
