"""Ten thousand heartbeats of one agent: what a step adds to the file beside its payload, how flat.

`report` is called by `benchmarks/run.py heartbeats`; it runs this module in a fresh process:
`python -m benchmarks.figures.heartbeats STEPS`. Each turn is ten archival inserts and a reply of
a scripted model. Payload is every text that came in or out, once: inputs, the model's answers with
their tool calls, and tool results.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks import harness, measure

STEPS = 10_000
PARTS = 10
TARGET_KB = 1.0


def report(quick: bool) -> None:
    """Print a row for each tenth of the agent's life."""
    told = harness.run(sys.executable, __name__, STEPS // 10 if quick else STEPS)
    first = told["parts"][0]["cpu_ms"]["p50"]
    rows = []
    for part in told["parts"]:
        cpu, wall = part["cpu_ms"], part["wall_ms"]
        times = [cpu["p50"], cpu["min"], cpu["p50"] / first, wall["p50"], wall["p95"]]
        rows.append([f"{part['steps']:,}", *times, part["fork_ms"], part["file_mb"], part["load"]])
    header = [
        "steps lived", "CPU/step p50 ms", "min", "x first", "wall/step p50 ms", "p95",
        "fork ms", "file MB", "load",
    ]  # fmt: skip
    print(measure.table(header, rows))
    data, payload = told["data_kb"], told["payload_kb"]
    print(f"\ndata {data:.2f} KB/step, payload {payload:.2f} KB/step, beside it ", end="")
    print(f"{data - payload:.2f} KB/step (target {TARGET_KB:.0f}); flat means x first within 1.1")


def main(steps: int) -> dict[str, Any]:
    """Live so many steps in this process."""
    from benchmarks import subject
    from benchmarks.peers import loop

    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        path = Path(folder) / "agent.db"
        agent = subject.Subject(path, gateway=subject.Canned(10))
        agent.add_messages(loop.past(100))
        agent.turn("Warming up.")
        agent.close()
        before = measure.data_kb(path)
        agent = subject.Subject(path, gateway=subject.Canned(10))
        begun, said, parts = agent.steps(), agent.payload(), []
        for number in range(1, PARTS + 1):
            part = _lived(agent, begun + steps * number // PARTS)
            start = measure.Samples()
            start.take(lambda number=number: agent.fork(Path(folder) / f"fork{number}.db"))
            parts.append(
                {
                    **part,
                    "steps": agent.steps() - begun,
                    "fork_ms": start.wall[0],
                    "file_mb": measure.file_kb(path) / 1000,
                }
            )
        lived, payload = agent.steps() - begun, agent.payload() - said
        agent.close()
        data = measure.data_kb(path) - before
        return {
            "parts": parts,
            "data_kb": data / lived,
            "payload_kb": payload / 1000 / lived,
        }


def _lived(agent: Any, until: int) -> dict[str, Any]:
    load, cpu, wall = measure.load(), [], []
    while agent.steps() < until:
        before, samples = agent.steps(), measure.Samples()
        samples.take(lambda: agent.turn("Miso slept well last night and woke early."))
        taken = agent.steps() - before
        cpu.append(samples.cpu[0] / taken)
        wall.append(samples.wall[0] / taken)
    return {"cpu_ms": measure.spread(cpu), "wall_ms": measure.spread(wall), "load": load}


if __name__ == "__main__":
    print(json.dumps(main(int(sys.argv[1]))))
