"""Calls of outside tools: Python functions and tools of MCP servers.

Called by `calls.prepare`, before the commit begins, in the order of the step's calls; what came of
a call is carried into the commit. A call runs at least once: a process that dies after a call and
before the commit makes it again, with the same call id. A recording gives back what it holds.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any

from archgraph import errors
from archgraph.graph import outside as plans
from archgraph.graph import plan
from archgraph.llm import base as llm
from archgraph.runtime import tick, world
from archgraph.stores import base
from archgraph.tools import outside

_CHARACTERS = 64
"""Characters of a result that are looked at for each token of its cap; counting takes time."""

Answer = tuple[bool, str]
"""Whether a call went well, and what the model reads of it."""


def call_id(seed: int, thread: plan.ThreadPlan, state: tick.ThreadState, ordinal: int) -> str:
    """The id of a call: the same whenever this step's call is made again, and of no other call.

    Agents of different seeds have different ids; a fork shares them, as it shares the past.
    """
    place = f"{seed}/{thread.name}/{state.run}/{state.steps}/{ordinal}"
    return f"call_{hashlib.blake2b(place.encode(), digest_size=8).hexdigest()}"


def answer(
    w: world.World,
    thread: plan.ThreadPlan,
    state: tick.ThreadState,
    tool: plan.ToolPlan,
    arguments: Mapping[str, Any],
    ordinal: int,
) -> Answer:
    """Make a call, or take its result from the recording that answers for the model.

    Raises:
        RecordingMissing: a replay was asked for a call that was never recorded.
    """
    assert tool.outside is not None
    target = tool.outside
    given = {**arguments, **tool.fixed}
    id = call_id(w.db.seed, thread, state, ordinal)
    if w.db.in_transaction:
        raise RuntimeError(
            "an outside tool was called in a commit; this is a bug, please report it"
        )

    def make() -> Answer:
        try:
            text, ok = _call(w, target, given, id), True
        except errors.ToolError as error:
            text, ok = str(error), False
        text = text.encode("utf-8", "replace").decode().replace("\x00", "?")
        return ok, _cut(text, target.result_cap, w.count)

    gateway = w.gateway(thread.model, thread.options, thread.protocol)
    if isinstance(gateway, llm.Tape):
        return gateway.recorded_call(tool.name, given, make)
    return make()


# Private functions


def _cut(text: str, cap: int, count: Callable[[str], int]) -> str:
    """A result within its cap, with a visible mark. Only its beginning is counted if it is huge."""
    if len(text) <= cap * _CHARACTERS:
        return base.cut(text, cap, count)
    mark = f"... [cut: {len(text)} characters in all]"
    room = max(1, cap - count(mark) - 1)
    return base.cut(text[: cap * _CHARACTERS], room, count, " ").rstrip() + mark


def _call(w: world.World, target: plans.OutsidePlan, given: Mapping[str, Any], id: str) -> str:
    if target.kind == outside.PYTHON:
        return _function(target, given, id)
    from archgraph.tools import mcp

    address = plans.address_of(target)
    server = w.servers.setdefault(address, mcp.Server(address))
    try:
        offered = server.tools(target.timeout)
    except outside.Unusable as error:
        raise errors.ToolError(str(error)) from error
    if target.target not in offered:
        raise errors.ToolError(f"the server {address.shown} has no tool {target.target!r} any more")
    _unchanged(target, offered[target.target], address.shown)
    return server.call(target.target, given, id, target.timeout)


def _function(target: plans.OutsidePlan, given: Mapping[str, Any], id: str) -> str:
    from archgraph.tools import python

    try:
        function = python.load(target.target, target.folders)
    except outside.Unusable as error:
        raise errors.ToolError(str(error)) from error
    _unchanged(target, function.offer, target.target)
    return python.call(function, given, id, target.timeout)


def _unchanged(target: plans.OutsidePlan, offer: outside.Offer, where: str) -> None:
    """See that a tool takes what it took when the plan was made; the model knows nothing else.

    Raises:
        ToolError: its arguments have changed.
    """
    now = _shape(offer.verb.parameters)
    if now != _shape(target.schema):
        raise errors.ToolError(
            f"the arguments of {target.target} ({where}) have changed since this agent was made; "
            "fork the agent into its architecture anew, or bring the former tool back"
        )


def _shape(schema: Mapping[str, Any]) -> str:
    """A schema without its prose, in one order."""

    def bare(part: Any, names: bool = False) -> Any:
        if isinstance(part, Mapping):
            return {
                key: bare(each, not names and key == "properties")
                for key, each in part.items()
                if names or key != "description"
            }
        return [bare(each) for each in part] if isinstance(part, (list, tuple)) else part

    return json.dumps(bare(schema), sort_keys=True)
