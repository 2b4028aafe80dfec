"""What came of a trial: the values that cross from running to scoring, ledger and report.

Made by `running.observing` in a worker, turned to JSON for the road and the ledger. Knows no
agent, no database and no statistics.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from archgraph.suites.datasets import case as cases

LOSSES = (
    "never written",
    "summarised away",
    "overwritten",
    "evicted",
    "not retrieved",
    "cut by the budget",
    "ignored",
)
"""The classes of forgetting, in the order of a fact's way from the user to the answer."""

REACHED = "reached"
"""What stands in the place of a loss where the gold item stood in a context window."""

TIMES = ("queue", "render", "embed", "search", "model", "tools", "commit")
"""The parts of a trial's wall time, in milliseconds."""


@dataclass(frozen=True, slots=True)
class Called:
    """A tool call of a step. `verb` and `stores` are what the tool is bound to."""

    tool: str
    verb: str
    stores: tuple[str, ...]
    arguments: str
    ok: bool
    result: str


@dataclass(frozen=True, slots=True)
class Step:
    """One model call of a trial and what followed.

    `messages` is the exact context window, as it was sent; `tools` the names of the tools offered.
    `times` are milliseconds by part (see `TIMES`).
    """

    thread: str
    kind: str
    at: float
    model: str
    status: str
    reason: str
    messages: tuple[Mapping[str, Any], ...]
    tools: tuple[str, ...]
    reply: Mapping[str, Any]
    calls: tuple[Called, ...]
    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int
    cost: float | None
    window_tokens: int
    prefix: float
    times: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Gold:
    """A gold item's fate: `reached`, or one of `LOSSES`; `why` says where it was last seen.

    `derived`: it reached the window only through a record that contains the normalised answer.
    """

    item: str
    fate: str
    why: str = ""
    derived: bool = False


@dataclass(frozen=True, slots=True)
class Spent:
    """Tokens, calls and money. `cost` is as if alone; `paid` what was really bought for it."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    calls: int = 0
    cost: float = 0.0
    paid: float = 0.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """All that a scorer may look at.

    `status` is `done`, `failed` (the turn ended without being able to go on), `cut` (by the token
    budget of the case) or `broken` (the trial itself broke; `reason` says how). `searches` holds,
    for each search call in order, the ids of the items that it returned, best first; `window` the
    ids of the items that stood verbatim in a context window, in the order of their first
    appearance. `state` is what stores hold after the trial, for scorers of tasks: store name to a
    list of records in plain form. `answered_in_window`: the normalised answer stood in a window.
    """

    case: cases.Case
    reply: str
    status: str
    reason: str = ""
    steps: tuple[Step, ...] = ()
    searches: tuple[tuple[str, ...], ...] = ()
    window: tuple[str, ...] = ()
    gold: tuple[Gold, ...] = ()
    answered_in_window: bool = False
    state: Mapping[str, Any] = field(default_factory=dict)
    store_bytes: int = 0
    spent: Spent = field(default_factory=Spent)
    by_thread: Mapping[str, Spent] = field(default_factory=dict)
    by_store: Mapping[str, int] = field(default_factory=dict)
    times: Mapping[str, float] = field(default_factory=dict)


def plain(value: Any) -> Any:
    """A dataclass of this module as JSON can hold it; the case is left out."""
    if isinstance(value, Outcome):
        return {f.name: plain(getattr(value, f.name))
                for f in dataclasses.fields(value) if f.name != "case"}  # fmt: skip
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    return value


def outcome(data: Mapping[str, Any], case: cases.Case) -> Outcome:
    """Read what `plain` made of an outcome."""
    made = dict(data)
    made["steps"] = tuple(_step(each) for each in data["steps"])
    made["searches"] = tuple(tuple(each) for each in data["searches"])
    made["window"] = tuple(data["window"])
    made["gold"] = tuple(Gold(**each) for each in data["gold"])
    made["spent"] = Spent(**data["spent"])
    made["by_thread"] = {key: Spent(**each) for key, each in data["by_thread"].items()}
    return Outcome(case=case, **made)


def _step(data: Mapping[str, Any]) -> Step:
    calls = tuple(Called(**{**each, "stores": tuple(each["stores"])}) for each in data["calls"])
    made = {**data, "messages": tuple(data["messages"]), "tools": tuple(data["tools"])}
    return Step(**{**made, "calls": calls})
