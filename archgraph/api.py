"""The few verbs that the doors share: load, check, compile, open an agent, feed it, look into it.

Called by the commands and exported at the top of the package. Picks files and names; the work is
done below.
"""

from __future__ import annotations

import dataclasses
import json
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

from archgraph import clock as clocks
from archgraph import errors
from archgraph.graph import budget as budgeting
from archgraph.graph import check as checking
from archgraph.graph import compile as compiling
from archgraph.graph import design
from archgraph.graph import plan as plans
from archgraph.spec import load as loading
from archgraph.spec import transcript as transcripts

if TYPE_CHECKING:
    from archgraph.llm import base as llm
    from archgraph.runtime import agent as agents
    from archgraph.runtime import world
    from archgraph.storage import records

# The runtime is imported where an agent is touched: `check`, `show` and `diff` do without it and
# would take half as long again.

Source = str | Path
SQLITE_HEAD = b"SQLite format 3\x00"


class Chosen(TypedDict, total=False):
    """What `open_agent` takes besides the architecture; each may be left out."""

    model: str | None
    clock: clocks.Clock | None
    gateway: llm.Gateway | None
    embedder: llm.Embedder | None
    durability: str
    reembed: bool
    approve: world.Approve


def load(source: Source, overrides: Sequence[str] = ()) -> loading.Architecture:
    """Read an architecture: a shipped name, or the path of a YAML file.

    `overrides` are `name=value` or `path.in.file=value`, as with `--set`.

    Raises:
        SpecError: it has problems; all of them are in `.problems`.
    """
    return loading.load(source, overrides)


def check(source: Source, overrides: Sequence[str] = ()) -> list[errors.Problem]:
    """Everything that is wrong or doubtful about an architecture; empty when nothing is."""
    return checking.check(source, overrides)


def compile(source: Source | loading.Architecture, overrides: Sequence[str] = ()) -> plans.Plan:
    """The checked, frozen plan of an architecture.

    Raises:
        SpecError: it has errors; all of them are in `.problems`.
    """
    if isinstance(source, loading.Architecture):
        return compiling.compile(source).plan
    # `read`, not `load`: what the graph finds is told together with what the file gets wrong
    loaded = loading.read(source, overrides)
    return compiling.compile(loaded).plan


def budgets(source: Source, overrides: Sequence[str] = ()) -> list[budgeting.Budget]:
    """The most tokens that each thread of an architecture can need, line by line.

    Raises:
        SpecError: the architecture has errors other than a budget that does not fit.
    """
    loaded = load(source, overrides)
    wrong = [each for each in checking.problems(design.of(loaded)) if each.severity == "error"]
    if any(each.code != "budget" for each in wrong):
        raise errors.SpecError(wrong)
    return budgeting.budgets(design.of(loaded))


def open_agent(
    source: Source | plans.Plan,
    path: Source | None = None,
    *,
    overrides: Sequence[str] = (),
    seed: int | None = None,
    readonly: bool = False,
    **setup: Unpack[Chosen],
) -> agents.Agent:
    """Make a new agent, or open one that is there.

    `source` is an architecture (a name, a YAML file, a plan) or an agent's file. `path` is where
    a new agent is kept; without it the agent lives in memory. If `path` holds an agent already,
    that one is opened, and `source` must be what it was made of. `setup` may name a `model` (for
    the param of that name), a `clock`, a `gateway` that answers for every model, an `embedder`,
    the `durability` of a new file (`normal` or `full`), and `reembed` to index an agent's stores
    again with that embedder.

    Raises:
        SpecError: the architecture has errors.
        AgentFileError: the file is no agent, or was made from something else.
        AgentBusy: another process is writing to the file.
    """
    from archgraph.runtime import agent as agents
    from archgraph.storage import database

    model, given = setup.get("model"), _given(setup)
    if not isinstance(source, (str, Path, plans.Plan)):
        kind = type(source).__name__
        raise errors.InputError(f"an architecture is a name, a path or a plan, not {kind}")
    overrides = [overrides] if isinstance(overrides, str) else overrides
    if not isinstance(source, plans.Plan) and is_agent(source):
        if overrides or model:
            raise errors.InputError(_settled(str(source), overrides, model))
        return agents.open_file(str(source), setup=given, readonly=readonly)
    chosen = (*overrides, *([f"model={model}"] if model else ()))
    plan = source if isinstance(source, plans.Plan) else compile(source, chosen)
    if path is None or not is_agent(path) or database.unfinished(str(path)):
        place = ":memory:" if path is None else str(path)
        return agents.create(plan, place, seed=seed, setup=given)
    opened = agents.open_file(str(path), setup=given, readonly=readonly)
    if opened.plan.digest != plan.digest:
        opened.close()
        wanted = plan.name if isinstance(source, plans.Plan) else str(source)
        raise errors.AgentFileError(
            _another(str(path), opened.plan.name, plan.name, wanted, chosen)
        )
    return opened


def _settled(path: str, overrides: Sequence[str], model: str | None) -> str:
    """That an agent keeps what it was made of, and the command that makes another of it."""
    from archgraph.runtime import agent as agents

    with agents.open_file(path, readonly=True) as agent:
        name = agent.plan.name
    chosen = (*overrides, *([f"model={model}"] if model else ()))
    return (
        f"{path} is an agent already; --set and --model are for new ones. To go on with another "
        f"form of it, {_fork_command(path, name, chosen)}"
    )


def _fork_command(path: str, architecture: str, chosen: Sequence[str]) -> str:
    flags = "".join(f" --set {shlex.quote(each)}" for each in chosen)
    return f"fork it: `archgraph fork {path} NEW.db --architecture {architecture}{flags}`"


def _another(path: str, held: str, wanted: str, source: str, chosen: Sequence[str]) -> str:
    """That a file holds an agent of something else."""
    what = f"a {held}, not a {wanted}" if held != wanted else f"another form of {held!r}"
    return (
        f"{path} holds {what}; open it as it is (`archgraph chat {path}`), or "
        f"{_fork_command(path, source, chosen)}"
    )


def _given(setup: Chosen) -> agents.Setup:
    from archgraph.runtime import agent as agents
    from archgraph.runtime import world

    return agents.Setup(
        setup.get("clock"),
        setup.get("gateway"),
        setup.get("embedder"),
        setup.get("durability", "normal"),
        setup.get("reembed", False),
        setup.get("approve", world.nobody),
    )


def reindex(path: Source) -> int:
    """Embed and index all stores of an agent again, with the embedder that its plan names.

    Returns how many stores were indexed. The records stay as they are.

    Raises:
        AgentFileError: the file is no agent.
    """
    from archgraph.runtime import agent as agents

    with agents.open_file(str(path), setup=agents.Setup(reembed=True)) as agent:
        found = [index for store in agent.stores.values() if (index := store.search_index())]
        for index in found:
            index.catch_up()
        return len(found)


def is_agent(path: Source) -> bool:
    """Whether a path holds a SQLite file."""
    place = Path(path)
    if not place.is_file():
        return False
    with place.open("rb") as file:
        return file.read(len(SQLITE_HEAD)) == SQLITE_HEAD


Row = transcripts.Row


def read_transcript(path: Source) -> list[Row]:
    """Read a JSONL transcript: objects with `text`, and `role`, `name`, `time` if known.

    Raises:
        InputError: names the lines that are wrong, and how.
    """
    return transcripts.read(path)


def feed(
    agent: agents.Agent,
    rows: Sequence[Row],
    *,
    mode: str = "converse",
    told: Callable[[int, Row, agents.Turn | None], None] = lambda count, row, turn: None,
) -> int:
    """Give a transcript to an agent, row by row; returns how many rows were new.

    `converse` sends the user's rows and runs the threads; `observe` only logs the rows and fires
    event triggers. A virtual clock moves with the rows' times. Rows that this agent has accepted
    before are skipped, so a feed that was killed is simply started again.
    """
    fresh = 0
    for count, row in enumerate(rows, 1):
        if row.at is not None:
            agent.advance_to(row.at, timers=mode != "observe")
        if row.key and agent.accepted(row.key):
            agent.resume()
            continue
        fresh += 1
        turn = None
        if mode == "observe" or row.role != "user":
            agent.observe(row.text, name=row.name, role=row.role, at=row.at, key=row.key or None)
        else:
            turn = agent.send(row.text, name=row.name, at=row.at, key=row.key or None)
        agent.work(timers=mode != "observe")
        told(count, row, turn)
    return fresh


def spent(agent: agents.Agent) -> tuple[int, int]:
    """How many steps an agent has taken so far, and the tokens that they cost."""
    sum_of = "coalesce(sum(prompt_tokens), 0) + coalesce(sum(completion_tokens), 0)"
    steps, tokens = agent.db.one(f"SELECT count(*), {sum_of} FROM step")
    return int(steps), int(tokens)


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a context window and what it takes, in tokens."""

    name: str
    tokens: int


@dataclass(frozen=True, slots=True)
class NextWindow:
    """What a thread would be sent now: its messages, and what takes how many of `limit` tokens."""

    messages: Sequence[Mapping[str, Any]]
    parts: tuple[Part, ...]
    limit: int


def next_window(agent: agents.Agent, thread: str) -> NextWindow:
    """What a thread would be sent if it took a step now. Changes nothing.

    Raises:
        UnknownName: the agent has no such thread.
    """
    from archgraph.runtime import context, prepared, tick
    from archgraph.stores import base

    if thread not in agent.plan.threads:
        raise errors.UnknownName("thread", thread, agent.plan.threads)
    plan, count = agent.plan.threads[thread], agent.world.count
    if plan.pipeline:
        raise errors.InputError(f"{thread!r} is a pipeline, which has no context window")
    # a renderer of its own: the agent's remembers what it was last asked for
    renderer = context.Renderer(prepared.of(agent.plan), agent.stores, agent.db)
    window = renderer.build(plan, agent.state.threads.get(thread, tick.ThreadState()))
    shown = [
        Part(item.store, count(store.render(base.View(thread=thread, cap=item.cap))))
        for item in plan.context
        if item.mode == "show" and not (store := agent.stores[item.store]).shows_messages
    ]
    system = count(str(window.messages[0]["content"]))
    schemas = window.fixed - system - context.PROMPT_OVERHEAD
    parts = [
        Part("prompt", system + context.PROMPT_OVERHEAD - sum(part.tokens for part in shown)),
        *shown,
        Part(f"schemas of {len(plan.tools)} tools", schemas),
        Part(f"{len(window.rows)} messages", window.tokens - window.fixed),
        Part("kept for the answer", plan.max_tokens),
        Part("free", plan.context_window - plan.max_tokens - window.tokens),
    ]
    return NextWindow(window.messages, tuple(parts), plan.context_window)


def take_back(agent: agents.Agent) -> tuple[agents.Agent, str]:
    """Forget the user's last message and all that it caused; the agent from then, and the text.

    The agent that was given must not be used any more: the new one goes on in the same file.

    Raises:
        InputError: there is no message to take back.
    """
    from archgraph.runtime import agent as agents
    from archgraph.runtime import tick
    from archgraph.storage import rewind

    sql = "SELECT born, payload FROM tick WHERE kind = ? ORDER BY seq DESC LIMIT 1"
    last = agent.db.one(sql, (tick.MESSAGE,))
    if last is None:
        raise errors.InputError("there is no message to take back")
    agent.world.close()
    rewind.rewind(agent.db, last[0] - 1)
    return agents.Agent(agent.plan, agent.db, agent.setup), str(json.loads(last[1])["text"])


@dataclass(frozen=True, slots=True)
class Blamed:
    """A line of a store and who wrote it."""

    line: str
    step: int | None
    thread: str | None
    turn: int | None
    at: float
    message: str
    operator: str = ""
    """The pipeline's operator that wrote it; `step` is its model call, if there was one."""
    ended: float | None = None
    """Since when it holds no longer; it is kept as history."""


def blame(agent: agents.Agent, store: str) -> list[Blamed]:
    """Which step, thread and user message wrote each line of a store, ended records included.

    Raises:
        UnknownName: the agent has no such store.
        InputError: the store is a view; the message names the store below it.
    """
    from archgraph.stores import block

    if store not in agent.stores:
        raise errors.UnknownName("store", store, agent.stores)
    if over := getattr(agent.stores[store].options, "over", ""):
        raise errors.InputError(f"{store} is a view over {over}: ask who wrote {over} instead")
    found = []
    for record in agent.stores[store].records.select():
        history = agent.stores[store].records.history(record.id)
        for line, form in block.line_authors(history):
            cause = _message_of(agent, form.turn)
            at, operator = _written(agent, form)
            ended = record.valid_to or record.expired
            found.append(
                Blamed(line, form.step, form.thread, form.turn, at, cause, operator, ended)
            )
    return found


def _written(agent: agents.Agent, form: records.Record) -> tuple[float, str]:
    """When a form of a record was written, and by which operator of a pipeline, if by one."""
    sql = (
        "SELECT at, name FROM event WHERE born = ? AND thread = ? AND name LIKE thread || '.%' "
        "AND json_extract(payload, '$.step') IS NOT NULL"
    )
    found = agent.db.one(sql, (form.born, form.thread))
    if found is not None:
        return found[0], str(found[1]).partition(".")[2]
    at = agent.db.value("SELECT at FROM step WHERE id = ?", (form.step,))
    return (form.created if at is None else at), ""


def _message_of(agent: agents.Agent, turn: int | None) -> str:
    sql = (
        "SELECT content FROM record WHERE turn = ? AND thread IS NULL "
        "AND json_extract(fields, '$.kind') = 'user' ORDER BY seq LIMIT 1"
    )
    return str(agent.db.value(sql, (turn,)) or "") if turn is not None else ""


def plain(value: Any) -> Any:
    """A dataclass as plain data for `--json`."""
    return dataclasses.asdict(value)
