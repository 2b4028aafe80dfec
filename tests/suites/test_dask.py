"""The engine dask, with the real programs on loopback: one worker killed, one that joins."""

from __future__ import annotations

import importlib
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from archgraph import errors
from archgraph.suites import plan
from archgraph.suites.running import coordinator, dask_engine, progress, wire
from archgraph.suites.running import ledger as ledgers
from tests.fake_openai import KEY, FakeOpenAI, Received, Text
from tests.suites import made_plans

MODEL = "openai/gpt-4o-mini"


def test_without_distributed_the_remedy_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    real = importlib.import_module

    def lacking(name: str, *rest: Any) -> Any:
        if name == "distributed":
            raise ModuleNotFoundError("No module named 'distributed'", name="distributed")
        return real(name, *rest)

    monkeypatch.setattr(importlib, "import_module", lacking)
    with pytest.raises(errors.MachineError, match=r"pip install '\.\[dask\]'"):
        dask_engine.Dask(dask_engine.Dask.Options(), 2)


def test_a_scheduler_that_is_not_there(tmp_path: Path) -> None:
    options = coordinator.Options(
        engine="dask", engine_options={"scheduler": "tcp://127.0.0.1:9", "timeout": 1}
    )
    with pytest.raises(errors.MachineError, match=r"answers at tcp://127\.0\.0\.1:9"):
        coordinator.run(made_plans.plan_of(), tmp_path, options)


class _Task:
    def __init__(self, status: str, result: Any = None) -> None:
        self.status, self._result = status, result

    def result(self) -> Any:
        return self._result

    def exception(self) -> Any:
        return self._result


class _Client:
    """A cluster of two threads whose tasks all end in the same way."""

    def __init__(self, status: str, result: Any) -> None:
        self._how, self.submitted = (status, result), 0

    def nthreads(self) -> dict[str, int]:
        return {"a": 2}

    def submit(self, *_: Any, **__: Any) -> _Task:
        self.submitted += 1
        return _Task(*self._how)


@pytest.mark.parametrize(("status", "result", "said"), [
    ("finished", "lost", "do not reach 10.0.0.1:5; name an address"),
    ("error", RuntimeError("killed"), "fail again and again: RuntimeError: killed"),
    ("error", errors.MachineError("install the same version"), "install the same version"),
])  # fmt: skip
def test_a_cluster_that_cannot_work_is_told_of(status: str, result: Any, said: str) -> None:
    engine = dask_engine.Dask(dask_engine.Dask.Options(), 2)
    engine._door, engine._client = wire.Door("10.0.0.1", 5, ""), _Client(status, result)
    with pytest.raises(errors.MachineError, match=re.escape(said)):
        for _ in range(50):
            engine.tend(0)
    assert engine._client.submitted < 50


def test_a_cluster_that_works_has_one_task_running_and_one_waiting_for_each_thread() -> None:
    engine = dask_engine.Dask(dask_engine.Dask.Options(), 2)
    engine._client = _Client("pending", None)
    for _ in range(3):
        engine.tend(0)
    assert engine._client.submitted == 4
    engine._client = _Client("finished", "later")
    engine._tasks = []
    for _ in range(60):
        engine.tend(0)


@contextmanager
def program(*arguments: str, ready: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A program of Dask's, once it has said that it is ready; and the address in that line."""
    process = subprocess.Popen(
        [str(Path(sys.executable).with_name("dask")), *arguments],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )  # fmt: skip
    assert process.stderr is not None
    line = next((line for line in process.stderr if ready in line), "")
    drain = threading.Thread(target=process.stderr.read, daemon=True)
    drain.start()
    try:
        assert line
        yield process, line.split()[-1]
    finally:
        process.kill()
        process.wait(20)
        drain.join(20)
        process.stderr.close()


def answer(request: Received) -> Text:
    """The colour that stands in the question's box; any deterministic answer would do."""
    return Text(f"it is {len(request.body) % 7}", prompt_tokens=100, completion_tokens=10)


def paid_plan(server: FakeOpenAI, **more: Any) -> plan.RunPlan:
    made = made_plans.plan_of({"one": MODEL, "two": MODEL}, talks=2, questions=30,
                              faults=plan.Faults(latency=0.1), **more)  # fmt: skip
    arms = []
    for arm in made.arms:
        threads = {
            name: replace(each, options={"api_base": server.url, "api_key_env": "DASK_TEST_KEY"})
            for name, each in arm.plan.threads.items()
        }
        arms.append(replace(arm, plan=replace(arm.plan, threads=threads)))
    return replace(made, arms=tuple(arms))


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_cluster_that_loses_a_worker_and_gains_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DASK_TEST_KEY", KEY)
    with FakeOpenAI(answer) as server:
        made = paid_plan(server)
        whole = coordinator.run(made, tmp_path / "whole", coordinator.Options(workers=2))
        calls = len(server.chats)
        server.received.clear()
        with program("scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard",
                     "--dashboard-address", "127.0.0.1:0",
                     ready="Scheduler at:") as (_, address):  # fmt: skip
            events: list[str] = []
            limit = calls // 2

            with worker(address), worker(address) as (second, _), Later(address) as third:

                def watch(state: progress.Progress) -> None:
                    if state.done >= 15 and "killed" not in events:
                        events.append("killed")
                        os.kill(second.pid, signal.SIGKILL)
                    if state.done >= 30 and "joined" not in events:
                        events.append("joined")
                        third.join()

                options = coordinator.Options(
                    engine="dask", engine_options={"scheduler": address}, watch=watch
                )
                limited = replace(made, limits=plan.Limits(max_calls=limit))
                stopped = coordinator.run(limited, tmp_path / "run", options)
                assert stopped.state == "stopped" and f"limit is {limit}" in stopped.reason
                assert len(server.chats) == limit
                assert "killed" in events
                end = coordinator.run(made, tmp_path / "run", options)
        assert events == ["killed", "joined"]
        assert (end.state, end.broken, whole.state) == ("complete", 0, "complete")
        assert stopped.executed + end.executed == len(made.trials) == 120
        assert len(server.chats) == calls  # no paid call was repeated
    assert made_plans.table(tmp_path / "run") == made_plans.table(tmp_path / "whole")
    with ledgers.Ledger.open(tmp_path / "run", readonly=True) as ledger:
        assert ledger.spent()[0] == calls
        names = {row[0] for row in ledger._db.execute("SELECT DISTINCT worker FROM trial")}
    assert len(names) == 3  # all three machines took part
    print(f"{stopped.executed} + {end.executed} committed, {stopped.refused + end.refused} refused")


def worker(address: str) -> Any:
    return program("worker", address, "--nthreads", "1", "--no-nanny", "--no-dashboard",
                   "--dashboard-address", "127.0.0.1:0", ready="Registered to:")  # fmt: skip


class Later:
    """A worker that joins when it is told to."""

    def __init__(self, address: str) -> None:
        self._address, self._open = address, None

    def __enter__(self) -> Later:
        return self

    def join(self) -> None:
        self._open = worker(self._address)
        self._open.__enter__()

    def __exit__(self, *error: Any) -> None:
        if self._open is not None:
            self._open.__exit__(None, None, None)
