"""Golden trace: a thought, an action, its observation, until the model finishes with an answer."""

from __future__ import annotations

import json
from pathlib import Path

from archgraph.runtime import agent as agents
from archgraph.storage import journal
from tests.gallery import conversation as talk

NAME = "react"
QUESTION = "What is my cat called?"


def trajectory(agent: agents.Agent) -> list[tuple[str, str, str]]:
    """Thought, action and observation of each step of the turn that asks about the cat."""
    turn = [said.text for said in talk.TALK].index(QUESTION) + 1
    found = []
    for row in talk.steps(agent, "main"):
        if row.turn != turn:
            continue
        for call, result in zip(
            (row.reply or {})["tool_calls"], journal.calls(agent.db, row.id), strict=True
        ):
            found.append((json.loads(call[2])["inner_thoughts"], call[1], result.result))
    return found


def test_thought_action_observation_finish(tmp_path: Path) -> None:
    agent = talk.play(NAME, tmp_path=tmp_path)
    (first, last) = trajectory(agent)
    assert QUESTION in first[0] and first[1] == "search" and "called Pepper" in first[2]
    assert last[1] == "finish"
    assert talk.replies(agent)[QUESTION] == "Pepper"


def test_the_observation_stands_in_the_next_window_and_earlier_turns_do_not(tmp_path: Path) -> None:
    agent = talk.play(NAME, tmp_path=tmp_path)
    turn = [said.text for said in talk.TALK].index(QUESTION) + 1
    asked, seen = [r for r in talk.steps(agent, "main") if r.turn == turn]
    roles = [m["role"] for m in agent.window(asked.id)["messages"]]
    assert roles == ["system", "user"], "the question alone"
    messages = agent.window(seen.id)["messages"]
    assert [m["role"] for m in messages] == ["system", "user", "assistant", "tool"]
    assert "Pepper" in messages[-1]["content"]


def test_without_the_loop_it_acts_and_never_answers(tmp_path: Path) -> None:
    agent = talk.play(NAME, "threads.main.heartbeat=never", tmp_path=tmp_path)
    assert [action for _, action, _ in trajectory(agent)] == ["search"]
    assert not talk.replies(agent)[QUESTION]


def test_without_actions_reasoning_alone_does_not_know(tmp_path: Path) -> None:
    agent = talk.play(NAME, "search=null", tmp_path=tmp_path)
    assert not talk.right(agent)
