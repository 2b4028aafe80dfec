"""Facts that are told and later told anew: the newer one holds.

In the shape of FactConsolidation (MemoryAgentBench, Hu et al., 2025): numbered facts fill a context
of a given size, many of them come twice with different values, and a question asks for a value
directly or over several facts. Called by the planner. Knows no agent.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import pydantic

from archgraph import clock, errors
from archgraph.llm import tokens as counting
from archgraph.suites.datasets import base, case, fact_world

RULE = "Where facts disagree, the one with the larger number is newer and holds."
FACT = "{number}. {text}"
"""How FactConsolidation numbers its facts."""
START = 1_704_099_600.0
"""When the first fact is told (2024-01-01 09:00), seconds since 1970."""

_ROOM = 20
"""Tokens that a fact may take; what is asked about must leave room in a context."""
_UPDATED = 0.5
"""Share of the facts that are not asked about which are told twice, too."""


@dataclass(slots=True)
class _Fact:
    """One statement. `order` is drawn; statements are numbered by it."""

    text: str
    order: float
    number: int = 0

    @property
    def id(self) -> str:
        return f"fact-{self.number}"


@dataclass(frozen=True, slots=True)
class _Asked:
    """A question: the newest statement of each link, the answer, and those that are outdated."""

    question: str
    answer: str
    newest: tuple[_Fact, ...]
    outdated: tuple[str, ...]
    hops: int


class FactUpdates(base.Dataset):
    """Numbered facts of which later ones replace earlier ones, asked over one or more hops."""

    split = "generated"
    category_name = "hops"
    ordered_categories = True
    scorers: ClassVar[tuple[str, ...]] = (
        "contains", "exact", "evidence_recall", "evidence_all", "window_recall",
    )  # fmt: skip
    licence = "Apache-2.0"

    class Options(base.Options):
        """Keys of `fact_updates`."""

        tokens: int = pydantic.Field(16_000, ge=1_000, le=1_000_000)
        """Size of each context, by the offline tokenizer, met within 1 %. The published sizes are
        6,000, 32,000, 64,000 and 262,000."""
        hops: list[pydantic.PositiveInt] = pydantic.Field([1, 2], min_length=1)
        """How many facts a question leads over; each is asked equally often."""
        contexts: int = pydantic.Field(4, ge=1)
        """Contexts, each with facts and questions of its own."""
        questions_per_context: int = pydantic.Field(20, ge=1)
        """Questions about each context."""
        updates: int = pydantic.Field(1, ge=0)
        """How often a fact that is asked about has been told before with another value."""
        seed: int = 0
        """Equal seeds give equal facts."""

    options: Options

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        if max(options.hops) > 6:
            raise errors.InputError("fact_updates: hops go up to 6; give smaller ones")
        needed = _facts_for(max(options.hops), options.updates) * options.questions_per_context
        if needed * _ROOM > options.tokens:
            raise errors.InputError(
                f"fact_updates: {options.questions_per_context} questions over up to "
                f"{max(options.hops)} hops with {options.updates} updates need some "
                f"{needed * _ROOM:,} tokens; ask fewer, or give more than {options.tokens:,}"
            )

    def conversations(self) -> Iterator[case.Conversation]:
        """The contexts, each with all its questions."""
        for number in range(self.options.contexts):
            yield self._context(number)

    def _context(self, number: int) -> case.Conversation:
        chosen, dice = self.options, clock.derive_random(self.options.seed, number, 2)
        drawing = _Drawing(dice, chosen.updates)
        asked = [
            drawing.question(chosen.hops[n % len(chosen.hops)])
            for n in range(chosen.questions_per_context)
        ]
        facts = drawing.filled(chosen.tokens)
        name = f"facts-{number}"
        items = tuple(_items(facts, dice))
        cases = tuple(_case(f"{name}-q{n:03}", name, items, one) for n, one in enumerate(asked))
        return case.Conversation(name, items, cases)


def _facts_for(hops: int, updates: int) -> int:
    """Statements for a question: its links, their older values, and where those lead."""
    return hops * (1 + updates) + updates * hops * (hops - 1) // 2


class _Drawing:
    """Draws what is asked, then fills up with what is not."""

    def __init__(self, dice: clock.Dice, updates: int) -> None:
        self._dice, self._updates = dice, updates
        self._world = fact_world.World(dice)
        self._facts: list[_Fact] = []
        self._count = counting.counter("offline/extractive").count
        self._spent = 0

    def question(self, hops: int) -> _Asked:
        """Facts for a question, told with other values before, and the question."""
        relations = self._world.chain(hops)
        subject = first = self._world.thing(relations[0].of)
        newest, stale, noun = [], list[str](), first
        for relation in relations:
            # what is outdated leads on, so that following it ends in a wrong answer
            strayed = [self._tell(relation, each)[0] for each in stale]
            *old, (value, fact) = self._told_again(relation, subject)
            newest.append(fact)
            stale = [*strayed, *(each for each, _ in old)]
            question = self._dice.choice(relation.asks).format(s=noun)
            noun, subject = relation.noun.format(s=noun), value
        return _Asked(f"{question} {RULE}", subject, tuple(newest), tuple(stale), hops)

    def filled(self, most: int) -> list[_Fact]:
        """All facts in their order, with others between them, up to so many tokens."""
        while self._spent < most:
            subject, relation = self._world.pair()
            for _ in range(1 + (self._dice.random() < _UPDATED)):
                self._tell(relation, subject)
        self._facts.sort(key=lambda fact: fact.order)
        for number, fact in enumerate(self._facts, 1):
            fact.number = number
        return self._facts

    def _told_again(self, relation: fact_world.Relation, subject: str) -> list[tuple[str, _Fact]]:
        """A fact told several times with different values, the newest last."""
        orders = sorted(self._dice.random() for _ in range(self._updates + 1))
        return [self._tell(relation, subject, order) for order in orders]

    def _tell(
        self, relation: fact_world.Relation, subject: str, order: float | None = None
    ) -> tuple[str, _Fact]:
        """State a new value, at a place in the order."""
        self._world.say(subject, relation)
        value = self._world.thing(relation.to)
        text = self._dice.choice(relation.says).format(s=subject, v=value)
        fact = _Fact(text, self._dice.random() if order is None else order)
        self._facts.append(fact)
        # a number takes one token up to 999, two above, as most of large contexts are
        number = 1_000 if len(self._facts) > 999 else 100
        self._spent += self._count(FACT.format(number=number, text=text))
        return value, fact


def _items(facts: Sequence[_Fact], dice: clock.Dice) -> Iterator[case.Item]:
    at = START
    for fact in facts:
        yield case.Item(fact.id, FACT.format(number=fact.number, text=fact.text), at=at)
        at += dice.randrange(60, 3_600)


def _case(id: str, name: str, items: tuple[case.Item, ...], one: _Asked) -> case.Case:
    last = max(1, len(items) - 1)
    places = [(fact.number - 1) / last for fact in one.newest]
    return case.Case(
        id=id,
        cluster=name,
        history=items,
        question=one.question,
        answers=(one.answer,),
        evidence=tuple(fact.id for fact in one.newest),
        category=one.hops,
        rejected=one.outdated,
        details={"position": round(min(places), 4), "hops": one.hops},
    )
