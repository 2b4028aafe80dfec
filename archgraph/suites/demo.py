"""The demonstration: does paging its own memory beat a fixed window?

`python -m archgraph.suites.demo` asks MemGPT and a fixed window the nested key-value task of the
MemGPT paper (section 3.2.3): 140 pairs, and a value that may be the key of another pair. It runs
with the offline policy, without key or network. Called by `make demo`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from archgraph import clock
from archgraph.graph import compile as compiling
from archgraph.spec import load
from archgraph.suites.running import trial
from archgraph.suites.scoring import text as scorers
from archgraph.suites.datasets import nested_kv

ARCHITECTURES = ("memgpt", "fixed_window")
NOTE = """\
The model is offline/extractive: a deterministic policy, not a language model. These numbers show
what each architecture lets reach the context window, not how clever a model is.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the comparison and print the table; 1 if paging did not beat the window."""
    parser = argparse.ArgumentParser(prog="python -m archgraph.suites.demo", description=__doc__)
    parser.add_argument("--depths", type=int, default=4, help="depths 0 to N-1 (default 4)")
    parser.add_argument("--orderings", type=int, default=10, help="questions a depth (default 10)")
    parser.add_argument("--keys", choices=nested_kv.KINDS, default="uuid", help="kind of keys")
    chosen = parser.parse_args(arguments)
    task = nested_kv.NestedKV(
        depths=range(chosen.depths), orderings=chosen.orderings, keys=chosen.keys
    )
    started = clock.elapsed()
    print(f"Nested key-value task: {task.pairs} pairs ({chosen.keys} keys), "
          f"{chosen.orderings} questions for each depth.\n{NOTE}")  # fmt: skip
    print(f"{'architecture':<14}{'depth':>6}{'correct':>10}{'in window':>11}"
          f"{'searches':>10}{'steps':>7}{'tokens':>9}")  # fmt: skip
    share = {name: _run(name, task) for name in ARCHITECTURES}
    seconds = clock.elapsed() - started
    paging, window = share["memgpt"], share["fixed_window"]
    print(f"\nmemgpt answers {paging:.0%}, fixed_window {window:.0%} ({seconds:.0f} s).")
    print("correct: exact answers; in window: all needed pairs stood in the context window at some "
          "step;\nsearches, steps, tokens: means per question.")  # fmt: skip
    return 0 if paging > window else 1


def _run(name: str, task: nested_kv.NestedKV) -> float:
    """Ask one architecture every question; print a row a depth; return the share of right ones."""
    plan = compiling.compile(load.load(name)).plan
    rows: dict[int, list[tuple[float, trial.Answered]]] = {}
    for case in task.cases():
        with trial.ingest(plan, case.history) as agent:
            answered = trial.ask(agent, case)
        rows.setdefault(int(case.category or 0), []).append(
            (scorers.contains(answered.reply, case.answers), answered)
        )
    for depth, found in sorted(rows.items()):
        _print_row(name, depth, found)
    scores = [score for found in rows.values() for score, _ in found]
    return sum(scores) / len(scores)


def _print_row(name: str, depth: int, found: list[tuple[float, trial.Answered]]) -> None:
    count = len(found)
    right = sum(score for score, _ in found)
    answers = [answered for _, answered in found]
    searches = sum(n for a in answers for tool, n in a.calls.items() if "search" in tool)
    window = sum(a.reached == 1.0 for a in answers)
    steps = sum(a.steps for a in answers)
    tokens = sum(a.prompt_tokens + a.completion_tokens for a in answers)
    print(
        f"{name:<14}{depth:>6}{f'{right:.0f}/{count}':>10}{f'{window}/{count}':>11}"
        f"{searches / count:>10.1f}{steps / count:>7.1f}{tokens / count:>9.0f}",
        flush=True,
    )


if __name__ == "__main__":
    sys.exit(main())
