"""LoCoMo through the real heartbeat loop, with the offline policy.

    python benchmarks/locomo.py PATH [--conversations N] [--architectures memgpt text_rag ...]

Each conversation is fed once per architecture on the virtual clock; each question is asked in a
fork. The model is a deterministic policy, not a language model: the figures show what an
architecture lets reach the context window, not a model's wit.
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from collections.abc import Sequence

import archgraph
from archgraph import clock
from archgraph.suites.datasets import locomo
from archgraph.suites.running import losses, trial
from archgraph.suites.scoring import text as scorers

ARMS = ("memgpt", "text_rag", "fixed_window", "no_memory")
CONVERSING = {"memgpt"}
"""Arms whose threads run on every message while the history is fed; the others only log it."""


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("path", help="locomo10.json or a part of it")
    parser.add_argument("--architectures", nargs="+", default=list(ARMS))
    parser.add_argument("--conversations", type=int, default=0, help="only the first N")
    parser.add_argument("--questions", type=int, default=0, help="only the first N of each")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    chosen = parser.parse_args(arguments)
    data = locomo.load(chosen.path)
    conversations = data.conversations[: chosen.conversations or None]
    count = sum(len(c.cases[: chosen.questions or None]) for c in conversations)
    print(f"LoCoMo, {len(conversations)} conversations, {count} questions, sha256 {data.sha256}")
    print("model offline/extractive: a policy, not a language model; categories are LoCoMo's\n")
    print("| architecture | gold reached window | all gold | F1 1 | F1 2 | F1 3 | F1 4 | F1 5 "
          "| F1 all | steps | tokens | failed | ingest s | ask s |")  # fmt: skip
    print("|---|---|---|---|---|---|---|---|---|---|---|---|---|---|", flush=True)
    for name in chosen.architectures:
        _run(name, conversations, chosen.questions, chosen.set)
    return 0


def _run(name: str, conversations: Sequence, questions: int, overrides: Sequence[str]) -> None:
    plan = archgraph.compile(name, overrides if name in CONVERSING else ())
    answers, ingest_s, ask_s = [], 0.0, 0.0
    for conversation in conversations:
        started = clock.elapsed()
        conditions = trial.simple(plan, "converse" if name in CONVERSING else "observe")
        with trial.ingest(conditions, conversation, 0) as ingested:
            ingest_s += clock.elapsed() - started
            started = clock.elapsed()
            for case in conversation.cases[: questions or None]:
                answers.append(trial.ask(conditions, ingested, case, 0))
            ask_s += clock.elapsed() - started
    scores = defaultdict(list)
    for answer in answers:
        category = int(answer.case.category)
        scores[category].append(scorers.locomo(answer.reply, answer.case.answers, category))
    counts = [losses.reached(answer) for answer in answers if answer.gold]
    with_gold = [verbatim / gold for gold, verbatim, _ in counts]
    cells = [
        name,
        f"{100 * sum(r > 0 for r in with_gold) / len(with_gold):.1f}",
        f"{100 * sum(r == 1 for r in with_gold) / len(with_gold):.1f}",
        *(f"{100 * _mean(scores[category]):.1f}" for category in (1, 2, 3, 4, 5)),
        f"{100 * _mean([s for found in scores.values() for s in found]):.1f}",
        f"{_mean([sum(s.kind == 'step' for s in a.steps) for a in answers]):.1f}",
        f"{_mean([a.spent.prompt_tokens + a.spent.completion_tokens for a in answers]):.0f}",
        str(sum(a.status != "done" for a in answers)),
        f"{ingest_s:.0f}",
        f"{ask_s:.0f}",
    ]
    print("| " + " | ".join(cells) + " |", flush=True)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0


if __name__ == "__main__":
    sys.exit(main())
