"""ReadAgent: text is paged and compressed to gists; the page that a question needs is looked up."""

from __future__ import annotations

from pathlib import Path

import pytest

from archgraph.runtime import agent as agents
from tests.gallery import conversation
from tests.gallery.conversation import BEGIN, Message

STORY = [
    "The lighthouse at Skomvar was built of grey stone. Its keeper was called Ansgar. "
    "The keeper Ansgar owned a brass telescope. A goat lived in the yard. It ate the flowers.",
    "In winter the mail boat came late. Its captain was called Solveig. "
    "The captain Solveig carried oranges. Once there was a piano on board. It fell into the sea.",
    "The village below had nine houses. The baker was called Mats. "
    "The baker Mats collected shells. He sold them to travellers. The school had one bell.",
]
QUESTIONS = {
    "What did the captain Solveig carry?": "oranges",
    "What did the baker Mats collect?": "shells",
    "What did the keeper Ansgar own?": "telescope",
}


def played(tmp_path: Path, *overrides: str) -> agents.Agent:
    texts = [*STORY, *QUESTIONS]
    agent = conversation.begin(
        "readagent", "page_every=1", "gist_tokens=20", *overrides, tmp_path=tmp_path
    )
    return conversation.tell(agent, [Message(BEGIN + 180.0 * n, t) for n, t in enumerate(texts)])


def looked_up(agent: agents.Agent) -> list[str]:
    """The ids of the pages that were read, in order."""
    made = [
        call
        for row in conversation.steps(agent, "main")
        for call in row.reply["tool_calls"]  # type: ignore[index]
        if call[1] == "look_up_page"
    ]
    return [raw.split('"')[3] for _, _, raw in made]


def distinguishing(agent: agents.Agent) -> None:
    """The gists lack what is asked for; the right page is looked up, and the answer is in it."""
    pages = {r.id: r.content for r in agent.stores["pages"].records.select()}
    gists = {r.id: r.content for r in agent.stores["gists"].records.select()}
    assert set(list(gists)[:3]) <= set(pages), "a gist has the id of its page"
    said = conversation.replies(agent)
    read = looked_up(agent)
    for question, answer in QUESTIONS.items():
        assert not any(answer in gist for gist in list(gists.values())[:3]), "the gist gave it away"
        assert answer in said[question], question
        assert any(answer in pages[id] for id in read), question


def test_the_page_is_looked_up(tmp_path: Path) -> None:
    distinguishing(played(tmp_path))


@pytest.mark.parametrize("without", ["look_up_page=null", "gists=null", "pager=null"])
def test_without_gist_or_look_up_it_does_not_know(tmp_path: Path, without: str) -> None:
    agent = played(tmp_path, without)
    said = conversation.replies(agent)
    assert not any(answer in said[question] for question, answer in QUESTIONS.items())
    with pytest.raises((AssertionError, KeyError)):
        distinguishing(agent)


def test_a_gist_is_shorter_than_its_page(tmp_path: Path) -> None:
    agent = played(tmp_path)
    pages = agent.stores["pages"].records
    for gist in agent.stores["gists"].records.select():
        page = pages.get(gist.id)
        assert page is not None
        assert page.tokens < 60 or gist.tokens < page.tokens
        assert gist.derived_from == (page.id,)


def test_the_small_conversation_is_answered(tmp_path: Path) -> None:
    agent = conversation.play("readagent", tmp_path=tmp_path)
    assert conversation.right(agent) == set(conversation.ANSWERS)
