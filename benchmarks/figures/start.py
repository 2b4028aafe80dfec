"""What a start costs: commands and imports beside `python -c pass`, interleaved.

`report` is called by `benchmarks/run.py start`. Byte code is kept and warm; every run is a fresh
process. Commands that this tree does not have yet are named and left out.
"""

from __future__ import annotations

import sys

from benchmarks import harness, measure

FLOOR = "python -c pass"
TARGET_MS = 300.0


def report(quick: bool) -> None:
    """Print the table; the target (DESIGN 12) is 300 ms for `--help` and `check`."""
    commands = {name: command for name, command in _commands().items() if _works(name, command)}
    costs: dict[str, list[tuple[float, float, float]]] = {name: [] for name in commands}
    load = measure.load()
    for _ in range(3 if quick else 10):
        for name, command in commands.items():
            costs[name].append(harness.cost(command))
    floor = min(cpu for _, cpu, _ in costs[FLOOR])
    rows = []
    for name, taken in costs.items():
        wall = measure.spread([cost[0] for cost in taken])
        cpu = measure.spread([cost[1] for cost in taken])
        peak = max(cost[2] for cost in taken)
        rows.append(
            [name, wall["min"], wall["p50"], cpu["min"], cpu["p50"], cpu["min"] / floor, peak]
        )
    header = ["what", "wall min ms", "p50", "CPU min ms", "p50", "x floor", "peak MB"]
    print(measure.table(header, rows))
    print(f"\nload {load:.2f}; target for --help and check: {TARGET_MS:.0f} ms wall")


def _commands() -> dict[str, list[str]]:
    python = sys.executable
    archgraph = [python, "-m", "archgraph"]
    commands = {
        FLOOR: [python, "-c", "pass"],
        "import pydantic": [python, "-c", "import pydantic"],
        "import archgraph": [python, "-c", "import archgraph; archgraph.open_agent"],
        "archgraph --help": [*archgraph, "--help"],
        "archgraph check memgpt": [*archgraph, "check", "memgpt"],
        "archgraph list": [*archgraph, "list"],
        "import litellm": [python, "-c", "import litellm"],
    }
    if (harness.PEERS / "complete").exists():
        wanted = "import langgraph.graph, langchain_openai, langgraph.checkpoint.sqlite"
        commands["import LangGraph + ChatOpenAI"] = [harness.peers_python(), "-c", wanted]
    return commands


def _works(name: str, command: list[str]) -> bool:
    try:
        harness.cost(command)  # the warm-up as well
    except SystemExit as error:
        print(f"{name}: not available ({error})", file=sys.stderr)
        return False
    return True
