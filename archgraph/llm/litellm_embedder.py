"""Any embedding model that litellm reaches.

Opened through `archgraph.llm.embedders` for every embedder name that is not a registered one. Gets
litellm from the gateway module, on the first call.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from archgraph import clock, errors
from archgraph.llm import litellm_faults, litellm_gateway, retrying, tokens

if TYPE_CHECKING:
    from archgraph.llm.base import Vectors

BATCH = 128
"""Texts in one request."""

_OWN = frozenset({"retries", "timeout", "retry_cap"})


class LitellmEmbedder:
    """Embeds through litellm; the vectors are scaled to unit length.

    Args:
        model: the full name, for example `openai/text-embedding-3-small`.
        options: `dimensions` (asks for shorter vectors), `api_base`, `api_key`, `retries`,
            `timeout`, `retry_cap`; others are passed on to litellm.
        pause: waits between attempts.

    Attributes:
        id: the model's name, with the number of dimensions where one was asked for.
    """

    def __init__(
        self,
        model: str,
        options: Mapping[str, Any] | None = None,
        *,
        pause: Callable[[float], None] = clock.pause,
    ) -> None:
        self._model = model
        self._options = dict(options or {})
        self._bounds = retrying.Bounds.of(self._options)
        self._pause = pause
        self._price: tuple[float, float] | None = None
        self._dimension = int(self._options.get("dimensions") or 0)
        self.id = f"{model}/{self._dimension}" if self._dimension else model

    @property
    def dimension(self) -> int:
        """Length of the vectors; the model is asked for one when it is not known yet."""
        if not self._dimension:
            self.embed(["dimension"])
        return self._dimension

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Vectors of shape (len(texts), dimension), float32, unit length.

        Raises:
            GatewayError: the provider could not answer, after bounded retries.
        """
        import numpy as np

        batches = [texts[start : start + BATCH] for start in range(0, len(texts), BATCH)]
        rows = [row for batch in batches for row in self._ask(batch)]
        vectors = np.asarray(rows, dtype=np.float32).reshape(len(texts), -1 if rows else 0)
        norms = np.linalg.norm(vectors, axis=1, keepdims=True)
        result: Vectors = (vectors / np.where(norms == 0, 1, norms)).astype(np.float32)
        return result

    def cost(self, text: str) -> float | None:
        """What embedding a text costs in US dollars, None if the price is not known.

        Its tokens as they are counted here, times litellm's price: providers report one sum for
        all texts of a request, and this must not depend on what a text was sent along with.
        """
        if self._price is None:
            self._price = litellm_gateway.price(self._model) or (math.nan, 0.0)
        cost = self._price[0] * tokens.counter(self._model).count(text)
        return None if math.isnan(cost) else cost

    def _ask(self, batch: Sequence[str]) -> list[list[float]]:
        rows = retrying.ask(lambda: self._ask_once(batch), self._bounds, self._pause)
        lengths = {len(row) for row in rows} | ({self._dimension} if self._dimension else set())
        if len(rows) != len(batch) or len(lengths) != 1:
            raise errors.GatewayError(
                f"{self._model}: {len(batch)} texts were sent, {len(rows)} vectors of length "
                f"{sorted(lengths)} came back"
            )
        self._dimension = lengths.pop()
        return rows

    def _ask_once(self, batch: Sequence[str]) -> list[list[float]]:
        litellm = litellm_gateway.load()
        arguments = {key: value for key, value in self._options.items() if key not in _OWN}
        # an empty text is refused by providers
        arguments.update(model=self._model, input=[text or " " for text in batch])
        arguments.update(timeout=self._bounds.timeout, max_retries=0, num_retries=0)
        try:
            data = litellm.embedding(**arguments).data
            ordered = sorted(data, key=lambda item: item["index"])
            return [list(item["embedding"]) for item in ordered]
        except Exception as error:  # litellm lets any class through, its own bugs included
            raise litellm_faults.translate(
                error, self._model, self._options, self._bounds.timeout
            ) from None
