"""An agent as people hold it: open, send, observe, let time pass, fork, close.

Called by `api` and by suites. The scheduler does the work.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from archgraph import clock, errors
from archgraph.graph import compile as compiling
from archgraph.graph import plan as plans
from archgraph.llm import base as llm
from archgraph.llm import embedders, gateways
from archgraph.runtime import commit, prepared, scheduler, step, tick, world
from archgraph.storage import database, journal, rewind
from archgraph.stores import base, indexes


@dataclass(frozen=True, slots=True)
class Turn:
    """What came of one input. `status` is `done` or `failed`, then `reason` says why.

    `replies` are the texts that the user heard, in order; `steps` the model calls that it took.
    """

    id: int
    status: str
    reason: str
    replies: tuple[str, ...]
    steps: int
    prompt_tokens: int
    completion_tokens: int

    @property
    def reply(self) -> str:
        """All replies as one text."""
        return "\n".join(self.replies)


@dataclass(frozen=True, slots=True)
class Setup:
    """What an agent is opened with besides its file.

    `gateway` answers for every model, `embedder` for the one that the plan names; both are opened
    by name when they are None. `clock` is None for the one that the file was made with. With
    `reembed` the search indexes of the file are dropped and made again with this embedder.
    `approve` asks a person about calls that need approval; it returns true, or why not (false or
    a text, which the model reads).
    """

    clock: clock.Clock | None = None
    gateway: llm.Gateway | None = None
    embedder: llm.Embedder | None = None
    durability: str = "normal"
    reembed: bool = False
    approve: world.Approve = world.nobody


class Agent:
    """One living instance: a plan and a database. Use it as a context manager, or close it."""

    def __init__(self, plan: plans.Plan, db: database.Database, setup: Setup) -> None:
        self.plan, self.db, self.setup = plan, db, setup
        self._embedder: llm.Embedder | None = setup.embedder
        self.world = world.World(plan, db, self._gateway, self._open_embedder)
        self.world.approve = setup.approve
        state = commit.load_state(db, plan.threads)
        self._scheduler = scheduler.Scheduler(self.world, state)

    def __enter__(self) -> Agent:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def state(self) -> tick.AgentState:
        """What the reducer remembers as of the last commit."""
        return self._scheduler.state

    @property
    def stores(self) -> Mapping[str, base.Store]:
        """The agent's stores by name."""
        return self.world.stores

    def send(
        self,
        text: str,
        *,
        name: str = "",
        at: float | None = None,
        key: str | None = None,
        watch: world.Watch | None = None,
    ) -> Turn:
        """Send a message as the user and run the agent until its turn is over.

        The message is safe in the file before the model is called. An input whose `key` was
        accepted before is not taken again. Background threads run in `work`.
        """
        self.world.watch = watch
        try:
            self._scheduler.wait_for_turn()  # what an earlier process left undone
            first = self._last_step()
            self._scheduler.spoken = []
            payload = _payload(text, name, at, key)
            if self._scheduler.accept(tick.MESSAGE, payload, key):
                self._scheduler.wait_for_turn()
        finally:
            self.world.watch = None
        return self._turn(self.state.turns, first)

    def observe(
        self,
        text: str,
        *,
        name: str = "",
        role: str = "user",
        at: float | None = None,
        key: str | None = None,
    ) -> None:
        """Let the agent overhear a message: it goes to the log and may fire event triggers."""
        payload = {**_payload(text, name, at, key), "role": role}
        if self._scheduler.accept(tick.OBSERVE, payload, key):
            self._scheduler.wait_for_turn()

    def end_case(self, text: str = "", outcome: Mapping[str, Any] | None = None) -> None:
        """Tell the agent that a case (a task, an episode) is over: the event `agent.case_end`.

        Args:
            text: how it came out, in words; it is put into the logs that hear the user.
            outcome: plain values by name, for the `where` of triggers, such as `{"passed": False}`.
        """
        payload = {**_payload(text, "", None, None), "outcome": dict(outcome or {})}
        self._scheduler.accept(tick.CASE_END, payload)
        self._scheduler.wait_for_turn()

    def accepted(self, key: str) -> bool:
        """Whether an input of that key was taken before."""
        return bool(self.db.value("SELECT 1 FROM tick WHERE key = ?", (key,)))

    def work(
        self,
        should_yield: Callable[[], bool] = lambda: False,
        watch: world.Watch | None = None,
        timers: bool = True,
    ) -> None:
        """Run everything that is due, background threads too, until nothing is or we must yield.

        Without `timers` those that are due wait.
        """
        self.world.watch = watch
        try:
            self._scheduler.run(background=True, should_yield=should_yield, timers=timers)
        finally:
            self.world.watch = None

    def advance_to(self, moment: float, *, timers: bool = True) -> None:
        """Let a virtual clock reach a moment (seconds since 1970); timers fire on the way.

        Without `timers` those that fall due wait, and each fires once when it is let.
        """
        self._scheduler.advance_to(moment, timers=timers)

    def resume(self) -> None:
        """Finish what a killed process left undone of its turn."""
        self._scheduler.wait_for_turn()

    def settle(self) -> None:
        """Evict now what resting foreground threads would have to evict before their next step.

        Summaries are made as always. An agent that is settled before it is forked for many
        questions pays for that once; no warning is given, and messages yet to come are not known.
        """
        self._scheduler.wait_for_turn()
        self._scheduler.settle()

    def window(self, step_id: int) -> dict[str, Any]:
        """The exact request of a recorded step: model, tools, messages and settings."""
        rows = journal.steps(self.db, "id = ?", (step_id,))
        if not rows:
            raise errors.InputError(f"there is no step {step_id}; the last is {self._last_step()}")
        return step.request_of(self.world, rows[0])

    def next_window(self, thread: str) -> list[dict[str, Any]]:
        """What a thread would be sent if it took a step now.

        Raises:
            UnknownName: the agent has no such thread.
        """
        if thread not in self.plan.threads:
            raise errors.UnknownName("thread", thread, self.plan.threads)
        part = self.plan.threads[thread]
        if part.pipeline:
            raise errors.InputError(f"{thread!r} is a pipeline, which has no context window")
        return self.world.renderer.build(part, self.state.threads[thread]).messages

    def fork(
        self, path: str, *, at: int | None = None, plan: plans.Plan | None = None,
        setup: Setup | None = None,
    ) -> Agent:  # fmt: skip
        """A second agent with this one's memory, as it is now or was after step `at`.

        With another `plan`, stores and threads of the same name and type keep what they hold.
        """
        version = self._version_after(at) if at is not None else None
        copied = database.copy(self.db, path)
        try:
            if version is not None:
                rewind.rewind(copied, version)
            if plan is not None:
                _replace_plan(copied, self.plan, plan)
                if plan.embedder != self.plan.embedder:
                    _forget_indexes(copied)
            present = None if at is not None and self.db.clock.virtual else self.db.clock
            setup = setup or replace(self.setup, clock=_same_clock(present))
            agent = _opened(copied, setup, plan or self.plan)
            if plan is None and at is None:
                _share_indexes(self, agent)
            if plan is not None:
                agent._scheduler.begin_plan(_new_stores(self.plan, plan))
        except BaseException:
            copied.close()
            raise
        return agent

    def close(self) -> None:
        """Close the file, and the connections of its tools."""
        self.world.close()
        lasting = self.db.path != ":memory:"
        if lasting and self.db.timings and not self.db.in_transaction:
            self.db.execute("BEGIN")  # bookkeeping: no commit of the agent's own
            journal.write_timings(self.db)
            self.db.execute("COMMIT")
        self.db.close()

    def _version_after(self, step_id: int) -> int:
        rows = journal.steps(self.db, "id = ?", (step_id,))
        if not rows or rows[0].closed is None:
            raise errors.InputError(
                f"there is no finished step {step_id}; the last is {self._last_step()}"
            )
        return rows[0].closed

    def _last_step(self) -> int:
        return int(self.db.value("SELECT max(id) FROM step") or 0)

    def _turn(self, id: int, after_step: int) -> Turn:
        found = journal.turns(self.db, "id = ?", (id,))
        counted = self.db.one(
            "SELECT count(*), coalesce(sum(prompt_tokens), 0), coalesce(sum(completion_tokens), 0)"
            " FROM step WHERE id > ? AND kind = 'step'",
            (after_step,),
        )
        spoken = tuple(text for _, text in self._scheduler.spoken)
        status, reason = (found[0].status, found[0].reason) if found else ("done", "")
        return Turn(id, status, reason, spoken, *counted)

    def _gateway(self, model: str, options: Mapping[str, Any]) -> llm.Gateway:
        if self.setup.gateway is not None:
            return self.setup.gateway
        return gateways.open_gateway(model, options)

    def _open_embedder(self) -> llm.Embedder:
        if self._embedder is None:
            self._embedder = embedders.open_embedder(self.plan.embedder)
        return self._embedder


def create(
    plan: plans.Plan, path: str = ":memory:", *, seed: int | None = None, setup: Setup | None = None
) -> Agent:
    """Make a new agent of a plan, in a file or in memory.

    Raises:
        InputError: the seed is no whole number, or there is no such durability.
    """
    setup = setup or Setup()
    if seed is not None and (isinstance(seed, bool) or not isinstance(seed, int)):
        raise errors.InputError(f"seed must be a whole number, not {seed!r}")
    if setup.durability not in database.DURABILITY:
        raise errors.UnknownName("durability", setup.durability, database.DURABILITY)
    chosen = clock.new_seed() if seed is None else seed
    db = database.create(path, seed=chosen, durability=setup.durability)
    virtual = setup.clock is not None and setup.clock.virtual
    with db.transaction():
        db.set_meta("plan", prepared.of(plan).text)
        db.set_meta("clock", "virtual" if virtual else "wall")
    db.clock = setup.clock or clock.WallClock()
    agent = Agent(plan, db, setup)
    agent._scheduler.begin_session()
    return agent


def open_file(path: str, *, setup: Setup | None = None, readonly: bool = False) -> Agent:
    """Open an agent's file. For reading only, another process may be writing to it."""
    db = database.open_file(path, readonly=readonly)
    try:
        agent = _opened(db, setup or Setup())
        if not readonly:
            agent._scheduler.begin_session()
    except BaseException:
        db.close()
        raise
    return agent


def _opened(db: database.Database, setup: Setup, plan: plans.Plan | None = None) -> Agent:
    """An agent of a file; `plan` is what the file holds as text, where it is at hand."""
    text = db.meta("plan")
    if text is None:
        raise errors.AgentFileError(
            f"{db.path} was never finished, its making was interrupted; remove it and make it anew"
        )
    plan = plan or compiling.plan_from_json(text)
    db.saved_time = commit.load_time(db)
    if setup.clock is not None:
        db.clock = setup.clock
    elif db.meta("clock") == "virtual":
        db.clock = clock.VirtualClock()
    if isinstance(db.clock, clock.VirtualClock):
        db.clock.advance_to(db.saved_time)
    if setup.reembed:
        _forget_indexes(db)
    return Agent(plan, db, setup)


def _forget_indexes(db: database.Database) -> None:
    """Drop the search indexes; each is made again at the next search."""
    for row in db.all("SELECT store FROM indexed"):
        indexes.reset(db, row[0])


def _share_indexes(parent: Agent, fork: Agent) -> None:
    """Let a fork of the present search in what its parent holds in memory of the same rows."""
    for name, store in fork.stores.items():
        own, other = store.search_index(), parent.stores[name].search_index()
        if not (isinstance(own, indexes.SearchIndex) and isinstance(other, indexes.SearchIndex)):
            continue
        if own.db is fork.db and other.db is parent.db:  # a store's own file is no copy
            own.adopt(other)


def _same_clock(present: clock.Clock | None) -> clock.Clock | None:
    """A clock of its own for a fork; None for the one that its file tells of."""
    return clock.VirtualClock(present.now()) if present and present.virtual else present


def _new_stores(old: plans.Plan, new: plans.Plan) -> list[str]:
    """The stores of a plan that another has not, or has as another type."""
    known = {name: part.type for name, part in old.stores.items()}
    return [name for name, part in new.stores.items() if known.get(name) != part.type]


def _replace_plan(db: database.Database, old: plans.Plan, new: plans.Plan) -> None:
    """Put a plan in the place of another; what the old one was about to do is broken off."""
    with db.transaction() as version:
        db.set_meta("plan", compiling.plan_to_json(new))
        for name, part in old.stores.items():
            if name not in new.stores or new.stores[name].type != part.type:
                db.execute(
                    "UPDATE record SET died = ? WHERE store = ? AND died IS NULL", (version, name)
                )
        db.execute("UPDATE tick SET died = ? WHERE died IS NULL", (version,))
        for table, unfinished in (("step", "replied"), ("turn", "open")):
            db.execute(
                f"UPDATE {table} SET status = 'failed', reason = ?, closed = ? WHERE status = ?",
                ("forked into another architecture", version, unfinished),
            )


def _payload(text: str, name: str, at: float | None, key: str | None) -> dict[str, Any]:
    payload: dict[str, Any] = {"text": text.encode("utf-8", "replace").decode()}
    payload |= {k: v for k, v in (("name", name), ("at", at), ("key", key)) if v}
    return payload
