"""Which items of a history stand verbatim in a text: provenance by containment.

Called by `observing` and `losses`, for context windows, search results and records. White space
and Unicode form do not count, everything else does. Made once per history; texts that were looked
at are remembered, since the questions of a conversation see the same messages again and again.

What makes it robust:

- Where one item's text is a part of another's, the longer one is found if it stands there whole,
  and the shorter one is not found within a cut-off piece of the longer one.
- An item of a few words ("Yes!") must fill the rest of its line, after the speaker's name.
- Items of equal text are told apart by the time that stands before them, if one does.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from archgraph import clock
from archgraph.suites.datasets import case as cases
from archgraph.suites.scoring import text as scoring

_WORD = re.compile(r"\w+")
_ESCAPE = re.compile(r'\\(u[0-9a-fA-F]{4}|["\\/bfnrt])')
_KEYED = 3
"""Words by which items are looked up."""
_SHORT = 20
"""Characters below which an item must fill its line."""
_BESIDE = 12
"""Characters on either side by which a piece of a longer item is known."""
_STAMPED = 80
"""Characters before an item in which its time is looked for."""
_REMEMBERED = {False: 5_000, True: 50}
"""Texts whose readings are kept; of long ones (system prompts) only a few, for memory's sake."""
_LONG = 4_000
_OPENS = (": ", "| ", "] ", "- ", '"', "> ")


@dataclass(frozen=True, slots=True)
class Reading:
    """What was found in a text: ids of items in order, and the text as scorers normalise it.

    `normal` has a space at either end, so that whole words can be looked for.
    """

    items: tuple[str, ...]
    normal: str


@dataclass(slots=True)
class _Entry:
    """Items of one text. `lead` characters stand before its first word."""

    text: str
    lead: int
    words: tuple[str, ...]
    ids: dict[str, str]
    """Each id with its time as it is written, empty where it has none."""
    within: list[tuple[str, int]] = field(default_factory=list)
    """Longer items that hold this one, and where."""
    rank: int = 0
    """Its place among all, the longest first."""


class _Alike:
    """Entries that begin with the same words, by their size: a history of records has many."""

    def __init__(self) -> None:
        self._sizes: dict[tuple[int, int], dict[str, _Entry]] = {}

    def add(self, entry: _Entry) -> None:
        """Take an entry, the longest first."""
        self._sizes.setdefault((entry.lead, len(entry.text)), {})[entry.text] = entry

    def at(self, text: str, word: int) -> list[_Entry]:
        """The entries that stand in a text with their first word at a place, the longest first."""
        found = []
        for (lead, size), entries in self._sizes.items():
            start = word - lead
            entry = entries.get(text[start : start + size]) if start >= 0 else None
            if entry is not None:
                found.append(entry)
        return sorted(found, key=lambda each: each.rank) if len(found) > 1 else found


class Items:
    """The items of one history, ready to be found."""

    def __init__(self, history: Sequence[cases.Item]) -> None:
        self.ids = frozenset(item.id for item in history)
        self._known: dict[bool, dict[str, Reading]] = {False: {}, True: {}}
        self._messages: dict[str, Reading] = {}
        entries: dict[str, _Entry] = {}
        for item in history:
            text = flat(item.text)
            words = list(_WORD.finditer(text))
            entry = entries.get(text)
            if entry is None:
                lead = words[0].start() if words else 0
                keys = tuple(word.group() for word in words[:_KEYED])
                entry = entries[text] = _Entry(text, lead, keys, {})
            entry.ids[item.id] = clock.stamp(item.at)[:19] if item.at is not None else ""
        self._wordless = [entry for text, entry in entries.items() if text and not entry.words]
        self._keyed: dict[str, dict[tuple[str, ...], _Alike]] = {}
        longest = sorted(entries.values(), key=lambda each: -len(each.text))
        for rank, entry in enumerate(longest):
            entry.rank = rank
            if entry.words:
                keyed = self._keyed.setdefault(entry.words[0], {})
                keyed.setdefault(entry.words, _Alike()).add(entry)
        for entry in entries.values():
            for held, place in self._inside(entry.text):
                if held is not entry:
                    held.within.append((entry.text, place))

    def read(self, text: str) -> Reading:
        """The items in a text, in the order of their first appearance, each once."""
        long = len(text) > _LONG
        kept = self._known[long]
        known = kept.get(text)
        if known is None:
            if len(kept) >= _REMEMBERED[long]:
                kept.clear()
            found = dict.fromkeys(self._found(text))
            if "\\" in text:
                found |= dict.fromkeys(self._found(_ESCAPE.sub(_unescaped, text)))
            known = kept[text] = Reading(tuple(found), f" {scoring.normalise(text)} ")
        return known

    def read_message(self, message: Mapping[str, Any]) -> Reading:
        """The same for a wire message, out of its envelope."""
        content = message.get("content")
        if message.get("tool_calls") or not isinstance(content, str) or len(content) > _LONG:
            return self.read(shown(message))
        known = self._messages.get(content)
        if known is None:
            if len(self._messages) >= _REMEMBERED[False]:
                self._messages.clear()
            known = self._messages[content] = self.read(unpacked(content))
        return known

    def _found(self, text: str) -> Iterator[str]:
        line = _Lines(text)
        yield from self._wordless_in(line)
        upto = 0
        matches = list(_WORD.finditer(line.flat))
        words = [match.group() for match in matches]
        for place in [place for place, word in enumerate(words) if word in self._keyed]:
            first = matches[place].start()
            if first < upto:
                continue
            for alike in self._begun(words, place):
                entry = self._at(alike, first, line)
                if entry is not None:
                    start = first - entry.lead
                    upto = start + len(entry.text)
                    yield from _told_apart(entry, line.flat[max(0, start - _STAMPED) : start])
                    break

    def _begun(self, words: Sequence[str], place: int) -> Iterator[_Alike]:
        """The entries that begin with the words at a place, those known by most words first."""
        keyed = self._keyed[words[place]]
        for size in range(_KEYED, 0, -1):
            alike = keyed.get(tuple(words[place : place + size]))
            if alike is not None:
                yield alike

    def _at(self, alike: _Alike, word: int, line: _Lines) -> _Entry | None:
        """The longest entry whose text stands whole at a place."""
        for entry in alike.at(line.flat, word):
            if line.whole(entry, word - entry.lead):
                return entry
        return None

    def _inside(self, text: str) -> Iterator[tuple[_Entry, int]]:
        """Every entry whose text is a part of a text, and where."""
        matches = list(_WORD.finditer(text))
        words = [match.group() for match in matches]
        for place in [place for place, word in enumerate(words) if word in self._keyed]:
            first = matches[place].start()
            for alike in self._begun(words, place):
                for entry in alike.at(text, first):
                    yield entry, first - entry.lead

    def _wordless_in(self, line: _Lines) -> Iterator[str]:
        for entry in self._wordless:
            start = line.flat.find(entry.text)
            while start >= 0:
                if line.whole(entry, start):
                    yield from entry.ids
                    break
                start = line.flat.find(entry.text, start + 1)


class _Lines:
    """A text on one line that still knows where its lines began and ended."""

    def __init__(self, text: str) -> None:
        parts = [" ".join(line.split()) for line in unicodedata.normalize("NFC", text).split("\n")]
        self.starts, self.ends = set(), set()
        place = 0
        kept = [part for part in parts if part]
        for part in kept:
            self.starts.add(place)
            place += len(part)
            self.ends.add(place)
            place += 1
        self.flat = " ".join(kept)

    def whole(self, entry: _Entry, start: int) -> bool:
        """Whether an entry that stands at a place is meant, and not a piece of something else."""
        text, end = self.flat, start + len(entry.text)
        after = text[end : end + 1]
        if entry.text[-1].isalnum() and after.isalnum():
            return False
        if start and entry.text[0].isalnum() and text[start - 1].isalnum():
            return False
        if len(entry.text) < _SHORT and not self._fills(start, end):
            return False
        return not any(self._piece(longer, place, start, end) for longer, place in entry.within)

    def _fills(self, start: int, end: int) -> bool:
        opened = start in self.starts or self.flat[:start].endswith(_OPENS)
        return opened and (end in self.ends or self.flat[end : end + 1] == '"')

    def _piece(self, longer: str, place: int, start: int, end: int) -> bool:
        """Whether what stands around is what stands around in a longer item."""
        size = end - start
        before = longer[max(0, place - _BESIDE) : place]
        behind = longer[place + size : place + size + _BESIDE]
        left = self.flat[max(0, start - len(before)) : start]
        right = self.flat[end : end + len(behind)]
        return (bool(before) and left == before) or (bool(behind.strip()) and right == behind)


def flat(text: str) -> str:
    """A text in one Unicode form, with single spaces."""
    return " ".join(unicodedata.normalize("NFC", text).split())


def shown(message: Mapping[str, Any]) -> str:
    """A wire message as the model reads it: out of its envelope, with the arguments of its calls.

    A time in the envelope stands before the text, as in a transcript.
    """
    parts = [unpacked(message.get("content"))]
    for call in message.get("tool_calls") or ():
        parts.append(unpacked(call["function"]["arguments"]))
    return "\n".join(filter(None, parts))


def unpacked(content: Any) -> str:
    """A text without the JSON around it, if it is JSON: its strings, one a line."""
    if isinstance(content, list):  # parts of a message, of which the texts count
        return "\n".join(str(part.get("text", "")) for part in content)
    text = str(content or "")
    if text[:1] not in ("{", "["):
        return text
    body = _loaded(text)
    if body is None:  # a result in the text protocol has a line above its envelope
        head, _, rest = text.partition("\n")
        return f"{head}\n{unpacked(rest)}" if rest[:1] == "{" else text
    if isinstance(body, dict) and "time" in body and isinstance(body.get("message"), str):
        said = str(body["message"])  # a result's own lines have their times
        return f"{body['time']} | {said}" if "type" in body else said
    return "\n".join(_strings(body))


def _loaded(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from _strings(part)
    elif isinstance(value, list):
        for part in value:
            yield from _strings(part)


def _told_apart(entry: _Entry, before: str) -> list[str]:
    """Of items with equal texts those of the time that stands before; all if none does."""
    timed = [id for id, stamp in entry.ids.items() if stamp and stamp in before]
    return timed or list(entry.ids)


def _unescaped(match: re.Match[str]) -> str:
    return str(json.loads(f'"{match.group()}"'))
