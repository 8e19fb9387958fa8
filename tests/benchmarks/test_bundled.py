"""The benchmark of the bundled study: how it writes its table, how it sees memory, and a run with next to no search."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.benchmarks.bundled import BEGIN, END, Row, main, tree_rss_bytes, with_rows


def test_the_table_replaces_what_stood_between_the_markers_and_nothing_else() -> None:
    page = f"# Page\n\n{BEGIN}\n| an old row |\n{END}\n\nafter\n"
    once = with_rows(page, [Row("gap", "2 % or less", "1.20%", "make bench")], "2025-01-31", "a laptop")
    assert once.startswith("# Page\n\n")
    assert once.endswith("\n\nafter\n")
    assert "an old row" not in once
    assert "| gap | 2 % or less | 1.20% | 2025-01-31 | a laptop | `make bench` |\n" in once
    assert with_rows(once, [Row("gap", "2 % or less", "1.20%", "make bench")], "2025-01-31", "a laptop") == once


def test_a_page_without_markers_keeps_its_text_and_gets_a_table() -> None:
    made = with_rows("# Page\n", [Row("gap", "", "1.20%", "make bench")], "2025-01-31", "a laptop")
    assert made.startswith("# Page\n\n" + BEGIN)
    assert made.rstrip().endswith(END)
    assert "| gap | - | 1.20% |" in made


@pytest.mark.skipif(not Path("/proc/self/statm").is_file(), reason="no /proc here")
def test_memory_of_grandchildren_is_seen() -> None:
    held = 60_000_000
    child = f"x = bytearray(b'1') * {held}; print('ready', flush=True); input()"
    parent = f"import subprocess, sys; sys.exit(subprocess.call([sys.executable, '-c', {child!r}]))"
    alone = tree_rss_bytes(os.getpid())
    process = subprocess.Popen([sys.executable, "-c", parent], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        assert tree_rss_bytes(process.pid) > held
        assert tree_rss_bytes(os.getpid()) > alone + held / 2
    finally:
        process.communicate(b"\n")
    assert tree_rss_bytes(process.pid) == 0.0


@pytest.mark.slow
def test_a_quick_run_is_measured_and_accepted(tmp_path: Path) -> None:
    page = tmp_path / "measurements.md"
    assert main(["--out", str(page), "--quick"]) == 0
    text = page.read_text(encoding="utf-8")
    assert "referee | accepted | accepted" in text
    assert "quick settings: gap" in text
