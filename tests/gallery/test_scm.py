"""SCM: before each answer a controller decides whether older memory is needed, and how much."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from archgraph.runtime import agent as agents
from archgraph.stores import retrieval
from tests.gallery import conversation

FAR = "What is my cat called?"
NEAR = "Where do I live now?"


def turns_with(agent: agents.Agent, event: str) -> set[int]:
    rows = agent.db.all("SELECT turn FROM event WHERE name = ?", (event,))
    return {row[0] for row in rows}


def activated(agent: agents.Agent) -> dict[str, str]:
    """What of the stream stood in the window of each reply, by the message."""
    rows = conversation.steps(agent, "main")
    texts = [said.text for said in conversation.TALK]
    return {texts[row.turn - 1]: conversation.system(agent, row) for row in rows if row.turn}


def distinguishing(agent: agents.Agent) -> None:
    """Statements and what flash memory holds activate nothing; older questions do."""
    texts = [said.text for said in conversation.TALK]
    retrieved = {texts[turn - 1] for turn in turns_with(agent, "controller.retrieve")}
    assert retrieved == set(conversation.ANSWERS) - {NEAR}
    shown = activated(agent)
    assert "Pepper" in shown[FAR]
    assert "Trondheim" not in shown[NEAR], "flash memory holds it"
    assert conversation.right(agent) == set(conversation.ANSWERS)


def test_memory_is_activated_only_where_it_is_needed(tmp_path: Path) -> None:
    distinguishing(conversation.play("scm", tmp_path=tmp_path))


@pytest.mark.parametrize("without", ["stream_writer=null", "activated=null", "stream=null"])
def test_without_stream_or_controller_old_facts_are_gone(tmp_path: Path, without: str) -> None:
    agent = conversation.play("scm", without, tmp_path=tmp_path)
    assert FAR not in conversation.right(agent)
    assert NEAR in conversation.right(agent), "flash memory is still there"
    with pytest.raises(AssertionError):
        distinguishing(agent)


def test_the_second_judgement_chooses_between_summary_and_full_text(tmp_path: Path) -> None:
    agent = conversation.play("scm", tmp_path=tmp_path)
    judged = agent.db.all("SELECT thread, reply FROM step WHERE kind = 'operator'")
    said = [
        json.loads(reply).get("tool_calls") for thread, reply in judged if thread == "controller"
    ]
    enough = [call[0][2] for call in said if call and "enough" in call[0][2]]
    assert len(enough) == 4
    summaries = [r.content for r in agent.stores["stream"].records.select()]
    block = agent.stores["activated"].text  # type: ignore[attr-defined]
    assert any(line in summary for summary in summaries for line in block.splitlines())


def test_a_memory_scores_by_similarity_and_recency(tmp_path: Path) -> None:
    """By hand: 0.995 to the power of the rank (1 for the newest), plus the cosine."""
    agent = conversation.begin("scm", tmp_path=tmp_path)
    stream = agent.stores["stream"]
    with agent.db.transaction():
        for text in ("alpha beta", "gamma delta", "alpha beta"):
            stream.keep(text)
    hits = stream.find_for("alpha beta", 3, where={})
    scores = [(hit.content, round(score, 4)) for hit, score in hits]
    assert scores[0] == ("alpha beta", round(1 + 0.995**1, 4))
    assert scores[1] == ("alpha beta", round(1 + 0.995**3, 4))
    assert scores[2][0] == "gamma delta"
    assert isinstance(stream.options.retrieval, retrieval.Retrieval)
