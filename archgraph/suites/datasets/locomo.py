"""LoCoMo (Maharana et al., 2024): long conversations of two people, with questions.

`load` reads a user's copy of `locomo10.json` (the data is CC BY-NC and is not shipped);
`LoCoMoDataset` is what a suite file names. Called by the suite runner and by benchmarks. Knows no
agent.

What is done to the data, and why: sessions are found by `session_<n>`, because some files have
dates of sessions that do not exist; categories stay integers, because their names were swapped in
publications; `query`, `observation` and the summaries are never read, because they leak answers;
evidence references are repaired where one reading is sane, and dropped and counted where not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar, Literal

import pydantic

from archgraph import clock
from archgraph.suites.datasets import base, case, files

ABSTAIN = 5
"""The category whose questions cannot be answered from the conversation."""
CATEGORIES = {
    1: "1 multi-hop", 2: "2 temporal", 3: "3 open-domain", 4: "4 single-hop", 5: "5 adversarial",
}  # fmt: skip
"""Names of the categories by the authors' task_eval/evaluation.py, never without the integer."""
NOT_MENTIONED = "Not mentioned in the conversation"
DATE_HINT = " Use DATE of CONVERSATION to answer with an approximate date."
"""What the authors' task_eval/gpt_utils.py appends to the questions of category 2."""
CHOICE = " Select the correct answer: (a) {a} (b) {b}. "
"""What it appends to those of category 5."""
DEV = ("conv-26", "conv-30", "conv-41", "conv-42", "conv-43")
"""The conversations on which archgraph's retrieval defaults were looked at."""
PUBLISHED = files.Published(
    dataset="locomo",
    files={
        "79fa87e90f04081343b8c8debecb80a9a6842b76a7aa537dc9fdf651ea698ff4": "locomo10.json",
        "1c9979aed9f236d0d6700ff90f205f01c1796875da7956cf94672edd87753933": (
            "dev: conversations 26, 30, 41, 42, 43"
        ),
    },
    where="https://github.com/snap-research/locomo, data/locomo10.json",
    licence="CC BY-NC 4.0",
)

_REFERENCE = re.compile(r"D:?(\d+):(\d+)")
_SECONDS_BETWEEN_TURNS = 30.0


class _Turn(files.Shape):
    speaker: str
    dia_id: str
    text: files.Text
    blip_caption: str | None = None


class _Question(files.Shape):
    question: str
    category: int = pydantic.Field(ge=1, le=5)
    evidence: list[str] = pydantic.Field(default=[])
    answer: files.Text | None = None
    adversarial_answer: files.Text | None = None

    @pydantic.model_validator(mode="after")
    def _answered(self) -> _Question:
        if self.answer is None and self.category != ABSTAIN:
            raise ValueError(f"a question of category {self.category} needs an answer")
        return self

    def bait(self) -> str | None:
        """What the authors' code offers as the second choice."""
        return self.adversarial_answer if self.answer is None else self.answer


class _Row(files.Shape):
    sample_id: str
    conversation: dict[str, Any]
    qa: list[_Question]


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


def load(path: str | Path, *, unverified: bool = True) -> LoCoMo:
    """Read a file in the schema of `locomo10.json`.

    Raises:
        InputError: the file is missing, has another shape, or is none of the published ones and
            `unverified` is false.
    """
    data, source = files.read(PUBLISHED, str(path), unverified)
    rows = files.json_of("locomo", str(path), data)
    if not isinstance(rows, list):
        files.report("locomo", [f"{path} must hold a JSON list of conversations"])
    read = files.checked("locomo", _Row, [(f"{path}[{n}]", row) for n, row in enumerate(rows)])
    base.distinct("locomo", str(path), [row.sample_id for row in read])
    count = _Count()
    found = tuple(_conversation(row, f"{path}[{n}]", count) for n, row in enumerate(read))
    return LoCoMo(str(path), source.sha256, found, count.repaired, count.dropped)


def parse_time(text: str) -> float:
    """Seconds since 1970 of a session's time, `1:56 pm on 8 May, 2023`, taken as UTC.

    Raises:
        ValueError: the text has another form.
    """
    moment = datetime.strptime(text.strip(), "%I:%M %p on %d %B, %Y")
    return moment.replace(tzinfo=UTC).timestamp()


def _conversation(row: _Row, place: str, count: _Count) -> case.Conversation:
    items = tuple(_items(row.conversation, place))
    base.distinct("locomo", place, [item.id for item in items])
    known = {item.id for item in items}
    cases = tuple(
        _case(row.sample_id, number, question, items, _evidence(question.evidence, known, count))
        for number, question in enumerate(row.qa)
    )
    return case.Conversation(row.sample_id, items, cases)


def _items(conversation: Mapping[str, Any], place: str) -> Iterator[case.Item]:
    numbers = sorted(int(key[8:]) for key in conversation if re.fullmatch(r"session_\d+", key))
    for number in numbers:
        here = f"{place}.conversation.session_{number}"
        start = _start(conversation.get(f"session_{number}_date_time"), here)
        turns = conversation[f"session_{number}"]
        if not isinstance(turns, list):
            files.report("locomo", [f"{here} must be a list of turns"])
        read = files.checked("locomo", _Turn, [(f"{here}[{n}]", t) for n, t in enumerate(turns)])
        for index, turn in enumerate(read):
            at = start + index * _SECONDS_BETWEEN_TURNS
            yield case.Item(turn.dia_id, _text(turn), "user", turn.speaker, at)


def _start(told: Any, place: str) -> float:
    try:
        return parse_time(told)
    except (ValueError, AttributeError):
        wrong = f"{place}_date_time must be like '1:56 pm on 8 May, 2023', not {told!r}"
        files.report("locomo", [wrong])
        raise


def _text(turn: _Turn) -> str:
    return f"{turn.text} [shares {turn.blip_caption}]" if turn.blip_caption else turn.text


def _case(
    name: str,
    number: int,
    question: _Question,
    items: tuple[case.Item, ...],
    evidence: tuple[str, ...],
) -> case.Case:
    abstain = question.category == ABSTAIN
    bait = question.bait() if abstain else None
    return case.Case(
        id=f"{name}-q{number:03}",
        cluster=name,
        history=items,
        question=question.question,
        answers=() if abstain else (str(question.answer),),
        evidence=evidence,
        category=question.category,
        rejected=(bait,) if bait else (),
    )


def _evidence(references: Sequence[str], known: set[str], count: _Count) -> tuple[str, ...]:
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


class LoCoMoDataset(base.Dataset):
    """LoCoMo: ten long conversations of two people with 1,986 questions (user's file)."""

    scorers: ClassVar[tuple[str, ...]] = (
        "locomo", "f1", "contains", "evidence_recall", "evidence_all", "evidence_ndcg",
        "window_recall", "judge",
    )  # fmt: skip
    licence = PUBLISHED.licence
    category_names: ClassVar[Mapping[str, str]] = {str(n): name for n, name in CATEGORIES.items()}

    class Options(files.Options):
        """Keys of `locomo`."""

        adversarial: Literal["open", "choice"] = "open"
        """How questions of category 5 are asked. `open`: as they are, and right if the reply says
        that there is no information. `choice`: with two answers to choose from, one of them "Not
        mentioned in the conversation", in an order drawn by `seed`, as in the authors' code."""
        date_hint: bool = True
        """Append to questions of category 2 what the authors' code appends: "Use DATE of
        CONVERSATION to answer with an approximate date."."""
        seed: int = 0
        """Draws the order of the two choices."""

    options: Options

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self.loaded = load(options.path, unverified=options.unverified)
        self._named = [found.id for found in self.loaded.conversations]
        self.split = self._split()

    def conversations(self) -> Iterator[case.Conversation]:
        """The conversations in the order of the file, their questions as `options` ask them."""
        for number, found in enumerate(self.loaded.conversations):
            cases = tuple(self._asked(one, number, n) for n, one in enumerate(found.cases))
            yield case.Conversation(found.id, found.items, cases)

    def provenance(self) -> Mapping[str, Any]:
        """Digest, mix of splits, and what was done to the evidence references."""
        digest = self.loaded.sha256
        source = files.Source(self.options.path, digest, PUBLISHED.files.get(digest, ""))
        return source.provenance(
            dev=[name for name in self._kept() if name in DEV],
            held_out=[name for name in self._kept() if name not in DEV],
            references_repaired=self.loaded.repaired,
            references_dropped=self.loaded.dropped,
        )

    def _kept(self) -> list[str]:
        return self._named[: self.options.conversations or None]

    def _split(self) -> str:
        dev = sum(name in DEV for name in self._kept())
        rest = len(self._kept()) - dev
        return f"dev ({dev}), held out ({rest})" if dev and rest else "dev" if dev else "held out"

    def _asked(self, one: case.Case, conversation: int, number: int) -> case.Case:
        if one.category == 2 and self.options.date_hint:
            return replace(one, question=one.question + DATE_HINT)
        if one.category != ABSTAIN or self.options.adversarial == "open" or not one.rejected:
            return one
        dice = clock.derive_random(self.options.seed, conversation, number)
        right, wrong = ("a", "b") if dice.random() < 0.5 else ("b", "a")
        choices = {right: NOT_MENTIONED, wrong: one.rejected[0]}
        return replace(
            one,
            question=one.question + CHOICE.format(**choices),
            details={"choices": dict(sorted(choices.items())), "right": right},
        )
