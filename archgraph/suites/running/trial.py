"""One trial: a history put into an agent's memory, one question asked in a fork of it.

Called by the demonstration and by the benchmarks; the same functions are the ground of suites.
Knows agents and cases, no statistics.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from archgraph import clock
from archgraph.graph import plan as plans
from archgraph.llm import base as llm
from archgraph.runtime import agent as agents
from archgraph.storage import journal
from archgraph.suites.scoring import text as scorers
from archgraph.suites.datasets import case as cases

DEFAULT_START = 1_700_000_000.0
"""The virtual clock of histories without times begins here (2023-11-14), seconds since 1970."""


@dataclass(frozen=True, slots=True)
class Answered:
    """What came of one question.

    `reached` is the share of its gold items that stood verbatim in a context window of its steps,
    None where it has no gold. `calls` counts tool calls by name. Tokens are prompt and answer,
    over all steps of the question, evictions included.
    """

    case: cases.Case
    reply: str
    status: str
    reason: str
    steps: int
    calls: dict[str, int]
    prompt_tokens: int
    completion_tokens: int
    reached: float | None


def ingest(
    plan: plans.Plan,
    items: Sequence[cases.Item],
    *,
    seed: int = 0,
    mode: str = "observe",
    gateway: llm.Gateway | None = None,
    embedder: llm.Embedder | None = None,
) -> agents.Agent:
    """A new agent in memory that has lived through a history, on a virtual clock.

    `observe` puts the items into its log; `converse` sends each as a message and runs the threads.
    """
    start = next((item.at for item in items if item.at is not None), DEFAULT_START)
    setup = agents.Setup(clock.VirtualClock(start), gateway, embedder)
    agent = agents.create(plan, seed=seed, setup=setup)
    for item in items:
        if item.at is not None:
            agent.advance_to(item.at, timers=mode != "observe")
        if mode == "observe":
            agent.observe(item.text, name=item.name, role=item.role, at=item.at)
        else:
            agent.send(item.text, name=item.name, at=item.at)
        agent.work(timers=mode != "observe")
    return agent


def ask(agent: agents.Agent, case: cases.Case) -> Answered:
    """Ask a case's question in a fork, so that the agent itself stays as it is."""
    with agent.fork(":memory:") as fork:
        if case.asked_at is not None:
            fork.advance_to(case.asked_at)
        first = int(fork.db.value("SELECT coalesce(max(id), 0) FROM step"))
        turn = fork.send(case.question)
        steps = journal.steps(fork.db, "id > ?", (first,))
        calls: dict[str, int] = {}
        for row in steps:
            for call in journal.calls(fork.db, row.id):
                calls[call.name] = calls.get(call.name, 0) + 1
        gold = {item.id: item.text for item in case.history if item.id in set(case.evidence)}
        window = _window_texts(fork, [row for row in steps if row.kind == "step" and row.prompt])
        return Answered(
            case=case,
            reply=turn.reply,
            status=turn.status,
            reason=turn.reason,
            steps=sum(row.kind == "step" for row in steps),
            calls=calls,
            prompt_tokens=sum(row.prompt_tokens or 0 for row in steps),
            completion_tokens=sum(row.completion_tokens or 0 for row in steps),
            reached=scorers.reached(gold.values(), window) if gold else None,
        )


def _window_texts(agent: agents.Agent, steps: Iterable[journal.StepRow]) -> list[str]:
    """Every text that the steps were sent, out of its envelope, each once."""
    seen: dict[str, None] = {}
    for row in steps:
        for message in agent.window(row.id)["messages"]:
            seen.setdefault(_unpacked(message.get("content")))
    return list(seen)


def _unpacked(content: Any) -> str:
    """A message's own text, without the JSON around it."""
    text = str(content or "")
    if text.startswith("{"):
        try:
            return str(json.loads(text).get("message", text))
        except ValueError:
            return text
    return text
