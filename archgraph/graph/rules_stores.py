"""Rules about stores: logs, views over them, and the thresholds of a window."""

from __future__ import annotations

from typing import Any

from archgraph import errors
from archgraph.graph import design
from archgraph.spec import tree
from archgraph.stores import base as stores

THRESHOLDS = ("warn_at", "evict_at", "evict_to")


def logs(found: design.Design) -> None:
    """Every thread has one log, and it can keep messages."""
    kept = [store for store in found.types if found.keeps_messages(store)]
    broken = any(name in found.loaded.broken for name in _named(found, "stores"))
    for name, thread in found.spec.threads.items():
        path: tree.Path = ("threads", name)
        if thread.kind == "pipeline":
            continue
        if thread.log:
            if thread.log in found.types and thread.log not in kept:
                kind = found.spec.stores[thread.log].type
                message = f"{thread.log!r} is a {kind}, which keeps no messages"
                remedy = f"name a log: {', '.join(kept) or 'add a store of type log'}"
                found.report("not-a-log", message, remedy, (*path, "log"))
        elif not kept and not broken:
            message = f"the thread {name!r} has no log to keep its messages in"
            remedy = "add a store `{type: log}`"
            found.report("log-missing", message, remedy, path, key=True)
        elif len(kept) > 1:
            message = f"there are {len(kept)} logs: {', '.join(kept)}"
            found.report("log-ambiguous", message, f"add `log: {kept[0]}`", path, key=True)


def views(found: design.Design) -> None:
    """A view lies over a log, and a summary of what is evicted goes to a store that holds text."""
    for name in found.types:
        for option, target in found.references(name).items():
            path = ("stores", name, *option.split("."))
            if target not in found.types:
                continue
            kind = found.spec.stores[target].type
            if option == "over" and not found.keeps_messages(target):
                message = f"{target!r} is a {kind}, which keeps no messages"
                remedy = "name a store of type log"
                found.report("over-not-a-log", message, remedy, path)
            elif option.startswith("evict") and not _holds_text(found, target):
                message = f"{target!r} is a {kind}, which cannot hold a summary"
                remedy = "name a store of type block"
                found.report("evict-target", message, remedy, path)
            elif option == "overflow.into" and not _takes_records(found, name, target):
                itself = "cannot archive into itself"
                message = f"{target!r} {itself if target == name else f'is a {kind}'}"
                remedy = "name another collection, which keeps what moves there"
                found.report("overflow-target", message, remedy, path)


def doubts(found: design.Design) -> None:
    """What the store types themselves warn of, such as what an outside back-end cannot give."""
    remedy = "keep what must not be lost in the agent's own file"
    for name in found.types:
        path = ("stores", name)
        try:
            for doubt in found.options(name).doubts():
                found.warn("store-doubt", doubt, remedy, path)
        except errors.UnknownName as error:
            written = tree.child_mapping(found.loaded.root, "stores")[name].mapping
            key = next((key for key, node in written.items() if node.value == error.name), "type")
            hint = errors.suggest(error.name, error.known)
            found.report("unknown-type", f"no {error.kind} {error.name!r}", hint, (*path, key))
        except errors.PluginError as error:
            found.report("plugin-broken", str(error), error.remedy, path)


def thresholds(found: design.Design) -> None:
    """Thresholds lie in the window and in the order warn_at <= evict_at, evict_to < evict_at."""
    for name in found.types:
        options = found.options(name)
        values = {key: getattr(options, key, None) for key in THRESHOLDS}
        numbers = {key: value for key, value in values.items() if isinstance(value, (int, float))}
        if "evict_at" not in numbers:
            continue
        _in_range(found, name, numbers)
        _in_order(found, name, numbers)


def shows(found: design.Design, store: str) -> list[str]:
    """The threads that show a store."""
    return [thread for thread, _, item in found.contexts() if item.store == store]


def _in_range(found: design.Design, name: str, numbers: dict[str, Any]) -> None:
    """Fractions up to 1; a window shown by several threads gives tokens."""
    several = len(shows(found, name)) > 1
    for key, value in numbers.items():
        path = ("stores", name, key)
        if tree.get(found.loaded.root, path) is None and several:
            continue
        if several and value <= 1:
            message = f"{key} is a fraction, and {name!r} is shown by several threads"
            found.report("threshold-range", message, "give it in tokens", path)
        elif not several and value > 1:
            message = f"{key} is {value}, more than the whole context window"
            remedy = "give a fraction of the context window, at most 1.0"
            found.report("threshold-range", message, remedy, path)


def _in_order(found: design.Design, name: str, numbers: dict[str, Any]) -> None:
    evict_at = numbers["evict_at"]
    warn_at, evict_to = numbers.get("warn_at"), numbers.get("evict_to")
    if warn_at is not None and warn_at > evict_at:
        message = f"warn_at ({warn_at}) lies above evict_at ({evict_at}), so it never warns"
        remedy = "give warn_at at most the value of evict_at"
        found.report("threshold-order", message, remedy, ("stores", name, "warn_at"))
    if evict_to is not None and evict_to >= evict_at:
        message = f"evict_to ({evict_to}) is not below evict_at ({evict_at})"
        remedy = "give evict_to less than evict_at, or every step evicts again"
        found.report("threshold-order", message, remedy, ("stores", name, "evict_to"))


def _holds_text(found: design.Design, store: str) -> bool:
    """Whether a store can be rewritten as one text: it has a verb `rewrite` or a text option."""
    offered = found.verbs(store)
    return "rewrite" in offered or hasattr(found.options(store), "text")


def _takes_records(found: design.Design, name: str, target: str) -> bool:
    """Whether another store can take what moves out of one."""
    keeps = found.types[target].keep is not stores.Store.keep
    return keeps and target != name and not hasattr(found.options(target), "over")


def _named(found: design.Design, section: str) -> list[str]:
    return list(tree.child_mapping(found.loaded.root, section))
