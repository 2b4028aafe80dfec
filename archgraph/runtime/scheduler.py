"""The heartbeat loop: take a due tick, reduce it, perform its commands; the one place that loops.

Called by `agent`. A tick leaves the queue in the same commit that applies what it caused, so a
killed process goes on from its last committed step.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from archgraph import clock, errors, prompts
from archgraph.graph import plan as plans
from archgraph.runtime import commit, evict, pipeline, reduce, settling, step, tick, world
from archgraph.runtime.tick import AgentState, Tick
from archgraph.storage import database, journal
from archgraph.stores import log

_PENDING = (
    "SELECT kind, thread, due, background, turn, payload, seq FROM tick "
    "WHERE died IS NULL AND due <= ? {} ORDER BY background, due, seq LIMIT 1"
)
_NO_TIMERS = " AND kind != 'timer'"


class Scheduler:
    """Runs the ticks of one agent."""

    def __init__(self, w: world.World, state: AgentState) -> None:
        self.w, self.state = w, state
        self.spoken: list[tuple[str, str]] = []
        self._half_done = journal.open_threads(w.db)
        self._measures = sorted(
            {t.measure for p in w.plan.threads.values() for t in p.triggers if t.measure}
        )
        w.seen = {name: thread.seen for name, thread in state.threads.items()}

    def accept(self, kind: str, payload: Mapping[str, Any], key: str | None = None) -> bool:
        """Take an input into the queue; once this returns it is not lost.

        False when an input of that key was accepted before.
        """
        db = self.w.db
        if key is not None and db.value("SELECT 1 FROM tick WHERE key = ?", (key,)):
            return False
        with db.transaction():
            self._insert(Tick(kind, due=db.now(), payload=payload), key)
        return True

    def run(
        self,
        *,
        background: bool,
        should_yield: Callable[[], bool] = lambda: False,
        timers: bool = True,
    ) -> None:
        """Work off what is due: foreground only until the turn is over, or background too.

        `should_yield` is asked between background steps: true gives way to an arriving message.
        Without `timers` those that are due wait; each fires once when it is let.
        """
        while (event := self._next(timers)) is not None:
            allowed = background or self.state.turn
            if event.background and (not allowed or should_yield()):
                return
            self._handle(event)

    def wait_for_turn(self) -> None:
        """Run until the open turn is over, letting time pass where a thread waits."""
        self.run(background=False)
        while self.state.turn:
            due = self.w.db.value("SELECT min(due) FROM tick WHERE died IS NULL")
            if due is None:
                return
            self.w.db.clock.sleep(max(0.0, due - self.w.db.now()))
            self.run(background=False)

    def advance_to(self, moment: float, *, timers: bool = True) -> None:
        """Move a virtual clock to a moment; what falls due on the way is done at its own time."""
        virtual = self.w.db.clock
        if not isinstance(virtual, clock.VirtualClock):
            return
        while True:
            self.run(background=True, timers=timers)
            kinds = "" if timers else _NO_TIMERS
            due = self.w.db.value(
                f"SELECT min(due) FROM tick WHERE died IS NULL AND due <= ? {kinds}", (moment,)
            )
            if due is None or due <= virtual.now():
                break
            virtual.advance_to(due)
        virtual.advance_to(moment)

    def begin_session(self) -> None:
        """Let the agent know that it was opened; the first time its stores begin.

        After a death nothing is told: the session that it broke off goes on.
        """
        db, first = self.w.db, self.w.db.version <= 1
        if db.session_open:
            return
        with self.commit():
            db.mark_session("open")
            if first:
                for store in self.w.stores.values():
                    store.start()
            self._reduce(Tick(tick.OPENED, payload={"first": first}))

    def begin_plan(self, stores: Sequence[str]) -> None:
        """Start anew with another plan: its new stores begin, its threads rest, its timers run."""
        with self.commit():
            for name in stores:
                self.w.stores[name].start()
            self._reduce(Tick(tick.OPENED, payload={"first": True}))

    def settle(self) -> None:
        """Evict, outside of any turn, what resting threads would evict before their next step."""
        for event in [Tick(tick.STEP, name) for name in settling.resting(self.w, self.state)]:
            self._finish_eviction(event)
            left = ""
            while (made := settling.eviction(self.w, self.state, event, left)) is not None:
                self._evict(event, made.queue, made.summary)
                left = made.queue if made.partly else ""

    def commit(self) -> commit.Commit:
        """A transaction whose failure leaves no trace in memory either."""
        return commit.Commit(self)

    def _next(self, timers: bool = True) -> Tick | None:
        """The due tick that comes first; input waits until the open turn is over."""
        db = self.w.db
        busy = "AND kind NOT IN ('message', 'observe', 'case_end')" if self.state.turn else ""
        busy += "" if timers else _NO_TIMERS
        row = db.one(_PENDING.format(busy), (db.now(),))
        if row is None:
            return None
        kind, thread, due, background, turn, payload, seq = row
        return Tick(kind, thread, due, bool(background), turn, json.loads(payload), seq)

    def _handle(self, event: Tick) -> None:
        if event.kind == tick.STEP:
            self._step(event)
            return
        with self.commit():
            self._kill(event)
            self._reduce(event)

    def _step(self, event: Tick) -> None:
        """One step of a thread, evictions before it included."""
        w, thread = self.w, self.w.plan.threads[event.thread]
        if thread.pipeline:
            self._pipe(event, thread)
            return
        replied = None
        if thread.name in self._half_done:
            replied = step.resume(w, thread, self.state.threads[thread.name])
        if replied is None:
            try:
                replied = self._ask(event)
            except errors.GatewayError as error:
                self._fail(event, step.text_of(error))
                return
            except step.NOT_THE_RUNS:
                raise
            except Exception as error:  # a plugin's bug or a template's ends the run, not the agent
                self._fail(event, f"its window cannot be made: {errors.inside(error)}")
                return
            if replied is None:
                return
        self._half_done.add(thread.name)  # until commit 2 has come through
        ready = step.prepare(w, thread, self.state.threads[thread.name], replied)
        started = clock.elapsed()
        with self.commit():
            w.db.actor = database.Actor(thread.name, event.turn, replied.id)
            self._remember(thread.name, replied.frozen)
            before = self.state.threads[thread.name]
            outcome, done = step.apply(w, thread, before, replied, ready)
            journal.close_step(w.db, replied.id, "done")
            self._kill(event)
            payload = {"outcome": outcome, "open": w.open_items()}
            self._reduce(Tick(tick.STEPPED, thread.name, payload=payload))
            times = (replied.render_ms, replied.model_ms, (clock.elapsed() - started) * 1000)
            journal.add_timing(w.db, replied.id, times)
        self._half_done.discard(thread.name)
        if before.question[0]:
            done.spoken.clear()  # the thread that asked is told, not the user
        self.spoken += [(thread.name, text) for text in done.spoken]
        step.tell(w, thread, replied, done)

    def _pipe(self, event: Tick, thread: plans.ThreadPlan) -> None:
        """One step of a pipeline."""
        w = self.w
        try:
            ready = pipeline.prepare(w, thread, self.state.threads[thread.name], event)
            with self.commit():
                w.db.actor = database.Actor(thread.name, event.turn, ready.id or None)
                self._remember(thread.name, {"upto": ready.bench.upto})
                done = pipeline.apply(w, thread, ready)
                self._remember(thread.name, {"upto": ready.bench.upto})
                self._kill(event)
                self._reduce(Tick(tick.PIPED, thread.name, payload=dataclasses.asdict(done)))
        except (errors.GatewayError, errors.ToolError, errors.TemplateError) as error:
            self._fail(event, step.text_of(error))
        except step.NOT_THE_RUNS:
            raise
        except Exception as error:  # a plugin's bug ends the run, not the agent
            if w.db.in_transaction:
                raise
            self._fail(event, f"{thread.name} failed inside: {errors.inside(error)}")
        else:
            w.notify("operator", thread.name, ready.told)

    def _ask(self, event: Tick) -> step.Replied | None:
        """Build the window, make room where it is needed, warn where it is due, ask.

        None if a warning took the run into the foreground: another tick has this one's place.
        """
        w, thread = self.w, self.w.plan.threads[event.thread]
        if thread.name in self._half_done:
            self._finish_eviction(event)
            if self._replaced(event):
                return None
        while True:
            started = clock.elapsed()
            state = self.state.threads[thread.name]
            window = w.renderer.build(thread, state)
            wanted = evict.need(w, thread, state, window)
            if wanted.queue:
                summary = evict.summarise(w, thread, state, event, wanted)
                self._evict(event, wanted.queue, summary)
                if self._replaced(event):
                    return None
            elif wanted.warn:
                self._warn(event, wanted.warn, window.tokens)
                if self._replaced(event):
                    return None
            elif wanted.overflow:
                raise errors.ContextOverflow(wanted.overflow)
            else:
                break
        render_ms = (clock.elapsed() - started) * 1000
        return step.ask(w, thread, state, window, event, render_ms)

    def _replaced(self, event: Tick) -> bool:
        return self.w.db.value("SELECT died FROM tick WHERE seq = ?", (event.seq,)) is not None

    def _finish_eviction(self, event: Tick) -> None:
        w, thread = self.w, self.w.plan.threads[event.thread]
        interrupted = evict.resume(w, thread)
        if interrupted is not None:
            self._evict(event, evict.queue_of(w, thread, interrupted.rows), interrupted)

    def _evict(self, event: Tick, name: str, summary: evict.Summary) -> None:
        w, thread = self.w, self.w.plan.threads[event.thread]
        self._half_done.add(thread.name)
        with self.commit():
            w.db.actor = database.Actor(thread.name, event.turn, summary.step or None)
            state = self.state.threads[thread.name]
            evict.apply(w, thread, state, event, name, summary)
            self._reduce_all(self._caused())
        self._half_done.discard(thread.name)
        w.notify("evict", thread.name, f"{len(summary.rows)} messages left {name}", queue=name)

    def _warn(self, event: Tick, name: str, tokens: int) -> None:
        with self.commit():
            self.w.db.actor = database.Actor(event.thread, event.turn, None)
            payload = {"thread": event.thread, "tokens": tokens}
            journal.add_event(self.w.db, f"{name}.pressure", payload)
            self._reduce(Tick(tick.EVENT, payload={"name": f"{name}.pressure", **payload}))
        self.w.notify("event", event.thread, f"{name} is filling up ({tokens} tokens)")

    def _fail(self, event: Tick, reason: str) -> None:
        w, thread = self.w, self.w.plan.threads[event.thread]
        with self.commit():
            w.db.actor = database.Actor(thread.name, event.turn, None)
            state = self.state.threads[thread.name]
            journal.add_step(w.db, step.failed_row(w, thread, state, event, "step", reason))
            self._kill(event)
            self._reduce(Tick(tick.FAILED, thread.name, payload={"reason": reason}))
        w.notify("fault", thread.name, reason)

    def _reduce(self, event: Tick) -> None:
        """Reduce a tick and perform what it asks, then what its writes cause, in this commit."""
        self._reduce_all([event])

    def _caused(self) -> list[Tick]:
        """The events that stores reported since they were last asked for."""
        found = self.w.take_events()
        return [Tick(tick.EVENT, payload={**payload, "name": name}) for name, payload in found]

    def _reduce_all(self, waiting: list[Tick]) -> None:
        w = self.w
        while waiting:
            present = waiting.pop(0)
            before = self.state
            self.state, commands = reduce.reduce(w.plan, before, present, w.db.now())
            self._mark_runs(before)
            for command in commands:
                self._perform(command)
            waiting += self._caused()
            if not waiting and self._measures and present.kind != tick.MEASURED:
                waiting.append(Tick(tick.MEASURED, payload=w.measured(self._measures)))

    def _perform(self, command: tick.Command) -> None:
        _PERFORM[type(command)](self, command)

    def _append(self, command: tick.Append) -> None:
        w = self.w
        if command.thread and not w.plan.threads[command.thread].log:
            return  # a pipeline keeps no messages
        entry = log.Entry(
            command.kind, command.text, name=command.name, at=command.at, key=command.key
        )
        logs = [w.log_of(command.thread)] if command.thread else w.input_logs()
        actor = w.db.actor
        w.db.actor = database.Actor(command.thread or None, self._turn_of(command.thread), None)
        for target in logs:
            target.write(entry)
        w.db.actor = actor

    def _turn_of(self, thread: str) -> int | None:
        turn = self.state.threads[thread].turn if thread else self.state.turn
        return turn or None

    def _say(self, command: tick.Say) -> None:
        plan = self.w.plan
        thread, source = plan.threads[command.thread], plan.prompts[command.template]
        text = prompts.render(source, self.w.renderer.say_values(thread, source, command.event))
        kind = "login" if command.event == "agent.opened" else "alert"
        self._append(tick.Append(kind, text.strip(), thread=thread.name))

    def _schedule(self, command: tick.Schedule) -> None:
        self._insert(command.tick, None)

    def _cancel(self, command: tick.Cancel) -> None:
        only = "" if command.trigger is None else " AND json_extract(payload, '$.trigger') = ?"
        values = (self.w.db.version, command.thread, command.kind, command.trigger)
        self.w.db.execute(
            f"UPDATE tick SET died = ? WHERE died IS NULL AND thread = ? AND kind = ?{only}",
            values if only else values[:3],
        )

    def _open_turn(self, command: tick.OpenTurn) -> None:
        sql = "INSERT INTO turn(id, cause, started, status, born) VALUES (?, ?, ?, 'open', ?)"
        db = self.w.db
        db.execute(sql, (command.turn, command.cause, db.now(), db.version))

    def _close_turn(self, command: tick.CloseTurn) -> None:
        sql = "UPDATE turn SET status = ?, reason = ?, ended = ?, closed = ? WHERE id = ?"
        db = self.w.db
        values = (command.status, command.reason, db.now(), db.version, command.turn)
        db.execute(sql, values)

    def _note(self, command: tick.Note) -> None:
        journal.add_event(self.w.db, command.name, command.payload)

    def _insert(self, event: Tick, key: str | None) -> None:
        db = self.w.db
        db.execute(
            "INSERT INTO tick(kind, thread, due, background, turn, payload, key, born)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                event.kind, event.thread, event.due, int(event.background), event.turn,
                json.dumps(event.payload, ensure_ascii=False), key, db.version,
            ),
        )  # fmt: skip

    def _kill(self, event: Tick) -> None:
        self.w.db.execute("UPDATE tick SET died = ? WHERE seq = ?", (self.w.db.version, event.seq))

    def _mark_runs(self, before: AgentState) -> None:
        """Note for each run that begins where the log stood before it."""
        for name, thread in self.state.threads.items():
            old = before.threads.get(name)
            if thread.run and (old is None or old.run != thread.run):
                row = self.w.db.value("SELECT max(seq) FROM record") or 0
                self._remember(name, {"upto": {tick.RUN_START: row}})

    def _remember(self, name: str, changes: Mapping[str, Any]) -> None:
        thread = self.state.threads[name]
        if any(getattr(thread, key) != value for key, value in changes.items()):
            changed = replace(thread, **changes)
            self.state = replace(self.state, threads={**self.state.threads, name: changed})
        self.w.seen[name] = self.state.threads[name].seen


_PERFORM: dict[type, Callable[[Scheduler, Any], None]] = {
    tick.Append: Scheduler._append,
    tick.Say: Scheduler._say,
    tick.Schedule: Scheduler._schedule,
    tick.Cancel: Scheduler._cancel,
    tick.OpenTurn: Scheduler._open_turn,
    tick.CloseTurn: Scheduler._close_turn,
    tick.Note: Scheduler._note,
}
