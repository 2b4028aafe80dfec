"""Trials: a history lived through once, each question in a fork of its own."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

import archgraph
from archgraph.llm import base as llm
from archgraph.storage import journal
from archgraph.suites import plan as suites
from archgraph.suites import record
from archgraph.suites.datasets import case as cases
from archgraph.suites.running import trial
from tests import helpers
from tests.suites import small

QUESTIONS = (
    "Where does Ana live?", "What did I cook on day 3?", "Who is my sister?",
    "Which soup did I cook last?", "For how long did I read?",
)  # fmt: skip


def plain(outcome: record.Outcome) -> dict[str, Any]:
    """An outcome without what depends on the machine."""
    told: dict[str, Any] = record.plain(outcome)
    for part in (told, *told["steps"]):
        part.pop("times")
    return told


@pytest.fixture(scope="module", params=["memgpt", "text_rag", "conscious_subconscious"])
def ingested(request: pytest.FixtureRequest) -> Any:
    smaller = () if request.param == "text_rag" else small.FORGETFUL
    plan = archgraph.compile(request.param, smaller)
    given = small.conditions(plan, mode="observe" if request.param == "text_rag" else "converse")
    talked = small.conversation(small.talk(40, at=5), *QUESTIONS)
    with trial.ingest(given, talked, 7) as done:
        yield given, talked, done


def test_questions_in_any_order_give_the_same_answers(ingested: Any) -> None:
    given, talked, done = ingested
    straight = {c.id: plain(trial.ask(given, done, c, 1)) for c in talked.cases}
    order = [talked.cases[place] for place in (3, 1, 4, 0, 2, 3)]
    for case in order:
        assert plain(trial.ask(given, done, case, 1)) == straight[case.id]
    assert straight["c/0"]["reply"] and straight["c/0"]["status"] == "done"


def test_a_snapshot_is_the_same_agent(ingested: Any) -> None:
    given, talked, done = ingested
    with trial.restore(given, done.snapshot()) as back:
        assert (back.spent, back.times, back.status, back.reason) == (
            done.spent, done.times, done.status, done.reason,
        )  # fmt: skip
        assert back.agent.db.now() == done.agent.db.now()
        for case in talked.cases:
            ours, theirs = trial.ask(given, done, case, 1), trial.ask(given, back, case, 1)
            assert plain(ours) == plain(theirs)
        with trial.restore(given, back.snapshot()) as again:
            assert plain(trial.ask(given, again, talked.cases[0], 1)) == plain(
                trial.ask(given, done, talked.cases[0], 1)
            )


def test_an_outcome_survives_the_road(ingested: Any) -> None:
    import json

    given, talked, done = ingested
    outcome = trial.ask(given, done, talked.cases[0], 1)
    sent = json.loads(json.dumps(record.plain(outcome)))
    back = record.outcome(sent, talked.cases[0])
    assert record.plain(back) == sent
    assert (back.gold, back.searches, back.spent) == (outcome.gold, outcome.searches, outcome.spent)


def test_the_agent_stays_as_it_was(ingested: Any) -> None:
    given, talked, done = ingested
    before = done.agent.db.value("SELECT count(*) FROM record"), done.agent.db.version
    trial.ask(given, done, talked.cases[0], 1)
    assert before == (done.agent.db.value("SELECT count(*) FROM record"), done.agent.db.version)


def test_two_ingests_with_one_seed_are_equal() -> None:
    given = small.conditions(archgraph.compile("memgpt"), mode="converse")
    talked = small.conversation(small.talk(6, at=2))
    found = []
    for seed in (1, 1, 2):
        with trial.ingest(given, talked, seed) as done:
            found.append((done.agent.db.all("SELECT id, content FROM record"), done.spent))
    assert found[0] == found[1] and found[0][0] != found[2][0]


class Drawing(helpers.Answers):
    """Says which random number the fork would draw next."""


def test_answer_seeds_change_the_draws_and_nothing_else_does(tmp_path: Path) -> None:
    text = """
stores:
  recall: {type: log}
  notes: {type: collection, ids: true}
tools: {note: {verb: insert, stores: [notes]}}
threads:
  main:
    model: offline/extractive
    context_window: 4000
    prompt: plain/main.jinja2
    log: recall
    thoughts: none
    context: [{store: recall, since: turn}]
    tools: all
    triggers: [user_message]
    heartbeat: {when: [called]}
"""
    plan = small.architecture(tmp_path, text)

    def rule(request: llm.Request) -> Any:
        last = request.messages[-1]
        return (
            helpers.call("note", content="A note.")
            if last["role"] == "user"
            else small.last(request)
        )

    given = small.conditions(plan, rule)
    talked = small.conversation(small.talk(2), *QUESTIONS[:2])
    with trial.ingest(given, talked, 1) as done:
        first = [trial.ask(given, done, talked.cases[0], seed).reply for seed in (1, 1, 2, 3)]
        other = trial.ask(given, done, talked.cases[1], 1).reply
    assert first[0] == first[1] and "Stored in notes (id" in first[0]
    assert len({*first, other}) == 4, "ids come from answer seed and case"


def test_background_work_that_a_question_causes_is_no_part_of_it() -> None:
    plan = archgraph.compile("conscious_subconscious", ["frequency=1"])
    given = small.conditions(plan, mode="converse")
    talked = small.conversation(small.talk(4))
    with trial.ingest(given, talked, 1) as done:
        threads = {row[0] for row in done.agent.db.all("SELECT DISTINCT thread FROM step")}
        outcome = trial.ask(given, done, talked.cases[0], 1)
    assert threads == {"main", "subconscious"}
    assert {step.thread for step in outcome.steps} == {"main"} == set(outcome.by_thread)
    assert outcome.by_thread["main"] == dataclasses.replace(outcome.spent)


def test_timers_fire_between_items_that_are_said_and_not_between_observed_ones() -> None:
    plan = archgraph.compile("memgpt")
    talked = small.conversation(small.talk(3))
    count = "SELECT count(*) FROM step WHERE turn IS NULL"
    with trial.ingest(small.conditions(plan, mode="converse"), talked, 1) as said:
        assert said.agent.db.value(count) > 0
    with trial.ingest(small.conditions(plan), talked, 1) as heard:
        assert heard.agent.db.value("SELECT count(*) FROM step") == 0
        assert heard.agent.db.value("SELECT count(*) FROM record WHERE store = 'recall'") >= 4


def test_what_a_history_fills_is_evicted_once_and_paid_by_the_ingest() -> None:
    given = small.conditions(archgraph.compile("memgpt", ["context_window=6400", "core_limit=300"]))
    talked = small.conversation(small.talk(150, at=5), *QUESTIONS)
    with trial.ingest(given, talked, 1) as done:
        evicted = journal.steps(done.agent.db)
        assert evicted and {row.kind for row in evicted} == {"evict"}
        assert done.spent.calls == len(evicted) and done.spent.prompt_tokens > 1_000
        assert done.status == "done" and done.times["model"] > 0
        outcomes = [trial.ask(given, done, case, 1) for case in talked.cases]
        assert not any(step.kind == "evict" for each in outcomes for step in each.steps)
        assert len(journal.steps(done.agent.db)) == len(evicted)
        with trial.restore(given, done.snapshot()) as back:
            again = [trial.ask(given, back, case, 1) for case in talked.cases]
    assert list(map(plain, again)) == list(map(plain, outcomes))


def test_a_history_that_fits_costs_nothing_to_settle() -> None:
    given = small.conditions(archgraph.compile("memgpt"))
    with trial.ingest(given, small.conversation(small.talk(5)), 1) as done:
        assert done.spent == record.Spent() and not journal.steps(done.agent.db)


def test_what_listens_to_an_eviction_acts_before_the_questions(tmp_path: Path) -> None:
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
    context: [window]
    triggers: [user_message]
  tidier:
    model: offline/extractive
    context_window: 2000
    max_tokens: 100
    prompt: plain/main.jinja2
    context: [{store: recall, since: last_run, cap: 300}]
    triggers: [{event: window.evicted, mode: background}]
"""
    given = small.conditions(small.architecture(tmp_path, text), small.says("Hm."))
    with trial.ingest(given, small.conversation(small.talk(90)), 1) as done:
        threads = [(row.thread, row.kind) for row in journal.steps(done.agent.db)]
    assert threads[0] == ("main", "evict") and set(threads[1:]) == {("tidier", "step")}


def test_in_a_conversation_only_the_users_items_are_sent() -> None:
    history = small.talk(2)
    history = (*history[:2], dataclasses.replace(history[2], role="assistant", name="Bob"))
    given = small.conditions(archgraph.compile("no_memory"), small.says("Hm."), mode="converse")
    with trial.ingest(given, small.conversation(history), 1) as done:
        kinds = [r[0] for r in done.agent.db.all(
            "SELECT json_extract(fields, '$.kind') FROM record ORDER BY seq")]  # fmt: skip
    assert kinds == ["user", "assistant", "user", "assistant", "assistant"]


def test_indexes_are_caught_up_once_before_the_forks() -> None:
    given = small.conditions(archgraph.compile("text_rag"))
    with trial.ingest(given, small.conversation(small.talk(5)), 1) as done:
        assert done.agent.stores["recall"].search_index().backlog() == 0
    unsearched = small.conditions(archgraph.compile("no_memory"))
    with trial.ingest(unsearched, small.conversation(small.talk(5)), 1) as done:
        assert done.agent.stores["recall"].search_index().backlog() == 6, "nothing searches it"


def test_a_question_is_asked_at_its_own_time() -> None:
    plan = archgraph.compile("memgpt")
    history = small.talk(2)
    late = history[-1].at + 20 * small.BETWEEN
    talked = small.conversation(history, asked_at=late)
    for mode, fired in (("converse", True), ("observe", False)):
        given = small.conditions(plan, mode=mode)
        with trial.ingest(given, talked, 1) as done:
            outcome = trial.ask(given, done, talked.cases[0], 1)
        assert outcome.steps[-1].at == late
        assert (outcome.steps[0].at < late) == fired, "timers fire on the way where they run at all"
        assert outcome.spent.calls == len(outcome.steps)


# failures and bounds -----------------------------------------------------------------------------


def test_a_model_that_fails_fails_the_trial_and_keeps_what_was_said(tmp_path: Path) -> None:
    said: list[str] = []

    def rule(request: llm.Request) -> Any:
        said.append("x")
        if len(said) > 1:
            from archgraph import errors

            raise errors.GatewayError("no more")
        return [helpers.call("tell", message="Let me see."), helpers.call("look", query="Ana")]

    text = """
stores: {recall: {type: log}}
tools: {tell: {verb: reply}, look: {verb: search, stores: [recall]}}
threads:
  main:
    model: offline/extractive
    context_window: 4000
    prompt: plain/main.jinja2
    log: recall
    thoughts: none
    context: [{store: recall, since: turn}]
    tools: all
    triggers: [user_message]
    heartbeat: {when: [called]}
"""
    outcome = small.ask(small.architecture(tmp_path, text), rule, small.talk(2))
    assert (outcome.status, outcome.reason) == ("failed", "no more")
    assert outcome.reply == "Let me see."
    assert [step.status for step in outcome.steps] == ["done", "failed"]


def test_a_window_that_overflows_fails_the_trial() -> None:
    plan = archgraph.compile("full_context", ["context_window=1500"])
    outcome = small.ask(plan, None, small.talk(80))
    assert outcome.status == "failed" and "tokens" in outcome.reason
    assert outcome.reply == "" and outcome.spent.calls == 0


def test_a_question_is_cut_at_its_tokens() -> None:
    plan = archgraph.compile("memgpt", small.FORGETFUL)
    history = small.talk(60, at=2)
    whole = small.ask(plan, None, history)
    used = whole.spent.prompt_tokens + whole.spent.completion_tokens
    assert len(whole.steps) > 1 and whole.status == "done"
    least = used - whole.steps[-1].completion_tokens  # the last answer may pass the bound
    cut = small.ask(plan, None, history, tokens_per_case=least - 1)
    assert cut.status == "cut" and "cut by the budget" in cut.reason
    assert cut.spent.prompt_tokens + cut.spent.completion_tokens < used
    assert cut.spent.calls < whole.spent.calls
    enough = small.ask(plan, None, history, tokens_per_case=least)
    assert plain(enough) == plain(whole)


def test_a_history_is_cut_at_its_tokens_and_can_be_asked() -> None:
    plan = archgraph.compile("memgpt")
    talked = small.conversation(small.talk(6))
    given = small.conditions(plan, mode="converse", ingest_tokens=5_000)
    with trial.ingest(given, talked, 1) as done:
        assert done.status == "cut" and "of the history" in done.reason
        assert done.spent.prompt_tokens + done.spent.completion_tokens <= 5_000 + 512
        with trial.restore(given, done.snapshot()) as back:
            assert (back.status, back.reason) == ("cut", done.reason)
        assert trial.ask(given, done, talked.cases[0], 1).status == "done"


def test_failed_turns_of_a_history_are_counted() -> None:
    from archgraph import errors

    def rule(request: llm.Request) -> Any:
        if "soup number 1" in small.last(request):
            raise errors.GatewayError("too busy")
        return "Hm."

    given = small.conditions(archgraph.compile("no_memory"), rule, mode="converse")
    with trial.ingest(given, small.conversation(small.talk(3)), 1) as done:
        assert done.status == "failed"
        assert done.reason == "1 of 4 turns failed, the first: too busy"


# cost --------------------------------------------------------------------------------------------


def test_what_a_trial_took_adds_up() -> None:
    outcome = small.ask(archgraph.compile("memgpt", small.FORGETFUL), None, small.talk(60, at=2))
    assert set(outcome.times) == set(record.TIMES)
    assert outcome.times["model"] > 0 and outcome.times["render"] > 0
    assert outcome.times["search"] > 0 and outcome.times["commit"] > 0
    texts = sum(len(item.text) for item in outcome.case.history)
    assert texts < outcome.store_bytes < 10 * texts
    assert sum(s.prompt_tokens for s in outcome.steps) == outcome.spent.prompt_tokens
    asked = [step for step in outcome.steps if step.kind == "step"]
    assert all({"render", "model", "tools"} <= set(step.times) for step in asked)


def test_seeds_for_different_purposes_differ() -> None:
    made = {trial.mixed(1, 2, "a"), trial.mixed(1, 2, "b"), trial.mixed(2, 1, "a"), trial.mixed(1)}
    assert len(made) == 4 and trial.mixed(1, 2, "a") in made


def test_simple_conditions_open_models_by_name() -> None:
    given = trial.simple(archgraph.compile("no_memory"))
    assert given.mode == "observe" and given.faults == suites.Faults()
    talked = cases.Conversation("c", (), (cases.Case("c/0", "c", (), "Hello?", ()),))
    with trial.ingest(given, talked, 1) as done:
        assert trial.ask(given, done, talked.cases[0], 1).status == "done"
