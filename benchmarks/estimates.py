"""Does a plan's interval hold what the run takes? Every suite is planned, then run, then compared.

    python -m benchmarks.estimates [--locomo PATH] [--workers 2] [NAME ...]

A suite counts where the tokens of the whole run, histories included, lie in the interval that
`archgraph run --dry-run` tells. All of it is done by the offline policy, without a key.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from archgraph import clock, comparisons
from archgraph.suites.running import coordinator

ARMS = ["memgpt", "text_rag", "fixed_window", "full_context", "no_memory"]
CHATS = {"persona_chat": {"chats": 6, "sessions": 6, "questions_per_chat": 6}}
OTHER = {"persona_chat": {**CHATS["persona_chat"], "seed": 7}}
PAIRS = {"nested_kv": {"depths": [0, 1, 2, 3], "orderings": 5, "pairs": 60}}
FEW = {"nested_kv": {"depths": [0, 1], "orderings": 2, "pairs": 40}}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="only these; all if none is given")
    parser.add_argument("--locomo", metavar="PATH", help="locomo10.json or a part of it")
    parser.add_argument("--workers", type=int, default=2)
    chosen = parser.parse_args()
    inside, count = 0, 0
    print("| suite | trials | in advance | tokens: low | run | high | high / low | inside "
          "| plan s | run s |")  # fmt: skip
    print("|---|---|---|---|---|---|---|---|---|---|", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        for name, more in suites(Path(folder), chosen.locomo):
            if chosen.names and name not in chosen.names:
                continue
            good = compared(name, more, Path(folder), chosen.workers)
            inside, count = inside + good, count + 1
    print(f"\n{inside} of {count} runs lie inside their interval ({inside / max(1, count):.0%})")


def suites(folder: Path, locomo: str | None) -> Iterator[tuple[str, dict[str, Any]]]:
    """Suites by name, as keys of a suite file."""
    yield "demo", {}
    yield "persona_chat", {"datasets": [CHATS]}
    yield "persona_chat, other chats", {"datasets": [OTHER]}
    yield "persona_chat, faults 0.2", {"datasets": [CHATS], "faults": {"rate": 0.2}}
    for rate, repeats, data in ((0.3, 3, CHATS), (0.4, 2, CHATS), (0.3, 2, PAIRS), (0.3, 1, FEW),
                                (0.2, 4, PAIRS), (0.6, 2, CHATS)):  # fmt: skip
        name = f"{next(iter(data))}, faults {rate}, repeats {repeats}"
        yield (f"{name}, {'few cases' if data is FEW else ''}".rstrip(", "),
               {"datasets": [data], "faults": {"rate": rate}, "repeats": repeats})  # fmt: skip
    yield "nested_kv, few cases", {"datasets": [FEW]}
    yield "nested_kv, answer seeds 3", {"datasets": [PAIRS], "seeds": {"answer": 3}}
    yield "fact_updates", {"datasets": ["fact_updates"]}
    yield "tasks", {"datasets": ["tasks"], "architectures": ["memgpt", "react"]}
    small = {**CHATS["persona_chat"], "chats": 2, "sessions": 3}
    talk = {"datasets": [{"persona_chat": small}], "mode": "converse"}
    yield "persona_chat, converse", talk
    yield "persona_chat, converse, faults 0.3, repeats 2", {
        **talk, "faults": {"rate": 0.3}, "repeats": 2,
    }  # fmt: skip
    yield "jsonl", {"datasets": [{"jsonl": {"path": str(rows(folder))}}]}
    yield "persona_chat, budget", {"datasets": [CHATS], "budget": {"tokens_per_case": 6000}}
    if locomo:
        part = {"path": locomo, "conversations": 1, "questions": 20}
        yield "locomo", {"datasets": [{"locomo": part}]}


def rows(folder: Path) -> Path:
    """A file of one's own: short chats of different lengths."""
    path = folder / "mine.jsonl"
    dice = clock.derive_random(5, 0, 0)
    lines = []
    for number in range(24):
        town = f"Town{dice.randrange(1000)}"
        talk = [f"Line {n}: {' '.join(['words'] * dice.randrange(5, 60))}."
                for n in range(dice.randrange(5, 80))]  # fmt: skip
        talk.insert(dice.randrange(len(talk)), f"By the way, I was born in {town}.")
        lines.append(json.dumps({
            "id": f"chat{number}", "question": "Where was I born?", "answers": [town],
            "history": [{"role": "user", "text": text} for text in talk],
        }))  # fmt: skip
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def compared(name: str, more: dict[str, Any], folder: Path, workers: int) -> bool:
    """Plan a suite, run it, print both; whether the run lies inside."""
    if more:
        more = {"suite": "estimates", "architectures": ARMS, **more}
    plan = comparisons.planned(comparisons.Asked(() if more else ("demo",), more=more))
    started = clock.elapsed()
    found = comparisons.estimated(plan, pilot=True)
    planned = clock.elapsed() - started
    place = Path(tempfile.mkdtemp(dir=folder))
    comparisons.run(plan, place, coordinator.Options(workers=workers))
    taken = clock.elapsed() - started - planned
    true = spent(place)
    good = found.tokens.low <= true <= found.tokens.high
    print(f"| {name} | {len(plan.trials):,} | {found.measured:,} | {found.tokens.low:,.0f} "
          f"| {true:,.0f} | {found.tokens.high:,.0f} "
          f"| {found.tokens.high / max(1, found.tokens.low):.2f} | {'✓' if good else '✗'} "
          f"| {planned:.0f} | {taken:.0f} |", flush=True)  # fmt: skip
    return good


def spent(folder: Path) -> float:
    """The tokens of a run: of every trial, and of every history once."""
    results, _ = comparisons.read(folder)
    names = ("prompt_tokens", "completion_tokens")
    asked = sum(row.metrics.get(name, 0) for row in results.rows for name in names)
    return asked + sum(each.spent.get(name, 0) for each in results.ingests for name in names)


if __name__ == "__main__":
    main()
