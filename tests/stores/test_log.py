"""`log`: what is said stays, is shown as messages, and is found with true totals."""

from __future__ import annotations

import json
from typing import Any

import pytest

from archgraph import clock, errors
from archgraph.llm import embedders
from archgraph.storage import database
from archgraph.stores import base, log

DAY = 86_400.0
START = 1_700_000_000.0


def held(**options: Any) -> log.Log:
    db = database.create(":memory:", seed=1)
    db.clock = clock.VirtualClock(START)
    context = base.Context(db, lambda text: len(text.split()), embedders.Hashed, None)  # type: ignore[arg-type]
    return log.Log("recall", log.Log.Options(**options), context)


def write(
    made: log.Log, text: str, kind: str = "user", thread: str | None = None, turn: int = 1,
    **more: Any,
) -> base.Record:  # fmt: skip
    db = made.context.db
    with db.transaction():
        db.actor = database.Actor(thread, turn)
        return made.write(log.Entry(kind, text, **more))


def shown(made: log.Log, **view: Any) -> list[Any]:
    return [message.wire for message in made.window(0, **view)]


# As messages


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("user", {"type": "user_message", "message": "x"}),
        ("alert", {"type": "system_alert", "message": "x"}),
        ("heartbeat", {"type": "heartbeat", "reason": "x"}),
        ("login", {"type": "login", "last_login": "x"}),
    ],
)
def test_each_kind_has_its_envelope(kind: str, body: dict[str, str]) -> None:
    made = held()
    write(made, "x", kind)
    (wire,) = shown(made)
    assert wire["role"] == "user"
    assert json.loads(wire["content"]) == {**body, "time": "2023-11-14 22:13:20 Tue"}


def test_a_result_says_whether_it_went_well() -> None:
    made = held()
    write(made, "done", "result", call="c1")
    write(made, "it broke", "result", call="c2", ok=False)
    bodies = [json.loads(wire["content"]) for wire in shown(made)]
    assert [(b["status"], b["message"]) for b in bodies] == [("OK", "done"), ("Failed", "it broke")]
    assert [w["tool_call_id"] for w in shown(made)] == ["c1", "c2"]


def test_the_text_envelope_sends_messages_bare() -> None:
    made = held(envelope="text")
    write(made, "hello", name="Ana")
    write(made, "broke", "result", call="c", ok=False)
    assert [wire["content"] for wire in shown(made)] == ["Ana: hello", "Failed: broke"]


def test_calls_stand_in_the_assistants_message() -> None:
    made = held()
    write(made, "", "assistant", "main", calls=(("c1", "say", '{"message": "hi"}'),), spoken="hi")
    (wire,) = shown(made)
    assert wire["content"] is None
    assert wire["tool_calls"][0]["function"] == {"name": "say", "arguments": '{"message": "hi"}'}


def test_a_window_shows_users_and_the_threads_own_messages() -> None:
    made = held()
    write(made, "question")
    write(made, "mine", "assistant", "main")
    write(made, "theirs", "assistant", "under")
    texts = [w["content"] for w in shown(made, thread="main")[1:]]
    assert texts == ["mine"] and len(shown(made)) == 3


def test_a_window_may_be_of_one_turn_or_a_range() -> None:
    made = held()
    rows = [write(made, str(n), turn=n) for n in range(4)]
    assert len(shown(made, turn=2)) == 1
    assert len(shown(made, upto=rows[1].seq)) == 2
    assert [m.seq for m in made.window(rows[1].seq)] == [rows[2].seq, rows[3].seq]


def test_a_message_longer_than_its_cap_is_cut_with_a_mark_but_kept_whole() -> None:
    made = held(message_cap=20)
    record = write(made, "word " * 200)
    (message,) = made.window(0)
    assert "[cut: 1000 characters in all]" in message.wire["content"]
    assert message.tokens <= 20 + log.MESSAGE_OVERHEAD
    assert record.content == "word " * 200


# Search


def told(count: int = 12, **options: Any) -> log.Log:
    made = held(**{"index": ["text"], **options})
    for number in range(count):
        made.context.db.clock.sleep(DAY / 2)
        write(made, f"apple number {number}")
    return made


def test_pages_run_from_zero_with_true_totals() -> None:
    made = told()
    first, last = made.search("apple", 0), made.search("apple", 2)
    assert first.startswith("Showing 5 of 12 results (page 0/2; ask for page 1 to see more):")
    assert last.startswith("Showing 2 of 12 results (page 2/2):")
    pages = [set(made.search("apple", page).split("\n")[1:]) for page in range(3)]
    assert len(set.union(*pages)) == 12, "each page is another, none is lost"


@pytest.mark.parametrize("page", [-1, 3, 99])
def test_a_page_that_is_not_there_is_refused_with_the_pages_there_are(page: int) -> None:
    with pytest.raises(errors.ToolError, match="pages run from 0 to 2"):
        told().search("apple", page)


def test_nothing_found_says_so() -> None:
    assert held(index=["text"]).search("pear") == "No results found."
    assert told().search("zebra") == "No results found."


def test_search_finds_what_both_sides_said_and_no_machinery() -> None:
    made = held(index=["text"])
    write(made, "I like apple pie", name="Ana")
    write(made, "", "assistant", "main", spoken="apple pie is good", calls=(("c", "say", "{}"),))
    write(made, "apple secret thought", "assistant", "main", spoken="")
    for kind in ("result", "alert", "heartbeat", "login"):
        write(made, "apple machinery", kind, call="c")
    found = made.search("apple")
    assert "2 of 2" in found and "Ana: I like" in found and "assistant: apple pie is" in found


def test_search_by_dates_includes_both_days() -> None:
    made = told(6)  # 15 Nov 10:13 and 22:13, 16 Nov, 17 Nov
    found = made.search_dates("2023-11-15", "2023-11-16")
    assert found.startswith("Showing 4 of 4")
    assert made.search_dates("2023-11-17", "2023-11-17").startswith("Showing 2 of 2")
    assert made.search_dates("2024-01-01", "2024-01-02") == "No results found."
    with pytest.raises(errors.ToolError, match="YYYY-MM-DD"):
        made.search_dates("yesterday", "today")


@pytest.mark.parametrize(
    "query", ['"', "a AND", "NEAR(", "x*", "col:val", "-", "\U0001f600", "''; DROP"]
)
def test_no_query_breaks_the_search(query: str) -> None:
    assert told(2).search(query)


def test_vectors_find_what_words_alone_do_not() -> None:
    made = held(index=["text", "vector"])
    for text in ("the cats sat on a mat", "stocks fell today", "rain is coming"):
        write(made, text)
    assert "cats" in made.search("catlike cat").split("\n")[1]


def test_totals_are_kept_in_memory_and_right_after_a_rollback() -> None:
    made = told(3)
    assert made.measure("count") == 3
    with pytest.raises(KeyError), made.context.db.transaction():
        made.write(log.Entry("user", "lost"))
        raise KeyError
    made.refresh()
    assert made.measure("count") == 3


# As a transcript


def test_a_transcript_is_what_was_heard_by_whom_and_when() -> None:
    made = held()
    write(made, "hello", name="Ana")
    write(made, "thinking", "assistant", "main", spoken="hi Ana")
    write(made, "aside", "assistant", "under")
    text, _ = made.transcript(base.View(thread="main"))
    assert [line.split(" | ")[1] for line in text.split("\n")] == [
        "Ana: hello",
        "assistant: hi Ana",
    ]


def test_a_transcript_ends_where_its_cap_does_and_the_rest_comes_next_time() -> None:
    made, seen, after = told(7), [], 0
    while True:
        text, last = made.transcript(base.View(cap=20, after=after))
        if last == after:
            break
        seen += text.split("\n")
        after = last
    assert [line.rsplit(" ", 1)[1] for line in seen] == [str(n) for n in range(7)]
