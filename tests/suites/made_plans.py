"""Run plans made by hand: small histories, real architectures, models that are counted."""

from __future__ import annotations

import functools
import threading
from collections.abc import Generator, Mapping, Sequence
from typing import Any

from archgraph import errors
from archgraph.graph import compile as compiling
from archgraph.graph import plan as graphs
from archgraph.llm import base as llm
from archgraph.llm import gateways
from archgraph.messages import Completion, Usage
from archgraph.spec import load
from archgraph.suites import plan, record, results
from archgraph.suites.datasets import base as datasets
from archgraph.suites.datasets import case as cases
from archgraph.suites.running import ledger as ledgers

COLOURS = ("red", "green", "blue", "amber", "violet", "white", "black", "teal")


class Talks(datasets.Dataset):
    """A few people and the colours that they like."""

    split = "generated"


def conversation(number: int, questions: int) -> cases.Conversation:
    name = f"talk{number}"
    items = tuple(
        cases.Item(f"{name}/{k}", f"The box number {k} of shelf {number} is "
                   f"{COLOURS[(k + number) % len(COLOURS)]}.")
        for k in range(max(4, questions))
    )  # fmt: skip
    asked = tuple(
        cases.Case(f"{name}-q{k}", name, items, f"Which colour is box {k} of shelf {number}?",
                   (COLOURS[(k + number) % len(COLOURS)],), (f"{name}/{k}",), category=k % 2)
        for k in range(questions)
    )  # fmt: skip
    return cases.Conversation(name, items, asked)


@functools.cache
def graph(architecture: str, model: str, *overrides: str) -> graphs.Plan:
    return compiling.compile(load.load(architecture, (f"model={model}", *overrides))).plan


def plan_of(
    arms: Mapping[str, str] | None = None,
    *,
    talks: int = 2,
    questions: int = 3,
    seeds: Sequence[int] = (0,),
    architecture: str = "fixed_window",
    scorers: Sequence[plan.ScorerPlan] = (plan.ScorerPlan("contains", "contains"),),
    **more: Any,
) -> plan.RunPlan:
    """A plan with these arms (name -> model) over some talks."""
    named = dict(arms or {"one": "offline/extractive", "two": "offline/extractive"})
    talked = [conversation(number, questions) for number in range(talks)]
    histories, trials = [], []
    for talk in talked:
        for seed in seeds:
            for arm in named:
                history = plan.History(f"h-{arm}-{talk.id}-{seed}", arm, "talks", talk.id, seed)
                histories.append(history)
                trials += [
                    plan.Trial(f"t-{arm}-{case.id}-{seed}", history.id, arm, "talks", case.id,
                               talk.id, str(case.category), seed, 0, 0)
                    for case in talk.cases
                ]  # fmt: skip
    made: dict[str, Any] = {
        "name": "made", "source": {"suite": "made"}, "digest": "d" * 64,
        "arms": tuple(plan.Arm(name, architecture, (), model, graph(architecture, model))
                      for name, model in named.items()),
        "datasets": {"talks": Talks(Talks.Options())},
        "histories": tuple(histories), "trials": tuple(trials),
        "conversations": {("talks", each.id): each for each in talked},
        "scorers": tuple(scorers), "primary": {"talks": scorers[0].name},
        "baseline": next(iter(named)),
        "parts": {each.id: {"arm": f"arm {each.arm}", "case": f"case {each.case}"}
                  for each in trials},
        "inputs": {f"arm {name}": f"the architecture of {name}" for name in named},
        "manifest": {"made": "by hand"},
    }  # fmt: skip
    return plan.RunPlan(**{**made, **more})


class Counted:
    """The offline policy as a paid model: counts its calls, and may fail by a rule.

    `fail(number)` gives an error to raise at that call (from 0), or None.
    """

    def __init__(self, cost: float | None = 0.01, fail: Any = lambda number: None) -> None:
        self.requests: list[llm.Request] = []
        self.opened: list[tuple[str, dict[str, Any]]] = []
        self._cost, self._fail = cost, fail
        self._lock = threading.Lock()
        self._inner = gateways.open_gateway("offline/extractive")

    def open(self, model: str, options: Mapping[str, Any]) -> llm.Gateway:
        self.opened.append((model, dict(options)))
        return self

    def complete(self, request: llm.Request) -> Completion:
        with self._lock:
            number = len(self.requests)
            self.requests.append(request)
        error = self._fail(number)
        if error is not None:
            raise error
        found = self._inner.complete(request)
        usage = Usage(found.usage.prompt_tokens, found.usage.completion_tokens, 0, self._cost)
        return Completion(found.text, found.tool_calls, usage, found.finish_reason, request.model)

    def stream(self, request: llm.Request) -> Generator[llm.Delta, None, Completion]:
        return (yield from llm.completed(self, request))

    @property
    def calls(self) -> int:
        return len(self.requests)


def unreachable(model: str, options: Mapping[str, Any]) -> llm.Gateway:
    """Opens nothing: a replay needs no model."""
    raise errors.GatewayError(f"{model} must not be called")


def table(folder: Any) -> list[Any]:
    """All that a run's rows say, without times."""
    with ledgers.Ledger.open(folder, readonly=True) as ledger:
        found = ledger.results()
    return [
        (*row[:11], dict(row.scores), dict(row.metrics), dict(row.losses)) for row in found.rows
    ]


def rows_of(folder: Any) -> Sequence[results.Row]:
    with ledgers.Ledger.open(folder, readonly=True) as ledger:
        return ledger.results().rows


def outcome(case: cases.Case, reply: str = "red", **more: Any) -> record.Outcome:
    return record.Outcome(case, reply, **{"status": "done", **more})


def slow() -> plan.Faults:
    """Every call takes a little while, so that a run can be ended in the middle."""
    return plan.Faults(latency=0.05)
