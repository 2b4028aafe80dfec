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
from archgraph.spec import codes, load

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


def test_all_faults_of_a_file_are_told_in_one_pass() -> None:
    file = HERE / "all_at_once.yaml"
    lines = enumerate(file.read_text(encoding="utf-8").splitlines(), 1)
    expected = [(number, line.partition("# ")[2].split()) for number, line in lines if "# " in line]
    told = {each.line: each for each in _check(file)}
    assert len(expected) >= 38
    assert list(told) == [number for number, _ in expected]
    assert [told[number].code for number, _ in expected] == [words[0] for _, words in expected]
    for number, (_, *meant) in expected:
        assert all(f'did you mean "{name}"?' in told[number].remedy for name in meant)


@pytest.mark.parametrize(
    ("text", "places"),
    [
        # what stands behind a wrong item of a list keeps its place
        ("extends: memgpt\nthreads:\n  main:\n    triggers:\n      - 7\n      - {evry: 3 m}\n"
         "      - {event: window.presure}\n      - user_message\n",
         ["6:9 triggers[0]", "7:10 triggers[1].evry", "7:16 triggers[1].every",
          "8:17 triggers[2].event"]),
        # a thread without a window is still looked at
        ("extends: memgpt\nthreads:\n  main:\n    context_window: 8k\n    tools: [send_mesage]\n",
         ["5:21 context_window", "6:13 tools[0]"]),
        # what is extended cannot be found: only what is wrong in any case is told
        ("extends: nothing_like_it\nthreads:\n  main:\n    refresh: turns\n    log: recall\n",
         ["2:10 extends", "5:14 refresh"]),
        # a misspelt name of what is extended is read as it was meant
        ("extends: memgtp\nthreads:\n  main:\n    log: recal\n", ["2:10 extends", "5:10 log"]),
        # a template is not blamed for a misspelt context
        ("extends: memgpt\nthreads:\n  main:\n    context: [persona, humn, summary, window]\n",
         ["5:24 context[1]"]),
    ],
)  # fmt: skip
def test_places_do_not_move_and_nothing_echoes(
    text: str, places: list[str], tmp_path: Path
) -> None:
    file = tmp_path / "x.yaml"
    file.write_text("archgraph: 1\n" + text + "name: x\n", encoding="utf-8")
    told = [
        f"{each.line}:{each.column} {each.path.removeprefix('threads.main.')}"
        for each in _check(file)
    ]
    assert told == places


UNPROVEN = ("full_context", "oracle_evidence")
"""Reference arms that say `overflow: fail`."""


@pytest.mark.parametrize("name", load.names())
def test_no_shipped_architecture_is_complained_about(name: str) -> None:
    told = [each.code for each in check.check(name)]
    assert told == (["budget-unproven"] if name in UNPROVEN else [])


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("{{ counts.recal }}", 'did you mean "recall"?'),
        ("{% for t in tools | sort %}{{ t.verbs }}{% endfor %}", 'did you mean "verb"?'),
        ("{{ counts.recall }} {{ counts.attic | default(0) }} {{ counts.items() | length }}", ""),
        (
            "{{ human | default('') }}{% if counts.x is defined %}{{ counts.x }}{% endif %}",
            "",
        ),
        ("{% if now %}", "write {% endif %}"),
        ("{{ now", "end each {{ with }}"),
        ("{% fro tool in tools %}", "use a tag of jinja2"),
        ("{{ now | uper }}", 'did you mean "upper"?'),
        ("{{ now | xyzzy }}", "use a filter of jinja2"),
        ("{% if now is defned %}{% endif %}", 'did you mean "defined"?'),
    ],
)
def test_templates_are_answered_with_a_cure(template: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "prompts").mkdir()
    (tmp_path / "prompts" / "x.jinja2").write_text(template, encoding="utf-8")
    file = tmp_path / "x.yaml"
    text = "archgraph: 1\nextends: fixed_window\nname: x\nthreads: {main: {prompt: x.jinja2}}\n"
    file.write_text(text, encoding="utf-8")
    told = _check(file)
    assert [said in each.remedy for each in told] == ([True] if said else []), told


def _check(file: Path) -> list[errors.Problem]:
    return [each for each in check.check(file) if each.code not in BY_DESIGN]
