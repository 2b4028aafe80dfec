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
ROUNDS = 3
TARGET = 1000


def report(quick: bool) -> None:
    """Print the table; `x 100` is the least CPU per step against that at 100 messages: 1 is flat.

    The lengths take turns in `ROUNDS`, so that a busy minute of the machine meets all of them.
    """
    lengths = LENGTHS[:2] if quick else LENGTHS
    header = [
        "turn", "messages", "steps/s, each round", "at the least wall", "CPU/step p50 ms", "min",
        "x 100", "wall/step p50 ms", "min", "p95", "data KB/step", "file KB/step", "RSS MB", "load",
    ]  # fmt: skip
    rows: list[list[object]] = []
    for mode in MODES:
        turns = (200 if mode == "reply" else 30) // (4 if quick else 1)
        told: dict[int, list[dict[str, Any]]] = {length: [] for length in lengths}
        for _ in range(1 if quick else ROUNDS):
            for length in lengths:
                told[length].append(harness.run(sys.executable, __name__, mode, length, turns))
        first = min(min(run["cpu"]) for run in told[lengths[0]])
        rows += [_row(mode, length, runs, first) for length, runs in told.items()]
    print(measure.table(header, rows))
    print(f"\ntargets: {TARGET} steps/s, 1 ms of CPU and 2 KB of data per step, flat")


def _row(mode: str, length: int, runs: list[dict[str, Any]], first: float) -> list[object]:
    cpu = measure.spread([value for run in runs for value in run["cpu"]])
    wall = measure.spread([value for run in runs for value in run["wall"]])
    rates = ", ".join(f"{run['steps_per_s']:,.0f}" for run in runs)
    times = [cpu["p50"], cpu["min"], cpu["min"] / first, wall["p50"], wall["min"], wall["p95"]]
    rest = (max(run[key] for run in runs) for key in ("data_kb", "file_kb", "rss_mb", "load"))
    return [mode, f"{length:,}", rates, 1000 / wall["min"], *times, *rest]


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
            "cpu": [round(value / per_turn, 4) for value in samples.cpu],
            "wall": [round(value / per_turn, 4) for value in samples.wall],
            "data_kb": (measure.data_kb(path) - before[0]) / lived,
            "file_kb": (measure.file_kb(path) - before[1]) / lived,
            "rss_mb": rss,
            "load": load,
        }


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))))
