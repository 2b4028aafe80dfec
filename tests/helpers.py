"""Agents for tests: plans built by hand, gateways that look around, and a way to die."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from archgraph import clock, registry
from archgraph.graph import plan as plans
from archgraph.llm import base as llm
from archgraph.llm import scripted
from archgraph.messages import Completion, ToolCall
from archgraph.runtime import agent as agents
from archgraph.stores import base as stores
from archgraph.tools import messaging

call = scripted.call
START = 1_700_000_000.0
"""2023-11-14 22:13:20 UTC: where virtual clocks of tests begin."""


class Death(BaseException):
    """The process is gone: nothing may catch it."""


class Answers:
    """A gateway that answers by a rule and asserts that no commit is being prepared."""

    def __init__(self, rule: Callable[[llm.Request], Any]) -> None:
        self.rule, self.requests = rule, list[llm.Request]()
        self.db: Any = None

    def complete(self, request: llm.Request) -> Completion:
        if self.db is not None:
            assert not self.db.in_transaction, "the write lock was held while a model worked"
        self.requests.append(request)
        return scripted.Scripted([self.rule]).complete(request)

    def stream(self, request: llm.Request) -> Any:
        return (yield from llm.completed(self, request))


class Script(Answers):
    """Answers from a list, item by item; more may be added with `then`."""

    def __init__(self, *items: Any) -> None:
        super().__init__(self._next)
        self.items = list(items)

    def then(self, *items: Any) -> Script:
        self.items += items
        return self

    def _next(self, request: llm.Request) -> Any:
        assert self.items, f"nothing left to answer to {request.messages[-1]}"
        item = self.items.pop(0)
        return item(request) if callable(item) else item


def text_of(message: Mapping[str, Any]) -> str:
    """What a wire message says, taken out of its envelope."""
    try:
        body = json.loads(message["content"])
    except (TypeError, ValueError):
        return str(message["content"])
    return str(body.get("message", body.get("reason", body.get("last_login", ""))))


def sent(request: llm.Request, role: str = "") -> list[str]:
    """The texts of a request's messages after the system prompt, of one role if given."""
    return [text_of(m) for m in request.messages[1:] if not role or m["role"] == role]


def system(request: llm.Request) -> str:
    return str(request.messages[0]["content"])


def wait(seconds: float, /, **more: Any) -> plans.TriggerPlan:
    """A timer, in the background unless said."""
    return plans.TriggerPlan("timer", seconds=seconds, **{"mode": "background", **more})


USER = plans.TriggerPlan("user_message")


def thread(name: str = "main", **changes: Any) -> plans.ThreadPlan:
    """A thread that hears the user and shows its log, unless said otherwise."""
    fresh = plans.ThreadPlan(
        name=name, model="offline/extractive", context_window=4000, prompt="main", log="recall",
        context=(plans.ContextItem("recall"),), triggers=(USER,), max_tokens=100, thoughts="none",
        heartbeat=plans.HeartbeatPlan(when=("requested", "failed")),
    )  # fmt: skip
    return replace(fresh, **changes)


def tool(name: str, verb: str, held: Mapping[str, plans.StorePlan], *bound: str) -> plans.ToolPlan:
    """A tool over a store's verb, or over a control verb when it is bound to none."""
    offered = messaging.VERBS
    if bound:
        offered = stores.verbs(registry.get("stores", held[bound[0]].type))
    found, argument = offered[verb], "name" if len(bound) > 1 else ""
    properties: dict[str, Any] = dict(found.parameters["properties"])
    if argument:
        properties = {argument: {"type": "string", "enum": list(bound)}, **properties}
    required = [*([argument] if argument else []), *found.parameters.get("required", [])]
    parameters = {"type": "object", "properties": properties, "required": required}
    return plans.ToolPlan(
        name, verb, bound, found.description, parameters, argument,
        writes=found.writes, reads=found.reads,
    )  # fmt: skip


PROMPT = "You are {{ thread }}."


def plan(
    *threads: plans.ThreadPlan,
    stores: Mapping[str, Mapping[str, Any]] | None = None,
    tools: Mapping[str, Sequence[str]] | None = None,
    prompts: Mapping[str, str] | None = None,
) -> plans.Plan:
    """A plan; `stores` are options with `type`, `tools` lists of a verb and its stores."""
    given = {"recall": {"type": "log", "index": ["text"]}, **(stores or {})}
    held = {
        name: plans.StorePlan(name, o["type"], {k: v for k, v in o.items() if k != "type"})
        for name, o in given.items()
    }
    made = {name: tool(name, verb, held, *bound) for name, (verb, *bound) in (tools or {}).items()}
    chosen = threads or (thread(),)
    known = [each if each.tools else replace(each, tools=tuple(made)) for each in chosen]
    return plans.Plan(
        name="test", about="", source={}, digest="test", stores=held, tools=made,
        threads={each.name: each for each in known},
        prompts={"main": PROMPT, **(prompts or {})},
    )  # fmt: skip


TALK = {"say": ("reply",)}
"""One tool: speak to the user."""


def opened(
    made: plans.Plan, gateway: Any, path: Any = ":memory:", *, wall: bool = False, **setup: Any
) -> agents.Agent:
    """A new agent on a virtual clock whose gateway watches for held locks."""
    chosen = None if wall else clock.VirtualClock(START)
    agent = agents.create(
        made, str(path), seed=7, setup=agents.Setup(clock=chosen, gateway=gateway, **setup)
    )
    gateway.db = agent.db
    return agent


def reopened(path: Any, gateway: Any, **setup: Any) -> agents.Agent:
    """An agent's file, opened by what might be another process."""
    agent = agents.open_file(str(path), setup=agents.Setup(gateway=gateway, **setup))
    gateway.db = agent.db
    return agent


def die(agent: agents.Agent) -> None:
    """What the death of the process does to a file: connection and lock go, nothing is tidied."""
    agent.db.connection.close()
    lock = agent.db._lock
    if lock is not None:
        os.close(lock._descriptor)
        lock._descriptor = -1


def broken(name: str, arguments: str) -> ToolCall:
    """A call whose arguments are sent as they stand."""
    return ToolCall("", name, arguments)
