"""What the steps of pipelines came to, as lines of the journal: those without a model as well.

Called by `journal`. Reads the events that each step of a pipeline leaves in the agent's file.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from archgraph import clock
from archgraph.cli import screen

if TYPE_CHECKING:
    from archgraph.storage import database


@dataclass(frozen=True, slots=True)
class Taken:
    """A step of a pipeline that was taken: its operator, place in the list, and result.

    `model` is the journal's number of the model call, None where no model was asked; `commit`
    orders it among the calls.
    """

    thread: str
    operator: str
    place: int
    told: Mapping[str, Any]
    at: float
    turn: int | None
    model: int | None
    commit: int

    @property
    def says(self) -> str:
        """For example `resolve: add` or `read: 3 items`."""
        result = _result(self.told)
        return f"{self.operator}: {result}" if result else self.operator


def taken(db: database.Database, turn: int | None = None) -> list[Taken]:
    """Every step of a pipeline that was taken (in a turn), in order."""
    from archgraph.storage import journal as journals

    found = []
    where = "thread IS NOT NULL AND name LIKE thread || '.%' AND coalesce(turn = ?, ? IS NULL)"
    for row in journals.events(db, where, (turn, turn)):
        if "step" in row.payload:
            told = {name: part for name, part in row.payload.items() if name != "step"}
            operator = row.name.partition(".")[2]
            found.append(
                Taken(row.thread or "", operator, row.payload["step"], told, row.at, row.turn,
                      row.step, row.born)
            )  # fmt: skip
    return found


def lines(steps: Sequence[Taken]) -> list[tuple[int, Sequence[Any]]]:
    """Commit and line of each step that asked no model; equal ones in a row are one line."""
    alone = [each for each in steps if each.model is None]
    grouped = itertools.groupby(alone, lambda each: (each.thread, each.place, each.turn, each.at))
    found: list[tuple[int, Sequence[Any]]] = []
    for _, group in grouped:
        same = list(group)
        first, said = same[0], list(dict.fromkeys(each.says for each in same))
        results = ", ".join(filter(None, (_result(each.told) for each in same)))
        many = f"{first.operator}, {len(same)} times" + (f": {results}" if results else "")
        text = said[0] if len(same) == 1 else many
        found.append((first.commit, (
            "", first.turn, clock.stamp(first.at)[5:16], first.thread, "operator",
            screen.short(text, 60), "", "", "",
        )))  # fmt: skip
    return found


def in_model_calls(steps: Sequence[Taken]) -> dict[int, str]:
    """What came of each model call of a pipeline, by its number in the journal."""
    return {each.model: each.says for each in steps if each.model is not None}


def plain(step: Taken) -> dict[str, Any]:
    """As data, for `--json`."""
    return {
        "thread": step.thread, "operator": step.operator, "place": step.place, "at": step.at,
        "turn": step.turn, "step": step.model, **step.told,
    }  # fmt: skip


def _result(told: Mapping[str, Any]) -> str:
    if "decision" in told:
        return str(told["decision"])
    for name in ("items", "characters"):
        if name in told:
            return screen.plural(told[name], name[:-1])
    return str(told.get("result", ""))
