"""`tasks`: what is to be done, in what order, what waits for what, and what came of it.

Task memory after MemGPT's example `TaskMemory` (a list with push and pop), as a store: it survives
restarts and eviction, and a thread with `heartbeat: {while: store.open}` goes on until its work is
done. States are open, doing, done, failed and dropped; a task is *blocked* while it waits for
others, which is derived and never written. What was decided, and is tested:

- A task with open parts cannot be finished; its parts come first, then the task itself.
- A dependency must exist and be able to be done, and nothing may wait for itself: `push` refuses a
  circle, through parts as well.
- A task that others come after is not dropped from under them: drop those first.
- Failing a task leaves those that come after it blocked for good (*stuck*): they stay on the list
  and no longer count as `open`. `start` takes up a failed or dropped task again, and they go on.
- Failing or dropping a task drops its open parts with it.
- There is no event for a due time that passes: a store has no timer. `overdue` is a measure, and
  changes when it is looked at.

Ids are t1, t2, ... in the order of pushing and are never given twice, not even after a fork.
"""

from __future__ import annotations

import builtins
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal

import pydantic

from archgraph import clock, errors
from archgraph.stores import agenda, base, indexes
from archgraph.stores import task_form as form

Task = agenda.Task

Wanted = Literal["open", "ready", "blocked", "doing", "done", "failed", "dropped", "all"]
"""What `list` can be limited to; `open` is all that still has to be done."""

_LATELY = 3
"""Closed tasks that a context window shows."""


class Tasks(base.Store):
    """A list of tasks with priorities, parts, dependencies and due times."""

    events = ("write", "done", "failed", "empty")
    measures = (
        *("count", "tokens", "open", "ready", "blocked", "stuck"),
        *("doing", "done", "failed", "dropped", "overdue"),
    )

    class Options(base.Options):
        """Keys of a `tasks` store."""

        capacity: int = pydantic.Field(default=200, gt=0)
        """The most tasks that may be open or doing at once; closed ones do not count."""
        limit: int = pydantic.Field(default=500, gt=0)
        """The most characters of a task's text, and of its result."""
        page_size: int = pydantic.Field(default=10, gt=0, le=100)
        """Tasks on one page of `list` and `search`."""
        result_cap: int = pydantic.Field(default=60, ge=10)
        """The most tokens of one task in a list; more is cut with a visible mark."""
        cap: int = pydantic.Field(default=400, ge=80)
        """The most tokens that it takes where a context window shows it."""
        show: int = pydantic.Field(default=5, gt=0)
        """How many of the next tasks a context window shows."""

        def token_cap(self) -> int:
            """Its share of a context window that shows it."""
            return self.cap

    options: Options

    def __init__(self, name: str, options: Any, context: base.Context) -> None:
        super().__init__(name, options, context)
        self.index = indexes.SearchIndex(
            context.db, name, context.embedder, ("text",), form.searched, as_of=context.as_of
        )

    def outlook(self) -> agenda.Agenda:
        """The living tasks, with the closed ones that they name."""
        living = self.records.select("status IN (?, ?)", agenda.ALIVE)
        held = {record.id: form.task(record) for record in living}
        named = {id for task in held.values() for id in (*task.after, task.parent)}
        closed = (self.records.get(id) for id in sorted(named - {*held, ""}))
        return agenda.Agenda(held | {record.id: form.task(record) for record in closed if record})

    def measure(self, name: str) -> float:
        """Numbers of tasks; `open` are those that can still be worked on, now or later."""
        if name in (agenda.DOING, agenda.DONE, agenda.FAILED, agenda.DROPPED):
            return self.records.count("status = ?", (name,))
        if name in ("open", "ready", "blocked", "stuck", "overdue"):
            now, moment = self.outlook(), self.context.db.now()
            overdue = [task for task in now.tasks.values() if form.late(task, moment)]
            if name == "open":
                return now.workable()
            held = {"ready": now.ready(), "blocked": now.blocked(), "overdue": overdue}
            return len({**held, "stuck": now.stuck}[name])
        return super().measure(name)

    def render(self, view: base.View) -> str:
        """Counts, what is doing, what is next, and what was closed last."""
        now = self.outlook()
        doing, ready, blocked = now.doing(), now.ready(), now.blocked()
        counts = {"doing": len(doing), "ready": len(ready), "blocked": len(blocked)}
        counts["done"] = int(self.measure("done"))
        attributes = "".join(f' {name}="{count}"' for name, count in counts.items())
        head, tail = f"<{self.name}{attributes}>", f"</{self.name}>"
        waiting, show = [] if ready or doing else blocked, self.options.show
        sections = (
            ("Doing:", [self._line(task, now) for task in doing[:show]]),
            ("Next:", [self._line(task, now) for task in ready[:show]]),
            ("Blocked:", [self._line(task, now) for task in waiting[:show]]),
            ("Closed last:", [self._line(task) for task in self._lately()]),
        )
        lines = [line for title, held in sections if held for line in (title, *held)]
        most = min(view.cap or self.options.cap, self.options.cap)
        body = [line.replace(tail, f"<\\{self.name}>") for line in lines] or ["No tasks."]
        text = form.fitted(head, body, tail, lambda text: self.context.count(text) <= most)
        return base.cut(text, most, self.context.count)

    # Verbs

    @base.verb(writes=True)
    def push(
        self,
        text: str,
        priority: int = 0,
        parent: str = "",
        after: builtins.list[str] | None = None,
        due: str = "",
    ) -> str:
        """Put a task on the task list.

        Args:
            text: What is to be done, so that it can be understood on its own.
            priority: A higher number comes first.
            parent: The id of the task that this one is a part of.
            after: Ids of tasks that must be done before this one.
            due: When it is due, as YYYY-MM-DD or YYYY-MM-DD HH:MM.
        """
        order = tuple(dict.fromkeys(after or ()))
        draft = Task("", text, priority=priority, parent=parent, after=order, due=form.moment(due))
        task = self._push(draft)
        self.wrote(id=task.id)
        waits = self.outlook().waiting[task.id]
        return f"Pushed {task.id}." + (f" It waits for {form.named(waits)}." if waits else "")

    @base.verb(writes=True)
    def plan(
        self, texts: builtins.list[str], parent: str = "", one_after_another: bool = False
    ) -> str:
        """Put several tasks on the task list at once, in the order in which to do them.

        Args:
            texts: What is to be done, one text for each task.
            parent: The id of the task that they are parts of.
            one_after_another: true: each must wait until the one before is done.
        """
        if not texts:
            raise errors.ToolError("texts is empty: give one text for each task")
        pushed: builtins.list[Task] = []
        for text in texts:
            before = (pushed[-1].id,) if pushed and one_after_another else ()
            pushed.append(self._push(Task("", text, parent=parent, after=before)))
        self.wrote(id=pushed[-1].id)
        return f"Pushed {len(pushed)} tasks, {pushed[0].id} to {pushed[-1].id}."

    @base.verb(reads=True, writes=True)
    def pop(self) -> str:
        """Take the next task that is ready, and mark it as being worked on."""
        now = self.outlook()
        ready = now.ready()
        return self._begin(ready[0]) if ready else self._none_ready(now)

    # A model's verb and the hook of a new agent share this name: on an empty list it writes nothing
    @base.verb(reads=True, writes=True)
    def start(self, id: str = "") -> str:
        """Take up a certain task and mark it as being worked on; also one that failed.

        Args:
            id: The task's id; the next ready task if left out.
        """
        if not id:
            return str(self.pop())
        task, now = self._known(id), self.outlook()
        if task.state in (agenda.DOING, agenda.DONE):
            raise errors.ToolError(f"{id} is {task.state} already")
        if not task.alive:
            self._check_retry(task)
        elif now.waiting[id]:
            raise errors.ToolError(f"{id} is blocked: it waits for {form.named(now.waiting[id])}")
        return self._begin(task)

    @base.verb(writes=True)
    def finish(self, id: str, result: str = "") -> str:
        """Close a task as done, with what came of it.

        Args:
            id: The task's id.
            result: What came of it, in a sentence.
        """
        task, now = self._living(id), self.outlook()
        if now.waiting[id]:
            waits = form.named(now.waiting[id])
            raise errors.ToolError(f"{id} cannot be finished: it waits for {waits}")
        self._put(task, agenda.DONE, result)
        return self._closed(now, f"Finished {id}.", agenda.DONE)

    @base.verb(writes=True)
    def fail(self, id: str, reason: str) -> str:
        """Close a task as failed: it could not be done. Tasks that come after it stay blocked.

        Args:
            id: The task's id.
            reason: Why it could not be done.
        """
        task, now = self._living(id), self.outlook()
        form.check(reason, "reason", self.options.limit)
        parts = now.parts(id)
        self._put(task, agenda.FAILED, reason)
        for part in parts:
            self._put(part, agenda.DROPPED, f"{id} failed")
        stuck = [t.id for t in self.outlook().dependents([id, *(part.id for part in parts)])]
        told = f"Failed {id}." + (f" Dropped {form.named(p.id for p in parts)}." if parts else "")
        told += f" Blocked until it is started again: {form.named(stuck)}." if stuck else ""
        return self._closed(now, told, agenda.FAILED)

    @base.verb(writes=True)
    def drop(self, id: str, reason: str = "") -> str:
        """Take a task off the list, with its open parts, because it need not be done.

        Args:
            id: The task's id.
            reason: Why it need not be done.
        """
        task, now = self._living(id), self.outlook()
        going = [task, *now.parts(id)]
        others = now.dependents(each.id for each in going)
        if others:
            ids = form.named(each.id for each in others)
            raise errors.ToolError(f"{id} is not dropped: {ids} come after it; drop those first")
        for each in going:
            self._put(each, agenda.DROPPED, reason if each is task else f"{id} was dropped")
        return self._closed(now, f"Dropped {form.named(each.id for each in going)}.")

    @base.verb(reads=True)
    def list(self, state: Wanted = "open", page: int = 0) -> str:
        """List tasks, with their ids.

        Args:
            state: Which tasks; `open` are all that still have to be done.
            page: Page of the list, from 0.
        """
        now, size = self.outlook(), self.options.page_size
        if state in ("open", "ready", "blocked", "doing"):
            groups = {"ready": now.ready(), "blocked": now.blocked(), "doing": now.doing()}
            groups["open"] = [*groups["doing"], *groups["ready"], *groups["blocked"]]
            offset, _ = base.pages(len(groups[state]), page, size)
            total, shown = len(groups[state]), groups[state][offset : offset + size]
        else:
            where, values = ("1", ()) if state == "all" else ("status = ?", (state,))
            total = self.records.count(where, values)
            offset, _ = base.pages(total, page, size)
            order = "CAST(substr(id, 2) AS INTEGER)"
            found = self.records.select(where, values, order=order, limit=size, offset=offset)
            shown = [form.task(record) for record in found]
        return base.listing([self._line(task, now) for task in shown], total, page, size)

    @base.verb(reads=True)
    def search(self, query: str, page: int = 0) -> str:
        """Search all tasks and what came of them, closed ones too.

        Args:
            query: Words to look for.
            page: Page of the results, from 0.
        """
        if not query.strip():
            raise errors.ToolError("the query is empty; say what to look for")
        size = self.options.page_size
        hits, total = self.index.search(query, limit=size, offset=max(0, page) * size)
        base.pages(total, page, size)
        now = self.outlook()
        lines = [self._line(form.task(hit.record), now) for hit in hits]
        return base.listing(lines, total, page, size)

    def prepare(self, verb_name: str, arguments: Mapping[str, Any]) -> None:
        """Index what is new before the commit begins."""
        if verb_name == "search":
            self.index.prepare(str(arguments.get("query", "")))

    # Writing

    def _push(self, draft: Task) -> Task:
        form.check(draft.text, "text", self.options.limit)
        self._check_room()
        if draft.parent or draft.after:
            self._check_links(draft)
        sql = "SELECT count(DISTINCT id) FROM record WHERE store = ?"
        number = int(self.context.db.value(sql, (self.name,))) + 1
        task = replace(draft, id=f"t{number}", order=number)
        self.records.add(
            base.Record(
                task.id, task.text, form.fields(task), status=task.state,
                tokens=self.context.count(task.text),
            )
        )  # fmt: skip
        return task

    def _begin(self, task: Task) -> str:
        self._put(task, agenda.DOING, "")
        self.wrote(id=task.id)
        lines = [f"Task {task.id}: {task.text}"]
        if task.due is not None:
            lines.append(f"Due {clock.stamp(task.due)}{form.late(task, self.context.db.now())}.")
        if task.parent:
            lines.append(f"It is a part of: {self._line(self._known(task.parent))[2:]}")
        parts = "json_extract(fields, '$.parent') = ?"
        came = [self._known(id) for id in task.after]
        came += [form.task(each) for each in self.records.select(parts, (task.id,))]
        lines += [f"Came before: {self._line(each)[2:]}" for each in came[: self.options.show]]
        return "\n".join(lines)

    def _closed(self, before: agenda.Agenda, told: str, event: str = "") -> str:
        """Tell the runtime that tasks were closed, and the model what is left."""
        self.wrote()
        now = self.outlook()
        left = now.workable()
        for name in (event, "" if left or not before.workable() else "empty"):
            if name:
                self.context.emit(self.name, name, {})
        return f"{told} {left} left." if left else f"{told} {self._none_ready(now)}"

    def _put(self, task: Task, state: str, result: str) -> None:
        form.check(result, "result", self.options.limit, empty=True)
        record = self.records.get(task.id)
        assert record is not None
        size = self.context.count(f"{task.text} {result}".rstrip())
        fields = form.fields(replace(task, result=result))
        self.records.update(record, status=state, fields=fields, tokens=size)

    # Checking

    def _known(self, id: str) -> Task:
        record = self.records.get(id)
        if record is None:
            raise errors.ToolError(f"{self.name} has no task {form.short(id)}")
        return form.task(record)

    def _living(self, id: str) -> Task:
        task = self._known(id)
        if not task.alive:
            again = "" if task.state == agenda.DONE else "; start takes it up again"
            raise errors.ToolError(f"{id} is {task.state} already{again}")
        return task

    def _check_links(self, draft: Task) -> None:
        now = self.outlook()
        above = now.above(self._living(draft.parent).id) if draft.parent else []
        for id in draft.after:
            if (state := self._known(id).state) in (agenda.FAILED, agenda.DROPPED):
                raise errors.ToolError(f"{id} is {state}, so nothing can come after it")
        if now.leads_to(draft.after, above):
            raise errors.ToolError(
                f"a circle: {form.named(draft.after)} waits for {form.named(above)}, "
                "and this would be a part of it"
            )

    def _check_retry(self, task: Task) -> None:
        """A failed or dropped task can be taken up where what it needs is there."""
        if task.parent:
            self._living(task.parent)
        undone = [id for id in task.after if self._known(id).state != agenda.DONE]
        if undone:
            raise errors.ToolError(f"{task.id} is blocked: it waits for {form.named(undone)}")
        self._check_room()

    def _check_room(self) -> None:
        held = self.records.count("status IN (?, ?)", agenda.ALIVE)
        if held >= self.options.capacity:
            raise errors.ToolError(
                f"{self.name} is full: {held} of at most {self.options.capacity} tasks are open; "
                "finish or drop some first"
            )

    # Showing

    def _none_ready(self, now: agenda.Agenda) -> str:
        ends = {state: int(self.measure(state)) for state in agenda.STATES[2:]}
        return form.none_ready(now, ends)

    def _lately(self) -> builtins.list[Task]:
        where = "status NOT IN (?, ?)"
        found = self.records.select(where, agenda.ALIVE, order="seq DESC", limit=_LATELY)
        return [form.task(record) for record in found]

    def _line(self, task: Task, now: agenda.Agenda | None = None) -> str:
        waits = now.waiting.get(task.id, ()) if now else ()
        text = form.line(task, waits, self.context.db.now())
        return base.cut(text, self.options.result_cap, self.context.count)
