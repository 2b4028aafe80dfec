"""Golden trace: the subconscious tends memory between turns; the conscious thread only reads it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.gallery import conversation as talk
from tests.runtime import handoff

NAME = "conscious_subconscious"
BLIND = ("stores.window.capacity=1", "conversation_search=null", "archival_memory_search=null")
"""The conscious thread sees only the newest message, and can look nothing up."""


def test_it_brings_memory_up_to_date_between_turns(tmp_path: Path) -> None:
    agent = talk.play(NAME, tmp_path=tmp_path)
    rows = talk.steps(agent, "subconscious")
    assert all(row.turn is None for row in rows), "it works in the background"
    first = handoff.shown(talk.system(agent, rows[0]))
    assert len(first) == 10, "five messages and their answers"
    assert "Dana" in first[0] and "harbour museum" in first[-2]
    assert handoff.read(agent, NAME) == handoff.said(agent, NAME)[:20], "each message once"
    runs = {row.run: row for row in rows}
    ends = [[c.name for c in talk.calls(agent, "subconscious")][-1], len(runs)]
    assert ends == ["finish", 3], "after turns 5 and 10, and when the first day had gone quiet"


def test_the_conscious_thread_reads_what_it_left_and_writes_nothing(tmp_path: Path) -> None:
    agent = talk.play(NAME, tmp_path=tmp_path)
    tools = [agent.plan.tools[name] for name in agent.plan.threads["main"].tools]
    assert not any(tool.writes for tool in tools)
    before, after = talk.steps(agent, "main")[4:6]
    assert "called Pepper" not in talk.system(agent, before)
    system = talk.system(agent, after)
    assert "called Pepper" in system.partition("<human")[2].partition("</human>")[0]
    assert "Keep in mind" in system.partition("<guidance>")[2].partition("</guidance>")[0]


def test_its_next_reply_uses_what_was_written(tmp_path: Path) -> None:
    agent = talk.play(NAME, *BLIND, tmp_path=tmp_path)
    assert {"What is my cat called?", "What am I allergic to?"} <= talk.right(agent)


@pytest.mark.parametrize("ablated", ["subconscious", "rethink_block"])
def test_without_the_subconscious_nothing_is_known(tmp_path: Path, ablated: str) -> None:
    agent = talk.play(NAME, *BLIND, f"{ablated}=null", "guidance=null", tmp_path=tmp_path)
    assert not talk.right(agent)


def test_without_guidance_the_rest_goes_on(tmp_path: Path) -> None:
    agent = talk.play(NAME, *BLIND, "guidance=null", tmp_path=tmp_path)
    assert "leave_guidance" not in {call.name for call in talk.calls(agent, "subconscious")}
    assert "What is my cat called?" in talk.right(agent)
