"""What a file says, with the place of every value.

`reading` makes a tree from text, `merge` lays trees over each other, `validate` turns the result
into a spec. Knows neither YAML nor what an architecture is.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

Path = tuple[str | int, ...]
Scalar = None | bool | int | float | str


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a value was written: a file with line and column (from 1), or a `--set` text.

    `note` tells what brought the value here, for example the parameter that it was taken from.
    """

    file: str = ""
    line: int = 0
    column: int = 0
    note: str = ""

    def __str__(self) -> str:
        place = ":".join([self.file, *(str(n) for n in (self.line, self.column) if n)])
        return f"{place} ({self.note})" if self.note else place


@dataclass(frozen=True, slots=True)
class Node:
    """A value and its origin. `keys` holds where each key of a mapping stands."""

    value: dict[str, Node] | list[Node] | Scalar
    origin: Origin
    keys: dict[str, Origin] = field(default_factory=dict)

    @property
    def mapping(self) -> dict[str, Node]:
        """The entries of a mapping; empty for anything else."""
        return self.value if isinstance(self.value, dict) else {}

    @property
    def items(self) -> list[Node]:
        """The items of a list; empty for anything else."""
        return self.value if isinstance(self.value, list) else []

    @property
    def text(self) -> str:
        """The value if it is text, else an empty text."""
        return self.value if isinstance(self.value, str) else ""


def mapping(origin: Origin) -> Node:
    """An empty mapping."""
    return Node({}, origin)


def made(value: Any, origin: Origin) -> Node:
    """Plain data as a node, all of it from one place."""
    if isinstance(value, dict):
        return Node({key: made(each, origin) for key, each in value.items()}, origin)
    return Node(
        [made(each, origin) for each in value] if isinstance(value, list) else value, origin
    )


def plain(node: Node) -> Any:
    """The value without its origins."""
    if isinstance(node.value, dict):
        return {key: plain(child) for key, child in node.value.items()}
    if isinstance(node.value, list):
        return [plain(child) for child in node.value]
    return node.value


def child(node: Node, step: str | int) -> Node | None:
    """The value one step down, None where there is none."""
    if isinstance(node.value, dict) and isinstance(step, str):
        return node.value.get(step)
    if isinstance(node.value, list) and isinstance(step, int) and 0 <= step < len(node.value):
        return node.value[step]
    return None


def get(node: Node, path: Path) -> Node | None:
    """The value at a path, None where there is none."""
    for step in path:
        below = child(node, step)
        if below is None:
            return None
        node = below
    return node


def place(node: Node, path: Path, *, key: bool = False) -> Origin:
    """Where the value (or, with `key`, its key) at a path stands; the nearest above if nowhere."""
    for position, step in enumerate(path):
        last = position == len(path) - 1
        if key and last and isinstance(step, str) and step in node.keys:
            return node.keys[step]
        below = child(node, step)
        if below is None:
            break
        node = below
    return node.origin


def put(node: Node, path: Path, new: Node) -> Node:
    """The tree with `new` at a path of mapping keys; mappings on the way are made."""
    if not path:
        return new
    step = str(path[0])
    below = node.mapping.get(step) or mapping(new.origin)
    entries = {**node.mapping, step: put(below, path[1:], new)}
    return Node(entries, node.origin, {**node.keys, step: node.keys.get(step, new.origin)})


def drop(node: Node, path: Path) -> Node:
    """The tree without the value at a path, which may lie in a list."""
    step, rest = path[0], path[1:]
    below = child(node, step)
    if below is None:
        return node
    if isinstance(node.value, dict):
        entries = {key: value for key, value in node.value.items() if rest or key != step}
        if rest:
            entries[str(step)] = drop(below, rest)
        return replace(node, value=entries)
    items = [
        drop(item, rest) if index == step else item
        for index, item in enumerate(node.items)
        if rest or index != step
    ]
    return replace(node, value=items)


def written(path: Path, dropped: Collection[Path]) -> Path:
    """A path as it was before items of lists were taken out.

    Args:
        path: a path now.
        dropped: the paths of all that was taken out, as they were before.
    """
    found: Path = ()
    for step in path:
        if isinstance(step, int):
            holes = sorted(int(each[-1]) for each in dropped if _item_of(each, found))
            for hole in holes:
                step += hole <= step
        found = (*found, step)
    return found


def rename(node: Node, path: Path, name: str) -> Node:
    """The tree with another name for the key at a path; its place and its value stay."""
    step, rest = path[0], path[1:]
    below = child(node, step)
    if below is None:
        return node
    if rest:
        new = rename(below, rest, name)
        if isinstance(node.value, dict):
            return replace(node, value={**node.value, str(step): new})
        items = [new if index == step else item for index, item in enumerate(node.items)]
        return replace(node, value=items)
    entries = {name if key == step else key: each for key, each in node.mapping.items()}
    keys = {name if key == step else key: origin for key, origin in node.keys.items()}
    return replace(node, value=entries, keys=keys)


def leaves(node: Node, path: Path = ()) -> Iterator[tuple[Path, Node]]:
    """All scalars and empty collections with their paths, in the order of the file."""
    if isinstance(node.value, dict) and node.value:
        for key, below in node.value.items():
            yield from leaves(below, (*path, key))
    elif isinstance(node.value, list) and node.value:
        for index, below in enumerate(node.value):
            yield from leaves(below, (*path, index))
    else:
        yield path, node


def _item_of(path: Path, parent: Path) -> bool:
    return len(path) == len(parent) + 1 and path[:-1] == parent and isinstance(path[-1], int)


def dotted(path: Path) -> str:
    """A path as people write it: `threads.main.tools[2]`."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text


def child_mapping(node: Node, key: str) -> dict[str, Node]:
    """The entries of the mapping under a key; empty where there is none."""
    below = child(node, key)
    return below.mapping if below is not None else {}
