"""Answers workers: hands out units, takes commits, buys completions.

One `Desk` serves all connections of a run; each has a `Seat`. The ledger and the board are used
under one lock; models are asked outside of it. Called by `coordinator`; knows no sockets.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from importlib import metadata

from archgraph import clock, errors
from archgraph.graph import compile as compiling
from archgraph.llm import recording
from archgraph.suites import plan as plans
from archgraph.suites import record, results
from archgraph.suites.running import (
    board as boards,
)
from archgraph.suites.running import (
    broker as brokers,
)
from archgraph.suites.running import brokered, committing, embedding, ledger_plan, packing, wire
from archgraph.suites.running import ledger as ledgers
from archgraph.suites.scoring import run as scoring

_LOOK = 1.0
"""Seconds after which a worker that waits for a unit looks again."""


@dataclass(slots=True)
class Seat:
    """One worker's connection: its name, and the unit that it has (0: none)."""

    name: str = ""
    unit: int = 0
    had: str = ""
    arm: str = ""


@dataclass(slots=True)
class Tally:
    """What was counted since the run began here; `refused` are second commits of a trial."""

    before: int = 0
    statuses: dict[str, int] = field(default_factory=dict)
    commits: int = 0
    refused: int = 0
    ingests: int = 0

    @property
    def done(self) -> int:
        """Trials that are over."""
        return sum(self.statuses.values())


class Desk:
    """The coordinator's side of every connection.

    Attributes:
        over: set when no work is left, the run was stopped, or it cannot go on.
        stopped: why no more is handed out, if that is before the end.
        error: what made it impossible to go on.
        seats: the connections that are open.
        tally: the counts.
    """

    def __init__(
        self,
        plan: plans.RunPlan,
        ledger: ledgers.Ledger,
        broker: brokers.Broker,
        board: boards.Board,
        lease: float,
    ) -> None:
        self.plan, self.ledger, self.broker, self.board = plan, ledger, broker, board
        self.over = threading.Event()
        self.stopped = ""
        self.error: BaseException | None = None
        self.seats: list[Seat] = []
        counts = ledger.counts()
        self.tally = Tally(sum(counts.values()), counts)
        self._lease = lease
        self._changed = threading.Condition(threading.RLock())
        self._arms = {each.name: each for each in plan.arms}
        self._trials = {each.id: each for each in plan.trials}
        self._texts: dict[tuple[str, str], str] = {}
        self._scorers = scoring.made(plan.scorers)
        self._answers: dict[str, Callable[..., wire.Answer]] = {
            "hello": self._hello, "arm": self._arm, "conversation": self._conversation,
            "next": self._unit, "ingested": self._ingested, "snapshot": self._snapshot,
            "claim": self._claim, "commit": self._commit, "complete": self._complete,
            "embed": self._embed, "embedder": self._embedder, "leave": self._leave,
        }  # fmt: skip
        self._end_if_done()

    def answer(self, seat: Seat, message: wire.Message, frames: Sequence[bytes]) -> wire.Answer:
        """What a worker's message comes to.

        Raises:
            ArchgraphError: the run cannot go on; it is over then.
        """
        try:
            with self._changed:
                if seat.unit:
                    self.board.busy(seat.unit, clock.elapsed() + self._lease)
            return self._answers[message["do"]](seat, message, frames)
        except BaseException as error:
            self.fail(error)
            raise

    def sit(self, seat: Seat) -> None:
        """A worker has come."""
        with self._changed:
            self.seats.append(seat)

    def leave(self, seat: Seat, *, died: bool) -> None:
        """A worker is gone; what it had goes to another one."""
        with self._changed:
            if seat in self.seats:
                self.seats.remove(seat)
            if seat.unit:
                self._lost(seat.unit, died=died and not self.over.is_set())
                seat.unit = 0
            self._end_if_done()

    def expire(self) -> None:
        """Take back units whose workers gave no sign of life for too long."""
        with self._changed:
            for number in self.board.expired(clock.elapsed()):
                self._lost(number, died=False)

    def stop(self, reason: str) -> None:
        """Hand out nothing more; the run is over."""
        with self._changed:
            self.stopped = self.stopped or reason
            self.over.set()
            self._changed.notify_all()

    def fail(self, error: BaseException) -> None:
        """The run cannot go on."""
        with self._changed:
            if not self.over.is_set():
                self.error = error
            self.over.set()
            self._changed.notify_all()

    def arms(self) -> tuple[str, ...]:
        """The arms that workers are at."""
        with self._changed:
            return tuple(sorted({each.arm for each in self.seats if each.arm}))

    def _hello(self, seat: Seat, message: wire.Message, frames: Sequence[bytes]) -> wire.Answer:
        if message["archgraph"] != metadata.version("archgraph"):
            return {
                "refused": f"this worker has archgraph {message['archgraph']}, the coordinator "
                f"{metadata.version('archgraph')}; install the same version on all machines"
            }, []
        seat.name = str(message["name"])
        plan = self.plan
        return {
            "scorers": [asdict(each) for each in plan.scorers],
            "judge": plan.judge,
            "faults": asdict(plan.faults),
            "tokens_per_case": plan.limits.tokens_per_case,
            "ingest_tokens": plan.limits.ingest_tokens,
            "embedder": plan.embedder,
            "modes": {name: ledger_plan.mode(each) for name, each in plan.datasets.items()},
        }, []

    def _arm(self, seat: Seat, message: wire.Message, frames: Sequence[bytes]) -> wire.Answer:
        return {"plan": compiling.plan_to_json(self._arms[message["arm"]].plan)}, []

    def _conversation(
        self, seat: Seat, message: wire.Message, frames: Sequence[bytes]
    ) -> wire.Answer:
        return {}, [self._text(message["dataset"], message["conversation"]).encode()]

    def _unit(self, seat: Seat, message: wire.Message, frames: Sequence[bytes]) -> wire.Answer:
        """The next unit; `{}` after a while in which there was none, `over` if none will come."""
        with self._changed:
            if seat.unit:
                self.board.finished(seat.unit)
                seat.unit, seat.arm = 0, ""
                self._end_if_done()
            if not self.over.is_set() and not self.board.waiting:
                self._changed.wait(_LOOK)
            if self.over.is_set():
                return {"over": True}, []
            unit = self.board.take(clock.elapsed() + self._lease, message.get("had", ""))
            if unit is None:
                return {}, []
            seat.unit, seat.arm = unit.number, unit.history.arm
        return {
            "unit": unit.number, "history": asdict(unit.history), "ingest": unit.ingest,
            "keep": unit.keep, "ends": unit.ends, "reason": unit.reason,
            "trials": [[each.id, each.case, each.ingest_seed, each.answer_seed, each.judge_seed]
                       for each in unit.trials],
        }, []  # fmt: skip

    def _leave(self, seat: Seat, message: wire.Message, frames: Sequence[bytes]) -> wire.Answer:
        """A worker goes, its unit done."""
        with self._changed:
            self.board.finished(seat.unit)
            seat.unit, seat.arm = 0, ""
            self._end_if_done()
        return {}, []

    def _ingested(self, seat: Seat, message: wire.Message, frames: Sequence[bytes]) -> wire.Answer:
        found = results.Ingest(**message["ingest"])
        snapshot = frames[0] if frames else None
        text = self._text(found.dataset, found.conversation)
        with self._changed:
            if self.ledger.keep_ingest(found, snapshot, text):
                self.tally.ingests += 1
            ends = found.status if found.status == boards.BROKEN else ""
            self.board.ingested(found.id, ends, found.reason)
            self._changed.notify_all()
        return {}, []

    def _snapshot(self, seat: Seat, message: wire.Message, frames: Sequence[bytes]) -> wire.Answer:
        found = self.ledger.snapshot(message["history"])
        return {}, [] if found is None else [found]

    def _claim(self, seat: Seat, message: wire.Message, frames: Sequence[bytes]) -> wire.Answer:
        """Whether a worker may begin a trial: not if it is done, or the run is over."""
        with self._changed:
            if self.over.is_set():
                return {"over": True}, []
            go = self.ledger.claim(message["trial"], seat.name)
            if go:
                until = clock.elapsed() + self._lease
                self.board.busy(seat.unit, until, message["trial"])
        return {"go": go}, []

    def _commit(self, seat: Seat, message: wire.Message, frames: Sequence[bytes]) -> wire.Answer:
        return {
            "first": self._keep(message["trial"], committing.read(message, frames), seat.unit)
        }, []

    def _complete(self, seat: Seat, message: wire.Message, frames: Sequence[bytes]) -> wire.Answer:
        wanted = brokers.Wanted(
            brokered.read(message["request"]), message["options"], message["digest"],
            message["scope"], message["ordinal"], message["user"],
        )  # fmt: skip

        def buy() -> wire.Answer:
            bought = self.broker.buy(wanted)
            return {"completion": bought.completion.to_json(), "paid": bought.paid}, []

        return self._bought(seat, buy)

    def _embed(self, seat: Seat, message: wire.Message, frames: Sequence[bytes]) -> wire.Answer:
        wanted = embedding.Wanted(message["embedder"], message["texts"], message["user"])

        def buy() -> wire.Answer:
            bought = self.broker.embed(wanted)
            data = b"".join(each.data for each in bought.vectors)
            return {"cost": bought.cost, "paid": bought.paid}, [data]

        return self._bought(seat, buy)

    def _embedder(self, seat: Seat, message: wire.Message, frames: Sequence[bytes]) -> wire.Answer:
        return self.broker.about(message["embedder"]), []

    def _bought(self, seat: Seat, buy: Callable[[], wire.Answer]) -> wire.Answer:
        """What is bought for a worker, or why it cannot be had."""
        with self._changed:
            self.board.busy(seat.unit, float("inf"))  # the wait is ours, not the worker's
        try:
            return buy()
        except brokers.Spent as error:
            self.stop(str(error))
            return {"over": True}, []
        except brokers.Closed:
            return {"over": True}, []
        except errors.RecordingMissing as error:
            return {"missing": str(error)}, []
        except errors.GatewayError as error:
            return {"failure": list(recording.failure(error))}, []
        finally:
            with self._changed:
                self.board.busy(seat.unit, clock.elapsed() + self._lease)

    def _keep(self, trial: str, found: ledgers.Commit, unit: int) -> bool:
        with self._changed:
            first = self.ledger.commit(trial, found)
            if unit:
                self.board.committed(unit, trial)
            if first:
                self.tally.commits += 1
                counts = self.tally.statuses
                counts[found.status] = counts.get(found.status, 0) + 1
            else:
                self.tally.refused += 1
            return first

    def _lost(self, number: int, *, died: bool) -> None:
        """Take a unit back; what too many workers died on is broken from now on."""
        casualty = self.board.lost(number, died=died)
        if casualty is not None:
            history = casualty.history
            text = self._text(history.dataset, history.conversation)
            one = len(casualty.trials) == 1 and casualty.trials[0].id in self.board.deaths
            reason = "the worker died twice on it"
            if not one:
                reason = "the worker died twice while it ingested the history"
                self.ledger.keep_ingest(committing.ended(history, "broken", reason), None, text)
            for each in casualty.trials:
                self._break(each, reason, text)
        self._changed.notify_all()

    def _break(self, trial: plans.Trial, reason: str, text: str) -> None:
        found = packing.read_conversation(text)
        case = next(each for each in found.cases if each.id == trial.case)
        outcome = record.Outcome(case, "", "broken", reason)
        scores = scoring.score_all(outcome, trial.dataset, self._scorers, _nobody)
        self._keep(trial.id, committing.commit(outcome, scores), 0)

    def _end_if_done(self) -> None:
        with self._changed:
            if self.board.over:
                self.over.set()
                self._changed.notify_all()

    def _text(self, dataset: str, conversation: str) -> str:
        key = (dataset, conversation)
        with self._changed:
            if key not in self._texts:
                while len(self._texts) >= 16:
                    del self._texts[next(iter(self._texts))]
                self._texts[key] = packing.conversation(self.plan.conversations[key])
            return self._texts[key]


def _nobody(system: str, question: str) -> str:
    raise errors.InputError("a broken trial is not judged")
