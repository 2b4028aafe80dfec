"""Reads a context window: what was said by whom and when, what was asked, what was tried.

Called by the offline policy. Kinds of message are recognised by their JSON type where they have
one, else by role and shape; nothing here depends on an architecture. Knows no tool roles.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from archgraph.llm import extractive_dates as dates
from archgraph.llm import extractive_words as words
from archgraph.messages import Wire

AGENT = "assistant"


@dataclass(frozen=True, slots=True)
class Unit:
    """One sentence that may be evidence.

    `raw` is the line or record that it stands in, `stems` its content words with its speaker's
    name, `around` those of the whole record. `at` is seconds since 1970 where known.
    """

    text: str
    raw: str
    speaker: str
    at: float | None
    stems: frozenset[str]
    around: frozenset[str]


@dataclass(frozen=True, slots=True)
class Block:
    """A labelled section of the system prompt; `limit` is in characters, 0 where not shown."""

    label: str
    text: str
    used: int
    limit: int
    units: tuple[Unit, ...]


@dataclass(frozen=True, slots=True)
class Event:
    """One message after the system prompt.

    `kind`: `user`, `alert` (memory pressure), `note` (other system text), `idle` (heartbeat,
    login, timer; `name` says which), `transcript`, `said` (the agent's own), `result` (of a tool).
    """

    kind: str
    text: str
    name: str = ""
    at: float | None = None
    units: tuple[Unit, ...] = ()
    ok: bool = True


@dataclass(frozen=True, slots=True)
class Attempt:
    """A tool call that the agent made, with its result; `text` is None while there is none."""

    name: str
    arguments: Mapping[str, Any]
    ok: bool
    text: str | None
    units: tuple[Unit, ...] = ()


@dataclass(frozen=True, slots=True)
class Window:
    """A whole context window, read.

    `asked` and `alerted` are the places in `events` of the last real user message and of the last
    pressure notice, -1 if there is none. `made` has all calls, `attempts` those since the later of
    the two places, `since_asked` those since the user's message. `written` is what successful
    calls carried, `told` the texts said since the user's message.
    """

    system: str
    blocks: tuple[Block, ...]
    events: tuple[Event, ...]
    asked: int = -1
    alerted: int = -1
    made: tuple[Attempt, ...] = ()
    attempts: tuple[Attempt, ...] = ()
    since_asked: tuple[Attempt, ...] = ()
    written: str = ""
    told: tuple[str, ...] = field(default=())

    @property
    def message(self) -> Event | None:
        """The last real user message."""
        return self.events[self.asked] if self.asked >= 0 else None

    def evidence(self) -> list[Unit]:
        """All that may hold an answer: sections, earlier messages, results; in window order."""
        found = [unit for block in self.blocks for unit in block.units]
        for index, event in enumerate(self.events):
            if event.kind in ("user", "note", "result", "transcript") and index != self.asked:
                found.extend(event.units)
        return found


def read(messages: Sequence[Wire]) -> Window:
    """Read the messages of a request."""
    system, rest = "", list(messages)
    if rest and rest[0].get("role") in ("system", "developer"):
        system, rest = plain(rest[0].get("content")), rest[1:]
    events = [_event(message) for message in rest]
    asked = _last(events, "user")
    alerted = _last(events, "alert")
    calls = _attempts(rest, events)
    return Window(
        system=system,
        blocks=sections(system),
        events=tuple(events),
        asked=asked,
        alerted=alerted,
        made=tuple(call for _, call in calls),
        attempts=tuple(call for place, call in calls if place > max(asked, alerted)),
        since_asked=tuple(call for place, call in calls if place > asked),
        written=words.flat(" ".join(_strings(call) for _, call in calls if call.ok)),
        told=tuple(e.text for e in events[asked + 1 :] if e.kind == "said" and e.text.strip()),
    )


def plain(content: Any) -> str:
    """The text of a message's content, which may be a list of parts."""
    if isinstance(content, list):
        return "\n".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    return content if isinstance(content, str) else ""


def _strings(call: Attempt) -> str:
    return " ".join(value for value in call.arguments.values() if isinstance(value, str))


def _last(events: Sequence[Event], kind: str) -> int:
    return max((index for index, event in enumerate(events) if event.kind == kind), default=-1)


def _attempts(rest: Sequence[Wire], events: Sequence[Event]) -> list[tuple[int, Attempt]]:
    results = {m.get("tool_call_id"): e for m, e in zip(rest, events, strict=True) if _is_result(m)}
    found = []
    for place, message in enumerate(rest):
        for call in message.get("tool_calls") or ():
            name = str(call["function"]["name"])
            arguments = _arguments(str(call["function"]["arguments"] or ""))
            result = results.get(call.get("id"))
            if result is None:
                found.append((place, Attempt(name, arguments, True, None)))
            else:
                attempt = Attempt(name, arguments, result.ok, result.text, result.units)
                found.append((place, attempt))
    return found


def _is_result(message: Wire) -> bool:
    return message.get("role") in ("tool", "function")


@functools.lru_cache(maxsize=4_000)
def _arguments(text: str) -> Mapping[str, Any]:
    found = _json(text)
    return found if isinstance(found, dict) else {}


def _event(message: Wire) -> Event:
    role = str(message.get("role", "user"))
    return _read_message(role, plain(message.get("content")), str(message.get("name") or ""))


@functools.lru_cache(maxsize=4_000)
def _read_message(role: str, content: str, name: str) -> Event:
    data = _json(content)
    packed = data if isinstance(data, dict) else {}
    if role in ("tool", "function"):
        return _result(content, packed)
    if role == "assistant":
        return Event("said", content)
    at = dates.parse(str(packed.get("time") or packed.get("timestamp") or ""))
    text = str(packed.get("message") or packed.get("content") or packed.get("text") or "")
    kind = str(packed.get("type", ""))
    if "user" in kind or (text and not kind and role == "user"):
        name = str(packed.get("name") or name)
        return Event("user", text, name, at, records(text, name or "user", at))
    if kind in ("heartbeat", "login", "timer") or (kind and not text):
        return Event("idle", text or str(packed.get("reason", "")), kind, at)
    if packed and text:
        return _notice(text, at)
    if role in ("system", "developer"):
        return _notice(content, at)
    return _unpacked(content, name)


def _unpacked(content: str, name: str) -> Event:
    """A user message in plain text: a transcript where most lines name a speaker or a time."""
    lines = [line for line in content.splitlines() if line.strip()]
    named = sum(bool(_SPEAKER.match(_bare(line)) or dates.stamp(line)[1]) for line in lines)
    if len(lines) > 2 and named * 2 >= len(lines):
        return Event("transcript", content, units=records(content))
    return Event("user", content, name, None, records(content, name or "user"))


_PRESSURE = re.compile(
    r"\b(pressure|maximum length|trimmed|evict\w*|run(?:ning)? out|(?:nearly|almost|soon) \w*\s?"
    r"(?:full|reach|be)|context (?:window|limit)|too long)\b",
    re.I,
)
_PAST = re.compile(r"\b(summary of|have been hidden|were removed|earlier messages)\b", re.I)


def _notice(text: str, at: float | None) -> Event:
    if _PRESSURE.search(text) and not _PAST.search(text):
        return Event("alert", text, at=at)
    return Event("note", text, at=at, units=_sectioned(text))


def _sectioned(text: str) -> tuple[Unit, ...]:
    found = sections(text)
    return tuple(unit for block in found for unit in block.units) if found else records(text)


def _result(content: str, packed: Mapping[str, Any]) -> Event:
    status = str(packed.get("status", "")).lower()
    text = packed.get("message", content) if packed else content
    text = text if isinstance(text, str) else json.dumps(text, ensure_ascii=False)
    failed = status in ("failed", "error") or (not status and text.lower().startswith("error"))
    return Event("result", text, units=() if failed else records(text), ok=not failed)


def _json(text: str) -> Any:
    if text[:1] not in "{[":
        return None
    try:
        return json.loads(text)
    except ValueError:
        return None


# --- sections of a system prompt -----------------------------------------------------------------

_TAG = re.compile(
    r"<(?P<tag>[^\W\d][\w.-]*)(?P<attributes>(?:\s[^<>]*)?)>(?P<body>.*?)</(?P=tag)>", re.S
)
_INSTRUCTIONS = re.compile(
    r"instruct|rule|example|tool|function|format|description|metadata|task|guideline|base", re.I
)
_METER = re.compile(r"(\d[\d,]*)\s*/\s*(\d[\d,]*)")
_LIMIT = re.compile(r"limit\W{1,3}(\d+)", re.I)


@functools.lru_cache(maxsize=256)
def sections(text: str) -> tuple[Block, ...]:
    """The sections of a prompt that hold memory: tagged ones, and untagged lines with a time."""
    found: list[Block] = []
    for match in _TAG.finditer(text):
        found.extend(_section(match["tag"], match["attributes"], match["body"]))
    loose = "\n".join(_timed(_TAG.sub("", text).splitlines()))
    if loose:
        found.append(Block("", loose, len(loose), 0, records(loose)))
    return tuple(found)


def _timed(lines: Iterable[str]) -> Iterator[str]:
    """The lines that begin with a time, and those that go on below one without a new beginning."""
    within = False
    for line in lines:
        within = bool(dates.stamp(_BULLET.sub("", line))[1]) or (
            within and bool(line.strip()) and not _BULLET.match(line) and not line.startswith("#")
        )
        if within:
            yield line


def _section(tag: str, attributes: str, body: str) -> list[Block]:
    if _INSTRUCTIONS.search(tag):
        return []
    inner = list(_TAG.finditer(body))
    kept = [child for child in inner if not _INSTRUCTIONS.search(child["tag"])]
    if kept:
        return [
            block
            for child in kept
            for block in _section(
                tag if child["tag"] in ("value", "text", "content") else child["tag"],
                attributes + child["attributes"] + body[: child.start()],
                child["body"],
            )
        ]
    body = body.strip()
    name = re.search(r"\b(?:name|label|id)=\"([^\"]+)\"", attributes)
    meter, limit = _METER.search(attributes), _LIMIT.search(attributes)
    size = int(meter[2].replace(",", "")) if meter else int(limit[1]) if limit else 0
    return [Block(name[1] if name else tag, body, len(body), size, records(body))]


# --- records in a text ---------------------------------------------------------------------------

_BULLET = re.compile(
    r"^\s*(?:[-*•]\s+(?:\[[\w.-]{1,64}\]\s+(?=\d{4}-))?"
    r"|\(?\d{1,4}[.)]\s+|\[\d{1,4}\]\s*|\d{1,4}→\s*)"
)
"""What stands before an item: a dash (with the record's id, if a time follows), or a number."""
_HEADER = re.compile(r"^(?:showing \d|found \d|no (?:results|matches)|page \d|\d+ results)", re.I)
_SPEAKER = re.compile(
    r"^(?P<role>user|assistant|system|tool|memory|human|agent)?\s*"
    r"\(?(?P<name>[^\W\d][\w.'-]*(?: [^\W\d][\w.'-]*)?)?\)?\s*(?::|\s-)\s+(?P<text>.*)$",
    re.S,
)


@functools.lru_cache(maxsize=4_000)
def records(text: str, speaker: str = "", at: float | None = None) -> tuple[Unit, ...]:
    """The sentences of a text, each knowing its record: a list item, or a line."""
    found: list[Unit] = []
    for item in _items(text):
        found.extend(_units(item, speaker, at))
    return tuple(found)


def _items(text: str) -> list[str]:
    """Split results and lists into items; a line that starts no item continues the one above."""
    bracket = text.find("[")
    listed = _json(text[bracket:].strip()) if bracket >= 0 and '"' in text else None
    if isinstance(listed, list):
        return [row if isinstance(row, str) else json.dumps(row) for row in listed]
    items: list[str] = []
    itemised = False
    for line in text.splitlines():
        if not line.strip() or _HEADER.match(line):
            itemised = False
        elif _BULLET.match(line) or dates.stamp(line)[1]:
            itemised = True
            items.append(line)
        elif itemised:
            items[-1] += f"\n{line.strip()}"
        else:
            items.append(line)
    return items


def _bare(item: str) -> str:
    line = _BULLET.sub("", item)
    return line[dates.stamp(line)[1] :].strip()


def _units(item: str, speaker: str, at: float | None) -> list[Unit]:
    line = _BULLET.sub("", item)
    stamped, start = dates.stamp(line)
    at = stamped or at
    text = raw = line[start:].strip()
    named = _SPEAKER.match(text)
    if named and (named["role"] or named["name"]) and (not speaker or named["role"]):
        speaker, text = named["name"] or named["role"], named["text"]
        data = _json(text)
        if isinstance(data, dict) and "user" not in str(data.get("type", "user")):
            return []  # a system message that was logged as the user's
        if isinstance(data, dict) and isinstance(data.get("message"), str):
            text = raw = data["message"]
            speaker = str(data.get("name") or speaker)
            at = dates.parse(str(data.get("time", ""))) or at
    own = words.stems(speaker) if speaker not in ("user", "memory") else frozenset[str]()
    around = words.stems(text) | own
    return [
        Unit(sentence, raw, speaker, at, words.stems(sentence) | own, around)
        for sentence in words.sentences(text)
    ]
