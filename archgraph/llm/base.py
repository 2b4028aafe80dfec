"""The seam to models: what a gateway and an embedder must do.

The runtime calls gateways and embedders through these protocols only. A plugin that brings
another provider implements one of them and registers it in the entry-point group
`archgraph.gateways` or `archgraph.embedders`.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from archgraph.messages import Completion, Wire

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Vectors = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Request:
    """All that one model call sends.

    `model` is the full name as the architecture gives it, for example `openai/gpt-4o-mini`.
    `messages` and `tools` have the shape of the OpenAI chat API. `max_tokens` bounds the answer.
    `options` are gateway settings such as `temperature`, `api_base` or `timeout` (seconds).
    """

    model: str
    messages: Sequence[Wire]
    tools: Sequence[Wire] = ()
    tool_choice: str = "auto"
    max_tokens: int = 1024
    seed: int | None = None
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Delta:
    """A piece of an answer while it streams. `tool` names the call that `arguments` belong to."""

    text: str = ""
    tool: str = ""
    arguments: str = ""


class Gateway(Protocol):
    """Answers requests.

    Raises `GatewayFault` for passing trouble (after its own bounded retries), `ContextOverflow`
    when the request is too large, and `GatewayError` for anything that trying again cannot mend.
    """

    def complete(self, request: Request) -> Completion:
        """Answer one request."""

    def stream(self, request: Request) -> Generator[Delta, None, Completion]:
        """Answer one request piece by piece; the generator's return value is the whole answer."""


@runtime_checkable
class Tape(Protocol):
    """A gateway that keeps what outside tools answered, beside what the model did."""

    def recorded_call(
        self, tool: str, arguments: Mapping[str, Any], make: Callable[[], tuple[bool, str]]
    ) -> tuple[bool, str]:
        """Whether a tool's call went well and what it said: by `make`, or as it was recorded."""


class Embedder(Protocol):
    """Turns texts into vectors of unit length.

    A class may have `paid = True` (its calls cost money) and `cost(text)`, in US dollars; see
    `embedders`.
    """

    @property
    def id(self) -> str:
        """Names the model and everything that changes its vectors; stored with each index."""

    @property
    def dimension(self) -> int:
        """Length of the vectors."""

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Vectors of shape (len(texts), dimension), float32, unit length."""


def completed(gateway: Gateway, request: Request) -> Generator[Delta, None, Completion]:
    """Stream for a gateway that cannot: one delta with the whole text, then the answer."""
    completion = gateway.complete(request)
    if completion.text:
        yield Delta(text=completion.text)
    for call in completion.tool_calls:
        yield Delta(tool=call.name, arguments=call.arguments)
    return completion
