"""Made-up texts and vectors, the same at every run. Synthetic: they say nothing about recall.

Used by the figures. A vocabulary of 20,000 words drawn by Zipf's law, so that a text index meets
frequent and rare words as in language; unit vectors in random clusters, so that a vector index
meets neighbours.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

WORDS = 20_000
SYLLABLES = [a + b for a in "bdfgklmnprstvz" for b in ("a", "e", "i", "o", "u", "an", "el", "or")]


class Language:
    """A source of texts."""

    def __init__(self, seed: int = 1) -> None:
        self.chance = random.Random(seed)
        self.words = [self._word(number) for number in range(WORDS)]
        self.weights = list(itertools.accumulate(1 / (rank + 2) for rank in range(WORDS)))

    def text(self, words: int = 30) -> str:
        """A text of so many words."""
        drawn = self.chance.choices(self.words, cum_weights=self.weights, k=words)
        return " ".join(drawn).capitalize() + "."

    def texts(self, count: int, words: int = 30) -> Iterator[str]:
        """So many texts, one at a time."""
        return (self.text(words) for _ in range(count))

    @staticmethod
    def _word(number: int) -> str:
        made = ""
        while number or not made:
            number, rest = divmod(number, len(SYLLABLES))
            made += SYLLABLES[rest]
        return made


class Synthetic:
    """An embedder without a model: a text's vector is drawn from its own hash, near a cluster.

    Costs next to nothing, so that the store is measured and not an embedder.
    """

    dimension = 384

    def __init__(self, clusters: int = 200) -> None:
        import numpy as np

        self.id = f"synthetic-{clusters}"
        self.centres = np.random.default_rng(7).standard_normal((clusters, self.dimension))

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Vectors of shape (len(texts), 384), unit length."""
        import zlib

        import numpy as np

        made = np.empty((len(texts), self.dimension), dtype=np.float32)
        for row, text in enumerate(texts):
            seed = zlib.crc32(text.encode())
            noise = np.random.default_rng(seed).standard_normal(self.dimension)
            made[row] = self.centres[seed % len(self.centres)] + 0.7 * noise
        return made / np.linalg.norm(made, axis=1, keepdims=True)
