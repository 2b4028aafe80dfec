"""A merged tree to a spec, with every problem of every node in one pass.

Called by `load`. Each node is validated alone; what is wrong is reported, taken out, and the rest
validated again, so that the checks of the graph can still look at the rest. A store's options are
checked by the `Options` of its registered type. Knows no store type.
"""

from __future__ import annotations

import json
import re
import types
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import pydantic

from archgraph import errors, registry
from archgraph.spec import architecture, complaints, merge, tree

TOP_KEYS = (
    "archgraph", "name", "about", "params", "extends", "embedder", "feed", "stores", "tools",
    "threads",
)  # fmt: skip
_Kind = TypeVar("_Kind", bound=pydantic.BaseModel)
_ROUNDS = 8  # of repair: each takes out, or reads as it was meant, what the one before has found


@dataclass(slots=True)
class Validated:
    """The spec, as far as it could be made; the stores' options; the names that are broken.

    `steps` are those of each pipeline, and `operators` the validated options of each.
    `root` is the tree as far as it was understood, once the rest has been told: with misspelt keys
    as they were meant, and without wrong items of lists, so that the others count as in the spec.
    `dropped` holds the paths of all that was taken out, as they are in the file.
    """

    root: tree.Node
    spec: architecture.ArchitectureSpec
    options: dict[str, Any] = field(default_factory=dict)
    steps: dict[str, list[architecture.Step]] = field(default_factory=dict)
    operators: dict[str, list[Any]] = field(default_factory=dict)
    broken: set[str] = field(default_factory=set)
    dropped: list[tree.Path] = field(default_factory=list)
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
        steps=draft.steps,
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
    near = errors.nearest("type", node.mapping)
    if near is not None and near != "type":
        message, remedy = f"there is no key {near!r} here", 'did you mean "type"?'
        _report(draft, "unknown-key", message, remedy, (*path, near), key=True)
        draft.root = tree.rename(draft.root, (*path, near), "type")
        node = tree.rename(node, (near,), "type")
    kind = node.mapping.get("type")
    if kind is None:
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
        _report(draft, "plugin-broken", str(error), error.remedy, (*path, "type"))
        return None
    own = {key: below for key, below in node.mapping.items() if key != "type"}
    options = _model(draft, store_type.Options, tree.Node(own, node.origin, node.keys), path)
    if options is None:
        return None
    try:
        for asked in (options.token_cap, options.references, options.doubts):
            asked()
    except errors.ArchgraphError:
        pass  # the rules ask again, and tell it
    except Exception as error:  # a plugin's bug
        message = f"the options of {str(kind.value)!r} fail inside: {errors.inside(error)}"
        _report(draft, "plugin-broken", message, "mend the type", (*path, "type"))
        return None
    draft.options[name] = options
    plain = options.model_dump(mode="json", by_alias=True)
    return architecture.Store(type=str(kind.value), options=plain)


def _tool(draft: Validated, name: str, node: tree.Node) -> architecture.Tool | None:
    return _model(draft, architecture.Tool, node, ("tools", name))


def _thread(
    draft: Validated, name: str, node: tree.Node
) -> architecture.Thread | architecture.Pipeline | None:
    path: tree.Path = ("threads", name)
    kind = node.mapping.get("kind")
    if kind is None or kind.value != "pipeline":
        return _model(draft, architecture.Thread, node, path, architecture.STAND_INS)
    found = _model(draft, architecture.Pipeline, node, path, architecture.STAND_INS_PIPELINE)
    listed = node.mapping.get("steps")
    if found is not None and listed is not None and isinstance(listed.value, list):
        draft.steps[name], draft.operators[name] = [], []
        for index, each in enumerate(listed.value):
            if isinstance(each.value, dict):
                _step(draft, name, each, (*path, "steps", index))
    return found


def _step(draft: Validated, thread: str, node: tree.Node, path: tree.Path) -> None:
    """Read a step: its operator's options are checked by the operator, like a store's."""
    known, own = registry.names("operators"), node.mapping
    named = [key for key in own if key not in architecture.MODIFIERS]
    operators = [key for key in named if key in known]
    if not operators and named:
        remedy = errors.suggest(named[0], [*known, *architecture.MODIFIERS])
        message = f"no operator {named[0]!r}"
        _report(draft, "unknown-operator", message, remedy, (*path, named[0]), key=True)
        return
    if len(operators) != 1 or len(named) > 1:
        message = " and ".join(named) + " in one step" if named else "the step has no operator"
        remedy = "make a step of each" if named else f"give one of {', '.join(known)}"
        _report(draft, "wrong-value" if named else "missing-key", message, remedy, path)
        return
    name = operators[0]
    try:
        model = registry.get("operators", name).Options
    except errors.PluginError as error:
        _report(draft, "plugin-broken", str(error), error.remedy, (*path, name), key=True)
        return
    inside = _mapping(own[name], model)
    for key in sorted(inside.mapping.keys() & set(architecture.MODIFIERS)):
        if key not in model.model_fields:
            message, remedy = f"`{key}` is no key of `{name}`", f"write it beside `{name}:`"
            _report(draft, "unknown-key", message, remedy, (*path, name, key), key=True)
            own = {**own, key: inside.mapping[key]}
            inside = tree.drop(inside, (key,))
    options = _model(draft, model, inside, (*path, name))
    rest = {key: below for key, below in own.items() if key in architecture.MODIFIERS}
    modifiers = _model(draft, architecture.Modifiers, tree.Node(rest, node.origin, node.keys), path)
    if options is not None and modifiers is not None:
        plain = options.model_dump(mode="json", by_alias=True)
        draft.operators[thread].append(options)
        beside = modifiers.model_dump(by_alias=True)
        draft.steps[thread].append(architecture.Step(operator=name, options=plain, **beside))


def _mapping(node: tree.Node, model: type[pydantic.BaseModel]) -> tree.Node:
    """An operator's options in the long form: a text stands for the option of that meaning."""
    short = getattr(model, "short", "")
    if isinstance(node.value, dict) or not short:
        return node
    return tree.Node({short: node}, node.origin)


def _model(
    draft: Validated,
    model: type[_Kind],
    node: tree.Node,
    path: tree.Path,
    stand_ins: Mapping[str, Any] = types.MappingProxyType({}),
) -> _Kind | None:
    """The model of a node; without the parts that are wrong, None if that cannot be.

    Required keys that are missing, or wrong, are taken from `stand_ins` once they have been told.
    """
    for _ in range(_ROUNDS):
        data = tree.plain(node)
        try:
            return model.model_validate_json(json.dumps(data), strict=True)
        except pydantic.ValidationError as error:
            found = complaints.of(error, model, data)
        for each in found:
            _tell(draft, each, (*path, *each.path))
        wrong = {each.path for each in found if not each.meant and not _absent(each, node)}
        if () in wrong:
            return None
        refused = node
        node = _as_meant(draft, node, path, [each for each in found if each.meant])
        node = _without(draft, node, path, wrong)
        for key in stand_ins.keys() - node.mapping.keys():
            node = tree.put(node, (key,), tree.made(stand_ins[key], node.origin))
        if node is refused:
            return None
    return None


def _absent(each: complaints.Complaint, node: tree.Node) -> bool:
    """Whether something is missing in the node itself, so that there is nothing to take out."""
    return each.code == "missing-key" and tree.get(node, each.path) is node


def _as_meant(
    draft: Validated, node: tree.Node, path: tree.Path, meant: Sequence[complaints.Complaint]
) -> tree.Node:
    """A node with misspelt keys as they were meant, so that what stands below them is checked."""
    for each in meant:
        if tree.get(node, (*each.path[:-1], each.meant)) is None:
            node = tree.rename(node, each.path, each.meant)
            draft.root = tree.rename(draft.root, (*path, *each.path), each.meant)
        else:
            node = tree.drop(node, each.path)
    return node


def _without(
    draft: Validated, node: tree.Node, path: tree.Path, wrong: Collection[tree.Path]
) -> tree.Node:
    """A node without what is wrong in it."""
    told = [tree.written((*path, *at), draft.dropped) for at in wrong]
    for at in sorted(wrong, key=_descending, reverse=True):
        node = tree.drop(node, at)
        if isinstance(at[-1], int):
            draft.root = tree.drop(draft.root, (*path, *at))
    draft.dropped += told
    return node


def _tell(draft: Validated, each: complaints.Complaint, path: tree.Path) -> None:
    """Report a complaint, unless it echoes what was taken out or is of an unknown parameter."""
    node, written = tree.get(draft.root, path), tree.written(path, draft.dropped)
    echo = any(at[: len(written)] == written for at in draft.dropped)
    if not echo and (node is None or node.origin.note != merge.UNKNOWN):
        _report(draft, each.code, each.message, each.remedy, path, key=each.key)


def _descending(path: tree.Path) -> list[tuple[bool, str, int]]:
    """Sorts list items so that dropping one does not move those dropped after it."""
    return [(isinstance(s, int), str(s), s if isinstance(s, int) else 0) for s in path]


def _report(
    draft: Validated, code: str, message: str, remedy: str, path: tree.Path, *, key: bool = False
) -> None:
    origin = tree.place(draft.root, path, key=key)
    written = tree.written(path, draft.dropped)
    draft.problems.append(merge.problem(code, message, remedy, origin, written))
