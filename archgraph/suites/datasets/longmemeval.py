"""LongMemEval (Wu et al., ICLR 2025): one long chat history with an assistant for each question.

Reads a user's copy of longmemeval_s.json, _m.json or _oracle.json, also of the cleaned release.
Called by the planner. Knows no agent.

Sessions are put in the order of their dates: the oracle file is not sorted, and time must not run
backwards. A question whose id ends in `_abs` has no answer: the reply must say so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar, Literal

import pydantic

from archgraph.suites.datasets import base, case, files

PUBLISHED = files.Published(
    dataset="longmemeval",
    files={
        "d6f21ea9d60a0d56f34a05b609c79c88a451d2ae03597821ea3d5a9678c3a442": (
            "longmemeval_s_cleaned.json"
        ),
        "9d79e5524794a2e6900a3aa9cb7d9152c5a3e8319c9a87c25494ba1eacee495f": (
            "longmemeval_m_cleaned.json"
        ),
        "821a2034d219ab45846873dd14c14f12cfe7776e73527a483f9dac095d38620c": (
            "longmemeval_oracle.json of the cleaned release"
        ),
    },
    where="https://huggingface.co/datasets/xiaowu0162/longmemeval-cleaned",
    licence="MIT",
)
_SECONDS_BETWEEN_TURNS = 30.0


class _Turn(files.Shape):
    role: Literal["user", "assistant"]
    content: str
    has_answer: bool = False


class _Row(files.Shape):
    question_id: str
    question_type: str
    question: str
    answer: files.Text
    question_date: str
    haystack_session_ids: list[str]
    haystack_dates: list[str]
    haystack_sessions: list[list[_Turn]]
    answer_session_ids: list[str] = pydantic.Field(default=[])

    @pydantic.field_validator("question_date", "haystack_dates")
    @classmethod
    def _dated(cls, told: Any) -> Any:
        for each in [told] if isinstance(told, str) else told:
            parse_time(each)
        return told

    @pydantic.model_validator(mode="after")
    def _parallel(self) -> _Row:
        counts = [len(self.haystack_session_ids), len(self.haystack_dates)]
        if counts != [len(self.haystack_sessions)] * 2:
            raise ValueError(
                f"{len(self.haystack_sessions)} haystack_sessions, but {counts[0]} ids and "
                f"{counts[1]} dates"
            )
        return self


def parse_time(text: str) -> float:
    """Seconds since 1970 of a time such as `2023/05/20 (Sat) 02:21`, taken as UTC.

    Raises:
        ValueError: the text has another form.
    """
    try:
        moment = datetime.strptime(text.strip(), "%Y/%m/%d (%a) %H:%M")
    except ValueError as error:
        raise ValueError(f"{text!r} is not a time like '2023/05/20 (Sat) 02:21'") from error
    return moment.replace(tzinfo=UTC).timestamp()


class LongMemEval(base.Dataset):
    """LongMemEval: 500 questions, each about a long history of chats of its own (user's file)."""

    scorers: ClassVar[tuple[str, ...]] = (
        "contains", "f1", "judge", "abstention", "evidence_recall", "evidence_all",
        "evidence_ndcg", "window_recall",
    )  # fmt: skip
    licence = PUBLISHED.licence

    class Options(files.Options):
        """Keys of `longmemeval`."""

    options: Options

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self._data, self._source = files.read(PUBLISHED, options.path, options.unverified)

    def conversations(self) -> Iterator[case.Conversation]:
        """One history with one question for each row, read one at a time."""
        seen: set[str] = set()
        path = self.options.path
        for number, item in enumerate(files.json_items("longmemeval", path, self._data)):
            [row] = files.checked("longmemeval", _Row, [(f"{path}[{number}]", item)])
            if row.question_id in seen:
                base.distinct("longmemeval", path, [row.question_id] * 2)
            seen.add(row.question_id)
            yield _conversation(row)

    def provenance(self) -> Mapping[str, Any]:
        """The file and its digest."""
        return self._source.provenance()


def _conversation(row: _Row) -> case.Conversation:
    items: list[case.Item] = []
    evidence: list[str] = []
    sessions = zip(row.haystack_dates, row.haystack_session_ids, row.haystack_sessions, strict=True)
    ordered = sorted(enumerate(sessions), key=lambda each: (parse_time(each[1][0]), each[0]))
    latest = 0.0
    for number, (date, session, turns) in ordered:
        start = max(parse_time(date), latest)
        for index, turn in enumerate(turns):
            if not turn.content.strip():
                continue
            latest = start + index * _SECONDS_BETWEEN_TURNS
            id = f"{number}:{session}:{index + 1}"
            items.append(case.Item(id, turn.content, turn.role, "", latest))
            evidence += [id] if turn.has_answer else []
    abstain = row.question_id.endswith("_abs")
    history = tuple(items)
    details = {"answer_sessions": list(row.answer_session_ids), "abstention": abstain}
    one = case.Case(
        id=row.question_id,
        cluster=row.question_id,
        history=history,
        question=row.question,
        answers=() if abstain else (row.answer,),
        evidence=() if abstain else tuple(evidence),
        category=row.question_type,
        asked_at=max(parse_time(row.question_date), latest),
        details={**details, "explanation": row.answer} if abstain else details,
    )
    return case.Conversation(row.question_id, history, (one,))
