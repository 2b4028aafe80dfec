"""Golden trace: no tool to reply, no heartbeats; on while tools are called, ended by plain text."""

from __future__ import annotations

import json
from pathlib import Path

from archgraph.runtime import agent as agents
from archgraph.storage import journal
from tests.gallery import conversation as talk

NAME = "letta_v1"
NARROW = "stores.window.capacity=3"
QUESTION = "What does my brother play?"


def steps_of(agent: agents.Agent, text: str) -> list[journal.StepRow]:
    """The steps of the turn that a message began."""
    turn = [said.text for said in talk.TALK].index(text) + 1
    return [row for row in talk.steps(agent, "main") if row.turn == turn]


def made(row: journal.StepRow) -> tuple[list[str], str]:
    """The tools that a step called, and its text."""
    reply = row.reply or {}
    return [call[1] for call in reply.get("tool_calls", ())], str(reply.get("text", ""))


def test_the_schemas_have_neither_a_reply_nor_heartbeats(tmp_path: Path) -> None:
    plan = talk.begin(NAME, tmp_path=tmp_path).plan
    text = json.dumps(plan.schemas(plan.threads["main"]))
    assert "request_heartbeat" not in text and "inner_thoughts" not in text
    assert not any(tool.verb == "reply" for tool in plan.tools.values())


def test_it_goes_on_after_a_call_and_ends_on_plain_text(tmp_path: Path) -> None:
    agent = talk.play(NAME, NARROW, "human=null", tmp_path=tmp_path)
    first, last = steps_of(agent, QUESTION)
    assert made(first) == (["conversation_search"], "")
    assert made(last) == ([], "cello in an orchestra")
    assert talk.replies(agent)[QUESTION] == "cello in an orchestra"


def test_it_saves_by_itself_before_it_answers(tmp_path: Path) -> None:
    agent = talk.play(NAME, tmp_path=tmp_path)
    assert [call.name for call in talk.calls(agent, "main")] == ["memory_insert"] * 7
    assert all(talk.replies(agent).values()), "every message was answered in plain text"


def test_without_the_loop_a_call_is_the_end(tmp_path: Path) -> None:
    never = "threads.main.heartbeat=never"
    agent = talk.play(NAME, NARROW, "human=null", never, tmp_path=tmp_path)
    assert len(steps_of(agent, QUESTION)) == 1
    assert not talk.replies(agent)[QUESTION]


def test_its_prompt_is_rendered_again_only_after_a_compaction(tmp_path: Path) -> None:
    agent = talk.play(NAME, tmp_path=tmp_path)
    assert len({row.prompt for row in talk.steps(agent, "main")}) == 1
    (tmp_path / "fresh").mkdir()
    fresh = talk.play(NAME, "threads.main.refresh=step", tmp_path=tmp_path / "fresh")
    assert len({row.prompt for row in talk.steps(fresh, "main")}) == 8
