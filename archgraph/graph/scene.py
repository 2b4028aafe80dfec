"""What a picture of a plan shows, before anything has a place: cards, stores, links.

A thread is a card: what makes it due, what it sees (in the order of its window), which tools it
may call (or its steps), and its log are the card's rows. Links lead from row to store the way that
data or cause flows. Called by `draw` and `contrast`. Knows no coordinates and no picture format.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from archgraph.graph import build, plan, wording

DUE, SEES, CALLS, STEPS, KEEPS = "due", "sees", "may call", "does", "keeps"
SECTIONS = (DUE, SEES, STEPS, CALLS, KEEPS)
"""The sections of a card, in order. Only the rows of `may call` may change places."""

Shares = Mapping[tuple[str, str], str]
"""What is told of the budget, by thread and store."""


@dataclass(frozen=True, slots=True)
class Row:
    """A line of a card. `icon` stands before it: `user`, `clock` or `event`.

    `mark` is `added`, `removed` or `changed` where two plans are drawn as one.
    """

    key: str
    section: str
    text: str
    note: str = ""
    about: str = ""
    icon: str = ""
    background: bool = False
    mark: str = ""


@dataclass(frozen=True, slots=True)
class Card:
    """A thread. `rows` stand in the order of `SECTIONS`."""

    name: str
    notes: tuple[str, ...]
    rows: tuple[Row, ...]
    about: str = ""
    background: bool = False
    mark: str = ""


@dataclass(frozen=True, slots=True)
class Box:
    """A store."""

    name: str
    type: str
    notes: tuple[str, ...] = ()
    about: str = ""
    mark: str = ""


@dataclass(frozen=True, slots=True)
class Link:
    """An arrow between two ends, each a node and a row of it (empty: the node itself).

    kind: `context`, `reads`, `writes`, `both`, `log`, `trigger`, `call`, `view`, `evicts`,
    `refers`. `edges` are the graph's edges that it stands for: source, target, type.
    """

    source: tuple[str, str]
    target: tuple[str, str]
    kind: str
    about: str
    edges: tuple[tuple[str, str, str], ...] = ()
    background: bool = False
    mark: str = ""


@dataclass(frozen=True, slots=True)
class Scene:
    """The whole picture."""

    name: str
    about: str
    cards: tuple[Card, ...]
    boxes: tuple[Box, ...]
    links: tuple[Link, ...] = field(default=())
    compared: bool = False


# Public functions


def scene(built: plan.Plan, shares: Shares | None = None) -> Scene:
    """The picture of a plan.

    Args:
        built: the plan.
        shares: what to tell of the budget, by thread and store.
    """
    links = [link for thread in built.threads.values() for link in _links(built, thread)]
    return Scene(
        name=built.name,
        about=built.about,
        cards=tuple(_card(built, each, shares or {}) for each in built.threads.values()),
        boxes=tuple(_box(each) for each in built.stores.values()),
        links=(*links, *_between(built)),
    )


def store_notes(store: plan.StorePlan) -> tuple[str, ...]:
    """What is worth telling of a store in its box: how large it may be, how it is found."""
    options, told = store.options, []
    if store.type == "block":
        told.append(f"{options['limit']:,} characters")
        told += ["read only"] if options.get("readonly") else []
    elif options.get("capacity"):
        told.append(f"at most {options['capacity']:,}")
    if store.type == "collection":
        told.append(", ".join(options.get("index", ())))
    return (", ".join(told),) if told else ()


# Private functions: cards


def _card(built: plan.Plan, thread: plan.ThreadPlan, shares: Shares) -> Card:
    due = [_due_row(built, n, each) for n, each in enumerate(thread.triggers)]
    sees = [_seen_row(thread, n, each, shares) for n, each in enumerate(thread.context)]
    calls = [_tool_row(built.tools[name], thread) for name in thread.tools]
    steps = [_step_row(n, each) for n, each in enumerate(thread.steps)]
    log = f"{thread.name} keeps its messages in {thread.log}"
    keeps = [Row("log", KEEPS, f"messages in {thread.log}", about=log)] if thread.log else []
    settings = wording.pairs(wording.changed(thread))
    about = [f"thread {thread.name} on {thread.model}", f"prompt {thread.prompt or 'none'}"]
    about += [settings] if settings else []
    beats = [] if thread.steps else [f"goes on: {wording.heartbeat(thread.heartbeat)}"]
    background = bool(thread.triggers) and all(each.background for each in thread.triggers)
    return Card(
        name=thread.name,
        notes=(f"{thread.model} · {thread.context_window:,} tokens", *beats),
        rows=(*due, *sees, *steps, *calls, *keeps),
        about="\n".join(about),
        background=background,
    )


def _due_row(built: plan.Plan, number: int, trigger: plan.TriggerPlan) -> Row:
    timed = trigger.kind in ("timer", "at", "idle")
    icon = "user" if trigger.kind == "user_message" else "clock" if timed else "event"
    if wording.source(trigger) in {*built.stores, *built.threads, *built.tools}:
        icon = ""  # an arrow tells where it comes from
    about = f"due: {wording.trigger(trigger)}, {trigger.mode}"
    about += f", says {trigger.say}" if trigger.say else ""
    about += f", while busy: {trigger.busy}" if trigger.busy != "coalesce" else ""
    about += f", where {wording.pairs(trigger.where)}" if trigger.where else ""
    note = {"background": "background", "note": "told later"}.get(trigger.mode, "")
    return Row(f"due{number}", DUE, wording.trigger(trigger), note, about, icon, trigger.background)


def _seen_row(thread: plan.ThreadPlan, number: int, item: plan.ContextItem, shares: Shares) -> Row:
    about = f"{thread.name} sees {wording.item(item)}"
    about += f", at most {item.cap:,} tokens" if item.cap else ""
    share = shares.get((thread.name, item.store), "")
    about += f"\n{share}" if share else ""
    return Row(f"sees{number}", SEES, wording.item(item), about=about)


def _tool_row(tool: plan.ToolPlan, thread: plan.ThreadPlan) -> Row:
    about = [f"{tool.name}: {tool.verb} {', '.join(tool.stores)}".rstrip(), tool.description]
    about += [f"fixed: {wording.pairs(tool.fixed)}"] if tool.fixed else []
    about += _rules(tool.name, thread.heartbeat)
    about += [f"{tool.outside.kind}: {tool.outside.target}"] if tool.outside else []
    words = [] if tool.verb in tool.name else [tool.verb.replace("_", " ")]
    note = ", ".join([*words, *_signs(tool.name, thread.heartbeat)])
    return Row(f"tool {tool.name}", CALLS, tool.name, note, "\n".join(filter(None, about)))


def _signs(tool: str, beat: plan.HeartbeatPlan) -> list[str]:
    """The rules of a tool that are worth a word in the picture."""
    rules, words = beat.rules, {"first": "first", "required": "required", "approval": "if agreed"}
    told = [word for name, word in words.items() if tool in getattr(rules, name)]
    told += [f"at most {rules.at_most[tool]}"] if tool in rules.at_most else []
    for after in rules.then.get(tool, ())[:1]:
        more = len(rules.then[tool]) - 1
        told.append(f"then {after}" + (f" or {more} more" if more else ""))
    return told + (["ends"] if tool in (*rules.last, beat.until) else [])


def _rules(tool: str, beat: plan.HeartbeatPlan) -> list[str]:
    rules = beat.rules
    told = [f"rule: {name.replace('_', ' ')}"
            for name in ("first", "last", "required", "approval", "go_on")
            if tool in getattr(rules, name)]  # fmt: skip
    told += [f"rule: then {', '.join(rules.then[tool])}"] if tool in rules.then else []
    told += [f"rule: after {', '.join(rules.after[tool])}"] if tool in rules.after else []
    told += ["rule: what follows depends on its result"] if tool in rules.branch else []
    told += [f"rule: at most {rules.at_most[tool]} a run"] if tool in rules.at_most else []
    return told + (["its call ends the run"] if tool == beat.until else [])


def _step_row(number: int, step: plan.StepPlan) -> Row:
    text = f"{number + 1}  {step.operator}"
    note = f"→ {step.result}" if step.result else ""
    about = [f"step {number + 1}: {step.operator} {wording.pairs(step.options)}"]
    about += [f"when {step.when}"] if step.when else []
    about += [f"for each of {step.each}"] if step.each else []
    return Row(f"step{number}", STEPS, text, note, "\n".join(about))


# Private functions: stores


def _box(store: plan.StorePlan) -> Box:
    told = wording.options(store)
    about = f"store {store.name}: {store.type}"
    return Box(
        store.name,
        store.type,
        store_notes(store),
        f"{about}\n{wording.pairs(told)}" if told else about,
    )


def _between(built: plan.Plan) -> list[Link]:
    """The links from store to store."""
    kinds = {"over": "view", "evicts_into": "evicts"}
    words = {"over": "is a view over", "evicts_into": "evicts into"}
    return [
        Link((source, ""), (target, ""), kinds.get(kind, "refers"),
             f"{source} {words.get(kind, 'refers to')} {target}", ((source, target, kind),))
        for source, target, kind, _ in build.edges(built, build.references(built))
        if source in built.stores and target in built.stores
    ]  # fmt: skip


# Private functions: links of a thread


def _links(built: plan.Plan, thread: plan.ThreadPlan) -> list[Link]:
    name = thread.name
    found = [link for n, each in enumerate(thread.triggers)
             if (link := _cause(built, thread, n, each))]  # fmt: skip
    found += [
        Link((item.store, ""), (name, f"sees{n}"), "context", f"{name} sees {wording.item(item)}",
             ((name, item.store, "shows"),))
        for n, item in enumerate(thread.context)
    ]  # fmt: skip
    for tool in thread.tools:
        found += _tool_links(built, name, built.tools[tool])
    for number, step in enumerate(thread.steps):
        found += _step_links(built, name, number, step)
    if open_store := thread.heartbeat.while_open:
        about = f"{name} goes on while {open_store} has something open"
        edges = ((name, open_store, "refers"),)
        found.append(Link((open_store, ""), (name, ""), "refers", about, edges))
    if thread.log:
        about = f"{name} keeps its messages in {thread.log}"
        found.append(
            Link((name, "log"), (thread.log, ""), "log", about, ((name, thread.log, "logs"),))
        )
    return found


def _cause(
    built: plan.Plan, thread: plan.ThreadPlan, number: int, trigger: plan.TriggerPlan
) -> Link | None:
    """The arrow from the node whose event a trigger waits for."""
    source, target = wording.source(trigger), (thread.name, f"due{number}")
    event = build.event_name(trigger)
    edges = ((source, event, "emits"), (event, thread.name, "triggers"))
    about = f"{wording.trigger(trigger)} makes {thread.name} due"
    about += " in the background" if trigger.background else ""
    if source in built.stores or source in built.threads:
        return Link((source, ""), target, "trigger", about, edges, trigger.background)
    if source in built.tools:
        callers = [each.name for each in built.threads.values() if source in each.tools]
        if callers:
            origin = (callers[0], f"tool {source}")
            return Link(origin, target, "trigger", about, edges, trigger.background)
    return None


def _tool_links(built: plan.Plan, thread: str, tool: plan.ToolPlan) -> list[Link]:
    row, found = (thread, f"tool {tool.name}"), []
    kinds = tuple(kind for kind, on in (("reads", tool.reads), ("writes", tool.writes)) if on)
    for store in tool.stores:
        edges = tuple((tool.name, store, kind) for kind in kinds or ("uses",))
        found.append(_use(row, store, kinds, tool.name, edges))
    for other in tool.threads:
        later = tool.mode == "background"
        about = f"{tool.name} of {thread} calls {other}" + (" in the background" if later else "")
        edges = ((tool.name, other, "calls"),)
        found.append(Link(row, (other, ""), "call", about, edges, later))
    return found


def _step_links(built: plan.Plan, thread: str, number: int, step: plan.StepPlan) -> list[Link]:
    """The arrows of a pipeline's step, as its operator tells which stores its options name."""
    row, touched = (thread, f"step{number}"), dict[str, list[str]]()
    for store, kind in build.step_stores(built, step):
        touched.setdefault(store, []).append(kind)
    about = f"step {number + 1} of {thread}, {step.operator},"
    return [
        _use(row, store, tuple(dict.fromkeys(kinds)), about,
             tuple((thread, store, each) for each in dict.fromkeys(kinds)))
        for store, kinds in touched.items()
    ]  # fmt: skip


def _use(
    row: tuple[str, str],
    store: str,
    kinds: tuple[str, ...],
    who: str,
    edges: tuple[tuple[str, str, str], ...],
) -> Link:
    """An arrow the way that data flows: to the row that reads, to the store that is written."""
    kind = "both" if len(kinds) == 2 else kinds[0] if kinds else "refers"
    about = f"{who} {' and '.join(kinds or ('uses',))} {store}"
    ends = ((store, ""), row) if kind == "reads" else (row, (store, ""))
    return Link(*ends, kind, about, edges)
