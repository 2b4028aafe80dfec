"""A worker: takes units from the coordinator, lives through histories, asks questions, commits.

`work` is what every engine runs, in a process of its own or in a thread. It holds one connection
and no file; when the connection is lost, it ends. Knows no ledger.
"""

from __future__ import annotations

import collections
import contextlib
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from typing import Any

from archgraph import clock, errors
from archgraph.graph import compile as compiling
from archgraph.graph import plan as graphs
from archgraph.suites import plan as plans
from archgraph.suites import record
from archgraph.suites.datasets import case as cases
from archgraph.suites.running import brokered, committing, packing, trial, wire
from archgraph.suites.scoring import run as scoring

OVER, LOST, LATER = "over", "lost", "later"
"""Why a worker ended: the run is over, the coordinator is gone, its time was up."""

_AGENTS = 2
"""Ingested agents that a worker keeps at hand."""

_SENT = 200_000
"""Texts that a worker remembers to have sent."""


def work(door: wire.Door, seconds: float = 0.0) -> str:
    """Work for a coordinator until the run is over.

    Args:
        door: where it is.
        seconds: end after about so long, between two units; 0: do not.

    Returns:
        Why it ended.

    Raises:
        MachineError: the coordinator refuses this worker; the message says why.
    """
    try:
        link = wire.connect(door)
    except (OSError, EOFError):
        return LOST
    with contextlib.closing(link):
        try:
            with contextlib.closing(Worker(link)) as worker:
                return worker.run(seconds)
        except wire.Lost:
            return LOST


@dataclass(frozen=True, slots=True)
class _Unit:
    """A unit as it came over the wire."""

    history: plans.History
    trials: list[list[Any]]
    ingest: bool
    keep: bool
    ends: str
    reason: str


class Worker:
    """One worker over one link."""

    def __init__(self, link: wire.Link) -> None:
        self._ask = link.ask
        self._setup = link.ask(
            {
                "do": "hello", "archgraph": metadata.version("archgraph"),
                "name": f"{socket.gethostname()}/{os.getpid()}",
            }
        )[0]  # fmt: skip
        if "refused" in self._setup:
            raise errors.MachineError(self._setup["refused"])
        planned = [_scorer(each) for each in self._setup["scorers"]]
        self._scorers = scoring.made(planned)
        self._models = brokered.Models(link)
        self._plans: dict[str, graphs.Plan] = {}
        self._conversations: dict[tuple[str, str], cases.Conversation] = {}
        self._agents: collections.OrderedDict[str, trial.Ingested] = collections.OrderedDict()
        self._sent: set[bytes] = set()

    def run(self, seconds: float = 0.0) -> str:
        """Work until the run is over, or so many seconds are."""
        end = clock.elapsed() + seconds
        while True:
            had = next(reversed(self._agents), "")
            told, _ = self._ask({"do": "next", "had": had})
            if "over" in told:
                return OVER
            if "unit" in told:
                history = plans.History(**told["history"])
                try:
                    self._do(_Unit(history, told["trials"], told["ingest"], told["keep"],
                                   told["ends"], told["reason"]))  # fmt: skip
                except brokered.Halted:
                    return OVER
            if seconds and clock.elapsed() >= end:
                self._ask({"do": "leave"})
                return LATER

    def close(self) -> None:
        """Close the agents at hand."""
        while self._agents:
            with contextlib.suppress(Exception):  # nobody needs them any more
                self._agents.popitem()[1].close()

    def _do(self, unit: _Unit) -> None:
        conversation = self._conversation(unit.history)
        ended = unit.ends, unit.reason
        if unit.ingest:
            ended = self._ingest(unit, conversation)
        by_id = {each.id: each for each in conversation.cases}
        for id, case, ingest_seed, answer_seed, judge_seed in unit.trials:
            told, _ = self._ask({"do": "claim", "trial": id})
            if "over" in told:
                raise brokered.Halted
            if not told["go"]:
                continue
            if ended[0]:
                outcome = record.Outcome(by_id[case], "", *ended)
            else:
                self._models.begin(f"ask/{ingest_seed}/{answer_seed}", id)
                outcome = self._outcome(unit.history, by_id[case], answer_seed)
            self._commit(id, unit.history.dataset, outcome, judge_seed)

    def _ingest(self, unit: _Unit, conversation: cases.Conversation) -> tuple[str, str]:
        """Live through a history; how that ended if nothing came of it."""
        history = unit.history
        self._models.begin(f"ingest/{history.seed}", history.id)
        snapshot: list[bytes] = []
        try:
            made = trial.ingest(self._conditions(history), conversation, history.seed)
            self._keep(history.id, made)
            if unit.keep:
                snapshot = [made.snapshot()]
            found = committing.ended(history, made.status, made.reason)._replace(
                spent=record.plain(made.spent), times=record.plain(made.times),
                store_bytes=made.store_bytes,
            )  # fmt: skip
        except Exception as error:  # a plugin may raise anything; the run goes on
            reason = f"the history could not be ingested: {_said(error)}"
            found = committing.ended(history, "broken", reason)
        self._ask({"do": "ingested", "ingest": found._asdict()}, snapshot)
        return (found.status, found.reason) if found.status == "broken" else ("", "")

    def _outcome(
        self, history: plans.History, case: cases.Case, answer_seed: int
    ) -> record.Outcome:
        try:
            agent = self._agent(history)
            return trial.ask(self._conditions(history), agent, case, answer_seed)
        except Exception as error:  # as above
            return record.Outcome(case, "", "broken", _said(error))

    def _commit(self, id: str, dataset: str, outcome: record.Outcome, judge_seed: int) -> None:
        self._models.begin(f"judge/{judge_seed}")
        judge = brokered.asking(self._models, self._setup["judge"], judge_seed)
        try:
            scores = scoring.score_all(outcome, dataset, self._scorers, judge)
            told, frames = committing.message(id, outcome, scores, self._sent)
        except Exception as error:  # as above; what cannot be kept cannot be trusted either
            outcome = record.Outcome(outcome.case, "", "broken", f"scoring: {_said(error)}")
            scores = scoring.score_all(outcome, dataset, self._scorers, judge)
            told, frames = committing.message(id, outcome, scores, self._sent)
        if self._ask(told, frames)[0]["first"]:
            if len(self._sent) > _SENT:
                self._sent.clear()
            self._sent.update(bytes.fromhex(each) for each in told["keys"])

    def _agent(self, history: plans.History) -> trial.Ingested:
        """The agent that has lived through a history: at hand, or out of its snapshot."""
        if history.id not in self._agents:
            _, frames = self._ask({"do": "snapshot", "history": history.id})
            if not frames:
                raise errors.MachineError("the snapshot of this history is gone; run again")
            self._keep(history.id, trial.restore(self._conditions(history), frames[0]))
        self._agents.move_to_end(history.id)
        return self._agents[history.id]

    def _keep(self, history: str, agent: trial.Ingested) -> None:
        old = self._agents.pop(history, None)
        if old is not None:
            old.close()
        while len(self._agents) >= _AGENTS:
            self._agents.popitem(last=False)[1].close()
        self._agents[history] = agent

    def _conditions(self, history: plans.History) -> trial.Conditions:
        setup = self._setup
        faults = plans.Faults(**{**setup["faults"], "kinds": tuple(setup["faults"]["kinds"])})
        return trial.Conditions(
            self._plan(history.arm), setup["modes"][history.dataset], faults,
            setup["tokens_per_case"], setup["ingest_tokens"], setup["embedder"],
            self._models.open, self._models.open_embedder,
        )  # fmt: skip

    def _plan(self, arm: str) -> graphs.Plan:
        if arm not in self._plans:
            told, _ = self._ask({"do": "arm", "arm": arm})
            self._plans[arm] = compiling.plan_from_json(told["plan"])
        return self._plans[arm]

    def _conversation(self, history: plans.History) -> cases.Conversation:
        key = (history.dataset, history.conversation)
        if key not in self._conversations:
            _, frames = self._ask({"do": "conversation", "dataset": key[0], "conversation": key[1]})
            self._conversations.clear()
            self._conversations[key] = packing.read_conversation(frames[0].decode())
        return self._conversations[key]


def _scorer(data: Mapping[str, Any]) -> plans.ScorerPlan:
    return plans.ScorerPlan(**{**data, "datasets": tuple(data["datasets"])})


def _said(error: Exception) -> str:
    """What a trial's error says: our own in its words, any other with its place."""
    if isinstance(error, errors.ArchgraphError):
        return str(error)
    return errors.inside(error)
