"""Take away the edges to what a layer removed, so that an ablation is one line.

Called by `load` when all layers are merged. What is left dangling beyond that is for the checks.
Knows where one node names another, and no more of the language.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace

from archgraph.spec import merge, prune_steps, tree


def prune(merged: merge.Merged) -> None:
    """Take away the edges to what was removed, and what cannot be without them.

    That is a tool that has lost its last store, and a pipeline that has lost its last step.
    """
    gone = {key: by for key, by in merged.removed.items() if tree.get(merged.root, key) is None}
    merged.removed = gone
    if not gone:
        return
    for name, tool in tree.child_mapping(merged.root, "tools").items():
        for key in ("stores", "threads"):
            _unbind(merged, name, key, tree.child(tool, key), gone)
    found = -1
    while found < len(gone):  # a pipeline that goes takes the triggers on it along
        found = len(gone)
        for name, thread in tree.child_mapping(merged.root, "threads").items():
            left = _without_edges(thread, gone)
            if _has_steps(thread) and not _has_steps(left):
                merged.root = tree.drop(merged.root, ("threads", name))
                gone["threads", name] = next(iter(gone.values()))
            else:
                merged.root = tree.put(merged.root, ("threads", name), left)


# Private functions


def _unbind(
    merged: merge.Merged,
    tool: str,
    key: str,
    bound: tree.Node | None,
    gone: dict[tuple[str, str], tree.Origin],
) -> None:
    """Take what was removed from the stores or threads of a tool; the tool too, if none is left."""
    if bound is None or not isinstance(bound.value, (list, str)) or ("tools", tool) in gone:
        return
    lost = [by for item in _texts(bound) if (by := gone.get((key, item)))]
    if lost and len(lost) == len(_texts(bound)):
        merged.root = tree.drop(merged.root, ("tools", tool))
        gone["tools", tool] = lost[0]
    elif lost:
        kept = [item for item in bound.items if (key, item.text) not in gone]
        merged.root = tree.put(merged.root, ("tools", tool, key), replace(bound, value=kept))


def _texts(node: tree.Node) -> list[str]:
    return [node.text] if isinstance(node.value, str) else [item.text for item in node.items]


def _without_edges(thread: tree.Node, gone: Collection[tuple[str, str]]) -> tree.Node:
    """A thread without what it names of the removed nodes; its log stays, to be reported."""
    tools = {name for section, name in gone if section == "tools"}
    stores = {name for section, name in gone if section == "stores"}
    names = {name for _, name in gone}
    named: dict[str, Callable[[tree.Node], set[str]]] = {
        "tools": lambda item: {item.text} & tools,
        "context": lambda item: _item_names(item) & names,
        "triggers": lambda item: _trigger_names(item) & names,
    }
    for key, lost in named.items():
        node = tree.child(thread, key)
        if node is not None and isinstance(node.value, list):
            left = [item for item in node.items if not lost(item)]
            thread = tree.put(thread, (key,), replace(node, value=left))
    steps = tree.child(thread, "steps")
    if steps is not None and isinstance(steps.value, list):
        thread = tree.put(thread, ("steps",), prune_steps.left(steps, stores))
    return _without_rules(thread, tools, stores)


def _has_steps(thread: tree.Node) -> bool:
    steps = tree.child(thread, "steps")
    return steps is not None and bool(steps.items)


def _item_names(item: tree.Node) -> set[str]:
    of = tree.child(item, "of")
    store = tree.child(item, "store")
    return {item.text, of.text if of else "", store.text if store else ""} - {""}


def _trigger_names(item: tree.Node) -> set[str]:
    found = set()
    for path in (("event",), ("of",), ("crosses", "of"), ("signal",)):
        node = tree.get(item, path)
        if node is not None:
            found.add(node.text.partition(".")[0])
    return found


def _without_rules(thread: tree.Node, tools: set[str], stores: set[str]) -> tree.Node:
    until = tree.get(thread, ("heartbeat", "until"))
    if until is not None and until.text in tools:
        thread = tree.drop(thread, ("heartbeat", "until"))
    while_open = tree.get(thread, ("heartbeat", "while"))
    if while_open is not None and while_open.text.partition(".")[0] in stores:
        thread = tree.drop(thread, ("heartbeat", "while"))
    rules = tree.get(thread, ("heartbeat", "rules"))
    if rules is not None and isinstance(rules.value, dict):
        left = {key: _rule(key, node, tools) for key, node in rules.value.items()}
        alive = {key: node for key, node in left.items() if node is not None}
        thread = tree.put(thread, ("heartbeat", "rules"), replace(rules, value=alive))
    return thread


def _rule(key: str, node: tree.Node, tools: set[str]) -> tree.Node | None:
    """A tool rule without the edges to removed tools; None if no edge is left of it."""
    if not isinstance(node.value, dict) or key == "first":
        return _names(node, tools)
    left = {}
    for tool, named in node.value.items():
        kept = None if tool in tools else _following(key, named, tools)
        if kept is not None:
            left[tool] = kept
    return replace(node, value=left)


def _following(key: str, node: tree.Node, tools: set[str]) -> tree.Node | None:
    """What a rule says of one tool: a number, names, or names by the pattern of a result."""
    if key == "at_most":
        return node
    if key != "branch" or not isinstance(node.value, dict):
        return _names(node, tools)
    left = {pattern: _names(named, tools) for pattern, named in node.value.items()}
    kept = {pattern: named for pattern, named in left.items() if named is not None}
    return replace(node, value=kept) if kept.keys() - {"else"} else None


def _names(node: tree.Node, tools: set[str]) -> tree.Node | None:
    """Names without the removed ones; None if that leaves none of several."""
    if isinstance(node.value, str):
        return None if node.value in tools else node
    if isinstance(node.value, list):
        items = [item for item in node.value if item.text not in tools]
        return None if node.value and not items else replace(node, value=items)
    if isinstance(node.value, dict):
        pairs = {name: each for name, each in node.value.items() if name not in tools}
        return None if node.value and not pairs else replace(node, value=pairs)
    return node
