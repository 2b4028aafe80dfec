"""The package's face: the names that are public, and how little they cost to import."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import archgraph
from archgraph import errors
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
    public = set(archgraph.__all__)
    exceptions = {name for name in public if name in errors.__all__}
    assert public - exceptions == documented_face()
    assert sorted(public) == sorted(archgraph.__all__), "a name stands twice in __all__"
    for name in public:
        assert getattr(archgraph, name) is not None


def test_every_exception_is_at_the_face() -> None:
    exceptions = {
        name
        for name in errors.__all__
        if isinstance(value := getattr(errors, name), type) and issubclass(value, Exception)
    }
    assert exceptions <= set(archgraph.__all__)


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
