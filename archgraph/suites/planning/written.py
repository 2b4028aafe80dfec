"""A suite file, or arguments in its place, as a tree that was read and checked for its shape.

Called by `load`. Every fault is collected with its place; what is wrong is then taken out, so that
the rest can be looked at in the same pass. Knows no architecture, no dataset and no scorer.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pydantic

from archgraph import errors
from archgraph.spec import complaints, merge, reading, tree
from archgraph.spec import load as architectures
from archgraph.suites.planning import spec

SUFFIXES = (".yaml", ".yml")
LISTS = ("architectures", "models", "datasets", "scorers")
"""Keys that hold a list of names, each perhaps with its options."""
SHIPPED = Path(__file__).parents[2] / "_shipped" / "suites"
CHECKOUT = Path(__file__).parents[3] / "suites"
_MAX_LAYERS = 20
_WHOLE = ("empty-file", "duplicate-key")
"""Problems of a file that was read whole all the same."""
_ROUNDS = 8  # of repair: each takes out, or reads as it was meant, what the one before has found
_Kind = TypeVar("_Kind", bound=pydantic.BaseModel)


@dataclass(slots=True)
class Draft:
    """What is known of a suite so far, and all that is wrong with it."""

    root: tree.Node
    problems: list[errors.Problem] = field(default_factory=list)
    files: list[Path] = field(default_factory=list)
    dropped: list[tree.Path] = field(default_factory=list)
    """What was taken out of the tree, by its path in the file."""
    partial: bool = False
    """Whether keys may only seem to be missing, or were told: some file could not be read."""

    def report(
        self, code: str, message: str, remedy: str, path: tree.Path = (), *, key: bool = False
    ) -> None:
        """Add a problem at a place of the file."""
        origin = tree.place(self.root, path, key=key)
        place = tree.written(path, self.dropped)
        self.problems.append(merge.problem(code, message, remedy, origin, place))

    def folder(self, path: tree.Path, *, key: bool = False) -> Path:
        """What a relative path at a place of the file starts from."""
        origin = tree.place(self.root, path, key=key)
        return Path(origin.file).parent if origin.line else Path()

    @property
    def sound(self) -> bool:
        """Whether nothing was wrong so far."""
        return not self.problems


# Public functions


def find(name: str | Path, beside: Path | None = None) -> Path:
    """The file of a path or name: path, `./suites`, the wheel's, the checkout's.

    Raises:
        UnknownName: there is none; the message offers the names that exist.
    """
    text = str(name)
    for folder in dict.fromkeys([beside or Path(), Path()]):
        if text.endswith(SUFFIXES) and (folder / text).is_file():
            return folder / text
    for folder in folders():
        for suffix in SUFFIXES:
            if text and Path(text).name == text and (folder / (text + suffix)).is_file():
                return folder / (text + suffix)
    raise errors.UnknownName("suite", text, names())


def names() -> list[str]:
    """The names of all suites that can be found by name."""
    return sorted({
        path.stem for folder in folders() for path in folder.glob("*") if path.suffix in SUFFIXES
    })  # fmt: skip


def without_folders(draft: Draft, text: str) -> str:
    """A text in which files of the suite, and shipped ones, are named without their folders."""
    known = [*(file.parent for file in draft.files), Path(), architectures.SHIPPED,
             architectures.CHECKOUT, SHIPPED, CHECKOUT]  # fmt: skip
    for folder in sorted({str(each.resolve()) for each in known}, key=len, reverse=True):
        text = text.replace(f"{folder}{os.sep}", "")
    return text


def folders() -> list[Path]:
    """Where suites are looked for by name, in this order."""
    return [folder for folder in (Path("suites"), SHIPPED, CHECKOUT) if folder.is_dir()]


def read(source: str | Path, more: tree.Node | None = None) -> Draft:
    """The tree of a suite file with all that it extends, and `more` laid over it."""
    draft = Draft(tree.mapping(tree.Origin(str(source))))
    layers = _layers(source, draft)
    draft.partial = any(each.code not in _WHOLE for each in draft.problems)
    over(draft, [*layers[::-1], *([more] if more is not None else [])])
    return draft


def over(draft: Draft, layers: Sequence[tree.Node]) -> None:
    """Lay trees over each other, the one that is changed by the others first."""
    for layer in layers:
        laid = _laid(draft.root, layer)
        kept = {key: node for key, node in laid.mapping.items()
                if node.value is not None and key != "extends"}  # fmt: skip
        origin = layer.origin if layer.origin.line else draft.root.origin
        draft.root = tree.Node(kept, origin, laid.keys)


def suite(draft: Draft) -> spec.SuiteSpec | None:
    """What a tree says, without the parts that are wrong; None if nothing can be made of it."""
    for section in LISTS:
        node = tree.child(draft.root, section)
        if node is not None:
            draft.root = tree.put(draft.root, (section,), listed(node))
    draft.root, found = model(draft, spec.SuiteSpec, draft.root, ())
    if found is None and "suite" not in draft.root.mapping:  # the rest can be looked at
        draft.partial = True
        named = tree.put(draft.root, ("suite",), tree.Node("unnamed", draft.root.origin))
        draft.root, found = model(draft, spec.SuiteSpec, named, ())
    for section in LISTS:
        items = tree.child(draft.root, section)
        for index, entry in enumerate(items.items if items is not None else ()):
            if isinstance(entry.value, dict) and len(entry.value) != 1:
                message = f"{len(entry.value)} names in one item of the list"
                draft.report("wrong-value", message, "give each an item of its own",
                             (section, index))  # fmt: skip
    return found


def listed(node: tree.Node) -> tree.Node:
    """A name, or a mapping of names to their options, as the list that it stands for."""
    if isinstance(node.value, dict):
        items = [
            tree.Node({name: below}, node.keys.get(name, below.origin), {
                name: node.keys.get(name, below.origin)})
            for name, below in node.value.items()
        ]  # fmt: skip
        return tree.Node(items, node.origin)
    return tree.Node([node], node.origin) if isinstance(node.value, str) else node


def model(
    draft: Draft, kind: type[_Kind], node: tree.Node, path: tree.Path
) -> tuple[tree.Node, _Kind | None]:
    """The model of a node and the node without what is wrong; None if there is no model then."""
    for _ in range(_ROUNDS):
        data = tree.plain(node)
        try:
            return node, kind.model_validate_json(json.dumps(data), strict=True)
        except pydantic.ValidationError as error:
            found = complaints.of(error, kind, data)
        for each in found:
            _tell(draft, each, node, path)
        repaired = _repaired(draft, found, node, path)
        if repaired is node:
            break
        node = repaired
    return node, None


def text_value(text: str, origin: tree.Origin) -> tuple[tree.Node | None, list[errors.Problem]]:
    """The value of a piece of YAML that stood in an argument; all of it from one place."""
    if not text.strip():
        return tree.Node("", origin), []
    node, problems = reading.parse_text(text, origin.file)
    told = [errors.Problem("bad-override", each.message, each.remedy, origin.file)
            for each in problems]  # fmt: skip
    return (None if told or node is None else settled(node, origin)), told


def settled(node: tree.Node, origin: tree.Origin) -> tree.Node:
    """The same values, all of them from one origin."""
    if isinstance(node.value, dict):
        entries = {key: settled(each, origin) for key, each in node.value.items()}
        return tree.Node(entries, origin, dict.fromkeys(entries, origin))
    if isinstance(node.value, list):
        return tree.Node([settled(each, origin) for each in node.value], origin)
    return tree.Node(node.value, origin)


# Private functions


def _laid(base: tree.Node, above: tree.Node) -> tree.Node:
    """One tree over another: mappings are merged, everything else is replaced."""
    if not (isinstance(base.value, dict) and isinstance(above.value, dict)):
        return above
    entries = {**base.value}
    for key, node in above.value.items():
        entries[key] = _laid(entries[key], node) if key in entries else node
    return tree.Node(entries, base.origin, {**base.keys, **above.keys})


def _tell(draft: Draft, each: complaints.Complaint, node: tree.Node, path: tree.Path) -> None:
    origin = tree.place(node, each.path, key=each.key)
    place = tree.written((*path, *each.path), draft.dropped)
    if draft.partial and each.code == "missing-key" and not place:
        return
    if not any(at[: len(place)] == place for at in draft.dropped):
        draft.problems.append(merge.problem(each.code, each.message, each.remedy, origin, place))


def _repaired(
    draft: Draft, found: Sequence[complaints.Complaint], node: tree.Node, path: tree.Path
) -> tree.Node:
    """A node with misspelt keys as they were meant, and without what is wrong in it."""
    start = node
    for each in found:
        if each.meant and tree.get(node, (*each.path[:-1], each.meant)) is None:
            node = tree.rename(node, each.path, each.meant)
        elif each.meant:
            node = tree.drop(node, each.path)
    wrong = {
        each.path for each in found
        if not each.meant and each.path
        and not (each.code == "missing-key" and tree.get(start, each.path) is start)
    }  # fmt: skip
    draft.dropped += [tree.written((*path, *at), draft.dropped) for at in wrong]
    for at in sorted(wrong, key=_descending, reverse=True):
        node = tree.drop(node, at)
    return node


def _descending(path: tree.Path) -> list[tuple[bool, str, int]]:
    """Sorts list items so that dropping one does not move those dropped after it."""
    return [(isinstance(s, int), str(s), s if isinstance(s, int) else 0) for s in path]


def _layers(source: str | Path, draft: Draft) -> list[tree.Node]:
    """The trees of a file and of all that it extends, the file itself first."""
    layers: list[tree.Node] = []
    wanted: tree.Node | None = tree.Node(str(source), tree.Origin(str(source)))
    while wanted is not None and len(layers) < _MAX_LAYERS:
        try:
            path = find(wanted.text, draft.files[-1].parent if draft.files else None)
        except errors.UnknownName as error:
            draft.problems.append(_missing(wanted, error, first=not layers))
            break
        if path.resolve() in [each.resolve() for each in draft.files]:
            chain = " -> ".join(file.stem for file in [*draft.files, path])
            message = f"a circle of suites: {chain}"
            remedy = "extend a suite that does not extend this one"
            draft.problems.append(
                merge.problem("extends-cycle", message, remedy, wanted.origin, ("extends",))
            )
            break
        draft.files.append(path)
        root = _tree(path, draft)
        if root is None:
            break
        layers.append(root)
        wanted = _extended(root, draft)
    return layers


def _tree(path: Path, draft: Draft) -> tree.Node | None:
    try:
        data = reading.read_bytes(path)
    except OSError as error:
        reason = error.strerror or str(error)
        draft.problems.append(
            errors.Problem("file-not-found", reason, "name a YAML file", str(path))
        )
        return None
    root, found = reading.parse(data, str(path))
    draft.problems += found
    if root is not None and not isinstance(root.value, dict):
        message, remedy = "a suite is a mapping of keys", "start with `suite:` and a name"
        draft.problems.append(merge.problem("not-a-mapping", message, remedy, root.origin))
        return None
    return root


def _extended(root: tree.Node, draft: Draft) -> tree.Node | None:
    node = root.mapping.get("extends")
    if node is not None and not isinstance(node.value, str):
        message, remedy = "this is not the name of a suite", "give one name or path"
        draft.problems.append(
            merge.problem("wrong-type", message, remedy, node.origin, ("extends",))
        )
        return None
    return node


def _missing(wanted: tree.Node, error: errors.UnknownName, *, first: bool) -> errors.Problem:
    what = "file" if wanted.text.endswith(SUFFIXES) else "suite"
    code = "file-not-found" if first else "extends-not-found"
    message, remedy = f"no {what} {wanted.text!r}", errors.suggest(wanted.text, error.known)
    return merge.problem(code, message, remedy, wanted.origin, () if first else ("extends",))


def is_suite(path: Path) -> bool:
    """Whether a file says that it is a suite; one that cannot be read does not."""
    try:
        text = reading.read_bytes(path).decode("utf-8-sig")
    except (OSError, UnicodeDecodeError):
        return False
    return re.search(r"^(suite|architectures|datasets)\s*:", text, re.MULTILINE) is not None


def options_of(entry: tree.Node, name: str) -> Mapping[str, tree.Node]:
    """The options that stand behind a name in a list."""
    node = tree.child(entry, name)
    return node.mapping if node is not None else {}


def plain(found: spec.SuiteSpec) -> dict[str, Any]:
    """A suite in plain form, as it would stand in a file; `load.asked` takes it back."""
    return found.model_dump(mode="json", by_alias=True, exclude_defaults=False, exclude_none=True)
