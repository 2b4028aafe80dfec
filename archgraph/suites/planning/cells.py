"""What one cell of a run may take: measured on a few cases and extrapolated, or bounded.

Called by `estimate`. The pilot that does the cases is given. Knows no prices.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from archgraph.graph import plan as graphs
from archgraph.llm import embedders
from archgraph.suites import plan as plans
from archgraph.suites import record
from archgraph.suites.datasets import case as cases
from archgraph.suites.planning import confounds, extrapolating, trying, work
from archgraph.suites.planning.extrapolating import NOTHING, Range, Unit

UNPAID = ("offline", "scripted", "replay")
"""Gateways that cost nothing."""

STAND_IN = 3.0
"""By how much an interval is widened on both sides where the offline policy stood in for a model:
a model takes other numbers of steps, and writes longer answers. A guess, and wide on purpose."""

_JUDGED = Range(600, 250, 2000)
"""Tokens of one question to a judge: instructions, question, answers and reply."""


@dataclass(frozen=True, slots=True)
class Share:
    """What one cell may take.

    `measured` counts the trials of the pilot; `whole`: these are all, with the models and seeds of
    the run, and nothing goes wrong by chance.
    """

    arm: str
    dataset: str
    calls: Range
    prompt: Range
    completion: Range
    measured: int = 0
    whole: bool = False

    @property
    def tokens(self) -> Range:
        """Prompts and answers together."""
        return self.prompt + self.completion


# Public functions


def share(plan: plans.RunPlan, arm: plans.Arm, label: str, pilot: trying.Pilot | None) -> Share:
    """What an arm may take on a dataset, over all its seeds."""
    found = plan.fed(arm.name, label)
    seeds = trying.seeds(plan, label)
    times = len(seeds.ingest), len(seeds.answer) * seeds.judged
    proven = _bounded(arm, label, found, work.mode_of(plan.datasets[label]), times)
    if pilot is None:
        return proven
    done = trying.tried(arm, found, seeds, pilot)
    factor = STAND_IN if stands_in(arm.plan) else 1.0
    rate = plan.faults.rate if plan.faults.kinds else 0.0
    if rate or _is_cut(plan.limits):  # a call that is refused or fails takes nothing
        proven = dataclasses.replace(proven, calls=_from_none(proven.calls),
                                     prompt=_from_none(proven.prompt))  # fmt: skip

    vectors = embedders.is_paid(plan.embedder or arm.plan.embedder)  # others stand in for these
    seen = _Seen(rate, drawn=rate > 0 or vectors)

    def over_all(name: str) -> Range:
        asked = _Repeated(_units(found, done.asked, name), seeds.trials, done.asked, seen)
        fed = _Repeated(_histories(found, done.fed, name), len(seeds.ingest), done.fed, seen)
        return (asked.total(name).times(seeds.judged) + fed.total(name)).widened(factor)

    calls = over_all("calls").clipped(proven.calls)
    prompt = over_all("prompt_tokens").clipped(proven.prompt)
    completion = over_all("completion_tokens").clipped(proven.completion)
    count = sum(len(each.cases) for each in found)
    whole = done.trials == count * seeds.trials * seeds.judged and not rate and factor == 1
    return Share(arm.name, label, calls, prompt, completion, done.trials, whole)


def _is_cut(limits: plans.Limits) -> bool:
    return bool(limits.tokens_per_case or limits.ingest_tokens)


def _from_none(range: Range) -> Range:
    return Range(range.value, 0.0, range.high)


@dataclass(frozen=True, slots=True)
class _Seen:
    """The share of calls that go wrong; whether anything is drawn that the pilot cannot see."""

    rate: float
    drawn: bool


@dataclass(frozen=True, slots=True)
class _Repeated:
    """Questions or histories, how often each is done, and what was seen of that."""

    units: Sequence[Unit]
    times: int
    spent: Mapping[Any, Sequence[record.Spent]]
    seen: _Seen

    def total(self, name: str) -> Range:
        """What all of them take."""
        calls = [each.calls for several in self.spent.values() for each in several]
        noise = extrapolating.Noise(
            trying.pairs(self.spent, name), self.seen.rate, sum(calls) / max(1, len(calls))
        )
        return extrapolating.repeated(self.units, self.times, noise, drawn=self.seen.drawn)


def bounds(arm: plans.Arm, conversation: cases.Conversation, mode: str) -> tuple[Range, Range]:
    """The model calls that feeding a history, and then one question, can take at all.

    What is only observed wakes no thread that waits for the user, for a timer or for the pressure
    of its own window.
    """
    threads = arm.plan.threads.values()
    foreground = confounds.answering(arm.plan)
    least = 1 if foreground is not None and not foreground.pipeline else 0
    asked = Range(least, least, sum(map(_most_calls, threads)))
    count = len(conversation.items)
    if mode != "observe":
        return Range(count, 0, asked.high * count), asked
    woken = sum(_most_calls(thread) for thread in threads if _hears_writes(thread))
    return Range(0, 0, woken * count), asked


def _hears_writes(thread: graphs.ThreadPlan) -> bool:
    """Whether something that is only written down can make a thread due."""
    return any(
        trigger.kind in ("event", "every", "crosses") and trigger.mode != "note"
        and trigger.event.partition(".")[2] not in ("pressure", "opened")
        for trigger in thread.triggers
    )  # fmt: skip


def _units(
    found: Sequence[cases.Conversation],
    asked: Mapping[tuple[str, str], Sequence[record.Spent]], field: str,
) -> list[Unit]:  # fmt: skip
    sizes = _sizes(found)
    return [
        Unit(size, trying.stratum(case), _of(asked.get((each.id, case.id)), field))
        for each, size in zip(found, sizes, strict=True) for case in each.cases
    ]  # fmt: skip


def _histories(
    found: Sequence[cases.Conversation], fed: Mapping[str, Sequence[record.Spent]], field: str
) -> list[Unit]:
    sizes = _sizes(found)
    return [Unit(size, "", _of(fed.get(each.id), field))
            for each, size in zip(found, sizes, strict=True)]  # fmt: skip


def _of(spent: Sequence[record.Spent] | None, field: str) -> float | None:
    return sum(float(getattr(each, field)) for each in spent) / len(spent) if spent else None


def _sizes(found: Sequence[cases.Conversation]) -> list[int]:
    """History sizes in tokens, counted as characters over four: a line needs no more."""
    return [sum(len(item.text) for item in each.items) // 4 for each in found]


def _bounded(
    arm: plans.Arm, label: str, found: Sequence[cases.Conversation], mode: str,
    seeds: tuple[int, int],
) -> Share:  # fmt: skip
    """What a plan proves on its own: calls times what a window can hold."""
    calls = NOTHING
    for each in found:
        fed, asked = bounds(arm, each, mode)
        calls += fed.times(seeds[0]) + asked.times(seeds[0] * seeds[1] * len(each.cases))
    window = max(each.context_window for each in arm.plan.threads.values())
    reply = max(each.max_tokens for each in arm.plan.threads.values())
    least = confounds.prompt_tokens(arm.plan)
    prompt = Range(calls.value * max(least, window // 2), calls.low * least, calls.high * window)
    completion = Range(calls.value * reply / 4, 0, calls.high * reply)
    return Share(arm.name, label, calls, prompt, completion)


def _most_calls(thread: graphs.ThreadPlan) -> int:
    """The most requests that one run of a thread makes; one more for an eviction before each."""
    if thread.pipeline:
        return len(thread.steps) * (thread.max_failures + 1)
    beat = thread.heartbeat
    return 2 * (beat.max_steps if beat.when or beat.while_open else 1)


def judge(plan: plans.RunPlan) -> Share | None:
    """The questions to the judge, over all cells."""
    asking = [name for name in plan.parts.get(plan.trials[0].id, {}) if name == "judge"] \
        if plan.trials else []  # fmt: skip
    count = sum("judge" in plan.parts.get(each.id, {}) for each in plan.trials)
    if not count and not asking:
        return None
    return Share("judge", "", Range(count, count, count), _JUDGED.times(count),
                 Range(60 * count, 5 * count, 300 * count))  # fmt: skip


def models(made: graphs.Plan) -> set[str]:
    """The models of an architecture's threads."""
    return {thread.model for thread in made.threads.values()}


def stands_in(made: graphs.Plan) -> bool:
    """Whether a pilot, which asks the offline policy alone, puts it in the place of a model."""
    return any(not model.startswith("offline/") for model in models(made))


def is_paid(model: str) -> bool:
    """Whether a model may cost money."""
    return model.partition("/")[0] not in UNPAID
