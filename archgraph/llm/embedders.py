"""Opens embedders by name, and holds the default one, which needs no download.

Called by the runtime for collections with a vector index. Knows no stores.

Names: `hashed`, `hashed/<dimension>`, `minilm`, `minilm/<folder>`, a plugin's, or
`provider/model` for any embedding model of litellm. A registered class is opened with its
classmethod `open(rest)`, where `rest` is what follows the first `/`. A class whose calls cost money
says so by an attribute `paid = True`; runs of suites then let one process call it, and count what
its method `cost(text)` says in US dollars, if it has one.
"""

from __future__ import annotations

import functools
import hashlib
import itertools
import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from archgraph import errors, registry
from archgraph.llm import base, porter

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from archgraph.llm.base import Vectors

    Features = tuple[NDArray[np.int64], NDArray[np.float64]]

_WORD = re.compile(r"[^\W_]+(?:['\u2019][^\W_]+)*")
_COMMON_WORDS = """
a about after all am an and any are as at be been but by can could did do does for from
get had has have he her him his how i if in into is it its just like me my no not of on or
our out she so some that the their them then there they this to up us was we were what
when where which who why will with would you your
"""
_COMMON = frozenset(_COMMON_WORDS.split())
COMMON_WEIGHT = 0.15
"""Weight of a frequent English function word beside other words."""
PAIR_WEIGHT = 0.2
"""Weight of two words that follow each other, beside a single word."""
GRAM_WEIGHT = 1.0
"""Weight of all character n-grams of a word together (as a length), beside the word itself."""
GRAMS = (3, 4, 5)
"""Lengths of the character n-grams, counted with a mark at each end of the word.

The weights were set on the five conversations of LoCoMo that `benchmarks/` tunes on, where half or
double of each changes recall at 10 by about a point; stemming and the weight of function words
change it by five and eleven.
"""
_CACHED = 1 << 15


def open_embedder(name: str, options: Mapping[str, Any] | None = None) -> base.Embedder:
    """The embedder of that name.

    Args:
        name: see above.
        options: for litellm, where that opens it: `retries`, `api_base`...

    Raises:
        UnknownName: nothing has that name.
        InputError: what follows the `/` makes no sense to the embedder.
        MachineError: its weights or packages are not on this machine.
    """
    first, slash, rest = name.partition("/")
    known = registry.names("embedders")
    if first in known and first != "litellm":
        return cast(base.Embedder, registry.get("embedders", first).open(rest))
    if not slash or not rest:
        raise errors.UnknownName("embedder", name, [*known, "provider/model"])
    return cast(base.Embedder, registry.get("embedders", "litellm")(name, options))


def is_paid(name: str) -> bool:
    """Whether an embedder may cost money: all that litellm opens, and classes that say so.

    Raises:
        PluginError: its package cannot be loaded.
    """
    first = name.partition("/")[0]
    if first not in registry.entries("embedders") or first == "litellm":
        return True
    return bool(getattr(registry.get("embedders", first), "paid", False))


class Hashed:
    """Signed feature hashing (Weinberger et al., 2009) of words, word pairs and character n-grams.

    Deterministic on every machine: BLAKE2b gives each feature a place and a sign. Words are
    lower-cased and stemmed, frequent English words count little, repetition counts by its square
    root. Texts that share words or parts of words come near each other; meaning is not known. A
    text without a word gives a vector of its characters, an empty one a fixed vector.

    Attributes:
        id: changes with anything that changes a vector.
        dimension: length of the vectors.
    """

    def __init__(self, dimension: int = 384) -> None:
        if dimension < 8:
            raise errors.InputError(f"a hashed embedder needs a dimension >= 8, not {dimension}")
        self.dimension = dimension
        self.id = f"hashed/{dimension}/1"

    @classmethod
    def open(cls, rest: str) -> Hashed:
        """For `hashed` and `hashed/<dimension>`."""
        if not rest:
            return cls()
        if not rest.isascii() or not rest.isdigit():
            raise errors.InputError(f"embedder 'hashed/{rest}': write hashed/<dimension>")
        return cls(int(rest))

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Vectors of shape (len(texts), dimension), float32, unit length."""
        import numpy as np

        vectors = np.empty((len(texts), self.dimension), dtype=np.float32)
        for row, text in enumerate(texts):
            vectors[row] = self._one(text)
        return vectors

    def _one(self, text: str) -> Vectors:
        import numpy as np

        words = _WORD.findall(text.lower()) or [f"\0{text.strip()}"]
        parts = [
            _scaled(_word(word, self.dimension), count) for word, count in Counter(words).items()
        ]
        parts.append(_pairs(Counter(itertools.pairwise(words)), self.dimension))
        places = np.concatenate([part[0] for part in parts])
        values = np.concatenate([part[1] for part in parts])
        total = np.bincount(places, weights=values, minlength=self.dimension)
        length = math.sqrt(float(total @ total))
        if length == 0:  # features that cancel each other out, one text in a great many
            total[0] = length = 1.0
        result: Vectors = (total / length).astype(np.float32)
        return result


def _scaled(features: Features, count: int) -> Features:
    return features if count == 1 else (features[0], features[1] * math.sqrt(count))


def _weight(word: str) -> float:
    return COMMON_WEIGHT if word in _COMMON else 1.0


@functools.lru_cache(maxsize=_CACHED)
def _word(word: str, dimension: int) -> Features:
    """The word itself and its character n-grams."""
    import numpy as np

    marked = f"<{word}>"
    grams = [marked[i : i + n] for n in GRAMS for i in range(len(marked) - n + 1)]
    weight = _weight(word)
    share = GRAM_WEIGHT / math.sqrt(len(grams) or 1)
    placed = [_place(f"w{_stem(word)}", dimension, weight)]
    placed.extend(_place(f"g{gram}", dimension, weight * share) for gram in grams)
    places, values = zip(*placed, strict=True)
    return np.array(places, dtype=np.int64), np.array(values, dtype=np.float64)


def _pairs(counts: Mapping[tuple[str, str], int], dimension: int) -> Features:
    """Pairs of words that stand beside each other, each as often as it is counted."""
    import numpy as np

    placed = [(*_pair(*pair, dimension), count) for pair, count in counts.items()]
    places = np.array([place for place, _, _ in placed], dtype=np.int64)
    return places, np.array([value * math.sqrt(count) for _, value, count in placed])


@functools.lru_cache(maxsize=_CACHED)
def _pair(left: str, right: str, dimension: int) -> tuple[int, float]:
    weight = PAIR_WEIGHT * math.sqrt(_weight(left) * _weight(right))
    return _place(f"p{_stem(left)} {_stem(right)}", dimension, weight)


@functools.lru_cache(maxsize=_CACHED)
def _stem(word: str) -> str:
    word = word.replace("\u2019", "'").removesuffix("'s")
    return porter.stem(word) if word.isascii() and word.isalpha() else word


def _place(feature: str, dimension: int, weight: float) -> tuple[int, float]:
    """Where a feature goes and what it adds there: its sign times its weight."""
    data = feature.encode("utf-8", "surrogatepass")
    number = int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "little")
    return (number >> 1) % dimension, weight if number & 1 else -weight
