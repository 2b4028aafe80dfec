"""Blackboard: sources bid when their condition holds, and control gives the turn to the highest."""

from __future__ import annotations

from pathlib import Path

import pytest

from archgraph import api, errors
from archgraph.runtime import agent as agents
from archgraph.storage import journal
from tests.gallery import conversation

KNOWN = {"What is my cat called?", "What does my brother play?", "What am I allergic to?"}


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> agents.Agent:
    return conversation.play("blackboard", tmp_path=tmp_path_factory.mktemp("blackboard"))


def ablated(node: str, folder: Path) -> agents.Agent:
    return conversation.play("blackboard", f"{node}=null", tmp_path=folder)


def turns(agent: agents.Agent, thread: str) -> set[str]:
    """The messages in whose turn a thread worked."""
    said = [message.text for message in conversation.TALK]
    return {said[row.turn - 1] for row in conversation.steps(agent, thread) if row.turn}


def test_the_highest_bid_has_the_turn(played: agents.Agent) -> None:
    """On a question both sources bid, and looking up bids more; else only recording bids."""
    questions = {message.text for message in conversation.TALK if message.text.endswith("?")}
    rest = {message.text for message in conversation.TALK} - questions
    assert turns(played, "lookup") == questions
    assert turns(played, "record") == rest
    both = [set(map(str, records)) for records in bids(played).values()]
    assert both.count({"lookup", "record"}) == len(questions)
    assert both.count({"record"}) == len(rest)


def bids(agent: agents.Agent) -> dict[int, list[str]]:
    """What was bid in each turn, those that lost included."""
    found: dict[int, list[str]] = {}
    sql = "SELECT turn, content FROM record WHERE store = 'agenda' ORDER BY seq"
    for turn, content in agent.db.all(sql):
        found.setdefault(turn, []).append(content)
    return found


def test_control_knows_only_what_is_reported_to_it(played: agents.Agent) -> None:
    assert conversation.right(played, "recall") >= KNOWN
    last = conversation.steps(played, "control")[-1]
    assert "control:" not in conversation.system(played, last)
    facts = [r.content for r in played.stores["board"].records.select()]
    assert len(facts) == 7 and all(
        r.fields["level"] == "fact" for r in played.stores["board"].records.select()
    )


def test_the_sources_see_neither_each_other_nor_the_conversation(played: agents.Agent) -> None:
    for name in ("lookup", "record"):
        for row in conversation.steps(played, name):
            users = [m for m in played.window(row.id)["messages"][1:] if m["role"] == "user"]
            assert len(users) == 1 and '"name": "control"' in users[0]["content"]


@pytest.mark.parametrize("node", ["lookup", "record", "board", "bids"])
def test_without_a_source_the_board_or_the_bids_nothing_is_answered(
    node: str, tmp_path: Path
) -> None:
    assert conversation.right(ablated(node, tmp_path), "recall") == set()


def test_without_the_agenda_the_turn_does_not_go_by_the_bids(tmp_path: Path) -> None:
    agent = ablated("agenda", tmp_path)
    statements = {message.text for message in conversation.TALK if not message.text.endswith("?")}
    assert turns(agent, "record") != statements and not conversation.right(agent, "recall")


def test_without_control_nobody_speaks(tmp_path: Path) -> None:
    agent = ablated("control", tmp_path)
    assert not journal.steps(agent.db, "kind = 'step' AND thread != 'bids'")
    told = [each.code for each in api.check("blackboard", ["control=null"])]
    assert told.count("unreachable-thread") == 2  # both sources


def test_control_obeys_the_rules_that_name_the_highest_bid(played: agents.Agent) -> None:
    calls = [call.name for call in conversation.calls(played, "control")]
    for first, second, third in zip(calls[::3], calls[1::3], calls[2::3], strict=True):
        assert first == "next_bid" and third == "send_message"
        assert second in ("turn_to_lookup", "turn_to_record")


def test_a_file_with_a_circle_of_turns_is_refused(tmp_path: Path) -> None:
    back = tmp_path / "circle.yaml"
    back.write_text(
        "extends: blackboard\nname: circle\n"
        "tools:\n  turn_back: {verb: ask, threads: [control]}\n"
        "  turn_to_lookup: {within: null}\n"
        "threads:\n  lookup: {tools: [search_board, report, turn_back]}\n",
        "utf-8",
    )
    with pytest.raises(errors.SpecError, match="ask each other"):
        api.compile(back)
