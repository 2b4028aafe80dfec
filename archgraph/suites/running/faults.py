"""Faults as a factor: a share of model calls goes wrong, so that robustness can be compared.

`Faulty` wraps any gateway; `models` puts it there where a suite asks for `faults`. What happens to
call number n depends on the seed and n alone: two arms that are asked the same question with the
same seeds have the same calls go wrong. Knows no agent.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Generator, Mapping
from typing import Any

from archgraph import clock, errors
from archgraph.llm import base as llm
from archgraph.llm import call_ids, retrying
from archgraph.messages import Completion, ToolCall
from archgraph.suites import plan

FAULTS: dict[str, str] = {
    "bad_json": "The arguments of the first tool call, or the JSON in a text, break off half-way.",
    "unknown_tool": "It calls a tool that was not offered, with the arguments it had in mind.",
    "empty": "It answers with nothing: no text and no call.",
    "timeout": "It does not answer in time; it is asked again as often as `retries` says.",
    "429": "The provider refuses (too many requests); it is asked again likewise.",
}
"""Kinds of fault by name. Waits between attempts are left out; only `latency` takes time."""

UNOFFERED = "recall_everything"
"""The tool that `unknown_tool` calls; underscores are added while one of that name is offered."""


class Faulty:
    """Lets a share of the calls to `inner` go wrong.

    A call that is faulty is so for one attempt: `timeout` and `429` are drawn anew when the call
    is made again, so that one in `rate ** (retries + 1)` calls fails for good.

    Raises:
        UnknownName: there is no such kind of fault.
    """

    def __init__(self, inner: llm.Gateway, drawn: plan.Faults, seed: int) -> None:
        for kind in drawn.kinds:
            if kind not in FAULTS:
                raise errors.UnknownName("kind of fault", kind, FAULTS)
        self._inner, self._drawn, self._seed = inner, drawn, seed
        self._calls = 0

    def complete(self, request: llm.Request) -> Completion:
        """Answer one request, well or badly.

        Raises:
            GatewayFault: the fault stayed after all attempts.
        """
        ordinal, attempts = self._calls, iter(range(1 << 30))
        self._calls += 1
        if self._drawn.latency:
            clock.pause(self._drawn.latency)

        def once() -> str:
            return self._kind(ordinal, next(attempts))

        kind = retrying.ask(once, retrying.Bounds.of(request.options), _no_pause)
        completion = self._inner.complete(request)  # whose own faults are not ours to mend
        return _DAMAGE[kind](completion, request) if kind else completion

    def stream(self, request: llm.Request) -> Generator[llm.Delta, None, Completion]:
        """Answer one request in one piece."""
        return (yield from llm.completed(self, request))

    def recorded_call(
        self, tool: str, arguments: Mapping[str, Any], make: Callable[[], tuple[bool, str]]
    ) -> tuple[bool, str]:
        """As the inner gateway does it."""
        if isinstance(self._inner, llm.Tape):
            return self._inner.recorded_call(tool, arguments, make)
        return make()

    def _kind(self, ordinal: int, attempt: int) -> str:
        """What goes wrong with an attempt that is answered; empty: nothing."""
        draw = clock.derive_random(self._seed, ordinal, attempt)
        if not self._drawn.kinds or draw.random() >= self._drawn.rate:
            return ""
        kind = draw.choice(self._drawn.kinds)
        if kind == "timeout":
            raise errors.GatewayFault("timeout: no answer in time (a fault of this suite)")
        if kind == "429":
            raise errors.GatewayFault("429: too many requests (a fault of this suite)")
        return kind


def _bad_json(completion: Completion, request: llm.Request) -> Completion:
    if completion.tool_calls:
        first, *rest = completion.tool_calls
        cut = dataclasses.replace(first, arguments=_half(first.arguments or "{}"))
        return dataclasses.replace(completion, tool_calls=(cut, *rest))
    begins = completion.text.find("{")
    if begins < 0:
        return completion  # plain words have no JSON to break
    kept = completion.text[:begins] + _half(completion.text[begins:])
    return dataclasses.replace(completion, text=kept)


def _unknown_tool(completion: Completion, request: llm.Request) -> Completion:
    name = UNOFFERED
    while any(tool.get("function", tool).get("name") == name for tool in request.tools):
        name += "_"
    given = completion.tool_calls[0].arguments if completion.tool_calls else "{}"
    call = ToolCall(call_ids.derive(request, 0), name, given)
    return dataclasses.replace(
        completion, text="", tool_calls=(call,), finish_reason="tool_calls"
    )  # fmt: skip


def _empty(completion: Completion, request: llm.Request) -> Completion:
    return dataclasses.replace(completion, text="", tool_calls=(), finish_reason="stop")


def _half(text: str) -> str:
    """A JSON text that breaks off in the middle, and so cannot be read."""
    return text[: max(1, len(text) // 2)]


def _no_pause(seconds: float) -> None:
    """Attempts follow each other at once: the waits of a provider are not what is compared."""


_DAMAGE = {"bad_json": _bad_json, "unknown_tool": _unknown_tool, "empty": _empty}
