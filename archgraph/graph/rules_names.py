"""Rules about names: every reference must lead to a node of the right kind."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from archgraph import errors, registry
from archgraph.graph import design, plan
from archgraph.spec import merge, tree

_ONE = {"stores": "store", "tools": "tool", "threads": "thread", "params": "parameter"}


def unique(found: design.Design) -> None:
    """Names are unique across parameters, stores, tools and threads."""
    seen: dict[str, str] = {}
    for section in merge.SECTIONS:
        for name in tree.child_mapping(found.loaded.root, section):
            if name in seen:
                origin = tree.place(found.loaded.root, (seen[name], name), key=True)
                message = f"{name!r} is also a {_ONE[seen[name]]} ({origin})"
                path = (section, name)
                found.report("duplicate-name", message, "rename one of them", path, key=True)
            seen.setdefault(name, section)


def tool_stores(found: design.Design) -> None:
    """The stores of a tool exist and are named once."""
    for name, tool in found.spec.tools.items():
        path = ("tools", name, "stores")
        _all_of(found, "stores", tool.stores, path)


def thread_nodes(found: design.Design) -> None:
    """Log, context and tools of a thread exist and are named once."""
    for name, thread in found.spec.threads.items():
        path: tree.Path = ("threads", name)
        if thread.log:
            refer(found, "stores", thread.log, (*path, "log"))
        if thread.tools != "all":
            _all_of(found, "tools", thread.tools, (*path, "tools"))
        for index, item in enumerate(thread.context):
            at = (*path, "context", index)
            refer(found, "stores", item.store, _deeper(found, at, "store"))
            if item.of:
                refer(found, "threads", item.of, (*at, "of"))
        shown = [f"{item.store} {item.since} {item.search is not None}" for item in thread.context]
        _twice(found, shown, (*path, "context"))


def thread_events(found: design.Design) -> None:
    """Events and measures that triggers and `while` name exist."""
    for thread, index, trigger in found.triggers():
        path: tree.Path = ("threads", thread, "triggers", index)
        event = design.event_of(trigger)
        if event:
            _event(found, event, (*path, "event" if trigger.event else "of"))
        if trigger.crosses:
            _measure(found, trigger.crosses.of, (*path, "crosses", "of"))
        if trigger.signal:
            refer(found, "tools", trigger.signal, (*path, "signal"))
    for thread, spec in found.spec.threads.items():
        if not isinstance(spec.heartbeat, str) and spec.heartbeat.while_open:
            _measure(found, spec.heartbeat.while_open, ("threads", thread, "heartbeat", "while"))


def store_references(found: design.Design) -> None:
    """What a store's options name exists: other stores, and threads under `of`."""
    for name in found.types:
        for option, target in found.references(name).items():
            refer(found, "stores", target, ("stores", name, *option.split(".")))
        threads = getattr(found.options(name), "of", None)
        if isinstance(threads, list) and "of" in type(found.options(name)).model_fields:
            for index, thread in enumerate(threads):
                refer(found, "threads", thread, ("stores", name, "of", index))


def embedder(found: design.Design) -> None:
    """The embedder is registered, or belongs to a provider (then it has a slash)."""
    name = found.spec.embedder
    known = registry.names("embedders")
    if "/" not in name and name not in known:
        message = f"no embedder {name!r}"
        found.report("unknown-embedder", message, errors.suggest(name, known), ("embedder",))


def refer(found: design.Design, section: str, name: str, path: tree.Path) -> bool:
    """Whether a name is a node of a section; reports it if not."""
    nodes = getattr(found.spec, section)
    if name in nodes:
        return True
    if found.unreadable(section):
        return False
    for other in merge.NODES:
        if name in tree.child_mapping(found.loaded.root, other):
            if other != section:
                message = f"{name!r} is a {_ONE[other]}, not a {_ONE[section]}"
                remedy = f"name a {_ONE[section]}: {', '.join(nodes)}"
                found.report("wrong-kind", message, remedy, path)
            return False
    by = found.loaded.removed.get((section, name))
    if by:
        user, place = tree.dotted(path), tree.place(found.loaded.root, path)
        message = f"{name!r} cannot be removed: {user} still names it ({place})"
        remedy = f"change {user}, or remove {tree.dotted(path[:2])} as well"
        found.problems.append(merge.problem("dangling", message, remedy, by, (section, name)))
    else:
        known = tree.child_mapping(found.loaded.root, section)
        message = f"no {_ONE[section]} {name!r}"
        found.report("unknown-name", message, errors.suggest(name, known), path)
    return False


def _all_of(found: design.Design, section: str, names: Sequence[str], path: tree.Path) -> None:
    node = tree.get(found.loaded.root, path)
    single = node is not None and isinstance(node.value, str)
    for index, name in enumerate(names):
        refer(found, section, name, path if single else (*path, index))
    _twice(found, names, path)


def _twice(found: design.Design, names: Sequence[str], path: tree.Path) -> None:
    for index, name in enumerate(names):
        if name in names[:index]:
            message = f"{name.split()[0]!r} is named twice"
            found.report("named-twice", message, "delete one of them", (*path, index))


def _deeper(found: design.Design, path: tree.Path, key: str) -> tree.Path:
    """The path of a key if the value is written in its long form, else of the value."""
    node = tree.get(found.loaded.root, path)
    return (*path, key) if node is not None and key in node.mapping else path


def _event(found: design.Design, event: str, path: tree.Path) -> None:
    node, _, name = event.partition(".")
    if node == "agent":
        _offered(found, "unknown-event", name, plan.AGENT_EVENTS, "the agent", path)
    elif node in found.spec.threads:
        _offered(found, "unknown-event", name, plan.THREAD_EVENTS, f"the thread {node!r}", path)
    elif node in found.types:
        events = found.types[node].events
        _offered(found, "unknown-event", name, events, f"the store {node!r}", path)
    elif not found.known(node):
        known = ["agent", *found.spec.stores, *found.spec.threads, *found.loaded.broken]
        message = f"no store or thread {node!r}"
        found.report("unknown-name", message, errors.suggest(node, known), path)
    elif node in found.spec.tools:
        message = f"{node!r} is a tool, and a tool has no events"
        found.report("wrong-kind", message, f"write {{signal: {node}}}", path)


def _measure(found: design.Design, measure: str, path: tree.Path) -> None:
    node, _, name = measure.partition(".")
    if refer(found, "stores", node, path):
        measures = found.types[node].measures_for(found.options(node))
        _offered(found, "unknown-measure", name, measures, f"the store {node!r}", path)


def _offered(
    found: design.Design, code: str, name: str, known: Iterable[str], owner: str, path: tree.Path
) -> None:
    offered = list(known)
    if name not in offered:
        kind = code.removeprefix("unknown-")
        message = f"{owner} has no {kind} {name!r}"
        found.report(code, message, errors.suggest(name, offered), path)
