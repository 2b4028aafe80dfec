"""Two trials of one case, to where they part, said so that a stranger can follow."""

from __future__ import annotations

import dataclasses
import functools
import json

import pytest

import archgraph
from archgraph.suites import record
from archgraph.suites.reporting import divergence
from tests.suites import small


@functools.cache
def outcome(name: str, *overrides: str, history: int = 40) -> record.Outcome:
    return small.ask(archgraph.compile(name, overrides), None, small.talk(history, at=2))


def said(found: divergence.Divergence, width: int = 100) -> str:
    lines = divergence.lines(found, width)
    assert all(len(line) <= width for line in lines)
    return "\n".join(lines)


def test_a_trial_does_not_differ_from_itself() -> None:
    one = outcome("memgpt", *small.FORGETFUL)
    found = divergence.diverge(one, one)
    assert found.same and found.first is None
    assert "Both did the same, to the byte." in said(found)
    assert found.retrieved == ((), ())


def test_it_reads_what_the_ledger_kept() -> None:
    one = outcome("memgpt", *small.FORGETFUL)
    kept = record.outcome(json.loads(json.dumps(record.plain(one))), one.case)
    assert divergence.diverge(one, kept).same


def test_the_first_step_that_differs_is_found() -> None:
    one = outcome("memgpt", *small.FORGETFUL)
    asked = [n for n, step in enumerate(one.steps) if step.kind == "step"]
    assert len(asked) > 1
    last = one.steps[asked[-1]]
    changed = {"role": "tool", "tool_call_id": "x", "content": "Ana lives in Bergen now."}
    step = dataclasses.replace(last, messages=(*last.messages[:-1], changed))
    other = dataclasses.replace(one, steps=(*one.steps[: asked[-1]], step), reply="Bergen")
    found = divergence.diverge(one, other, ("seed 1", "seed 2"))
    assert found.first == asked[-1]
    assert found.pairs[found.first].differs == (divergence.MESSAGES,)
    assert found.pairs[found.first].only[1] == ("Ana lives in Bergen now.",)
    text = said(found)
    assert f"First divergence: step {asked[-1] + 1}, in messages." in text
    assert f"both, step {asked[0] + 1}: calls " in text
    assert "only in the window of seed 2: 1 text\n    | Ana lives in Bergen now." in text
    assert "it replied: Bergen" in text


def test_replies_and_calls_differ_too() -> None:
    one = outcome("memgpt", *small.FORGETFUL)
    place = next(n for n, step in enumerate(one.steps) if step.calls)
    step = one.steps[place]
    calls = (dataclasses.replace(step.calls[0], result="Nothing found."), *step.calls[1:])
    steps = (*one.steps[:place], dataclasses.replace(step, calls=calls), *one.steps[place + 1 :])
    found = divergence.diverge(one, dataclasses.replace(one, steps=steps))
    assert found.first == place and found.pairs[place].differs == (divergence.CALLS,)
    assert not found.same


def test_two_architectures_differ_in_prompt_and_then_in_what_they_do() -> None:
    one, other = outcome("memgpt", *small.FORGETFUL), outcome("text_rag")
    found = divergence.diverge(one, other, ("memgpt", "text_rag"))
    assert found.first is not None
    first = found.pairs[found.first]
    assert all(side is not None and side.kind == "step" for side in first.sides)
    text = said(found)
    assert "The system prompt and tools offered differ from step" in text
    assert f"memgpt, step {first.sides[0].number}" in text
    assert "Where the evidence went:" in text and small.FACT in text
    assert "memgpt: reached" in text and "text_rag: " in text
    assert "Question: Where does Ana live?" in text and "Answer: Oslo" in text


def test_prompts_alone_are_no_divergence() -> None:
    one = outcome("no_memory", history=3)
    step = one.steps[0]
    system = {"role": "system", "content": f"{step.messages[0]['content']}\n\nBe kind."}
    changed = dataclasses.replace(step, messages=(system, *step.messages[1:]))
    found = divergence.diverge(one, dataclasses.replace(one, steps=(changed,)))
    assert found.first is None and not found.same
    text = said(found)
    assert "The system prompt differs from step 1 on: 1 paragraph only in B." in text
    assert "| Be kind." in text and "every message, reply and call is equal" in text


def test_a_step_that_only_one_has_stands_alone() -> None:
    one = outcome("no_memory", history=3)
    evicted = dataclasses.replace(one.steps[0], kind="evict", reply={}, calls=())
    other = dataclasses.replace(one, steps=(evicted, *one.steps))
    found = divergence.diverge(one, other, ("plain", "evicting"))
    assert [pair.differs for pair in found.pairs] == [(divergence.MISSING,), ()]
    text = said(found)
    assert "First divergence: step 1 of evicting, which plain does not have." in text
    assert "step 1 (eviction), " in text and "old messages leave the window" in text
    assert "both, step 1: says" in text


@pytest.mark.parametrize("width", [40, 80, 120])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    one, other = outcome("memgpt", *small.FORGETFUL), outcome("text_rag")
    said(divergence.diverge(one, other, ("memgpt", "text_rag")), width)


def test_a_trial_that_failed_says_why() -> None:
    fails = outcome("full_context", "context_window=1500", history=60)
    found = divergence.diverge(outcome("no_memory", history=60), fails, ("no_memory", "full"))
    text = said(found)
    assert "full: failed (" in text and "cut by the budget" in text
    assert "it replied: nothing" in text
