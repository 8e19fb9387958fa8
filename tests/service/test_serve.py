"""The server as people start it: quick, answering over a real socket, and showing a plan in a real browser."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.service.small_run import build_small_run

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
         "--disable-background-networking", "--disable-component-update", "--enable-unsafe-swiftshader")
CODE = ("import sys; from pathlib import Path; from service.cli_serve import serve\n"
        "serve(Path(sys.argv[1]), port=int(sys.argv[2]))")


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    data = tmp_path_factory.mktemp("out")
    build_small_run(data / "small")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = subprocess.Popen([sys.executable, "-c", CODE, str(data), str(port)], stderr=subprocess.DEVNULL)
    begun = time.monotonic()
    try:
        while time.monotonic() - begun < 30:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=1)
                break
            except OSError:
                time.sleep(0.05)
        assert time.monotonic() - begun < 3.0, "the server needs more than 3 s to start"
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(10)


def test_it_starts_quickly_and_hides_what_it_is_made_of(address: str) -> None:
    with urllib.request.urlopen(f"{address}/v1") as answer:
        assert answer.status == 200
        assert "server" not in answer.headers
        assert f'"{address}/v1"' in answer.read().decode()


@pytest.mark.slow
@pytest.mark.skipif(BROWSER is None, reason="no Chromium here")
def test_a_browser_shows_the_plan_in_both_languages(address: str, tmp_path: Path) -> None:
    assert BROWSER is not None
    for language, words in (("zh", ["小镇回收网络", "195.4 万元/年", "交投点", "社区人口为估计"]),
                            ("en", ["Small town recycling network", "1.95 M CNY/year", "Collection point"])):
        command = [BROWSER, *FLAGS, f"--user-data-dir={tmp_path / language}", "--virtual-time-budget=15000",
                   "--dump-dom", f"{address}/#lang={language}"]
        page = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout
        assert 'data-state="failed"' not in page
        for word in [*words, "(c) OpenStreetMap contributors, ODbL", "maplibregl-canvas"]:
            assert word in page, (language, word)
