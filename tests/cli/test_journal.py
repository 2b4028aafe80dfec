"""journal, blame and fork: looking at an agent, also while another process writes to it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from archgraph import api
from archgraph.llm import scripted
from tests.cli import commands
from tests.runtime import test_pipelines


@pytest.fixture
def file(tmp_path: Path) -> str:
    """An agent of two turns; the first noted something and replied."""
    model = commands.script(
        tmp_path, commands.notes("Keeps bees."), commands.says("Noted."), commands.says("Bees.")
    )
    path = str(tmp_path / "nadia.db")
    said = "I keep bees.\nWhat do I keep?\n"
    commands.invoke("chat", "memgpt", "--agent", path, "--model", model, "-q", said=said)
    return path


def test_journal_lists_turns_and_steps(file: str) -> None:
    lines = commands.invoke("journal", file).stdout.splitlines()
    assert lines[0].startswith("memgpt: 2 turns, 3 steps, ")
    assert [line.split()[:2] for line in lines[2:5]] == [["1", "1"], ["2", "1"], ["3", "2"]]
    assert "core_memory_append" in lines[2] and "send_message" in lines[3]
    whole = commands.invoke_json("journal", file)
    assert [step["calls"][0]["name"] for step in whole["steps"]] == [
        "core_memory_append", "send_message", "send_message",
    ]  # fmt: skip
    assert all(step["calls"][0]["ok"] for step in whole["steps"])
    assert 0 < whole["steps"][1]["prefix"] <= 1


def test_journal_of_a_turn_and_a_step(file: str) -> None:
    turn = commands.invoke("journal", file, "--turn", "1").stdout
    assert "user: I keep bees." in turn and "step 1 of turn 1" in turn and "step 2" in turn
    step = commands.invoke("journal", file, "--step", "1").stdout
    assert '→ core_memory_append(name="human", content="Keeps bees.")' in step
    assert "thought: Worth keeping." in step and "ok: Appended." in step
    plain = commands.invoke_json("journal", file, "--turn", "2")
    assert plain["said"] == ["What do I keep?"] and len(plain["steps"]) == 1


def test_journal_of_what_is_not_there(file: str) -> None:
    assert "the last is 3" in commands.invoke("journal", file, "--step", "9", code=1).stderr
    assert "the last is 2" in commands.invoke("journal", file, "--turn", "9", code=1).stderr
    commands.invoke("journal", file, "--step", "9", "--window", code=1)


def test_window_is_what_the_model_was_sent(tmp_path: Path) -> None:
    file = str(tmp_path / "a.db")
    gateway = scripted.Scripted(
        [scripted.call("send_message", inner_thoughts="é “quoted”", message=text) for text in "abc"]
    )
    with api.open_agent("memgpt", file, gateway=gateway) as agent:
        for text in ("first\nline", "日本", "third"):
            agent.send(text)
    for number, request in enumerate(gateway.requests, 1):
        shown = commands.invoke_json("journal", file, "--step", str(number), "--window")
        assert shown["messages"] == list(request.messages)
        assert shown["tools"] == list(request.tools)
        assert shown["model"] == request.model
        read = commands.invoke("journal", file, "--step", str(number), "--window").stdout
        assert str(request.messages[0]["content"]) in read


def test_failed_steps_and_calls_are_told(tmp_path: Path) -> None:
    file = str(tmp_path / "a.db")
    bad = {"call": "core_memory_append", "arguments": {"name": "nobody", "content": "x"}}
    model = commands.script(tmp_path, bad)
    commands.invoke("send", "memgpt", "hi", "--agent", file, "--model", model, code=3)
    shown = commands.invoke("journal", file).stdout
    assert "core_memory_append (failed)" in shown and "failed: the script is over" in shown
    assert "failed: " in commands.invoke("journal", file, "--step", "1").stdout


def test_one_process_writes_while_others_read(tmp_path: Path) -> None:
    file = str(tmp_path / "a.db")
    with commands.running("chat", "memgpt", "--agent", "a.db", "-q", folder=tmp_path) as process:
        assert process.stdin is not None and process.stdout is not None
        assert process.stderr is not None
        process.stdin.write("I keep bees.\n")
        process.stdin.flush()
        while not (line := process.stdout.readline()).startswith("memgpt: "):
            assert line, process.stderr.read()
        assert len(commands.invoke_json("journal", file)["turns"]) == 1
        assert "bees" in commands.invoke("blame", file, "human").stdout
        assert "memgpt" in commands.invoke("show", file).stdout
        refused = commands.invoke("send", file, "hi", code=1)
        assert f"being written to by process {process.pid}" in refused.stderr
        commands.invoke("fork", file, str(tmp_path / "b.db"))
        out, err = process.communicate("What do I keep?\n")
        assert process.returncode == 0, err
    assert "bees" in out
    assert len(commands.invoke_json("journal", file)["turns"]) == 2
    assert len(commands.invoke_json("journal", str(tmp_path / "b.db"))["turns"]) == 1


def test_blame(file: str) -> None:
    assert "Keeps bees." in commands.invoke("blame", file, "human").stdout
    rows = commands.invoke_json("blame", file, "human")
    assert [(row["line"], row["step"], row["message"]) for row in rows] == [
        ("Keeps bees.", 1, "I keep bees.")
    ]
    persona = commands.invoke("blame", file, "persona").stdout
    assert "at the start" in persona
    assert 'did you mean "human"?' in commands.invoke("blame", file, "humn", code=1).stderr
    assert commands.invoke("blame", file, "archival").stdout == "archival is empty\n"
    view = commands.invoke("blame", file, "window", code=1).stderr
    assert "window is a view over recall: ask who wrote recall instead" in view


def test_a_long_line_does_not_widen_the_others(tmp_path: Path) -> None:
    file = str(tmp_path / "long.db")
    commands.invoke("send", "memgpt", "I keep " + "bees " * 300, "--agent", file)
    lines = commands.invoke("blame", file, "recall").stdout.splitlines()
    assert min(map(len, lines)) < 200 and max(map(len, lines)) > 1500


@pytest.fixture
def piped(tmp_path: Path) -> str:
    """An agent whose pipeline read a message, made two facts of it, and wrote them."""
    steps = test_pipelines.READ + test_pipelines.EXTRACT + test_pipelines.WRITE
    steps += "      - {write: {to: profile, items: item}, each: found, when: found}\n"
    model = test_pipelines.Model(test_pipelines.facts("a", "b"))
    agent = test_pipelines.opened(tmp_path, steps, model)
    agent.send("Hello.")
    agent.work()
    agent.close()
    return str(tmp_path / "a.db")


def test_journal_shows_each_operator(piped: str) -> None:
    """Also those that ask no model; what `each` did is one line."""
    shown = commands.invoke("journal", piped).stdout.splitlines()[2:-1]
    said = [line.partition("operator")[2].split("  ")[1] for line in shown if "operator" in line]
    told = ["read: 1 item", "extract: 2 items", "write: 2 items"]
    assert said[:3] == told and said[3].startswith("write, 2 times")
    assert [line.split()[0] for line in shown if "extract" in line] == ["2"]
    plain = commands.invoke_json("journal", piped)["operators"]
    assert [each["operator"] for each in plain] == ["read", "extract", "write", "write", "write"]
    assert [each["step"] for each in plain] == [None, 2, None, None, None]


def test_blame_names_the_operator_and_its_time(piped: str) -> None:
    rows = commands.invoke_json("blame", piped, "facts")
    assert [(row["line"], row["operator"]) for row in rows] == [("a", "write"), ("b", "write")]
    assert "at the start" not in commands.invoke("blame", piped, "profile").stdout
    assert "a message" in commands.invoke("blame", piped, "recall").stdout


def test_blame_tells_what_has_ended(tmp_path: Path) -> None:
    steps = (
        test_pipelines.READ
        + test_pipelines.EXTRACT
        + ("      - {write: {to: facts, items: found, set: {valid_to: '2024-05-01'}}}\n")
    )
    model = test_pipelines.Model(test_pipelines.facts("a"))
    agent = test_pipelines.opened(tmp_path, steps, model)
    agent.send("Hello.")
    agent.work()
    agent.close()
    shown = commands.invoke("blame", str(tmp_path / "a.db"), "facts").stdout
    assert shown.splitlines()[1].endswith("a (until 2024-05-01 00:00)")


def test_fork_at_a_step_has_the_memory_of_that_step(file: str, tmp_path: Path) -> None:
    new = str(tmp_path / "then.db")
    told = commands.invoke("fork", file, new, "--at", "1").stdout
    assert "as it was after step 1" in told and f"archgraph chat {new}" in told
    assert len(commands.invoke_json("journal", new)["steps"]) == 1
    assert len(commands.invoke_json("journal", file)["steps"]) == 3
    commands.invoke("fork", file, new, code=1)
    assert "exists already" in commands.invoke("fork", file, new, code=1).stderr


def test_fork_into_another_architecture(file: str, tmp_path: Path) -> None:
    new = str(tmp_path / "other.db")
    options = ("--architecture", "memgpt", "--model", "offline/extractive")
    assert "goes on as memgpt" in commands.invoke("fork", file, new, *options).stdout
    assert "bees" in commands.invoke("send", new, "What do I keep?").stdout
    assert json.loads(commands.invoke("blame", new, "human", "--json").stdout)


def test_reindex_keeps_what_is_found(tmp_path: Path) -> None:
    file = str(tmp_path / "a.db")
    commands.invoke("send", "memgpt", "My name is Nadia and I keep bees.", "--agent", file)
    before = commands.invoke_json("journal", file)
    told = commands.invoke("reindex", file).stdout
    assert told.startswith("indexed ") and file in told
    assert commands.invoke_json("journal", file) == before
    assert "Nadia" in commands.invoke("send", file, "What is my name?").stdout
    missing = commands.invoke("reindex", str(tmp_path / "no.db"), code=1).stderr
    assert "there is no agent" in missing


def test_an_agent_tells_how_another_form_of_it_is_made(file: str, tmp_path: Path) -> None:
    """The command that is told is the one that does it."""
    new = str(tmp_path / "other.db")
    told = commands.invoke("send", file, "hi", "--model", "scripted/echo", code=1).stderr
    command = f"fork {file} NEW.db --architecture memgpt --set model=scripted/echo"
    assert command in told
    refused = commands.invoke("fork", file, new, "--model", "scripted/echo", code=2).stderr
    assert command.replace("NEW.db", new).partition(" --set")[0] in refused
    commands.invoke(*command.replace("NEW.db", new).split())


def test_a_file_that_holds_something_else_is_told(file: str) -> None:
    told = commands.invoke("send", "fixed_window", "hi", "--agent", file, code=1).stderr
    assert "holds a memgpt, not a fixed_window" in told
    varied = ("--set", "core_limit=900")
    told = commands.invoke("send", "memgpt", "hi", "--agent", file, *varied, code=1).stderr
    assert "another form of 'memgpt'" in told and "--set core_limit=900`" in told
