"""The house is in order: import direction, sizes of files and functions, one place for projections, tiers as data."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
PACKAGES = ("geodata", "optimizer", "service")
MAY_IMPORT = {"geodata": {"geodata"}, "optimizer": {"optimizer"}, "service": set(PACKAGES)}
MAX_FILE_LINES, MAX_FUNCTION_LINES = 400, 60
FILES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imported(path: Path) -> Iterator[str]:
    """Dotted names of everything a file imports, wherever in the file."""
    package = path.relative_to(ROOT).parent.parts
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            yield ".".join(part for part in (base, node.module) if part)


def ids_of_configs() -> set[str]:
    """Ids of tiers and materials, and names of rules: data that no code of the model may spell."""
    networks = [yaml.safe_load(p.read_text(encoding="utf-8")) for p in (ROOT / "configs" / "networks").glob("*.yaml")]
    ids = {entry["id"] for network in networks for kind in ("tiers", "materials") for entry in network[kind]}
    return ids | {p.stem for p in (ROOT / "configs" / "rules").glob("*.yaml")}


def test_there_is_something_to_check() -> None:
    assert {relative(p).split("/")[0] for p in FILES} == set(PACKAGES)
    assert {"transfer_station", "paper", "SBT_10719_2012"} <= ids_of_configs()


@pytest.mark.parametrize("path", FILES, ids=relative)
def test_imports_point_one_way(path: Path) -> None:
    own = relative(path).split("/")[0]
    ours = {name.split(".")[0] for name in imported(path)} & {*PACKAGES, "tests"}
    assert ours <= MAY_IMPORT[own]


@pytest.mark.parametrize("path", FILES, ids=relative)
def test_only_solvers_import_ortools(path: Path) -> None:
    if not relative(path).startswith("optimizer/solvers/"):
        assert "ortools" not in {name.split(".")[0] for name in imported(path)}


@pytest.mark.parametrize("path", FILES, ids=relative)
def test_files_and_functions_fit_on_a_screen(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MAX_FILE_LINES
    long = {
        node.name: node.end_lineno - node.lineno + 1
        for node in ast.walk(tree(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.end_lineno is not None
        and node.end_lineno - node.lineno + 1 > MAX_FUNCTION_LINES
    }
    assert long == {}


def test_projections_happen_in_one_file() -> None:
    callers = {
        relative(path)
        for path in FILES
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Attribute) and node.attr == "to_crs"
    }
    assert callers == {"geodata/crs.py"}


@pytest.mark.parametrize("path", [p for p in FILES if relative(p).split("/")[0] != "service"], ids=relative)
def test_tiers_materials_and_rules_are_data(path: Path) -> None:
    spelled = {
        node.value for node in ast.walk(tree(path)) if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    assert spelled & ids_of_configs() == set()


@pytest.mark.parametrize("path", FILES, ids=relative)
def test_no_state_at_module_level(path: Path) -> None:
    """No name of a module is rebound by a function, and no bare list, dict or set waits to be changed."""
    body = tree(path)
    assert [node.lineno for node in ast.walk(body) if isinstance(node, ast.Global)] == []
    assert [
        node.lineno
        for node in body.body
        if isinstance(node, ast.Assign | ast.AnnAssign)
        and isinstance(node.value, ast.List | ast.Set)
        and not any(isinstance(t, ast.Name) and t.id == "__all__" for t in getattr(node, "targets", []))
    ] == []
