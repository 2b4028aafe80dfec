"""Outcomes made by hand, for the tests of scorers."""

from __future__ import annotations

import json
from typing import Any

from archgraph.suites import record
from archgraph.suites.datasets import case as cases


def case(*answers: str, question: str = "What colour is it?", **more: Any) -> cases.Case:
    return cases.Case("c1", "talk", (), question, answers, **more)


def outcome(reply: str = "", of: cases.Case | None = None, **more: Any) -> record.Outcome:
    return record.Outcome(of or case("blue"), reply, **{"status": "done", **more})


def step(*calls: tuple[str, str], ok: bool = True) -> record.Step:
    """A step with calls of verbs on task ids."""
    made = tuple(
        record.Called(verb, verb, ("tasks",), json.dumps({"id": id}), ok, "") for verb, id in calls
    )
    return record.Step(
        "main", "step", 0.0, "m", "done", "", (), (), {}, made, 0, 0, 0, None, 0, 0.0
    )


def nobody(system: str, question: str) -> str:
    raise AssertionError("nothing may be asked")
