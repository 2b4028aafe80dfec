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
import hashlib
import json
from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any

from archgraph.llm import base
from archgraph.llm import extractive_policy as policy
from archgraph.llm import extractive_reading as reading
from archgraph.llm import extractive_tools as tools
from archgraph.messages import Completion, ToolCall, Usage, Wire

NAME = "offline/extractive"
_PER_MESSAGE = 4


class Extractive:
    """Answers requests by rule; equal requests get equal answers.

    Args:
        options: Accepted for the sake of the protocol; the policy has no settings.
    """

    def __init__(self, options: Mapping[str, Any] | None = None) -> None:
        self.options = dict(options or {})

    def complete(self, request: base.Request) -> Completion:
        """Answer one request."""
        window = reading.read(request.messages)
        kit = tools.read(() if request.tool_choice == "none" else request.tools)
        move = policy.decide(window, kit)
        calls = tuple(
            ToolCall(
                _call_id(request.messages, number), call.tool.name, policy.wire_arguments(call)
            )
            for number, call in enumerate(move.calls)
        )
        text = _within(move.text, request.max_tokens)
        said = text + "".join(call.name + call.arguments for call in calls)
        usage = Usage(_prompt_tokens(request), _count(said))
        finish_reason = "tool_calls" if calls else "stop"
        return Completion(text, calls, usage, finish_reason, NAME)

    def stream(self, request: base.Request) -> Generator[base.Delta, None, Completion]:
        """Answer one request in one piece."""
        return (yield from base.completed(self, request))


def _call_id(messages: Sequence[Wire], number: int) -> str:
    """An id that follows from the window alone."""
    seen = json.dumps([len(messages), number, *messages[-3:]], sort_keys=True, default=str)
    return f"call_{hashlib.blake2b(seen.encode(), digest_size=9).hexdigest()}"


def _within(text: str, max_tokens: int) -> str:
    """A text cut at a word to fit the tokens that were asked for at most."""
    while text and _count(text) > max_tokens:
        parts = text.split(" ")
        text = " ".join(parts[: max(0, int(len(parts) * 0.9) - (len(parts) < 10))])
    return text


def _prompt_tokens(request: base.Request) -> int:
    total = sum(_count(json.dumps(schema)) for schema in request.tools)
    for message in request.messages:
        total += _PER_MESSAGE + _count(reading.plain(message.get("content")))
        for call in message.get("tool_calls") or ():
            total += _count(f"{call['function']['name']}{call['function']['arguments']}")
    return total


@functools.lru_cache(maxsize=20_000)
def _count(text: str) -> int:
    return _counter()(text)


@functools.cache
def _counter() -> Callable[[str], int]:
    from archgraph.llm import tokens  # loads a tokenizer

    return tokens.counter(NAME)
