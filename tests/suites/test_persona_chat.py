from __future__ import annotations

import itertools
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from archgraph.suites.datasets import case, persona_chat, persona_facts, persona_talk

TOPICS = (
    *persona_facts.SINGLE, *persona_facts.UPDATES, *persona_facts.LISTS, *persona_facts.EVENTS,
)  # fmt: skip


def drawn(**options: Any) -> list[case.Conversation]:
    kind = persona_chat.PersonaChat
    return list(kind(kind.Options(**{"chats": 6, **options})).conversations())


@pytest.fixture(scope="module")
def chats() -> list[case.Conversation]:
    return drawn()


def texts(one: case.Case) -> list[str]:
    held = {item.id: item for item in one.history}
    return [held[id].text for id in one.evidence]


def of(chats: list[case.Conversation], kind: str) -> list[case.Case]:
    found = [one for chat in chats for one in chat.cases if one.category == kind]
    assert found
    return found


def test_all_kinds_are_asked_and_sessions_lie_days_apart(chats: list[case.Conversation]) -> None:
    assert {c.category for chat in chats for c in chat.cases} == set(persona_chat.KINDS)
    for chat in chats:
        assert len({item.name for item in chat.items}) == 2
        first = {}
        for item in chat.items:
            first.setdefault(item.id.split(":")[0], item.at)
        assert len(first) == 12
        gaps = [b - a for a, b in itertools.pairwise(first.values())]
        assert min(gaps) > 3 * 86_400
        assert all((one.asked_at or 0) > (chat.items[-1].at or 0) for one in chat.cases)


def test_what_was_told_once_holds_the_answer_and_was_said_by_whom_is_asked(
    chats: list[case.Conversation],
) -> None:
    for one in of(chats, "single"):
        [text] = texts(one)
        assert one.answers[0] in text
        speaker = next(item.name for item in one.history if item.id == one.evidence[0])
        assert speaker in one.question


def test_a_list_was_told_in_pieces_and_may_be_answered_in_any_order(
    chats: list[case.Conversation],
) -> None:
    for one in of(chats, "multi"):
        sessions = {id.split(":")[0] for id in one.evidence}
        assert len(sessions) == len(one.evidence) in (2, 3)
        assert len(one.answers) == len(set(one.answers)) == {2: 2, 3: 6}[len(one.evidence)]
        for answer in one.answers:
            parts = re.split(", | and ", answer)
            assert all(any(part in text for text in texts(one)) for part in parts)


def test_the_newest_is_the_evidence_of_an_update(chats: list[case.Conversation]) -> None:
    for one in of(chats, "update"):
        [text], [old] = texts(one), one.rejected
        assert one.answers[0] in text and old not in text
        places = {item.id: n for n, item in enumerate(one.history)}
        speaker = one.history[places[one.evidence[0]]].name
        earlier = [n for n, item in enumerate(one.history) if old in item.text]
        mine = [n for n in earlier if one.history[n].name == speaker]
        assert mine and min(mine) < places[one.evidence[0]]


def test_a_day_is_told_relative_and_asked_for_as_a_date(chats: list[case.Conversation]) -> None:
    for one in of(chats, "temporal"):
        held = next(item for item in one.history if item.id == one.evidence[0])
        said = datetime.fromtimestamp(held.at or 0, UTC)
        day = datetime.strptime(one.answers[0], "%d %B %Y").replace(tzinfo=UTC)
        back = (said.date() - day.date()).days
        words = {1: "yesterday", 2: "two days ago", 3: "three days ago"}
        assert words.get(back, f"last {day:%A}") in held.text
        assert f"{day:%Y-%m-%d}" in one.answers
        if back > 3:
            assert f"the {day:%A} before {said.day} {said:%B} {said.year}" in one.answers


def test_a_bait_was_told_by_the_other_and_never_by_whom_is_asked(
    chats: list[case.Conversation],
) -> None:
    baited = 0
    for one in of(chats, "adversarial"):
        assert one.answers == () and one.evidence == ()
        topic = next(t for t in TOPICS for ask in (*t.asks, *t.far) if fits(ask, one.question))
        names = {item.name for item in one.history}
        [asked] = [name for name in names if name in one.question]
        told = [
            item.name
            for item in one.history
            for says in (*topic.says, *topic.again)
            if re.search(pattern(says), item.text, re.I)
        ]
        assert asked not in told
        baited += bool(one.rejected)
        assert bool(one.rejected) == bool(told) == ("bait" in one.details)
    assert baited


def fits(ask: str, question: str) -> bool:
    return bool(re.fullmatch(re.escape(ask).replace(r"\{p\}", r"\w+"), question))


def pattern(says: str) -> str:
    return re.sub(r"\\\{\w+\\\}", ".+", re.escape(says))


def test_paraphrased_questions_share_hardly_a_word_with_what_was_said() -> None:
    near = [one for chat in drawn(paraphrased=0) for one in chat.cases]
    far = [one for chat in drawn(paraphrased=1) for one in chat.cases]
    assert not any(one.details["paraphrased"] for one in near)
    assert all(one.details["paraphrased"] for one in far)

    def shared(cases: list[case.Case]) -> float:
        counts = [len(words(one.question) & set().union(*map(words, texts(one))))
                  for one in cases if one.evidence]  # fmt: skip
        return sum(counts) / len(counts)

    assert shared(far) < 0.5 * shared(near)


def words(text: str) -> set[str]:
    small = {"what", "does", "which", "when", "where", "that", "have", "with", "this", "from"}
    return {word for word in re.findall(r"[a-z]{4,}", text.lower()) if word not in small}


def test_small_talk_tells_nothing_that_is_asked() -> None:
    talk = " ".join(
        line
        for bank in (persona_talk.HELLO, persona_talk.BACK, persona_talk.BYE, persona_talk.SEE_YOU,
                     persona_talk.REACTIONS, persona_talk.ANSWERS,
                     *persona_talk.EXCHANGES, *persona_talk.SLOTS.values())
        for line in bank
    ).lower()  # fmt: skip
    values = {value for topic in TOPICS for value in topic.values}
    assert [value for value in values if re.search(rf"\b{re.escape(value.lower())}\b", talk)] == []
    for exchange in persona_talk.EXCHANGES:
        assert len(exchange) == 3


def test_the_chat_does_not_repeat_itself(chats: list[case.Conversation]) -> None:
    for chat in chats:
        told = [item.text for item in chat.items]
        assert len(set(told)) > 0.6 * len(told)


def test_a_session_of_the_least_size_still_holds_all_that_is_told() -> None:
    [chat, *_] = drawn(sessions=3, turns=4)
    told = {id for one in chat.cases for id in one.evidence}
    assert told <= {item.id for item in chat.items}
    assert (chat.items[-1].at or 0) - (chat.items[0].at or 0) < timedelta(days=60).total_seconds()
