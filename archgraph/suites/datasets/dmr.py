"""Deep memory retrieval (Packer et al., 2023): a question about an old session of a long chat.

Reads a user's copy of msc_self_instruct.jsonl: five sessions of Multi-Session Chat in each row,
and one question that a model wrote about them. Called by the planner. Knows no agent.

The rows name no gold turns, so there is no evidence recall. Of `self_instruct`, B asks and A
answers. A session's time is told as a distance from the last one (`7 days 8 hours ago`); the last
one is put at a fixed moment.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from archgraph.suites.datasets import base, case, files

PUBLISHED = files.Published(
    dataset="dmr",
    files={
        "d3dbea36848b41dc46c0f1548d0ebf74eeaf6390d6f3fe9318e8480dc984495e": (
            "msc_self_instruct.jsonl"
        )
    },
    where="https://huggingface.co/datasets/MemGPT/MSC-Self-Instruct, msc_self_instruct.jsonl",
    licence="Apache-2.0, as its page says",
)
LAST_SESSION = 1_700_000_000.0
"""When the last session begins (2023-11-14), seconds since 1970."""
_SECONDS_BETWEEN_TURNS = 30.0
_PART = re.compile(r"(\d+)\s*(second|minute|hour|day|week|month|year)s?", re.I)
_SECONDS = {
    "second": 1, "minute": 60, "hour": 3600, "day": 86_400, "week": 604_800, "month": 2_592_000,
    "year": 31_536_000,
}  # fmt: skip


class _Turn(files.Shape):
    text: str
    id: str = ""


class _Session(files.Shape):
    dialog: list[_Turn]
    time_back: str = ""


class _Asked(files.Shape):
    A: files.Text
    B: files.Text


class _Row(files.Shape):
    previous_dialogs: list[_Session]
    dialog: list[_Turn]
    self_instruct: _Asked


class DeepMemoryRetrieval(base.Dataset):
    """MemGPT's deep memory retrieval: 500 chats of five sessions, a question each (user's file)."""

    scorers: ClassVar[tuple[str, ...]] = ("rouge_l", "judge", "contains", "f1")
    licence = PUBLISHED.licence

    class Options(files.Options):
        """Keys of `dmr`."""

    options: Options

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        data, self._source = files.read(PUBLISHED, options.path, options.unverified)
        lines = files.json_lines("dmr", options.path, data)
        rows = [(f"{options.path}:{number}", row) for number, row in lines]
        self._rows = files.checked("dmr", _Row, rows)

    def conversations(self) -> Iterator[case.Conversation]:
        """One history with one question for each row."""
        for number, row in enumerate(self._rows):
            yield _conversation(f"dmr-{number:03}", row)

    def provenance(self) -> Mapping[str, Any]:
        """The file and its digest."""
        return self._source.provenance()


def _conversation(name: str, row: _Row) -> case.Conversation:
    history = tuple(_items(row))
    one = case.Case(
        id=name,
        cluster=name,
        history=history,
        question=row.self_instruct.B,
        answers=(row.self_instruct.A,),
        asked_at=(history[-1].at if history else None) or LAST_SESSION,
    )
    return case.Conversation(name, history, (one,))


def _items(row: _Row) -> Iterator[case.Item]:
    starts = _starts([session.time_back for session in row.previous_dialogs])
    sessions = [*(session.dialog for session in row.previous_dialogs), row.dialog]
    for number, (start, turns) in enumerate(zip(starts, sessions, strict=True), 1):
        for index, turn in enumerate(turns):
            if turn.text.strip():
                name = turn.id or f"Speaker {index % 2 + 1}"
                at = start + index * _SECONDS_BETWEEN_TURNS
                yield case.Item(f"{number}:{index + 1}", turn.text, "user", name, at)


def _starts(told: list[str]) -> list[float]:
    """When each session begins; a day apart where the data does not say, or says it backwards."""
    back = [sum(int(n) * _SECONDS[unit.lower()] for n, unit in _PART.findall(t)) for t in told]
    sane = all(back) and all(a > b for a, b in itertools.pairwise(back))
    if not sane:
        back = [86_400 * (len(told) - index) for index in range(len(told))]
    return [*(LAST_SESSION - seconds for seconds in back), LAST_SESSION]
