"""Durable steps per second with a scripted model, at three lengths of history.

`report` is called by `benchmarks/run.py steps`; it runs this module in a fresh process for each
length and mode: `python -m benchmarks.figures.steps reply|hb10 MESSAGES TURNS`. The scripted model
costs nothing, so all CPU is archgraph's own.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks import harness, measure

LENGTHS = (100, 10_000, 100_000)
MODES = {"reply": 0, "hb10": 10}
WARM_UP = 5
TARGET = 1000


def report(quick: bool) -> None:
    """Print the table; `x 100` is CPU per step against that at 100 messages: flat means 1."""
    header = [
        "turn", "messages", "steps/s", "CPU/step p50 ms", "min", "x 100", "wall/step p50 ms",
        "p95", "data KB/step", "file KB/step", "RSS MB", "load",
    ]  # fmt: skip
    rows: list[list[object]] = []
    for mode in MODES:
        first = 0.0
        for length in LENGTHS[:2] if quick else LENGTHS:
            turns = (200 if mode == "reply" else 30) // (4 if quick else 1)
            told = harness.run(sys.executable, __name__, mode, length, turns)
            cpu, wall = told["cpu_ms"], told["wall_ms"]
            first = first or cpu["p50"]
            times = [cpu["p50"], cpu["min"], cpu["p50"] / first, wall["p50"], wall["p95"]]
            rest = (told[key] for key in ("data_kb", "file_kb", "rss_mb", "load"))
            rows.append([mode, f"{length:,}", told["steps_per_s"], *times, *rest])
    print(measure.table(header, rows))
    print(f"\ntargets: {TARGET} steps/s, 1 ms of CPU and 2 KB of data per step, flat")


def main(mode: str, length: int, turns: int) -> dict[str, Any]:
    """Measure one length in this process."""
    from benchmarks import subject
    from benchmarks.peers import loop

    calls = MODES[mode]
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        path = Path(folder) / "agent.db"
        agent = subject.Subject(path, gateway=subject.Canned())
        agent.add_messages(loop.past(length))
        agent.insert("Miso is a cat.")
        agent.close()
        before = measure.data_kb(path), measure.file_kb(path)
        agent = subject.Subject(path, gateway=subject.Canned(calls))
        samples, load = measure.Samples(), measure.load()
        for number in range(WARM_UP):
            agent.turn(f"Warming up, {number}.")
        done, start = agent.steps(), time.perf_counter()
        for number in range(turns):
            samples.take(lambda number=number: agent.turn(f"Miso slept well in night {number}."))
        steps, spent = agent.steps() - done, time.perf_counter() - start
        lived, rss = agent.steps(), measure.rss_mb()
        agent.close()
        per_turn = steps / turns
        return {
            "steps_per_s": steps / spent,
            "cpu_ms": measure.spread([value / per_turn for value in samples.cpu]),
            "wall_ms": measure.spread([value / per_turn for value in samples.wall]),
            "data_kb": (measure.data_kb(path) - before[0]) / lived,
            "file_kb": (measure.file_kb(path) - before[1]) / lived,
            "rss_mb": rss,
            "load": load,
        }


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))))
