"""Runs a plan: opens the ledger, brings workers, and waits until nothing is left to do.

The one entrance to `running`. A run is a folder; calling `run` on it again goes on where it
stopped, after whatever it was that stopped it. Knows no YAML and no tables.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from multiprocessing import connection
from pathlib import Path
from typing import Any

import pydantic

from archgraph import clock, errors, registry
from archgraph.llm import embedders, gateways
from archgraph.suites import plan as plans
from archgraph.suites.running import (
    board,
    broker,
    desk,
    engine,
    probing,
    progress,
    recordings,
    sealing,
    wire,
    worker,
)  # fmt: skip
from archgraph.suites.running import ledger as ledgers

COMPLETE, STOPPED, INTERRUPTED = "complete", "stopped", "interrupted"

Progress = progress.Progress

_TICK = 0.1
"""Seconds between two looks at workers and limits."""

_GRACE = 10.0
"""Seconds that calls under way have after ctrl-C, so that what they cost is not lost."""


@dataclass(frozen=True, slots=True)
class Options:
    """How a plan is run; nothing here can change a result.

    `engine` names what brings the workers, `workers` how many (0: this process does the work),
    `engine_options` go to the engine. `record` and `replay` are folders of recordings. `watch` is
    told the progress a few times a second. `lease` is how many seconds a worker may give no sign
    of life, `concurrency` the most calls at once to one model (0: any number). `retry_failed` does
    again what failed or broke. `open_gateway` opens the models that are paid, `open_embedder` the
    embedders.
    """

    engine: str = "local"
    workers: int = 2
    engine_options: Mapping[str, Any] = field(default_factory=dict)
    record: str | Path | None = None
    replay: str | Path | None = None
    watch: Callable[[progress.Progress], None] | None = None
    lease: float = 900.0
    concurrency: int = 0
    retry_failed: bool = False
    open_gateway: broker.Open = gateways.open_gateway
    open_embedder: broker.OpenEmbedder = embedders.open_embedder


@dataclass(frozen=True, slots=True)
class RunEnd:
    """How a run ended.

    `state` is `complete`, `stopped` (a limit: `reason` says which) or `interrupted`. The counts
    are those of the whole plan: `done` trials are over, `failed`, `cut` and `broken` among them.
    `executed` were committed by this call, `refused` were second executions that changed nothing.
    `notes` are what the user should know.
    """

    state: str
    done: int
    failed: int
    cut: int
    broken: int
    reason: str = ""
    executed: int = 0
    refused: int = 0
    notes: tuple[str, ...] = ()


def run(plan: plans.RunPlan, folder: str | Path, options: Options | None = None) -> RunEnd:
    """Do all trials of a plan that are not done yet.

    Raises:
        InputError: another process runs in the folder, or an option cannot be used.
        MachineError: the disk is full, or workers cannot be had; what is done is safe.
    """
    chosen = options or Options()
    replay = None if chosen.replay is None else recordings.Recorded(chosen.replay)
    brought = _engine(chosen)
    with ledgers.Ledger.open(folder) as ledger:
        ledger.begin(plan)
        todo = set(ledger.open_trials(bad=chosen.retry_failed))
        if todo:
            ledger.note(**{sealing.NOTE: ""})  # until this session ends in order
        ingested = ledger.ingested() if todo else {}
        if replay is not None:
            replay.place = ledger.place
        terms = broker.Terms(plan.limits, chosen.concurrency, replay, chosen.open_embedder)
        buyer = broker.Broker(ledger, chosen.open_gateway, terms)
        open_trials = (each for each in plan.trials if each.id in todo)
        work = board.Board.of(plan.histories, open_trials, ingested, max(1, chosen.workers))
        table = desk.Desk(plan, ledger, buyer, work, chosen.lease)
        session = _Session(plan, chosen, table, buyer)
        interrupted = session.work(brought) if todo else False
        return _ended(session, ledger, interrupted, replay)


class _Session:
    """One call of `run`: its desk, its workers, and the clock on the wall."""

    def __init__(
        self, plan: plans.RunPlan, options: Options, table: desk.Desk, buyer: broker.Broker
    ) -> None:
        self.plan, self.options, self.desk, self.broker = plan, options, table, buyer
        self._started = clock.elapsed()
        self._pace = progress.Pace()
        self._pace.rate(self._started, table.tally.done)

    def work(self, brought: engine.Engine | None) -> bool:
        """Work until it is over; whether somebody interrupted it."""
        interrupted = False
        try:
            if brought is None:
                self._alone()
            else:
                self._together(brought)
        except KeyboardInterrupt:
            interrupted = True
            self.desk.stop("interrupted")
            self.broker.close(_GRACE)
        self._tell()
        if self.desk.error is not None:
            raise self.desk.error
        return interrupted

    def _alone(self) -> None:
        """This process is the worker; what it says takes the same road."""
        seat = desk.Seat()
        self.desk.sit(seat)
        answer = functools.partial(self.desk.answer, seat)

        def told(message: wire.Message, frames: Any) -> wire.Answer:
            found = answer(message, frames)
            if message["do"] == "commit":
                self._tell()
            return found

        alone = worker.Worker(wire.Direct(told))
        try:
            alone.run()
            self._probe()
        finally:
            alone.close()
            self.desk.leave(seat, died=False)

    def _together(self, brought: engine.Engine) -> None:
        host = brought.host()
        listener = wire.Listener("127.0.0.1" if host == "127.0.0.1" else "0.0.0.0", self._serve)
        orderly = False
        try:
            brought.start(listener.door(host))
            while not self.desk.over.wait(_TICK):
                self.desk.expire()
                brought.tend(self.options.workers - len(self.desk.seats))
                self._tell()
            orderly = self.desk.error is None
            self._probe()
        finally:
            self.desk.over.set()
            if orderly:
                self.broker.close(_GRACE)
            brought.stop(kill=not orderly)
            listener.close()

    def _probe(self) -> None:
        """Test the scorers once nothing else is to be done."""
        if not self.desk.stopped and self.desk.error is None:
            probing.probe(self.desk)

    def _serve(self, line: connection.Connection[Any, Any]) -> None:
        """Answer one worker until it hangs up."""
        seat = desk.Seat()
        self.desk.sit(seat)
        try:
            while True:
                message, frames = wire.unpacked(line.recv_bytes())
                line.send_bytes(wire.packed(*self.desk.answer(seat, message, frames)))
        except (EOFError, OSError):
            self.desk.leave(seat, died=True)
        except BaseException as error:
            self.desk.fail(error)
            self.desk.leave(seat, died=False)

    def _tell(self) -> None:
        if self.options.watch is None:
            return
        now, tally = clock.elapsed(), self.desk.tally
        rate = self._pace.rate(now, tally.done)
        total = len(self.plan.trials)
        statuses = tally.statuses
        self.options.watch(progress.Progress(
            total=total, done=tally.done, before=tally.before,
            failed=statuses.get("failed", 0), cut=statuses.get("cut", 0),
            broken=statuses.get("broken", 0), calls=self.broker.calls, cost=self.broker.cost,
            elapsed=now - self._started, rate=rate,
            left=(total - tally.done) / rate if rate else None,
            workers=len(self.desk.seats), arms=self.desk.arms(),
        ))  # fmt: skip


def _engine(options: Options) -> engine.Engine | None:
    """What brings the workers; None if this process does the work."""
    if options.workers < 0:
        raise errors.InputError(f"{options.workers} workers; name 0 or more")
    if not options.workers:
        return None
    kind = registry.get("engines", options.engine)
    try:
        chosen = kind.Options.model_validate(dict(options.engine_options))
    except pydantic.ValidationError as error:
        told = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise errors.InputError(f"engine {options.engine}: {told}") from error
    made: engine.Engine = kind(chosen, options.workers)
    return made


def _ended(
    session: _Session,
    ledger: ledgers.Ledger,
    interrupted: bool,
    replay: recordings.Recorded | None,
) -> RunEnd:
    """Note how the run ended, in the ledger and beside it."""
    table, options = session.desk, session.options
    counts, planned = ledger.counts(), len(session.plan.trials)
    done = sum(counts.values())
    state = COMPLETE if done == planned else INTERRUPTED if interrupted else STOPPED
    reason = "" if state == COMPLETE else table.stopped or f"{planned - done} trials are left"
    ledger.note(state=state, stopped=reason)
    notes = list(session.broker.notes)
    if options.record is not None:
        recordings.write(ledger, options.record)
    if not recordings.is_sealed(ledger):
        recordings.seal(ledger)
    if replay is not None and state == COMPLETE:
        notes += [told for told in [replay.differs(ledger.results())] if told]
    return RunEnd(
        state, done, counts.get("failed", 0), counts.get("cut", 0), counts.get("broken", 0),
        reason, table.tally.commits, table.tally.refused, tuple(notes),
    )  # fmt: skip
