"""Find an architecture, read it with all that it extends, and make its spec.

Called by the graph's checks, by the doors and by suites. Knows no store type and no graph.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from archgraph import errors
from archgraph.spec import architecture, merge, prune, reading, tree, validate

SUFFIXES = (".yaml", ".yml")
SHIPPED = Path(__file__).parents[1] / "_shipped" / "architectures"
CHECKOUT = Path(__file__).parents[2] / "architectures"
_MAX_LAYERS = 20
_ECHOES = (
    "missing-key", "nothing-to-remove", "unused-param", "unknown-param", "unknown-name",
    "bad-override",
)  # fmt: skip
"""Problems that a file seems to have when what it extends could not be read."""


@dataclass(frozen=True, slots=True)
class Architecture:
    """A loaded architecture.

    `spec` is what it says after all layers; `options` the stores' validated options by name;
    `root` the resolved tree with the origin of every value; `files` the layers, the one that was
    asked for first; `operators` the validated options of each pipeline's steps; `removed` the
    nodes that null took away, with where; `broken` the nodes that have problems of their own (then
    `spec` is without them); `whole`: every layer was found; `dropped` the paths of what was wrong
    below a node that is not broken.
    """

    spec: architecture.ArchitectureSpec
    options: dict[str, Any]
    root: tree.Node
    files: tuple[Path, ...] = ()
    removed: dict[tuple[str, str], tree.Origin] = field(default_factory=dict)
    broken: frozenset[str] = frozenset()
    whole: bool = True
    dropped: tuple[tree.Path, ...] = ()
    operators: dict[str, list[Any]] = field(default_factory=dict)
    problems: tuple[errors.Problem, ...] = ()

    @property
    def source(self) -> dict[str, Any]:
        """The resolved file in plain form."""
        plain: dict[str, Any] = tree.plain(self.root)
        return plain

    def problem(
        self,
        code: str,
        message: str,
        remedy: str,
        path: tree.Path,
        *,
        severity: str = "error",
        key: bool = False,
    ) -> errors.Problem:
        """A problem at a place of the resolved file."""
        origin = tree.place(self.root, path, key=key)
        written = tree.written(path, self.dropped)
        return merge.problem(code, message, remedy, origin, written, severity=severity)

    def origins(self) -> list[tuple[str, Any, str]]:
        """Every value of the resolved file: its path, the value, and where it was written."""
        return [
            (tree.dotted(path), tree.plain(node), str(node.origin))
            for path, node in tree.leaves(self.root)
        ]


# Public functions


def load(source: str | Path, overrides: Sequence[str] = ()) -> Architecture:
    """Load an architecture.

    Args:
        source: a path, or the name of an architecture in `./architectures` or of a shipped one.
        overrides: `--set` texts, applied in order.

    Raises:
        SpecError: the file has problems; all that can be found without its graph are in it.
    """
    found = read(source, overrides)
    errors_found = [each for each in found.problems if each.severity == "error"]
    if errors_found:
        raise errors.SpecError(errors_found)
    return found


def read(source: str | Path, overrides: Sequence[str] = ()) -> Architecture:
    """As `load`, but never raises: the problems are in the result, with what could be made."""
    problems: list[errors.Problem] = []
    files: list[Path] = []
    trees = _layers(source, problems, files)
    if not trees:
        nothing = architecture.ArchitectureSpec(archgraph=1, name="unnamed")
        return Architecture(nothing, {}, tree.mapping(tree.Origin(str(source))), tuple(files),
                            problems=tuple(problems))  # fmt: skip
    merged = merge.layers(trees[::-1])
    # one text alone is a sequence of letters, which nobody means
    for text in [overrides] if isinstance(overrides, str) else overrides:
        merge.override(merged, text)
    prune.prune(merged)
    merge.substitute(merged)
    made = validate.validate(merged.root)
    whole = "extends" not in trees[-1].mapping
    found = [*merged.problems, *made.problems]
    problems += [each for each in found if whole or each.code not in _ECHOES]
    return Architecture(
        spec=made.spec,
        options=made.options,
        root=made.root,
        files=tuple(files),
        removed=merged.removed,
        broken=frozenset(made.broken),
        whole=whole,
        dropped=tuple(made.dropped),
        operators=made.operators,
        problems=tuple(in_order(problems)),
    )


def find(name: str | Path, beside: Path | None = None) -> Path:
    """The file of a path or name: path, `./architectures`, the wheel's, the checkout's.

    Args:
        name: what the user wrote.
        beside: a folder in which a relative path is looked for first (that of an extending file).

    Raises:
        UnknownName: there is none; the message offers the names that exist.
    """
    text = str(name)
    for folder in dict.fromkeys([beside or Path(), Path()]):
        if text.endswith(SUFFIXES) and (folder / text).exists():
            return folder / text
    for folder in folders():
        for suffix in SUFFIXES:
            if text and Path(text).name == text and (folder / (text + suffix)).is_file():
                return folder / (text + suffix)
    raise errors.UnknownName("architecture", text, [*names(), *_neighbours(text, beside)])


def names() -> list[str]:
    """The names of all architectures that can be found by name."""
    return sorted({
        path.stem for folder in folders() for path in folder.glob("*") if path.suffix in SUFFIXES
    })  # fmt: skip


def folders() -> list[Path]:
    """Where architectures are looked for by name, in this order."""
    return [folder for folder in (Path("architectures"), SHIPPED, CHECKOUT) if folder.is_dir()]


def in_order(problems: Sequence[errors.Problem]) -> list[errors.Problem]:
    """Problems without repetitions, by file in the order of appearance, then by place."""
    files = list(dict.fromkeys(each.file for each in problems))
    unique = list(dict.fromkeys(problems))
    return sorted(unique, key=lambda each: (files.index(each.file), each.line, each.column))


# Private functions


def _neighbours(text: str, beside: Path | None) -> list[str]:
    """The files that may have been meant by a path that leads nowhere, written as that path is."""
    if not text.endswith(SUFFIXES):
        named = [text + suffix for suffix in SUFFIXES] if text else []
        return [each for each in named if ((beside or Path()) / each).is_file()]
    folder = Path(text).parent
    home = (beside or Path()) / folder
    return [str(folder / each.name) for each in home.glob("*") if each.suffix in SUFFIXES][:200]


def _layers(
    source: str | Path, problems: list[errors.Problem], files: list[Path]
) -> list[tree.Node]:
    """The trees of a file and of all that it extends, the file itself first."""
    trees: list[tree.Node] = []
    wanted: tree.Node | None = tree.Node(str(source), tree.Origin(str(source)))
    while wanted is not None:
        beside = files[-1].parent if files else None
        try:
            path = find(wanted.text, beside)
        except errors.UnknownName as error:
            problems.append(_missing(wanted, error, first=not files))
            meant = errors.nearest(wanted.text, error.known) if files else None
            if meant is None:
                break
            path = find(meant, beside)
        if path.resolve() in [each.resolve() for each in files]:
            problems.append(_circle(wanted, [*files, path]))
            break
        files.append(path)
        root = _tree(path, problems)
        if root is None:
            break
        if not isinstance(root.value, dict):
            message, remedy = "a file is a mapping of keys", "start with `archgraph: 1`"
            problems.append(merge.problem("not-a-mapping", message, remedy, root.origin))
            break
        root = _as_meant(root, problems)
        trees.append(root)
        wanted = _extended(root, problems) if len(files) < _MAX_LAYERS else None
    return trees


def _tree(path: Path, problems: list[errors.Problem]) -> tree.Node | None:
    name = str(path)
    try:
        if not path.is_file():
            raise OSError("not a file")
        data = reading.read_bytes(path)
    except OSError as error:
        reason = error.strerror or str(error)
        problems.append(errors.Problem("file-not-found", reason, "name a YAML file", name))
        return None
    root, found = _parsed(data, name)
    problems += found
    return root


@functools.lru_cache(maxsize=64)
def _parsed(data: bytes, name: str) -> tuple[tree.Node | None, tuple[errors.Problem, ...]]:
    """Suites load one file many times over; trees are not changed once they are made."""
    root, found = reading.parse(data, name)
    return root, tuple(found)


def _as_meant(root: tree.Node, problems: list[errors.Problem]) -> tree.Node:
    """A file with misspelt sections as they were meant, so that what stands in them is checked."""
    for key in root.mapping:
        meant = None if key in validate.TOP_KEYS else errors.nearest(key, validate.TOP_KEYS)
        if meant is not None and meant not in root.mapping:
            message, remedy = f"there is no key {key!r} here", f'did you mean "{meant}"?'
            origin = tree.place(root, (key,), key=True)
            problems.append(merge.problem("unknown-key", message, remedy, origin, (key,)))
            root = tree.rename(root, (key,), meant)
    return root


def _extended(root: tree.Node, problems: list[errors.Problem]) -> tree.Node | None:
    node = root.mapping.get("extends")
    if node is None:
        return None
    if not isinstance(node.value, str):
        message, remedy = "this is not the name of an architecture", "give one name or path"
        problems.append(merge.problem("wrong-type", message, remedy, node.origin, ("extends",)))
        return None
    return node


def _missing(wanted: tree.Node, error: errors.UnknownName, *, first: bool) -> errors.Problem:
    code = "file-not-found" if first else "extends-not-found"
    path: tree.Path = () if first else ("extends",)
    message = f"no architecture {wanted.text!r}"
    if wanted.text.endswith(SUFFIXES):
        message = f"no file {wanted.text!r}"
    files = [text for suffix in SUFFIXES if (text := wanted.text + suffix) in error.known]
    remedy = f'did you mean "{files[0]}"?' if files else errors.suggest(wanted.text, error.known)
    return merge.problem(code, message, remedy, wanted.origin, path)


def _circle(wanted: tree.Node, files: Sequence[Path]) -> errors.Problem:
    chain = " -> ".join(file.stem for file in files)
    message = f"a circle of architectures: {chain}"
    remedy = "extend an architecture that does not extend this one"
    return merge.problem("extends-cycle", message, remedy, wanted.origin, ("extends",))
