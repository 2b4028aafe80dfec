"""Packs the trials of a run for the page: compressed, each text once, opened only where looked at.

A page holds blocks of base64 text, each the deflated form (RFC 1950) of a JSON list; the browser's
DecompressionStream opens one when a reader asks for a trial in it. Block 0 is the index of all
trials. Equal messages are stored once, whichever step, trial or arm they stood in.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from archgraph import errors
from archgraph.suites import results
from archgraph.suites.reporting import page_pool

Details = Literal["all", "wrong", "some", "none"]
"""Which trials keep their steps: all, those that are not right, some of each cell, none."""
Told = Callable[[str], Mapping[str, Any]]
"""What a trial did, by its id: an outcome in plain form, with its `case` and perhaps `scores`."""
_INDEXED = 50_000
_SOME = 20
_ANSWER = 400
"""Characters of a judge's answer; the whole stands in the ledger."""


@dataclass(frozen=True, slots=True)
class Packed:
    """The blocks of a page: of `wanted` trials, `kept` have their steps; `unlisted` are no rows."""

    blocks: tuple[str, ...]
    rows: int
    kept: int
    wanted: int
    unlisted: int


def pack(
    run: results.Results, told: Told | None, which: Details = "all", budget: int = 8_500_000
) -> Packed:
    """Pack the trials of a run.

    What is most worth reading comes first, so that it is in when the budget ends: cases on which
    the arms disagree, then those that all got wrong, then the rest; all arms of a case together.

    Args:
        run: the rows.
        told: what each trial did; None: no steps. A trial that it raises InputError for has none.
        which: which trials keep their steps.
        budget: bytes for all blocks.
    """
    listed = list(run.rows[:_INDEXED])
    wanted = [] if told is None or which == "none" else _wanted(run, listed, which)
    texts, trials = page_pool.Pool(), page_pool.Pool()
    values = page_pool.Pool(texts)
    kept: dict[str, tuple[int, Mapping[str, Any]]] = {}
    room = budget - 60 * len(listed)
    for row in wanted:
        if told is None or texts.taken + values.taken + trials.taken > room:
            break
        try:
            outcome = told(row.trial)
        except errors.InputError:
            continue  # a trial that broke before its first step left nothing to show
        packed = _trial(outcome, values)
        kept[row.trial] = (trials.append(packed), outcome)
    for pool in (texts, values, trials):
        pool.close()
    index = _index(run, listed, kept)
    index["blocks"] = {"texts": texts.starts, "values": values.starts, "trials": trials.starts}
    blocks = (
        page_pool.squeezed(page_pool.dumped(index)),
        *texts.blocks,
        *values.blocks,
        *trials.blocks,
    )
    return Packed(blocks, len(listed), len(kept), len(wanted), len(run.rows) - len(listed))


def right(run: results.Results, row: results.Row) -> float | None:
    """A row's primary score."""
    return row.scores.get(run.primary.get(row.dataset, ""))


def _wanted(run: results.Results, rows: Sequence[results.Row], which: Details) -> list[results.Row]:
    groups: dict[tuple[Any, ...], list[results.Row]] = {}
    for row in rows:
        key = (row.dataset, row.case, row.ingest_seed, row.answer_seed, row.judge_seed)
        groups.setdefault(key, []).append(row)
    ranked = sorted(groups.values(), key=lambda group: _worth(run, group))
    chosen = [row for group in ranked for row in group]
    if which == "wrong":
        return [row for row in chosen if right(run, row) != 1 or row.status != "done"]
    return list(_first_of_each(chosen)) if which == "some" else chosen


def _worth(run: results.Results, group: Sequence[results.Row]) -> int:
    scores = {right(run, row) for row in group}
    if len(scores) > 1:
        return 0
    return 2 if scores == {1.0} else 1


def _first_of_each(rows: Sequence[results.Row]) -> Iterator[results.Row]:
    counts: dict[tuple[str, str], int] = {}
    for row in rows:
        counts[row.arm, row.dataset] = counts.get((row.arm, row.dataset), 0) + 1
        if counts[row.arm, row.dataset] <= _SOME:
            yield row


def _trial(outcome: Mapping[str, Any], values: page_pool.Pool) -> dict[str, Any]:
    """What one trial did; messages are numbers in the pool of values."""
    case = _case(outcome)
    gold = set(case.get("evidence") or ()) | {g["item"] for g in outcome.get("gold", ())}
    history = (_fields(item) for item in case.get("history") or ())
    items = {item["id"]: item for item in history if item["id"] in gold}
    return {
        **_steps(outcome.get("steps", ()), values), "reply": outcome.get("reply", ""),
        "gold": outcome.get("gold", ()), "answered": outcome.get("answered_in_window", False),
        "items": {name: values.add(item) for name, item in items.items()},
        "case": values.add({k: v for k, v in case.items() if k != "history"}),
        "searches": outcome.get("searches", ()), "spent": outcome.get("spent", {}),
        "by_thread": outcome.get("by_thread", {}),
        "notes": {name: note for name, each in (outcome.get("scores") or {}).items()
                  if (note := _why(_fields(each)))},
    }  # fmt: skip


def _why(score: Mapping[str, Any]) -> str:
    """A score's note, and every verdict of a judge with what it answered."""
    told = [str(score.get("note") or "")]
    for vote in (score.get("details") or {}).get("votes", ()):
        answer = " ".join(str(vote["answers"][-1]).split())
        cut = f"{answer[:_ANSWER]}…" if len(answer) > _ANSWER else answer
        point = f" ({vote['point']})" if vote.get("point") else ""
        told.append(f"{vote['verdict']}{point}: {cut}")
    return " | ".join(filter(None, told))


def _steps(steps: Sequence[Mapping[str, Any]], values: page_pool.Pool) -> dict[str, Any]:
    """Steps by column, with their messages as numbers, told so that they repeat.

    In a window, 0 is the next new value (the first is `first`), (d,) an old one, d further than the
    last old one, and (start, length) a copy from the window of the thread's step before. In parts,
    which are reply, calls and tools, d is told against the same part of the step before.
    """
    before: dict[str, list[int]] = {}
    first = values.end
    last = [0, 0, 0, 0]
    made = []
    for step in steps:
        new = values.end
        window = [values.add(message) for message in step["messages"]]
        told: list[Any] = []
        for piece in copied(before.get(step["thread"], []), window):
            new, last[3], word = _told(piece, new, last[3])
            told.append(word)
        before[step["thread"]] = window
        parts: list[Any] = []
        for place, part in enumerate(("reply", "calls", "tools")):
            new = values.end
            new, last[place], word = _told(values.add(step[part]), new, last[place])
            parts.append(word)
        kept = {k: _rounded(v) for k, v in step.items() if k not in _APART}
        made.append({**kept, "window": told, "parts": parts})
    names = dict.fromkeys(name for each in made for name in each)
    columns = {name: [each.get(name) for each in made] for name in names}
    return {"first": first, "count": len(made), "steps": columns}


def _told(piece: int | list[int], new: int, last: int) -> tuple[int, int, Any]:
    """A piece as it is told; the next new number and the last old one after it."""
    if isinstance(piece, list):
        return new, last, piece
    return (new + 1, last, 0) if piece >= new else (new, piece, [piece - last])


_APART = ("messages", "reply", "calls", "tools")


def _rounded(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _rounded(each) for key, each in value.items()}
    return round(value, 1 if value > 1 else 3) if isinstance(value, float) else value


def copied(before: Sequence[int], window: Sequence[int]) -> list[int | list[int]]:
    """A window as what is new in it, and pairs (start, length) of what the one before had."""
    places = {number: place for place, number in enumerate(before)}
    pieces: list[int | list[int]] = []
    at = 0
    while at < len(window):
        start = places.get(window[at], -1)
        length = _common(before[start:], window[at:]) if start >= 0 else 0
        pieces.append([start, length] if length else window[at])
        at += max(length, 1)
    return pieces


def _common(one: Sequence[int], other: Sequence[int]) -> int:
    """How many numbers two lists begin with alike."""
    count = 0
    for a, b in zip(one, other, strict=False):
        if a != b:
            break
        count += 1
    return count


def _case(outcome: Mapping[str, Any]) -> dict[str, Any]:
    return dict(_fields(outcome.get("case") or {}))


def _fields(value: Any) -> Mapping[str, Any]:
    """The fields of a mapping or a dataclass, not their fields in turn."""
    if isinstance(value, Mapping):
        return value
    return {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}


def _index(
    run: results.Results,
    rows: Sequence[results.Row],
    kept: Mapping[str, tuple[int, Mapping[str, Any]]],
) -> dict[str, Any]:
    """All trials by column, with words as numbers in lists."""
    words = _Words()
    questions = {row.case: str(_case(kept[row.trial][1]).get("question", ""))
                 for row in rows if row.trial in kept}  # fmt: skip
    scorers = list(dict.fromkeys([*run.scorers, *(n for row in rows for n in row.scores)]))
    columns = {
        "id": [row.trial for row in rows],
        "arm": [words.number("arm", row.arm) for row in rows],
        "dataset": [words.number("dataset", row.dataset) for row in rows],
        "case": [words.number("case", row.case) for row in rows],
        "category": [words.number("category", row.category) for row in rows],
        "status": [words.number("status", row.status) for row in rows],
        "reason": [words.number("reason", row.reason) for row in rows],
        "seeds": [f"{row.ingest_seed}.{row.answer_seed}.{row.judge_seed}" for row in rows],
        "scores": [[_short(row.scores.get(name)) for name in scorers] for row in rows],
        "lost": [[words.number("fate", fate) for fate, n in row.losses.items() if n]
                 for row in rows],
        "tokens": [round(row.metrics.get("prompt_tokens", 0)
                         + row.metrics.get("completion_tokens", 0)) for row in rows],
        "at": [kept[row.trial][0] if row.trial in kept else -1 for row in rows],
        "reply": [str(kept[row.trial][1].get("reply", ""))[:300] if row.trial in kept else ""
                  for row in rows],
    }  # fmt: skip
    asked = [questions.get(case, "") for case in words.lists.get("case", {})]
    lists = {name: list(each) for name, each in words.lists.items()}
    return {"columns": columns, "words": lists, "questions": asked, "scorers": scorers,
            "primary": run.primary, "arms": list(run.arms)}  # fmt: skip


@dataclass
class _Words:
    lists: dict[str, dict[str, int]] = field(default_factory=dict)

    def number(self, name: str, word: str) -> int:
        """A word's number in the list of that name."""
        known = self.lists.setdefault(name, {})
        return known.setdefault(word, len(known))


def _short(score: float | None) -> float | None:
    return None if score is None else round(score, 4)
