"""Which cases of a cell a pilot does, with which seeds, and what they took.

Called by `cells`. The pilot is given. Knows no prices.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from archgraph.suites import plan as plans
from archgraph.suites import record
from archgraph.suites.datasets import case as cases
from archgraph.suites.planning import extrapolating

CASES, CONVERSATIONS = 20, 4
"""The most trials that a pilot does of a cell; histories that it feeds where they hold several
questions."""
PART, LEAST = 0.25, 6
"""It does no more than this part of a cell's trials, or of its histories, but so many in any case.
Chosen so that simulated runs lie inside their intervals (tests/suites/test_estimate.py): where one
case in seven is dear, twelve cases miss all of these in one run of seven."""
TWICE = 4
"""One in so many of them does a case again with other seeds, where the run repeats cases."""


class Pilot(Protocol):
    """Does a few cases to see what they take."""

    def __call__(
        self, arm: plans.Arm, conversation: cases.Conversation, case: cases.Case,
        seeds: tuple[int, int],
    ) -> record.Spent:  # fmt: skip
        """What one question takes, once its history has been fed; seeds of ingest and answer."""

    def ingest(self, arm: plans.Arm, conversation: cases.Conversation, seed: int) -> record.Spent:
        """What feeding a history takes."""


@dataclass(frozen=True, slots=True)
class Seeds:
    """The seeds of a dataset's trials; a judge that is asked again has the answer made again."""

    ingest: tuple[int, ...]
    answer: tuple[int, ...]
    judged: int = 1

    @property
    def trials(self) -> int:
        """How often a case is answered, each time with other seeds."""
        return len(self.ingest) * len(self.answer)

    def of(self, number: int) -> tuple[int, int]:
        """The seeds of a number, of ingest and answer: those of the run in turn."""
        return (self.ingest[number % len(self.ingest)],
                self.answer[number // len(self.ingest) % len(self.answer)])  # fmt: skip


@dataclass(frozen=True, slots=True)
class Tried:
    """What histories and questions took, by conversation, and by case in it; a list by seeds."""

    fed: dict[str, list[record.Spent]] = field(default_factory=dict)
    asked: dict[tuple[str, str], list[record.Spent]] = field(default_factory=dict)

    @property
    def trials(self) -> int:
        """How many trials were done."""
        return sum(map(len, self.asked.values()))


@dataclass(frozen=True, slots=True)
class _Job:
    """A history, and some of its cases."""

    conversation: cases.Conversation
    cases: Sequence[cases.Case]
    number: int


# Public functions


def seeds(plan: plans.RunPlan, label: str) -> Seeds:
    """The seeds of a dataset's trials."""
    mine = [each for each in plan.trials if each.dataset == label and each.arm == plan.arms[0].name]
    ingest, answer, judge = (
        tuple(dict.fromkeys(getattr(each, name) for each in mine)) or (0,)
        for name in ("ingest_seed", "answer_seed", "judge_seed")
    )
    return Seeds(ingest, answer, len(judge))


def tried(arm: plans.Arm, found: Sequence[cases.Conversation], of: Seeds, pilot: Pilot) -> Tried:
    """What a pilot's cases took, spread evenly over sizes of histories and kinds of questions."""
    done, known = Tried(), set()
    for each in _jobs(found, of):
        told = each.conversation
        ingest = of.of(each.number)[0]
        if (told.id, ingest) not in known:
            known.add((told.id, ingest))
            done.fed.setdefault(told.id, []).append(pilot.ingest(arm, told, ingest))
        for case in each.cases:
            spent = pilot(arm, told, case, of.of(each.number))
            done.asked.setdefault((told.id, case.id), []).append(spent)
    return done


def bound(count: int, most: int) -> int:
    """How many of so many trials or histories a pilot does."""
    return min(count, most, max(LEAST, math.ceil(PART * count)))


def pairs(spent: Mapping[object, Sequence[record.Spent]], name: str) -> list[tuple[float, float]]:
    """What was done twice, by a field of what it took."""
    return [(float(getattr(each[0], name)), float(getattr(each[1], name)))
            for each in spent.values() if len(each) > 1]  # fmt: skip


def stratum(case: cases.Case) -> str:
    """The kind of question."""
    return str(case.category)


def _jobs(found: Sequence[cases.Conversation], of: Seeds) -> Iterator[_Job]:
    ordered = sorted(found, key=lambda each: (len(each.items), stratum(each.cases[0]), each.id))
    several = max(len(each.cases) for each in found) > 1
    wanted = bound(sum(len(each.cases) for each in found) * of.trials, CASES)
    twice = wanted // TWICE if of.trials > 1 else 0
    wanted -= twice
    places = extrapolating.spaced(
        len(ordered), bound(len(ordered), CONVERSATIONS) if several else wanted
    )
    again = set(extrapolating.spaced(len(places), twice)) if twice else set()
    for number, place in enumerate(places):
        listed = sorted(ordered[place].cases, key=lambda case: (stratum(case), case.id))
        chosen = extrapolating.spaced(len(listed), max(1, wanted // len(places)))
        kept = [listed[at] for at in chosen]
        yield _Job(ordered[place], kept, number)
        if number in again:
            yield _Job(ordered[place], kept[: math.ceil(twice / len(again))], number + 1)
