"""Lay architectures over each other: `extends`, `--set`, `null` removal and `${params}`.

Called by `load` with the trees of all layers, from the one that is extended to the one that was
asked for. Every value keeps its origin. Knows no more of the language than its sections and where
one node names another.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from archgraph import errors
from archgraph.spec import reading, tree

SECTIONS = ("params", "stores", "tools", "threads")
NODES = ("stores", "tools", "threads")

_PARAM = re.compile(r"\$(\$)?\{\s*([^{}]*?)\s*\}")
_OPEN_PARAM = re.compile(r"(?<!\$)\$\{(?![^{}]*\})")
_KINDS = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}


@dataclass(slots=True)
class Merged:
    """The tree of all layers so far, what was removed (and by what), and the problems."""

    root: tree.Node
    removed: dict[tuple[str, str], tree.Origin] = field(default_factory=dict)
    problems: list[errors.Problem] = field(default_factory=list)
    mentioned: set[str] = field(default_factory=set)
    """Parameters that some layer uses, be it one that another layer overrides."""

    def report(
        self, code: str, message: str, remedy: str, origin: tree.Origin, path: tree.Path = ()
    ) -> None:
        """Add a problem at a place."""
        self.problems.append(problem(code, message, remedy, origin, path))


# Public functions


def problem(
    code: str,
    message: str,
    remedy: str,
    origin: tree.Origin,
    path: tree.Path = (),
    *,
    severity: str = "error",
) -> errors.Problem:
    """A problem at an origin; the origin's note is told as well."""
    told = f"{message} (from {origin.note})" if origin.note else message
    place = (origin.file, origin.line, origin.column, tree.dotted(path))
    return errors.Problem(code, told, remedy, *place, severity)


def layers(files: Sequence[tree.Node]) -> Merged:
    """Merge files, the one that is extended first."""
    merged = Merged(tree.mapping(files[0].origin))
    for layer in files:
        for _, node in tree.leaves(layer):
            merged.mentioned.update(match[2] for match in _PARAM.finditer(node.text))
        merged.root = _overlay(merged, merged.root, layer, ())
    entries = {key: node for key, node in merged.root.mapping.items() if key != "extends"}
    merged.root = replace(merged.root, value=entries, origin=files[-1].origin)
    return merged


def override(merged: Merged, text: str) -> None:
    """Apply one `--set`: `name=value` for a parameter or node, `a.b=value` for a path."""
    origin = tree.Origin(f"--set {text}")
    name, sign, raw = text.partition("=")
    steps = name.strip().split(".")
    if not sign or not all(steps):
        remedy = "write name=value or threads.main.key=value"
        return merged.report("bad-override", "this is not a setting", remedy, origin)
    value, problems = _value(raw, origin)
    if value is None:
        merged.problems += problems
        return None
    path: tree.Path | None = tuple(steps)
    if len(steps) == 1:
        path = _bare(merged, steps[0], value, origin)
    if path is None or not _reachable(merged, path, origin):
        return None
    if path[0] == "params" and value.value is not None:
        old = tree.get(merged.root, path)
        if old is not None and isinstance(old.value, str) and not isinstance(value.value, str):
            value = replace(value, value=raw.strip())
    layer = tree.put(tree.mapping(origin), path, value)
    merged.root = _overlay(merged, merged.root, layer, ())
    return None


def substitute(merged: Merged) -> None:
    """Put the parameters' values where `${name}` stands; `$${` stands for `${`."""
    params = tree.child_mapping(merged.root, "params")
    for name, node in params.items():
        if isinstance(node.value, dict) or "${" in node.text:
            remedy = "give a number, a text, true, false or a list"
            merged.report("bad-param", "not a plain default", remedy, node.origin, ("params", name))
    used: set[str] = set()
    entries = {
        key: node if key == "params" else _filled(merged, node, (key,), used)
        for key, node in merged.root.mapping.items()
    }
    merged.root = replace(merged.root, value=entries)
    for name in params.keys() - used - merged.mentioned:
        origin = tree.place(merged.root, ("params", name), key=True)
        message, remedy = f"nothing uses ${{{name}}}", "use it or delete it"
        merged.problems.append(
            problem("unused-param", message, remedy, origin, ("params", name), severity="warning")
        )


# Private functions


def _overlay(merged: Merged, base: tree.Node, over: tree.Node, path: tree.Path) -> tree.Node:
    if not isinstance(over.value, dict):
        return over
    if not isinstance(base.value, dict) or _other_type(base, over, path):
        base = tree.mapping(over.origin)
    entries, keys = dict(base.mapping), dict(base.keys)
    for key, node in over.value.items():
        here = (*path, key)
        if node.value is None:
            _remove(merged, entries, here, over.keys.get(key, node.origin))
            continue
        if _wrong_param(merged, base, node, here):
            continue
        below = entries.get(key) or tree.mapping(node.origin)
        entries[key] = _overlay(merged, below, node, here)
        keys[key] = over.keys.get(key, node.origin)
    return tree.Node(entries, over.origin, keys)


def _other_type(base: tree.Node, over: tree.Node, path: tree.Path) -> bool:
    """Whether a store is given another type: then the old type's keys do not stay."""
    if len(path) != 2 or path[0] != "stores":
        return False
    old, new = base.mapping.get("type"), over.mapping.get("type")
    return old is not None and new is not None and old.value != new.value


def _remove(
    merged: Merged, entries: dict[str, tree.Node], path: tree.Path, origin: tree.Origin
) -> None:
    key = str(path[-1])
    if len(path) == 1 and key in SECTIONS:
        return  # an empty section says nothing
    if key not in entries:
        remedy = "give a value, or delete the line"
        if entries and not origin.line:
            remedy = errors.suggest(key, entries)
        elif " " in key:  # the rest of a text: `{about: one, and two}`
            remedy = "put the text before it in quotes: within {} a comma ends a value"
        message = "this has no value, and there is nothing below it to remove"
        merged.report("nothing-to-remove", message, remedy, origin, path)
        return
    del entries[key]
    if len(path) == 2 and path[0] in SECTIONS:
        merged.removed[str(path[0]), key] = origin


def _wrong_param(merged: Merged, base: tree.Node, node: tree.Node, path: tree.Path) -> bool:
    """Whether a parameter's value has another type than the default that it replaces."""
    if len(path) != 2 or path[0] != "params":
        return False
    old = base.mapping.get(str(path[1]))
    if old is None or old.value is None or _same_type(old.value, node.value):
        return False
    kind = _KINDS.get(type(old.value), "a list")
    message = f"{path[1]} must be {kind} like its default {tree.plain(old)!r}, "
    message += f"not {tree.plain(node)!r}"
    remedy = "give a value of that type"
    if isinstance(old.value, int) and isinstance(node.value, float):
        remedy = "write the default with a decimal point to allow fractions"
    merged.report("param-type", message, remedy, node.origin, path)
    return True


def _same_type(old: Any, new: Any) -> bool:
    if isinstance(old, float):
        return isinstance(new, (int, float)) and not isinstance(new, bool)
    return type(old) is type(new)


def _value(raw: str, origin: tree.Origin) -> tuple[tree.Node | None, list[errors.Problem]]:
    if not raw.strip():
        return tree.Node("", origin), []
    safe = raw.encode("utf-8", "replace").decode()
    value, problems = reading.parse_text(safe, origin.file)
    told = [replace(each, code="bad-override", line=0, column=0) for each in problems]
    return (None if told or value is None else _from(value, origin)), told


def _from(node: tree.Node, origin: tree.Origin) -> tree.Node:
    """The same values, all of them from one origin."""
    if isinstance(node.value, dict):
        entries = {key: _from(each, origin) for key, each in node.value.items()}
        return tree.Node(entries, origin, dict.fromkeys(entries, origin))
    if isinstance(node.value, list):
        return tree.Node([_from(each, origin) for each in node.value], origin)
    return tree.Node(node.value, origin)


def _bare(merged: Merged, name: str, value: tree.Node, origin: tree.Origin) -> tree.Path | None:
    """The path that a bare name stands for: a parameter, or a node that is removed."""
    homes = [section for section in SECTIONS if name in tree.child_mapping(merged.root, section)]
    if "params" in homes:
        return ("params", name)
    if not homes:
        known = [key for part in SECTIONS for key in tree.child_mapping(merged.root, part)]
        message = f"no parameter or node {name!r}"
        merged.report("unknown-name", message, errors.suggest(name, known), origin)
        return None
    if value.value is not None:
        message = f"{name} is one of the {homes[0]}; only a key of it can be set"
        remedy = f"write {homes[0]}.{name}.<key>=..., or {name}=null to remove it"
        merged.report("bad-override", message, remedy, origin)
        return None
    return (homes[0], name)


def _reachable(merged: Merged, path: tree.Path, origin: tree.Origin) -> bool:
    """Whether all but the last step of a path exist, so that a typo does not make a new node."""
    node = merged.root
    for depth, step in enumerate(path[:-1]):
        below = tree.child(node, step)
        if below is None and depth == 0 and step in SECTIONS:
            return True
        if below is None or not isinstance(below.value, dict):
            known = list(node.mapping)
            message = f"there is no {tree.dotted(path[: depth + 1])}"
            if below is not None:
                message, known = f"{tree.dotted(path[: depth + 1])} has no keys", []
            merged.report("bad-override", message, errors.suggest(str(step), known), origin)
            return False
        node = below
    return True


def _filled(merged: Merged, node: tree.Node, path: tree.Path, used: set[str]) -> tree.Node:
    if isinstance(node.value, dict):
        entries = {
            key: _filled(merged, each, (*path, key), used) for key, each in node.value.items()
        }
        return replace(node, value=entries)
    if isinstance(node.value, list):
        items = [_filled(merged, each, (*path, i), used) for i, each in enumerate(node.value)]
        return replace(node, value=items)
    if not isinstance(node.value, str) or "${" not in node.value:
        return node
    return _replaced(merged, node, path, used)


def _replaced(merged: Merged, node: tree.Node, path: tree.Path, used: set[str]) -> tree.Node:
    params = tree.child_mapping(merged.root, "params")
    if _OPEN_PARAM.search(node.text):
        message, remedy = f"the `${{` in {node.text[:40]!r} is not closed", "write ${name}"
        merged.report("param-syntax", message, remedy, node.origin, path)
        return replace(node, origin=replace(node.origin, note=UNKNOWN))
    names = [match[2] for match in _PARAM.finditer(node.text) if not match[1]]
    used.update(names)
    for name in names:
        if name not in params:
            message = f"no parameter {name!r}"
            remedy = errors.suggest(name, params) if params else "declare it under `params`"
            merged.report("unknown-param", message, remedy, node.origin, path)
            used.add(errors.nearest(name, params) or "")
    if any(name not in params for name in names):
        return replace(node, origin=replace(node.origin, note=UNKNOWN))
    whole = _PARAM.fullmatch(node.text)
    note = ", ".join(f"${{{name}}} = {params[name].origin}" for name in dict.fromkeys(names))
    origin = replace(node.origin, note=note)
    if whole and not whole[1]:
        return tree.Node(params[whole[2]].value, origin)

    def text(match: re.Match[str]) -> str:
        return match[0][1:] if match[1] else _as_text(tree.plain(params[match[2]]))

    return tree.Node(_PARAM.sub(text, node.text), origin)


UNKNOWN = "an unknown parameter"
"""The note of a value that could not be filled in, so that it is not complained about twice."""


def _as_text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
