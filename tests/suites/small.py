"""Small architectures, histories and conditions for tests of trials."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import archgraph
from archgraph.graph import plan as plans
from archgraph.llm import base as llm
from archgraph.suites import plan as suites
from archgraph.suites import record
from archgraph.suites.datasets import case as cases
from archgraph.suites.running import trial
from tests import helpers

FACT = "My sister Ana moved to Oslo last spring."
QUESTION = "Where does Ana live?"
ANSWER = "Oslo"
BETWEEN = 2_400.0
"""Seconds between two items: a timer of half an hour fires once."""
FORGETFUL = (
    "context_window=6400", "core_limit=300", "warn_at=0.5", "evict_at=0.6", "evict_to=0.05",
    "stores.window.evict=drop",
)  # fmt: skip
"""A memgpt that must search for what was said a little earlier."""


def architecture(folder: Path, text: str) -> plans.Plan:
    """The plan of an architecture written as YAML; what every one needs is added."""
    path = folder / "small.yaml"
    path.write_text(f"archgraph: 1\nname: small\nabout: A small architecture.\n{text}")
    return archgraph.compile(path)


def items(*texts: str, fact: str = FACT) -> tuple[cases.Item, ...]:
    """A history, one item after the other; the fact is the item `gold`."""
    named = [("gold" if text == fact else f"i{n}", text) for n, text in enumerate(texts)]
    start = trial.DEFAULT_START
    return tuple(cases.Item(id, text, at=start + n * BETWEEN) for n, (id, text) in enumerate(named))


def talk(count: int, *, at: int = 0, fact: str = FACT) -> tuple[cases.Item, ...]:
    """Small talk of so many items, with the fact among it."""
    said = [
        f"Today, on day {n}, I cooked soup number {n} and read for an hour." for n in range(count)
    ]
    return items(*said[:at], fact, *said[at:], fact=fact)


def conversation(
    history: Sequence[cases.Item], *questions: str, **changes: Any
) -> cases.Conversation:
    """A history with questions whose gold is `gold`."""
    history = tuple(history)
    made: dict[str, Any] = {"answers": (ANSWER,), "evidence": ("gold",), **changes}
    asked = tuple(
        cases.Case(f"c/{n}", "c", history, question, **made)
        for n, question in enumerate(questions or (QUESTION,))
    )
    return cases.Conversation("c", history, asked)


def conditions(
    plan: plans.Plan,
    rule: Callable[[llm.Request], Any] | None = None,
    *,
    mode: str = "observe",
    faults: suites.Faults | None = None,
    tokens_per_case: int = 0,
    ingest_tokens: int = 0,
) -> trial.Conditions:
    """Conditions in which a rule answers, or the offline policy where there is none."""
    simple = trial.simple(plan, mode)

    def opened(model: str, options: Mapping[str, Any]) -> llm.Gateway:
        return helpers.Answers(rule) if rule else simple.open_gateway(model, options)

    return trial.Conditions(
        plan, mode, faults or suites.Faults(), tokens_per_case, ingest_tokens, "", opened
    )


def ask(
    plan: plans.Plan,
    rule: Callable[[llm.Request], Any] | None,
    history: Sequence[cases.Item],
    **changes: Any,
) -> record.Outcome:
    """Feed a history, ask its question, give what came of it."""
    told = {name: changes.pop(name) for name in ("answers", "evidence") if name in changes}
    given = conditions(plan, rule, **changes)
    talked = conversation(history, **told)
    with trial.ingest(given, talked, 1) as ingested:
        return trial.ask(given, ingested, talked.cases[0], 1)


def says(text: str) -> Callable[[llm.Request], str]:
    """A model that always says the same."""
    return lambda request: text


def last(request: llm.Request) -> str:
    """The last message that a model was sent."""
    return helpers.text_of(request.messages[-1])
