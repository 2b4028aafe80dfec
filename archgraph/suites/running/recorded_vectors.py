"""Embeddings in the recording of a run: `embeddings.jsonl`, one line for each embedder and text.

A line holds the text's SHA-256, its cost, and the vector as the base64 text of its float32
numbers, so that not a bit is lost. Lines are sorted: equal runs write equal files. Used by
`recordings`.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from archgraph import errors
from archgraph.suites.running import embedding
from archgraph.suites.running import ledger as ledgers

FILE = "embeddings.jsonl"


class Recorded:
    """Vectors from a folder; there may be none in it.

    Attributes:
        failures: how embedding failed, by the key of a failure and the place of its user.

    Raises:
        InputError: the file is not such a recording.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        self._found: dict[tuple[str, str], Mapping[str, Any]] = {}
        self.failures: dict[tuple[str, str], tuple[str, str]] = {}
        lines = self._path.read_bytes().splitlines() if self._path.is_file() else []
        for number, line in enumerate(lines, 1):
            try:
                self._take(json.loads(line))
            except (ValueError, KeyError, TypeError, IndexError) as error:
                raise errors.InputError(
                    f"{self._path}:{number}: not a row of recorded embeddings: {error}"
                ) from error

    def answer(self, embedder: str, text: str) -> embedding.Vector:
        """The recorded vector of a text.

        Raises:
            RecordingMissing: it was not recorded.
        """
        row = self._found.get((embedder, embedding.digest(text).hex()))
        if row is None:
            known = {name for name, _ in self._found}
            why = "" if embedder in known else f", and nothing else by {embedder} either"
            raise errors.RecordingMissing(
                f"{self._path}: no embedding by {embedder} was recorded for the text "
                f"{text[:80]!r}{why}"
            )
        return embedding.Vector(base64.b64decode(row["vector"]), row["cost"])

    def _take(self, row: Mapping[str, Any]) -> None:
        name, text = row["embedder"], row["text"]
        if "failure" in row:
            key = embedding.key(name, bytes.fromhex(text))
            self.failures[key, row["user"]] = (row["failure"][0], row["failure"][1])
        else:
            self._found[name, text] = {"vector": row["vector"], "cost": row["cost"]}


def lines(ledger: ledgers.Ledger, failed: Sequence[Mapping[str, Any]]) -> list[str]:
    """The lines of all that a run has bought, then of what failed."""
    rows: list[Mapping[str, Any]] = [
        {
            "embedder": name, "text": text.hex(), "cost": each.cost,
            "vector": base64.b64encode(each.data).decode(),
        }
        for name, text, each in ledger.vectors.all()
    ]  # fmt: skip
    rows += sorted(failed, key=lambda row: (row["embedder"], row["text"], row["user"]))
    return [json.dumps(row, ensure_ascii=False, sort_keys=True) for row in rows]
