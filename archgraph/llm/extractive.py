"""The default gateway `offline/extractive`: a deterministic policy, not a language model.

It lets every architecture run with no key and no network. It is sent what a model is sent and
acts as a cooperative model would, by rules: it saves what it is told, searches when the window
lacks the answer, follows references, extracts its answers and admits what it does not find. Scores
got with it measure an architecture's plumbing, not a model's wit.

Called by the runtime through `base.Gateway`. Knows no architecture; the rules stand in the
`extractive_*` modules beside it.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Generator, Mapping, Sequence
from typing import Any

from archgraph.llm import base, call_ids, tokens
from archgraph.llm import extractive_policy as policy
from archgraph.llm import extractive_reading as reading
from archgraph.llm import extractive_tools as tools
from archgraph.llm import extractive_typed as typed
from archgraph.messages import Completion, ToolCall, Usage, Wire

NAME = "offline/extractive"


class Extractive:
    """Answers requests by rule; equal requests get equal answers.

    Args:
        options: Accepted for the sake of the protocol; the policy has no settings.
    """

    def __init__(self, options: Mapping[str, Any] | None = None) -> None:
        self.options = dict(options or {})

    def complete(self, request: base.Request) -> Completion:
        """Answer one request."""
        schema = typed.wanted(request)
        if schema is not None:
            return _typed(request, schema)
        window = reading.read(request.messages)
        kit = tools.read(() if request.tool_choice == "none" else request.tools)
        move = policy.decide(window, kit, request.tool_choice == "required")
        calls = tuple(
            ToolCall(call_ids.derive(request, n), call.tool.name, call.wire())
            for n, call in enumerate(move.calls)
        )
        counter = tokens.counter(NAME)
        text = counter.cut(move.text, request.max_tokens, " …")
        said = text + "".join(call.name + call.arguments for call in calls)
        usage = Usage(_prompt_tokens(request), counter.count(said))
        finish_reason = "tool_calls" if calls else "stop"
        return Completion(text, calls, usage, finish_reason, NAME)

    def stream(self, request: base.Request) -> Generator[base.Delta, None, Completion]:
        """Answer one request in one piece."""
        return (yield from base.completed(self, request))


def _typed(request: base.Request, schema: Mapping[str, Any]) -> Completion:
    """Answer a typed call by one call of its tool."""
    arguments = json.dumps(typed.answer(request, schema), ensure_ascii=False)
    call = ToolCall(call_ids.derive(request, 0), typed.ANSWER, arguments)
    said = tokens.counter(NAME).count(call.name + arguments)
    usage = Usage(_prompt_tokens(request), said)
    return Completion("", (call,), usage, "tool_calls", NAME)


def _prompt_tokens(request: base.Request) -> int:
    """As the counter counts a request, but each message is counted once and remembered."""
    total = tokens.PER_REQUEST + _schema_tokens(json.dumps(list(request.tools)))
    for message in request.messages:
        calls = [(c["function"]["name"], c["function"]["arguments"]) for c in _calls(message)]
        name = str(message.get("name") or "")
        total += _message_tokens(reading.plain(message.get("content")), name, tuple(calls))
    return total


def _calls(message: Wire) -> Sequence[Wire]:
    return message.get("tool_calls") or ()


@functools.lru_cache(maxsize=256)
def _schema_tokens(schemas: str) -> int:
    return tokens.counter(NAME).count_tools(json.loads(schemas))


@functools.lru_cache(maxsize=4_000)
def _message_tokens(content: str, name: str, calls: tuple[tuple[str, str], ...]) -> int:
    message: Wire = {"content": content, "name": name}
    message["tool_calls"] = [{"function": {"name": n, "arguments": a}} for n, a in calls]
    return tokens.counter(NAME).count_message(message)
