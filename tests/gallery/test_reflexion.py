"""Reflexion: after a failed trial a reflection is written, and the next trial follows it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from archgraph.runtime import agent as agents
from tests.gallery import conversation
from tests.gallery.conversation import BEGIN, Message

KEY = "Where is the key to the boat house?"
TRIALS = [
    Message(BEGIN + 180.0 * n, text)
    for n, text in enumerate(
        [
            KEY,
            "That is wrong. The key to the boat house is in the kitchen drawer.",
            "My neighbour is called Per.",
            "He is a carpenter.",
            KEY,
        ]
    )
]
SHORT = "stores.window.capacity=2"
"""The trial itself has left the window by the time of the next one."""


def played(tmp_path: Path, *overrides: str, talk: list[Message] = TRIALS) -> agents.Agent:
    agent = conversation.begin("reflexion", SHORT, *overrides, tmp_path=tmp_path)
    return conversation.tell(agent, talk)


def reflections(agent: agents.Agent) -> list[str]:
    if "reflections" not in agent.stores:
        return []
    return [record.content for record in agent.stores["reflections"].records.select()]


def distinguishing(agent: agents.Agent) -> None:
    """One failure, one reflection; the next trial sees it and does not fail again."""
    assert len(reflections(agent)) == 1
    assert "in the kitchen drawer" in reflections(agent)[0]
    last = conversation.steps(agent, "main")[-1]
    assert "kitchen drawer" in conversation.system(agent, last)
    assert "kitchen" in conversation.replies(agent)[KEY]


def test_a_failure_is_reflected_on_and_mended(tmp_path: Path) -> None:
    distinguishing(played(tmp_path))


@pytest.mark.parametrize("without", ["reflector=null", "reflections=null"])
def test_without_reflection_it_fails_again(tmp_path: Path, without: str) -> None:
    agent = played(tmp_path, without)
    with pytest.raises(AssertionError):
        distinguishing(agent)
    assert "kitchen" not in conversation.replies(agent)[KEY]


def test_success_is_not_reflected_on(tmp_path: Path) -> None:
    agent = played(tmp_path, talk=[TRIALS[0], *TRIALS[2:4]])
    assert reflections(agent) == []
    asked = agent.db.all("SELECT 1 FROM event WHERE name = 'reflector.extract'")
    assert len(asked) == 3, "every trial is judged"


def test_only_the_last_three_are_kept(tmp_path: Path) -> None:
    wrong = "That is wrong. The {} key hangs behind the {} door."
    places: list[Any] = [("red", "cellar"), ("blue", "garage"), ("green", "attic"), ("old", "barn")]
    talk = [
        Message(BEGIN + 180.0 * n, text)
        for n, text in enumerate(t for p in places for t in (KEY, wrong.format(*p)))
    ]
    agent = played(tmp_path, "trajectory=2", talk=talk)
    kept = reflections(agent)
    assert len(kept) == 3
    assert not any("cellar" in text for text in kept)
    assert "barn" in kept[-1]


def test_a_failed_case_of_a_suite_is_a_trial_too(tmp_path: Path) -> None:
    agent = played(tmp_path, talk=TRIALS[:1])
    agent.end_case("That is wrong. The key is in the kitchen.", {"success": False})
    agent.work()
    assert len(conversation.steps(agent, "main")) == 1
    assert agent.db.value("SELECT count(*) FROM event WHERE name = 'reflector.extract'") == 2
