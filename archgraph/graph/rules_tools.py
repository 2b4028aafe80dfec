"""Rules about tools: their verbs, and their fixed arguments."""

from __future__ import annotations

from archgraph import errors, registry
from archgraph.graph import design
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
