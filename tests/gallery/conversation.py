"""One small conversation that every architecture of the gallery is told, and ways to look at it.

Two days on the virtual clock: facts on the first, a correction and questions on the second. Used
by the golden traces in this folder, which say of each architecture what distinguishes it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from archgraph import api, clock
from archgraph.runtime import agent as agents
from archgraph.storage import journal

BEGIN = 1_709_542_800.0
"""2024-03-04 09:00:00 UTC, a Monday: when the clock of every golden trace begins."""

_MINUTE, _DAY = 60.0, 86_400.0


@dataclass(frozen=True, slots=True)
class Message:
    """What the user says, and when, in seconds since 1970."""

    at: float
    text: str


def _on(day: int, *texts: str) -> list[Message]:
    """The messages of a day (from 0), three minutes apart."""
    first = BEGIN + day * _DAY + _MINUTE
    return [Message(first + 3 * _MINUTE * n, text) for n, text in enumerate(texts)]


TALK: list[Message] = [
    *_on(
        0,
        "Hello, my name is Dana and I live in Bergen.",
        "My brother Ole plays the cello in an orchestra.",
        "My cat is called Pepper and she is nine years old.",
        "I am allergic to peanuts, so I never eat satay.",
        "On Friday I start a new job at the harbour museum.",
        "What is my cat called?",
    ),
    *_on(
        1,
        "I moved from Bergen to Trondheim.",
        "Ole gave me a red bicycle for the move.",
        "Where do I live now?",
        "What does my brother play?",
        "What am I allergic to?",
        "Where do I start a new job?",
    ),
]
"""Twelve messages: seven facts, of which one corrects another, and five questions."""

ANSWERS = {
    "What is my cat called?": "Pepper",
    "Where do I live now?": "Trondheim",
    "What does my brother play?": "cello",
    "What am I allergic to?": "peanuts",
    "Where do I start a new job?": "harbour museum",
}
"""What a right reply to each question contains."""


def begin(name: str | Path, *overrides: str, tmp_path: Path, gateway: Any = None) -> agents.Agent:
    """A new agent of a shipped architecture (or a file), on a virtual clock that stands at BEGIN.

    `overrides` are as with `--set`, for example `subconscious=null`.
    """
    return api.open_agent(
        name, tmp_path / "agent.db", overrides=overrides, seed=1,
        clock=clock.VirtualClock(BEGIN), gateway=gateway,
    )  # fmt: skip


def tell(agent: agents.Agent, talk: Sequence[Message] = TALK) -> agents.Agent:
    """Send messages at their times; timers fire and background threads work in between."""
    rows = [api.Row(said.text, at=said.at, key=f"{said.at:.0f}") for said in talk]
    api.feed(agent, rows)
    return agent


def play(name: str | Path, *overrides: str, tmp_path: Path, gateway: Any = None) -> agents.Agent:
    """Open an agent, tell it all of `TALK`, let it come to rest; its journal is `agent.db`."""
    return tell(begin(name, *overrides, tmp_path=tmp_path, gateway=gateway))


# What happened


def steps(agent: agents.Agent, thread: str) -> list[journal.StepRow]:
    """The answered steps of a thread, oldest first."""
    return journal.steps(agent.db, "thread = ? AND kind = 'step' AND status = 'done'", (thread,))


def calls(agent: agents.Agent, thread: str) -> list[journal.CallRow]:
    """The tool calls of a thread that went well, oldest first."""
    made = [call for row in steps(agent, thread) for call in journal.calls(agent.db, row.id)]
    return [call for call in made if call.ok]


def system(agent: agents.Agent, row: journal.StepRow) -> str:
    """The system prompt that a step was sent."""
    return str(agent.window(row.id)["messages"][0]["content"])


def heard_in(agent: agents.Agent) -> str:
    """The log of the thread that talks to the user: the first that hears the user, if it has one.

    Where a pipeline hears first, it is the first log of all.
    """
    threads = [thread for thread in agent.plan.threads.values() if thread.log]
    hearing = (t.log for t in threads if any(rule.kind == "user_message" for rule in t.triggers))
    return next(hearing, threads[0].log)


def replies(agent: agents.Agent, log: str = "") -> dict[str, str]:
    """What the user heard after each message, by the message."""
    log = log or heard_in(agent)
    said = "SELECT content, json_extract(fields, '$.kind'), json_extract(fields, '$.spoken')"
    found: dict[str, str] = {}
    heard = ""
    for text, kind, spoken in agent.db.all(
        f"{said} FROM record WHERE store = ? ORDER BY seq", (log,)
    ):
        if kind == "user":
            heard = text
            found[heard] = ""
        elif kind == "assistant" and heard:
            found[heard] += text if spoken is None else spoken
    return found


def right(agent: agents.Agent, log: str = "") -> set[str]:
    """The questions of `ANSWERS` that were answered rightly."""
    said = replies(agent, log)
    return {q for q, answer in ANSWERS.items() if answer.lower() in said.get(q, "").lower()}
