"""YAML text to a tree with places, within fixed bounds of time and memory.

Called by `load` for every file, and for the values of `--set`. Reads libyaml's events and builds
the tree itself: so limits hold before anything is built, duplicate keys are seen, and `yes`, `no`,
`on`, `off`, times and dates stay text, as in YAML 1.2. Knows nothing of architectures.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from archgraph import errors
from archgraph.spec import tree

MAX_BYTES = 1_000_000
MAX_VALUES = 20_000
"""Values in a file, each alias counted as all that it stands for."""
MAX_DEPTH = 40

_BOOLEANS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False}
_BOOLEANS["FALSE"] = False
_NULLS = ("", "~", "null", "Null", "NULL")
_INTEGER = re.compile(r"[-+]?[0-9]{1,18}")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]{1,3})?")
_REMEDIES = (
    ("cannot start any token", "indent with spaces, and put quotes around @, ` or %"),
    ("mapping values are not allowed", "put quotes around a text that contains a colon"),
    ("could not find expected ':'", "write `key: value`; a text over several lines needs `|`"),
    ("expected ',' or ']'", "close the list with ] or separate its items with a comma"),
    ("expected ',' or '}'", "close the mapping with } or separate its entries with a comma"),
    ("expected <block end>", "give all keys of one mapping the same indentation"),
    ("did not find expected key", "give all keys of one mapping the same indentation"),
    ("found unexpected ':'", "give the key a value, or delete it"),
    ("block sequence entries", "put the list on lines of its own below its key"),
    ("unexpected end of stream", "close the quotes"),
    ("unknown escape", "use single quotes, or write the backslash twice"),
    ("control characters", "remove the unprintable character"),
    ("special characters", "remove the unprintable character"),
)

# Public functions


def read_bytes(path: Path) -> bytes:
    """At most one byte more than a file may have, so that a huge file costs no more."""
    with path.open("rb") as file:
        return file.read(MAX_BYTES + 1)


def parse(data: bytes, name: str) -> tuple[tree.Node | None, list[errors.Problem]]:
    """The tree of a file and all problems found on the way; no tree if it cannot be read.

    Args:
        data: the file's bytes.
        name: what problems call the file.
    """
    if len(data) > MAX_BYTES:
        message = f"the file has more than {MAX_BYTES} bytes"
        return None, [_problem("file-too-large", message, "keep long texts in templates", name)]
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        origin = tree.Origin(name, line, 1)
        message = f"byte {data[error.start]:#04x} is not UTF-8"
        return None, [_located("not-utf8", message, "save the file as UTF-8 text", origin)]
    return parse_text(text, name)


def parse_text(text: str, name: str) -> tuple[tree.Node | None, list[errors.Problem]]:
    """The tree of a text, as `parse` gives it."""
    builder = _Builder(name)
    try:
        for event in _events(text):
            builder.take(event)
    except _Refused as refused:
        return None, [*builder.problems, refused.problem]
    except yaml.YAMLError as error:
        problem = _syntax(error, text, name)
        if builder.long_quote and builder.long_quote[1] == problem.line:
            problem = _open_quote(*builder.long_quote)
        return None, [*builder.problems, problem]
    if builder.root is None:
        remedy = "start with `archgraph: 1` and a `name:`"
        return None, [_located("empty-file", "the file is empty", remedy, tree.Origin(name, 1, 1))]
    return builder.root, builder.problems


# Private functions


class _Refused(Exception):
    def __init__(self, problem: errors.Problem) -> None:
        self.problem = problem


@dataclass(slots=True)
class _Open:
    """A collection whose end has not come yet."""

    node: tree.Node
    anchor: str | None
    size: int = 1
    key: tuple[str, tree.Origin] | None = None
    waiting: bool = False
    seen: dict[str, int] = field(default_factory=dict)


class _Builder:
    def __init__(self, name: str) -> None:
        self.name = name
        self.problems: list[errors.Problem] = []
        self.root: tree.Node | None = None
        self.long_quote: tuple[tree.Origin, int] | None = None
        """Where the last quoted text over several lines begins, and the line where it ends."""
        self._open: list[_Open] = []
        self._anchors: dict[str, tuple[tree.Node, int]] = {}
        self._values = 0
        self._documents = 0

    def take(self, event: Any) -> None:
        if isinstance(event, yaml.DocumentStartEvent):
            self._documents += 1
            if self._documents > 1:
                self._refuse("many-documents", "a second document", "keep one file each", event)
        elif isinstance(event, yaml.AliasEvent):
            self._alias(event)
        elif isinstance(event, yaml.ScalarEvent):
            self._note_quote(event)
            self._count(1, event)
            self._refuse_tag(event)
            self._finished(tree.Node(_scalar(event), self._origin(event)), event.anchor, 1)
        elif isinstance(event, yaml.CollectionStartEvent):
            self._begin(event)
        elif isinstance(event, yaml.CollectionEndEvent):
            done = self._open.pop()
            self._finished(done.node, done.anchor, done.size)

    def _note_quote(self, event: Any) -> None:
        end = event.end_mark.line
        if event.style in ("'", '"') and end > event.start_mark.line:
            self.long_quote = (self._origin(event), end + 1)

    def _begin(self, event: Any) -> None:
        self._count(1, event)
        self._refuse_tag(event)
        if len(self._open) >= MAX_DEPTH:
            self._refuse("too-deep", f"more than {MAX_DEPTH} levels", "nest less deeply", event)
        value: Any = {} if isinstance(event, yaml.MappingStartEvent) else []
        self._open.append(_Open(tree.Node(value, self._origin(event)), event.anchor))
        if event.anchor:
            self._anchors.pop(event.anchor, None)

    def _alias(self, event: Any) -> None:
        if any(entry.anchor == event.anchor for entry in self._open):
            text = f"the alias *{event.anchor} stands inside its own anchor"
            self._refuse("yaml-recursion", text, "write the value out", event)
        if event.anchor not in self._anchors:
            text = f"the alias *{event.anchor} has no anchor before it"
            self._refuse("yaml-alias", text, f"write &{event.anchor} before the value", event)
        node, size = self._anchors[event.anchor]
        self._count(size, event, "yaml-alias")
        self._finished(node, None, size)

    def _finished(self, node: tree.Node, anchor: str | None, size: int) -> None:
        if anchor:
            self._anchors[anchor] = (node, size)
        if not self._open:
            self.root = node
            return
        parent = self._open[-1]
        parent.size += size
        if isinstance(parent.node.value, list):
            parent.node.value.append(node)
        elif not parent.waiting:
            parent.key, parent.waiting = self._key(node, parent), True
        else:
            if parent.key is not None:
                parent.node.mapping[parent.key[0]] = node
                parent.node.keys[parent.key[0]] = parent.key[1]
            parent.key, parent.waiting = None, False

    def _key(self, node: tree.Node, parent: _Open) -> tuple[str, tree.Origin] | None:
        """The key that a node is; None for one that must not be used, after reporting it."""
        if isinstance(node.value, (dict, list)):
            remedy = "write a name; put quotes around a text that begins with { or ["
            self.problems.append(
                _located("key-not-text", "a key must be a name", remedy, node.origin)
            )
            return None
        key = "null" if node.value is None else str(node.value)
        key = key.lower() if isinstance(node.value, bool) else key
        if key in parent.seen:
            message = f"the key {key!r} stands here and in line {parent.seen[key]}"
            remedy = "delete or rename one of them"
            self.problems.append(_located("duplicate-key", message, remedy, node.origin))
            return None
        parent.seen[key] = node.origin.line
        return key, node.origin

    def _count(self, size: int, event: Any, code: str = "too-many-values") -> None:
        self._values += size
        if self._values > MAX_VALUES:
            message = f"more than {MAX_VALUES} values"
            message += ", with what the aliases stand for" if code == "yaml-alias" else ""
            self._refuse(code, message, "make the file smaller", event)

    def _refuse_tag(self, event: Any) -> None:
        if event.tag is not None:
            text = f"the tag {event.tag} is not allowed"
            self._refuse("yaml-tag", text, "delete the tag; write plain values", event)

    def _refuse(self, code: str, message: str, remedy: str, event: Any) -> None:
        raise _Refused(_located(code, message, remedy, self._origin(event)))

    def _origin(self, event: Any) -> tree.Origin:
        mark = event.start_mark
        return tree.Origin(self.name, mark.line + 1, mark.column + 1)


def _events(text: str) -> Iterator[Any]:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    yield from yaml.parse(text, Loader=loader)


def _scalar(event: Any) -> tree.Scalar:
    text: str = event.value
    if not event.implicit[0]:  # quoted, or a block of text
        return text
    if text in _NULLS:
        return None
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text):
        number = float(text)
        return text if number in (float("inf"), float("-inf")) else number
    return text


def _syntax(error: yaml.YAMLError, text: str, name: str) -> errors.Problem:
    mark = getattr(error, "problem_mark", None)
    what = getattr(error, "problem", None) or str(error).splitlines()[0]
    line, column = (mark.line + 1, mark.column + 1) if mark else _unprintable(error, text)
    if "maximum nesting depth" in what:  # libyaml looks ahead, and from 0.2.6 on has a limit too
        place = tree.Origin(name, line, column)
        return _located("too-deep", f"more than {MAX_DEPTH} levels", "nest less deeply", place)
    remedy = next((known[1] for known in _REMEDIES if known[0] in what), "correct the YAML here")
    lines = text.splitlines()
    near = lines[line - 1] if 0 < line <= len(lines) else ""
    if "\t" in near[: len(near) - len(near.lstrip())]:
        remedy = "indent with spaces instead of tabs"
    if "${" in near and "'," in what:
        remedy = 'put quotes around "${...}" inside of braces or brackets'
    conflict = next((n for n, each in enumerate(lines[:line]) if each.startswith("<<<<<<< ")), None)
    if conflict is not None:
        what, remedy = "a merge conflict begins here", "resolve the merge conflict"
        return _located("yaml-syntax", what, remedy, tree.Origin(name, conflict + 1, 1))
    context = getattr(error, "context_mark", None)
    if context is not None and context.line + 1 != line:
        cause = _cause(what, near, lines[context.line], context.column)
        if cause:
            origin = tree.Origin(name, context.line + 1, context.column + 1)
            return _located("yaml-syntax", cause, remedy, origin)
        what += f" ({getattr(error, 'context', '') or 'begun'} in line {context.line + 1})"
    return _located("yaml-syntax", what, remedy, tree.Origin(name, line, column))


def _cause(what: str, near: str, begun: str, column: int) -> str:
    """What is wrong in the line where a construct begins, if it is seen only in a later one."""
    if "could not find expected ':'" in what:
        return f"there is no ':' after {begun[column:].strip()[:40]!r}"
    dedented = len(near) - len(near.lstrip()) <= len(begun) - len(begun.lstrip())
    if dedented and ("expected ',' or ']'" in what or "expected ',' or '}'" in what):
        return f"the {begun[column : column + 1]} that opens here is not closed"
    return ""


def _open_quote(origin: tree.Origin, end: int) -> errors.Problem:
    """An error right after a long quoted text: most likely its quote was closed by another's."""
    message = f"the quotes that open here close only in line {end}, and what follows makes no sense"
    return _located("yaml-syntax", message, "close the quotes where the text ends", origin)


def _unprintable(error: yaml.YAMLError, text: str) -> tuple[int, int]:
    """Line and column of a character that the reader refused before there were marks."""
    position = getattr(error, "position", None)
    if not isinstance(position, int):
        return 1, 1
    before = text.encode()[:position].decode(errors="ignore")
    return before.count("\n") + 1, len(before) - before.rfind("\n")


def _located(code: str, message: str, remedy: str, origin: tree.Origin) -> errors.Problem:
    return errors.Problem(code, message, remedy, origin.file, origin.line, origin.column)


def _problem(code: str, message: str, remedy: str, name: str) -> errors.Problem:
    return errors.Problem(code, message, remedy, name)
