"""The package's face: the names that are public, and how little they cost to import."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

import archgraph
from tests.conftest import ROOT

HEAVY = ("jinja2", "litellm", "networkx", "numpy", "sqlite_utils", "tiktoken", "tokenizers")

REPORT = "import json, sys; sys.stderr.write('loaded=' + json.dumps(sorted(sys.modules)))"


def loaded_by(code: str, folder: Path) -> set[str]:
    """Top names of the modules that a fresh process has loaded after running `code`."""
    result = subprocess.run(
        [sys.executable, "-c", f"{code}\n{REPORT}"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    modules = json.loads(result.stderr.rpartition("loaded=")[2])
    return {name.partition(".")[0] for name in modules}


def documented_face() -> set[str]:
    """The names that docs/reference/python.md gives a heading `archgraph.<name>`."""
    page = (ROOT / "docs" / "reference" / "python.md").read_text(encoding="utf-8")
    return set(re.findall(r"^#+ `archgraph\.(\w+)", page, re.MULTILINE))


def test_face_is_what_is_documented() -> None:
    assert set(archgraph.__all__) == documented_face()
    assert len(set(archgraph.__all__)) == len(archgraph.__all__)


def test_every_name_of_the_face_is_there() -> None:
    for name in archgraph.__all__:
        assert getattr(archgraph, name) is not None


def test_no_other_name_is_there() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        archgraph.nothing  # noqa: B018


def test_import_is_light(tmp_path: Path) -> None:
    assert loaded_by("import archgraph", tmp_path).isdisjoint(HEAVY)


def test_help_is_light(tmp_path: Path) -> None:
    code = (
        "import sys, runpy\n"
        "sys.argv = ['archgraph', '--help']\n"
        "try:\n    runpy.run_module('archgraph', run_name='__main__')\n"
        "except SystemExit as end:\n    assert not end.code, end.code\n"
    )
    loaded = loaded_by(code, tmp_path)
    assert "click" in loaded
    assert loaded.isdisjoint(HEAVY)


def test_a_heavy_import_would_be_noticed(tmp_path: Path) -> None:
    assert "networkx" in loaded_by("import archgraph, networkx", tmp_path)
