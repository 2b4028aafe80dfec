"""check, show, diff, schema, list and doctor."""

from __future__ import annotations

import json
import re
from pathlib import Path
from xml.etree import ElementTree

import jsonschema
import pytest
import yaml

from archgraph import errors
from archgraph.cli import machine, problems
from archgraph.spec import load
from tests.cli import commands

BROKEN = """\
archgraph: 1
name: broken
stores:
  notes:  {type: blok, limit: 1000}
  recall: {type: log}
tools:
  send_message: {verb: reply}
  note: {verb: append, stores: [nots]}
threads:
  main:
    model: offline/extractive
    context_window: 4096
    log: recall
    prompt: plain/main.jinja2
    context: [recal]
    tools: all
    triggers: [user_message]
"""


def test_check_tells_all_problems_each_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "broken.yaml"
    file.write_text(BROKEN, encoding="utf-8")
    lines = commands.invoke("check", str(file), code=1).stdout.splitlines()
    for line, column, hint in ((4, 18, "block"), (8, 33, "notes"), (15, 15, "recall")):
        at = next(n for n, text in enumerate(lines) if text.startswith(f"{file}:{line}:{column}  "))
        assert f'did you mean "{hint}"?' in lines[at]
        shown, caret = lines[at + 1], lines[at + 2]
        assert shown.endswith(BROKEN.splitlines()[line - 1])
        assert shown[caret.index("^") :] == shown.rpartition("| ")[2][column - 1 :]
    assert lines[-1] == f"{file}: 3 errors"


def test_check_says_the_same_as_json(tmp_path: Path) -> None:
    file = tmp_path / "broken.yaml"
    file.write_text(BROKEN, encoding="utf-8")
    found = commands.invoke_json("check", str(file), code=1)
    assert [(each["line"], each["severity"]) for each in found] == [
        (4, "error"), (8, "error"), (15, "error"),
    ]  # fmt: skip
    assert all(each["checked"] == str(file) and each["remedy"] for each in found)


def test_check_of_what_is_not_yaml(tmp_path: Path) -> None:
    file = tmp_path / "bad.yaml"
    file.write_text("name: [a,\nstores: }\x1b[31m\n", encoding="utf-8")
    result = commands.invoke("check", str(file), "--quiet", code=1)
    assert result.stdout.startswith(f"{file}:")
    assert "\x1b" not in commands.invoke("check", str(file), code=1).stdout


@pytest.mark.parametrize("name", load.names())
def test_every_shipped_architecture_can_be_checked_and_shown(name: str) -> None:
    commands.invoke("check", name)
    assert name in commands.invoke("show", name).stdout
    assert commands.invoke("show", name, "--format", "mermaid").stdout.startswith("flowchart")
    ElementTree.fromstring(commands.invoke("show", name, "--format", "svg").stdout)
    graph = json.loads(commands.invoke("show", name, "--format", "json").stdout)
    assert {node["kind"] for node in graph["nodes"]} >= {"thread", "store"}
    assert "context window" in commands.invoke("show", name, "--budget").stdout


def test_show_resolved_says_where_values_come_from() -> None:
    shown = commands.invoke(
        "show", "memgpt_released", "--resolved", "--set", "core_limit=777"
    ).stdout
    origin = {line.split()[0]: line.split()[1] for line in shown.splitlines()}
    assert "memgpt_released.yaml:" in origin["params.warn_at"]
    assert "/memgpt.yaml:" in origin["params.keep_last"]
    assert "--set" in next(text for text in shown.splitlines() if "params.core_limit" in text)


def test_show_budget_of_what_does_not_fit() -> None:
    shown = commands.invoke("show", "memgpt", "--budget", "--set", "context_window=3000")
    assert "too many" in shown.stdout
    commands.invoke("check", "memgpt", "--set", "context_window=3000", code=1)


@pytest.mark.parametrize("window", ["8192", "3000"])
def test_the_budget_adds_up_line_by_line(window: str) -> None:
    """Read from the text as a person would, and the same as JSON."""
    setting = f"context_window={window}"
    shown = commands.invoke("show", "memgpt", "--budget", "--set", setting).stdout
    numbers = [int(n.replace(",", "")) for n in re.findall(r"^ +([\d,]+) +[\d.]+%", shown, re.M)]
    *parts, total, left = numbers
    assert sum(parts) == total and left == abs(int(window) - total)
    (main,) = commands.invoke_json("show", "memgpt", "--budget", "--set", setting)
    assert [line["tokens"] for line in main["lines"]] == parts
    assert (main["total"], main["left"]) == (total, int(window) - total)
    assert main["fits"] == (total <= int(window))


def test_differences_as_a_drawing() -> None:
    drawn = commands.invoke("diff", "memgpt", "fixed_window", "--format", "svg").stdout
    ElementTree.fromstring(drawn)
    assert "ag-removed" in drawn
    chart = commands.invoke("diff", "memgpt", "fixed_window", "--format", "mermaid").stdout
    assert ":::removed" in chart


def test_differences_in_words() -> None:
    told = commands.invoke("diff", "memgpt", "fixed_window").stdout
    assert "main no longer sees persona, human and summary" in told
    assert "can no longer search archival (archival_memory_search)" in told
    assert "archival goes: a collection" in told
    assert "main: at most" in told


def test_show_an_agent(tmp_path: Path) -> None:
    file = str(tmp_path / "a.db")
    commands.invoke("send", "memgpt", "hi", "--agent", file)
    assert commands.invoke("show", file).stdout == commands.invoke("show", "memgpt").stdout
    commands.invoke("show", file, "--budget", code=1)


def test_diff() -> None:
    assert commands.invoke("diff", "memgpt", "memgpt").stdout == "no differences\n"
    told = commands.invoke("diff", "memgpt", "memgpt_released").stdout
    assert "warn_at of window: 0.7 → 0.75" in told and "Parameters: warn_at 0.7 → 0.75" in told
    changes = commands.invoke_json("diff", "memgpt", "fixed_window")
    assert {"how": "removed", "kind": "store", "name": "archival", "keys": []} in changes


def test_schema_accepts_what_is_shipped_and_refuses_what_is_broken() -> None:
    schema = json.loads(commands.invoke("schema").stdout)
    validator = jsonschema.validators.validator_for(schema)(schema)
    shipped = yaml.safe_load(load.find("memgpt").read_text(encoding="utf-8"))
    assert list(validator.iter_errors(shipped)) == []
    assert list(validator.iter_errors(yaml.safe_load(BROKEN)))


def test_list() -> None:
    assert "memgpt " in commands.invoke("list").stdout
    rows = commands.invoke_json("list", "architectures")
    assert {row["name"] for row in rows} == set(load.names())
    stores = {row["name"]: row for row in commands.invoke_json("list", "stores")}
    assert "append" in stores["block"]["verbs"]
    verbs = commands.invoke_json("list", "verbs")
    assert ("reply", "(none)", ["message"]) in [
        (each["verb"], each["store"], each["arguments"]) for each in verbs
    ]
    for kind in ("gateways", "embedders", "backends"):
        assert all(row["about"] for row in commands.invoke_json("list", kind))
    plugins = commands.invoke_json("list", "plugins")
    assert {row["state"] for row in plugins} == {"ok"}


def test_doctor_of_a_machine_that_can_run_us(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    found = {each["name"]: each for each in commands.invoke_json("doctor")}
    assert found["SQLite driver"]["ok"] and found["FTS5"]["ok"] and found["sqlite-vec"]["ok"]
    assert found["this folder"]["found"].endswith(str(tmp_path))
    assert list(tmp_path.iterdir()) == []
    assert "archgraph can run here" in commands.invoke("doctor").stdout


def test_doctor_of_a_folder_that_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    found = {each.name: each for each in machine.findings()}
    assert not found["this folder"].ok
    assert found["SQLite driver"].ok


@pytest.mark.parametrize("found", machine.findings(), ids=lambda found: found.name)
def test_what_is_missing_comes_with_a_remedy(found: machine.Finding) -> None:
    assert found.ok or found.remedy


@pytest.mark.parametrize("column", [1, 40, 400, 795])
def test_snippet_of_a_long_line_shows_the_column(column: int, tmp_path: Path) -> None:
    file = tmp_path / "long.yaml"
    text = "".join(f"{n:05}" for n in range(160))
    file.write_text(f"\n{text}\n", encoding="utf-8")
    problem = errors.Problem("x", "wrong", file=str(file), line=2, column=column)
    shown, caret = problems.snippet(problem, 80)
    assert len(shown) <= 80
    assert shown[caret.index("^") :].startswith(text[column - 1 : column + 2])


def test_snippet_of_wide_characters_and_tabs(tmp_path: Path) -> None:
    file = tmp_path / "wide.yaml"
    file.write_text("日本:\tx\n", encoding="utf-8")
    shown, caret = problems.snippet(errors.Problem("x", "w", file=str(file), line=1, column=5), 80)
    assert shown == "    1 | 日本: x"
    assert len(caret) == len(shown) + 2  # two characters of two columns each


def test_snippet_without_a_place() -> None:
    assert problems.snippet(errors.Problem("x", "wrong", file="--set a=b"), 80) == []


def test_show_resolved_of_an_agent_and_as_json(tmp_path: Path) -> None:
    file = str(tmp_path / "a.db")
    commands.invoke("send", "memgpt", "hi", "--agent", file, "--set", "core_limit=700")
    shown = commands.invoke("show", file, "--resolved").stdout.splitlines()
    assert next(line.split() for line in shown if "stores.human.limit" in line)[1:] == [file, "700"]
    rows = json.loads(commands.invoke("show", "memgpt", "--resolved", "--format", "json").stdout)
    assert {"place", "value", "from"} == set(rows[0])
    told = commands.invoke("show", file, "--budget", code=1).stderr
    assert "archgraph show memgpt --budget" in told


def test_show_budget_is_told_as_text_or_json() -> None:
    (main,) = json.loads(commands.invoke("show", "memgpt", "--budget", "--format", "json").stdout)
    assert main["total"] == sum(line["tokens"] for line in main["lines"]) and main["fits"]
    told = commands.invoke("show", "memgpt", "--budget", "--format", "svg", code=2).stderr
    assert "told as text or json, not as svg" in told
