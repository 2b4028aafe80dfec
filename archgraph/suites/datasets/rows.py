"""One's own data: rows of three forms, checked all at once, turned into conversations.

Called by `jsonl` and `huggingface`. Knows no file. The forms are told apart by their keys:

- `conversation` and `items`: a history;
- `conversation` and `question`: a question about it;
- `history` and `question`: both in one row.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

import pydantic

from archgraph import clock, errors
from archgraph.suites.datasets import base, case, files

_TIMES = (clock.parse_moment("0001-01-02"), clock.parse_moment("9999-12-30"))


def _moment(told: Any) -> Any:
    if told is None or (isinstance(told, str) and not told.strip()):
        return None
    try:
        numeric = isinstance(told, int | float) and not isinstance(told, bool)
        moment = float(told) if numeric else clock.parse_moment(str(told))
    except (ValueError, OverflowError) as error:
        raise ValueError(f"must be an ISO 8601 time or seconds since 1970, not {told!r}") from error
    if not _TIMES[0] <= moment <= _TIMES[1]:
        raise ValueError(f"must lie in the years 1 to 9999, not {told!r}")
    return moment


def _several(told: Any) -> Any:
    return told if isinstance(told, list | tuple) else [] if told is None else [told]


Moment = Annotated[float | None, pydantic.BeforeValidator(_moment)]
Texts = Annotated[list[files.Text], pydantic.BeforeValidator(_several)]


class Options(base.Options):
    """Keys of every dataset of one's own."""

    fields: dict[str, str] = pydantic.Field(default={})
    """Your names for the keys, where they differ: `{question: prompt}`; for those of items with a
    dot: `{item.text: content}`."""


class ItemRow(pydantic.BaseModel):
    """One thing to put in memory."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    text: files.Text
    """What is said or to be known."""
    id: files.Text | None = None
    """Unique in its conversation; its number, from 1, if left out."""
    role: Literal["user", "assistant"] = "user"
    """Who says it."""
    name: str = ""
    """The speaker's name."""
    time: Moment = None
    """ISO 8601 or seconds since 1970; must not run backwards."""


class _Asked(pydantic.BaseModel):
    """What is asked about a history."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    id: files.Text | None = None
    """Unique in the data; made from the conversation's and a number if left out."""
    question: str
    """What the agent is asked."""
    answer: files.Text | None = None
    """The right answer, where there is one; a number is taken as text."""
    answers: Texts | None = None
    """All answers of which any is right, one alone needs no list; `[]` where it is right to say
    that one does not know."""
    evidence: Texts = []
    """Ids of the items that hold the answer."""
    category: int | str | None = None
    """A group for tables."""
    asked_at: Moment = None
    """When it is asked, not before the last item's time; after the last item if left out."""
    rejected: Texts = []
    """Answers that are known to be wrong."""
    details: dict[str, Any] = {}
    """Anything that a scorer of yours reads."""

    @pydantic.model_validator(mode="after")
    def _answered(self) -> _Asked:
        if not self.question.strip():
            raise ValueError("question is empty")
        if self.answer is None and self.answers is None:
            raise ValueError("it needs `answer` or `answers` (`[]` if abstaining is right)")
        if self.answer is not None and self.answers is not None:
            raise ValueError("give `answer` or `answers`, not both")
        return self


class HistoryRow(pydantic.BaseModel):
    """A row that holds a history."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    conversation: files.Text
    """Names the conversation; questions name it, too."""
    items: list[ItemRow]
    """What is put in memory, in order; a text alone is an item."""


class QuestionRow(_Asked):
    """A row that holds a question."""

    conversation: files.Text
    """The conversation that it is about."""


class CaseRow(_Asked):
    """A row that holds a history and the question about it."""

    conversation: files.Text | None = None
    """A name for both; the row's number if left out. Rows that share one are one cluster."""
    history: list[ItemRow]
    """What is put in memory, in order; a text alone is an item."""


@dataclass(frozen=True)
class Unread:
    """Stands where a row should be that could not be read, and says why."""

    reason: str


@dataclass
class _Table:
    """What was read so far; `wrong` collects all that is not right, in the order of the rows."""

    histories: dict[str, tuple[case.Item, ...]] = field(default_factory=dict)
    clusters: dict[str, str] = field(default_factory=dict)
    asked: list[tuple[str, str, _Asked]] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    refused: set[str] = field(default_factory=set)
    """Conversations whose row of items is wrong: what else that leads to is not told."""
    lost: bool = False
    """Whether some row is so wrong that it may have held the items of any conversation."""


def conversations(
    dataset: str, rows: Iterable[tuple[str, Any]], fields: Mapping[str, str], *, strict: bool = True
) -> tuple[case.Conversation, ...]:
    """The conversations that rows tell.

    Args:
        dataset: whose rows they are, for messages.
        rows: pairs of a place (`file:line`) and a mapping, or `Unread`.
        fields: the user's names for keys.
        strict: refuse keys that are not known, rather than leave them.

    Raises:
        InputError: names every row that is wrong, up to ten, and how.
    """
    table = _Table()
    for number, (place, row) in enumerate(rows, 1):
        _take(table, place, row, (fields, strict, number))
    found = list(_joined(table))
    files.report(dataset, table.wrong)
    if not any(each.cases for each in found):
        files.report(dataset, ["there is no question in it"])
    return tuple(found)


def _take(table: _Table, place: str, row: Any, how: tuple[Mapping[str, str], bool, int]) -> None:
    fields, strict, number = how
    if not isinstance(row, Mapping):
        reason = row.reason if isinstance(row, Unread) else "each row must be an object"
        table.wrong.append(f"{place}: {reason}")
        table.lost = True
        return
    named = _renamed(row, fields, "")
    model = next((m for key, m in _FORMS.items() if named.get(key) is not None), None)
    if model is None:
        table.wrong.append(
            f"{place}: a row needs `items`, `history` or `question`; it has "
            f"{', '.join(map(repr, row)) or 'nothing'}"
        )
        table.refused.add(str(named.get("conversation")))
        return
    try:
        read = model.model_validate(_cleaned(named, model, fields, strict))
    except pydantic.ValidationError as error:
        table.wrong += [f"{place}: {_hinted(each, model)}" for each in files.problems(error)]
        if model is HistoryRow:
            _refuse(table, named)
        return
    _keep(table, place, read, number)


def _refuse(table: _Table, named: Mapping[str, Any]) -> None:
    """Note whose items a faulty row may have held."""
    name = named.get("conversation")
    table.refused.add(str(name))
    table.lost = table.lost or not isinstance(name, str | int | float)


def _keep(table: _Table, place: str, read: Any, number: int) -> None:
    name = read.conversation
    if isinstance(read, QuestionRow):
        table.asked.append((place, read.conversation, read))
        return
    told = read.items if isinstance(read, HistoryRow) else read.history
    if isinstance(read, CaseRow):
        name = f"row-{number}"
        table.clusters[name] = read.conversation or name
        table.asked.append((place, name, read))
    if name in table.histories:
        table.wrong.append(f"{place}: conversation {name!r} has its items already")
    table.histories.setdefault(name, tuple(_items(told, place, table.wrong)))


def _items(told: Sequence[ItemRow], place: str, wrong: list[str]) -> Iterator[case.Item]:
    seen: set[str] = set()
    latest: float | None = None
    for number, item in enumerate(told, 1):
        id = item.id or str(number)
        if not item.text.strip():
            wrong.append(f"{place}: item {number} is empty; leave it out")
        if id in seen:
            wrong.append(f"{place}: item {number} has the id {id!r}, which an earlier one has")
        if item.time is not None and latest is not None and item.time < latest:
            told_at, before = clock.stamp(item.time), clock.stamp(latest)
            wrong.append(f"{place}: item {number}: time runs backwards, {told_at} after {before}")
        seen.add(id)
        latest = item.time if item.time is not None else latest
        yield case.Item(id, item.text, item.role, item.name, item.time)


def _joined(table: _Table) -> Iterator[case.Conversation]:
    asked: dict[str, list[case.Case]] = {name: [] for name in table.histories}
    seen: set[str] = set()
    for place, name, read in table.asked:
        history = table.histories.get(name)
        if history is None and (table.lost or name in table.refused):
            continue
        if history is None:
            near = errors.suggest(name, table.histories)
            table.wrong.append(f"{place}: no row holds the items of conversation {name!r}; {near}")
            continue
        known = {item.id for item in history}
        lost = [id for id in read.evidence if id not in known]
        if lost:
            table.wrong.append(f"{place}: evidence names no item: {', '.join(map(repr, lost))}")
        table.wrong += [f"{place}: {told}" for told in _too_early(read.asked_at, history)]
        one = _case(read, name, table.clusters.get(name, name), history, len(asked[name]) + 1)
        if one.id in seen:
            table.wrong.append(f"{place}: an earlier question has the id {one.id!r}, too")
        seen.add(one.id)
        asked[name].append(one)
    for name, history in table.histories.items():
        yield case.Conversation(name, history, tuple(asked[name]))


def _too_early(asked: float | None, history: Sequence[case.Item]) -> Iterator[str]:
    last = max((item.at for item in history if item.at is not None), default=None)
    if asked is not None and last is not None and asked < last:
        yield (f"asked_at is {clock.stamp(asked)}, before the last item of the history "
               f"({clock.stamp(last)}): a question is asked after it; give a later time, or leave "
               "asked_at out")  # fmt: skip


def _case(
    read: _Asked, name: str, cluster: str, history: tuple[case.Item, ...], number: int
) -> case.Case:
    return case.Case(
        id=read.id or f"{name}-q{number}",
        cluster=cluster,
        history=history,
        question=read.question,
        answers=tuple(read.answers or ()) if read.answer is None else (read.answer,),
        evidence=tuple(read.evidence),
        category=read.category,
        asked_at=read.asked_at,
        rejected=tuple(read.rejected),
        details=dict(read.details),
    )


# --- names of keys -------------------------------------------------------------------------------

_FORMS: dict[str, type[pydantic.BaseModel]] = {
    "items": HistoryRow, "history": CaseRow, "question": QuestionRow,
}  # fmt: skip


def known_fields() -> set[str]:
    """The keys that `fields` may rename."""
    rows = {key for model in _FORMS.values() for key in model.model_fields}
    return rows | {f"item.{key}" for key in ItemRow.model_fields}


def _renamed(row: Mapping[str, Any], fields: Mapping[str, str], prefix: str) -> dict[str, Any]:
    """A row with our names for its keys."""
    ours = {theirs: key.removeprefix(prefix) for key, theirs in fields.items()
            if key.startswith(prefix) and ("." in key) == bool(prefix)}  # fmt: skip
    taken = set(ours.values())
    return {ours.get(key, key): value for key, value in row.items()
            if key in ours or key not in taken}  # fmt: skip


def _cleaned(
    row: dict[str, Any],
    model: type[pydantic.BaseModel],
    fields: Mapping[str, str],
    strict: bool,
) -> dict[str, Any]:
    """A row as its form takes it; keys that are not known go where that is allowed."""
    kept = row if strict else {key: row[key] for key in row if key in model.model_fields}
    for key in ("items", "history"):
        if isinstance(kept.get(key), list):
            kept = {**kept, key: [_item(each, fields, strict) for each in kept[key]]}
    return kept


def _item(each: Any, fields: Mapping[str, str], strict: bool) -> Any:
    if not isinstance(each, Mapping):
        return {"text": each}
    named = _renamed(each, fields, "item.")
    return named if strict else {key: named[key] for key in named if key in ItemRow.model_fields}


def _hinted(problem: str, model: type[pydantic.BaseModel]) -> str:
    """A problem, with the nearest key where one is not known."""
    path, _, text = problem.partition(": ")
    if not text.startswith("extra inputs"):
        return problem
    name = path.rpartition(".")[2]
    known = ItemRow.model_fields if "." in path else model.model_fields
    return f"{path}: unknown key; {errors.suggest(name, known)}"
