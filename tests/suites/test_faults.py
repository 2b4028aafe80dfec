"""Faults as a factor: which calls go wrong, how, and that seed and ordinal alone decide."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

import archgraph
from archgraph import clock, errors
from archgraph.llm import base as llm
from archgraph.llm import scripted
from archgraph.messages import Completion, ToolCall, Usage
from archgraph.suites import plan as suites
from archgraph.suites.running import faults, trial
from tests import helpers
from tests.suites import small

CALL = Completion(
    "", (ToolCall("a", "look", json.dumps({"query": "Ana"})),), Usage(9, 4), "tool_calls", "m"
)
TEXT = Completion("Oslo.", usage=Usage(9, 1), model="m")
LOOK = {"type": "function", "function": {"name": "look", "parameters": {}}}


def request(*tools: Any, **options: Any) -> llm.Request:
    return llm.Request("m", [{"role": "user", "content": "Where?"}], tools, options=options)


def faulty(answer: Any, kind: str = "", rate: float = 1.0, seed: int = 3) -> faults.Faulty:
    kinds = (kind,) if kind else ("bad_json", "unknown_tool", "empty")
    return faults.Faulty(helpers.Answers(lambda _: answer), suites.Faults(rate, kinds), seed)


def test_every_kind_says_what_it_does() -> None:
    assert set(suites.Faults().kinds) <= set(faults.FAULTS)
    assert all(line.endswith(".") and "\n" not in line for line in faults.FAULTS.values())


def test_bad_json_breaks_off_arguments() -> None:
    given = faulty(CALL, "bad_json").complete(request(LOOK))
    assert given.tool_calls[0].name == "look" and given.usage == CALL.usage
    with pytest.raises(ValueError):
        json.loads(given.tool_calls[0].arguments)
    bare = Completion(tool_calls=(ToolCall("a", "look", ""),))
    with pytest.raises(ValueError):
        json.loads(faulty(bare, "bad_json").complete(request()).tool_calls[0].arguments)


def test_bad_json_breaks_json_in_text_and_leaves_words_alone() -> None:
    assert faulty(TEXT, "bad_json").complete(request()).text == "Oslo."
    held = Completion(text='I look. {"tool": "look", "arguments": {}}')
    text = faulty(held, "bad_json").complete(request()).text
    assert text.startswith('I look. {"tool"') and len(text) < len(held.text)


def test_an_unknown_tool_is_none_that_is_offered() -> None:
    trap = {"type": "function", "function": {"name": faults.UNOFFERED, "parameters": {}}}
    given = faulty(CALL, "unknown_tool").complete(request(LOOK, trap))
    assert [c.arguments for c in given.tool_calls] == [CALL.tool_calls[0].arguments]
    assert given.tool_calls[0].name not in ("look", faults.UNOFFERED)
    assert faulty(TEXT, "unknown_tool").complete(request()).tool_calls


def test_an_empty_answer_has_neither_text_nor_call() -> None:
    given = faulty(CALL, "empty").complete(request(LOOK))
    assert (given.text, given.tool_calls, given.usage) == ("", (), CALL.usage)


@pytest.mark.parametrize("kind", ["timeout", "429"])
def test_a_fault_that_stays_fails_after_the_declared_attempts(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    monkeypatch.setattr(clock, "pause", waits.append)
    inner = helpers.Answers(lambda _: TEXT)
    gateway = faults.Faulty(inner, suites.Faults(1.0, (kind,)), 1)
    with pytest.raises(errors.GatewayFault, match=rf"{kind}: .*asked 3 times"):
        gateway.complete(request(retries=2))
    assert waits == [], "waits of a provider are left out"
    assert inner.requests == []


def test_a_fault_that_passes_is_answered_in_the_end() -> None:
    inner = helpers.Answers(lambda _: TEXT)
    gateway = faults.Faulty(inner, suites.Faults(0.5, ("429",)), 1)
    answers = [gateway.complete(request(retries=20)) for _ in range(40)]
    assert answers == [TEXT] * 40 and len(inner.requests) == 40


def test_faults_of_the_model_itself_are_not_asked_again() -> None:
    inner = helpers.Answers(lambda _: errors.GatewayFault("really busy"))
    with pytest.raises(errors.GatewayFault, match=r"^really busy$"):
        faults.Faulty(inner, suites.Faults(), 1).complete(request())
    assert len(inner.requests) == 1


def test_the_share_is_the_rate_and_kinds_are_drawn_alike() -> None:
    gateway = faulty(CALL, rate=0.3)
    kinds = Counter(_kind(gateway.complete(request(LOOK))) for _ in range(3_000))
    assert abs(1 - kinds["none"] / 3_000 - 0.3) < 0.03
    assert all(
        abs(kinds[kind] / 3_000 - 0.1) < 0.025 for kind in ("bad_json", "unknown_tool", "empty")
    )


def test_seed_and_ordinal_decide_and_nothing_else() -> None:
    def drawn(seed: int, noise: bool = False) -> list[str]:
        gateway = faulty(CALL, rate=0.5, seed=seed)
        other = faulty(CALL, rate=0.5, seed=99)
        found = []
        for _ in range(30):
            found.append(_kind(gateway.complete(request(LOOK))))
            if noise:
                other.complete(request(LOOK))
        return found

    assert drawn(1) == drawn(1, noise=True) != drawn(2)


def test_latency_is_added_to_every_call(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []
    monkeypatch.setattr(clock, "pause", waited.append)
    gateway = faults.Faulty(helpers.Answers(lambda _: TEXT), suites.Faults(0.0, (), 0.25), 1)
    assert [gateway.complete(request()) for _ in range(3)] == [TEXT] * 3
    assert waited == [0.25] * 3


def test_an_unknown_kind_is_told_with_the_nearest() -> None:
    with pytest.raises(errors.UnknownName, match='did you mean "timeout"'):
        faulty(TEXT, "timeot")


def test_recordings_are_passed_through(tmp_path: Path) -> None:
    from archgraph.llm import recording

    inner = recording.Recorder(scripted.Scripted([TEXT]), tmp_path / "r.jsonl")
    gateway = faults.Faulty(inner, suites.Faults(), 1)
    assert gateway.recorded_call("t", {}, lambda: (True, "x")) == (True, "x")
    inner.close()
    assert '"tool": "t"' in (tmp_path / "r.jsonl").read_text()
    assert faulty(TEXT).recorded_call("t", {}, lambda: (False, "y")) == (False, "y")


@pytest.mark.parametrize("kind", list(faults.FAULTS))
def test_no_kind_breaks_a_trial(kind: str) -> None:
    """Whatever goes wrong at every call, the trial ends by itself, done or failed."""
    plan = archgraph.compile("memgpt")
    outcome = small.ask(
        plan, None, small.talk(3), mode="converse", faults=suites.Faults(1.0, (kind,))
    )
    assert outcome.status in ("done", "failed")
    if kind in ("timeout", "429"):
        assert outcome.status == "failed" and kind in outcome.reason


def test_some_faults_leave_an_agent_that_answers() -> None:
    plan = archgraph.compile("memgpt", small.FORGETFUL)
    given = suites.Faults(0.3)
    outcomes = []
    for _ in range(2):
        conditions = small.conditions(plan, None, faults=given)
        talked = small.conversation(small.talk(40, at=2))
        with trial.ingest(conditions, talked, 1) as ingested:
            outcomes.append([trial.ask(conditions, ingested, talked.cases[0], s) for s in range(8)])
    told = [[(o.reply, o.status, len(o.steps)) for o in each] for each in outcomes]
    assert told[0] == told[1], "the same seeds, the same faults"
    assert len(set(told[0])) > 1, "other seeds, other faults"
    assert any("Oslo" in reply for reply, _, _ in told[0]), "and some trials come through"


def _kind(given: Completion) -> str:
    if not given.tool_calls:
        return "empty"
    if given.tool_calls[0].name != "look":
        return "unknown_tool"
    return "none" if given == CALL else "bad_json"
