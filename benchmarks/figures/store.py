"""The archive's figures: an insert, the searches at three sizes, and recall on real embeddings.

`report` is called by `benchmarks/run.py store`; each size is a fresh process:
`python -m benchmarks.figures.store size N` and `... recall EMBEDDER`. Vectors of the sizes are
synthetic and free of charge, so that the store is measured and not an embedder; recall is
measured on LoCoMo's turns, in real embeddings, against an exact scan of the same vectors.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks import harness, measure, texts

SIZES = (1_000, 10_000, 100_000)
WAYS = {"vector": ("vector",), "text": ("text",), "hybrid": ("text", "vector")}
PARTS = ("min", "p50", "p95")
K = 10


def report(quick: bool) -> None:
    """Print both tables."""
    header = [
        "passages", "fill rows/s",
        *(f"{what} {part}" for what in ("insert", "as a tool", *WAYS) for part in PARTS),
        "file MB", "RSS MB", "load",
    ]  # fmt: skip
    rows: list[list[object]] = []
    for size in SIZES[:2] if quick else SIZES:
        told = harness.run(sys.executable, __name__, "size", size)
        times = [told[key][part] for key in ("insert", "tool", *WAYS) for part in PARTS]
        rest = [told["file_mb"], told["rss_mb"], told["load"]]
        rows.append([f"{size:,}", told["rows_per_s"], *times, *rest])
    print("Synthetic vectors (384), 30-word Zipf texts, 12-word questions, k=10, one commit each;")
    print("the vectors of the questions are at hand; wall time in milliseconds\n")
    print(measure.table(header, rows))
    print("\ntargets: insert 1 ms; search 0.2 / 1 / 10 ms; text at 100,000 10 ms\n")
    _report_recall()


def _report_recall() -> None:
    if not os.environ.get("ARCHGRAPH_TEST_DATA"):
        print("recall: not measured, ARCHGRAPH_TEST_DATA does not say where LoCoMo is")
        return
    rows: list[list[object]] = []
    for embedder in ("hashed", "minilm"):
        try:
            told = harness.run(sys.executable, __name__, "recall", embedder)
        except subprocess.CalledProcessError:
            print(f"recall with {embedder}: not available", file=sys.stderr)
            continue
        rows.append([embedder, told["passages"], told["questions"], told["recall"], told["p50"]])
    print("Recall@10 of the vector search against an exact scan, LoCoMo turns and questions\n")
    print(measure.table(["embedder", "passages", "questions", "recall", "search p50 ms"], rows))


def at_size(size: int) -> dict[str, Any]:
    """Fill, insert and search at one size, in this process."""
    from benchmarks import subject

    language, load = texts.Language(), measure.load()
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        path = Path(folder) / "agent.db"
        agent = subject.Subject(path, gateway=subject.Canned(), embedder=texts.Synthetic())
        start = time.perf_counter()
        agent.add_passages(language.texts(size))
        told: dict[str, Any] = {"rows_per_s": size / (time.perf_counter() - start)}
        inserts = measure.Samples()
        for text in language.texts(200):
            inserts.take(lambda text=text: agent.insert(text))
        told["insert"] = measure.spread(inserts.wall)
        inserts = measure.Samples()
        for text in language.texts(200):
            inserts.take(lambda text=text: agent.insert_as_tool(text))
        told["tool"] = measure.spread(inserts.wall)
        questions = list(language.texts(100, 12))
        for way, sources in WAYS.items():
            told[way] = _searched(agent, questions, sources)
        told |= {"rss_mb": measure.rss_mb(), "load": load}
        agent.close()
        return told | {"file_mb": measure.file_kb(path) / 1000}


def _searched(agent: Any, questions: list[str], sources: tuple[str, ...]) -> dict[str, float]:
    agent.embed_ahead(questions)
    agent.search(questions[0], K, sources)
    samples = measure.Samples()
    for question in questions:
        samples.take(lambda question=question: agent.search(question, K, sources))
    return measure.spread(samples.wall)


def recall(embedder: str) -> dict[str, Any]:
    """The share of the exact ten nearest that the vector search finds; ties count as found."""
    import numpy as np

    from benchmarks import subject

    source = Path(os.environ["ARCHGRAPH_TEST_DATA"]) / "locomo" / "locomo-dev.json"
    turns, questions = _locomo(json.loads(source.read_text()), 600 if embedder == "minilm" else 0)
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        path = Path(folder) / "agent.db"
        agent = subject.Subject(path, gateway=subject.Canned(), embedder=embedder)
        agent.add_passages(turns)
        vectors, asked = agent.embed(turns), agent.embed(questions)
        place = {text: row for row, text in enumerate(turns)}
        shares, samples = [], measure.Samples()
        for question, vector in zip(questions, asked, strict=True):
            scores = vectors @ vector
            least = np.sort(scores)[-K]
            found = samples.take(lambda q=question: agent.search(q, K, ("vector",)))
            shares.append(sum(scores[place[text]] >= least - 1e-6 for text in found) / K)
        agent.close()
    spread = measure.spread(samples.wall)
    counts = {"passages": len(turns), "questions": len(questions)}
    return {**counts, "recall": float(np.mean(shares)), "p50": spread["p50"]}


def _locomo(conversations: Any, most: int) -> tuple[list[str], list[str]]:
    turns: dict[str, None] = {}
    questions = []
    for sample in conversations:
        sessions = sample["conversation"]
        for name in sessions:
            if name.startswith("session_") and isinstance(sessions[name], list):
                turns |= {f"{turn['speaker']}: {turn['text']}": None for turn in sessions[name]}
        questions += [row["question"] for row in sample["qa"]]
    kept = list(turns)[: most or None]
    return kept, questions[:200]


if __name__ == "__main__":
    made = at_size(int(sys.argv[2])) if sys.argv[1] == "size" else recall(sys.argv[2])
    print(json.dumps(made))
