"""Chats of two people over many sessions, with dates, and questions asked after the last one.

In the shape of deep memory retrieval (MemGPT, section 3.1.1) with the five kinds of question of
LoCoMo, drawn by seed from banks of wordings: `persona_facts` (what may be asked) and `persona_talk`
(what may not). Called by the planner. Knows no agent.

Kinds, which are the categories: `single` (told once), `multi` (told piece by piece over sessions),
`temporal` (a day that was told relative to the session's), `update` (told anew, the newest holds),
`adversarial` (told by the other speaker, or by nobody: the right reply is that one does not know).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import ClassVar

import pydantic

from archgraph import clock
from archgraph.suites.datasets import base, case, persona_facts, persona_talk, vocabulary
from archgraph.suites.datasets.persona_facts import Topic

KINDS = ("single", "multi", "temporal", "update", "adversarial")
FIRST_DAY = datetime(2024, 1, 8, tzinfo=UTC)
"""The day of the first session, at the earliest."""

_DAY = timedelta(days=1)
_SLOW, _FAST = 120, 15
"""Seconds between two turns, at most and at least."""
_WHEN = {1: "yesterday", 2: "two days ago", 3: "three days ago"}
"""How a day is told, by its distance; the others by their weekday."""


@dataclass(slots=True)
class _Told:
    """A thing that a person tells in one session. `item` is known once the session is written."""

    topic: Topic
    person: int
    session: int
    value: str
    says: str
    back: int = 0
    item: str = ""
    day: datetime = FIRST_DAY


@dataclass(slots=True)
class _Chat:
    names: tuple[str, str]
    told: list[_Told] = field(default_factory=list)
    items: list[case.Item] = field(default_factory=list)
    last: datetime = FIRST_DAY


@dataclass(frozen=True, slots=True)
class _Asked:
    kind: str
    question: str
    paraphrased: bool
    answers: tuple[str, ...]
    evidence: tuple[_Told, ...]
    rejected: tuple[str, ...] = ()
    bait: tuple[_Told, ...] = ()


class PersonaChat(base.Dataset):
    """Chats of two people over many sessions, with five kinds of question about what was said."""

    split = "generated"
    scorers: ClassVar[tuple[str, ...]] = (
        "contains", "f1", "abstention", "evidence_recall", "evidence_all", "evidence_ndcg",
        "window_recall",
    )  # fmt: skip
    licence = "Apache-2.0"

    class Options(base.Options):
        """Keys of `persona_chat`."""

        chats: int = pydantic.Field(8, ge=1, le=500)
        """Pairs of people that are drawn; each is a conversation of its own."""
        sessions: int = pydantic.Field(12, ge=3, le=200)
        """Sessions of each pair, 4 to 21 days apart."""
        turns: int = pydantic.Field(24, ge=4, le=400)
        """Turns of a session, or a few more where much is told in it."""
        questions_per_chat: int = pydantic.Field(20, ge=1)
        """Questions about each chat, evenly over the kinds; fewer where no more can be asked."""
        paraphrased: float = pydantic.Field(0.25, ge=0, le=1)
        """Share of the questions in words that were hardly said: a search for words fails there."""
        seed: int = 0
        """Equal seeds give equal chats."""

    options: Options

    def conversations(self) -> Iterator[case.Conversation]:
        """The chats, each with its questions."""
        for number in range(self.options.chats):
            yield self._chat(f"chat-{number}", clock.derive_random(self.options.seed, number, 3))

    def _chat(self, id: str, dice: clock.Dice) -> case.Conversation:
        first, second = dice.sample(vocabulary.NAMES, 2)
        chat = _Chat((first, second))
        chat.told = _Plan(dice, self.options.sessions).all_told()
        _Writer(dice, chat, self.options.turns).write(self.options.sessions)
        items = tuple(chat.items)
        asked = _Asking(dice, chat, self.options.paraphrased).questions(
            self.options.questions_per_chat
        )
        asked_at = (chat.last + dice.randrange(1, 8) * _DAY).timestamp()
        places = {item.id: place / (len(items) - 1) for place, item in enumerate(items)}
        cases = tuple(
            case.Case(
                id=f"{id}-q{number:02}",
                cluster=id,
                history=items,
                question=one.question,
                answers=one.answers,
                evidence=tuple(told.item for told in one.evidence),
                category=one.kind,
                asked_at=asked_at,
                rejected=one.rejected,
                details=_details(one, places),
            )
            for number, one in enumerate(asked)
        )
        return case.Conversation(id, items, cases)


def _details(one: _Asked, places: dict[str, float]) -> dict[str, object]:
    found: dict[str, object] = {"paraphrased": one.paraphrased}
    if one.bait:
        found["bait"] = [told.item for told in one.bait]
    if one.evidence:
        found["session"] = min(told.session for told in one.evidence) + 1
        found["position"] = round(min(places[told.item] for told in one.evidence), 4)
    return found


# --- what is told, and in which session ----------------------------------------------------------


class _Plan:
    """Draws who tells what and when; a value is never told of two things."""

    def __init__(self, dice: clock.Dice, sessions: int) -> None:
        self._dice, self._sessions = dice, sessions
        self._pools: dict[tuple[str, ...], list[str]] = {}

    def all_told(self) -> list[_Told]:
        """Everything, in the order of the sessions."""
        found: list[_Told] = []
        for topic in persona_facts.SINGLE:
            for person in self._people(("a", "b", "both", "nobody")):
                found.append(self._tell(topic, person, self._dice.randrange(self._sessions)))
        for topic in persona_facts.UPDATES:
            for person in self._people(("a", "b", "both")):
                earlier, later = self._in_sessions(2)
                found.append(self._tell(topic, person, earlier))
                found.append(self._tell(topic, person, later, topic.again))
        for topic in persona_facts.LISTS:
            for person in self._people(("a", "b")):
                sessions = self._in_sessions(self._dice.choice((2, 3)))
                found += [self._tell(topic, person, session) for session in sessions]
        for topic in persona_facts.EVENTS:
            for person in self._people(("a", "b", "nobody")):
                session = self._dice.randrange(self._sessions)
                found.append(self._tell(topic, person, session))
                found[-1].back = self._dice.choice((1, 2, 3, 4, 5, 6))
        return sorted(found, key=lambda told: told.session)

    def _people(self, ways: Sequence[str]) -> tuple[int, ...]:
        return {"a": (0,), "b": (1,), "both": (0, 1), "nobody": ()}[self._dice.choice(ways)]

    def _in_sessions(self, count: int) -> list[int]:
        return sorted(self._dice.sample(range(self._sessions), count))

    def _tell(self, topic: Topic, person: int, session: int, says: tuple[str, ...] = ()) -> _Told:
        pool = self._pools.get(topic.values)
        if not pool:
            pool = self._dice.sample(topic.values, len(topic.values))
            self._pools[topic.values] = pool
        return _Told(topic, person, session, pool.pop(), self._dice.choice(says or topic.says))


# --- the chat ------------------------------------------------------------------------------------


class _Writer:
    """Writes the sessions: greetings, what is told with a reaction, small talk, good-byes."""

    def __init__(self, dice: clock.Dice, chat: _Chat, turns: int) -> None:
        self._dice, self._chat, self._turns = dice, chat, turns
        self._small: list[tuple[str, str, str]] = []
        self._session = 0
        self._at = FIRST_DAY
        self._count = 0

    def write(self, sessions: int) -> None:
        """All sessions."""
        day = FIRST_DAY
        for number in range(sessions):
            hour = timedelta(hours=self._dice.randrange(7, 22), minutes=self._dice.randrange(60))
            self._session, self._at, self._count = number, day + hour, 0
            self._write_session([told for told in self._chat.told if told.session == number])
            self._chat.last = day
            day += self._dice.randrange(4, 22) * _DAY

    def _write_session(self, told: list[_Told]) -> None:
        self._dice.shuffle(told)
        opens = self._dice.randrange(2)
        self._say(opens, self._pick(persona_talk.HELLO))
        self._say(1 - opens, self._pick(persona_talk.BACK))
        small = max(0, self._turns - 4 - sum(2 + (n % 2) for n in range(len(told))))
        parts: list[_Told | None] = [*told, *([None] * -(-small // 3))]
        self._dice.shuffle(parts)
        for part in parts:
            if part is None:
                self._small_talk()
            else:
                self._tell(part)
        closes = self._dice.randrange(2)
        self._say(closes, self._pick(persona_talk.BYE))
        self._say(1 - closes, self._pick(persona_talk.SEE_YOU))

    def _tell(self, told: _Told) -> None:
        told.day = self._at.replace(hour=0, minute=0, second=0) - told.back * _DAY
        when = _WHEN.get(told.back) or f"last {told.day:%A}"
        text = told.says.format(v=told.value, when=when)
        lead = self._dice.choice(persona_talk.LEADS)
        if lead.endswith((", ", ": ")) and not text.startswith(("I ", "I'", "My ")):
            lead = ""
        if lead.endswith((", ", ": ")) and text.startswith("My "):
            text = f"my {text[3:]}"
        told.item = self._say(told.person, lead + text)
        self._say(1 - told.person, self._pick(persona_talk.REACTIONS))
        if self._dice.random() < 0.5:
            self._say(told.person, self._pick(persona_talk.ANSWERS))

    def _small_talk(self) -> None:
        if not self._small:
            count = len(persona_talk.EXCHANGES)
            self._small = self._dice.sample(persona_talk.EXCHANGES, count)
        speaker = self._dice.randrange(2)
        for number, text in enumerate(self._small.pop()):
            self._say((speaker + number) % 2, text)

    def _pick(self, texts: Sequence[str]) -> str:
        return self._dice.choice(texts)

    def _say(self, person: int, text: str) -> str:
        names = self._chat.names
        slots = {name: self._dice.choice(values) for name, values in persona_talk.SLOTS.items()}
        self._count += 1
        id = f"S{self._session + 1}:{self._count}"
        said = text.format(o=names[1 - person], **slots)
        self._chat.items.append(case.Item(id, said, "user", names[person], self._at.timestamp()))
        self._at += timedelta(seconds=self._dice.randrange(_FAST, _SLOW))
        return id


# --- the questions -------------------------------------------------------------------------------


class _Asking:
    """Asks about a chat that has been written."""

    def __init__(self, dice: clock.Dice, chat: _Chat, paraphrased: float) -> None:
        self._dice, self._chat, self._paraphrased = dice, chat, paraphrased
        self._told: dict[tuple[str, int], list[_Told]] = {}
        for told in chat.told:
            self._told.setdefault((told.topic.name, told.person), []).append(told)

    def questions(self, most: int) -> list[_Asked]:
        """So many questions, in turn of each kind as long as there are any, by kind."""
        pools: dict[str, list[_Asked]] = {kind: [] for kind in KINDS}
        for one in itertools.chain(self._answered(), self._baits()):
            pools[one.kind].append(one)
        for pool in pools.values():
            self._dice.shuffle(pool)
        in_turn = itertools.chain.from_iterable(itertools.zip_longest(*pools.values()))
        chosen = [one for one in in_turn if one is not None][:most]
        return sorted(chosen, key=lambda one: KINDS.index(one.kind))

    def _answered(self) -> Iterator[_Asked]:
        """The questions that can be answered."""
        for told in self._told.values():
            topic, last = told[0].topic, told[-1]
            asked = self._worded(topic, last.person)
            if topic in persona_facts.SINGLE:
                yield _Asked("single", *asked, (last.value,), (last,))
            elif topic in persona_facts.UPDATES:
                old = tuple(each.value for each in told[:-1])
                yield _Asked("update", *asked, (last.value,), (last,), rejected=old)
            elif topic in persona_facts.LISTS:
                yield _Asked("multi", *asked, _orders([t.value for t in told]), tuple(told))
            else:
                yield _Asked("temporal", *asked, _dates(last), (last,))

    def _baits(self) -> Iterator[_Asked]:
        """Questions about what only the other speaker told, or nobody."""
        topics = (*persona_facts.SINGLE, *persona_facts.LISTS, *persona_facts.EVENTS)
        for topic in topics:
            people = [person for person in (0, 1) if (topic.name, person) in self._told]
            if len(people) == 2:
                continue
            person = 1 - people[0] if people else self._dice.randrange(2)
            bait = tuple(self._told[topic.name, people[0]]) if people else ()
            event = topic in persona_facts.EVENTS
            rejected = tuple(_dates(each)[0] if event else each.value for each in bait)
            asked = self._worded(topic, person)
            yield _Asked("adversarial", *asked, (), (), rejected, bait)

    def _worded(self, topic: Topic, person: int) -> tuple[str, bool]:
        """A question, and whether it is in words that were hardly said."""
        far = self._dice.random() < self._paraphrased
        asked = self._dice.choice(topic.far if far else topic.asks)
        return asked.format(p=self._chat.names[person]), far


def _orders(values: Sequence[str]) -> tuple[str, ...]:
    """A list in every order in which it may be told."""
    return tuple(
        f"{', '.join(order[:-1])} and {order[-1]}" for order in itertools.permutations(values)
    )


def _dates(told: _Told) -> tuple[str, ...]:
    """A day in the ways in which it may be written, the fullest first.

    A day that was told by its weekday may be given as LoCoMo's gold answers do, by the weekday and
    the day on which it was told.
    """
    day, said = told.day, told.day + told.back * _DAY
    number, month = day.day, f"{day:%B}"
    suffix = (
        "th" if 10 <= number % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    )
    by_weekday = f"the {day:%A} before {said.day} {said:%B} {said.year}"
    return (
        f"{number} {month} {day.year}", f"{month} {number}, {day.year}", f"{day:%Y-%m-%d}",
        f"{number} {month}", f"{month} {number}", f"{number}{suffix} of {month}",
        f"{month} {number}{suffix}", *(() if told.back in _WHEN else (by_weekday,)),
    )  # fmt: skip
