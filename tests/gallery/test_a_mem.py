"""Golden trace: a message becomes a note, finds its neighbours, links with them, changes them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from archgraph.runtime import agent as agents
from archgraph.storage import journal
from tests.gallery import conversation as talk

NAME = "a_mem"
MOVED = "I moved from Bergen to Trondheim."
WHERE = "Where do I live now?"


def note(agent: agents.Agent, text: str) -> Any:
    """The note that holds a text."""
    store: Any = agent.stores["notes"]
    return next(record for record in store.select() if text in record.content)


def linked(agent: agents.Agent, text: str) -> list[str]:
    """What the note that holds a text points to."""
    store: Any = agent.stores["notes"]
    own = note(agent, text).id
    return [store.known(x.target).content for x in store.links(own) if x.source == own]


def evolved(agent: agents.Agent) -> None:
    """The paper's event: a new note rewrites the context and tags of an older one."""
    older = note(agent, "live in Bergen")
    assert MOVED in older.fields["context"]
    assert "trondheim" in older.fields["tags"]
    assert older.content.endswith("I live in Bergen."), "what was said stays"


def shown(agent: agents.Agent, question: str) -> str:
    """The system prompt of the step that answered a question."""
    rows = talk.steps(agent, "main")
    return next(
        talk.system(agent, row) for row in rows
        if question in agent.window(row.id)["messages"][-1]["content"]
    )  # fmt: skip


def test_a_note_has_keywords_tags_and_context(tmp_path: Path) -> None:
    agent = talk.begin(NAME, tmp_path=tmp_path)
    talk.tell(agent, talk.TALK[:2])
    fields = note(agent, "live in Bergen").fields
    assert fields["keywords"] == ["Dana", "Bergen", "live"]
    assert fields["tags"] == ["dana", "bergen", "live"]
    assert "Dana" in fields["context"]


def test_a_new_note_links_with_its_neighbour_and_changes_it(tmp_path: Path) -> None:
    agent = talk.play(NAME, tmp_path=tmp_path)
    evolved(agent)
    assert linked(agent, MOVED) == [note(agent, "live in Bergen").content]
    names = [row.name for row in journal.events(agent.db) if row.name.startswith("write_note.")]
    assert {"write_note.link", "write_note.update"} <= set(names)
    assert talk.right(agent) == set(talk.ANSWERS)


def test_the_former_context_is_history(tmp_path: Path) -> None:
    agent = talk.play(NAME, tmp_path=tmp_path)
    sql = "SELECT fields FROM record WHERE store = 'notes' AND content LIKE '%live in Bergen.'"
    before, after = [row[0] for row in agent.db.all(f"{sql} ORDER BY born")]
    assert "Trondheim" not in before and "Trondheim" in after


def test_without_evolution_no_note_changes(tmp_path: Path) -> None:
    with pytest.raises(AssertionError):
        evolved(talk.play(NAME, "evolve=false", tmp_path=tmp_path))


def test_without_links_the_evolved_note_alone_leads_to_the_answer(tmp_path: Path) -> None:
    agent = talk.play(NAME, "link=false", tmp_path=tmp_path)
    evolved(agent)
    assert not linked(agent, MOVED)
    assert talk.replies(agent)[WHERE] == "Trondheim"


def test_without_either_the_move_is_not_found(tmp_path: Path) -> None:
    """No word of the question stands in what was said: only the neighbour leads to it."""
    agent = talk.play(NAME, "link=false", "evolve=false", tmp_path=tmp_path)
    assert "Trondheim" not in shown(agent, WHERE)
    assert talk.right(agent) == set(talk.ANSWERS) - {WHERE}


@pytest.mark.parametrize(("hops", "reached"), [(1, True), (0, False)])
def test_an_answer_sees_what_the_found_note_is_linked_with(
    tmp_path: Path, hops: int, reached: bool
) -> None:
    agent = talk.play(NAME, "found=1", f"hops={hops}", "evolve=false", tmp_path=tmp_path)
    assert (MOVED in shown(agent, WHERE)) is reached


def test_without_the_pipeline_nothing_is_noted(tmp_path: Path) -> None:
    agent = talk.play(NAME, "write_note=null", tmp_path=tmp_path)
    assert agent.stores["notes"].measure("count") == 0
    assert not talk.right(agent)


def test_each_message_has_a_run_of_its_own(tmp_path: Path) -> None:
    """Two messages that come before the pipeline has had its turn become two notes."""
    agent = talk.begin(NAME, tmp_path=tmp_path)
    agent.send("My brother Ole plays the cello.")
    agent.send("My cat is called Pepper.")
    agent.work()
    store: Any = agent.stores["notes"]
    assert len(store.select()) == 2
