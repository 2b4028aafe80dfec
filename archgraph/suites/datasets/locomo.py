"""LoCoMo (Maharana et al., 2024): long conversations of two people, with questions.

`load` reads a user's copy of `locomo10.json` (the data is CC BY-NC and is not shipped). Called by
the suite runner and by benchmarks. Knows no agent.

What is done to the data, and why: sessions are found by `session_<n>`, because some files have
dates of sessions that do not exist; categories stay integers, because their names were swapped in
publications; `query`, `observation` and the summaries are never read, because they leak answers;
evidence references are repaired where one reading is sane, and dropped and counted where not.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from archgraph import errors
from archgraph.suites.datasets import case

ABSTAIN = 5
"""The category whose questions cannot be answered from the conversation."""

_REFERENCE = re.compile(r"D:?(\d+):(\d+)")
_SECONDS_BETWEEN_TURNS = 30.0


@dataclass(frozen=True, slots=True)
class LoCoMo:
    """A loaded file. `repaired` and `dropped` count evidence references."""

    path: str
    sha256: str
    conversations: tuple[case.Conversation, ...]
    repaired: int
    dropped: int

    def cases(self) -> Iterator[case.Case]:
        """All cases, conversation by conversation."""
        for conversation in self.conversations:
            yield from conversation.cases


@dataclass(slots=True)
class _Count:
    repaired: int = 0
    dropped: int = 0


def load(path: str | Path) -> LoCoMo:
    """Read a file in the schema of `locomo10.json`.

    Raises:
        InputError: the file is missing or has another shape.
    """
    count = _Count()
    try:
        data = Path(path).read_bytes()
        rows = json.loads(data)
        conversations = tuple(_conversation(row, count) for row in rows)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise errors.InputError(
            f"locomo: cannot read {path}: {type(error).__name__}: {error}; expected the JSON list "
            f"of conversations that LoCoMo's authors publish"
        ) from error
    digest = hashlib.sha256(data).hexdigest()
    return LoCoMo(str(path), digest, conversations, count.repaired, count.dropped)


def parse_time(text: str) -> float:
    """Seconds since 1970 of a session's time, `1:56 pm on 8 May, 2023`, taken as UTC.

    Raises:
        ValueError: the text has another form.
    """
    moment = datetime.strptime(text.strip(), "%I:%M %p on %d %B, %Y")
    return moment.replace(tzinfo=UTC).timestamp()


def _conversation(row: Mapping[str, Any], count: _Count) -> case.Conversation:
    name = str(row["sample_id"])
    items = tuple(_items(row["conversation"]))
    known = {item.id for item in items}
    cases = tuple(
        _case(name, number, question, items, _evidence(question.get("evidence", ()), known, count))
        for number, question in enumerate(row["qa"])
    )
    return case.Conversation(name, items, cases)


def _items(conversation: Mapping[str, Any]) -> Iterator[case.Item]:
    numbers = sorted(int(key[8:]) for key in conversation if re.fullmatch(r"session_\d+", key))
    for number in numbers:
        start = parse_time(conversation[f"session_{number}_date_time"])
        for index, turn in enumerate(conversation[f"session_{number}"]):
            at = start + index * _SECONDS_BETWEEN_TURNS
            yield case.Item(turn["dia_id"], _text(turn), "user", turn["speaker"], at)


def _text(turn: Mapping[str, Any]) -> str:
    caption = turn.get("blip_caption")
    return f"{turn['text']} [shares {caption}]" if caption else str(turn["text"])


def _case(
    name: str,
    number: int,
    question: Mapping[str, Any],
    items: tuple[case.Item, ...],
    evidence: tuple[str, ...],
) -> case.Case:
    category = int(question["category"])
    answers = () if category == ABSTAIN else (str(question["answer"]),)
    return case.Case(
        id=f"{name}-q{number:03}",
        cluster=name,
        history=items,
        question=question["question"],
        answers=answers,
        evidence=evidence,
        category=category,
    )


def _evidence(references: Any, known: set[str], count: _Count) -> tuple[str, ...]:
    """The turns that the references name; several in one string are split, zeros are cut."""
    found: dict[str, None] = {}
    for reference in references:
        if reference in known:
            found[reference] = None
            continue
        named = [f"D{int(s)}:{int(t)}" for s, t in _REFERENCE.findall(reference)]
        sane = [turn for turn in named if turn in known]
        count.repaired += bool(sane)
        count.dropped += not sane
        found.update(dict.fromkeys(sane))
    return tuple(found)
