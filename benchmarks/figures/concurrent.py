"""Fifty agents at once in one process: turns per second over all of them.

`report` is called by `benchmarks/run.py concurrent`; each way is a fresh process:
`python -m benchmarks.figures.concurrent scripted|litellm URL TURNS`. One thread an agent, one file
an agent; the first turn of each warms up and is not counted.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from concurrent import futures
from pathlib import Path
from typing import Any

from benchmarks import harness, measure

AGENTS = 50
TARGETS = {"scripted": 600, "litellm": 120}


def report(quick: bool) -> None:
    """Print turns per second, three runs each, interleaved."""
    told: dict[str, list[dict[str, Any]]] = {way: [] for way in TARGETS}
    with harness.server() as url:
        for _ in range(1 if quick else 3):
            for way in TARGETS:
                turns = 20 if way == "scripted" else 5
                told[way].append(harness.run(sys.executable, __name__, way, url, turns))
    rows = []
    for way, runs in told.items():
        rates = ", ".join(f"{run['turns_per_s']:.0f}" for run in runs)
        cpu, rss, load = ([run[key] for run in runs] for key in ("cpu_ms", "rss_mb", "load"))
        rows.append([way, rates, TARGETS[way], min(cpu), max(rss), max(load)])
    header = [
        "model",
        f"turns/s of {AGENTS} agents, each run",
        "target",
        "CPU/turn min ms",
        "RSS MB",
    ]
    print(measure.table([*header, "load"], rows))


def main(way: str, url: str, turns: int) -> dict[str, Any]:
    """Run all agents once, in this process."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        agents = [_agent(way, url, Path(folder) / f"{number}.db") for number in range(AGENTS)]
        with futures.ThreadPoolExecutor(AGENTS) as pool:
            list(pool.map(lambda agent: agent.turn("[bench] Good morning."), agents))
            load, cpu, start = measure.load(), time.process_time(), time.perf_counter()
            list(pool.map(lambda agent: _talk(agent, turns), agents))
            wall, cpu = time.perf_counter() - start, time.process_time() - cpu
        rss = measure.rss_mb()
        for agent in agents:
            agent.close()
    done = AGENTS * turns
    return {"turns_per_s": done / wall, "cpu_ms": cpu / done * 1000, "rss_mb": rss, "load": load}


def _agent(way: str, url: str, path: Path) -> Any:
    from benchmarks import subject
    from benchmarks.peers import archgraph_peer

    if way == "scripted":
        return subject.Subject(path, gateway=subject.Canned())
    return archgraph_peer.Archgraph(url, "reply", path)


def _talk(agent: Any, turns: int) -> None:
    for number in range(turns):
        agent.turn(f"[bench] Please keep this in mind about Miso ({number}).")


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], sys.argv[2], int(sys.argv[3]))))
