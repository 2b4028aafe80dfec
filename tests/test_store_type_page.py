"""The store type of the how-to page is installed as its reader would, and used."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from archgraph.tools import base as tools
from tests import pages

PAGE = pages.DOCS / "howto" / "write-a-store-type.md"


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the page's files, and `site` where its package is installed."""
    if importlib.util.find_spec("hatchling") is None:
        pytest.skip("needs hatchling, which builds the package of the page")
    folder = tmp_path_factory.mktemp("package")
    for block in pages.blocks(PAGE):
        file = folder / block.option("title")
        file.parent.mkdir(exist_ok=True)
        file.write_text(block.text, encoding="utf-8")
    pip = ("-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation", "--no-index")
    run(folder, *pip, "--target", str(folder / "site"), str(folder))
    (folder / "scratch.py").unlink()  # from now on only the installed one can be found
    return folder


def run(folder: Path, *arguments: str) -> str:
    environ = {**os.environ, "PYTHONPATH": str(folder / "site")}
    command = [sys.executable, *arguments]
    result = subprocess.run(
        command, cwd=folder, env=environ, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, f"{command}\n{result.stdout}\n{result.stderr}"
    return result.stdout


def archgraph(folder: Path, *arguments: str) -> str:
    return run(folder, "-m", "archgraph", *arguments)


def test_it_is_a_type_like_ours(package: Path) -> None:
    assert "archgraph-scratch 0.1.0" in archgraph(package, "list", "plugins")
    assert "keep" in archgraph(package, "schema")
    assert "no problems" in archgraph(package, "check", "jotter.yaml")


def test_pages_measures_and_events_keep_the_contract(package: Path) -> None:
    groups = [f"--group={name}" for name in ("paging", "measures", "events", "verbs", "limits")]
    told = run(package, "-m", "archgraph.testing", "listed:Listed", *groups)
    assert ", 0 broken," in told
    assert "  kept    Pages of a listing together" in told
    told = run(package, "-m", "archgraph.testing", "test_scratch.py:TestScratch", "--group=events")
    assert ", 0 broken," in told


def test_its_notes_are_kept_shown_and_blamed(package: Path) -> None:
    calls = [f"- call: jot\n  arguments: {{note: Note {number}.}}\n" for number in range(4)]
    said = "- call: send_message\n  arguments: {message: Done.}\n"
    (package / "script.yaml").write_text("".join([*calls, said]))
    with_script = ("--set", "threads.main.model=scripted/script.yaml", "--agent", "a.db")
    assert "Done." in archgraph(package, "send", "jotter.yaml", "Hello", *with_script)
    shown = archgraph(package, "blame", "a.db", "pad")
    assert "Note 3." in shown and "Note 1." in shown and "Note 0." not in shown


def test_it_passes_the_contract(package: Path) -> None:
    run(package, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_scratch.py")


def test_a_verb_needs_no_brackets() -> None:
    class Small:
        @tools.verb
        def look(self) -> str:
            """Look around."""
            return ""

    (found,) = tools.verbs_of(Small).values()
    assert (found.name, found.reads, found.writes) == ("look", False, False)


def test_the_example_is_short() -> None:
    block = next(b for b in pages.blocks(PAGE) if b.option("title") == "scratch.py")
    code = [line for line in block.text.splitlines() if line.strip()]
    assert len(code) <= 40
