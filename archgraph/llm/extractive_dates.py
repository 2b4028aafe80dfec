"""Dates in text: reading time stamps, and saying when something was from a relative phrase.

Called by the offline policy. Dates are read as UTC. Knows no messages.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

MONTHS = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)
DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
NUMBERS = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven"),
    *("eight", "nine", "ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen"),
)

_MONTH = r"(?P<month>jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?"
_CLOCK = (
    r"(?P<hour>\d{1,2}):(?P<minute>\d\d)(?::(?P<second>\d\d))?(?:[.,]\d+)?(?:\s*(?P<half>[ap]m))?"
)
_FORMS = [
    re.compile(rf"(?P<year>\d{{4}})-(?P<mon>\d\d)-(?P<day>\d\d)(?:[T ]\s*{_CLOCK})?", re.I),
    re.compile(
        rf"(?:{_CLOCK} on )?\b(?P<day>\d{{1,2}})(?:st|nd|rd|th)?(?: of)? {_MONTH},? "
        rf"(?P<year>\d{{4}})",
        re.I,
    ),
    re.compile(rf"\b{_MONTH} (?P<day>\d{{1,2}})(?:st|nd|rd|th)?,? (?P<year>\d{{4}})", re.I),
]
_DAY_MONTH = re.compile(rf"\b(?P<day>\d{{1,2}})(?:st|nd|rd|th)?(?: of)? {_MONTH}\b", re.I)
_MONTH_DAY = re.compile(rf"\b{_MONTH} (?P<day>\d{{1,2}})(?:st|nd|rd|th)?\b", re.I)
_MONTH_ALONE = re.compile(
    rf"\b(?:in|since|until|during|this|of) (?P<full>{'|'.join(MONTHS)})\b"
    r"(?:,? (?P<year>(?:19|20)\d\d)\b)?",
    re.I,
)
_YEAR = re.compile(r"\b(?:in|since|of|year) (?P<year>(?:19|20)\d\d)\b", re.I)


@functools.lru_cache(maxsize=20_000)
def parse(text: str) -> float | None:
    """Seconds since 1970 of the first full date in a text, with its time of day if it has one."""
    found = [match for form in _FORMS if (match := form.search(text))]
    for match in sorted(found, key=lambda match: match.start()):
        try:
            return _moment(match.groupdict()).timestamp()
        except ValueError:
            continue
    return None


def _moment(parts: dict[str, str | None]) -> datetime:
    hour = int(parts.get("hour") or 0)
    half = (parts.get("half") or "").lower()
    if half:
        hour = hour % 12 + (12 if half == "pm" else 0)
    month = int(parts.get("mon") or 0) or _month_number(parts.get("month") or "")
    year, day = int(parts["year"] or 0), int(parts["day"] or 0)
    clock = (hour, int(parts.get("minute") or 0), int(parts.get("second") or 0))
    return datetime(year, month, day, *clock, tzinfo=UTC)


def _month_number(name: str) -> int:
    return next(n for n, full in enumerate(MONTHS, 1) if full.startswith(name.lower()[:3]))


_BEFORE = re.compile(r"\W{0,3}(?P<label>(?:time ?stamp|time|date|on|at):?\s+)?[\[(]?", re.I)
_AFTER = re.compile(
    r"(?:\s+(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*)?(?:\s*(?:Z|UTC|GMT)(?![a-z]))?"
    r"(?:\s*[+-]\d\d:?\d\d)?\s*[\])]?\s*[:,|–-]?\s*",  # noqa: RUF001
    re.I,
)


_SINCE = re.compile(r"(\d{4}-\d\d-\d\d) to (?:now|\d{4}-\d\d-\d\d)\s*[|:]\s*")
"""Since and until when a fact is true."""


@functools.lru_cache(maxsize=20_000)
def stamp(line: str) -> tuple[float | None, int]:
    """The time stamp that a line begins with, and where the text after it starts.

    A bare day is a stamp only in brackets or after a label such as `timestamp:`: a line may begin
    with a date for other reasons. Of what is true from one day to another, the first counts.
    """
    since = _SINCE.match(line)
    if since:
        return parse(since[1]), since.end()
    before = _BEFORE.match(line)
    start = before.end() if before else 0
    match = next((m for form in _FORMS if (m := form.match(line, start))), None)
    if match is None:
        return None, 0
    marked = bool(before and (before["label"] or before.group(0).rstrip().endswith(("[", "("))))
    if not marked and not match.groupdict().get("hour"):
        return None, 0
    after = _AFTER.match(line, match.end())
    return parse(match.group(0)), after.end() if after else match.end()


def spell(moment: datetime | float) -> str:
    """A day as people write it: `7 May 2023`."""
    day = moment if isinstance(moment, datetime) else datetime.fromtimestamp(moment, UTC)
    return f"{day.day} {MONTHS[day.month - 1].capitalize()} {day.year}"


def iso(moment: float) -> str:
    """A day as a tool wants it: `2023-05-07`."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d")


@functools.lru_cache(maxsize=4_000)
def when(text: str, at: float | None) -> str:
    """When that happened which a text tells, said at the moment `at`.

    A relative phrase (`yesterday`, `last week`) is resolved against `at`, a date in the text is
    taken as it is, and the year of `at` is added to one that has none. Empty if the text says
    nothing of time.
    """
    explicit = parse(text)
    if explicit is not None:
        return spell(explicit)
    if at is None:
        return _without_anchor(text)
    now = datetime.fromtimestamp(at, UTC)
    return _relative(text.lower(), now) or _partial(text, now)


def _without_anchor(text: str) -> str:
    month = _MONTH_DAY.search(text) or _DAY_MONTH.search(text) or _MONTH_ALONE.search(text)
    year = _YEAR.search(text)
    return month.group(0) if month else year["year"] if year else ""


def _partial(text: str, now: datetime) -> str:
    day = _DAY_MONTH.search(text) or _MONTH_DAY.search(text)
    if day:
        name = MONTHS[_month_number(day["month"]) - 1].capitalize()
        return f"{int(day['day'])} {name} {now.year}"
    year = _YEAR.search(text)
    if year:
        return year["year"]
    month = _MONTH_ALONE.search(text)
    return f"{month['full'].capitalize()} {month['year'] or now.year}" if month else ""


_Rule = tuple[re.Pattern[str], Callable[[re.Match[str], datetime], str]]


def _ago(match: re.Match[str], now: datetime) -> str:
    count, unit = _number(match["n"]), match["unit"]
    if count == 0:
        return f"a few {unit}s before {spell(now)}"
    if unit == "day":
        return spell(now - timedelta(days=count))
    if unit == "year":
        return str(now.year - count)
    if unit == "month":
        return _month_away(now, -count)
    words = "the week" if count == 1 else f"{NUMBERS[min(count, 15)]} weeks"
    return f"{words} before {spell(now)}"


def _number(text: str) -> int:
    """A small number in figures or words; 0 for `a few` and the like."""
    if text.isdigit():
        return int(text)
    if text in ("a", "an"):
        return 1
    if "couple" in text:
        return 2
    return NUMBERS.index(text) if text in NUMBERS else 0


def _month_away(now: datetime, months: int) -> str:
    index = now.year * 12 + now.month - 1 + months
    return f"{MONTHS[index % 12].capitalize()} {index // 12}"


def _around(match: re.Match[str], now: datetime) -> str:
    """`last week`, `next month`, `this year`, `last Sunday`."""
    unit = match["unit"]
    sign = {"last": -1, "past": -1, "previous": -1, "next": 1, "upcoming": 1}.get(match["dir"], 0)
    if unit == "year":
        return str(now.year + sign)
    if unit == "month":
        return _month_away(now, sign)
    if unit in DAYS:
        unit = unit.capitalize()
    side = {-1: "before", 0: "of", 1: "after"}[sign]
    return f"the {unit} {side} {spell(now)}"


_AHEAD = re.compile(
    r"\b(?:will|shall|going to|am \w+ing|are \w+ing|plan to|(?:i|we|they) (?:start|begin|have|"
    r"leave|meet|fly|go|see|visit|return|move|travel|get))\b|\w['’]ll\b"  # noqa: RUF001
)


def _side(text: str) -> str:
    """Whether a day of the week lies ahead of what is said (`on Friday we meet`), or behind it."""
    return "after" if _AHEAD.search(text.lower()) else "before"


_UNIT = r"(?P<unit>day|week|month|year)s?"
_RULES: list[_Rule] = [
    (re.compile(r"\b(?:the )?day before yesterday\b"), lambda m, t: spell(t - timedelta(days=2))),
    (re.compile(r"\byesterday\b|\blast night\b"), lambda m, t: spell(t - timedelta(days=1))),
    (
        re.compile(rf"\b(?P<n>\d+|an?(?: couple(?: of)?| few)?|few|\w+) {_UNIT} (?:ago|back)\b"),
        _ago,
    ),
    (
        re.compile(
            rf"\b(?P<dir>last|past|previous|next|upcoming|this) "
            rf"(?P<unit>week(?:end)?|month|year|{'|'.join(DAYS)})\b"
        ),
        _around,
    ),
    (re.compile(r"\btomorrow\b"), lambda m, t: spell(t + timedelta(days=1))),
    (
        re.compile(rf"\bon (?P<unit>{'|'.join(DAYS)})\b"),
        lambda m, t: f"the {m['unit'].capitalize()} {_side(m.string)} {spell(t)}",
    ),
    (
        re.compile(r"\b(?:today|tonight|this (?:morning|afternoon|evening)|just now)\b"),
        lambda m, t: spell(t),
    ),
]


def _relative(text: str, now: datetime) -> str:
    for pattern, say in _RULES:
        match = pattern.search(text)
        if match:
            return say(match, now)
    return ""
