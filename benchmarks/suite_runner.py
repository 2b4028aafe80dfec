"""What a suite's runner costs: throughput, waiting models, fork per question, overhead, reading.

    .venv/bin/python benchmarks/suite_runner.py [--only NAME] [--quick]

Prints one line a measurement, with the goal beside it. Load of the machine is printed, too: the
goals are for two free cores.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import tempfile
import time
from pathlib import Path
from typing import Any

from archgraph.graph import compile as compiling
from archgraph.spec import load
from archgraph.suites import plan, record
from archgraph.suites.datasets import case as cases
from archgraph.suites.datasets import nested_kv
from archgraph.suites.running import committing, coordinator, ledger, trial
from archgraph.suites.scoring import base as scoring


def plan_of(arms: tuple[str, ...], talks: list[cases.Conversation], **more: Any) -> plan.RunPlan:
    """A plan with these architectures over some conversations."""
    graphs = {name: compiling.compile(load.load(name)).plan for name in arms}
    histories = [plan.History(f"h/{arm}/{talk.id}", arm, "talks", talk.id, 0)
                 for talk in talks for arm in arms]  # fmt: skip
    by_id = {talk.id: talk for talk in talks}
    trials = [
        plan.Trial(f"t/{each.arm}/{case.id}", each.id, each.arm, "talks", case.id, case.cluster,
                   str(case.category), 0, 0, 0)
        for each in histories for case in by_id[each.conversation].cases
    ]  # fmt: skip
    made: dict[str, Any] = {
        "name": "bench", "source": {}, "digest": "", "histories": tuple(histories),
        "trials": tuple(trials), "baseline": arms[0], "primary": {"talks": "contains"},
        "arms": tuple(plan.Arm(name, name, (), "", graphs[name]) for name in arms),
        "datasets": {"talks": nested_kv.NestedKVDataset(nested_kv.NestedKVDataset.Options())},
        "conversations": {("talks", talk.id): talk for talk in talks},
        "scorers": (plan.ScorerPlan("contains", "contains"),),
    }  # fmt: skip
    return plan.RunPlan(**{**made, **more})


def nested(questions: int) -> list[cases.Conversation]:
    """Single-question histories of the nested key-value task, at depths 0 to 3."""
    task = nested_kv.NestedKV(depths=range(4), orderings=-(-questions // 4), keys="uuid")
    return [cases.Conversation(each.id, each.history, (each,)) for each in task.cases()][:questions]


def chat(questions: int, items: int) -> cases.Conversation:
    """A long conversation with many questions."""
    said = tuple(
        cases.Item(f"i{k}", f"On day {k} Ann put item number {k} into drawer {k * 7 % items}.",
                   name="Ann", at=1_600_000_000.0 + 3600 * k)
        for k in range(items)
    )  # fmt: skip
    asked = tuple(
        cases.Case(f"q{k}", "c", said, f"Into which drawer did Ann put item number {k}?",
                   (f"drawer {k * 7 % items}",), (f"i{k}",))
        for k in range(questions)
    )  # fmt: skip
    return cases.Conversation("c", said, asked)


def run(made: plan.RunPlan, folder: Path, workers: int) -> float:
    began = time.perf_counter()
    end = coordinator.run(made, folder, coordinator.Options(workers=workers))
    assert end.state == "complete" and not end.broken, end
    return time.perf_counter() - began


def busy() -> float:
    """CPU seconds of this process and of all children that have ended."""
    return sum(os.times()[:4])


def throughput(folder: Path, quick: bool) -> str:
    count, before = 60 if quick else 200, busy()
    seconds = run(plan_of(("memgpt",), nested(count)), folder, 2)
    cpu = busy() - before
    return (f"{60 * count / seconds:.0f} trials a minute, memgpt on nested_kv, 2 workers (>= 300); "
            f"{1000 * cpu / count:.0f} ms CPU a trial, start-up included: two free cores would do "
            f"{120 * count / cpu:.0f}")  # fmt: skip


def waiting(folder: Path, quick: bool) -> str:
    count = 64 if quick else 192
    made = plan_of(("memgpt",), nested(count), faults=plan.Faults(latency=0.5))
    before = busy()
    seconds = run(made, folder, 16)
    cpu = busy() - before
    with ledger.Ledger.open(folder, readonly=True) as kept:
        found = kept.results()
        calls = sum(row.metrics["calls"] for row in found.rows)
        calls += sum(each.spent["calls"] for each in found.ingests)
    ideal = 0.5 * calls / 16
    return (f"{ideal / seconds:.0%} of ideal, 16 workers, {calls:.0f} calls of 0.5 s: "
            f"{seconds:.1f} s for {ideal:.1f} s (>= 80 %), {cpu:.1f} s CPU")  # fmt: skip


def forking(folder: Path, quick: bool) -> str:
    questions = 60 if quick else 200
    talk = chat(questions, 300 if quick else 600)
    made = plan_of(("memgpt",), [talk])
    conditions = trial.simple(made.arms[0].plan)
    began = time.process_time()
    with trial.ingest(conditions, talk, 0) as agent:
        ingest = time.process_time() - began
        outcomes = [trial.ask(conditions, agent, each, 0) for each in talk.cases]
        alone = time.process_time() - began
    own = ingest + sum(sum(each.times.values()) for each in outcomes) / 1000
    began = time.process_time()
    end = coordinator.run(made, folder, coordinator.Options(workers=0))
    whole = time.process_time() - began
    assert end.state == "complete"
    return (f"{whole / own:.2f} times ingest ({ingest:.1f} s) and the questions' own steps, "
            f"{questions} questions: {whole:.1f} s, without the runner {alone:.1f} s "
            "(<= 1.15)")  # fmt: skip


def overhead(folder: Path, quick: bool) -> str:
    """CPU of the runner alone: a trial's cost in a run less its cost without one."""
    count = 60 if quick else 200
    talks = [dataclasses.replace(chat(1, 3), id=f"c{k}", cases=(
        dataclasses.replace(chat(1, 3).cases[0], id=f"c{k}"),)) for k in range(count)]  # fmt: skip
    made = plan_of(("fixed_window",), talks)
    conditions = trial.simple(made.arms[0].plan)
    for _ in range(2):
        began, steps = time.process_time(), 0
        for talk in talks:
            with trial.ingest(conditions, talk, 0) as agent:
                steps += len(trial.ask(conditions, agent, talk.cases[0], 0).steps)
        alone = time.process_time() - began
    began = time.process_time()
    coordinator.run(made, folder, coordinator.Options(workers=0))
    whole = time.process_time() - began
    return (f"{1000 * (whole - alone) / steps:.2f} ms CPU a turn for the runner, ledger included "
            f"(<= 2)")  # fmt: skip


def again(folder: Path, quick: bool) -> str:
    made = plan_of(("no_memory",), nested(100 if quick else 1000))
    fill(made, folder)
    times = []
    for _ in range(5):
        began = time.perf_counter()
        assert coordinator.run(made, folder).executed == 0
        times.append(time.perf_counter() - began)
    return f"{min(times):.3f} s to see that {len(made.trials)} trials are done (<= 0.2)"


def reading(folder: Path, quick: bool) -> str:
    talks = [chat(1000, 10)] if quick else [
        dataclasses.replace(chat(1000, 10), id=f"c{k}", cases=tuple(
            dataclasses.replace(each, id=f"{k}-{each.id}") for each in chat(1000, 10).cases
        )) for k in range(50)
    ]  # fmt: skip
    made = plan_of(("no_memory", "fixed_window", "full_context", "text_rag"), talks)
    fill(made, folder)
    times, spent = [], []
    for _ in range(5):
        began, cpu = time.perf_counter(), time.process_time()
        with ledger.Ledger.open(folder, readonly=True) as kept:
            found = len(kept.results().rows)
        times.append(time.perf_counter() - began)
        spent.append(time.process_time() - cpu)
    return f"{min(times):.2f} s ({min(spent):.2f} s CPU) to read {found} rows (<= 1)"


def fill(made: plan.RunPlan, folder: Path) -> None:
    """Commit every trial with an outcome made by hand."""
    spent = record.Spent(9, 1, 0, 1)
    done = record.Outcome(
        cases.Case("", "", (), "", ()), "x", "done", spent=spent,
        by_thread={"main": spent, "aside": spent}, by_store={"core": 5, "recall": 3, "archival": 0},
    )  # fmt: skip
    found = committing.commit(done, {"contains": scoring.Score(1.0)})
    with ledger.Ledger.open(folder) as kept:
        kept.begin(made)
        kept._db.execute("PRAGMA synchronous = OFF")
        for each in made.trials:
            kept.commit(each.id, found)


MEASURED = {
    "throughput": throughput, "waiting": waiting, "forking": forking, "overhead": overhead,
    "again": again, "reading": reading,
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=list(MEASURED), action="append")
    parser.add_argument("--quick", action="store_true", help="smaller sizes")
    chosen = parser.parse_args()
    for name in chosen.only or MEASURED:
        with tempfile.TemporaryDirectory() as folder:
            load_before = os.getloadavg()[0]
            said = MEASURED[name](Path(folder), chosen.quick)
            print(f"{name:<11} {said}   [load {load_before:.1f}]", flush=True)


if __name__ == "__main__":
    main()
