"""send and feed."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.cli import commands
from tests.runtime import test_pipelines


def test_send_to_an_architecture_keeps_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = commands.invoke("send", "memgpt", "My name is Nadia and I keep bees.")
    assert result.stdout.strip() and result.stderr == ""
    assert list(tmp_path.iterdir()) == []


def test_send_goes_on_in_a_file(tmp_path: Path) -> None:
    file = str(tmp_path / "nadia.db")
    commands.invoke("send", "memgpt", "My name is Nadia and I keep bees.", "--agent", file)
    assert "Nadia" in commands.invoke("send", file, "What is my name?").stdout
    turn = commands.invoke_json("send", file, "And what do I keep?")
    assert turn["id"] == 3 and turn["status"] == "done" and turn["agent"] == file
    assert "bees" in turn["reply"]


def test_send_reads_standard_input(tmp_path: Path) -> None:
    model = commands.script(tmp_path, commands.says("heard"))
    file = str(tmp_path / "a.db")
    arguments = ("send", "memgpt", "-", "--model", model, "--agent", file)
    assert commands.invoke(*arguments, said="line 1\nline 2\n").stdout == "heard\n"
    assert "line 1\nline 2" in commands.invoke("journal", file, "--turn", "1").stdout


def test_a_background_run_that_failed_is_told(tmp_path: Path) -> None:
    """No turn shows it; send and feed end with the code for failures."""
    due = "    triggers: [{every: 1, of: main.turn, mode: background}]\n    steps:\n"
    wrong = "      - {write: {to: facts, content: '{{ said[0].nothing }}'}}\n"
    file = str(test_pipelines.write(tmp_path, test_pipelines.READ + wrong, due))
    agent, rows = str(tmp_path / "a.db"), tmp_path / "rows.jsonl"
    sent = commands.invoke("send", file, "Hello.", "--agent", agent, code=3)
    assert sent.stdout and "1 run in the background failed; the first: digest: " in sent.stderr
    assert "step 2, write" in sent.stderr
    rows.write_text('{"text": "a"}\n{"text": "b"}\n', "utf-8")
    fed = commands.invoke("feed", agent, str(rows), code=3)
    assert fed.stdout.startswith("2 rows: 2 new") and "2 runs in the background" in fed.stderr


@pytest.mark.parametrize("approve", [True, False])
def test_send_agrees_to_calls_only_when_it_is_told_to(approve: bool, tmp_path: Path) -> None:
    file = tmp_path / "asking.yaml"
    rule = "{heartbeat: {rules: {approval: [core_memory_append]}}}"
    file.write_text(f"extends: memgpt\nname: asking\nthreads: {{main: {rule}}}\n", "utf-8")
    model = commands.script(tmp_path, commands.notes("Bees."), commands.says("Done."))
    flags = ("--agent", str(tmp_path / "a.db"), *(["--approve"] if approve else []))
    result = commands.invoke("send", str(file), "hi", "--model", model, *flags)
    assert result.stdout == "Done.\n" and ("--approve gives it" in result.stderr) != approve
    told = commands.invoke("journal", str(tmp_path / "a.db"), "--turn", "1").stdout
    assert ("nobody can be asked here" in told) != approve


def test_send_tells_a_failed_turn(tmp_path: Path) -> None:
    model = commands.script(tmp_path)
    result = commands.invoke("send", "memgpt", "hi", "--model", model, code=3)
    assert result.stdout == ""
    assert "the turn failed: " in result.stderr and "the script is over" in result.stderr
    turn = json.loads(
        commands.invoke("send", "memgpt", "hi", "--model", model, "--json", code=3).stdout
    )
    assert turn["status"] == "failed" and turn["reply"] == ""


def test_model_and_set_are_for_new_agents(tmp_path: Path) -> None:
    file = str(tmp_path / "a.db")
    commands.invoke("send", "memgpt", "hi", "--agent", file)
    for extra in (("--model", "openai/x"), ("--set", "core_limit=500")):
        assert "fork" in commands.invoke("send", file, "hi", *extra, code=1).stderr
        commands.invoke("send", "memgpt", "hi", "--agent", file, *extra, code=1)
    assert "leave --agent out" in commands.invoke("send", file, "hi", "--agent", "b", code=1).stderr
    assert len(commands.invoke_json("journal", file)["turns"]) == 1


# feed


def transcript(folder: Path, count: int, name: str = "talk.jsonl") -> str:
    rows = [
        {"text": f"Fact {n}: the code of door {n} is {n * 7}.", "time": f"2023-05-{n + 1:02}T10:00"}
        for n in range(count)
    ]
    path = folder / name
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return str(path)


def test_feed_moves_the_virtual_clock_and_skips_what_is_known(tmp_path: Path) -> None:
    rows, file = transcript(tmp_path, 4), str(tmp_path / "a.db")
    told = commands.invoke_json("feed", "memgpt", rows, "--agent", file)
    journal = commands.invoke_json("journal", file)
    assert told.pop("tokens") > 4 * 2000
    assert told == {"rows": 4, "new": 4, "failed": 0, "agent": file, "steps": len(journal["steps"])}
    started = [turn["started"] for turn in journal["turns"] if turn["cause"] == "message"]
    assert [round((b - a) / 86400) for a, b in itertools.pairwise(started)] == [1, 1, 1]
    again = commands.invoke("feed", file, rows)
    assert again.stdout == f"4 rows: 0 new, 4 known before. Kept in {file}\n"
    assert commands.invoke_json("journal", file) == journal


def test_feed_takes_two_transcripts_of_the_same_shape(tmp_path: Path) -> None:
    file = str(tmp_path / "a.db")
    first = transcript(tmp_path, 2)
    commands.invoke("feed", "memgpt", first, "--agent", file)
    Path(first).write_text('{"text": "Another talk."}\n', encoding="utf-8")
    assert commands.invoke_json("feed", file, first)["new"] == 1


def test_feed_observe_calls_no_model(tmp_path: Path) -> None:
    file = str(tmp_path / "a.db")
    model = commands.script(tmp_path)  # any call would fail
    rows = transcript(tmp_path, 3)
    commands.invoke(
        "feed", "fixed_window", rows, "--agent", file, "--mode", "observe", "--model", model
    )
    assert commands.invoke_json("journal", file)["steps"] == []


def test_feed_needs_a_place_and_good_rows(tmp_path: Path) -> None:
    rows = transcript(tmp_path, 1)
    assert "--agent FILE" in commands.invoke("feed", "memgpt", rows, code=2).stderr
    bad = tmp_path / "bad.jsonl"
    bad.write_text('{"text": "fine"}\n{"txt": "no"}\n', encoding="utf-8")
    result = commands.invoke("feed", "memgpt", str(bad), "--agent", str(tmp_path / "b"), code=1)
    assert "bad.jsonl:2" in result.stderr
    assert not (tmp_path / "b").exists()


def test_feed_stops_when_the_model_is_gone(tmp_path: Path) -> None:
    file, model = str(tmp_path / "a.db"), commands.script(tmp_path, commands.says("one"))
    rows = transcript(tmp_path, 9)
    result = commands.invoke("feed", "memgpt", rows, "--agent", file, "--model", model, code=3)
    assert "3 turns failed" in result.stderr and "Stopped after 4 rows" in result.stderr


def interrupted(process: subprocess.Popen[str], pipe: Path) -> tuple[str, str]:
    """Press ctrl-C while the agent waits for a model that is a named pipe: what it then shows."""
    with pipe.open("w"):  # returns when somebody reads
        process.send_signal(signal.SIGINT)
        return process.communicate()


@pytest.mark.timeout(40)
@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_interrupted_in_the_middle_of_a_turn(tmp_path: Path) -> None:
    pipe = tmp_path / "slow"
    os.mkfifo(pipe)
    options = ("--agent", "a.db", "--model", f"scripted/{pipe}")
    with commands.running(
        "send", "memgpt", "Remember the bees.", *options, folder=tmp_path
    ) as process:
        out, err = interrupted(process, pipe)
    assert process.returncode == 130
    assert out == "" and "Traceback" not in err
    assert "Your message is safe in a.db" in err
    # the next message first finishes the turn that was interrupted
    with commands.running("send", "a.db", "Are you there?", folder=tmp_path) as process:
        with pipe.open("w") as model:
            json.dump([commands.says("late"), commands.says("yes")], model)
        out, err = process.communicate()
    assert (process.returncode, err) == (0, "")
    turns = commands.invoke_json("journal", str(tmp_path / "a.db"))["turns"]
    assert [turn["status"] for turn in turns] == ["done", "done"]


@pytest.mark.timeout(40)
@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_an_interrupted_feed_goes_on(tmp_path: Path) -> None:
    pipe, rows = tmp_path / "slow", transcript(tmp_path, 2)
    os.mkfifo(pipe)
    arguments = ("feed", "memgpt", rows, "--agent", "a.db", "--model", f"scripted/{pipe}")
    with commands.running(*arguments, "--set", "timer=9000h", folder=tmp_path) as process:
        _, err = interrupted(process, pipe)
    assert process.returncode == 130
    assert "the same command goes on from there" in err and "Traceback" not in err
    with commands.running(*arguments, "--set", "timer=9000h", folder=tmp_path) as process:
        with pipe.open("w") as model:
            json.dump([commands.says("one"), commands.says("two")], model)
        out, err = process.communicate()
    assert (process.returncode, err) == (0, "")
    assert out == "2 rows: 1 new, 1 known before; 2 steps, 0 tokens. Kept in a.db\n"
    turns = commands.invoke_json("journal", str(tmp_path / "a.db"))["turns"]
    assert [turn["status"] for turn in turns] == ["done", "done"]


def test_an_empty_message_is_not_sent() -> None:
    assert "the message is empty" in commands.invoke("send", "memgpt", " ", code=1).stderr
    assert "the message is empty" in commands.invoke("send", "memgpt", "-", code=1).stderr
