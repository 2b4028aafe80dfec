"""What the pages show is what happens: their code, files and commands are run, page by page.

The blocks of one page run in order in one empty folder: a block with `title=NAME` becomes that
file, a Python block shares its names with the next, a console block's commands are run and their
output compared, where `...` stands for anything. A YAML block that `needs=` a package is checked by
the test that installs it.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import archgraph
from tests import pages
from tests.conftest import ROOT

RUN = ("python", "yaml", "console")


def runnable(page: Path) -> bool:
    return any(block.language in RUN for block in pages.blocks(page))


@pytest.mark.parametrize(
    "page",
    [page for page in pages.all_pages() if runnable(page)],
    ids=lambda page: str(page.relative_to(ROOT)),
)
def test_page_is_true(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    namespace: dict[str, Any] = {"__name__": "page"}
    for block in pages.blocks(page):
        # files first: a YAML block may name a template that stands below it
        write_file(block)
    for block in pages.blocks(page):
        place = f"{page.relative_to(ROOT)}:{block.line}"
        if block.language == "python":
            # empty lines in front make tracebacks point into the page
            exec(compile("\n" * block.line + block.text, str(page), "exec"), namespace)
        elif block.language == "yaml" and not block.option("needs"):
            check_yaml(block, place)
        elif block.language == "console":
            run_console(block, place)


def write_file(block: pages.Block) -> None:
    if title := block.option("title"):
        Path(title).parent.mkdir(parents=True, exist_ok=True)
        Path(title).write_text(block.text, encoding="utf-8")


def check_yaml(block: pages.Block, place: str) -> None:
    name = block.option("title")
    if not name:
        name = f"block_{block.line}.yaml"
        Path(name).write_text(block.text, encoding="utf-8")
    if is_architecture(block.text):
        problems = [str(p) for p in archgraph.check(name) if p.severity == "error"]
        assert bool(problems) == ("broken" in block.info.split()), f"{place}: {problems}"


def is_architecture(text: str) -> bool:
    first = next((line for line in text.splitlines() if not line.startswith("#")), "")
    return first.startswith(("archgraph: 1", "extends:"))


def run_console(block: pages.Block, place: str) -> None:
    expected_exit = int(block.option("exit") or 0)
    for command, output in commands(block.text):
        arguments = shlex.split(command, comments=True)
        if arguments[0] == "archgraph":
            arguments = [sys.executable, "-m", "archgraph", *arguments[1:]]
        elif arguments[0] == "python":
            arguments[0] = sys.executable
        result = subprocess.run(
            arguments,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        shown = f"{place}: $ {command}\n{result.stdout}"
        assert result.returncode == expected_exit, shown
        if output.strip():
            assert matches(output, result.stdout), f"{shown}\nthe page says:\n{output}"


def commands(text: str) -> list[tuple[str, str]]:
    """The commands of a console block, each with the output that stands below it."""
    parts = re.split(r"^\$ ", text, flags=re.MULTILINE)
    found = []
    for part in parts[1:]:
        command, _, output = part.replace("\\\n", " ").partition("\n")
        found.append((command, output))
    return found


def matches(expected: str, actual: str) -> bool:
    """Whether output is as shown; `...` stands for anything within a line, alone for any lines."""
    pattern = ""
    for line in expected.strip("\n").splitlines():
        if line.strip() == "...":
            pattern += r"(?:.*\n)*"
        else:
            pattern += re.escape(line.rstrip()).replace(re.escape("..."), ".*") + r"[ ]*\n"
    clean = "".join(line.rstrip() + "\n" for line in actual.strip("\n").splitlines())
    return re.fullmatch(pattern, clean) is not None


def test_output_is_really_compared() -> None:
    assert matches("a\n...\nd\n", "a\nb\nc\nd\n")
    assert matches("took ... ms\n", "took 12 ms\n")
    assert not matches("a\nd\n", "a\nb\nd\n")
    assert not matches("a\n", "b\n")


def test_console_blocks_are_split_into_commands() -> None:
    text = "$ archgraph list\nmemgpt\n$ archgraph check \\\n    memgpt\n"
    assert commands(text) == [("archgraph list", "memgpt\n"), ("archgraph check      memgpt", "")]
