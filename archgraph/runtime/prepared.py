"""What a plan comes to before an agent lives by it: made once, shared by all agents of the plan.

Used by the world and the renderer. Forks have the very plan of their parent, so a conversation
with many questions makes this once. Nothing in it changes. Knows no agent and no file.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from typing import Any

from archgraph.graph import compile as compiling
from archgraph.graph import plan as plans
from archgraph.graph import tool_rules
from archgraph.llm import tokens
from archgraph.stores import base

KEPT = 16
"""Plans that are remembered."""


class Prepared:
    """A plan, read for its agents.

    Attributes:
        count: counts tokens as the first thread's model does; a safety factor where it is unknown.
        schemas: the tool schemas of each thread, as its model is sent them.
        schema_tokens: what they take.
        made: what of the plan goes into the system prompt of each thread that has one.
    """

    def __init__(self, plan: plans.Plan) -> None:
        first = next(iter(plan.threads.values()))
        self.plan = plan
        self.count: Callable[[str], int] = tokens.counter(first.model).count
        self.schemas = {name: plan.schemas(thread) for name, thread in plan.threads.items()}
        self.schema_tokens = {
            name: self.count(json.dumps(schemas)) if schemas else 0
            for name, schemas in self.schemas.items()
        }
        self.made = {n: _made(plan, t) for n, t in plan.threads.items() if not t.pipeline}
        self._options: dict[str, tuple[type[base.Store], Any]] = {}

    @functools.cached_property
    def text(self) -> str:
        """The plan as an agent's file keeps it."""
        return compiling.plan_to_json(self.plan)

    def options(self, store: str, kind: type[base.Store]) -> Any:
        """The options of a store (they are frozen), read once."""
        known = self._options.get(store)
        if known is None or known[0] is not kind:  # a type can be registered anew
            options = kind.Options(**self.plan.stores[store].options)
            known = self._options[store] = kind, options
        return known[1]


def of(plan: plans.Plan) -> Prepared:
    """What this very plan comes to."""
    return _of(_Same(plan))


class _Same:
    """A plan as a key: it holds dictionaries, and so is compared by identity."""

    def __init__(self, plan: plans.Plan) -> None:
        self.plan = plan

    def __hash__(self) -> int:
        return id(self.plan)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other.plan is self.plan


@functools.lru_cache(maxsize=KEPT)
def _of(same: _Same) -> Prepared:
    return Prepared(same.plan)


def _made(plan: plans.Plan, thread: plans.ThreadPlan) -> bytes:
    """What of the plan goes into a thread's system prompt."""
    tools = [[plan.tools[name].name, plan.tools[name].description] for name in thread.tools]
    rules = tool_rules.describe(thread.heartbeat.rules)
    return json.dumps([plan.prompts[thread.prompt], tools, rules]).encode()
