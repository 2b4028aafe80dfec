"""Sixty-four architectures that a researcher might have broken, each told with place and remedy.

The files in `seeded/` were written from the docs alone, one fault each, before anyone looked at the
loader; `index.yaml` holds what a reader of the docs expects. `pytest -s` prints the table by class.
"""

from __future__ import annotations

import re
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from archgraph import errors
from archgraph.graph import check
from archgraph.spec import codes

HERE = Path(__file__).parent / "seeded"
CASES: list[dict[str, Any]] = yaml.safe_load((HERE / "index.yaml").read_text(encoding="utf-8"))
BY_DESIGN = {"store-doubt"}  # what the file back-end gives up is always said

_table: dict[str, Counter[str]] = {}


@dataclass(frozen=True)
class Seeded:
    """A broken file in a folder of its own, what was told of it, and what was expected."""

    case: dict[str, Any]
    folder: Path
    told: list[errors.Problem]

    @property
    def first(self) -> errors.Problem:
        """The problem that was expected, or the first one of that code."""
        of_code = [each for each in self.told if each.code == self.case["code"]]
        assert of_code, [str(each) for each in self.told]
        return next((each for each in of_code if each.line == self.case["line"]), of_code[0])

    @property
    def broken(self) -> Path:
        """The file that holds the fault: the one that was checked, a parent or a template."""
        return self.folder / self.case.get("in", self.case["file"])

    def count(self, what: str) -> None:
        """Note for the table that this file passed a test."""
        _table.setdefault(str(self.case["file"])[:2].upper(), Counter())[what] += 1


@pytest.fixture(params=CASES, ids=lambda case: str(case["file"])[:-5])
def seeded(request: pytest.FixtureRequest, tmp_path: Path) -> Seeded:
    """One broken file, checked."""
    shutil.copytree(HERE, tmp_path, dirs_exist_ok=True)
    return Seeded(request.param, tmp_path, _check(tmp_path / request.param["file"]))


@pytest.fixture(scope="module", autouse=True)
def table() -> Iterator[None]:
    """Print by class how many of the tests each file passed."""
    yield
    columns = ("reported", "right place", "alone", "suggested", "repaired")
    asked = Counter(str(case["file"])[:2].upper() for case in CASES if "suggest" in case)
    print("\nclass  files  " + "  ".join(columns))
    for name, row in sorted(_table.items()):
        files = sum(str(case["file"])[:2].upper() == name for case in CASES)
        cells = [f"{row[each]}/{asked[name] if each == 'suggested' else files}" for each in columns]
        print(f"{name:<7}{files:<7}" + "  ".join(map(str.ljust, cells, map(len, columns))))


def test_it_is_reported_where_it_stands_and_nothing_else_is(seeded: Seeded) -> None:
    found = seeded.first
    assert found.severity == "error"
    assert found.code in codes.CODES
    assert found.remedy
    assert seeded.case["says"] in f"{found.message}; {found.remedy}"
    seeded.count("reported")
    expected = (str(seeded.broken), seeded.case["line"], seeded.case["column"])
    assert (found.file, found.line, found.column) == expected
    seeded.count("right place")
    places = {(each.code, each.file, each.line) for each in seeded.told}
    assert places == {(found.code, found.file, found.line)}, [str(each) for each in seeded.told]
    seeded.count("alone")


def test_the_suggestion_put_in_its_place_repairs_it(seeded: Seeded) -> None:
    if "suggest" not in seeded.case:
        return
    found = seeded.first
    meant = re.search(r'did you mean "(.+?)"\?', found.remedy)
    assert meant is not None, str(found)
    assert meant[1] == seeded.case["suggest"]
    seeded.count("suggested")
    lines = seeded.broken.read_text(encoding="utf-8").split("\n")
    line = lines[found.line - 1]
    before, after = line[: found.column - 1], line[found.column - 1 :]
    lines[found.line - 1] = before + after.replace(seeded.case["says"], meant[1], 1)
    seeded.broken.write_text("\n".join(lines), encoding="utf-8")
    assert _check(seeded.folder / seeded.case["file"]) == []


def test_the_remedy_followed_leaves_nothing_to_say(seeded: Seeded) -> None:
    lines: list[str | None] = list(seeded.broken.read_text(encoding="utf-8").splitlines())
    for number, text in seeded.case["fix"].items():
        lines[number - 1] = text
    kept = "\n".join(line for line in lines if line is not None)
    seeded.broken.write_text(kept + "\n", encoding="utf-8")
    assert _check(seeded.folder / seeded.case["file"]) == []
    seeded.count("repaired")


def _check(file: Path) -> list[errors.Problem]:
    return [each for each in check.check(file) if each.code not in BY_DESIGN]
