"""What search finds: evidence recall of the one default policy, on three kinds of data.

`python -m benchmarks.retrieval --data FOLDER [--embedder hashed|minilm]` prints the tables; the
folder holds `locomo/locomo-dev.json`, `letta_memory/core_memory_read.jsonl` and
`nested_kv/kv-140.json`. Each question goes straight to `find` of a collection with default
options; there is no setting per data set, category or embedder.

What was looked at: the defaults were chosen on all five conversations of the development file
(26, 30, 41, 42, 43), so its numbers are *tuned on*. The other five of LoCoMo (44, 47, 48, 49, 50)
were never seen: give the published file with `--locomo` for a held-out table. The facts and the
keys were used as a check that the defaults harm neither.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from archgraph.llm import embedders
from archgraph.storage import database
from archgraph.stores import base, collection, vector_index
from archgraph.suites.datasets import case, locomo
from benchmarks import measure

TUNED = {"conv-26", "conv-30", "conv-41", "conv-42", "conv-43"}
CUTS = (1, 5, 10, 25)
Ranked = list[str]
Judged = tuple[Ranked, Sequence[str]]
"""The found items, best first, and the ones that should be found."""


class Remembering:
    """An embedder that embeds each text once in a run."""

    def __init__(self, embedder: Any) -> None:
        self.id, self.dimension = embedder.id, embedder.dimension
        self._embedder = embedder
        self._known: dict[str, Any] = {}

    def embed(self, texts: Sequence[str]) -> Any:
        import numpy as np

        new = [text for text in dict.fromkeys(texts) if text not in self._known]
        for start in range(0, len(new), 256):
            part = new[start : start + 256]
            self._known |= dict(zip(part, self._embedder.embed(part), strict=True))
        return np.stack([self._known[text] for text in texts])


def make(items: Iterable[case.Item], embedder: Any, **options: Any) -> collection.Collection:
    """A collection with default options that holds the items."""
    db = database.create(":memory:", seed=1)
    context = base.Context(
        db=db,
        count=lambda text: len(text) // 4,
        embedder=lambda: embedder,
        peer=lambda name: (_ for _ in ()).throw(KeyError(name)),
    )
    store = collection.Collection("items", collection.Collection.Options(**options), context)
    with db.transaction():
        for item in items:
            said = {"role": item.role, "name": item.name} if item.name else {}
            store.add(item.text, id=item.id, fields=said, created=item.at or 0.0)
    return store


def ranked(store: collection.Collection, question: str, k: int) -> Ranked:
    return [hit.record.id for hit in store.find(question, k)]


def recall(judged: Sequence[Judged], k: int) -> float:
    """Mean share of the wanted items among the first k, in percent."""
    shares = [len(set(found[:k]) & set(gold)) / len(set(gold)) for found, gold in judged if gold]
    return 100 * sum(shares) / len(shares) if shares else float("nan")


def row(name: str, judged: Sequence[Judged]) -> list[object]:
    asked = sum(bool(gold) for _, gold in judged)
    return [name, asked, *(f"{recall(judged, k):.1f}" for k in CUTS)]


def conversations(path: Path, embedder: Any, options: Mapping[str, Any]) -> list[list[object]]:
    """Rows of LoCoMo: each split as a whole, then by category."""
    by_split: dict[str, list[tuple[Judged, Any]]] = {}
    for conversation in locomo.load(path).conversations:
        store = make(conversation.items, embedder, **options)
        split = "tuned on" if conversation.id in TUNED else "held out"
        for one in conversation.cases:
            judged = (ranked(store, one.question, max(CUTS)), one.evidence)
            by_split.setdefault(split, []).append((judged, one.category))
    rows = []
    for split, judged in by_split.items():
        rows.append(row(f"LoCoMo, {split}", [one for one, _ in judged]))
        for category in sorted({category for _, category in judged}):
            part = [one for one, its in judged if its == category]
            rows.append(row(f"LoCoMo, {split}, category {category}", part))
    return rows


def facts(path: Path, embedder: Any, options: Mapping[str, Any]) -> list[object]:
    """All facts of all people in one collection.

    The file does not say which fact answers a question. Gold here is, of the ten facts of the
    question's own set, the one that contains the answer and shares most words with the question.
    """
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    texts = dict.fromkeys(fact for one in rows for fact in one["agent_args"]["extra"]["facts"])
    store = make((case.Item(fact, fact) for fact in texts), embedder, **options)
    judged = []
    for one in rows:
        question, answer = set(one["input"].lower().split()), one["ground_truth"].lower()
        own = one["agent_args"]["extra"]["facts"]
        holding = [fact for fact in own if answer in fact.lower()] or own
        gold = max(holding, key=lambda fact: len(question & set(fact.lower().split())))
        judged.append((ranked(store, one["input"], max(CUTS)), [gold]))
    return row("letta_memory, 2,000 facts pooled", judged)


def keys(path: Path, embedder: Any, options: Mapping[str, Any]) -> list[object]:
    """Each of 140 keys, asked for by itself."""
    pairs = json.loads(path.read_text(encoding="utf-8"))["ordered_kv_records"]
    items = [
        case.Item(key, f"Key-value pair: key = {key}, value = {value}") for key, value in pairs
    ]
    store = make(items, embedder, **options)
    judged = [(ranked(store, key, max(CUTS)), [key]) for key, _ in pairs]
    return row("nested_kv, 140 keys", judged)


def mirror(path: Path, embedder: Any) -> list[list[object]]:
    """How much of vec0's exact ten nearest the in-memory mirror finds, on real turns."""
    loaded = locomo.load(path).conversations
    items = {item.text: item for one in loaded for item in one.items}
    items = {text: case.Item(text, text) for text in items}
    asked = [one.question for conversation in loaded for one in conversation.cases]
    rows = []
    for name, floats in (("vectors", vector_index.FLOATS), ("bits, rescored", 0)):
        kept, vector_index.FLOATS = vector_index.FLOATS, floats
        try:
            store = make(items.values(), embedder, index=["vector"])
            store.find(asked[0], 1)
        finally:
            vector_index.FLOATS = kept
        index = store.backend.index  # type: ignore[attr-defined]
        judged = []
        for vector in embedder.embed(asked):
            exact = [str(seq) for seq, _ in index.vectors.scan(vector, 10)]
            judged.append(([str(seq) for seq, _ in index.vectors.nearest(vector, 10)], exact))
        rows.append([f"mirror of {name}", len(items), f"{recall(judged, 10) / 100:.4f}"])
    return rows


def report(
    data: Path, embedder: Any, show: Callable[[str], None], locomo_file: Path | None = None
) -> None:
    """Print the tables for one embedder."""
    file, options = locomo_file or data / "locomo" / "locomo-dev.json", {}
    show(f"embedder {embedder.id}; one default policy; share of gold found, %\n")
    rows = conversations(file, embedder, options)
    for text_only in (False, True):
        extra = {"index": ["text"]} if text_only else {}
        mark = ", text alone" if text_only else ""
        for one in (
            facts(data / "letta_memory" / "core_memory_read.jsonl", embedder, extra),
            keys(data / "nested_kv" / "kv-140.json", embedder, extra),
        ):
            rows.append([f"{one[0]}{mark}", *one[1:]])
    rows += [
        [f"{r[0]}, text alone", *r[1:]]
        for r in conversations(file, embedder, {"index": ["text"]})[:1]
    ]
    show(measure.table(["data", "questions", *(f"R@{k}" for k in CUTS)], rows))
    show("\nrecall@10 of the mirror against vec0's exact search\n")
    show(measure.table(["mirror", "turns", "recall@10"], mirror(file, embedder)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default=os.environ.get("ARCHGRAPH_TEST_DATA"), type=Path)
    parser.add_argument("--locomo", type=Path, help="another LoCoMo file, for a held-out table")
    parser.add_argument("--embedder", default="hashed", choices=["hashed", "minilm"])
    args = parser.parse_args()
    if args.data is None:
        parser.error("--data FOLDER, or ARCHGRAPH_TEST_DATA, says where the data is")
    embedder = Remembering(embedders.open_embedder(args.embedder))
    report(args.data, embedder, print, args.locomo)


if __name__ == "__main__":
    main()
