"""Asks models for all workers: each request is bought once, within the limits of the run.

So are embeddings, text by text (see `embedding`).

Called by `desk`, in one thread for each connection. What is bought is in the ledger before a
worker hears of it, so that no crash buys it again. Two arms that ask the same share the answer;
two repeats do not (see `Wanted`). Knows no agents.
"""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from archgraph import clock, errors, registry
from archgraph.llm import base as llm
from archgraph.llm import embedders, recording, retrying
from archgraph.messages import Completion
from archgraph.suites import plan
from archgraph.suites.running import embedding, recordings, silence
from archgraph.suites.running import ledger as ledgers

Open = Callable[[str, Mapping[str, Any]], llm.Gateway]
OpenEmbedder = Callable[[str, Mapping[str, Any]], llm.Embedder]

Answer = TypeVar("Answer")

BATCH = 128
"""Texts of one request for embeddings."""

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

    def described(self) -> dict[str, Any]:
        """What a recording says of it where it failed."""
        told = recording.described(self.request)
        return {**told, "scope": self.scope, "ordinal": self.ordinal}

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
    open_embedder: OpenEmbedder = embedders.open_embedder
    pause: Callable[[float], None] = clock.pause


class Broker:
    """Buys completions and embeddings.

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
        self._embedders: dict[str, llm.Embedder] = {}
        self._providers: dict[tuple[str, str], _Provider] = {}
        self._closed = False
        self._silence = silence.Silence()

    def buy(self, wanted: Wanted) -> Bought:
        """The answer to a request: the one that was bought before, else a new one.

        Raises:
            Spent: a limit of the run does not allow another call.
            Closed: the run is over.
            GatewayError: the model could not answer, after all attempts.
            RecordingMissing: a replay lacks the answer.
        """
        key = wanted.key
        self._failed_then(wanted)
        had = self._had_or_mine(key, wanted.user)
        if had is not None:
            return Bought(Completion.from_json(had), 0.0)
        try:
            return self._bought(key, wanted)
        finally:
            self._done({key})

    def embed(self, wanted: embedding.Wanted) -> embedding.Bought:
        """The vectors of texts: each that was bought before, else a new one.

        Raises:
            Spent: a limit of the run does not allow another call.
            Closed: the run is over.
            GatewayError: the provider could not answer, after all attempts.
            RecordingMissing: a replay lacks a text.
        """
        self._failed_then(wanted)
        name = wanted.embedder
        texts = {embedding.digest(text): text for text in wanted.texts}
        paid = 0.0
        while mine := self._lacking(name, texts):
            try:
                paid += self._embedded(wanted, {digest: texts[digest] for digest in mine})
            finally:
                self._done({f"{name} {digest.hex()}" for digest in mine})
        self._ledger.forgive(wanted.key, wanted.user)
        found = self._ledger.vectors.get(name, list(texts), wanted.user)
        return embedding.Bought([found[embedding.digest(text)] for text in wanted.texts], paid)

    def about(self, embedder: str) -> dict[str, Any]:
        """The id of an embedder, and the length of its vectors (0 until one was bought)."""
        return {"id": self._embedder(embedder).id,
                "dimension": self._ledger.vectors.dimension(embedder)}  # fmt: skip

    def _done(self, keys: set[str]) -> None:
        """A call is over, whatever came of it."""
        with self._turn:
            self._wanted -= keys
            self.asking -= 1
            self._turn.notify_all()

    def _failed_then(self, wanted: Wanted | embedding.Wanted) -> None:
        """In a replay, what failed for this user fails again, whoever else had an answer.

        Raises:
            GatewayError: as it was recorded.
        """
        replay = self._terms.replay
        error = replay.failure(wanted.key, wanted.user) if replay is not None else None
        if error is not None:
            self._fail(wanted, error)
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

    def _lacking(self, embedder: str, texts: Mapping[bytes, str]) -> list[bytes]:
        """Texts that it is now upon the caller to buy, in one request; none if all are there."""
        with self._turn:
            while True:
                if self._closed:
                    raise Closed("the run is over")
                known = self._ledger.vectors.known(embedder, list(texts))
                missing = [digest for digest in texts if digest not in known]
                if not missing:
                    return []
                free = [each for each in missing if f"{embedder} {each.hex()}" not in self._wanted]
                if free and self._allowed():
                    self._wanted |= {f"{embedder} {each.hex()}" for each in free[:BATCH]}
                    self.asking += 1
                    return free[:BATCH]
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
            raise Spent(
                f"{self.cost:.4f} US dollars are spent; the limit is {limits.max_cost:g}, "
                "and a higher --max-cost goes on"
            )
        if limits.max_calls and self.calls >= limits.max_calls:
            raise Spent(
                f"{self.calls} model calls are made; the limit is {limits.max_calls}, "
                "and a higher --max-calls goes on"
            )
        return not limits.max_calls or self.calls + self.asking < limits.max_calls

    def _bought(self, key: str, wanted: Wanted) -> Bought:
        described = recording.described(wanted.request)
        try:
            completion = self._answer(wanted)
        except errors.GatewayError as error:
            self._fail(wanted, error)
            model = wanted.request.model
            if self._terms.replay is None and self._silence.lasts(model, error):
                raise Spent(f"{model} has not answered once: {error}") from error
            raise
        self._silence.broken(wanted.request.model)
        usage = completion.usage
        found = ledgers.Purchase(
            key, wanted.request.model, wanted.scope, wanted.ordinal, completion.to_json(),
            usage.cost, usage.prompt_tokens, usage.completion_tokens, described,
        )  # fmt: skip
        self._ledger.buy(found, wanted.user)
        self._count(wanted.request.model, [usage.cost])
        return Bought(completion, usage.cost or 0.0)

    def _embedded(self, wanted: embedding.Wanted, texts: Mapping[bytes, str]) -> float:
        """Buy and keep the vectors of one request; what they cost."""
        try:
            found = self._vectors(wanted.embedder, texts)
        except errors.GatewayError as error:
            self._fail(wanted, error)
            raise
        self._ledger.vectors.keep(wanted.embedder, found)
        return self._count(wanted.embedder, [each.cost for each in found.values()])

    def _count(self, model: str, costs: Sequence[float | None]) -> float:
        """Count one call; what it cost, as far as that is known."""
        known = sum(cost or 0.0 for cost in costs)
        with self._turn:
            self.calls += 1
            self.cost += known
        if None in costs and self._terms.limits.max_cost:
            self._note(
                f"what {model} costs is not known, so the limit on cost does not "
                "hold for it; limit its calls instead (max_calls)"
            )
        return known

    def _fail(self, wanted: Wanted | embedding.Wanted, error: errors.GatewayError) -> None:
        self._ledger.fail(wanted.key, wanted.user, recording.failure(error), wanted.described())

    def _answer(self, wanted: Wanted) -> Completion:
        if self._terms.replay is not None:
            return self._terms.replay.answer(wanted.request, wanted.key)
        request, options = wanted.request, dict(wanted.options)
        bounds = retrying.Bounds.of({**options, **request.options})
        if _retries_itself(request.model):
            options["retries"] = 0
            request = replace(request, options={**request.options, "retries": 0})
        gateway = self._gateway(request.model, options)
        provider = self._provider(request.model, {**options, **request.options}.get("api_base"))
        return self._ask(lambda: gateway.complete(request), provider, bounds)

    def _vectors(self, name: str, texts: Mapping[bytes, str]) -> dict[bytes, embedding.Vector]:
        """New vectors of at most `BATCH` texts, or those that a recording has."""
        replay = self._terms.replay
        if replay is not None:
            return {key: replay.vectors.answer(name, text) for key, text in texts.items()}
        opened, given = self._embedder(name), list(texts.values())
        provider = self._provider(name, None)
        data = self._ask(lambda: embedding.packed(opened, given), provider, retrying.Bounds())
        price = getattr(opened, "cost", lambda text: None)
        return {key: embedding.Vector(each, price(text))
                for (key, text), each in zip(texts.items(), data, strict=True)}  # fmt: skip

    def _ask(
        self, call: Callable[[], Answer], provider: _Provider, bounds: retrying.Bounds
    ) -> Answer:
        """Ask until there is an answer or the bounds are used up; a wait holds for all workers."""
        attempt = 0
        while True:
            self._wait(provider)
            try:
                if provider.slots is None:
                    return call()
                with provider.slots:
                    return call()
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

    def _embedder(self, name: str) -> llm.Embedder:
        with self._turn:
            if name not in self._embedders:
                self._embedders[name] = self._terms.open_embedder(name, {"retries": 0})
            return self._embedders[name]

    def _provider(self, model: str, base: Any) -> _Provider:
        key = (model.partition("/")[0], str(base or ""))
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
