"""Golden trace: six memories, each filled by its manager, all asked before every answer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from archgraph.runtime import agent as agents
from archgraph.storage import journal
from tests.gallery import conversation as talk

NAME = "mirix"
SMALL = ("batch=2", "messages=4")
"""Two exchanges are sorted at a time, and stay in view."""
SIX = {
    "episodic": "Yesterday I met Ruth at the pier.",
    "semantic": "The capital of Norway is Oslo.",
    "procedural": "To reset the router, first press the button, then wait ten seconds.",
    "resource": "The tax report is in report.pdf on the desk.",
    "vault": "My locker password is tulip42.",
    "core": "My name is Dana and I live in Bergen.",
}
ASKED = {
    "Who did I meet yesterday?": "Ruth", "What is the capital of Norway?": "Oslo",
    "How do I reset the router?": "ten seconds", "Where is the tax report?": "desk",
    "What is my locker password?": "tulip42",
}  # fmt: skip


def told(*overrides: str, tmp_path: Path) -> agents.Agent:
    """An agent that was told one thing for each memory."""
    agent = talk.begin(NAME, "batch=6", "messages=4", *overrides, tmp_path=tmp_path)
    said = [talk.Message(talk.BEGIN + 60 * n, text) for n, text in enumerate(SIX.values())]
    return talk.tell(agent, said)


def text(agent: agents.Agent, block: str) -> str:
    store: Any = agent.stores[block]
    return str(store.text)


def each_has_its_own(agent: agents.Agent) -> None:
    """What distinguishes the design: every note lies in the memory of its kind, and only there."""
    for name in SIX:
        if name == "core":
            assert "I live in Bergen." in text(agent, "human")
            continue
        (record,) = agent.stores[name].records.select()
        assert record.content.rstrip(".").startswith(SIX[name].rstrip(".")), name
        assert record.thread == f"{name}_manager"


def test_each_memory_gets_what_is_its_own(tmp_path: Path) -> None:
    agent = told(tmp_path=tmp_path)
    each_has_its_own(agent)
    (event,) = agent.stores["episodic"].records.select()
    assert event.fields["occurred_at"] == talk.BEGIN - 86_400 - 9 * 3600, "the day before"
    assert {question: agent.send(question).reply for question in ASKED}.keys() == ASKED.keys()


@pytest.mark.parametrize("manager", [*(f"{name}_manager" for name in SIX), "meta_manager"])
def test_without_a_manager_its_memory_stays_empty(manager: str, tmp_path: Path) -> None:
    agent = told(f"{manager}=null", tmp_path=tmp_path)
    with pytest.raises((AssertionError, ValueError)):
        each_has_its_own(agent)


def test_all_memories_answer(tmp_path: Path) -> None:
    agent = told(tmp_path=tmp_path)
    for question, answer in ASKED.items():
        assert answer in agent.send(question).reply


def put_before_the_model(agent: agents.Agent) -> None:
    """Active retrieval: a topic, and what the memories hold on it, in the window of one step."""
    turn = agent.send("What is the capital of Norway?")
    assert "Oslo" in turn.reply
    last = talk.steps(agent, "main")[-1]
    assert "about Norway capital?" in talk.system(agent, last)
    assert "The capital of Norway is Oslo. (in: semantic)" in talk.system(agent, last)
    assert not [c for c in journal.calls(agent.db, last.id) if c.name == "search_memory"]


def test_before_each_answer_every_memory_is_asked_about_the_topic(tmp_path: Path) -> None:
    agent = told(tmp_path=tmp_path)
    put_before_the_model(agent)
    found = [row for row in journal.events(agent.db) if row.name == "focus.retrieve"]
    assert len(found[-5:]) == 5 and found[-5:][0].payload["step"] == 3


@pytest.mark.parametrize(
    "ablation",
    [
        ("focus=null", "threads.main.triggers=[user_message]"),
        ("recalled=null",),
        ("semantic=null",),
    ],
)
def test_without_active_retrieval_the_model_must_look(
    ablation: tuple[str, ...], tmp_path: Path
) -> None:
    agent = told(*ablation, tmp_path=tmp_path)
    with pytest.raises(AssertionError):
        put_before_the_model(agent)


def test_it_can_look_for_itself(tmp_path: Path) -> None:
    agent = told("focus=null", "threads.main.triggers=[user_message]", tmp_path=tmp_path)
    assert "Oslo" in agent.send("What is the capital of Norway?").reply
    assert [call.name for call in talk.calls(agent, "main")] == ["search_memory"]


def test_the_small_talk(tmp_path: Path) -> None:
    agent = talk.play(NAME, *SMALL, tmp_path=tmp_path)
    assert talk.right(agent) == set(talk.ANSWERS)
    assert "Pepper" in text(agent, "human")


def test_a_full_core_memory_is_condensed(tmp_path: Path) -> None:
    def grown(*overrides: str) -> agents.Agent:
        folder = tmp_path / str(len(overrides))
        folder.mkdir()
        agent = talk.begin(NAME, *SMALL, "core_limit=160", *overrides, tmp_path=folder)
        return talk.tell(agent, talk.TALK[:4])

    def condensed(agent: agents.Agent) -> None:
        runs = [row for row in journal.events(agent.db) if row.name == "condense.write"]
        assert runs and agent.stores["human"].measure("fill") <= 0.9

    condensed(grown())
    with pytest.raises(AssertionError):
        condensed(grown("condense=null"))
