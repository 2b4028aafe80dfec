"""What a dataset yields: items to be remembered, and the questions asked about them.

Made by the loaders and generators beside this file; read by the suite runner and by benchmarks.
Knows no agent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Item:
    """One thing to put in memory: a turn of a conversation, a record, a document.

    `at` is seconds since 1970 (UTC), None where the data has no time. `name` is the speaker.
    """

    id: str
    text: str
    role: str = "user"
    name: str = ""
    at: float | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """One question about a history.

    `cluster` groups cases that are not independent (those of one conversation). `answers` are
    alternatives of which any is right; it is empty where abstaining is right. `evidence` names
    the items that hold the answer. `asked_at` is seconds since 1970, None for "after the last
    item". Cases of one conversation share the same `history` tuple. `rejected` are answers that
    are known to be wrong (an older fact, the bait of an adversarial question). `details` are plain
    values that a dataset's own scorers read: a rubric, a question type, the tasks of a job.
    """

    id: str
    cluster: str
    history: tuple[Item, ...]
    question: str
    answers: tuple[str, ...]
    evidence: tuple[str, ...] = ()
    category: int | str | None = None
    asked_at: float | None = None
    rejected: tuple[str, ...] = ()
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Conversation:
    """One history and all the questions about it."""

    id: str
    items: tuple[Item, ...]
    cases: tuple[Case, ...]
