"""What a command line says of a suite, as a tree: `--dataset`, `--set`, `--vary` and so on.

Called by `load`; the tree goes over that of a suite's file, or stands in its place. The grammar of
`--dataset` and `--scorer` is `NAME`, `NAME=FILE` (datasets only), `NAME:VALUE` (scorers that have a
short form) or `NAME:KEY=VALUE,KEY=VALUE`, where a value is YAML. Knows no dataset and no scorer.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from archgraph import registry
from archgraph.spec import merge, tree
from archgraph.suites.planning import spec, written

_OPEN, _CLOSE, _QUOTES = "[{(", "]})", "'\""


@dataclass(frozen=True, slots=True)
class Given:
    """Texts as they stand after the flags of those names, and other keys in plain form."""

    datasets: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    sets: tuple[str, ...] = ()
    scorers: tuple[str, ...] = ()
    ablate: tuple[str, ...] = ()
    vary: tuple[str, ...] = ()
    more: Mapping[str, Any] = field(default_factory=dict)

    def with_datasets(self, datasets: Sequence[str]) -> Given:
        """The same with more datasets in front."""
        return dataclasses.replace(self, datasets=(*datasets, *self.datasets))

    def without_more(self) -> Given:
        """The same without other keys."""
        return dataclasses.replace(self, more={})


# Public functions


def begin(draft: written.Draft, architectures: Sequence[str]) -> None:
    """Lay down the suite that architectures alone make; it is named after them."""
    listed = [tree.Node(each, tree.Origin(each)) for each in architectures]
    origin = tree.Origin("the arguments")
    stems = [Path(each).stem if each.endswith(written.SUFFIXES) else each for each in architectures]
    more = [f"and-{len(stems) - 3}-more"] if len(stems) > 3 else []
    name = "-".join([*stems[:3], *more])[:62].rstrip("-.") or "unnamed"
    entries = {"suite": tree.Node(name, origin), "architectures": tree.Node(listed, origin)}
    written.over(draft, [tree.Node(entries, origin, dict.fromkeys(entries, origin))])


def put(draft: written.Draft, given: Given) -> None:
    """Lay arguments over a suite."""
    more = tree.Origin("the arguments")
    written.over(draft, [written.settled(tree.made(dict(given.more), more), more)])
    if given.models:
        _lay(draft, "models", [tree.Node(m, tree.Origin(f"--model {m}")) for m in given.models])
    for text in given.sets:
        _set(draft, text)
    for text in given.datasets:
        _dataset(draft, text)
    if given.scorers:
        found = [_entry(draft, f"--scorer {text}", text) for text in given.scorers]
        _lay(draft, "scorers", [each for each in found if each is not None])
    for text in given.vary:
        _vary(draft, text)
    for text in given.ablate:
        _ablate(draft, text)


def parts(text: str, mark: str = ",") -> Iterator[str]:
    """A text split at a mark, but not within brackets or quotes."""
    depth, quote, begun = 0, "", 0
    for at, sign in enumerate(text):
        if quote:
            quote = "" if sign == quote else quote
        elif sign in _QUOTES:
            quote = sign
        elif sign in _OPEN:
            depth += 1
        elif sign in _CLOSE:
            depth -= 1
        elif sign == mark and depth == 0:
            yield text[begun:at]
            begun = at + 1
    yield text[begun:]


# Private functions


def _lay(draft: written.Draft, key: str, value: Any) -> None:
    origin = tree.Origin("the arguments")
    node = value if isinstance(value, tree.Node) else tree.Node(value, origin)
    written.over(draft, [tree.Node({key: node}, origin, {key: node.origin})])


def _refuse(draft: written.Draft, origin: tree.Origin, message: str, remedy: str) -> None:
    draft.problems.append(merge.problem("bad-override", message, remedy, origin))


def _set(draft: written.Draft, text: str) -> None:
    origin = tree.Origin(f"--set {text}")
    name, sign, raw = text.partition("=")
    if not sign or not name.strip():
        _refuse(draft, origin, "this is not a setting", "write name=value")
        return
    value, problems = written.text_value(raw, origin)
    draft.problems += problems
    if value is not None:
        inner = tree.Node({name.strip(): value}, origin, {name.strip(): origin})
        _lay(draft, "set", inner)


def _dataset(draft: written.Draft, text: str) -> None:
    """Change the dataset of that name, or type, in the suite; add it if there is none."""
    origin = tree.Origin(f"--dataset {text}")
    entry = _entry(draft, origin.file, text, file_key="path")
    if entry is None:
        return
    name, given = next(iter(entry.mapping.items()), (entry.text, tree.mapping(origin)))
    present = tree.child(draft.root, "datasets")
    items = list(written.listed(present).items) if present is not None else []
    for index, item in enumerate(items):
        old = item.text or next(iter(item.mapping), "")
        options = written.options_of(item, old)
        own = options.get("name")
        if name in (old, own.text if own is not None else ""):
            laid = {**options, **given.mapping}
            node = tree.Node(laid, given.origin, {**dict.fromkeys(laid, given.origin)})
            items[index] = tree.Node({old: node}, item.origin, {old: origin})
            break
    else:
        items.append(entry)
    _lay(draft, "datasets", items)


def _entry(draft: written.Draft, flag: str, text: str, file_key: str = "") -> tree.Node | None:
    """A name, or a name with its options, from its text."""
    origin = tree.Origin(flag)
    name, colon, rest = text.partition(":") if file_key else _scorer_name(text)
    if file_key and "=" in name:
        name, _, path = text.partition("=")
        value = tree.Node({file_key: tree.Node(path, origin)}, origin, {file_key: origin})
        return tree.Node({name: value}, origin, {name: origin})
    if not colon:
        return tree.Node(name, origin)
    if not file_key and ":" not in name and "=" not in rest:  # the short form, as in a file
        found, problems = written.text_value(rest, origin)
        draft.problems += problems
        return None if found is None else tree.Node({name: found}, origin, {name: origin})
    options: dict[str, tree.Node] = {}
    for part in parts(rest):
        key, sign, raw = part.partition("=")
        if not sign or not key.strip():
            _refuse(draft, origin, f"{part!r} is not an option", "write NAME:KEY=VALUE,KEY=VALUE")
            return None
        found, problems = written.text_value(raw, origin)
        draft.problems += problems
        if found is None:
            return None
        options[key.strip()] = found
    inner = tree.Node(options, origin, dict.fromkeys(options, origin))
    return tree.Node({name: inner}, origin, {name: origin})


def _scorer_name(text: str) -> tuple[str, str, str]:
    """The name, and its options behind a colon; `module:Class` is a name of its own."""
    name, colon, rest = text.partition(":")
    first = rest.partition(",")[0]
    own = name.endswith(".py") or name not in registry.names("scorers")
    if (
        colon and own and "=" not in first.partition(":")[0]
    ):  # `mine.py:Polite` or `mine.py:Polite:k=1`
        inner, again, last = rest.partition(":")
        return f"{name}:{inner}", again, last
    return name, colon, rest


def _vary(draft: written.Draft, text: str) -> None:
    origin = tree.Origin(f"--vary {text}")
    name, sign, raw = text.partition("=")
    listed = raw if raw.strip().startswith("[") else f"[{raw}]"
    value, problems = written.text_value(listed, origin)
    draft.problems += problems
    if not sign or value is None:
        if not problems:
            _refuse(draft, origin, "this is not a list of values", "write ARM.PARAM=A,B")
        return
    _lay(draft, "vary", tree.Node({name.strip(): value}, origin, {name.strip(): origin}))


def _ablate(draft: written.Draft, text: str) -> None:
    origin = tree.Origin(f"--ablate {text}")
    if text.strip() == spec.ALL:
        _lay(draft, "ablate", tree.Node(spec.ALL, origin))
        return
    name, sign, raw = text.partition("=")
    if not sign:
        _refuse(draft, origin, "this does not say what of", "write ARM=NODE,NODE, ARM=all, or all")
        return
    nodes: Any = [tree.Node(each.strip(), origin) for each in raw.split(",")]
    node = tree.Node(spec.ALL if raw.strip() == spec.ALL else nodes, origin)
    _lay(draft, "ablate", tree.Node({name.strip(): node}, origin, {name.strip(): origin}))
