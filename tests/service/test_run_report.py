"""What a run shows in a terminal: the key figures, then objective, bound and gap, then where everything lies."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path

import pytest
from rich.console import Console

from optimizer.siting import Progress
from service.pipeline import Result
from service.run_report import Language, show_result, watching
from tests.service.small_run import small_plan

CHINESE = re.compile(r"[\u4e00-\u9fff]")


def shown(language: Language, **changes: object) -> str:
    stream = io.StringIO()
    result = Result(Path("/data/out/small"), small_plan().model_copy(update=changes))
    show_result(result, language, Console(file=stream, width=110))
    return stream.getvalue()


def test_it_ends_with_objective_bound_gap_then_the_places() -> None:
    lines = [line.split()[0] for line in shown("en").splitlines() if line.strip()]
    tail = lines[lines.index("objective"):]
    assert tail[:3] == ["objective", "bound", "gap"]
    assert tail[-4:] == ["report", "layers", "geopackage", "map"]
    assert "objective  1,954,000 CNY/year  (1.95 M CNY/year)" in shown("en")
    assert "gap        0.55%" in shown("zh")
    assert "/data/out/small/report.html" in shown("en")
    assert "recynet serve --data /data/out" in shown("zh")


def test_shares_are_percent_and_both_languages_are_whole() -> None:
    en, zh = shown("en"), shown("zh")
    assert re.search(r"Population covered\s+91\.7\s+%", en)
    assert re.search(r"覆盖人口\s+91\.7\s+%", zh)
    assert not CHINESE.search(en)
    assert "195.4 万元/年" in zh
    assert "交投点" in zh


def test_a_plan_without_bound_shows_a_dash() -> None:
    text = shown("en", bound_cny_per_year=None, gap=None, objective_cny_per_year=None, status="no_plan")
    assert re.search(r"objective +-$", text, re.MULTILINE)
    assert re.search(r"gap +- +\(no plan\)", text)
    assert "None" not in text


@pytest.mark.parametrize("language", ["zh", "en"])
def test_progress_names_the_phase_and_goes_to_the_file(language: Language, tmp_path: Path,
                                                       capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "progress.jsonl"
    with watching(language, path, quiet=False) as watch:
        watch(Progress("reading", 0.02, None, None, None))
        watch(Progress("search", 0.4, -29.1e6, -31.4e6, 0.024))
        watch(Progress("a_phase_without_title", 0.5, -29.1e6, -31.4e6, 0.024))
        watch(Progress("done", 1.0, -29.1e6, -31.4e6, 0.024))
    last = capsys.readouterr().err
    assert {"zh": "完成", "en": "Done"}[language] in last
    assert "2.40%" in last
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert [line["phase"] for line in lines] == ["reading", "search", "a_phase_without_title", "done"]
    assert lines[1]["percent"] == 40.0
    assert lines[1]["gap"] == 0.024
    assert lines[0]["objective"] is None
