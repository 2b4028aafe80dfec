"""The command as a whole: its overview, its faults, its exit codes, how little it loads."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import click
import pytest

from archgraph.cli import main
from tests.cli import commands

HEAVY = {"jinja2", "litellm", "networkx", "numpy", "pydantic", "rich", "yaml", "sqlite_utils"}

NAMES = [name for section in main.SECTIONS.values() for name in section]


def test_help_loads_nothing_heavy_and_no_command(tmp_path: Path) -> None:
    code = (
        "import sys, json\n"
        "from archgraph.cli import main\n"
        "sys.argv = ['archgraph', '--help']\n"
        "try:\n    main.run()\n"
        "except SystemExit as end:\n    assert not end.code\n"
        "sys.stderr.write(json.dumps(sorted(sys.modules)))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    loaded = set(json.loads(result.stderr))
    assert "Design:" in result.stdout
    assert {name.partition(".")[0] for name in loaded}.isdisjoint(HEAVY)
    ours = {name for name in loaded if name.startswith("archgraph.cli.")}
    assert ours == {"archgraph.cli.main"}


@pytest.mark.parametrize("name", NAMES)
def test_help_of_a_command_loads_no_engine(name: str, tmp_path: Path) -> None:
    code = (
        "import sys, json\n"
        "from archgraph.cli import main\n"
        f"sys.argv = ['archgraph', '{name}', '--help']\n"
        "try:\n    main.run()\n"
        "except SystemExit as end:\n    assert not end.code\n"
        "sys.stderr.write(json.dumps(sorted(sys.modules)))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    tops = {module.partition(".")[0] for module in json.loads(result.stderr)}
    assert tops.isdisjoint(HEAVY)


@pytest.mark.parametrize("name", NAMES)
def test_overview_says_what_the_command_says_of_itself(name: str) -> None:
    """The overview's lines are written apart from the commands, so that none is imported."""
    context = click.Context(main.cli)
    command = main.cli.get_command(context, name)
    assert command is not None and command.name == name
    overview = next(section[name][1] for section in main.SECTIONS.values() if name in section)
    first = (command.help or "").split("\n")[0]
    assert first.split()[0] == overview.split()[0]
    assert len(overview) <= 64


def test_unknown_command_offers_the_nearest() -> None:
    assert 'did you mean "journal"?' in commands.invoke("jurnal", code=2).stderr


def test_usage_faults_end_with_2() -> None:
    commands.invoke("send", code=2)
    commands.invoke("journal", "x.db", "--window", code=2)
    commands.invoke("show", "memgpt", "--format", "png", code=2)


def test_version() -> None:
    assert commands.invoke("--version").stdout.startswith("archgraph 0")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("send", "memgtp", "hi"), "no architecture 'memgtp'; did you mean \"memgpt\"?"),
        (("send", "nadia.db", "hi"), "archgraph chat memgpt --agent nadia.db"),
        (("journal", "nadia.db"), "there is no agent nadia.db"),
        (("send", "memgpt", "hi", "--set", "core_limt=5"), 'did you mean "core_limit"?'),
        (("send", "memgpt", "hi", "--set", "core_limit=many"), "--set core_limit=many"),
        (("feed", "memgpt", "nothing.jsonl", "--agent", "n.db"), "cannot read nothing.jsonl"),
        (("diff", "memgpt", "nothing.db"), "there is no agent nothing.db"),
    ],
)
def test_faults_of_the_user_are_told_without_traceback(
    arguments: tuple[str, ...], told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = commands.invoke(*arguments, code=1)
    assert told in result.stderr
    assert "Traceback" not in result.stderr
    assert result.stdout == ""
    assert list(tmp_path.iterdir()) == []


def test_not_an_agent(tmp_path: Path) -> None:
    text, other, damaged = tmp_path / "a.db", tmp_path / "b.db", tmp_path / "c.db"
    text.write_text("hello", encoding="utf-8")
    assert "not an agent's file" in commands.invoke("journal", str(text), code=1).stderr
    other.write_bytes(b"SQLite format 3\x00" + bytes(4096))
    commands.invoke("journal", str(other), code=1)
    commands.invoke("send", "memgpt", "hi", "--agent", str(damaged))
    whole = damaged.read_bytes()
    damaged.write_bytes(whole[:4096] + bytes(len(whole) - 4096))
    result = commands.invoke("journal", str(damaged), code=1)
    assert "cannot be" in result.stderr and "Traceback" not in result.stderr


def test_broken_pipe_is_quiet(tmp_path: Path) -> None:
    with commands.running("list", "verbs", folder=tmp_path) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == ""


def test_a_warning_is_told_without_the_code_that_gave_it(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(
        "extends: memgpt\nname: mine\nstores: {archival: {backend: file, path: facts.jsonl}}\n"
    )
    (tmp_path / "facts.jsonl").write_text("no JSON\n")
    command = [*commands.ARGV, "send", "mine.yaml", "hi"]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    told = [line for line in ended.stderr.splitlines() if "facts.jsonl:1" in line]
    assert len(told) == 1 and told[0].startswith("warning: ")
    assert "UserWarning" not in ended.stderr and "warnings.warn" not in ended.stderr
