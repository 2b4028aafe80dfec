"""SIGKILL in each phase of a step, in a process of its own: the file is that of a run without."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from archgraph.runtime import agent as agents
from archgraph.runtime import step
from archgraph.storage import database
from archgraph.stores import block, queue
from tests import helpers
from tests.conftest import ROOT
from tests.runtime import test_eviction
from tests.runtime.test_forks import made, story

MESSAGES = 4
PHASES = ["before the reply", "between reply and tools", "within tools", "within a commit",
          "within eviction"]  # fmt: skip


def feed(agent: agents.Agent) -> None:
    for number in range(MESSAGES):
        agent.send(f"message {number} {test_eviction.LINE}", key=str(number))


def arm(agent: agents.Agent, gateway: Any, phase: str, count: int) -> None:
    """Kill this process at the given occurrence of a phase."""
    left = [count]

    def killing(real: Any, after: bool = False) -> Any:
        def wrapped(*values: Any, **named: Any) -> Any:
            left[0] -= 1
            if left[0] == 0 and not after:
                os.kill(os.getpid(), signal.SIGKILL)
            found = real(*values, **named)
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return found

        return wrapped

    if phase == "before the reply":
        gateway.rule = killing(gateway.rule)
    elif phase == "between reply and tools":
        step.prepare = killing(step.prepare)
    elif phase == "within tools":
        block.Block.append = killing(block.Block.append, after=True)  # type: ignore[method-assign]
    elif phase == "within a commit":
        step.apply = killing(step.apply, after=True)
    else:
        queue.Queue.evict = killing(queue.Queue.evict, after=True)  # type: ignore[method-assign]


def child(path: str, phase: str, count: int) -> None:
    """What the process that is to be killed does."""
    gateway = story()
    agent = helpers.opened(made(), gateway, path)
    arm(agent, gateway, phase, count)
    feed(agent)


@pytest.mark.parametrize("count", [1, pytest.param(3, marks=pytest.mark.slow)])
@pytest.mark.parametrize("phase", PHASES)
def test_a_kill_leaves_the_file_of_a_run_without_one(
    phase: str, count: int, tmp_path: Path
) -> None:
    path = tmp_path / "killed.db"
    times = min(count, 2) if phase in ("within tools", "within eviction") else count
    code = (
        f"from tests.runtime import test_kills; test_kills.child({str(path)!r}, {phase!r}, {times})"
    )
    killed = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, timeout=60, check=False
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    again = helpers.reopened(path, story())
    again.resume()
    feed(again)
    whole = helpers.opened(made(), story())
    feed(whole)
    expected, found = database.dump(whole.db), database.dump(again.db)
    for table, rows in expected.items():
        assert found[table] == rows, table
    again.close()
