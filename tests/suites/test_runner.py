"""Runs from begin to end: reuse, broken trials, limits, dying workers, ctrl-C."""

from __future__ import annotations

import dataclasses
import os
import select
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from archgraph import errors
from archgraph.suites import plan
from archgraph.suites.running import coordinator, progress, verifying
from archgraph.suites.running import ledger as ledgers
from tests.suites import made_plans

HERE = coordinator.Options(workers=0)
PAID = {"one": "fake/model", "two": "fake/model"}


def test_a_run_does_every_trial_in_the_order_of_the_plan(tmp_path: Path) -> None:
    made = made_plans.plan_of()
    end = coordinator.run(made, tmp_path, HERE)
    assert (end.state, end.done, end.executed) == ("complete", 12, 12)
    rows = made_plans.rows_of(tmp_path)
    assert [row.trial for row in rows] == [each.id for each in made.trials]
    assert all(row.status == "done" for row in rows)
    assert 0 < sum(row.scores["contains"] or 0 for row in rows) <= 12


def test_a_second_run_does_nothing(tmp_path: Path) -> None:
    made = made_plans.plan_of()
    coordinator.run(made, tmp_path, HERE)
    before = (tmp_path / "run.db").read_bytes(), made_plans.table(tmp_path)
    end = coordinator.run(made, tmp_path, coordinator.Options(engine="dask"))  # none is started
    assert (end.state, end.executed) == ("complete", 0)
    assert made_plans.table(tmp_path) == before[1]


def test_a_smaller_plan_shows_less_and_a_larger_one_does_only_what_is_new(tmp_path: Path) -> None:
    coordinator.run(made_plans.plan_of(talks=2), tmp_path, HERE)
    end = coordinator.run(made_plans.plan_of(talks=1), tmp_path, HERE)
    assert (end.done, end.executed) == (6, 0)
    end = coordinator.run(made_plans.plan_of(talks=3), tmp_path, HERE)
    assert (end.done, end.executed) == (18, 6)


@pytest.mark.parametrize("workers", [1, 3])
def test_worker_processes_give_the_table_of_one_process(tmp_path: Path, workers: int) -> None:
    made = made_plans.plan_of(talks=1, questions=60)  # two ingests whose questions come after
    coordinator.run(made, tmp_path / "alone", HERE)
    end = coordinator.run(made, tmp_path / "many", coordinator.Options(workers=workers))
    assert (end.state, end.refused) == ("complete", 0)
    assert made_plans.table(tmp_path / "many") == made_plans.table(tmp_path / "alone")
    with ledgers.Ledger.open(tmp_path / "many", readonly=True) as ledger:
        kept = ledger._db.execute("SELECT count(*) FROM history WHERE snapshot IS NOT NULL")
        assert kept.fetchone()[0] == 0
        assert len(ledger.results().ingests) == 2


def test_the_order_of_questions_changes_nothing(tmp_path: Path) -> None:
    made = made_plans.plan_of(talks=1, questions=8)
    turned = dataclasses.replace(made, trials=made.trials[::-1])
    coordinator.run(made, tmp_path / "a", HERE)
    coordinator.run(turned, tmp_path / "b", HERE)
    assert made_plans.table(tmp_path / "b")[::-1] == made_plans.table(tmp_path / "a")


def test_arms_that_ask_the_same_share_what_was_bought(tmp_path: Path) -> None:
    model = made_plans.Counted()
    options = dataclasses.replace(HERE, open_gateway=model.open)
    coordinator.run(made_plans.plan_of({"one": "fake/model"}), tmp_path / "one", options)
    alone = model.calls
    coordinator.run(made_plans.plan_of(PAID), tmp_path / "two", options)
    assert alone and model.calls == 2 * alone  # the second arm of the second run was free
    with ledgers.Ledger.open(tmp_path / "two", readonly=True) as ledger:
        rows = ledger.results().rows
    first, second = ([row for row in rows if row.arm == name] for name in PAID)
    assert sum(row.metrics["paid"] for row in first) == pytest.approx(0.01 * alone)
    assert sum(row.metrics["paid"] for row in second) == 0
    assert [row.metrics["cost"] for row in first] == [row.metrics["cost"] for row in second]


def test_repeats_share_nothing(tmp_path: Path) -> None:
    model = made_plans.Counted()
    options = dataclasses.replace(HERE, open_gateway=model.open)
    coordinator.run(made_plans.plan_of({"one": "fake/model"}, seeds=(0,)), tmp_path / "a", options)
    once = model.calls
    plan_b = made_plans.plan_of({"one": "fake/model"}, seeds=(0, 1))
    coordinator.run(plan_b, tmp_path / "b", options)
    assert model.calls == 3 * once


@pytest.mark.parametrize("workers", [0, 2])
def test_a_limit_on_calls_stops_and_a_higher_one_goes_on(tmp_path: Path, workers: int) -> None:
    whole = made_plans.Counted()
    made = made_plans.plan_of(PAID, questions=4)
    coordinator.run(made, tmp_path / "whole", coordinator.Options(
        workers=0, open_gateway=whole.open))  # fmt: skip
    model = made_plans.Counted()
    options = coordinator.Options(workers=workers, open_gateway=model.open)
    limited = dataclasses.replace(made, limits=plan.Limits(max_calls=3))
    end = coordinator.run(limited, tmp_path / "run", options)
    assert end.state == "stopped" and "limit is 3" in end.reason
    assert model.calls == 3 and end.done < len(made.trials)
    assert end.broken == end.failed == 0
    with ledgers.Ledger.open(tmp_path / "run", readonly=True) as ledger:
        assert "limit is 3" in ledger.results().stopped
    again = coordinator.run(limited, tmp_path / "run", options)
    assert (again.state, model.calls) == ("stopped", 3)
    end = coordinator.run(made, tmp_path / "run", options)
    assert end.state == "complete" and model.calls == whole.calls
    assert made_plans.table(tmp_path / "run") == made_plans.table(tmp_path / "whole")


def test_a_limit_on_cost_is_passed_by_no_more_than_a_call_for_each_worker(tmp_path: Path) -> None:
    model = made_plans.Counted(cost=0.4)
    made = made_plans.plan_of(PAID, questions=4, talks=4, limits=plan.Limits(max_cost=1.0))
    end = coordinator.run(made, tmp_path, coordinator.Options(workers=2, open_gateway=model.open))
    assert end.state == "stopped" and "US dollars" in end.reason
    assert 1.0 <= model.calls * 0.4 <= 1.0 + 2 * 0.4


def test_a_model_of_unknown_price_is_told_of(tmp_path: Path) -> None:
    model = made_plans.Counted(cost=None)
    made = made_plans.plan_of({"one": "fake/model"}, limits=plan.Limits(max_cost=1.0))
    end = coordinator.run(made, tmp_path, dataclasses.replace(HERE, open_gateway=model.open))
    assert end.state == "complete"
    assert len(end.notes) == 1 and "fake/model costs is not known" in end.notes[0]


def test_a_model_that_fails_makes_a_trial_failed(tmp_path: Path) -> None:
    model = made_plans.Counted(
        fail=lambda number: errors.GatewayError("no such model") if number == 0 else None
    )
    made = made_plans.plan_of({"one": "fake/model"})
    end = coordinator.run(made, tmp_path, dataclasses.replace(HERE, open_gateway=model.open))
    assert (end.state, end.failed, end.broken) == ("complete", 1, 0)
    row = made_plans.rows_of(tmp_path)[0]
    assert row.status == "failed" and "no such model" in row.reason
    assert row.scores == {"contains": 0.0}


SCORER = '''
import os, signal
from archgraph.suites.scoring import base

class Fatal(base.Scorer):
    """Kills the worker at one question, and breaks at another."""

    def score(self, outcome, ask):
        if outcome.case.id == "talk0-q1":
            os.kill(os.getpid(), signal.SIGKILL)
        if outcome.case.id == "talk0-q2":
            raise SystemExit("a scorer that exits")
        return base.Score(1.0)
'''


def test_what_kills_its_worker_twice_is_broken_and_the_rest_is_done(tmp_path: Path) -> None:
    (tmp_path / "fatal.py").write_text(SCORER)
    fatal = plan.ScorerPlan("fatal", "fatal.py:Fatal", folder=str(tmp_path))
    made = made_plans.plan_of({"one": "offline/extractive"}, questions=4, scorers=(fatal,))
    end = coordinator.run(made, tmp_path / "run", coordinator.Options(workers=2))
    assert (end.state, end.done, end.broken) == ("complete", 8, 1)
    rows = {row.case: row for row in made_plans.rows_of(tmp_path / "run")}
    assert {case for case, row in rows.items() if row.status == "broken"} == {"talk0-q1"}
    assert rows["talk0-q2"].scores == {"fatal": 0.0}
    assert rows["talk0-q1"].reason == "the worker died twice on it"
    assert rows["talk0-q1"].scores == {"fatal": 0.0}
    with ledgers.Ledger.open(tmp_path / "run", readonly=True) as ledger:
        trial = rows["talk0-q1"].trial
        assert ledger.outcome(trial)["status"] == "broken"
        assert ledger.case(trial).id == "talk0-q1"


def test_an_ingest_that_breaks_breaks_its_trials_only(tmp_path: Path) -> None:
    made = made_plans.plan_of(questions=30, talks=2)
    lost = made.conversations["talks", "talk1"]
    bad = dataclasses.replace(lost.items[0], at=float("nan"), role="nobody at all")
    broken = dataclasses.replace(lost, items=(bad, *lost.items[1:]))
    made = dataclasses.replace(
        made, conversations={**made.conversations, ("talks", "talk1"): broken}
    )
    end = coordinator.run(made, tmp_path, coordinator.Options(workers=1))
    assert (end.state, end.done) == ("complete", 120)
    bad_rows = [row for row in made_plans.rows_of(tmp_path) if row.status == "broken"]
    assert {row.cluster for row in bad_rows} == {"talk1"} and len(bad_rows) == 60
    assert "could not be ingested" in bad_rows[0].reason


def test_broken_trials_stay_unless_they_are_to_be_done_again(tmp_path: Path) -> None:
    made = made_plans.plan_of({"one": "offline/extractive"})
    wrong = dataclasses.replace(made, faults=plan.Faults(rate=0.5, kinds=("no such fault",)))
    end = coordinator.run(wrong, tmp_path, HERE)
    assert end.broken == 6
    assert coordinator.run(made, tmp_path, HERE).executed == 0
    end = coordinator.run(made, tmp_path, dataclasses.replace(HERE, retry_failed=True))
    assert (end.executed, end.broken) == (6, 0)
    assert verifying.verify(tmp_path) == []


def test_two_coordinators_in_one_folder(tmp_path: Path) -> None:
    with ledgers.Ledger.open(tmp_path), pytest.raises(errors.InputError) as caught:
        coordinator.run(made_plans.plan_of(), tmp_path, HERE)
    assert f"by process {os.getpid()}" in str(caught.value)
    assert coordinator.run(made_plans.plan_of(), tmp_path, HERE).state == "complete"


def test_progress_counts_up_to_the_end(tmp_path: Path) -> None:
    seen: list[progress.Progress] = []
    model = made_plans.Counted()
    options = coordinator.Options(workers=0, watch=seen.append, open_gateway=model.open)
    coordinator.run(made_plans.plan_of({"one": "fake/model"}), tmp_path, options)
    assert [each.done for each in seen] == [1, 2, 3, 4, 5, 6, 6]
    last = seen[-1]
    assert (last.total, last.calls, last.broken) == (6, model.calls, 0)
    assert last.cost == pytest.approx(0.01 * model.calls)
    assert last.rate > 0 and last.left == 0
    assert seen[0].arms == ("one",) and seen[0].left is not None


def test_a_full_disk_is_told_and_the_run_goes_on_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = made_plans.plan_of(questions=12)
    begin = ledgers.Ledger.begin

    def bounded(self: ledgers.Ledger, given: plan.RunPlan) -> None:
        begin(self, given)
        pages = self._db.execute("PRAGMA page_count").fetchone()[0]
        self._db.execute(f"PRAGMA max_page_count = {pages + 12}")

    monkeypatch.setattr(ledgers.Ledger, "begin", bounded)
    with pytest.raises(errors.MachineError, match="Free some space"):
        coordinator.run(made, tmp_path, coordinator.Options(workers=2))
    monkeypatch.undo()
    end = coordinator.run(made, tmp_path, HERE)
    assert end.state == "complete" and 0 < end.executed < len(made.trials)
    coordinator.run(made, tmp_path / "whole", HERE)
    assert made_plans.table(tmp_path) == made_plans.table(tmp_path / "whole")


@pytest.mark.parametrize("options", [
    {"workers": -1}, {"engine_options": {"scheduler": "x"}}, {"engine": "no such engine"},
])  # fmt: skip
def test_options_that_cannot_be(tmp_path: Path, options: dict[str, object]) -> None:
    with pytest.raises(errors.InputError):
        coordinator.run(made_plans.plan_of(), tmp_path, coordinator.Options(**options))  # type: ignore[arg-type]


PROGRAM = """
import sys
from archgraph.suites.running import coordinator
from tests.suites import made_plans

def told(state):
    print(state.done, flush=True)

made = made_plans.plan_of({"one": "offline/extractive"}, questions=27, faults=made_plans.slow())
end = coordinator.run(made, sys.argv[1], coordinator.Options(workers=2, watch=told))
print("END", end.state, flush=True)
"""


LONG = """
import sys
from archgraph.suites import plan
from archgraph.suites.running import coordinator, ledger
from tests.suites import made_plans

def told(state):
    with ledger.Ledger.open(sys.argv[1], readonly=True) as kept:
        if sum(each["attempts"] for each in kept.trials()) == 2:  # both are within a trial
            print("at it", flush=True)

made = made_plans.plan_of(faults=plan.Faults(latency=90.0))
end = coordinator.run(made, sys.argv[1], coordinator.Options(workers=2, watch=told))
print("END", end.state, flush=True)
"""


def start(folder: Path, program: str = PROGRAM) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", program, str(folder)],
        stdout=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip


def workers_of(process: subprocess.Popen[str]) -> list[int]:
    """The nursery of a run and its workers."""

    def children(pid: int) -> list[int]:
        path = Path(f"/proc/{pid}/task/{pid}/children")
        return [int(each) for each in path.read_text().split()] if path.exists() else []

    found = children(process.pid)
    return found + [each for one in found for each in children(one)]


def gone(pids: list[int]) -> bool:
    """Whether all these processes end within a while; waits on the processes themselves."""
    for pid in pids:
        try:
            handle = os.pidfd_open(pid)
        except ProcessLookupError:
            continue
        ended, _, _ = select.select([handle], [], [], 20)
        os.close(handle)
        if not ended:
            return False
    return True


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    """The table of an undisturbed run of `PROGRAM`'s plan."""
    folder = tmp_path_factory.mktemp("whole")
    made = made_plans.plan_of({"one": "offline/extractive"}, questions=27)
    coordinator.run(made, folder, HERE)
    return made_plans.table(folder)


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="needs Linux")
@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGKILL])
def test_a_run_that_is_ended_leaves_no_workers_and_goes_on(
    tmp_path: Path, kind: signal.Signals, whole: list[Any]
) -> None:
    process = start(tmp_path / "run")
    assert process.stdout is not None
    line = next(line for line in process.stdout if int(line) >= 3)
    assert int(line) < 54
    pids = workers_of(process)
    assert len(pids) == 3
    process.send_signal(kind)
    rest, _ = process.communicate()
    code = process.returncode
    assert gone(pids)
    if kind == signal.SIGINT:
        assert code == 0 and "END interrupted" in rest
    made = made_plans.plan_of({"one": "offline/extractive"}, questions=27)
    end = coordinator.run(made, tmp_path / "run", HERE)
    assert end.state == "complete" and 0 < end.executed < 54
    assert made_plans.table(tmp_path / "run") == whole


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="needs Linux")
def test_ctrl_c_does_not_wait_for_long_trials(tmp_path: Path) -> None:
    process = start(tmp_path, LONG)
    assert process.stdout is not None
    assert process.stdout.readline() == "at it\n"
    pids = workers_of(process)
    process.send_signal(signal.SIGINT)
    assert "END interrupted" in process.communicate(timeout=30)[0]
    assert len(pids) == 3 and gone(pids)


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="needs Linux")
def test_a_killed_worker_is_replaced_and_nothing_is_done_twice(tmp_path: Path) -> None:
    process = start(tmp_path / "run")
    assert process.stdout is not None
    next(line for line in process.stdout if int(line) >= 3)
    victim = workers_of(process)[-1]
    os.kill(victim, signal.SIGKILL)
    assert "END complete" in process.communicate()[0]
    assert process.returncode == 0
    rows = made_plans.rows_of(tmp_path / "run")
    assert len(rows) == 54 and {row.status for row in rows} == {"done"}
    with ledgers.Ledger.open(tmp_path / "run", readonly=True) as ledger:
        attempts = [each["attempts"] for each in ledger.trials()]
    assert sum(attempts) <= 55
