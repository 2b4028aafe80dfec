"""Same architecture, input, recording and seed: the same file (issue, "Determinism"; G7)."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from archgraph import api, errors
from archgraph.llm import recording
from archgraph.spec import load
from archgraph.storage import database, journal
from tests.conftest import ROOT
from tests.crash import scenes
from tests.determinism import twice

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("name", twice.SCENES)
def test_two_runs_with_the_offline_model_make_the_same_file(tmp_path: Path, name: str) -> None:
    first = twice.run(name, tmp_path / "a.db", "offline")
    second = twice.run(name, tmp_path / "b.db", "offline")
    assert not scenes.unlike(first, second)
    assert len(first["step"]) > 10


@pytest.mark.parametrize("name", twice.SCENES)
def test_two_processes_make_the_same_file(tmp_path: Path, name: str) -> None:
    found = [process(name, tmp_path / f"{seed}.db", "offline", seed) for seed in ("0", "12345")]
    assert found[0] == found[1] and found[0]["rows"] > 100


@pytest.mark.timeout(300)
def test_two_processes_make_the_same_file_of_every_shipped_architecture(tmp_path: Path) -> None:
    begun = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.determinism.gallery", str(tmp_path / seed)],
            cwd=ROOT, env={**os.environ, "PYTHONHASHSEED": seed}, stdout=subprocess.PIPE,
        )
        for seed in ("1", "12345")
    ]  # fmt: skip
    one, two = [json.loads(each.communicate()[0]) for each in begun]
    assert list(one) == load.names()
    differing = [(n, table) for n in one for table in one[n] if one[n][table] != two[n][table]]
    assert differing == []
    assert all(tables["record"][0] >= 12 for tables in one.values())


@pytest.mark.parametrize("name", ["memgpt", "two_threads"])
def test_a_recording_makes_the_same_file_in_any_process(tmp_path: Path, name: str) -> None:
    """Two threads too: on a virtual clock their calls never overlap, so their order is one."""
    tape = tmp_path / "tape.jsonl"
    recorded = scenes.record(name, tmp_path / "a.db", tape)
    replayed = scenes.replay(name, tmp_path / "b.db", tape)
    assert not scenes.unlike(recorded, replayed)
    found = [process(name, tmp_path / f"{seed}.db", str(tape), seed) for seed in ("1", "99")]
    assert found[0] == found[1]
    assert found[0]["rows"] == sum(map(len, recorded.values()))


def test_recording_a_replay_gives_the_recording_again(tmp_path: Path) -> None:
    scenes.record("two_threads", tmp_path / "a.db", tmp_path / "first.jsonl")
    plan, transcript, _ = scenes.scene("two_threads")
    again = recording.Recorder(
        recording.Replay(tmp_path / "first.jsonl"), tmp_path / "second.jsonl"
    )
    agent = scenes.opened(plan, str(tmp_path / "b.db"), again)
    api.feed(agent, transcript)
    agent.close()
    again.close()
    assert (tmp_path / "second.jsonl").read_bytes() == (tmp_path / "first.jsonl").read_bytes()


def test_another_seed_changes_ids_and_nothing_that_is_said(tmp_path: Path) -> None:
    plan, transcript, _ = scenes.scene("memgpt")
    dumps = []
    for seed in (1, 2):
        agent = api.open_agent(plan, tmp_path / f"{seed}.db", seed=seed, clock=None)
        with agent:
            replies = [agent.send(row.text).reply for row in transcript[:4]]
            ids = [row[0] for row in agent.db.all("SELECT id FROM record WHERE store = 'recall'")]
        dumps.append((replies, ids))
    assert dumps[0][0] == dumps[1][0]
    assert set(dumps[0][1]).isdisjoint(dumps[1][1])


CHANGES: dict[str, Any] = {
    "messages[0] is system, recorded system, changed": lambda plan: dataclasses.replace(
        plan,
        prompts={name: f"{text}\nBe kind." for name, text in plan.prompts.items()},
    ),
    "max_tokens is 161, recorded 160": lambda plan: thread(plan, max_tokens=161),
    "options is {'temperature': 0.5}": lambda plan: thread(plan, options={"temperature": 0.5}),
    "model is 'openai/other'": lambda plan: thread(plan, model="openai/other"),
    "tools[": lambda plan: thread(plan, tools=plan.threads["main"].tools[1:]),
}


@pytest.mark.parametrize("told", CHANGES)
def test_a_missing_answer_names_what_differs(tmp_path: Path, told: str) -> None:
    """One changed template, and the replay names thread, field and the nearest recorded request."""
    tape = tmp_path / "tape.jsonl"
    scenes.record("memgpt", tmp_path / "a.db", tape)
    plan, transcript, _ = scenes.scene("memgpt")
    agent = scenes.opened(CHANGES[told](plan), str(tmp_path / "b.db"), recording.Replay(tape))
    with pytest.raises(errors.RecordingMissing) as missing:
        api.feed(agent, transcript)
    text = str(missing.value)
    assert told in text and "nearest is line 1" in text and str(tape) in text
    assert "thread main" in text
    assert agent.accepted(transcript[0].key), "the input is kept"
    agent.close()


def test_the_model_name_replay_answers_from_the_file(tmp_path: Path) -> None:
    tape = tmp_path / "tape.jsonl"
    scenes.record("memgpt", tmp_path / "a.db", tape)
    _, transcript, _ = scenes.scene("memgpt")
    plan = api.compile("memgpt", (*scenes.SMALL, f"model=replay/{tape}"))
    agent = scenes.opened(plan, str(tmp_path / "b.db"), None)
    api.feed(agent, transcript)
    recorded = [row.reply for row in journal.steps(agent.db)]
    agent.close()
    assert recorded == replies(tmp_path / "a.db")


def replies(path: Path) -> list[Any]:
    db = database.open_file(str(path), readonly=True)
    found = [row.reply for row in journal.steps(db)]
    db.close()
    return found


def thread(plan: Any, **changes: Any) -> Any:
    main = dataclasses.replace(plan.threads["main"], **changes)
    return dataclasses.replace(plan, threads={**plan.threads, "main": main})


def process(name: str, path: Path, tape: str, hash_seed: str) -> Any:
    """What `twice` prints in a process with another order of hashes."""
    result = subprocess.run(
        [sys.executable, "-m", "tests.determinism.twice", name, str(path), tape],
        cwd=ROOT, env={**os.environ, "PYTHONHASHSEED": hash_seed}, capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    return json.loads(result.stdout)
