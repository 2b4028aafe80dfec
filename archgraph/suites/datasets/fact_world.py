"""A made-up world of people, companies and places, and the facts that can be said of it.

Called by `fact_updates`. Names are drawn from syllables, so that no model knows the answers; what
is said of them follows the kinds of fact of MQuAKE, on which FactConsolidation is built.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from archgraph import clock

PERSON, COMPANY, CITY, COUNTRY, BAND, WORD = "person", "company", "city", "country", "band", "word"


@dataclass(frozen=True, slots=True)
class Relation:
    """A fact that one thing has one value of.

    `says` are ways to state it, of {s} (what it is said of) and {v} (its value); `noun` names the
    value by what it is said of; `asks` are ways to ask for it.
    """

    name: str
    of: str
    to: str
    says: tuple[str, ...]
    noun: str
    asks: tuple[str, ...]


RELATIONS = (
    Relation("lives in", PERSON, CITY,
        ("{s} lives in {v}.", "{s} lives in the city of {v}."),
        "the city where {s} lives",
        ("Where does {s} live?", "In which city does {s} live?")),
    Relation("works for", PERSON, COMPANY,
        ("{s} works for {v}.", "{s} works for the company {v}."),
        "the company that {s} works for",
        ("Which company does {s} work for?", "Who does {s} work for?")),
    Relation("married to", PERSON, PERSON,
        ("{s} is married to {v}.", "The spouse of {s} is {v}."),
        "the spouse of {s}",
        ("Who is {s} married to?", "Who is the spouse of {s}?")),
    Relation("taught by", PERSON, PERSON,
        ("The teacher of {s} is {v}.", "{s} has {v} as a teacher."),
        "the teacher of {s}",
        ("Who is the teacher of {s}?",)),
    Relation("plays in", PERSON, BAND,
        ("{s} plays in the band {v}.", "The band of {s} is {v}."),
        "the band of {s}",
        ("Which band does {s} play in?", "What is the band of {s}?")),
    Relation("drives", PERSON, WORD,
        ("{s} drives a {v}.", "The car of {s} is a {v}."),
        "the car of {s}",
        ("Which car does {s} drive?", "What is the car of {s}?")),
    Relation("based in", COMPANY, CITY,
        ("{s} is based in {v}.", "{s} has its head office in {v}."),
        "the city where {s} is based",
        ("Where is {s} based?", "In which city is {s} based?")),
    Relation("led by", COMPANY, PERSON,
        ("The director of {s} is {v}.", "{s} is led by its director {v}."),
        "the director of {s}",
        ("Who is the director of {s}?",)),
    Relation("lies in", CITY, COUNTRY,
        ("{s} lies in the country of {v}.", "{s} is a city in the country of {v}."),
        "the country in which {s} lies",
        ("In which country does {s} lie?", "Which country does {s} lie in?")),
    Relation("mayor", CITY, PERSON,
        ("The mayor of {s} is {v}.", "{s} has {v} as its mayor."),
        "the mayor of {s}",
        ("Who is the mayor of {s}?",)),
    Relation("capital", COUNTRY, CITY,
        ("The capital of {s} is {v}.", "{s} has {v} as its capital."),
        "the capital of {s}",
        ("What is the capital of {s}?", "Which city is the capital of {s}?")),
    Relation("singer", BAND, PERSON,
        ("The singer of {s} is {v}.", "{s} has {v} as its singer."),
        "the singer of {s}",
        ("Who is the singer of {s}?",)),
)  # fmt: skip

_ONSETS = (
    "b",
    "br",
    "c",
    "d",
    "f",
    "g",
    "h",
    "j",
    "k",
    "l",
    "m",
    "n",
    "p",
    "r",
    "s",
    "t",
    "v",
    "w",
)
_VOWELS = ("a", "e", "i", "o", "u", "ai")
_MIDDLES = ("l", "n", "r", "s", "m", "nd", "st")
_ENDS = ("an", "ick", "ar", "in", "o", "a", "el", "or", "is", "en", "ey", "ette", "ius", "wen")
_COMPANY = ("Labs", "Works", "Systems", "Foods", "Freight", "Optics", "Mills", "Press", "Marine")
_CITY = ("ville", "burg", "port", "field", "haven", "stead", "mouth", "ford")
_COUNTRY = ("ia", "land", "stan", "ova")
_BAND = ("Lanterns", "Foxes", "Rivers", "Postcards", "Engines", "Swallows", "Comets", "Matadors")
_CARS = ("Coupe", "Estate", "Roadster", "Wagon", "Pickup", "Cabrio")


_FAMILIAR = 0.6
"""Share of the facts that are not asked about that speak of a thing which others speak of, too."""


class World:
    """Draws things of each kind, each name once, and what may still be said of them."""

    def __init__(self, dice: clock.Dice) -> None:
        self._dice = dice
        self._things: dict[str, list[str]] = {}
        self._used: set[str] = set()
        self._said: set[tuple[str, str]] = set()

    def thing(self, kind: str) -> str:
        """A new thing of a kind."""
        while (name := self._name(kind)) in self._used:
            continue
        self._used.add(name)
        self._things.setdefault(kind, []).append(name)
        return name

    def say(self, subject: str, relation: Relation) -> None:
        """Note that this is said of a thing: `pair` will not give it again."""
        self._said.add((subject, relation.name))

    def chain(self, hops: int) -> Sequence[Relation]:
        """Relations of which each begins where the one before it ends, none of them twice."""
        while True:
            found = [self._dice.choice(RELATIONS)]
            while len(found) < hops:
                fitting = [r for r in RELATIONS if r.of == found[-1].to and r not in found]
                if not fitting:
                    break
                found.append(self._dice.choice(fitting))
            if len(found) == hops:
                return found

    def pair(self) -> tuple[str, Relation]:
        """A thing and a relation that has not been said of it; often a thing that is known."""
        relation = self._dice.choice(RELATIONS)
        known = self._things.get(relation.of)
        if known and self._dice.random() < _FAMILIAR:
            subject = self._dice.choice(known)
            if (subject, relation.name) not in self._said:
                return subject, relation
        return self.thing(relation.of), relation

    def _name(self, kind: str) -> str:
        root = self._root()
        pick = self._dice.choice
        made: Mapping[str, str] = {
            PERSON: f"{self._root()} {root}" if kind == PERSON else "",
            COMPANY: f"{root} {pick(_COMPANY)}",
            CITY: f"{root}{pick(_CITY)}",
            COUNTRY: f"{root}{pick(_COUNTRY)}",
            BAND: f"{root} {pick(_BAND)}",
            WORD: f"{root} {pick(_CARS)}",
        }
        return made[kind]

    def _root(self) -> str:
        pick = self._dice.choice
        return (pick(_ONSETS) + pick(_VOWELS) + pick(_MIDDLES) + pick(_ENDS)).capitalize()
