"""A merged tree to a spec, with every problem of every node in one pass.

Called by `load`. Each node is validated alone; what is wrong is reported, taken out, and the rest
validated again, so that the checks of the graph can still look at the rest. A store's options are
checked by the `Options` of its registered type. Knows no store type.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any, TypeVar

import pydantic

from archgraph import errors, registry
from archgraph.spec import architecture, complaints, merge, tree

TOP_KEYS = (
    "archgraph", "name", "about", "params", "extends", "embedder", "stores", "tools", "threads",
)  # fmt: skip
_Kind = TypeVar("_Kind", bound=pydantic.BaseModel)
_ROUNDS = 4  # of repair: each takes out what the one before has found


@dataclass(slots=True)
class Validated:
    """The spec, as far as it could be made; the stores' options; the names that are broken."""

    root: tree.Node
    spec: architecture.ArchitectureSpec
    options: dict[str, Any] = field(default_factory=dict)
    broken: set[str] = field(default_factory=set)
    problems: list[errors.Problem] = field(default_factory=list)


# Public functions


def validate(root: tree.Node) -> Validated:
    """Make the spec of a merged tree."""
    draft = Validated(root, architecture.ArchitectureSpec.model_construct(archgraph=1, name=""))
    head = _head(draft)
    stores = _section(draft, "stores", _store)
    tools = _section(draft, "tools", _tool)
    threads = _section(draft, "threads", _thread)
    draft.spec = architecture.ArchitectureSpec.model_construct(
        **{name: getattr(head, name) for name in architecture.Head.model_fields},
        stores=stores,
        tools=tools,
        threads=threads,
    )
    return draft


# Private functions


def _head(draft: Validated) -> architecture.Head:
    root = draft.root
    for key in root.mapping:
        if key not in TOP_KEYS:
            remedy = errors.suggest(key, TOP_KEYS)
            _report(draft, "unknown-key", f"there is no key {key!r} here", remedy, (key,), key=True)
    own = {key: node for key, node in root.mapping.items() if key in architecture.Head.model_fields}
    own |= _meant(root)
    params = own.get("params")
    if params is not None and not isinstance(params.value, dict):
        message = f"this is {complaints.kind_of(tree.plain(params))}"
        _report(draft, "not-a-mapping", message, "give a mapping of names", ("params",))
        del own["params"]
    for name in tree.child_mapping(root, "params"):
        _check_name(draft, ("params", name))
    version = own.get("archgraph")
    if version is not None and version.value != 1:
        message = f"this is {complaints.kind_of(tree.plain(version))}, a language unknown here"
        remedy = "write `archgraph: 1`, or update archgraph"
        _report(draft, "wrong-version", message, remedy, ("archgraph",))
        own["archgraph"] = tree.Node(1, version.origin)
    node = tree.Node(own, root.origin, root.keys)
    found = _model(draft, architecture.Head, node, ())
    return found or architecture.Head(archgraph=1, name="unnamed")


def _meant(root: tree.Node) -> dict[str, tree.Node]:
    """Required keys that are there, but misspelt: told once, not as missing as well."""
    found: dict[str, tree.Node] = {}
    for key, stand_in in (("name", "unnamed"), ("archgraph", 1)):
        near = [each for each in root.mapping if each not in TOP_KEYS]
        if key not in root.mapping and any(
            errors.suggest(each, TOP_KEYS) == f'did you mean "{key}"?' for each in near
        ):
            found[key] = tree.Node(stand_in, root.origin)
    return found


def _section(draft: Validated, section: str, make: Any) -> dict[str, Any]:
    node = draft.root.mapping.get(section)
    if node is None:
        return {}
    if not isinstance(node.value, dict):
        message = f"this is {complaints.kind_of(tree.plain(node))}"
        remedy = "give a mapping: a name, a colon, and what it is"
        _report(draft, "not-a-mapping", message, remedy, (section,))
        return {}
    found = {}
    for name, below in node.value.items():
        _check_name(draft, (section, name))
        path = (section, name)
        if not isinstance(below.value, dict):
            message = f"this is {complaints.kind_of(tree.plain(below))}"
            _report(draft, "not-a-mapping", message, "give a mapping of keys", path)
            made = None
        else:
            made = make(draft, name, below)
        if made is None:
            draft.broken.add(name)
        else:
            found[name] = made
    return found


def _check_name(draft: Validated, path: tuple[str, str]) -> None:
    name = path[1]
    if name in architecture.RESERVED:
        message = f"{name!r} has a meaning of its own in templates, events and lists"
        _report(draft, "bad-name", message, "choose another name", path, key=True)
    elif not re.fullmatch(architecture.NAME, name):
        message = f"{name!r} is not a name"
        remedy = "use letters, digits and _, a letter first, at most 63"
        _report(draft, "bad-name", message, remedy, path, key=True)


def _store(draft: Validated, name: str, node: tree.Node) -> architecture.Store | None:
    path: tree.Path = ("stores", name)
    kind = node.mapping.get("type")
    if kind is None:
        near = [key for key in node.mapping if errors.suggest(key, ["type"]).startswith("did")]
        if near:
            message = f"there is no key {near[0]!r} here"
            _report(
                draft, "unknown-key", message, 'did you mean "type"?', (*path, near[0]), key=True
            )
        else:
            known = ", ".join(registry.names("stores"))
            _report(draft, "missing-key", "'type' is missing", f"add `type:`, one of {known}", path)
        return None
    try:
        if kind.origin.note == merge.UNKNOWN:
            return None
        store_type = registry.get("stores", str(kind.value))
    except errors.UnknownName as error:
        message = f"no store type {str(kind.value)!r}"
        remedy = errors.suggest(str(kind.value), error.known)
        _report(draft, "unknown-type", message, remedy, (*path, "type"))
        return None
    except errors.PluginError as error:
        _report(draft, "plugin-broken", str(error), "install it again", (*path, "type"))
        return None
    own = {key: below for key, below in node.mapping.items() if key != "type"}
    options = _model(draft, store_type.Options, tree.Node(own, node.origin, node.keys), path)
    if options is None:
        return None
    draft.options[name] = options
    plain = options.model_dump(mode="json", by_alias=True)
    return architecture.Store(type=str(kind.value), options=plain)


def _tool(draft: Validated, name: str, node: tree.Node) -> architecture.Tool | None:
    return _model(draft, architecture.Tool, node, ("tools", name))


def _thread(draft: Validated, name: str, node: tree.Node) -> architecture.Thread | None:
    return _model(draft, architecture.Thread, node, ("threads", name))


def _model(draft: Validated, model: type[_Kind], node: tree.Node, path: tree.Path) -> _Kind | None:
    """The model of a node; without the parts that are wrong, None if that cannot be."""
    dropped: list[tree.Path] = []
    for _ in range(_ROUNDS):
        data = tree.plain(node)
        try:
            return model.model_validate_json(json.dumps(data), strict=True)
        except pydantic.ValidationError as error:
            found = complaints.of(error, model, data)
        wrong = set()
        for each in found:
            whole = (*path, *each.path)
            filled = tree.get(draft.root, whole)
            unknown = filled is not None and filled.origin.note == merge.UNKNOWN
            echo = any(at[: len(each.path)] == each.path for at in dropped)
            if not unknown and not echo:
                message = each.message
                _report(draft, each.code, message, each.remedy, whole, key=each.key)
            if each.code != "missing-key" or tree.get(node, each.path) is not node:
                wrong.add(each.path)
        if not wrong or () in wrong:
            return None
        for at in sorted(wrong, key=_descending, reverse=True):
            node = tree.drop(node, at)
        dropped += wrong
    return None


def _descending(path: tree.Path) -> list[tuple[bool, str, int]]:
    """Sorts list items so that dropping one does not move those dropped after it."""
    return [(isinstance(s, int), str(s), s if isinstance(s, int) else 0) for s in path]


def _report(
    draft: Validated, code: str, message: str, remedy: str, path: tree.Path, *, key: bool = False
) -> None:
    origin = tree.place(draft.root, path, key=key)
    draft.problems.append(merge.problem(code, message, remedy, origin, path))
