"""What is read off a fork: exact windows, calls, searches by item, states, sums."""

from __future__ import annotations

import dataclasses
import json
import string
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from hypothesis import strategies as some

import archgraph
from archgraph import clock
from archgraph.llm import base as llm
from archgraph.messages import Completion
from archgraph.suites import record
from archgraph.suites.datasets import case as cases
from archgraph.suites.running import items, observing, trial
from archgraph.suites.scoring import text as scoring
from tests import helpers
from tests.suites import small

# items in texts ----------------------------------------------------------------------------------


def known(*texts: str, at: bool = False) -> items.Items:
    return items.Items(
        [
            cases.Item(str(n), text, at=1.7e9 + 3600 * n if at else None)
            for n, text in enumerate(texts)
        ]
    )


def found(history: items.Items, text: str) -> tuple[str, ...]:
    return history.read(text).items


def test_white_space_and_unicode_form_do_not_count() -> None:
    history = known("My café is\n on  the corner, by the sea.")
    assert found(history, "- x | Ana: My cafe\u0301 is on the\n  corner, by the sea.") == ("0",)
    assert found(history, "My cafe is on the corner, by the sea.") == ()


def test_items_come_in_the_order_of_the_text_each_once() -> None:
    history = known("I went to Oslo last spring.", "We cooked soup on Monday.")
    text = "We cooked soup on Monday.\nI went to Oslo last spring.\nWe cooked soup on Monday."
    assert found(history, text) == ("1", "0")


def test_the_longer_item_is_meant_where_it_stands() -> None:
    short, tail = "I like the sea in the winter", "I like the mountains in the summer."
    history = known(short, f"{short} and {tail}", tail)
    assert found(history, f"- {short} and {tail}") == ("1",)
    assert found(history, f"- {short}") == ("0",)
    assert found(history, f"- {short} and I like the moun... [cut: 40 characters]") == ()
    assert found(history, f"x: {tail}") == ("2",)
    assert found(history, f"... winter and {tail}") == ()


def test_short_items_must_fill_their_line() -> None:
    history = known("Yes!", "Oslo", "Thanks a lot")
    assert found(history, "- 2023-05-08 | Ana: Yes!\n- 2023-05-08 | Bob: Thanks a lot") == (
        "0",
        "2",
    )
    assert found(history, "Ana: Yes! I lived in Oslo once.\nOslo is nice") == ()
    assert found(history, "Oslo") == ("1",)


def test_a_word_is_no_piece_of_another_word() -> None:
    history = known("cat is a small animal that purrs")
    assert found(history, "bobcat is a small animal that purrs") == ()
    assert found(history, "cat is a small animal that purrsome") == ()


def test_equal_texts_are_told_apart_by_their_time() -> None:
    history = known("Good morning to all of you!", "Something else entirely here.",
                    "Good morning to all of you!", at=True)  # fmt: skip
    line = f"- {clock.stamp(1.7e9 + 7200)} | Ana: Good morning to all of you!"
    assert found(history, line) == ("2",)
    assert found(history, "Good morning to all of you!") == ("0", "2")


def test_items_without_words_are_found_on_their_own_line() -> None:
    history = known("😀😀", "...")
    assert found(history, "- t | Ana: 😀😀\nfoo... bar") == ("0",)


def test_envelopes_and_escapes_are_taken_off() -> None:
    history = known('She said "come to Oslo"\nand left.')
    packed = json.dumps({"type": "user_message", "message": 'She said "come to Oslo"\nand left.'})
    assert history.read_message({"role": "user", "content": packed}).items == ("0",)
    assert found(history, f"<human>\n{packed}\n</human>") == ("0",)
    call = {"function": {"name": "note", "arguments": packed}}
    message = {"role": "assistant", "content": None, "tool_calls": [call]}
    assert history.read_message(message).items == ("0",)
    escaped = json.dumps("Ça va à Oslo, dit-elle hier.")
    assert "\\u" in escaped
    assert found(known("Ça va à Oslo, dit-elle hier."), f"x {escaped}") == ("0",)


WORDS = some.text(string.ascii_lowercase, min_size=1, max_size=6)
LINES = some.lists(WORDS, min_size=5, max_size=9).map(" ".join)


@hypothesis.given(some.lists(LINES, min_size=1, max_size=8, unique=True), some.data())
def test_a_transcript_gives_back_what_is_in_it(texts: list[str], data: some.DataObject) -> None:
    """Against the plain definition, for items of which none is a part of another."""
    hypothesis.assume(not any(a != b and a in b for a in texts for b in texts))
    chosen = data.draw(some.lists(some.sampled_from(range(len(texts))), unique=True))
    text = "\n".join(f"- t | x: {texts[n]}" for n in chosen)
    found = known(*texts).read(text).items
    assert found == tuple(map(str, chosen))
    assert all(scoring.reached([texts[int(n)]], [text]) == 1.0 for n in found)


def test_every_item_of_a_long_history_is_found_in_long_texts(test_data: Path) -> None:
    from archgraph.suites.datasets import locomo

    talked = locomo.load(test_data / "locomo" / "locomo-dev.json").conversations[2]
    history = items.Items(talked.items)
    lines = [f"- {clock.stamp(i.at or 0)} | {i.name}: {i.text}" for i in talked.items]
    assert len(lines) > 600
    for n in range(0, 600, 60):
        assert history.read("\n".join(lines[n : n + 60])).items == tuple(
            i.id for i in talked.items[n : n + 60]
        )


# outcomes ----------------------------------------------------------------------------------------


class Listening:
    """Keeps what every gateway that it opens was sent."""

    def __init__(self, simple: trial.Conditions) -> None:
        self.simple, self.requests = simple, list[llm.Request]()

    def __call__(self, model: str, options: Any) -> llm.Gateway:
        inner = self.simple.open_gateway(model, options)

        def rule(request: llm.Request) -> Any:
            self.requests.append(request)
            return inner.complete(request)

        return helpers.Answers(rule)


@pytest.mark.parametrize(
    "name", ["memgpt", "text_rag", "conscious_subconscious", "think_in_memory"]
)
def test_windows_are_to_the_byte_what_the_gateway_was_sent(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    forgetful = name in ("memgpt", "conscious_subconscious")
    plan = archgraph.compile(name, small.FORGETFUL if forgetful else ())
    simple = trial.simple(plan)
    listening = Listening(simple)
    given = dataclasses.replace(simple, open_gateway=listening)
    talked = small.conversation(small.talk(40, at=2))
    journalled: list[Any] = []

    def look(seen: observing.Seen) -> observing.View:
        view = inner(seen)
        journalled.extend(seen.fork.window(row.id)["messages"] for row in view.rows if row.reply)
        return view

    inner = observing.look
    monkeypatch.setattr(observing, "look", look)
    with trial.ingest(given, talked, 1) as done:
        listening.requests.clear()
        outcome = trial.ask(given, done, talked.cases[0], 1)
    answered = [step for step in outcome.steps if step.reply]
    sent = [json.dumps(list(request.messages)) for request in listening.requests]
    assert [json.dumps(list(step.messages)) for step in answered] == sent
    assert [json.dumps(messages) for messages in journalled] == sent
    assert outcome.spent.calls == len(sent) > 0


TOOLS = """
stores:
  recall: {type: log, page_size: 3}
  notes: {type: collection, page_size: 3, ids: true}
  more: {type: collection, page_size: 3, ids: true}
tools:
  look: {verb: search, stores: [recall]}
  seek: {verb: search, stores: [notes, more]}
  note: {verb: insert, stores: [notes]}
threads:
  main:
    model: offline/extractive
    context_window: 6000
    prompt: plain/main.jinja2
    log: recall
    thoughts: none
    context: [{store: notes, search: {query: last_user, k: 2}}, {store: recall, since: turn}]
    tools: all
    triggers: [user_message]
    heartbeat: {when: [called, failed]}
    PROTOCOL
"""


def looking(*calls: Any) -> Any:
    """Makes the calls one after the other, then says what it heard last."""

    def rule(request: llm.Request) -> Any:
        made = sum(m["role"] == "assistant" for m in request.messages)
        return calls[made] if made < len(calls) else "Done."

    return rule


def test_calls_carry_verb_and_store_and_searches_the_items(tmp_path: Path) -> None:
    plan = small.architecture(tmp_path, TOOLS.replace("PROTOCOL", ""))
    rule = looking(
        helpers.call("look", query="sister Ana Oslo"),
        helpers.call("seek", name="nowhere", query="x"),
        helpers.call("note", content=small.FACT),
        helpers.call("seek", name="notes", query="sister"),
    )
    outcome = small.ask(plan, rule, small.talk(4, at=1))
    calls = [call for step in outcome.steps for call in step.calls]
    assert [(c.tool, c.verb, c.stores, c.ok) for c in calls] == [
        ("look", "search", ("recall",), True),
        ("seek", "search", ("notes", "more"), False),
        ("note", "insert", ("notes",), True),
        ("seek", "search", ("notes",), True),
    ]
    assert json.loads(calls[0].arguments) == {"query": "sister Ana Oslo"}
    # a search of the context before each of five steps, which finds the note once it is there
    contexts = [(), (), (), ("gold",), ("gold",)]
    assert outcome.searches[0] == contexts[0] and outcome.searches[1][0] == "gold"
    assert outcome.searches == (
        contexts[0], outcome.searches[1], contexts[1], contexts[2], contexts[3], ("gold",),
        contexts[4],
    )  # fmt: skip
    assert outcome.window[0] == "gold" and outcome.answered_in_window
    assert outcome.steps[0].tools == ("look", "seek", "note")
    assert outcome.by_store["notes"] > 0 and outcome.by_store["recall"] > 0


def test_a_text_protocol_is_observed_as_it_was_sent(tmp_path: Path) -> None:
    plan = small.architecture(tmp_path, TOOLS.replace("PROTOCOL", "protocol: text"))

    def rule(request: llm.Request) -> str:
        asked = "result of look" not in str(request.messages[-1]["content"])
        call = {"tool": "look", "arguments": {"query": "sister Ana"}}
        return json.dumps(call) if asked else "Oslo."

    outcome = small.ask(plan, rule, small.talk(3, at=1))
    assert [step.tools for step in outcome.steps] == [("look", "seek", "note")] * 2
    assert "# Tools" in outcome.steps[0].messages[0]["content"]
    assert outcome.gold[0].fate == record.REACHED and outcome.reply == "Oslo."
    assert outcome.answered_in_window and outcome.searches[1][0] == "gold"


def test_a_ranking_for_a_context_is_best_first(tmp_path: Path) -> None:
    plan = archgraph.compile("text_rag", ["k=4"])
    history = small.items(
        "Ana and I went swimming.", small.FACT, "Live music is what I like.", "Soup again today."
    )
    outcome = small.ask(plan, small.says("Hm."), history)
    assert len(outcome.searches) == 1
    ranked = outcome.searches[0]
    assert set(ranked) <= {item.id for item in history}
    assert set(ranked) == set(outcome.window)
    assert ranked != outcome.window, "the window shows them by date, the search by rank"


def test_the_question_and_the_reply_are_no_evidence(tmp_path: Path) -> None:
    plan = small.architecture(tmp_path, TOOLS.replace("PROTOCOL", ""))
    guess = Completion("Oslo, I guess.", (helpers.call("look", query="tea"),))
    rule = looking(guess, "Oslo it is.")
    outcome = small.ask(plan, rule, small.talk(2, fact="nothing"), evidence=())
    assert len(outcome.steps) == 2 and "Oslo" in outcome.reply
    assert not outcome.answered_in_window
    told = small.ask(plan, rule, small.talk(2), evidence=(), answers=("live",))
    assert not told.answered_in_window


def test_the_states_of_tasks_say_when_each_was_finished(tmp_path: Path) -> None:
    text = """
stores: {recall: {type: log}, todo: {type: tasks}}
tools:
  push: {verb: push, stores: [todo]}
  start: {verb: start, stores: [todo]}
  finish_task: {verb: finish, stores: [todo]}
threads:
  main:
    model: offline/extractive
    context_window: 6000
    prompt: plain/main.jinja2
    log: recall
    thoughts: none
    context: [todo, {store: recall, since: turn}]
    tools: all
    triggers: [user_message]
    heartbeat: {when: [called]}
"""
    plan = small.architecture(tmp_path, text)
    rule = looking(
        helpers.call("push", text="Pack"),
        helpers.call("push", text="Leave", after=["t1"]),
        helpers.call("push", text="Rest", priority=2),
        helpers.call("finish_task", id="t3", result="rested"),
        helpers.call("finish_task", id="t1", result="packed"),
    )
    outcome = small.ask(plan, rule, small.talk(1))
    assert [call.ok for step in outcome.steps for call in step.calls] == [True] * 5
    pack, leave, rest = outcome.state["todo"]
    assert (pack["id"], pack["content"], pack["status"]) == ("t1", "Pack", "done")
    assert pack["fields"]["result"] == "packed" and leave["fields"]["after"] == ["t1"]
    assert leave["status"] == "open" and leave["finished"] is None is leave["finished_seq"]
    assert rest["fields"]["priority"] == 2
    assert pack["finished"] == rest["finished"] == outcome.steps[0].at
    assert rest["finished_seq"] < pack["finished_seq"], "in the order of finishing, not of making"


def test_a_window_that_is_made_anew_searched_once(tmp_path: Path) -> None:
    text = """
stores:
  recall: {type: log, message_cap: 60}
  window: {type: queue, over: recall, evict_to: 0.3, keep_last: 1}
threads:
  main:
    model: offline/extractive
    context_window: 2000
    max_tokens: 100
    prompt: plain/main.jinja2
    log: recall
    context: [{store: recall, search: {query: last_user, k: 3}}, window]
    triggers: [user_message]
"""
    history = small.talk(33, at=2)  # it just fits, and with the question it does not
    outcome = small.ask(small.architecture(tmp_path, text), small.says("Hm."), history)
    assert [step.kind for step in outcome.steps] == ["evict", "step"]
    assert len(outcome.searches) == 1 and "gold" in outcome.searches[0]
