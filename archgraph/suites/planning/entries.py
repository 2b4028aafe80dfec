"""The items of a suite's `architectures`: found, read, and what the suite sets in each.

Called by `arms`. Knows no model call and no dataset.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from archgraph import errors
from archgraph.llm import gateways
from archgraph.spec import load as architectures
from archgraph.spec import merge, tree
from archgraph.suites.planning import spec, written

Override = tuple[str, tree.Path]
"""A `--set` text, and where in the suite it was written."""


@dataclass(frozen=True, slots=True)
class Entry:
    """An item of `architectures`: what it is called, and where it was found."""

    name: str
    architecture: str
    source: str
    model: str
    path: tree.Path
    loaded: architectures.Architecture
    overrides: tuple[Override, ...] = ()


# Public functions


def entries(draft: written.Draft, suite: spec.SuiteSpec) -> Iterator[Entry]:
    """The architectures that a suite names, as far as they can be read."""
    items = tree.child(draft.root, "architectures")
    for index, (text, options) in enumerate(spec.named(suite.architectures)):
        item = items.items[index] if items is not None and items.items else None
        named = item is not None and not item.text
        path: tree.Path = ("architectures", index, *([text] if named else []))
        source = _source(draft, text, path, key=named)
        if source is None:
            continue
        found = architectures.read(source)
        wrong = [each for each in found.problems if each.severity == "error"]
        if wrong:
            draft.problems += wrong
            continue
        given = options or spec.ArmOptions()
        file = text.endswith(architectures.SUFFIXES)
        name = given.label or (architectures.find(source).stem if file else text)
        model = "" if _slipped(draft, given.model, (*path, "model")) else given.model
        start = Entry(name, text, source, model, path, found)
        yield dataclasses.replace(start, overrides=tuple(_settings(draft, suite, given, start)))


def models(draft: written.Draft, suite: spec.SuiteSpec) -> dict[str, Any]:
    """The models of a suite with their options, without those that cannot be."""
    items = tree.child(draft.root, "models")
    listed = items.items if items is not None else []
    found: dict[str, Any] = {}
    for index, (name, options) in enumerate(spec.named(suite.models)):
        inside = index < len(listed) and not listed[index].text
        path: tree.Path = ("models", index, *([name] if inside else []))
        if not _slipped(draft, name, path, key=inside):
            found[name] = options
    return found


def settable(draft: written.Draft, entry: Entry, name: str, at: tree.Path) -> bool:
    """Whether an architecture has what a bare name means; compiling tells of dotted ones."""
    known = _known(entry)
    if "." in name or name in known:
        return True
    message = f"{entry.name} has no parameter or node {name!r}"
    draft.report("unknown-name", message, errors.suggest(name, known), at, key=True)
    return False


def override_model(entry: Entry, model: str, options: Mapping[str, Any]) -> Iterator[str]:
    """The overrides that put a model in the place of the one that an architecture names."""
    if not model:
        return
    own = entry.loaded.spec
    threads = dict(own.threads)
    if "model" in own.params:
        threads = {n: t for n, t in threads.items() if t.model == own.params["model"]}
        yield setting("model", model)
    else:
        yield from (setting(f"threads.{name}.model", model) for name in threads)
    if options:
        yield from (setting(f"threads.{name}.options", dict(options)) for name in threads)


def nodes(loaded: architectures.Architecture) -> list[str]:
    """The names of all nodes."""
    own = loaded.spec
    return [name for part in (own.stores, own.tools, own.threads) for name in part]


def entry_of(entries: Iterable[Entry], name: str) -> Entry | None:
    """The entry that goes by a name: its own, or its architecture's."""
    return next((each for each in entries if name in (each.name, each.architecture)), None)


def setting(name: str, value: Any) -> str:
    """An override as it would stand after `--set`."""
    return f"{name}={_text(value)}"


# Private functions


def _slipped(draft: written.Draft, model: str, path: tree.Path, *, key: bool = False) -> bool:
    remedy = gateways.slip(model)
    if remedy:
        draft.report("unknown-name", f"no model {model!r}", remedy, path, key=key)
    return bool(remedy)


def _source(draft: written.Draft, text: str, path: tree.Path, *, key: bool) -> str | None:
    """The path or name that an architecture is loaded by; a path starts from the suite's folder."""
    folder = draft.folder(path, key=key)
    try:
        found = architectures.find(text, folder)
    except errors.UnknownName as error:
        what = "file" if text.endswith(architectures.SUFFIXES) else "architecture"
        remedy = errors.suggest(text, error.known)
        draft.report("unknown-name", f"no {what} {text!r}", remedy, path, key=key)
        return None
    return str(found) if text.endswith(architectures.SUFFIXES) else text


def _settings(
    draft: written.Draft, suite: spec.SuiteSpec, given: spec.ArmOptions, entry: Entry
) -> Iterator[Override]:
    """What the suite and the arm set, without what the architecture does not have."""
    for where, values in ((("set",), suite.set), ((*entry.path, "set"), given.set)):
        for name, value in values.items():
            at = (*where, name)
            if settable(draft, entry, name, at):
                yield setting(name, value), at


def _known(entry: Entry) -> list[str]:
    root = entry.loaded.root
    return [name for part in merge.SECTIONS for name in tree.child_mapping(root, part)]


def _text(value: Any) -> str:
    """A value as YAML of one line, bare where that reads back as the same."""
    if isinstance(value, str):
        node, problems = written.text_value(value, tree.Origin())
        if not problems and node is not None and node.value == value == value.strip():
            return value
    return json.dumps(value, ensure_ascii=False)
