"""A worker's models: cheap ones in the worker itself, all others asked by the coordinator for it.

Called by `worker`. `Models.open` is what a trial opens its gateways with.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any

from archgraph import errors
from archgraph.llm import base as llm
from archgraph.llm import embedders, gateways, recording
from archgraph.messages import Completion
from archgraph.suites.running import embedding, timing, wire

UNPAID = ("offline", "scripted", "replay")
"""Gateways that answer within the worker: nothing is bought, so nothing is shared or recorded."""


class Halted(BaseException):
    """The run is over while a trial needs a model. No plugin may take it for a failure."""


class Models:
    """Opens the gateways of a worker, and counts equal requests within what it is at."""

    def __init__(self, link: wire.Link) -> None:
        self._link = link
        self._scope, self._user = "", ""
        self._asked: dict[str, int] = {}
        self._about: dict[str, dict[str, Any]] = {}

    def begin(self, scope: str, user: str = "") -> None:
        """Begin an ingest, a trial or a grading.

        Args:
            scope: the seeds of it; equal requests within equal scopes share an answer.
            user: the trial or history that pays.
        """
        self._scope, self._user, self._asked = scope, user, {}

    def open(self, model: str, options: Mapping[str, Any]) -> llm.Gateway:
        """The gateway of a model."""
        if model.partition("/")[0] in UNPAID:
            return gateways.open_gateway(model, options)
        return Brokered(self, options)

    def open_embedder(self, name: str) -> llm.Embedder:
        """The embedder of a name, new for each ingest and trial if it may cost money."""
        if embedders.is_paid(name):
            return embedding.Embedder(name, self._told, self._vectors)
        return timing.opened(name)

    def bought(self, request: llm.Request, options: Mapping[str, Any]) -> tuple[Completion, float]:
        """An answer from the coordinator, and what was paid for it just now.

        Raises:
            GatewayError: the model could not answer.
            RecordingMissing: a replay lacks the answer.
            Halted: the run is over.
        """
        digest = recording.digest(request)
        ordinal = self._asked.get(digest, 0)
        self._asked[digest] = ordinal + 1
        reply, _ = self._link.ask(
            {
                "do": "complete", "request": plain(request), "options": dict(options),
                "digest": digest, "scope": self._scope, "ordinal": ordinal, "user": self._user,
            }
        )  # fmt: skip
        _check(reply)
        return Completion.from_json(reply["completion"]), float(reply["paid"])

    def _vectors(self, embedder: str, texts: Sequence[str]) -> tuple[bytes, float, float]:
        """Vectors of texts from the coordinator, what they cost, and what was paid just now."""
        reply, frames = self._link.ask(
            {"do": "embed", "embedder": embedder, "texts": list(texts), "user": self._user}
        )
        _check(reply)
        return frames[0], float(reply["cost"]), float(reply["paid"])

    def _told(self, embedder: str) -> Mapping[str, Any]:
        """The id of an embedder and the length of its vectors, as the coordinator says."""
        if not self._about.get(embedder, {}).get("dimension"):
            self._about[embedder] = self._link.ask({"do": "embedder", "embedder": embedder})[0]
        return self._about[embedder]


class Brokered:
    """A gateway whose requests the coordinator asks.

    Attributes:
        paid: US dollars that were really paid for its calls.
    """

    def __init__(self, models: Models, options: Mapping[str, Any]) -> None:
        self.paid = 0.0
        self._models, self._options = models, options

    def complete(self, request: llm.Request) -> Completion:
        """Answer one request."""
        completion, paid = self._models.bought(request, self._options)
        self.paid += paid
        return completion

    def stream(self, request: llm.Request) -> Generator[llm.Delta, None, Completion]:
        """Answer one request in one piece."""
        return (yield from llm.completed(self, request))


def _check(reply: Mapping[str, Any]) -> None:
    """Raise what the coordinator says went wrong."""
    if "failure" in reply:
        raise recording.failed(*reply["failure"])
    if "missing" in reply:
        raise errors.RecordingMissing(reply["missing"])
    if "over" in reply:
        raise Halted


def plain(request: llm.Request) -> dict[str, Any]:
    """A request as JSON can hold it."""
    return {each.name: getattr(request, each.name) for each in dataclasses.fields(request)}


def read(data: Mapping[str, Any]) -> llm.Request:
    """The request of such JSON."""
    return llm.Request(**data)


def asking(models: Models, judge: str, seed: int) -> Callable[[str, str], str]:
    """What scorers ask the judge with: the model of that name, once for each question.

    The judge answers at temperature 0, as in the graders of LongMemEval and of deep memory
    retrieval; what is left of its noise is seen by repeating it with other judge seeds.
    """

    def ask(system: str, question: str) -> str:
        if not judge:
            raise errors.InputError("this scorer asks a judge; name one (judge: openai/gpt-4o)")
        messages = [{"role": "system", "content": system}, {"role": "user", "content": question}]
        request = llm.Request(judge, messages, seed=seed, options={"temperature": 0})
        return models.open(judge, {}).complete(request).text

    return ask
