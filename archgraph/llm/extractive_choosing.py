"""Chooses from material: statements, names, keywords, records by id, days.

Called by `extractive_typed` and `extractive_values`. Knows fields by their words, and no schemas.
"""

from __future__ import annotations

import collections
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from archgraph.llm import extractive_answering as answering
from archgraph.llm import extractive_dates as dates
from archgraph.llm import extractive_facts as facts
from archgraph.llm import extractive_grammar as grammar
from archgraph.llm import extractive_judging as judging
from archgraph.llm import extractive_materials as materials
from archgraph.llm import extractive_triples as triples
from archgraph.llm import extractive_words as words
from archgraph.llm.extractive_fields import Field
from archgraph.llm.extractive_materials import Materials, Record
from archgraph.llm.extractive_reading import AGENT, Unit

PROMISING = 0.25
"""Share of a question's weight from which a record is worth choosing for it, beside the best."""

MOST_CHOSEN = 3
"""Records chosen for a question where no bound is given."""

_ANONYMOUS = ("", "user", "memory", "human", "tool", AGENT)

# --- statements ----------------------------------------------------------------------------------

_TOPICS = (
    (r"preferences?|tastes?|likes and dislikes", "preferences"),
    (r"events?|episodes?|episodic|what happened|experiences?", "events"),
    (r"procedur\w+|how[- ]to\w*|workflows?|step[- ]by[- ]step|skills?", "procedures"),
    (r"documents?|files|resources?", "documents"),
    (r"passwords?|credentials?|secrets?|sensitive", "passwords"),
    (r"plans|goals|tasks|to-?dos?|intentions", "plans"),
)
_PICKING = re.compile(
    r"\b(?:extract|list|find|collect|note|keep|save|pick|write down|identify|only|record|gather)\b",
    re.I,
)
_ANYTHING = re.compile(
    r"\b(?:facts?|everything|statements?|information|anything|observations?|memor(?:y|ies)|"
    r"what (?:is|was) (?:new|said)|claims?|details|knowledge)\b",
    re.I,
)
_ABOUT_USER = re.compile(r"\b(?:about|of|concerning) the (?:user|person|human|speaker)s?\b", re.I)
_DOING = re.compile(r"procedur|workflow|skill|steps?\b|lesson|how to|trajectory|actions?\b", re.I)
_FEW = re.compile(r"insight|reflection|lesson|thought|takeaway|rule|conclusion|learned", re.I)
_MOST_INSIGHTS = 5


def statements(field: Field | None, material: Materials, most: int = 0) -> list[Unit]:
    """What the new material states that a field asks for: sentences, or clauses that stand alone.

    The field's words, and the instructions, may narrow them to what the user says of themselves,
    or to preferences, events, how-to, documents, secrets or plans. With a question, the sentences
    that share words with it come first.
    """
    said = field.said if field else ""
    doing = bool(_DOING.search(said))
    told = [u for u in materials.units_of(material.new) if _states(u, doing)]
    units = [clause for unit in told for clause in triples.clauses(unit)]
    units = _narrowed(units, field, material)
    units = _once(units)
    if _FEW.search(said):
        most = min(most or _MOST_INSIGHTS, _MOST_INSIGHTS)
    asked = material.question if most and len(units) > most else None
    if asked:
        weighed = [item.unit for item in answering.weigh(asked, units)]
        units = [*weighed, *(unit for unit in units if unit not in weighed)]
        return units[:most]
    return facts.weightiest(units, 100_000, most) if most else units


def _states(unit: Unit, doing: bool) -> bool:
    if unit.speaker == AGENT:
        return doing and len(unit.stems) > 2 and not unit.text.endswith("?")
    if not facts.tells(unit):
        return False
    lasting = bool(facts.of_units([unit])) or judging.fits("procedures", unit) >= 1
    return lasting or triples.of_text(unit.text, unit.speaker) is not None


def _once(units: Sequence[Unit]) -> list[Unit]:
    return list({words.flat(facts.noted(unit)): unit for unit in reversed(units)}.values())[::-1]


def _narrowed(units: list[Unit], field: Field | None, material: Materials) -> list[Unit]:
    topics = _topics(field.words) if field else []
    if not topics:
        for sentence in words.sentences(f"{field.said if field else ''}.\n{material.instructions}"):
            if not _PICKING.search(sentence) or materials.CONTEXT.search(sentence):
                continue
            if _ABOUT_USER.search(sentence):
                units = [unit for unit in units if _of_user(unit)]
            if "only" in sentence.lower() or not _ANYTHING.search(sentence):
                topics += _topics(sentence)
    if not topics:
        return units
    return [u for u in units if any(judging.fits(topic, u) >= 1 for topic in topics)]


def _topics(text: str) -> list[str]:
    return [topic for pattern, topic in _TOPICS if re.search(rf"\b(?:{pattern})\b", text, re.I)]


def _of_user(unit: Unit) -> bool:
    named = unit.speaker not in _ANONYMOUS and unit.speaker in unit.text
    said = re.search(r"\b(?:user|my|our|we)\b", unit.text, re.I)
    return facts.personal(unit) or named or bool(said)


# --- names and keywords --------------------------------------------------------------------------

_PROPER = re.compile(r"\b[^\W\d_a-z][\w'’-]*(?: (?:of |the )?[^\W\d_a-z][\w'’-]*)*")  # noqa: RUF001


_CALENDAR = frozenset(
    (*dates.DAYS, *(month for month in dates.MONTHS if month not in ("april", "may")))
)
"""Names of days and months, which name nobody; April and May may."""


def entities(units: Sequence[Unit]) -> list[str]:
    """The names in sentences and those of their speakers, most frequent first."""
    counts: collections.Counter[str] = collections.Counter()
    for unit in units:
        if unit.speaker not in _ANONYMOUS:
            counts[unit.speaker] += 1
        for match in _PROPER.finditer(unit.text):
            name = _name(match, unit.text)
            if name:
                counts[name] += 1
    return [name for name, _ in counts.most_common()]


def _name(match: re.Match[str], text: str) -> str:
    """A name; a word that begins a sentence is one only if it is no common word."""
    parts = match.group(0).split()
    first = not text[: match.start()].strip(" \"'(")
    while parts and (words.is_stop(parts[0]) or (first and grammar.is_verb(parts[0]))):
        parts.pop(0)
        first = False
    parts = [part for part in parts if part != "I" and part.lower() not in _CALENDAR]
    name = re.sub(r"['’]s$", "", " ".join(parts))  # noqa: RUF001
    if first and len(parts) == 1 and not _acts(name, text):
        return ""
    return name if len(name) > 1 else ""


def _acts(name: str, text: str) -> bool:
    triple = triples.of_text(text)
    return bool(triple) and bool(triple) and name in (triple.subject if triple else "")


def keywords(units: Sequence[Unit], most: int) -> list[str]:
    """The content words that tell most: names and frequent words first; common verbs last."""
    counts: collections.Counter[str] = collections.Counter()
    written: dict[str, str] = {}
    for unit in units:
        for word in words.WORD.findall(unit.text):
            root = words.root(word)
            if words.is_stop(word) or word.lower() in words.META or len(word) < 3:
                continue
            written.setdefault(root, word)
            counts[root] += 1 if grammar.is_verb(word) else 3 + 2 * word[:1].isupper()
    return [written[root] for root, _ in counts.most_common(most)]


def subjects(units: Sequence[Unit], most: int) -> list[str]:
    """What sentences are about: the most frequent names, then the most telling words."""
    named = entities(units)
    more = [word for word in keywords(units, most) if word not in " ".join(named)]
    return (named + more)[:most]


# --- records -------------------------------------------------------------------------------------


def for_question(
    question: answering.Question, records: Sequence[Record], most: int
) -> list[Record]:
    """The records that share most with a question, best first."""
    of = {id(unit): record for record in records for unit in record.units}
    found: dict[str, Record] = {}
    weighed = answering.weigh(question, materials.units_of(records))
    for item in weighed:
        if item.score >= max(PROMISING, 0.6 * weighed[0].score):
            record = of[id(item.unit)]
            found.setdefault(record.id or record.raw, record)
    return list(found.values())[: most or MOST_CHOSEN]


def alike(units: Sequence[Unit], records: Sequence[Record]) -> list[Record]:
    """The records that overlap enough with sentences, best first: two words, or 0.3 by Dice."""
    told = frozenset[str]().union(*(materials.content(unit.text) for unit in units))
    scored = []
    for record in records:
        best = max((materials.likeness(materials.content(u.text), record.content) for u in units),
                   default=0.0)  # fmt: skip
        if best >= 0.3 or len(told & record.content) >= 2:
            scored.append((best, record))
    return [record for _, record in sorted(scored, key=lambda pair: -pair[0])]


# --- days ----------------------------------------------------------------------------------------

_UNTIL = re.compile(
    r"\b(?:until|till|through|up to|ends? (?:on|in)|expires? (?:on|in)?|by)\s+(.+)", re.I
)
_ENDING = re.compile(r"\b(?:until|to|ends?|ended|expires?|expired|invalid|closed|valid to)\b")
_DUE = re.compile(r"\b(?:due|deadline|remind|scheduled?|planned)\b")
_AWAY = re.compile(r"^the (\w+) (before|of|after) (.+)$")
_WEEKS = re.compile(r"^(?:the|(\w+)) weeks? before (.+)$")
_FEW_BEFORE = re.compile(r"^a few (\w+)s before (.+)$")
_SPANS = {"day": 3, "week": 21, "month": 90, "year": 1095}
_DAY = 86_400.0


def moment(field: Field, units: Sequence[Unit]) -> float | None:
    """The moment that a field of time asks for, in seconds since 1970; None if none is told.

    A beginning is the day that a sentence tells, else when it was said; an end is told by `until`
    or by a sentence that denies; what is due needs a day of its own.
    """
    for unit in units:
        if _DUE.search(field.words):
            found = day(unit.text, unit.at, ahead=True)
        elif _ENDING.search(field.words) and not re.search(r"from|since|start", field.words):
            found = _end(unit)
        else:
            before = _UNTIL.sub("", unit.text)
            found = day(before, unit.at)
            found = unit.at if found is None else found
        if found is not None:
            return found
    return None


def _end(unit: Unit) -> float | None:
    until = _UNTIL.search(unit.text)
    told = day(until[1], unit.at, ahead=True) if until else None
    if told is not None:
        return told
    triple = triples.of_text(unit.text)
    if triple and triple.denied:
        found = day(unit.text, unit.at)
        return unit.at if found is None else found
    return None


def day(text: str, at: float | None, ahead: bool = False) -> float | None:
    """The day that a text tells, resolved against the moment at which it was said."""
    named = re.search(rf"\b(?:on |by |this |next )?({'|'.join(dates.DAYS)})\b", text.lower())
    if ahead and named and at is not None and dates.parse(text) is None:
        return _weekday(at, dates.DAYS.index(named[1]), 1)
    told = dates.when(text, at)
    return _resolved(told) if told else None


def _resolved(told: str) -> float | None:
    away, weeks, few = _AWAY.match(told), _WEEKS.match(told), _FEW_BEFORE.match(told)
    base = dates.parse(told)
    if away and base is not None:
        side = {"before": -1, "of": 0, "after": 1}[away[2]]
        unit = away[1].lower()
        if unit in dates.DAYS:
            return _weekday(base, dates.DAYS.index(unit), side)
        if unit == "weekend":
            return _weekday(base, 5, side)
        return base + 7 * _DAY * side
    if weeks and base is not None:
        count = dates.NUMBERS.index(weeks[1]) if weeks[1] in dates.NUMBERS else 1
        return base - 7 * _DAY * count
    if few and base is not None:
        return base - _SPANS.get(few[1], 3) * _DAY
    return base if base is not None else _month_or_year(told)


def _month_or_year(told: str) -> float | None:
    year = re.search(r"\b(\d{4})\b", told)
    if not year:
        return None
    lower = told.lower()
    month = next((n for n, name in enumerate(dates.MONTHS, 1) if name[:3] in lower), 1)
    try:
        return datetime(int(year[1]), month, 1, tzinfo=UTC).timestamp()
    except ValueError:
        return None


def _weekday(base: float, index: int, side: int) -> float:
    """The nearest such day of the week before (-1), at (0) or after (1) a day."""
    start = datetime.fromtimestamp(base, UTC)
    ahead = (index - start.weekday()) % 7
    if side == 0:
        return (start + timedelta(days=ahead)).timestamp()
    if side > 0:
        return (start + timedelta(days=ahead or 7)).timestamp()
    return (start - timedelta(days=(7 - ahead) % 7 or 7)).timestamp()
