"""MemGPT's nested key-value task through the real heartbeat loop, with the offline policy.

    python benchmarks/nested_kv.py                      the generated task, as shipped
    python benchmarks/nested_kv.py --published FOLDER   the paper's kv-140.json, orderings-N.jsonl

Arms: memgpt, memgpt with the heartbeat off, memgpt with every tool renamed, fixed_window; and the
task with words or dates for keys. The model is a policy, not a language model.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import archgraph
from archgraph.graph import plan as plans
from archgraph.suites.datasets import case as cases
from archgraph.suites.datasets import nested_kv
from archgraph.suites.running import trial
from archgraph.suites.scoring import text as scorers

RENAMED = Path(__file__).parent / "renamed.yaml"
HEARTBEAT_OFF = "threads.main.heartbeat=never"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--published", type=Path, help="folder of the paper's files")
    parser.add_argument("--orderings", type=int, default=30)
    chosen = parser.parse_args(arguments)
    arms = {
        "memgpt": archgraph.compile("memgpt"),
        "memgpt, heartbeat off": archgraph.compile("memgpt", [HEARTBEAT_OFF]),
        "memgpt, tools renamed": archgraph.compile(RENAMED),
        "fixed_window": archgraph.compile("fixed_window"),
    }
    print("| arm | keys | depth | correct | searches | steps | tokens |\n" + "|---" * 7 + "|")
    for keys in nested_kv.KINDS:
        for name, plan in arms.items():
            for depth in range(4):
                found = _cases(chosen, keys, depth)
                _row(name, keys, depth, plan, found)
    return 0


def _cases(chosen: argparse.Namespace, keys: str, depth: int) -> list[cases.Case]:
    if chosen.published and keys == "uuid":
        folder: Path = chosen.published
        file = folder / f"orderings-{depth + 1}.jsonl"
        return list(nested_kv.from_files(folder / "kv-140.json", file))[: chosen.orderings]
    return list(nested_kv.NestedKV(depths=[depth], orderings=chosen.orderings, keys=keys).cases())


def _row(name: str, keys: str, depth: int, plan: plans.Plan, found: Iterable[cases.Case]) -> None:
    answers, conditions = [], trial.simple(plan)
    for case in found:
        talked = cases.Conversation(case.id, case.history, (case,))
        with trial.ingest(conditions, talked, 0) as ingested:
            answers.append(trial.ask(conditions, ingested, case, 0))
    count = len(answers)
    right = sum(scorers.contains(a.reply, a.case.answers) for a in answers)
    searches = sum(len(a.searches) for a in answers)
    steps = sum(s.kind == "step" for a in answers for s in a.steps)
    tokens = sum(a.spent.prompt_tokens + a.spent.completion_tokens for a in answers)
    print(f"| {name} | {keys} | {depth} | {right:.0f}/{count} | {searches / count:.1f} "
          f"| {steps / count:.1f} | {tokens / count:.0f} |", flush=True)  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
