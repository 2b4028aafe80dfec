"""What differs between two plans, node by node and edge by edge, in words.

Called by `archgraph diff --json`, by `explain` and by reports. Knows no file and no database.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from archgraph.graph import build, plan

_SIGNS = {"added": "+", "removed": "-", "changed": "~"}
_EDGES = {
    "shows": "{0} shows {1}",
    "logs": "{0} keeps its messages in {1}",
    "offers": "{0} offers {1}",
    "reads": "{0} reads {1}",
    "writes": "{0} writes {1}",
    "uses": "{0} uses {1}",
    "over": "{0} is a view over {1}",
    "evicts_into": "{0} evicts into {1}",
    "refers": "{0} refers to {1}",
    "triggers": "{0} makes {1} due",
    "calls": "{0} calls the thread {1}",
    "first": "a run of {0} begins with {1}",
    "then": "{1} follows {0}",
    "after": "{1} comes only after {0}",
    "branch": "{1} may follow {0} by its result",
    "at_most": "{0} calls {1} only so often",
    "requires": "{0} must call {1} before it ends",
    "approves": "{0} calls {1} when a person agrees",
    "continues": "{1} goes on after {0}",
    "ends": "{0} ends a run of {1}",
}


@dataclass(frozen=True, slots=True)
class Change:
    """One difference.

    `how` is `added`, `removed` or `changed`; `kind` is `store`, `tool`, `thread`, `edge`,
    `prompt` or `architecture`. `keys` lists what changed: path, from, to. Of two lists, the words
    tell only the items that went and came.
    """

    how: str
    kind: str
    name: str
    keys: tuple[tuple[str, Any, Any], ...] = ()

    def __str__(self) -> str:
        head = f"{_SIGNS[self.how]} {self.kind} {self.name}"
        changes = [f"    {key}: {told}" for key, a, b in self.keys for told in _words(a, b)]
        return "\n".join([head, *changes])


# Public functions


def diff(before: plan.Plan, after: plan.Plan) -> list[Change]:
    """All differences between two plans: nodes, then edges, then prompts."""
    found = _node("architecture", before.name, _about(before), _about(after))
    for kind in ("store", "tool", "thread"):
        old: Mapping[str, Any] = getattr(before, f"{kind}s")
        new: Mapping[str, Any] = getattr(after, f"{kind}s")
        found += _nodes(kind, old, new)
    found += _edges(before, after)
    return found + _prompts(before.prompts, after.prompts)


def text(changes: Iterable[Change]) -> str:
    """The differences as lines; `no differences` if there are none."""
    return "\n".join(str(change) for change in changes) or "no differences"


def of_node(kind: str, name: str, old: Any, new: Any) -> list[Change]:
    """The difference of two nodes of a plan; empty if there is none."""
    return _node(kind, name, dataclasses.asdict(old), dataclasses.asdict(new))


# Private functions


def _about(built: plan.Plan) -> dict[str, Any]:
    return {"name": built.name, "about": built.about, "embedder": built.embedder}


def _nodes(kind: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Change]:
    found = [Change("added", kind, name) for name in new if name not in old]
    found += [Change("removed", kind, name) for name in old if name not in new]
    for name in old:
        if name in new:
            found += of_node(kind, name, old[name], new[name])
    return found


def _node(kind: str, name: str, old: Any, new: Any) -> list[Change]:
    keys = tuple(_changes(old, new, ""))
    return [Change("changed", kind, name, keys)] if keys else []


def _changes(old: Any, new: Any, path: str) -> Iterable[tuple[str, Any, Any]]:
    if isinstance(old, dict) and isinstance(new, dict):
        for key in dict.fromkeys([*old, *new]):
            below = f"{path}.{key}" if path else str(key)
            yield from _changes(old.get(key), new.get(key), below)
    elif old != new:
        yield path, old, new


def _edges(before: plan.Plan, after: plan.Plan) -> list[Change]:
    old, new = _edge_words(before), _edge_words(after)
    found = [Change("added", "edge", each) for each in new if each not in old]
    return found + [Change("removed", "edge", each) for each in old if each not in new]


def _edge_words(built: plan.Plan) -> list[str]:
    return [
        _EDGES[kind].format(source, target)
        for source, target, kind, _ in build.edges(built, build.references(built))
        if kind in _EDGES
    ]


def _prompts(old: Mapping[str, str], new: Mapping[str, str]) -> list[Change]:
    found = _nodes_by_text(old, new)
    for name in old:
        if name in new and old[name] != new[name]:
            pairs = zip(old[name].splitlines(), new[name].splitlines(), strict=False)
            lines: tuple[tuple[str, Any, Any], ...] = tuple(
                (f"line {number}", a, b) for number, (a, b) in enumerate(pairs, 1) if a != b
            )
            sizes = (len(old[name].splitlines()), len(new[name].splitlines()))
            if sizes[0] != sizes[1]:
                lines = (*lines, ("lines", *sizes))
            found.append(Change("changed", "prompt", name, lines))
    return found


def _nodes_by_text(old: Mapping[str, str], new: Mapping[str, str]) -> list[Change]:
    found = [Change("added", "prompt", name) for name in new if name not in old]
    return found + [Change("removed", "prompt", name) for name in old if name not in new]


def _words(old: Any, new: Any) -> list[str]:
    """A change in words; of two lists, an item a line: `- what went`, `+ what came`."""
    if not isinstance(old, list | tuple) or not isinstance(new, list | tuple):
        return [f"{_short(old)} -> {_short(new)}"]
    gone = [f"- {_short(each)}" for each in old if each not in new]
    come = [f"+ {_short(each)}" for each in new if each not in old]
    order = [f"in another order: {', '.join(map(_short, new))}"]
    return [*gone, *come] or order


def _short(value: Any) -> str:
    if value in (None, "", (), [], {}):
        return "nothing"
    told = str(value)
    if isinstance(value, Mapping):  # an item of a context, a trigger: only what it says
        told = ", ".join(f"{key} {each}" for key, each in value.items() if each)
    return told if len(told) <= 90 else told[:87] + "..."
