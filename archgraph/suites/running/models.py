"""The one gateway of a trial: it finds the model that a request names, counts, and cuts at a bound.

Given as `Setup.gateway` by `trial`. What it passes on and gets back is what the agent sent and
saw, in order, so the context windows of a trial need not be read back from the journal. Knows no
agent.
"""

from __future__ import annotations

import dataclasses
import functools
import json
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from typing import Any

from archgraph import clock, errors
from archgraph.llm import base as llm
from archgraph.llm import tokens
from archgraph.messages import Completion, Usage
from archgraph.suites import plan, record
from archgraph.suites.running import faults, timing

Open = Callable[[str, Mapping[str, Any]], llm.Gateway]
"""Opens the gateway of a model with its options."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request as it was sent and the answer as the agent got it, with the time between."""

    request: llm.Request
    completion: Completion
    milliseconds: float


class Router:
    """Passes each request to the gateway of its model, which is opened once."""

    def __init__(self, open_gateway: Open) -> None:
        self._open = open_gateway
        self._opened: dict[str, tuple[llm.Gateway, float]] = {}
        self._last: llm.Gateway | None = None

    def complete(self, request: llm.Request) -> Completion:
        """Answer one request."""
        self._last = self._of(request)
        return self._last.complete(request)

    def stream(self, request: llm.Request) -> Generator[llm.Delta, None, Completion]:
        """Answer one request piece by piece."""
        self._last = self._of(request)
        return (yield from self._last.stream(request))

    def recorded_call(
        self, tool: str, arguments: Mapping[str, Any], make: Callable[[], tuple[bool, str]]
    ) -> tuple[bool, str]:
        """As the gateway does it that asked for the call: the one that answered last."""
        if isinstance(self._last, llm.Tape):
            return self._last.recorded_call(tool, arguments, make)
        return make()

    @property
    def paid(self) -> float:
        """US dollars that the gateways say were really paid since they were opened here."""
        return sum(_paid(gateway) - before for gateway, before in self._opened.values())

    def _of(self, request: llm.Request) -> llm.Gateway:
        key = f"{request.model} {json.dumps(request.options, sort_keys=True, default=str)}"
        if key not in self._opened:
            gateway = self._open(request.model, request.options)
            self._opened[key] = (gateway, _paid(gateway))
        return self._opened[key][0]


class Meter:
    """The gateway of a trial.

    Attributes:
        exchanges: what was asked and answered, in order; calls that failed are not in it.
        refused: why no more is passed on, once the bound is reached; else empty.
    """

    def __init__(
        self,
        open_gateway: Open,
        watch: timing.Watch,
        *,
        limit: int = 0,
        what: str = "case",
        drawn: plan.Faults | None = None,
        seed: int = 0,
        keep: bool = True,
    ) -> None:
        """Take the bound and what goes wrong.

        Args:
            open_gateway: opens the gateway of a model.
            watch: is told the time within models and outside tools.
            limit: the most tokens of all requests and answers; 0 is no bound. A request that
                would pass it is refused; the answer to the last one that fits may pass it.
            what: whose bound that is, for the message: `case` or `history`.
            drawn: which calls go wrong, and how.
            seed: of these draws.
            keep: whether `exchanges` are kept; without them a long history costs no memory.

        Raises:
            UnknownName: there is no such kind of fault.
        """
        self.exchanges: list[Exchange] = []
        self.refused = ""
        self._router = Router(open_gateway)
        self._inner: llm.Gateway = self._router
        if drawn is not None:
            self._inner = faults.Faulty(self._router, drawn, seed)
        self._watch, self._limit, self._what, self._keep = watch, limit, what, keep
        self._spent, self._used = record.Spent(), 0

    def complete(self, request: llm.Request) -> Completion:
        """Answer one request.

        Raises:
            GatewayError: the bound would be passed.
        """
        coming = self._check(request) if self._limit else 0
        started = clock.elapsed()
        with self._watch.part(timing.MODEL):
            completion = self._inner.complete(request)
        taken = 1000 * (clock.elapsed() - started)
        self._spent = _plus(self._spent, completion.usage)
        self._used += completion.usage.prompt_tokens or coming
        self._used += completion.usage.completion_tokens
        if self._keep:
            self.exchanges.append(Exchange(request, completion, taken))
        return completion

    def stream(self, request: llm.Request) -> Generator[llm.Delta, None, Completion]:
        """Answer one request in one piece: nobody watches a trial."""
        return (yield from llm.completed(self, request))

    def recorded_call(
        self, tool: str, arguments: Mapping[str, Any], make: Callable[[], tuple[bool, str]]
    ) -> tuple[bool, str]:
        """Let an outside tool be called, or replayed if the model's gateway is a recording."""
        with self._watch.part(timing.TOOLS):
            return self._router.recorded_call(tool, arguments, make)

    @property
    def spent(self) -> record.Spent:
        """Tokens, answered calls and money so far."""
        return dataclasses.replace(self._spent, paid=self._router.paid)

    def _check(self, request: llm.Request) -> int:
        """The tokens of a request that still fits; where a model reports none they count."""
        coming = prompt_tokens(request)
        if self.refused or self._used + coming > self._limit:
            self.refused = self.refused or (
                f"cut by the budget: {self._used} of {self._limit} tokens of the {self._what} are "
                f"used, and the next request has {coming}"
            )
            raise errors.GatewayError(self.refused)
        return coming


def prompt_tokens(request: llm.Request) -> int:
    """What a request will count as, with the tokenizer of its model."""
    counter = tokens.counter(request.model)
    total = tokens.PER_REQUEST + counter.count_tools(request.tools)
    return total + sum(_tokens_of(request.model, json.dumps(each)) for each in request.messages)


@functools.lru_cache(maxsize=4_000)
def _tokens_of(model: str, message: str) -> int:
    return tokens.counter(model).count_message(json.loads(message))


def _paid(gateway: llm.Gateway) -> float:
    return float(getattr(gateway, "paid", 0.0))


def _plus(spent: record.Spent, usage: Usage) -> record.Spent:
    return record.Spent(
        prompt_tokens=spent.prompt_tokens + usage.prompt_tokens,
        completion_tokens=spent.completion_tokens + usage.completion_tokens,
        cached_tokens=spent.cached_tokens + usage.cached_tokens,
        calls=spent.calls + 1,
        cost=spent.cost + (usage.cost or 0.0),
    )
