"""What people get besides the code: the package and its data, the container, and a README whose commands exist."""

from __future__ import annotations

import re
import shlex
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
import zipfile
from collections.abc import Iterator
from importlib.metadata import requires, version
from pathlib import Path

import click
import pytest
import typer
from packaging.requirements import Requirement

from service.cli import app

ROOT = Path(__file__).parents[1]
PACKAGES = ("geodata", "optimizer", "service", "configs")
PAGES = ("README.md", "docs/model.md", "docs/measurements.md", "docs/dependencies.md")
README = (ROOT / "README.md").read_text(encoding="utf-8")
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")


def shipped_files() -> set[str]:
    """Every file of the packages, as paths in the wheel."""
    return {path.relative_to(ROOT).as_posix() for package in PACKAGES for path in (ROOT / package).rglob("*")
            if path.is_file() and "__pycache__" not in path.parts}


def copy_sources(target: Path) -> Path:
    """The files a wheel is built from, apart from the checkout, so that nothing is written into it."""
    target.mkdir(parents=True)
    for package in PACKAGES:
        shutil.copytree(ROOT / package, target / package, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, target / name)
    return target


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel built from a copy of the sources, with the build tool of this environment where it is new enough."""
    folder = tmp_path_factory.mktemp("wheel")
    sources = copy_sources(folder / "sources")
    own_tool = ["--no-build-isolation"] if int(version("setuptools").split(".")[0]) >= 77 else []
    subprocess.run([sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", *own_tool, "--wheel-dir", str(folder),
                    str(sources)], check=True)
    return next(folder.glob("*.whl"))


def test_the_wheel_holds_every_file_of_the_packages(wheel: Path) -> None:
    expected = shipped_files()
    assert {"configs/studies/hankou/hankou.gpkg", "configs/networks/urban_three_tier.yaml",
            "configs/rules/SBT_10719_2012.yaml", "service/web/index.html", "service/catalogue/zh.json",
            "service/layer_schemas/routes.json", "geodata/py.typed", "optimizer/py.typed",
            "service/py.typed"} <= expected
    with zipfile.ZipFile(wheel) as archive:
        inside = {name for name in archive.namelist() if not name.split("/")[0].endswith(".dist-info")}
    assert inside == expected


def test_the_wheel_carries_its_licence_and_its_command(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        info = {name.split("/", 1)[1]: archive.read(name).decode()
                for name in archive.namelist() if ".dist-info/" in name}
    assert "recynet = service.cli:main" in info["entry_points.txt"]
    assert "License-Expression: Apache-2.0" in info["METADATA"]
    assert "Apache License" in info["licenses/LICENSE"]


def test_every_requirement_is_pinned_inside_its_range() -> None:
    pins = dict(line.split("==") for line in (ROOT / "constraints.txt").read_text().splitlines()
                if line and not line.startswith("#"))
    pinned = {normal(name): number for name, number in pins.items()}
    for requirement in map(Requirement, requires("recynet") or ()):
        assert normal(requirement.name) in pinned, f"{requirement.name} has no pin"
        assert requirement.specifier.contains(pinned[normal(requirement.name)]), requirement


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


# -- README and pages ------------------------------------------------------------------------------------------


def readme_commands() -> list[list[str]]:
    """Every `recynet` and `make` command in the README's code blocks and inline code, as words."""
    blocks = re.findall(r"^```[a-z]*\n(.*?)^```", README, flags=re.MULTILINE | re.DOTALL)
    lines = [line for block in blocks for line in re.sub(r"[\\`]\n\s*", " ", block).splitlines()]
    lines += re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", README, flags=re.MULTILINE | re.DOTALL))
    found = []
    for line in lines:
        if not re.match(r"\s*(\$ )?(make|docker|\S*recynet(\.exe)?) ", line):
            continue
        words = shlex.split(line.replace("\\", "/"), comments=True)
        tools = [n for n, word in enumerate(words) if re.fullmatch(r"make|(.*/)?recynet(\.exe)?", word)]
        start = max(tools, default=-1)
        if start >= 0 and words[start + 1:] not in ([], ["."]):  # a container may be called recynet, too
            found.append([words[start].rsplit("/", 1)[-1].removesuffix(".exe"), *words[start + 1:]])
    return found


def test_readme_commands_exist() -> None:
    commands = readme_commands()
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    root = typer.main.get_command(app)
    assert isinstance(root, click.Group) or hasattr(root, "commands")
    known = {name: {text for parameter in command.params for text in parameter.opts}
             for name, command in root.commands.items()}
    shown = {"make": set(), "recynet": set()}
    for tool, *words in commands:
        if tool == "make":
            wanted = [word for word in words if "=" not in word]
            assert set(wanted) <= targets, words
            shown["make"] |= set(wanted)
            continue
        options = {text for parameter in root.params for text in parameter.opts}
        at = next(n for n, word in enumerate(words) if not word.startswith("-") and word not in ("zh", "en"))
        assert words[at] in known, f"the README shows `recynet {words[at]}`, which does not exist"
        assert {w for w in words[:at] if w.startswith("--")} <= options | {"--help"}, words
        assert {w.split("=")[0] for w in words[at + 1:] if w.startswith("--")} <= known[words[at]] | {"--help"}, words
        shown["recynet"].add(words[at])
    assert {"run", "test"} <= shown["make"]
    assert set(known) <= shown["recynet"], "a command is missing from the README"


@pytest.mark.parametrize("page", PAGES)
def test_links_inside_the_repository_lead_somewhere(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    targets = [t.split("#")[0] for t in re.findall(r"\]\(([^)\s]+)\)", text) if not re.match(r"[a-z]+:|#", t)]
    assert [t for t in targets if not ((ROOT / page).parent / t).exists()] == []


def test_files_the_readme_names_exist() -> None:
    named = re.findall(r"`((?:configs|docs|service|geodata|optimizer|tests)/[\w./-]+)`", README)
    assert named
    assert [name for name in named if not (ROOT / name).exists()] == []


# -- container -------------------------------------------------------------------------------------------------


def instructions(name: str) -> list[str]:
    """What follows an instruction of the Dockerfile, continued lines joined."""
    return re.findall(rf"^{name} (.*)$", re.sub(r"\\\n\s*", " ", DOCKERFILE), flags=re.MULTILINE)


def test_the_container_runs_as_a_user_of_its_own_and_says_how_it_is() -> None:
    order = re.findall(r"^([A-Z]+) ", DOCKERFILE, flags=re.MULTILINE)
    assert order.index("USER") < order.index("CMD")
    assert instructions("USER") not in ([], ["root"])
    assert instructions("EXPOSE") == ["8000"]
    assert "/healthz" in instructions("HEALTHCHECK")[0]


@pytest.fixture(scope="module")
def container(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new virtual environment after the Dockerfile's COPY and pip lines; the folder of its programs."""
    folder = tmp_path_factory.mktemp("container")
    work = folder / "app"
    work.mkdir()
    for line in instructions("COPY"):
        *sources, target = line.split()
        for source in sources:
            if (ROOT / source).is_dir():
                shutil.copytree(ROOT / source, work / target, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(ROOT / source, work / target)
    subprocess.run([sys.executable, "-m", "venv", str(folder / "venv")], check=True)
    programs = folder / "venv" / ("Scripts" if sys.platform == "win32" else "bin")
    pip_lines = [line for line in instructions("RUN") if "pip install" in line]
    assert pip_lines
    for line in pip_lines:
        interpreter, *words = shlex.split(line)
        assert interpreter == "python"
        subprocess.run([str(programs / "python"), *words, "--quiet"], cwd=work, check=True)
    return programs


@pytest.mark.slow
def test_the_installed_command_helps_and_audits_the_bundled_study(container: Path, tmp_path: Path) -> None:
    def called(program: str, *words: str) -> str:
        return subprocess.run([str(container / program), *words], cwd=tmp_path, stdout=subprocess.PIPE, text=True,
                              check=True, encoding="utf-8").stdout

    shown = called("recynet", "--help")
    assert {"run", "audit", "verify", "serve", "export", "schema"} <= set(re.findall(r"\w+", shown))
    where = called("python", "-c", "import importlib.resources as r; print(r.files('configs'))").strip()
    assert str(container.parent) in where
    assert "0 errors" in called("recynet", "audit", str(Path(where) / "studies" / "hankou" / "study.yaml"))


@pytest.fixture
def served(container: Path, tmp_path: Path) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """The Dockerfile's CMD on an empty folder: the process, and the port it was given."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    program, *words = re.findall(r'"([^"]*)"', instructions("CMD")[-1])
    assert "0.0.0.0" in words
    words = [{"/data": str(tmp_path), "8000": str(port)}.get(word, word) for word in words]
    server = subprocess.Popen([str(container / program), *words], cwd=tmp_path, stderr=subprocess.DEVNULL)
    try:
        yield server, port
    finally:
        server.terminate()
        server.wait(10)


@pytest.mark.slow
def test_the_containers_command_serves(served: tuple[subprocess.Popen[bytes], int]) -> None:
    server, port = served
    deadline = time.monotonic() + 30
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=2) as answer:
                assert answer.status == 200
                assert b'"ok"' in answer.read()
            break
        except OSError:
            assert time.monotonic() < deadline, "the server does not answer"
            time.sleep(0.1)
    assert server.poll() is None, "it ended, so somebody else answered on its port"
