"""Jobs of many steps with dependencies, after a history that some of the steps need.

Called by the planner. Knows no agent and no list of tasks.

The question is the job order: numbered steps, and a line that says which come after which. In
`details`, `steps` are their texts, `after` pairs [a, b] of their numbers from 0: a comes after b,
and `results` what a look-up finds, by number. The step that is to be done last is a look-up; its
result is the answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import pydantic

from archgraph import clock
from archgraph.suites.datasets import base, case, vocabulary

START = 1_704_099_600.0
"""When the history begins (2024-01-01 09:00), seconds since 1970."""

_Fact = tuple[str, str, str]
"""What is said, the step that looks it up, and what that finds."""

_HOUR = 3_600.0
_FACTS = (
    ("moved to", vocabulary.CITIES, "{who} moved to {what}", "Look up where {who} moved to"),
    ("keeps", vocabulary.PETS, "{who}'s pet is a {what}", "Look up what {who}'s pet is"),
    ("plays", vocabulary.INSTRUMENTS, "{who}'s instrument is the {what}",
     "Look up what {who}'s instrument is"),
    ("drinks", vocabulary.DRINKS, "{who}'s favourite drink is {what}",
     "Look up what {who}'s favourite drink is"),
)  # fmt: skip
_ERRANDS = (
    "Water {who}'s plant", "Order lunch for {who}", "Book a room for {who}",
    "Pack the bag of {who}",
    "Print the letter to {who}", "Call the office of {who}", "Return the book of {who}",
    "Clean the desk of {who}", "Send the parcel to {who}", "Check the mail of {who}",
    "Repair the lamp of {who}", "Buy a card for {who}",
)  # fmt: skip
_ORDERS = (
    "Please do these steps one by one:", "Here is a job for you. Please do all of its steps:",
    "Please work through this list of tasks:",
)  # fmt: skip


@dataclass(slots=True)
class _Job:
    steps: list[str] = field(default_factory=list)
    after: list[tuple[int, int]] = field(default_factory=list)
    results: dict[int, str] = field(default_factory=dict)
    evidence: list[str] = field(default_factory=list)
    last: int = 0

    def add(self, step: str, *after: int) -> int:
        self.after += [(len(self.steps), each) for each in after]
        self.steps.append(step)
        self.last = len(self.steps) - 1
        return self.last

    def shuffled(self, dice: clock.Dice) -> _Job:
        """The same job, listed so that a step stands before one that it comes after."""
        count = len(self.steps)
        while True:
            order = dice.sample(range(count), count)
            place = {old: new for new, old in enumerate(order)}
            if any(place[a] < place[b] for a, b in self.after):
                break
        return _Job(
            [self.steps[old] for old in order],
            sorted((place[a], place[b]) for a, b in self.after),
            {place[old]: found for old, found in sorted(self.results.items())},
            self.evidence,
            place[self.last],
        )


class Tasks(base.Dataset):
    """Jobs of many steps with dependencies, set after a history that some steps need."""

    split = "generated"
    category_name = "steps"
    ordered_categories = True
    scorers: ClassVar[tuple[str, ...]] = ("task_completion", "contains", "evidence_recall")
    licence = "Apache-2.0"

    class Options(base.Options):
        """Keys of `tasks`."""

        steps: list[int] = pydantic.Field([6, 12, 24], min_length=1)
        """Steps of a job; each length is drawn `jobs` times."""
        jobs: int = pydantic.Field(4, ge=1)
        """Jobs of each length, each with a history of its own."""
        facts: int = pydantic.Field(12, ge=1, le=100)
        """Facts in the history; look-ups ask for some of them."""
        shuffled: bool = False
        """List the steps in an order that must not be followed as it stands."""
        seed: int = 0
        """Equal seeds give equal jobs."""

        @pydantic.field_validator("steps")
        @classmethod
        def _enough(cls, told: list[int]) -> list[int]:
            if min(told) < 3 or max(told) > 100:
                raise ValueError("a job has 3 to 100 steps")
            return told

    options: Options

    def conversations(self) -> Iterator[case.Conversation]:
        """The jobs by length; each is a history of its own."""
        chosen = self.options
        for steps in chosen.steps:
            for number in range(chosen.jobs):
                dice = clock.derive_random(chosen.seed, steps, number)
                yield self._job(f"job-{steps:03}-{number}", steps, dice)

    def _job(self, name: str, steps: int, dice: clock.Dice) -> case.Conversation:
        told = _facts(dice, self.options.facts + steps)
        before, fresh = told[: self.options.facts], told[self.options.facts :]
        items = tuple(
            case.Item(f"fact-{number}", f"{fact[0]}.", at=START + number * _HOUR)
            for number, fact in enumerate(before)
        )
        job = _drawn(dice, steps, before, fresh)
        job = job.shuffled(dice) if self.options.shuffled else job
        one = case.Case(
            id=name,
            cluster=name,
            history=items,
            question=_order(dice.choice(_ORDERS), job),
            answers=(job.results[job.last],),
            evidence=tuple(job.evidence),
            category=steps,
            asked_at=START + (len(items) + 1) * _HOUR,
            details={
                "steps": job.steps,
                "after": [list(pair) for pair in job.after],
                "results": {str(number): found for number, found in job.results.items()},
            },
        )
        return case.Conversation(name, items, (one,))


def _facts(dice: clock.Dice, count: int) -> list[_Fact]:
    """Statements, each with its look-up and the result; none twice."""
    pairs = [(who, n) for who in vocabulary.NAMES for n in range(len(_FACTS))]
    found = []
    for who, number in dice.sample(pairs, count):
        _, values, says, ask = _FACTS[number]
        what = dice.choice(values)
        found.append((says.format(who=who, what=what), ask.format(who=who), what))
    return found


def _drawn(
    dice: clock.Dice,
    steps: int,
    before: Sequence[_Fact],
    fresh: Sequence[_Fact],
) -> _Job:
    """A job whose steps stand in an order that may be followed."""
    job, new, open_ends = _Job(), list(fresh), list[tuple[int, _Fact]]()
    known = dice.sample(range(len(before)), len(before))
    while len(job.steps) < steps - 1:
        kind = dice.choice(("remember", "errand", "errand", "look up", "look up"))
        if kind == "remember" and len(job.steps) < steps - 2:
            fact = new.pop()
            open_ends.append((job.add(f"Remember that {fact[0]}"), fact))
        elif kind == "errand":
            waits = [dice.randrange(len(job.steps))] if job.steps and dice.random() < 0.6 else []
            errand = dice.choice(_ERRANDS).format(who=dice.choice(vocabulary.NAMES))
            if errand not in job.steps:
                job.add(errand, *waits)
        elif kind == "look up" and open_ends:
            number, fact = open_ends.pop(0)
            job.results[job.add(fact[1], number)] = fact[2]
        elif kind == "look up" and len(known) > 1:
            _look_up(job, before, known.pop())
    _look_up(job, before, known.pop(), len(job.steps) - 1)
    return job


def _look_up(job: _Job, before: Sequence[_Fact], number: int, *after: int) -> None:
    fact = before[number]
    job.results[job.add(fact[1], *after)] = fact[2]
    job.evidence.append(f"fact-{number}")


def _order(opening: str, job: _Job) -> str:
    """The job as it is told."""
    lines = [f"{number}. {step}" for number, step in enumerate(job.steps, 1)]
    waits: dict[int, list[int]] = {}
    for later, former in job.after:
        waits.setdefault(later, []).append(former + 1)
    told = [f"step {later + 1} comes after step {' and '.join(map(str, sorted(formers)))}"
            for later, formers in sorted(waits.items())]  # fmt: skip
    mind = f"\n\nMind the order: {', '.join(told)}." if told else ""
    return "\n".join([opening, *lines]) + mind
