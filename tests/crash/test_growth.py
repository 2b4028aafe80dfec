"""Ten thousand heartbeats: what a step costs does not depend on how many came before (G5).

Counted are bytes of the file, statements and virtual-machine operations of SQLite, and calls of
Python: numbers that are the same on every machine.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from archgraph.graph import plan as plans
from archgraph.llm import base as llm
from archgraph.runtime import agent as agents
from tests import helpers

STEPS, PER_TURN = 10_000, 50
PAYLOAD = "a note of some forty characters, all in all"
EVERY = 1_000
"""Operations of SQLite's virtual machine between two ticks of the counter."""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@dataclass(frozen=True)
class Cost:
    """What one turn of 50 heartbeats took."""

    bytes: int
    statements: int
    operations: int
    calls: int


def test_ten_thousand_heartbeats_cost_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    agent = made(tmp_path / "a.db")
    costs = [turn(agent) for _ in range(STEPS // PER_TURN)]
    steps = agent.db.value("SELECT count(*) FROM step")
    assert steps == STEPS
    early, late = mean(costs[20:40]), mean(costs[-20:])
    payload = said(agent) / STEPS
    with capsys.disabled():
        print(f"\nper step: early {early}, late {late}, payload {payload:.0f} bytes")
    assert late.bytes <= 2048, "DESIGN 12"
    assert late.bytes - payload <= 1024, "G5: besides what was said"
    assert late.bytes <= 1.1 * early.bytes
    assert late.statements <= 1.02 * early.statements
    assert late.operations <= 1.1 * early.operations
    assert late.calls <= 1.02 * early.calls
    agent.close()


def said(agent: agents.Agent) -> int:
    """Bytes of what model, tools and user said, as often as the file has to hold it."""
    sums = (
        "SELECT sum(length(reply)) FROM step", "SELECT sum(length(result)) FROM call",
        "SELECT sum(length(content) + length(fields)) FROM record",
    )  # fmt: skip
    return sum(int(agent.db.value(sql)) for sql in sums)


def made(path: Path) -> agents.Agent:
    """An agent that writes a note in every step, and sees its last 30 messages."""
    main = helpers.thread(
        context=(plans.ContextItem("window"),),
        heartbeat=plans.HeartbeatPlan(when=("requested",), max_steps=PER_TURN),
    )
    made = helpers.plan(
        main,
        stores={
            "window": {"type": "queue", "over": "recall", "capacity": 30},
            "archival": {"type": "collection", "index": ["text"]},
        },
        tools={"keep": ("insert", "archival"), "say": ("reply",)},
    )
    return helpers.opened(made, helpers.Answers(note()), path)


def note() -> Any:
    count = 0

    def rule(request: llm.Request) -> Any:
        nonlocal count
        count += 1
        return helpers.call("keep", content=f"{PAYLOAD} {count:06}", request_heartbeat=True)

    return rule


def turn(agent: agents.Agent) -> Cost:
    """Send a message and count."""
    counts = {"sql": 0, "vm": 0, "call": 0}
    before = size(agent)

    def statement(sql: str) -> None:
        counts["sql"] += 1

    def operations() -> int:
        counts["vm"] += 1
        return 0

    def profile(frame: Any, event: str, argument: Any) -> None:
        counts["call"] += event == "call"

    connection = agent.db.connection
    connection.set_trace_callback(statement)
    connection.set_progress_handler(operations, EVERY)
    sys.setprofile(profile)
    try:
        agent.send("go on")
    finally:
        sys.setprofile(None)
        connection.set_progress_handler(None, 0)
        connection.set_trace_callback(None)
    grown = size(agent) - before
    return Cost(grown, counts["sql"], counts["vm"] * EVERY, counts["call"])


def size(agent: agents.Agent) -> int:
    """Bytes of the file and what waits in its log."""
    return int(agent.db.value("PRAGMA page_count")) * int(agent.db.value("PRAGMA page_size"))


def mean(costs: list[Cost]) -> Cost:
    """The mean of turns, for one step."""
    count = len(costs) * PER_TURN
    return Cost(*(round(sum(getattr(cost, name) for cost in costs) / count)
                  for name in Cost.__dataclass_fields__))  # fmt: skip
