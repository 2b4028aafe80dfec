"""A new plugin is installed as its author would, passes its tests, and is talked with."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli import commands


def run(folder: Path, *arguments: str) -> str:
    paths = os.pathsep.join(str(folder / each) for each in ("site",))
    environ = {**os.environ, "PYTHONPATH": paths}
    command = [sys.executable, *arguments]
    done = subprocess.run(
        command, cwd=folder, env=environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if importlib.util.find_spec("hatchling") is None:
        pytest.skip("needs hatchling, which builds the package")
    folder = tmp_path_factory.mktemp("new")
    told = commands.invoke("new", "plugin", "Diary_Notes", "--folder", str(folder)).stdout
    assert "diary_notes" in told
    made = folder / "diary-notes"
    pip = ("-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation", "--no-index")
    run(made, *pip, "--target", str(made / "site"), str(made))
    (made / "src").rename(made / "away")  # from now on only the installed one can be found
    return made


def test_it_is_installed(package: Path) -> None:
    told = run(package, "-m", "archgraph", "list", "plugins")
    assert "diary-notes 0.1.0" in told and "diary_notes:DiaryNotes" in told


def test_its_tests_pass(package: Path) -> None:
    told = run(package, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests")
    passed = int(told.split(" passed")[0].split()[-1])
    assert passed >= 80


def test_its_matrix_is_printed(package: Path) -> None:
    contract = "tests/test_diary_notes.py:TestDiaryNotes"
    assert contract in (package / "README.md").read_text()
    told = run(package, "-m", "archgraph.testing", contract)
    assert ", 0 broken," in told and "durability" in told


def test_its_example_passes_check_and_talks(package: Path) -> None:
    example = "example/diary_notes_example.yaml"
    assert "no problems" in run(package, "-m", "archgraph", "check", example)
    (package / "script.yaml").write_text(
        "- call: note\n  arguments: {text: Nadia keeps bees.}\n"
        "- call: send_message\n  arguments: {message: I will remember.}\n"
    )
    model = ("--set", "threads.main.model=scripted/script.yaml", "--agent", "a.db")
    sent = run(package, "-m", "archgraph", "send", example, "I keep bees.", *model)
    assert "I will remember." in sent
    assert "Nadia keeps bees." in run(package, "-m", "archgraph", "blame", "a.db", "notes")
    told = run(package, "-m", "archgraph", "send", example, "I keep bees.").strip()
    assert told == "I'll remember that."  # once: the reply ends the turn


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("json", "a module of Python's"),
        ("block", "a store type 'block' already, of archgraph"),
        ("1st", "cannot be a name"),
        ("a/b", "cannot be a name"),
    ],
)
def test_a_name_that_cannot_be_used_is_refused(name: str, why: str, tmp_path: Path) -> None:
    told = commands.invoke("new", "plugin", name, "--folder", str(tmp_path), code=1)
    assert why in told.stderr and not list(tmp_path.iterdir())


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    commands.invoke("new", "plugin", "mine", "--folder", str(tmp_path))
    (tmp_path / "mine" / "README.md").write_text("changed")
    again = commands.invoke("new", "plugin", "mine", "--folder", str(tmp_path), code=1)
    assert "is there already" in again.stderr
    assert (tmp_path / "mine" / "README.md").read_text() == "changed"
