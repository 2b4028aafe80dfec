"""Asks models for all workers: each request is bought once, within the limits of the run.

Called by `desk`, in one thread for each connection. What is bought is in the ledger before a
worker hears of it, so that no crash buys it again. Two arms that ask the same share the answer;
two repeats do not (see `Wanted`). Knows no agents.
"""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from archgraph import clock, errors, registry
from archgraph.llm import base as llm
from archgraph.llm import recording, retrying
from archgraph.messages import Completion
from archgraph.suites import plan
from archgraph.suites.running import ledger as ledgers
from archgraph.suites.running import recordings

Open = Callable[[str, Mapping[str, Any]], llm.Gateway]

_SLICE = 0.5
"""Seconds after which a call that waits looks whether the run is over."""

_ONCE = re.compile(r" \(asked once[^()]*\)$")


class Spent(errors.ArchgraphError):
    """A limit of the run is reached; the message says which."""


class Closed(errors.ArchgraphError):
    """The run is over; nothing more is bought."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A completion that somebody needs.

    `scope` holds the seeds under which it is asked: arms share it, repeats do not. `ordinal` counts
    equal requests within the ingest, trial or grading that asks (votes of a judge, say). `user` is
    the id of the trial or history that it is for.
    """

    request: llm.Request
    options: Mapping[str, Any]
    digest: str
    scope: str
    ordinal: int
    user: str = ""

    @property
    def key(self) -> str:
        """What makes two purchases the same."""
        return hashlib.sha256(f"{self.digest}/{self.scope}/{self.ordinal}".encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Bought:
    """An answer, and the US dollars that were paid for it just now (0 if it was there)."""

    completion: Completion
    paid: float


@dataclass(slots=True)
class _Provider:
    """What calls to one provider share."""

    until: float = 0.0
    slots: threading.Semaphore | None = None


@dataclass(frozen=True, slots=True)
class Terms:
    """How the broker asks: limits, calls at once to one model (0: any number), and by whom."""

    limits: plan.Limits = field(default_factory=plan.Limits)
    concurrency: int = 0
    replay: recordings.Recorded | None = None
    pause: Callable[[float], None] = clock.pause


class Broker:
    """Buys completions.

    Attributes:
        calls: how many were bought, earlier sessions of the run included.
        cost: what they cost in US dollars.
        asking: how many calls are under way.
        notes: what the user must know, such as a model whose price is unknown.
    """

    def __init__(self, ledger: ledgers.Ledger, open_gateway: Open, terms: Terms) -> None:
        self.calls, self.cost = ledger.spent()
        self.asking = 0
        self.notes: list[str] = []
        self._ledger, self._open, self._terms = ledger, open_gateway, terms
        self._turn = threading.Condition()
        self._wanted: set[str] = set()
        self._gateways: dict[tuple[str, str], llm.Gateway] = {}
        self._providers: dict[tuple[str, str], _Provider] = {}
        self._closed = False

    def buy(self, wanted: Wanted) -> Bought:
        """The answer to a request: the one that was bought before, else a new one.

        Raises:
            Spent: a limit of the run does not allow another call.
            Closed: the run is over.
            GatewayError: the model could not answer, after all attempts.
            RecordingMissing: a replay lacks the answer.
        """
        key = wanted.key
        self._failed_then(key, wanted)
        had = self._had_or_mine(key, wanted.user)
        if had is not None:
            return Bought(Completion.from_json(had), 0.0)
        try:
            return self._bought(key, wanted)
        finally:
            with self._turn:
                self._wanted.discard(key)
                self.asking -= 1
                self._turn.notify_all()

    def _failed_then(self, key: str, wanted: Wanted) -> None:
        """In a replay, what failed for this user fails again, whoever else had an answer.

        Raises:
            GatewayError: as it was recorded.
        """
        replay = self._terms.replay
        error = replay.failure(key, wanted.user) if replay is not None else None
        if error is not None:
            self._fail(key, wanted, error)
            raise error

    def close(self, grace: float = 0.0) -> None:
        """Begin no more calls, and wait so many seconds for those under way."""
        end = clock.elapsed() + grace
        with self._turn:
            self._closed = True
            self._turn.notify_all()
            while self.asking and clock.elapsed() < end:
                self._turn.wait(min(_SLICE, end - clock.elapsed()))

    def _had_or_mine(self, key: str, user: str) -> dict[str, Any] | None:
        """What was bought before under a key; None if it is now upon the caller to buy it."""
        with self._turn:
            while True:
                if self._closed:
                    raise Closed("the run is over")
                had = self._ledger.bought(key, user)
                if had is not None:
                    return had
                if key not in self._wanted and self._allowed():
                    self._wanted.add(key)
                    self.asking += 1
                    return None
                self._turn.wait(_SLICE)

    def _allowed(self) -> bool:
        """Whether a call may begin; false while that hangs on one under way.

        Raises:
            Spent: none may any more.
        """
        limits = self._terms.limits
        if self._terms.replay is not None:
            return True
        if limits.max_cost and self.cost >= limits.max_cost:
            raise Spent(f"{self.cost:.4f} US dollars are spent; the limit is {limits.max_cost:g}")
        if limits.max_calls and self.calls >= limits.max_calls:
            raise Spent(f"{self.calls} model calls are made; the limit is {limits.max_calls}")
        return not limits.max_calls or self.calls + self.asking < limits.max_calls

    def _bought(self, key: str, wanted: Wanted) -> Bought:
        described = recording.described(wanted.request)
        try:
            completion = self._answer(wanted)
        except errors.GatewayError as error:
            self._fail(key, wanted, error)
            raise
        usage = completion.usage
        found = ledgers.Purchase(
            key, wanted.request.model, wanted.scope, wanted.ordinal, completion.to_json(),
            usage.cost, usage.prompt_tokens, usage.completion_tokens, described,
        )  # fmt: skip
        self._ledger.buy(found, wanted.user)
        with self._turn:
            self.calls += 1
            self.cost += usage.cost or 0.0
        if usage.cost is None and self._terms.limits.max_cost:
            self._note(
                f"what {wanted.request.model} costs is not known, so the limit on cost does not "
                "hold for it; limit its calls instead (max_calls)"
            )
        return Bought(completion, usage.cost or 0.0)

    def _fail(self, key: str, wanted: Wanted, error: errors.GatewayError) -> None:
        told = {**recording.described(wanted.request), "scope": wanted.scope,
                "ordinal": wanted.ordinal}  # fmt: skip
        self._ledger.fail(key, wanted.user, recording.failure(error), told)

    def _answer(self, wanted: Wanted) -> Completion:
        if self._terms.replay is not None:
            return self._terms.replay.answer(wanted.request, wanted.key)
        request, options = wanted.request, dict(wanted.options)
        bounds = retrying.Bounds.of({**options, **request.options})
        if _retries_itself(request.model):
            options["retries"] = 0
            request = replace(request, options={**request.options, "retries": 0})
        gateway = self._gateway(request.model, options)
        provider = self._provider(request, options)
        return self._ask(gateway, request, provider, bounds)

    def _ask(
        self,
        gateway: llm.Gateway,
        request: llm.Request,
        provider: _Provider,
        bounds: retrying.Bounds,
    ) -> Completion:
        """Ask until there is an answer or the bounds are used up; a wait holds for all workers."""
        attempt = 0
        while True:
            self._wait(provider)
            try:
                if provider.slots is None:
                    return gateway.complete(request)
                with provider.slots:
                    return gateway.complete(request)
            except errors.GatewayFault as fault:
                bare = errors.GatewayFault(_ONCE.sub("", str(fault)), retry_after=fault.retry_after)
                seconds = bounds.wait(attempt, bare)
                if seconds is None:
                    raise retrying.given_up(bare, attempt + 1) from None
            attempt += 1
            if bare.retry_after is not None:
                with self._turn:
                    provider.until = max(provider.until, clock.elapsed() + seconds)
            else:
                self._pause(clock.elapsed() + seconds)

    def _wait(self, provider: _Provider) -> None:
        while provider.until > clock.elapsed():
            self._pause(provider.until)

    def _pause(self, until: float) -> None:
        """Wait, but not longer than the run lasts.

        Raises:
            Closed: it is over.
        """
        while (left := until - clock.elapsed()) > 0:
            if self._closed:
                raise Closed("the run is over")
            self._terms.pause(min(left, _SLICE))

    def _gateway(self, model: str, options: Mapping[str, Any]) -> llm.Gateway:
        key = (model, repr(sorted(options.items())))
        with self._turn:
            if key not in self._gateways:
                self._gateways[key] = self._open(model, options)
            return self._gateways[key]

    def _provider(self, request: llm.Request, options: Mapping[str, Any]) -> _Provider:
        base = {**options, **request.options}.get("api_base")
        key = (request.model.partition("/")[0], str(base or ""))
        with self._turn:
            if key not in self._providers:
                many = self._terms.concurrency
                slots = threading.BoundedSemaphore(many) if many else None
                self._providers[key] = _Provider(slots=slots)
            return self._providers[key]

    def _note(self, text: str) -> None:
        with self._turn:
            if text not in self.notes:
                self.notes.append(text)


def _retries_itself(model: str) -> bool:
    """Whether a model's gateway is the one that has `retries` among its options."""
    return model.partition("/")[0] not in registry.entries("gateways")
