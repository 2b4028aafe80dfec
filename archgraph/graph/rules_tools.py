"""Rules about tools: their verbs, their fixed arguments, and the order rules of a thread."""

from __future__ import annotations

from collections.abc import Iterable

from archgraph import errors, registry
from archgraph.graph import build, design
from archgraph.spec import architecture, tree
from archgraph.stores import base as stores
from archgraph.tools import base as tools
from archgraph.tools import messaging


def verbs(found: design.Design) -> None:
    """Every tool's verb is one of its stores' type, or a control verb without stores."""
    for name, tool in found.spec.tools.items():
        if not tool.verb:
            continue  # an outside tool
        if tool.stores:
            _store_verb(found, name, tool)
        else:
            _control_verb(found, name, tool)


def fixed_arguments(found: design.Design) -> None:
    """Fixed arguments are arguments of the verb, of the right type."""
    for name, tool in found.spec.tools.items():
        verb = found.tool_verb(name)
        if verb is None:
            continue
        properties = verb.parameters["properties"]
        for key, value in tool.fixed.items():
            path = ("tools", name, "fixed", key)
            if key not in properties:
                message = f"{_called(tool)} has no argument {key!r}"
                remedy = errors.suggest(key, properties)
                found.report("fixed-argument", message, remedy, path, key=True)
                continue
            try:
                tools.check_arguments({key: value}, {"properties": {key: properties[key]}})
            except errors.ToolError as error:
                remedy = "give a value of the argument's type"
                found.report("fixed-argument", str(error), remedy, path)


def rule_tools(found: design.Design) -> None:
    """`until` and the order rules name tools that the thread offers."""
    for name, beat, path in _heartbeats(found):
        offered = set(found.tools_of(name))
        if beat.until:
            _offered(found, beat.until, offered, (*path, "until"), name)
        rules = (*path, "rules")
        for key in ("first", "last", "required", "approval"):
            for index, tool in enumerate(getattr(beat.rules, key)):
                _offered(found, tool, offered, _listed(found, (*rules, key), index), name)
        for tool in beat.rules.at_most:
            _offered(found, tool, offered, (*rules, "at_most", tool), name, key=True)
        for tool, after in beat.rules.then.items():
            _offered(found, tool, offered, (*rules, "then", tool), name, key=True)
            for index, each in enumerate(after):
                _offered(found, each, offered, _listed(found, (*rules, "then", tool), index), name)


def deadlocks(found: design.Design) -> None:
    """The order rules leave a way from the first call to the end."""
    for name, beat, path in _heartbeats(found):
        rules, offered = beat.rules, found.tools_of(name)
        if rules == architecture.Rules():
            continue
        ends = {*rules.last, beat.until} - {None}
        steps = build.call_order(offered, rules.first, rules.then, ends)
        reached = build.reachable(steps, [build.START])
        at = (*path, "rules")
        for index, tool in enumerate(rules.required):
            if tool not in reached:
                message = f"{tool!r} is required, but can never be called before the run ends"
                remedy = "allow it in `first` or `then`, or do not require it"
                place = _listed(found, (*at, "required"), index)
                found.report("rule-deadlock", message, remedy, place)
        if ends and not ends & reached:
            message = f"no order of calls leads to {' or '.join(sorted(map(str, ends)))}"
            remedy = "let `then` lead to a tool that ends the run"
            found.report("rule-deadlock", message, remedy, at)
        _exhausted(found, rules, at)


def _exhausted(found: design.Design, rules: architecture.Rules, path: tree.Path) -> None:
    """A call that must follow may be used up by `at_most` before the call that it follows."""
    for tool, after in rules.then.items():
        if not after:
            message = f"nothing may follow {tool!r}"
            remedy = "name what may follow, or put it under `last`"
            found.report("rule-deadlock", message, remedy, (*path, "then", tool))
        elif tool not in rules.last and all(each in rules.at_most for each in after):
            allowed = sum(rules.at_most[each] for each in after)
            own = rules.at_most.get(tool)
            if own is None or own > allowed:
                message = f"after {tool!r} must come {' or '.join(after)}, "
                message += f"which may be called {allowed} times in all"
                remedy = f"give {tool} an `at_most` of {allowed} or less"
                found.report("rule-deadlock", message, remedy, (*path, "then", tool))


def _heartbeats(
    found: design.Design,
) -> Iterable[tuple[str, architecture.Heartbeat, tree.Path]]:
    for name, thread in found.spec.threads.items():
        if not isinstance(thread.heartbeat, str):
            yield name, thread.heartbeat, ("threads", name, "heartbeat")


def _called(tool: architecture.Tool) -> str:
    """What a tool does, in words."""
    if tool.verb:
        return f"the verb {tool.verb!r}"
    return f"the function {tool.python}" if tool.python else "the server's tool"


def _store_verb(found: design.Design, name: str, tool: architecture.Tool) -> None:
    path = ("tools", name, "verb")
    shapes = []
    for store in tool.stores:
        if store not in found.types:
            continue
        offered = found.verbs(store)
        verb = offered.get(tool.verb)
        if verb is None:
            kind = found.spec.stores[store].type
            message = f"{store!r} is a {kind}, and a {kind} has no verb {tool.verb!r}"
            if tool.verb in messaging.VERBS:
                message = f"{tool.verb!r} steers the thread and works on no store"
                found.report("no-store", message, "delete `stores`", ("tools", name, "stores"))
            else:
                near = errors.nearest(tool.verb, offered)
                meant = f'did you mean "{near}"? ' if near else ""
                remedy = f"{meant}it has {', '.join(offered)}"
                found.report("unknown-verb", message, remedy, path)
            return
        shapes.append(verb.parameters)
        if verb.writes and getattr(found.options(store), "readonly", False):
            message = f"{tool.verb!r} writes, and {store!r} is readonly"
            remedy = "delete `readonly`, or take the store from the tool"
            found.report("read-only", message, remedy, ("tools", name, "stores"))
    if any(shape != shapes[0] for shape in shapes):
        message = f"the arguments of {tool.verb!r} differ between {' and '.join(tool.stores)}"
        found.report("verb-mismatch", message, "make a tool for each of them", path)


def _control_verb(found: design.Design, name: str, tool: architecture.Tool) -> None:
    if tool.verb in messaging.VERBS:
        return
    node = tree.get(found.loaded.root, ("tools", name, "stores"))
    if node is not None and tree.plain(node):
        return  # its stores are wrong, which is told elsewhere
    holders = sorted({key for key in found.types if tool.verb in found.verbs(key)})
    path = ("tools", name, "verb")
    if holders:
        message = f"the verb {tool.verb!r} works on a store, and the tool names none"
        remedy = f"add `stores: [{holders[0]}]`"
        found.report("needs-store", message, remedy, path)
        return
    kinds = [k for k, v in registry.working("stores").items() if tool.verb in stores.verbs(v)]
    if kinds:
        message = f"the verb {tool.verb!r} works on a store, and there is none that has it"
        remedy = f"add a store of type {' or '.join(kinds)}, and name it in `stores`"
        found.report("needs-store", message, remedy, path)
        return
    known = {verb for key in found.types for verb in found.verbs(key)} | set(messaging.VERBS)
    message = f"no verb {tool.verb!r}"
    found.report("unknown-verb", message, errors.suggest(tool.verb, known), path)


def _offered(
    found: design.Design,
    tool: str,
    offered: set[str],
    path: tree.Path,
    thread: str,
    *,
    key: bool = False,
) -> None:
    if tool in offered or tool in found.loaded.broken or found.unreadable("tools"):
        return
    if tool in found.spec.tools:
        message = f"the thread {thread!r} does not offer the tool {tool!r}"
        remedy = "add it to the thread's `tools`"
    else:
        message, remedy = f"no tool {tool!r}", errors.suggest(tool, offered)
    found.report("rule-tool", message, remedy, path, key=key)


def _listed(found: design.Design, path: tree.Path, index: int) -> tree.Path:
    """The place of an item, which is that of the value itself if only one was written."""
    node = tree.get(found.loaded.root, path)
    return (*path, index) if node is not None and isinstance(node.value, list) else path
