"""One agent of 100,000 messages and 100,000 passages: CPU, file growth and memory of its steps.

`report` is called by `benchmarks/run.py large`. The file is made in one process and measured in
another: `python -m benchmarks.figures.large make|measure PATH N`. Passages are embedded by the
agent's own default embedder; the texts are synthetic.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks import harness, measure, texts

SIZE = 100_000
TURNS = 50
RSS_TARGET_MB = 300


def report(quick: bool) -> None:
    """Make the agent, measure it, print one row a figure."""
    size = SIZE // 10 if quick else SIZE
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        path = Path(folder) / "agent.db"
        made = harness.run(sys.executable, __name__, "make", path, size)
        told = harness.run(sys.executable, __name__, "measure", path, size)
    print(f"One agent of {size:,} messages and {size:,} passages (made in {made['s']:.0f} s)\n")
    rows = [[name, *figures] for name, figures in told["rows"].items()]
    header = ["what", "CPU p50 ms", "min", "wall p50 ms", "min", "p95", "data KB"]
    print(measure.table(header, rows))
    print(
        f"\nfile {told['file_mb']:.0f} MB; open {told['open_ms']:.0f} ms; load {told['load']:.2f}"
    )
    memory = ", ".join(f"{name} {value:.0f} MB" for name, value in told["rss_mb"].items())
    print(f"resident memory: {memory} (target {RSS_TARGET_MB}, litellm not imported)")


def make(path: Path, size: int) -> dict[str, Any]:
    """Fill a new agent."""
    from benchmarks import subject
    from benchmarks.peers import loop

    start = time.perf_counter()
    agent = subject.Subject(path, gateway=subject.Canned())
    agent.add_messages(loop.past(size))
    agent.add_passages(texts.Language().texts(size))
    agent.settle()
    agent.close()
    return {"s": time.perf_counter() - start}


def measured(path: Path) -> dict[str, Any]:
    """Open it and take its figures."""
    from benchmarks import subject

    load, language = measure.load(), texts.Language(seed=2)
    rss = {"before opening": measure.rss_mb()}
    start = time.perf_counter()
    agent = subject.Subject(path, gateway=subject.Canned())
    opened = (time.perf_counter() - start) * 1000
    rss["opened"] = measure.rss_mb()
    agent.turn("Good morning.")
    rss["after a turn"] = measure.rss_mb()
    rows = {}
    for way, sources in (("vector", ("vector",)), ("text", ("text",)), ("hybrid", ())):
        samples = measure.Samples()
        for question in language.texts(30, 12):
            samples.take(lambda q=question, s=sources: agent.search(q, 10, s))
        rows[f"{way} search, k=10, question embedded"] = _row(samples)
        rss[f"after {way} searches"] = measure.rss_mb()
    samples = measure.Samples()
    for question in language.texts(30, 12):
        samples.take(lambda q=question: agent.recall(q))
    rows["conversation search, one page, question embedded"] = _row(samples)
    rss["after conversation searches"] = measure.rss_mb()
    agent.close()
    rows["a step that replies"] = _stepped(path, 0)
    rows["a step in a turn of ten inserts and a reply"] = _stepped(path, 10)
    rss["at the end"] = measure.rss_mb()
    rss["at most"] = measure.peak_mb()
    if "litellm" in sys.modules:
        raise SystemExit("litellm was imported: the memory figure would not be what it says")
    file_mb = measure.file_kb(path) / 1000
    return {"rows": rows, "rss_mb": rss, "open_ms": opened, "file_mb": file_mb, "load": load}


def _stepped(path: Path, calls: int) -> list[float]:
    from benchmarks import subject

    agent = subject.Subject(path, gateway=subject.Canned(calls))
    agent.turn("Good evening.")
    agent.close()
    before = measure.data_kb(path)
    agent = subject.Subject(path, gateway=subject.Canned(calls))
    samples, done = measure.Samples(), agent.steps()
    for number in range(TURNS):
        samples.take(lambda number=number: agent.turn(f"Miso slept well in night {number}."))
    steps = agent.steps() - done
    agent.close()
    grown = measure.data_kb(path) - before
    return [*_row(samples, steps / TURNS)[:-1], grown / steps]


def _row(samples: measure.Samples, per: float = 1) -> list[float]:
    wall = measure.spread(samples.wall)
    cpu = measure.spread(samples.cpu)
    times = (cpu["p50"], cpu["min"], wall["p50"], wall["min"], wall["p95"])
    return [*(time / per for time in times), float("nan")]


if __name__ == "__main__":
    target = Path(sys.argv[2])
    print(json.dumps(make(target, int(sys.argv[3])) if sys.argv[1] == "make" else measured(target)))
