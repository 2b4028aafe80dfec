from __future__ import annotations

import dataclasses
import json
import logging
from pathlib import Path

import pytest

from archgraph import errors
from archgraph.llm import base, gateways, recording, scripted
from archgraph.messages import Completion, Usage

TOOL = {"type": "function", "function": {"name": "search", "parameters": {"type": "object"}}}
ASK = base.Request(
    "openai/tiny",
    [{"role": "system", "content": "You are Säm."}, {"role": "user", "content": "hi"}],
    [TOOL],
    options={"temperature": 0, "api_key": "sk-secret", "extra_body": {"access_key": "sk-secret"}},
)


def change(**fields: object) -> base.Request:
    return dataclasses.replace(ASK, **fields)


def record(path: Path, script: list[scripted.Item], *requests: base.Request) -> list[Completion]:
    recorder = recording.Recorder(scripted.Scripted(script), path)
    answers = [recorder.complete(request) for request in requests]
    recorder.close()
    return answers


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run.jsonl"


def test_answers_come_back_equal_and_in_their_order(path: Path) -> None:
    whole = Completion(
        "Grüße",
        (scripted.call("search", query="\u2028"),),
        Usage(3, 4, 1, 0.25),
        "tool_calls",
        "tiny-2024",
        "hm",
    )
    answers = record(path, [whole, "second", "other"], ASK, ASK, change(max_tokens=5))
    replay = recording.Replay(path)
    assert replay.complete(change(max_tokens=5)) == answers[2]
    assert replay.complete(ASK) == answers[0]
    assert answers[0].tool_calls[0].id
    assert replay.complete(ASK) == answers[1]
    with pytest.raises(errors.RecordingMissing, match="recorded 2 times and is asked once more"):
        replay.complete(ASK)


def test_streams_pass_through_both(path: Path) -> None:
    recorder = recording.Recorder(scripted.Scripted(["streamed"]), path)
    assert list(recorder.stream(ASK)) == [base.Delta(text="streamed")]
    assert list(recording.Replay(path).stream(ASK)) == [base.Delta(text="streamed")]


@pytest.mark.parametrize(
    "error", [errors.GatewayFault("busy"), errors.ContextOverflow("big"), errors.GatewayError("no")]
)
def test_failures_are_recorded_too(path: Path, error: errors.GatewayError) -> None:
    recorder = recording.Recorder(scripted.Scripted([error, "ok"]), path)
    with pytest.raises(type(error)):
        recorder.complete(ASK)
    assert recorder.complete(ASK).text == "ok"
    replay = recording.Replay(path)
    with pytest.raises(type(error), match=str(error)) as caught:
        replay.complete(ASK)
    assert type(caught.value) is type(error)
    assert replay.complete(ASK).text == "ok"


def test_no_secret_is_written_or_counts(path: Path) -> None:
    record(path, ["a"], ASK)
    assert "sk-secret" not in path.read_text()
    other = change(options={"temperature": 0, "api_key": "b", "timeout": 3, "extra_body": {}})
    assert recording.digest(ASK) == recording.digest(other)
    assert recording.Replay(path).complete(other).text == "a"


MESSAGES = list(ASK.messages)


@pytest.mark.parametrize(
    ("request_", "says"),
    [
        (change(messages=[MESSAGES[0], {"role": "user", "content": "ho"}]), r"messages\[1\].*'ho'"),
        (change(messages=[*MESSAGES, {"role": "tool", "content": "x"}]), r"messages\[2\] is tool"),
        (change(messages=MESSAGES[:1]), r"messages\[1\] is nothing, recorded user"),
        (change(tools=[]), r"tools\[0\] is nothing, recorded search"),
        (change(tools=[{**TOOL, "strict": True}]), r"tools\[0\] is search.*changed"),
        (change(model="openai/large"), "model is 'openai/large', recorded 'openai/tiny'"),
        (change(max_tokens=7), "max_tokens is 7, recorded 1024"),
        (change(seed=1), "seed is 1, recorded None"),
        (change(tool_choice="none"), "tool_choice is 'none', recorded 'auto'"),
        (change(options={"temperature": 1}), "options is {'temperature': 1}"),
    ],
)
def test_what_is_missing_is_named(path: Path, request_: base.Request, says: str) -> None:
    far = base.Request("else/where", [{"role": "user", "content": "quite another thing"}])
    record(path, ["far", "a"], far, ASK)
    with pytest.raises(errors.RecordingMissing, match=f"nearest is line 2: {says}") as caught:
        recording.Replay(path).complete(request_)
    assert str(caught.value).count("recorded") == (3 if "content" in says else 2)


def test_equal_digests_need_equal_requests() -> None:
    requests = [ASK, change(seed=1), change(tools=[]), change(messages=MESSAGES[:1])]
    assert len({recording.digest(request) for request in requests}) == 4
    reordered = [dict(reversed(message.items())) for message in MESSAGES]
    assert recording.digest(change(messages=reordered)) == recording.digest(ASK)


def test_the_model_name_replay_stands_for_any_recorded_model(path: Path) -> None:
    record(path, ["a"], ASK)
    model = f"replay/{path}"
    gateway = gateways.open_gateway(model)
    assert gateway.complete(change(model=model)).text == "a"
    with pytest.raises(errors.RecordingMissing, match="seed is 4") as caught:
        gateway.complete(change(model=model, seed=4))
    assert "model is" not in str(caught.value)


def test_a_recording_is_continued(path: Path) -> None:
    record(path, ["a"], ASK)
    record(path, ["b"], ASK)
    replay = recording.Replay(path)
    assert [replay.complete(ASK).text for _ in range(2)] == ["a", "b"]
    assert [json.loads(line)["ordinal"] for line in path.read_text().splitlines()] == [0, 1]


def test_a_half_last_line_is_ignored_reported_and_removed(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    record(path, ["a", "b"], ASK, ASK)
    whole = path.read_bytes()
    second = whole.index(b"\n") + 1
    for cut in (second - 1, second + 1, len(whole) - 1):
        path.write_bytes(whole[:cut])
        with caplog.at_level(logging.WARNING):
            replay = recording.Replay(path)
        assert "half a row" in replay.report and "half a row" in caplog.text
    assert recording.Replay(path).complete(ASK).text == "a"
    recorder = recording.Recorder(scripted.Scripted(["c"]), path)
    assert "half a row" in recorder.report
    recorder.complete(ASK)
    replay = recording.Replay(path)
    assert [replay.complete(ASK).text for _ in range(2)] == ["a", "c"]
    assert replay.report == ""


def test_files_that_are_no_recording(path: Path) -> None:
    with pytest.raises(errors.InputError, match="there is no recording"):
        recording.Replay(path)
    path.write_text('{"a": 1}\n')
    with pytest.raises(errors.InputError, match=r"run\.jsonl:1: not a row"):
        recording.Replay(path)
    path.write_text("")
    with pytest.raises(errors.RecordingMissing, match="is empty"):
        recording.Replay(path).complete(ASK)


def test_a_request_that_json_cannot_hold(path: Path) -> None:
    with pytest.raises(errors.InputError, match="cannot be recorded"):
        recording.digest(change(options={"stop": object()}))
