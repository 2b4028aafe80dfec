"""The import rules of pyproject.toml hold, and a broken rule is noticed."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from fnmatch import fnmatch
from pathlib import Path

import pytest

from tests.conftest import ROOT

LINTER = Path(sys.executable).with_name("lint-imports")

# What is planted in a copy -> the contract that must report it.
SEEDS = {
    "floor": (
        "stores/block.py",
        "from archgraph.runtime import tick as planted",
        "Floors: a module imports only from floors below it",
    ),
    "home": (
        "tools/base.py",
        "import networkx as planted",
        "Each outside library has one home",
    ),
    "sibling type": (
        "stores/log.py",
        "from archgraph.stores import block as planted",
        "Store types do not know each other",
    ),
    "cycle": (
        "messages.py",
        "from archgraph import registry as planted",
        "No import cycles between sibling modules",
    ),
    "seam": (
        "runtime/tick.py",
        "from archgraph.llm import litellm_gateway as planted",
        "Gateways and embedders are reached through the registry",
    ),
}


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(LINTER), "--no-cache", "--config", "pyproject.toml"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


def broken(output: str) -> set[str]:
    return set(re.findall(r"^(.+) BROKEN\b", output, re.MULTILINE))


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "archgraph", tmp_path / "archgraph", ignore=ignore)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_every_import_keeps_to_its_floor() -> None:
    result = lint(ROOT)
    assert result.returncode == 0, result.stdout + result.stderr


def test_planted_imports_break_every_contract(copy: Path) -> None:
    for file, line, _ in SEEDS.values():
        target = copy / "archgraph" / file
        target.write_text(f"{target.read_text()}\n\n{line}\n")
    cycle = copy / "archgraph" / "registry.py"
    cycle.write_text(f"{cycle.read_text()}\n\nfrom archgraph import messages as planted\n")

    result = lint(copy)

    assert result.returncode != 0
    assert {contract for _, _, contract in SEEDS.values()} <= broken(result.stdout)


def test_no_library_is_fetched_by_name_outside_its_home() -> None:
    """`import_module("litellm")` is an import too, which the linter cannot see."""
    linter = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = {c["id"]: c for c in linter["tool"]["importlinter"]["contracts"]}
    homes = contracts["homes"]
    guests = [pair.split(" -> ") for pair in homes["ignore_imports"]]
    fetched = re.compile(r"""import_module\(\s*["'](\w+)""")
    astray = []
    for file in (ROOT / "archgraph").rglob("*.py"):
        module = ".".join(file.relative_to(ROOT).with_suffix("").parts)
        for library in fetched.findall(file.read_text(encoding="utf-8")):
            allowed = any(fnmatch(module, home) for home, guest in guests if guest == library)
            if library in homes["forbidden_modules"] and not allowed:
                astray.append(f"{module} fetches {library}")
    assert astray == []


def test_a_module_without_a_floor_is_reported(copy: Path) -> None:
    (copy / "archgraph" / "homeless.py").write_text('"""Nobody gave this a floor."""\n')

    result = lint(copy)

    assert result.returncode != 0
    assert "homeless" in result.stdout
