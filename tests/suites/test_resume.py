"""SIGKILL at random moments: what was committed stays, nothing is bought twice, one table."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from archgraph import clock
from archgraph.suites.running import coordinator
from archgraph.suites.running import ledger as ledgers
from tests.suites import made_plans

KILLS = 24

PROGRAM = """
import sys
from archgraph.suites.running import coordinator
from tests.suites import made_plans, test_resume

def told(state):
    print(state.done, flush=True)

model = test_resume.Noted(sys.argv[2])
options = coordinator.Options(workers=2, watch=told, open_gateway=model.open)
print("END", coordinator.run(test_resume.plan(), sys.argv[1], options).state, flush=True)
"""


class Noted(made_plans.Counted):
    """Notes every call that it answered in a file, so that no kill hides one."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self._path = Path(path)

    def complete(self, request):  # type: ignore[no-untyped-def]
        found = super().complete(request)
        with self._path.open("a") as notes:
            notes.write("x")
        return found


def plan():  # type: ignore[no-untyped-def]
    """Two arms that share their calls, one history with many questions, some with few."""
    arms = {"one": "fake/model", "two": "fake/model", "three": "offline/extractive"}
    return made_plans.plan_of(arms, talks=2, questions=30, faults=made_plans.slow())


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_run_that_is_killed_again_and_again_ends_in_the_same_table(tmp_path: Path) -> None:
    run, notes = tmp_path / "run", tmp_path / "calls"
    chance, kills, rounds = clock.derive_random(7, 0, 0), 0, 0
    while kills < KILLS:
        rounds += 1
        if rounds % 8 == 0:
            run = tmp_path / f"run{rounds}"  # the beginning is killed, too
        kills += killed(run, notes, chance.random())
    calls = notes.read_text().count("x")
    with ledgers.Ledger.open(run, readonly=True) as ledger:
        before = ledger.counts()
    model = Noted(str(notes))
    end = coordinator.run(plan(), run, coordinator.Options(workers=2, open_gateway=model.open))
    assert end.state == "complete" and end.broken == 0
    assert end.executed == 180 - sum(before.values())
    whole = made_plans.Counted()
    coordinator.run(plan(), tmp_path / "whole", coordinator.Options(
        workers=2, open_gateway=whole.open))  # fmt: skip
    assert made_plans.table(run) == made_plans.table(tmp_path / "whole")
    assert calls + model.calls <= (rounds // 8 + 1) * (whole.calls + 2) + 2 * kills


def killed(run: Path, notes: Path, share: float) -> bool:
    """Run and kill at a random moment: at a count of trials, or before the first."""
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(run), str(notes)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    with process.stdout:
        first = process.stdout.readline()
        if first and not first.startswith("END"):
            wanted = int(first) + int(share * 30)
            for line in process.stdout:
                if line.startswith("END") or int(line) >= wanted:
                    break
        process.send_signal(signal.SIGKILL)
    return process.wait() == -signal.SIGKILL
