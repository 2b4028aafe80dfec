"""`queue`: a window over a log that loses its oldest messages, or a mailbox of notes."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import archgraph
from archgraph import clock
from archgraph.storage import database
from archgraph.stores import base, log, queue


def world(**options: Any) -> tuple[queue.Queue, log.Log]:
    db = database.create(":memory:", seed=1)
    db.clock = clock.VirtualClock(1_700_000_000.0)
    peers: dict[str, Any] = {}
    context = base.Context(db, lambda text: len(text.split()), None, peers.__getitem__)  # type: ignore[arg-type]
    peers["recall"] = log.Log("recall", log.Log.Options(index=["text"]), context)
    made = queue.Queue("window", queue.Queue.Options(**options), context)
    with db.transaction():
        made.start()
    return made, peers["recall"]


def write(into: log.Log, kind: str, text: str, thread: str | None = None, **more: Any) -> int:
    db = into.context.db
    with db.transaction():
        db.actor = database.Actor(thread)
        return into.write(log.Entry(kind, text, **more)).seq


def leave(made: queue.Queue, *notes: str) -> None:
    for note in notes:
        with made.context.db.transaction():
            made.insert(note)


def texts(made: queue.Queue, thread: str = "main") -> list[str]:
    return [str(m.wire["content"]) for m in made.window(base.View(thread=thread))]


# Over a log


def test_new_messages_appear_and_evicted_ones_leave_while_the_log_keeps_them() -> None:
    made, recall = world(over="recall")
    rows = [write(recall, "assistant", str(n), "main") for n in range(4)]
    assert texts(made) == ["0", "1", "2", "3"]
    with made.context.db.transaction():
        made.evict(base.View(thread="main"), rows[1])
    assert texts(made) == ["2", "3"] and recall.measure("count") == 4
    write(recall, "assistant", "4", "main")
    assert texts(made) == ["2", "3", "4"]


def test_an_eviction_that_is_rolled_back_never_was() -> None:
    made, recall = world(over="recall")
    rows = [write(recall, "assistant", str(n), "main") for n in range(3)]
    texts(made)
    with pytest.raises(KeyError), made.context.db.transaction():
        made.evict(base.View(thread="main"), rows[1])
        raise KeyError
    made.refresh()
    assert texts(made) == ["0", "1", "2"]


def test_of_names_the_threads_whose_messages_are_shown() -> None:
    made, recall = world(over="recall", of=["under"])
    write(recall, "user", "from the user")
    write(recall, "assistant", "mine", "main")
    write(recall, "assistant", "theirs", "under")
    assert [t for t in texts(made) if "user" not in t] == ["theirs"]


def test_capacity_drops_the_oldest_without_parting_a_result_from_its_call() -> None:
    made, recall = world(over="recall", capacity=3)
    write(recall, "assistant", "a", "main")
    write(recall, "assistant", "", "main", calls=(("c1", "look", "{}"),))
    write(recall, "result", "found", "main", call="c1")
    for text in ("b", "c"):
        write(recall, "assistant", text, "main")
    assert texts(made) == ["b", "c"], "a result without its call would be refused by providers"


MESSAGES = st.lists(
    st.tuples(st.sampled_from(["user", "call", "say"]), st.integers(1, 9)), min_size=1, max_size=15
)


@given(MESSAGES, st.integers(0, 60), st.integers(1, 5))
def test_victims_are_the_oldest_and_no_more_than_needed(
    parts: list[tuple[str, int]], room: int, keep: int
) -> None:
    made, _ = world(over="recall", keep_last=keep)
    messages: list[base.WindowMessage] = []
    for kind, size in parts:
        role = "user" if kind == "user" else "assistant"
        messages.append(base.WindowMessage(len(messages), {"role": role, "content": ""}, size))
        if kind == "call":
            messages.append(
                base.WindowMessage(len(messages), {"role": "tool", "content": ""}, size)
            )
    gone = made.victims(messages, room)
    rest = messages[len(gone) :]
    assert gone == messages[: len(gone)], "the oldest"
    assert len(rest) >= min(keep, len(messages)), "keep_last stay"
    assert not rest or rest[0].wire["role"] != "tool", "no result without its call"
    total = sum(m.tokens for m in rest)
    if total > room:  # then not even one message more could go
        assert len(rest) - keep <= sum(m.wire["role"] == "tool" for m in rest[: keep + 1])
    if gone:
        last = max(i for i in range(len(gone)) if messages[i].wire["role"] != "tool")
        assert sum(m.tokens for m in messages[last:]) > room, "none went in vain"


# A mailbox


def test_notes_are_shown_oldest_first_and_the_oldest_goes_when_it_is_full() -> None:
    made, _ = world(capacity=3)
    leave(made, "a", "b", "c", "d")
    lines = made.render(base.View()).split("\n")
    assert [line.split(" | ")[1] for line in lines] == ["b", "c", "d"]
    assert made.measure("count") == 3


def test_a_note_longer_than_its_cap_is_cut_with_a_mark() -> None:
    made, _ = world(capacity=3, item_cap=10)
    leave(made, "word " * 50)
    assert "[cut: 250 characters in all]" in made.render(base.View())


def test_a_reader_is_given_each_note_once_and_what_does_not_fit_next_time() -> None:
    made, _ = world(capacity=10)
    leave(made, *(f"note {n}" for n in range(6)))
    seen, after = [], 0
    while True:
        text, last = made.transcript(base.View(cap=20, after=after))
        if last == after:
            break
        seen += [line.split(" | ")[1] for line in text.split("\n")]
        after = last
    assert seen == [f"note {n}" for n in range(6)]


def test_a_frozen_range_does_not_grow() -> None:
    made, _ = world(capacity=10)
    leave(made, "a", "b")
    text, last = made.transcript(base.View(cap=100))
    leave(made, "c")
    assert made.transcript(base.View(cap=100, upto=last))[0] == text
    assert made.transcript(base.View(cap=100, after=last))[0].endswith("c")


def test_a_queue_over_a_log_measures_what_it_still_shows() -> None:
    with archgraph.open_agent("memgpt", seed=1) as agent:
        for number in range(3):
            agent.send(f"message {number}")
        window, recall = agent.stores["window"], agent.stores["recall"]
        assert window.measure("count") == recall.measure("count") > 6
        rows = recall.records.select()
        with agent.db.transaction():
            window.evict(None, rows[3].seq)  # type: ignore[attr-defined]
        agent.world.take_events()
        assert window.measure("count") == len(rows) - 4
        assert window.measure("tokens") == sum(row.tokens for row in rows[4:])
