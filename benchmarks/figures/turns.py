"""Turns beside the peers: bare loop, LangGraph, archgraph, interleaved over one fake server.

`report` is called by `benchmarks/run.py turns`. Every measurement is a fresh process.
"""

from __future__ import annotations

import sys
from typing import Any

from benchmarks import harness, measure

CASES = (("reply", 10, 25), ("hb10", 10, 10), ("reply", 1000, 10), ("hb10", 1000, 5))
"""Mode, messages of history, turns a process."""

PEERS = {
    "bare loop": "benchmarks.peers.bare",
    "LangGraph": "benchmarks.peers.langgraph_peer",
    "archgraph": "benchmarks.peers.archgraph_peer",
    "archgraph, whole history": "benchmarks.peers.archgraph_whole",
}

COLUMNS = (
    "peer", "wall p50 ms", "min", "x bare", "CPU p50 ms", "min", "x bare", "requests",
    "prompt KB", "data KB/turn", "file KB/turn", "RSS MB", "load",
)  # fmt: skip


def report(quick: bool) -> None:
    """Print a table for each mode and length of history."""
    peers = dict(PEERS)
    if not harness.available():
        print("archgraph: not available\n")
        peers = {name: module for name, module in PEERS.items() if "archgraph" not in name}
    pythons = {name: _python(name) for name in peers}
    rounds = 1 if quick else 3
    with harness.server() as url:
        for mode, history, turns in CASES:
            told: dict[str, list[dict[str, Any]]] = {name: [] for name in peers}
            for _ in range(rounds):
                for name, module in peers.items():
                    told[name].append(harness.run(pythons[name], module, url, mode, history, turns))
            print(f"\n{mode}@{history}, {rounds} x {turns} turns\n")
            print(measure.table(COLUMNS, _rows(told)), flush=True)


def _python(name: str) -> str:
    return sys.executable if "archgraph" in name else harness.peers_python()


def _rows(told: dict[str, list[dict[str, Any]]]) -> list[list[object]]:
    rows: list[list[object]] = []
    floor: tuple[float, float] | None = None
    for name, runs in told.items():
        wall = measure.spread([value for run in runs for value in run["wall_samples"]])
        cpu = measure.spread([value for run in runs for value in run["cpu_samples"]])
        floor = floor or (wall["p50"], cpu["p50"])
        times = [wall["p50"], wall["min"], wall["p50"] / floor[0]]
        times += [cpu["p50"], cpu["min"], cpu["p50"] / floor[1]]
        rows.append([name, *times, *(_mean(runs, key) for key in _MEANS)])
    return rows


_MEANS = (
    "requests_per_turn", "prompt_kb", "data_kb_per_turn", "file_kb_per_turn", "rss_mb", "load",
)  # fmt: skip


def _mean(runs: list[dict[str, Any]], key: str) -> float:
    return float(sum(run[key] for run in runs) / len(runs))
