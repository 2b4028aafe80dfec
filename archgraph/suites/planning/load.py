"""Find a suite, read it, and resolve all that it names; every problem comes at once.

Called by the doors: `suite` for a file or a shipped name, `from_arguments` for what a command line
says, `asked` for either. What comes back goes to `build.plan`. Knows no ledger and no engine.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from archgraph import errors
from archgraph.spec import load as architectures
from archgraph.spec import tree
from archgraph.suites.planning import arguments, arms, spec, work, written

find, names = written.find, written.names


@dataclass(frozen=True)
class Suite:
    """A suite with all that it names: compiled arms, opened datasets, chosen scorers.

    `spec` is what it says; `source` the same in plain form, with paths as they lead from here.
    """

    spec: spec.SuiteSpec
    arms: arms.Arms
    work: work.Work
    source: Mapping[str, Any]
    files: tuple[Path, ...] = ()


class Asked(Protocol):
    """What a command line, or `run_suite`, was asked for. See `archgraph.comparisons.Asked`."""

    @property
    def what(self) -> Sequence[str]:
        """A suite, or architectures."""

    @property
    def datasets(self) -> Sequence[str]:
        """Texts as after `--dataset`."""

    @property
    def models(self) -> Sequence[str]:
        """Names of models, for every arm."""

    @property
    def sets(self) -> Sequence[str]:
        """Texts as after `--set`, for every arm."""

    @property
    def scorers(self) -> Sequence[str]:
        """Texts as after `--scorer`."""

    @property
    def ablate(self) -> Sequence[str]:
        """Texts as after `--ablate`."""

    @property
    def vary(self) -> Sequence[str]:
        """Texts as after `--vary`."""

    @property
    def more(self) -> Mapping[str, Any]:
        """Other keys of a suite."""


# Public functions


def suite(source: str | Path, given: arguments.Given | None = None) -> Suite:
    """A suite by its path, or by the name of one in `./suites` or of a shipped one.

    Args:
        source: the path or name.
        given: arguments that go over what the suite says.

    Raises:
        SpecError: it has problems; all of them are in `.problems`.
    """
    draft = written.read(source)
    if draft.root.mapping:
        arguments.put(draft, given or arguments.Given())
    return _resolved(draft)


def from_arguments(
    architectures: Sequence[str], datasets: Sequence[str], *, given: arguments.Given | None = None
) -> Suite:
    """The suite that architectures and datasets of a command line make.

    Raises:
        SpecError: something in them is wrong; all of it is in `.problems`.
    """
    draft = written.Draft(tree.mapping(tree.Origin("the arguments")))
    more = given or arguments.Given()
    arguments.begin(draft, architectures)
    arguments.put(draft, more.with_datasets(datasets))
    if "datasets" not in draft.root.mapping:
        draft.report("missing-key", "there is no work to compare them on",
                     "add --dataset, for example --dataset nested_kv")  # fmt: skip
        raise errors.SpecError(draft.problems)
    return _resolved(draft)


def from_plain(data: Mapping[str, Any], given: arguments.Given | None = None) -> Suite:
    """The suite that plain data says, such as `Suite.source` of another one."""
    draft = written.Draft(tree.mapping(tree.Origin("the suite")))
    written.over(draft, [tree.made(dict(data), tree.Origin("the suite"))])
    arguments.put(draft, given or arguments.Given())
    return _resolved(draft)


def asked(wanted: Asked) -> Suite:
    """What a command line was asked for: a suite, architectures, or a whole suite in `more`.

    Raises:
        SpecError: it has problems.
        UnknownName: neither a suite nor an architecture has that name.
    """
    given = arguments.Given(
        tuple(wanted.datasets), tuple(wanted.models), tuple(wanted.sets), tuple(wanted.scorers),
        tuple(wanted.ablate), tuple(wanted.vary), dict(wanted.more),
    )  # fmt: skip
    if not wanted.what:
        plain = given.more
        return from_plain(plain, given.without_more())
    if len(wanted.what) == 1 and _means_suite(wanted.what[0]):
        return suite(wanted.what[0], given)
    return from_arguments(wanted.what, (), given=given)


def resolve(found: spec.SuiteSpec, folder: Path | None = None) -> Suite:
    """All that a spec names, where the spec was made in Python; paths start from `folder`.

    Raises:
        SpecError: something is wrong with it.
    """
    origin = tree.Origin(str((folder or Path()) / "the suite"), 1 if folder else 0)
    root = written.settled(tree.made(written.plain(found), origin), origin)
    return _resolved(written.Draft(root))


# Private functions


def _resolved(draft: written.Draft) -> Suite:
    found = written.suite(draft)
    if found is None:
        raise errors.SpecError(architectures.in_order(draft.problems))
    made, done = arms.make(draft, found), work.make(draft, found)
    if draft.problems:
        raise errors.SpecError(architectures.in_order(draft.problems))
    source = {**_source(draft, found), "baseline": made.baseline}
    return Suite(found, made, done, source, tuple(draft.files))


def _source(draft: written.Draft, found: spec.SuiteSpec) -> dict[str, Any]:
    """The suite in plain form; a relative path of a file leads from here, not from the suite."""
    plain = written.plain(found)
    for section in ("architectures", "datasets"):
        plain[section] = [
            _led(entry, draft.folder((section, index)))
            for index, entry in enumerate(plain[section])
        ]
    return plain


def _led(entry: Any, folder: Path) -> Any:
    if isinstance(entry, str):
        return _place(entry, folder)
    return {
        _place(name, folder): {
            key: _place(value, folder) if isinstance(value, str) else value
            for key, value in (options or {}).items()
        }
        for name, options in entry.items()
    }


def _place(text: str, folder: Path) -> str:
    """A text that is a file's path beside the suite, as a path from here; others as they are."""
    path = folder / text
    isfile = text and not Path(text).is_absolute() and ("." in text or "/" in text)
    return _from_here(path) if isfile and path.exists() else text


def _from_here(path: Path) -> str:
    """A path without the folders of this machine, where there is one."""
    try:
        return os.path.relpath(path)
    except ValueError:  # another drive
        return str(path)


def _means_suite(text: str) -> bool:
    """Whether a name or path is that of a suite and not of an architecture.

    Raises:
        UnknownName: it is neither.
    """
    try:
        path = written.find(text)
    except errors.UnknownName as error:
        if text.endswith(written.SUFFIXES) or text in architectures.names():
            return False
        known = [*error.known, *architectures.names()]
        raise errors.UnknownName("suite or architecture", text, known) from None
    return not text.endswith(written.SUFFIXES) or written.is_suite(path)
