"""Embeddings that may cost money: what a worker asks for, and its embedder that asks for it.

The same text has the same vector, so a purchase is an embedder's name and a text: all arms, seeds
and questions of a run share it. Used by `brokered` on the worker's side and by `broker` and `desk`
on the other. Knows no ledger.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from archgraph import errors

if TYPE_CHECKING:
    from archgraph.llm import base as llm
    from archgraph.llm.base import Vectors

FLOAT = "<f4"
"""How a number of a vector lies in the ledger, on the wire and in recordings."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Texts whose vectors somebody needs. `user` is the trial or history that they are for."""

    embedder: str
    texts: Sequence[str]
    user: str = ""

    @property
    def key(self) -> str:
        """Under which a failure of this is kept: that of its first text."""
        return key(self.embedder, digest(self.texts[0]))

    def described(self) -> dict[str, str]:
        """What a recording says of it where it failed."""
        return {"embedder": self.embedder, "text": digest(self.texts[0]).hex()}


@dataclass(frozen=True, slots=True)
class Vector:
    """The vector of a text, and what it costs in US dollars (None: not known)."""

    data: bytes
    cost: float | None


@dataclass(frozen=True, slots=True)
class Bought:
    """Vectors in the order of the texts, and what was paid for them just now."""

    vectors: Sequence[Vector]
    paid: float

    @property
    def cost(self) -> float:
        """What all of them cost, whoever paid; equal for equal texts, to the last digit."""
        return sum(each.cost or 0.0 for each in self.vectors)


def key(embedder: str, text: bytes) -> str:
    """Under which a failure is kept, by the digest of the first text."""
    return hashlib.sha256(embedder.encode() + b"\0" + text).hexdigest()


def digest(text: str) -> bytes:
    """SHA-256 of a text."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def packed(embedder: llm.Embedder, texts: Sequence[str]) -> list[bytes]:
    """The vectors of texts, each as bytes.

    Raises:
        GatewayError: there are not as many, or the embedder broke.
    """
    import numpy as np

    try:
        found = np.ascontiguousarray(embedder.embed(texts), FLOAT)
    except errors.ArchgraphError:
        raise
    except Exception as error:  # a plugin may raise anything; the run goes on
        raise errors.GatewayError(f"an embedder broke: {errors.inside(error)}") from error
    if found.ndim != 2 or len(found) != len(texts) or not np.isfinite(found).all():
        raise errors.GatewayError(
            f"embedder {embedder.id!r} gave no finite vectors for {len(texts)} texts, but an array "
            f"of shape {found.shape}"
        )
    return [row.tobytes() for row in found]


class Embedder:
    """An embedder that the coordinator calls.

    Attributes:
        cost: what its vectors cost in US dollars, as if they had been bought for this one alone.
        paid: what was really paid for them.
    """

    def __init__(
        self,
        name: str,
        about: Callable[[str], Mapping[str, Any]],
        bought: Callable[[str, Sequence[str]], tuple[bytes, float, float]],
    ) -> None:
        self.cost = self.paid = 0.0
        self._name, self._about, self._bought = name, about, bought
        self._dimension = 0

    @property
    def id(self) -> str:
        """As the embedder itself says."""
        return str(self._about(self._name)["id"])

    @property
    def dimension(self) -> int:
        """Length of the vectors: as the run knows it, else that of a text that is bought for it."""
        self._dimension = self._dimension or int(self._about(self._name)["dimension"])
        if not self._dimension:
            self.embed(["dimension"])
        return self._dimension

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Vectors of shape (len(texts), dimension), float32, unit length.

        Raises:
            GatewayError: the provider could not answer.
            RecordingMissing: a replay lacks one of the texts.
        """
        import numpy as np

        if not texts:
            return np.empty((0, self.dimension), np.float32)
        data, cost, paid = self._bought(self._name, texts)
        self.cost += cost
        self.paid += paid
        found: Vectors = np.frombuffer(data, FLOAT).reshape(len(texts), -1).astype(np.float32)
        self._dimension = found.shape[1]
        return found
