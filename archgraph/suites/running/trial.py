"""One trial: a history lived through by an agent, one question asked in a fork of it.

Called by workers and by benchmarks. A history is fed once on a virtual clock; every question gets
a fork of its own, so that questions neither see each other nor pay for the history again. All
chance in a fork comes from the seeds and the case, so the order of questions changes nothing.
Knows agents and cases, no ledger and no statistics.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import tempfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from archgraph import clock
from archgraph.graph import plan as plans
from archgraph.llm import base as llm
from archgraph.llm import gateways
from archgraph.runtime import agent as agents
from archgraph.storage import database, journal
from archgraph.suites import plan as suites
from archgraph.suites import record
from archgraph.suites.datasets import case as cases
from archgraph.suites.running import items, losses, models, observing, past, retrieved, timing

DEFAULT_START = 1_700_000_000.0
"""The virtual clock of histories without times begins here (2023-11-14), seconds since 1970."""

DONE, FAILED, CUT = "done", "failed", "cut"

_KEPT = "trial"
"""The key in a snapshot's `meta` table that says what the ingest took."""
_LEVEL = 1
"""zlib's fastest: an agent's file shrinks to a fifth either way."""


@dataclass(frozen=True, slots=True)
class Conditions:
    """What a trial runs under: the architecture, how histories are fed, what goes wrong, bounds.

    `mode` is `observe` (items are logged and fire event triggers) or `converse` (the user's items
    are sent as messages and the threads run). Bounds are in tokens, 0 is none. `embedder` is the
    plan's own where it is empty. `open_gateway` is called once per model, ingest and question,
    `open_embedder` once per ingest and question.
    """

    plan: plans.Plan
    mode: str
    faults: suites.Faults
    tokens_per_case: int
    ingest_tokens: int
    embedder: str
    open_gateway: Callable[[str, Mapping[str, Any]], llm.Gateway]
    open_embedder: timing.OpenEmbedder = timing.opened


def simple(architecture: plans.Plan, mode: str = "observe") -> Conditions:
    """Conditions without faults and bounds; models are opened by their names."""
    return Conditions(architecture, mode, suites.Faults(), 0, 0, "", gateways.open_gateway)


class Ingested:
    """An agent that has lived through a history, and what that took. Close it.

    `status` is `done`, `failed` (some turn failed; `reason` counts them) or `cut` (by the token
    bound of the history): it can be asked in any case. `times` are milliseconds by part,
    `store_bytes` what texts and fields of all records take, former forms included.
    """

    def __init__(
        self, agent: agents.Agent, spent: record.Spent, times: Mapping[str, float],
        status: str = DONE, reason: str = "",
    ) -> None:  # fmt: skip
        self.agent, self.spent, self.times = agent, spent, dict(times)
        self.status, self.reason = status, reason
        self.before = observing.before(agent)
        self.store_bytes = self.before.store_bytes
        self._items: tuple[Any, items.Items] | None = None
        self._past: past.Past | None = None

    def items(self, history: Sequence[cases.Item]) -> items.Items:
        """The history ready to be found in texts, made once."""
        if self._items is None or self._items[0] is not history:
            self._items = history, items.Items(history)
            self._past = None
        return self._items[1]

    def past(self, history: Sequence[cases.Item]) -> past.Past:
        """What the agent's records hold of the history, looked up once."""
        known = self.items(history)
        if self._past is None:
            self._past = past.Past(self.agent, known)
        return self._past

    def snapshot(self) -> bytes:
        """The agent's file, compressed; `restore` makes of it what this is."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "agent.db"
            copied = database.copy(self.agent.db, str(path))
            try:
                copied.execute("BEGIN")  # no commit of the agent's own
                copied.set_meta(_KEPT, json.dumps(self._plain()))
                copied.execute("COMMIT")
            finally:
                copied.close()
            return zlib.compress(path.read_bytes(), _LEVEL)

    def close(self) -> None:
        """Close the agent."""
        self.agent.close()

    def __enter__(self) -> Ingested:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _plain(self) -> dict[str, Any]:
        return {
            "spent": dataclasses.asdict(self.spent), "times": self.times, "status": self.status,
            "reason": self.reason, "now": self.agent.db.now(),
        }  # fmt: skip


def ingest(conditions: Conditions, conversation: cases.Conversation, seed: int) -> Ingested:
    """Feed a history to a new agent in memory, and bring its search indexes up to date.

    Raises:
        ArchgraphError: the agent cannot be made, or the machine failed; a model's failure only
            ends the turn that it falls into.
    """
    watch = timing.Watch()
    meter = models.Meter(
        conditions.open_gateway, watch, limit=conditions.ingest_tokens, what="history",
        drawn=conditions.faults, seed=mixed(seed, conversation.id), keep=False,
    )  # fmt: skip
    history = conversation.items
    start = next((item.at for item in history if item.at is not None), DEFAULT_START)
    embedder = _embedding(conditions, watch)
    setup = agents.Setup(clock.VirtualClock(start), meter, embedder)
    agent = agents.create(conditions.plan, seed=seed, setup=setup)
    try:
        timing.attach(agent, watch)
        with watch.running():
            failures = _feed(agent, history, conditions.mode)
            _settle(agent, timers=conditions.mode != "observe")
            catch_up(agent)
    except BaseException:
        agent.close()
        raise
    status, reason = (CUT, meter.refused) if meter.refused else _ended(agent, failures, history)
    return Ingested(agent, _with(meter.spent, embedder), watch.times, status, reason)


def restore(conditions: Conditions, snapshot: bytes) -> Ingested:
    """What `ingest` gave, out of its snapshot.

    Raises:
        AgentFileError: these are not the bytes of a snapshot.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "agent.db"
        path.write_bytes(zlib.decompress(snapshot))
        embedder = _embedding(conditions, timing.Watch())
        given = agents.Setup(embedder=embedder)
        with agents.open_file(str(path), setup=given, readonly=True) as kept:
            told = json.loads(kept.db.meta(_KEPT) or "{}")
            setup = agents.Setup(clock.VirtualClock(told["now"]), embedder=embedder)
            agent = kept.fork(":memory:", setup=setup)
            catch_up(agent)
    spent = record.Spent(**told["spent"])
    return Ingested(agent, spent, told["times"], told["status"], told["reason"])


def ask(
    conditions: Conditions, ingested: Ingested, case: cases.Case, answer_seed: int
) -> record.Outcome:
    """Ask a case's question in a fork of the agent, which itself stays as it is.

    Time passes until the question is asked, as in the history. Background work that the question
    causes is not waited for.

    Raises:
        ArchgraphError: the trial itself broke; a model's failure is an outcome (`failed`).
    """
    agent, watch = ingested.agent, timing.Watch()
    seed = mixed(agent.db.seed, answer_seed, case.id)
    meter = models.Meter(
        conditions.open_gateway, watch, limit=conditions.tokens_per_case,
        drawn=conditions.faults, seed=seed,
    )  # fmt: skip
    present = clock.VirtualClock(agent.db.now())
    embedder = _embedding(conditions, watch)
    setup = agents.Setup(present, meter, embedder)
    with agent.fork(":memory:", setup=setup) as fork:
        fork.db.seed = seed
        timing.attach(fork, watch)
        searches = retrieved.Searches(lambda: len(meter.exchanges))
        searches.attach(fork)
        with watch.running():
            if case.asked_at is not None:
                fork.advance_to(case.asked_at, timers=conditions.mode != "observe")
            turn = fork.send(case.question)
        known = ingested.items(case.history)
        seen = observing.Seen(fork, case, turn, ingested.before, meter, searches, known)
        view = observing.look(seen)
        outcome = observing.observe(view, watch.times)
        fates = losses.gold(view, lambda: ingested.past(case.history))
        return dataclasses.replace(outcome, gold=fates, spent=_with(outcome.spent, embedder))


def catch_up(agent: agents.Agent) -> None:
    """Index what can be searched and mirror it, once, so that no fork has to do it again."""
    wanted = {item.store for t in agent.plan.threads.values()
              for item in t.context if item.mode == "search"}  # fmt: skip
    wanted |= {name for tool in agent.plan.tools.values() if tool.reads for name in tool.stores}
    if any(thread.pipeline for thread in agent.plan.threads.values()):
        wanted = set(agent.stores)
    for name in sorted(wanted):
        index = agent.stores[name].search_index()
        if index is not None:
            index.catch_up()


def mixed(seed: int, *parts: int | str) -> int:
    """A seed for one purpose: equal parts give equal seeds, others unrelated ones."""
    text = "/".join(map(str, (seed, *parts)))
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=6).digest(), "big")


def _feed(agent: agents.Agent, history: Sequence[cases.Item], mode: str) -> list[str]:
    """Let an agent live through a history; why turns failed, if any did."""
    failures, timers = [], mode != "observe"
    for item in history:
        if item.at is not None:
            agent.advance_to(item.at, timers=timers)
        if timers and item.role == "user":
            turn = agent.send(item.text, name=item.name, at=item.at)
            failures += [turn.reason] if turn.status == FAILED else []
        else:
            agent.observe(item.text, name=item.name, role=item.role, at=item.at)
        agent.work(timers=timers)
    return failures


def _settle(agent: agents.Agent, *, timers: bool) -> None:
    """Let the agent make the room now that its next step needs, so that no question pays for it."""
    agent.settle()
    agent.work(timers=timers)  # what listens to evictions


def _ended(
    agent: agents.Agent, failures: Sequence[str], history: Sequence[cases.Item]
) -> tuple[str, str]:
    behind = journal.failures(agent.db)
    told = []
    if failures:
        told.append(f"{len(failures)} of {len(history)} turns failed, the first: {failures[0]}")
    if behind:
        told.append(f"{len(behind)} runs in the background failed, the first: {behind[0]}")
    return (FAILED, "; ".join(told)) if told else (DONE, "")


def _embedding(conditions: Conditions, watch: timing.Watch) -> timing.Embedding:
    name = conditions.embedder or conditions.plan.embedder
    return timing.Embedding(name, conditions.open_embedder, watch)


def _with(spent: record.Spent, embedder: timing.Embedding) -> record.Spent:
    """What was spent, embeddings included."""
    return dataclasses.replace(spent, cost=spent.cost + embedder.cost)
