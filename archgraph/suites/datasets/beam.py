"""BEAM (arXiv 2510.27246): very long chats with an assistant, and questions of ten abilities.

Reads a user's copy of a folder `chats/<size>` of the authors' repository, or of one chat in it.
Called by the planner. Knows no agent.

The mark ` ->-> 1,2` at the end of users' messages is the generator's own (it names a bullet of its
plan) and is cut off. `source_chat_ids` are the evidence, whatever structure holds them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar, Literal

from archgraph import errors
from archgraph.suites.datasets import base, case, files

CHAT, QUESTIONS = "chat.json", "probing_questions/probing_questions.json"
ABSTENTION = "abstention"
PUBLISHED = files.Published(
    dataset="beam",
    files={
        "ec04ce540feeca7bba7f0a7f5066ecfaf9f7010a223167184da4bb6bc7a9dc65": "chats/100K, 20 chats",
        "9e52d3ff13f15d2d1693a9275ffcaeba8a7e7409f20eb96b5874cad0148d925d": "chats/500K, 35 chats",
    },
    where="https://github.com/mohammadtavakoli78/BEAM, a folder of chats/ (100K, 500K, 1M, 10M)",
    licence="none stated",
)
_MARK = re.compile(r"\s*->->\s*[\w,./ ]*$")
_ANSWERS = ("answer", "ideal_answer", "ideal_summary", "ideal_response", "expected_compliance")
_SECONDS_BETWEEN_TURNS = 30.0


class _Turn(files.Shape):
    role: Literal["user", "assistant"]
    id: int
    content: str
    time_anchor: str | None = None


class _Question(files.Shape):
    question: str
    rubric: list[files.Text]
    difficulty: str = ""
    source_chat_ids: Any = None
    answer: files.Text | None = None
    ideal_answer: files.Text | None = None
    ideal_summary: files.Text | None = None
    ideal_response: files.Text | None = None
    expected_compliance: files.Text | None = None


class Beam(base.Dataset):
    """BEAM: chats of 100K to 10M tokens, 20 questions each about ten abilities (user's folder)."""

    scorers: ClassVar[tuple[str, ...]] = (
        "evidence_recall", "evidence_all", "evidence_ndcg", "window_recall", "abstention", "judge",
    )  # fmt: skip
    licence = PUBLISHED.licence

    class Options(files.Options):
        """Keys of `beam`."""

    options: Options

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        folder = files.find(PUBLISHED, options.path)
        self._chats = [folder] if (folder / CHAT).is_file() else _chats_in(folder)
        if not self._chats:
            raise errors.InputError(
                f"beam: {options.path} holds neither {CHAT} nor folders with one; give chats/100K "
                f"or one chat in it; {PUBLISHED.get_it()}"
            )
        read = [
            (f"{chat.name}/{name}", files.content("beam", chat / name))
            for chat in self._chats
            for name in (CHAT, QUESTIONS)
        ]
        digest = files.digest_of_files(read)
        self._source = files.verified(PUBLISHED, options.path, digest, options.unverified)
        self._read = dict(read)

    def conversations(self) -> Iterator[case.Conversation]:
        """The chats in the order of their numbers."""
        for chat in self._chats:
            yield _conversation(chat.name, str(chat), self._read)

    def provenance(self) -> Mapping[str, Any]:
        """The folder, and one digest for all files that were read."""
        return self._source.provenance(chats=len(self._chats))


def _chats_in(folder: Path) -> list[Path]:
    found = [each for each in folder.iterdir() if (each / CHAT).is_file()]
    return sorted(found, key=lambda each: (len(each.name), each.name))


def _conversation(name: str, place: str, read: Mapping[str, bytes]) -> case.Conversation:
    path = f"{place}/{CHAT}"
    turns = list(_turns(files.json_of("beam", path, read[f"{name}/{CHAT}"])))
    rows = [(f"{path}, turn {number}", turn) for number, turn in enumerate(turns)]
    items = tuple(_items(files.checked("beam", _Turn, rows)))
    base.distinct("beam", path, [item.id for item in items])
    asked = files.json_of("beam", f"{place}/{QUESTIONS}", read[f"{name}/{QUESTIONS}"])
    cases = tuple(_cases(name, f"{place}/{QUESTIONS}", asked, items))
    return case.Conversation(name, items, cases)


def _turns(node: Any) -> Iterator[Any]:
    """Every turn, at whatever depth: batches hold turns, and the largest chats hold plans."""
    if isinstance(node, Mapping):
        if "role" in node:
            yield node
            return
        node = list(node.values())
    if isinstance(node, list):
        for each in node:
            yield from _turns(each)


def _items(turns: list[_Turn]) -> Iterator[case.Item]:
    at: float | None = None
    for turn in turns:
        anchor = _moment(turn.time_anchor)
        if at is not None:
            at += _SECONDS_BETWEEN_TURNS
        if anchor is not None:
            at = anchor if at is None else max(at, anchor)
        text = _MARK.sub("", turn.content) if turn.role == "user" else turn.content
        if text.strip():
            yield case.Item(str(turn.id), text, turn.role, "", at)


def _moment(anchor: str | None) -> float | None:
    """Seconds since 1970 of `March-15-2024`; None where there is no such date."""
    try:
        return datetime.strptime(anchor or "", "%B-%d-%Y").replace(tzinfo=UTC).timestamp()
    except ValueError:
        return None


def _cases(name: str, path: str, asked: Any, items: tuple[case.Item, ...]) -> Iterator[case.Case]:
    if not isinstance(asked, Mapping) or not all(isinstance(v, list) for v in asked.values()):
        raise errors.InputError(f"beam: {path} must map abilities to lists of questions")
    places = [(ability, n, row) for ability, rows in asked.items() for n, row in enumerate(rows)]
    rows = files.checked(
        "beam", _Question, [(f"{path}, {ability}[{n}]", row) for ability, n, row in places]
    )
    known, wrong = {item.id for item in items}, []
    made = []
    for (ability, number, _), row in zip(places, rows, strict=True):
        here = f"{path}, {ability}[{number}]"
        evidence = tuple(dict.fromkeys(_ids(row.source_chat_ids)))
        lost = [id for id in evidence if id not in known]
        answer = next((text for key in _ANSWERS if (text := getattr(row, key))), None)
        wrong += [f"{here}.source_chat_ids: no turn {', '.join(lost)}"] if lost else []
        wrong += [f"{here}: has none of {', '.join(_ANSWERS)}"] if answer is None else []
        made.append(_case(f"{name}-{ability}-{number}", name, items, row, (ability, evidence)))
    files.report("beam", wrong)
    yield from made


def _case(
    id: str,
    chat: str,
    items: tuple[case.Item, ...],
    row: _Question,
    asked: tuple[str, tuple[str, ...]],
) -> case.Case:
    ability, evidence = asked
    answer = next((text for key in _ANSWERS if (text := getattr(row, key))), None)
    return case.Case(
        id=id,
        cluster=chat,
        history=items,
        question=row.question,
        answers=() if ability == ABSTENTION or answer is None else (answer,),
        evidence=evidence,
        category=ability,
        details={"rubric": list(row.rubric), "difficulty": row.difficulty, "ideal": answer or ""},
    )


def _ids(node: Any) -> Iterator[str]:
    """The ids in `source_chat_ids`: a list, lists by name, or nothing."""
    if isinstance(node, Mapping):
        node = list(node.values())
    if isinstance(node, list):
        for each in node:
            yield from _ids(each)
    elif node is not None:
        yield str(node)
