"""Each of the seven ways to lose a fact, on architectures built to lose it in that way."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from archgraph.llm import base as llm
from archgraph.suites import record
from archgraph.suites.running import losses, trial
from tests import helpers
from tests.suites import small
from tests.suites.small import FACT, says, talk

call = helpers.call
UNKNOWN = says("I do not know.")

MAIN = """
threads:
  main:
    model: offline/extractive
    context_window: {window}
    max_tokens: 100
    prompt: plain/main.jinja2
    log: recall
    thoughts: none
    triggers: [user_message]
    context: {context}
{more}"""


def main(context: str, window: int = 1200, more: str = "") -> str:
    return MAIN.format(context=context, window=window, more=more)


def only(outcome: record.Outcome) -> record.Gold:
    assert len(outcome.gold) == 1
    return outcome.gold[0]


def fate(outcome: record.Outcome) -> str:
    found = only(outcome)
    assert found.why, "a fate says why"
    return f"{found.fate}, derived" if found.derived else found.fate


TURN = main("[{store: recall, since: turn}]")
WINDOW = "stores:\n  recall: {type: log, message_cap: 100}\n"


# never written -----------------------------------------------------------------------------------


def test_what_no_thread_can_read_was_never_written(tmp_path: Path) -> None:
    plan = small.architecture(tmp_path, WINDOW + TURN)
    outcome = small.ask(plan, UNKNOWN, talk(3))
    assert fate(outcome) == losses.NEVER
    assert "recall holds it, which main cannot read" in only(outcome).why


NOTES = """
stores:
  recall: {type: log, message_cap: 100}
  notes: {type: collection}
tools:
  look: {verb: search, stores: [notes]}
  note: {verb: insert, stores: [notes]}
"""
WITH_TOOLS = main(
    "[{store: recall, since: turn}]", 2000, "    tools: all\n    heartbeat: {when: [called]}\n"
)


def writing(note: str, answer: Any = "I do not know.") -> Any:
    """Notes something about the fact when it hears it, looks for Ana when it is asked."""

    def rule(request: llm.Request) -> Any:
        last = small.last(request)
        if last == FACT:
            return call("note", content=note) if note else "Good."
        if last == small.QUESTION:
            return call("look", query="Ana")
        return answer if any("Ana live" in text for text in helpers.sent(request)) else "Good."

    return rule


def test_what_the_model_did_not_write_down_was_never_written(tmp_path: Path) -> None:
    plan = small.architecture(tmp_path, NOTES + WITH_TOOLS)
    outcome = small.ask(plan, writing("Likes her family."), talk(2), mode="converse")
    assert fate(outcome) == losses.NEVER


# reached, verbatim and derived -------------------------------------------------------------------


def test_a_verbatim_note_and_a_derived_one_are_counted_apart(tmp_path: Path) -> None:
    plan = small.architecture(tmp_path, NOTES + WITH_TOOLS)
    verbatim = small.ask(plan, writing(FACT, "Oslo"), talk(2), mode="converse")
    assert fate(verbatim) == losses.REACHED
    assert verbatim.window == ("gold",) and losses.reached(verbatim) == (1, 1, 0)
    derived = small.ask(plan, writing("Ana: Oslo", "Oslo"), talk(2), mode="converse")
    assert fate(derived) == "reached, derived"
    assert derived.window == () and derived.answered_in_window
    assert losses.reached(derived) == (1, 0, 1)
    assert "notes" in only(derived).why


QUEUE = """
stores:
  recall: {type: log, message_cap: 60}
  summary: {type: block, limit: 400, readonly: true}
  window:
    {type: queue, over: recall, evict_to: 0.5, keep_last: 1,
     evict: {summarize: summary, prompt: memgpt/summary.jinja2}}
"""


def summing(summary: str, answer: str = "I do not know.") -> Any:
    def rule(request: llm.Request) -> str:
        return answer if "helpful assistant" in helpers.system(request) else summary

    return rule


def test_a_summary_that_keeps_the_answer_reaches_the_window_as_derived(tmp_path: Path) -> None:
    plan = small.architecture(tmp_path, QUEUE + main("[summary, window]"))
    outcome = small.ask(plan, summing("Ana is in Oslo."), talk(30))
    assert fate(outcome) == "reached, derived"


def test_what_said_so_before_the_fact_is_not_made_of_it(tmp_path: Path) -> None:
    text = QUEUE.replace("limit: 400", "limit: 400, text: 'Born in Oslo.'").replace(
        "summary: {t", "about: {t"
    )
    text = text.replace("summarize: summary", "summarize: sums") + "  sums: {type: block}\n"
    plan = small.architecture(tmp_path, text + main("[about, sums, window]", 2400))
    outcome = small.ask(plan, summing("Soup was cooked."), talk(60))
    assert outcome.answered_in_window
    assert fate(outcome) == losses.SUMMARISED


def test_a_block_that_always_said_so_is_not_made_of_it_when_it_grows(tmp_path: Path) -> None:
    text = BLOCK.replace("limit: 300", "limit: 300, text: 'Born in Oslo.'").replace(
        "rewrite", "append"
    )
    more = "    tools: all\n    heartbeat: {when: [failed]}\n"
    plan = small.architecture(
        tmp_path, text + main("[human, {store: recall, since: turn}]", 2000, more)
    )

    def rule(request: llm.Request) -> Any:
        asked = small.last(request) == small.QUESTION
        return "I do not know." if asked else call("write", content="Likes soup.")

    outcome = small.ask(plan, rule, talk(2), mode="converse")
    assert outcome.answered_in_window
    assert fate(outcome) == losses.NEVER


# summarised away ---------------------------------------------------------------------------------


def test_a_summary_without_the_answer_loses_it(tmp_path: Path) -> None:
    plan = small.architecture(tmp_path, QUEUE + main("[summary, window]"))
    outcome = small.ask(plan, summing("Soup was cooked."), talk(30))
    assert fate(outcome) == losses.SUMMARISED
    assert "left window" in only(outcome).why


def test_a_summary_of_a_summary_loses_it(tmp_path: Path) -> None:
    plan = small.architecture(tmp_path, QUEUE + main("[summary, window]"))

    def rule(request: llm.Request) -> str:
        if "helpful assistant" in helpers.system(request):
            return "Good."
        return "Ana is in Oslo." if FACT in small.last(request) else "Soup was cooked."

    outcome = small.ask(plan, rule, talk(50), mode="converse")
    assert fate(outcome) == losses.SUMMARISED
    assert "a later summary in summary lacks it" in only(outcome).why


FACTS = """
stores:
  recall: {type: log, message_cap: 100}
  facts: {type: collection}
threads:
  main:
    model: offline/extractive
    context_window: 2000
    max_tokens: 100
    prompt: plain/main.jinja2
    log: recall
    context: [{store: facts, search: {query: last_user, k: 3}}, {store: recall, since: turn}]
    triggers: [user_message]
  distil:
    kind: pipeline
    model: offline/extractive
    context_window: 2000
    triggers: [{event: recall.write, where: {kind: user}, mode: background}]
    steps:
      - {read: {store: recall, since: last_run}, as: said}
      - {write: {to: facts, items: said, content: "CONTENT"}}
"""


def test_an_operator_that_drops_the_answer_summarises_it_away(tmp_path: Path) -> None:
    plan = small.architecture(tmp_path, FACTS.replace("CONTENT", "{{ item.content[:12] }}"))
    outcome = small.ask(plan, UNKNOWN, talk(2))
    assert fate(outcome) == losses.SUMMARISED
    assert "what facts made of it lacks it" in only(outcome).why


# overwritten -------------------------------------------------------------------------------------

BESIDE = "[human, {store: recall, since: turn}]"
BLOCK = """
stores:
  recall: {type: log, message_cap: 100}
  human: {type: block, limit: 300}
tools:
  write: {verb: rewrite, stores: [human]}
"""


def test_a_block_written_anew_overwrites_it(tmp_path: Path) -> None:
    more = "    tools: all\n    heartbeat: {when: [failed]}\n"
    plan = small.architecture(tmp_path, BLOCK + main(BESIDE, 2000, more))

    def rule(request: llm.Request) -> Any:
        last = small.last(request)
        if last == FACT:
            return call("write", content="Ana lives in Oslo.")
        return "I do not know." if last == small.QUESTION else call("write", content="Likes soup.")

    outcome = small.ask(plan, rule, talk(2), mode="converse")
    assert fate(outcome) == losses.OVERWRITTEN
    assert "a later write to human took its place (step" in only(outcome).why
    first = small.ask(plan, rule, talk(2, at=2), mode="converse")
    assert fate(first) == "reached, derived"


KEYED = """
stores:
  recall: {type: log, message_cap: 100}
  notes: {type: collection, fields: {about: text}, key: [about], conflict: RULE}
tools:
  look: {verb: search, stores: [notes]}
  note: {verb: insert, stores: [notes]}
"""


@pytest.mark.parametrize("rule", ["newest_valid", "replace"])
def test_a_newer_fact_of_the_same_key_overwrites_it(tmp_path: Path, rule: str) -> None:
    plan = small.architecture(tmp_path, KEYED.replace("RULE", rule) + WITH_TOOLS)

    def answer(request: llm.Request) -> Any:
        last = small.last(request)
        if last == FACT:
            return call("note", content="Ana lives in Oslo.", about="Ana")
        if last == small.QUESTION:
            return call("look", query="Ana")
        if "Bergen" in last:
            return call("note", content="Ana lives in Bergen.", about="Ana")
        return "Good."

    history = (*talk(1), *small.items("Ana moved again, to Bergen."))
    history = (*history[:2], dataclasses.replace(history[2], id="later", at=history[1].at + 9))
    outcome = small.ask(plan, answer, history, mode="converse")
    assert fate(outcome) == losses.OVERWRITTEN


def test_a_write_of_the_question_itself_can_overwrite_it(tmp_path: Path) -> None:
    plan = small.architecture(tmp_path, KEYED.replace("RULE", "replace") + WITH_TOOLS)

    def rule(request: llm.Request) -> Any:
        last = small.last(request)
        if last == FACT:
            return call("note", content="Ana lives in Oslo.", about="Ana")
        if last == small.QUESTION:
            return call("note", content="The user asks for Ana.", about="Ana")
        return "I do not know."

    outcome = small.ask(plan, rule, talk(2), mode="converse")
    assert fate(outcome) == losses.OVERWRITTEN


# evicted -----------------------------------------------------------------------------------------

DROP = """
stores:
  recall: {type: log, message_cap: 60}
  window: {type: queue, over: recall, evict_to: 0.5, keep_last: 1, evict: drop}
"""


@pytest.mark.parametrize("mode", ["observe", "converse"])
def test_a_queue_that_drops_evicts_it(tmp_path: Path, mode: str) -> None:
    plan = small.architecture(tmp_path, DROP + main("[window]", 900))
    outcome = small.ask(plan, UNKNOWN, talk(40), mode=mode)
    assert fate(outcome) == losses.EVICTED
    assert "left window at step" in only(outcome).why


def test_a_view_of_the_newest_few_evicts_it(tmp_path: Path) -> None:
    text = DROP.replace("keep_last: 1", "keep_last: 1, capacity: 3")
    plan = small.architecture(tmp_path, text + main("[window]", 4000))
    outcome = small.ask(plan, UNKNOWN, talk(9))
    assert fate(outcome) == losses.EVICTED
    assert "no longer among the newest" in only(outcome).why


FULL = NOTES.replace(
    "{type: collection}", "{type: collection, capacity: 2, overflow: {victim: fifo}}"
)


@pytest.mark.parametrize("action", ["drop", "invalidate"])
def test_a_full_store_evicts_it(tmp_path: Path, action: str) -> None:
    text = FULL.replace("fifo}", f"fifo, action: {action}}}")
    plan = small.architecture(tmp_path, text + WITH_TOOLS)

    def rule(request: llm.Request) -> Any:
        last = small.last(request)
        if last == small.QUESTION:
            return call("look", query="Ana")
        return call("note", content=last) if request.messages[-1]["role"] == "user" else "Good."

    outcome = small.ask(plan, rule, talk(5), mode="converse")
    assert fate(outcome) == losses.EVICTED


# not retrieved -----------------------------------------------------------------------------------


def test_a_search_for_something_else_does_not_retrieve_it(tmp_path: Path) -> None:
    text = "tools:\n  look: {verb: search, stores: [recall]}\n"
    plan = small.architecture(
        tmp_path, WINDOW.replace("100", "100, page_size: 1") + text + WITH_TOOLS
    )

    def rule(request: llm.Request) -> Any:
        asked = small.last(request) == small.QUESTION
        return call("look", query="soup number 3") if asked else "I do not know."

    outcome = small.ask(plan, rule, talk(6))
    assert fate(outcome) == losses.NOT_RETRIEVED
    assert only(outcome).why == "recall holds it; one search of it did not return it"
    silent = small.ask(plan, UNKNOWN, talk(6))
    assert fate(silent) == losses.NOT_RETRIEVED and "was not searched" in only(silent).why


def test_a_context_search_that_ranks_others_first_does_not_retrieve_it(tmp_path: Path) -> None:
    context = "[{store: recall, search: {query: last_user, k: 2}}, {store: recall, since: turn}]"
    plan = small.architecture(tmp_path, WINDOW + main(context, 2000))
    history = [f"Where does Ana live now, live then? {n}" for n in range(3)]
    outcome = small.ask(plan, UNKNOWN, small.items(FACT, *history))
    assert fate(outcome) == losses.NOT_RETRIEVED


# cut by the budget -------------------------------------------------------------------------------


def test_a_result_cut_to_its_cap_is_cut_by_the_budget(tmp_path: Path) -> None:
    text = "tools:\n  look: {verb: search, stores: [recall]}\n"
    stores = WINDOW.replace("100", "100, result_cap: 20")
    plan = small.architecture(tmp_path, stores + text + WITH_TOOLS)

    def rule(request: llm.Request) -> Any:
        asked = small.last(request) == small.QUESTION
        return call("look", query="sister Ana") if asked else "I do not know."

    outcome = small.ask(plan, rule, talk(3))
    assert fate(outcome) == losses.CUT
    assert "found it; the result was cut" in only(outcome).why


def test_a_window_that_does_not_fit_is_cut_by_the_budget(tmp_path: Path) -> None:
    plan = small.architecture(tmp_path, WINDOW + main("[recall]", 700, "    overflow: fail\n"))
    outcome = small.ask(plan, UNKNOWN, talk(60))
    assert outcome.status == "failed"
    assert fate(outcome) == losses.CUT
    assert "the turn ended before it was read: the prompt takes" in only(outcome).why


def test_a_message_cut_in_the_window_is_cut_by_the_budget(tmp_path: Path) -> None:
    fact = f"{FACT} {'And then we sang for a very long time. ' * 20}".strip()
    plan = small.architecture(tmp_path, DROP + main("[window]", 2000))
    outcome = small.ask(plan, UNKNOWN, talk(3, fact=fact), answers=("a flat",))
    assert fate(outcome) == losses.CUT
    assert "message_cap" in only(outcome).why


def test_a_page_of_dates_that_is_not_turned_is_cut_by_the_budget(tmp_path: Path) -> None:
    text = "tools:\n  list: {verb: search_dates, stores: [recall]}\n"
    stores = WINDOW.replace("100", "100, page_size: 2")
    plan = small.architecture(tmp_path, stores + text + WITH_TOOLS)

    def rule(request: llm.Request) -> Any:
        asked = small.last(request) == small.QUESTION
        dates = {"start_date": "2023-11-14", "end_date": "2023-12-30"}
        return call("list", **dates) if asked else "I do not know."

    outcome = small.ask(plan, rule, talk(6, at=5))
    assert fate(outcome) == losses.CUT


def test_tokens_that_run_out_before_the_result_is_read_cut_it(tmp_path: Path) -> None:
    text = "tools:\n  look: {verb: search, stores: [recall]}\n"
    plan = small.architecture(tmp_path, WINDOW + text + WITH_TOOLS)

    def rule(request: llm.Request) -> Any:
        asked = small.last(request) == small.QUESTION
        return call("look", query="sister Ana") if asked else "Oslo."

    history = talk(3)
    whole = small.ask(plan, rule, history)
    assert fate(whole) == losses.REACHED
    first = whole.steps[0]
    outcome = small.ask(plan, rule, history, tokens_per_case=first.window_tokens + 200)
    assert outcome.status == "cut" and "cut by the budget" in outcome.reason
    assert fate(outcome) == losses.CUT
    assert "the turn ended before it was read" in only(outcome).why


# ignored -----------------------------------------------------------------------------------------


def test_what_stood_in_the_window_of_a_wrong_answer_was_ignored(tmp_path: Path) -> None:
    plan = small.architecture(tmp_path, DROP + main("[window]", 2000))
    outcome = small.ask(plan, UNKNOWN, talk(3))
    assert fate(outcome) == losses.REACHED
    assert fate(losses.with_score(outcome, 0.0)) == losses.IGNORED
    assert losses.with_score(outcome, 1.0) == outcome
    assert losses.with_score(outcome, None) == outcome
    assert losses.reached(losses.with_score(outcome, 0.0)) == (1, 1, 0)


def test_what_reached_is_not_ignored_while_other_gold_is_missing(tmp_path: Path) -> None:
    plan = small.architecture(tmp_path, DROP + main("[window]", 900))
    outcome = small.ask(plan, UNKNOWN, talk(40), evidence=("gold", "i40"))
    assert [each.fate for each in outcome.gold] == [losses.EVICTED, losses.REACHED]
    assert losses.with_score(outcome, 0.0) == outcome


# the waterfall -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["memgpt", "text_rag", "fixed_window", "no_memory"])
def test_every_gold_item_has_one_fate(name: str) -> None:
    import archgraph

    history = talk(12, at=3)
    wanted = ("gold", "i2", "i5", "gold", "nowhere")
    plan = archgraph.compile(name)
    outcome = small.ask(plan, None, history, evidence=wanted)
    assert [each.item for each in outcome.gold] == ["gold", "i2", "i5"]
    assert {each.fate for each in outcome.gold} <= {losses.REACHED, *record.LOSSES}


def test_a_case_without_gold_has_no_fates() -> None:
    import archgraph

    outcome = small.ask(archgraph.compile("no_memory"), None, talk(2), evidence=())
    assert outcome.gold == ()
    assert outcome.status == trial.DONE
