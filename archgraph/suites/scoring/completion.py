"""How much of a job was done, and whether in an order that its dependencies allow.

Called by `run`, once for each trial of the `tasks` dataset. Reads `details.steps` of a case, the
texts of the steps, and `details.after`, pairs `[a, b]` of step numbers counted from 0: a comes
after b; `details.results` maps numbers of steps to what they find. Knows no store: it reads the
records of any store whose records look like tasks.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from archgraph.suites import record
from archgraph.suites.datasets import case as cases
from archgraph.suites.scoring import base, text

DONE = "done"


@dataclass(frozen=True, slots=True)
class Seen:
    """For each step its place in the order of doing, None if it was not done; what came of it."""

    places: tuple[int | None, ...]
    results: tuple[str, ...]
    source: str


class TaskCompletion(base.Scorer):
    """The share of a job's steps that are done, each after those that it depends on."""

    sees_failed = True

    class Options(base.Options):
        """Keys of `task_completion`."""

        order: bool = True
        """A step that was done before one that it comes after does not count; false: any order."""
        results: bool = False
        """A step that looks something up counts only if what there is to be found stands in its
        task's result (or in the reply, for an architecture without tasks)."""
        whole: bool = False
        """Score 1 for a whole job and 0 for less, instead of the share."""

    options: Options

    def __init__(self, options: Any) -> None:
        super().__init__(options)
        self.binary = options.whole

    def applies(self, case: cases.Case) -> bool:
        """To cases that have steps."""
        return bool(case.details.get("steps"))

    def score(self, outcome: record.Outcome, ask: base.Ask) -> base.Score | None:
        """0 to 1; None where the case has no steps."""
        if not self.applies(outcome.case):
            return None
        steps = list(map(str, outcome.case.details["steps"]))
        after = [(int(a), int(b)) for a, b in outcome.case.details.get("after", ())]
        seen = in_state(outcome, steps) or in_reply(outcome.reply, steps)
        early = too_early(seen.places, after) if self.options.order else set()
        empty = self._empty(outcome.case, seen) if self.options.results else set()
        done = {n for n, place in enumerate(seen.places) if place is not None}
        good = done - early - empty
        share = len(good) / len(steps)
        details = {
            "source": seen.source,
            "missing": [step for n, step in enumerate(steps) if n not in done],
            "too_early": [steps[n] for n in sorted(early)],
            "without_result": [steps[n] for n in sorted(empty)],
        }
        note = f"{len(good)} of {len(steps)} steps, by the {seen.source}"
        return base.Score(float(share == 1) if self.options.whole else share, note, details)

    def _empty(self, case: cases.Case, seen: Seen) -> set[int]:
        """The steps that were done and did not find what there is to be found."""
        wanted = {int(n): str(found) for n, found in case.details.get("results", {}).items()}
        return {
            n for n, found in wanted.items()
            if seen.places[n] is not None and not text.contains(seen.results[n], [found])
        }  # fmt: skip


def too_early(places: Sequence[int | None], after: Iterable[tuple[int, int]]) -> set[int]:
    """The steps that were done before a step that they come after, or without it."""
    found = set()
    for later, former in after:
        place, needed = places[later], places[former]
        if place is not None and (needed is None or needed > place):
            found.add(later)
    return found


def in_state(outcome: record.Outcome, steps: Sequence[str]) -> Seen | None:
    """What stores of tasks hold of the steps; None where no store holds tasks.

    The order is that in which the tasks were closed. A step is the task whose text holds it, or
    two thirds of it; one task is one step at most, so that a list of one task that holds the whole
    job proves little.
    """
    held = [each for records in outcome.state.values() for each in _tasks(records)]
    if not held:
        return None
    done = [each for each in held if each.get("status") == DONE]
    matched = _matched(steps, [str(each.get("content", "")) for each in done])
    found = [done[matched[n]] if n in matched else None for n in range(len(steps))]
    called = _finished(outcome)
    return Seen(
        tuple(_closed(each, called) if each else None for each in found),
        tuple(str(each.get("fields", {}).get("result", "")) if each else "" for each in found),
        "task list",
    )


def in_reply(reply: str, steps: Sequence[str]) -> Seen:
    """Where a reply tells the steps, by the order in which it does; for arms without tasks."""
    told = f" {text.normalise(reply)} "
    found = [told.find(f" {text.normalise(step)} ") for step in steps]
    places = tuple(place if place >= 0 else None for place in found)
    return Seen(places, (reply,) * len(steps), "reply")


def _closed(task: Mapping[str, Any], called: Sequence[str]) -> int:
    """When a task was closed, as a number that orders; 0 where no call of this trial did it."""
    if isinstance(task.get("finished_seq"), int):
        return int(task["finished_seq"])
    return called.index(task["id"]) + 1 if task["id"] in called else 0


def _tasks(records: Any) -> list[Mapping[str, Any]]:
    if not isinstance(records, list | tuple):
        return []
    states = {"open", "doing", DONE, "failed", "dropped"}
    kept = [each for each in records if isinstance(each, Mapping) and "id" in each]
    return [each for each in kept if each.get("status") in states]


def _finished(outcome: record.Outcome) -> list[str]:
    """The ids that calls of `finish` closed, in order."""
    found = []
    for call in (call for step in outcome.steps for call in step.calls):
        if call.verb == "finish" and call.ok:
            try:
                found.append(str(json.loads(call.arguments)["id"]))
            except (ValueError, KeyError, TypeError):
                continue
    return found


def _matched(steps: Sequence[str], tasks: Sequence[str]) -> dict[int, int]:
    """The task of each step, by number; the nearest texts find each other first."""
    wanted, held = list(map(text.normalise, steps)), list(map(text.normalise, tasks))
    pairs = [
        (abs(len(step) - len(task)), n, m)
        for n, step in enumerate(wanted)
        for m, task in enumerate(held)
        if _same(step, task)
    ]
    found: dict[int, int] = {}
    for _, n, m in sorted(pairs):
        if n not in found and m not in found.values():
            found[n] = m
    return found


def _same(step: str, task: str) -> bool:
    """Whether a task may be a step: it holds it, or most of it, as whole words."""
    enough = len(task.split()) * 3 >= len(step.split()) * 2
    return f" {step} " in f" {task} " or (enough and f" {task} " in f" {step} ")
