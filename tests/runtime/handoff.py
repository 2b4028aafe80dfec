"""What the tests of hand-offs share: pairs of threads, a model for both, and who read what."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from archgraph import api, errors
from archgraph.graph import plan as plans
from archgraph.llm import base as llm
from archgraph.runtime import agent as agents
from archgraph.storage import journal
from tests import helpers
from tests.helpers import Answers, Death, call

SPEAK, WRITE, BAD, FAULT, WAIT, TEXT, END = range(7)
"""What a model may do when it is asked."""
DIE = 9
"""The process dies while the model works."""

PAIRS: Mapping[str, tuple[str, str, str]] = {
    "conscious_subconscious": ("main", "subconscious", "recall"),
    "sleeptime": ("main", "sleeper", "recall"),
    "talker_reasoner": ("talker", "reasoner", "conversation"),
}
"""Architectures by name: the thread that talks, the one that reads since its last run, the log."""


def plan(name: str, *overrides: str, cap: int = 0, every: int = 2) -> plans.Plan:
    """A shipped architecture; its reader due every so many turns, shown at most `cap` tokens."""
    given = [*overrides]
    if name != "talker_reasoner":
        given.append(f"frequency={every}")
    made = api.compile(name, given)
    if not cap:
        return made
    reader = PAIRS[name][1]
    thread = made.threads[reader]
    context = tuple(
        replace(item, cap=cap) if item.since == "last_run" else item for item in thread.context
    )
    return replace(made, threads={**made.threads, reader: replace(thread, context=context)})


class Minds(Answers):
    """Both threads: each answer is chosen by the next number, by default they speak and end.

    It knows tools by their verbs only, so that it serves every architecture alike.
    """

    def __init__(
        self, made: plans.Plan, numbers: list[int] | None = None, deadly: bool = True
    ) -> None:
        super().__init__(self._answer)
        self.plan, self.numbers, self.deadly = made, list(numbers or []), deadly
        self.answered, self.down = 0, set[str]()
        self.writes = 0

    def thread_of(self, request: llm.Request) -> str:
        """Which thread asks: the tools tell."""
        offered = {tool["function"]["name"] for tool in request.tools}
        return next(n for n, t in self.plan.threads.items() if set(t.tools) == offered)

    def of(self, thread: str) -> list[llm.Request]:
        """The requests of a thread."""
        return [request for request in self.requests if self.thread_of(request) == thread]

    def _answer(self, request: llm.Request) -> Any:
        if not request.tools:
            return "A summary."
        thread = self.thread_of(request)
        if thread in self.down:
            return errors.GatewayFault("down")
        number = self.numbers.pop(0) if self.numbers else END
        while number == DIE:
            if self.deadly:
                raise Death
            number = self.numbers.pop(0) if self.numbers else END
        self.answered += 1
        return self._do(number, thread)

    def _do(self, number: int, thread: str) -> Any:
        tools = {self.plan.tools[name].verb: name for name in self.plan.threads[thread].tools}
        more = {"inner_thoughts": "so"}
        if "requested" in self.plan.threads[thread].heartbeat.when:
            more["request_heartbeat"] = "true"
        if number == FAULT:
            return errors.GatewayFault("busy")
        if number == BAD:
            return call("nothing", number=self.answered)
        if number == TEXT:
            return f"text {self.answered}"
        if number == WAIT and "wait" in tools:
            return call(tools["wait"], **more)
        if number == WRITE and (made := self._write(tools, more)):
            return made
        if "reply" in tools:
            return call(tools["reply"], message=f"said {self.answered}", inner_thoughts="so")
        return call(tools["finish"], inner_thoughts="so")

    def _write(self, tools: Mapping[str, str], more: Mapping[str, str]) -> Any:
        text = f"memory {self.answered}"
        if "rewrite" in tools:
            return call(tools["rewrite"], name="human", content=text, **more)
        if "set_field" in tools:
            return call(tools["set_field"], field="goal", value=text, **more)
        return None


def said(agent: agents.Agent, name: str) -> list[str]:
    """All that the reader is to be shown, as lines of a transcript, oldest first."""
    talker, _, log = PAIRS[name]
    store: Any = agent.stores[log]
    found = store.records.select("thread IS NULL OR thread = ?", (talker,))
    return [line for record in found if (line := store.line(record))]


def read(agent: agents.Agent, name: str) -> list[str]:
    """What the reader was shown in the runs that ended well, in order."""
    reader = PAIRS[name][1]
    broken, seen = broken_runs(agent, reader), set[int]()
    lines: list[str] = []
    for row in journal.steps(agent.db, "thread = ? AND status = 'done'", (reader,)):
        if row.run not in seen | broken and row.kind == "step":
            seen.add(row.run)
            lines += shown(agent.window(row.id)["messages"][0]["content"])
    return lines


def shown(system: str) -> list[str]:
    """The lines of the transcript in a system prompt."""
    found = re.search(r"<conversation>\n(.*?)\n?</conversation>", system, re.S)
    return [line for line in found[1].split("\n") if line] if found else []


def broken_runs(agent: agents.Agent, reader: str) -> set[int]:
    """Runs of a thread that failed or were broken off, and the one that is going on."""
    where = "thread = ? AND status = 'failed'"
    failed = {row.run for row in journal.steps(agent.db, where, (reader,))}
    events = journal.events(agent.db, "name = 'run.failed'")
    born = {event.born for event in events if event.payload["thread"] == reader}
    mine = journal.steps(agent.db, "thread = ?", (reader,))
    return failed | {r.run for r in mine if r.closed in born} | {agent.state.threads[reader].run}


def written(agent: agents.Agent, tool: str) -> list[dict[str, Any]]:
    """The arguments of all calls of a tool that went well, in order."""
    rows = journal.steps(agent.db, "status = 'done' AND kind = 'step'")
    return [
        json.loads(made[2])
        for row in rows
        for made, result in zip(
            (row.reply or {}).get("tool_calls", ()), journal.calls(agent.db, row.id), strict=True
        )
        if result.ok and result.name == tool
    ]


def opened(made: plans.Plan, gateway: Any, path: Any = ":memory:") -> agents.Agent:
    """A new agent on a virtual clock."""
    return helpers.opened(made, gateway, path)
