"""The suite as a table: every check of a type, its result, and what to do about a failure.

`python -m archgraph.testing my_plugin:Mine [--options JSON] [--lost NAME] [--group NAME]` prints
it; `run` gives it as values. Needs no pytest.
"""

from __future__ import annotations

import argparse
import importlib
import inspect
import json
import sys
import tempfile
import textwrap
import warnings
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from archgraph.conformance import kit, suite
from archgraph.stores import base

KEPT, BROKEN, ABSENT = "kept", "BROKEN", "-"


@dataclass(frozen=True, slots=True)
class Result:
    """One check of one type. `why` says what is broken, or why the check does not apply."""

    check: kit.Check
    outcome: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """What the suite found out about one type."""

    name: str
    results: tuple[Result, ...]

    def count(self, outcome: str) -> int:
        """How many checks ended so."""
        return Counter(result.outcome for result in self.results)[outcome]

    @property
    def broken(self) -> list[Result]:
        """The promises that are not kept."""
        return [result for result in self.results if result.outcome == BROKEN]

    def lines(self) -> list[str]:
        """The matrix, a group at a time, and the faults below it."""
        rows: list[str] = []
        group = ""
        for result in self.results:
            if result.check.group != group:
                group = result.check.group
                rows.append(f"\n{group}")
            rows.append(f"  {result.outcome:7} {result.check.promise}")
            if result.outcome == ABSENT:
                rows[-1] += f" ({result.why})"
        for result in self.broken:
            rows += ["", f"{result.check.name}:", *textwrap.wrap(result.why, 98, **_INDENT)]
        kept, broken, absent = (self.count(each) for each in (KEPT, BROKEN, ABSENT))
        return [*rows, "", f"{self.name}: {kept} kept, {broken} broken, {absent} do not apply"]


_INDENT: dict[str, Any] = {"initial_indent": "  ", "subsequent_indent": "  "}


def run(
    kind: type[base.Store],
    options: Mapping[str, Any] | None = None,
    lost: frozenset[str] = frozenset(),
    groups: Collection[str] = (),
) -> Report:
    """The suite over a type: all of it, or some groups."""
    return run_contract(suite.contract_for(kind, options, lost), groups)


def run_contract(contract: type[kit.Ground], groups: Collection[str] = ()) -> Report:
    """The suite over a contract: all of it, or some groups."""
    checks = [check for check in contract.checks() if not groups or check.group in groups]
    results = tuple(_result(contract, check) for check in checks)
    return Report(contract.store_type.__name__, results)


def _result(contract: type[kit.Ground], check: kit.Check) -> Result:
    able = contract.capabilities()
    for need in check.needs:
        if need not in able:
            return Result(check, ABSENT, f"it has no {need}")
    method = getattr(contract(), check.name)
    try:
        if "tmp_path" in inspect.signature(method).parameters:
            with tempfile.TemporaryDirectory(prefix="archgraph-contract-") as folder:
                method(Path(folder))
        else:
            method()
    except kit.NotApplicable as why:
        return Result(check, ABSENT, str(why))
    except AssertionError as fault:
        return Result(check, BROKEN, str(fault))
    return Result(check, KEPT)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the matrix of a type; exit 1 where a promise is broken, 2 where there is no type."""
    parser = argparse.ArgumentParser(
        prog="python -m archgraph.testing",
        description="Run the conformance suite over a store type and print what it keeps.",
    )
    parser.add_argument(
        "type",
        metavar="MODULE:CLASS",
        help="the store type, or a StoreContract of it; FILE.py:CLASS is read from a file",
    )
    parser.add_argument("--options", default="{}", help="the options of the store, as JSON")
    parser.add_argument(
        "--lost", action="append", default=[], choices=sorted(kit.LOST), help="may be repeated"
    )
    parser.add_argument(
        "--group", action="append", default=[], help="only these checks, as in paging"
    )
    given = parser.parse_args(arguments)
    try:
        kind, options = _find(given.type), json.loads(given.options)
    except (ImportError, AttributeError, TypeError, ValueError) as error:
        parser.error(f"{given.type}: {error}")
    warnings.simplefilter("ignore")  # what a back-end warns of at opening, `check` tells
    if issubclass(kind, kit.Ground):
        found = run_contract(kind, given.group)
    else:
        found = run(kind, options, frozenset(given.lost), given.group)
    if not found.results:
        known = sorted({check.group for check in suite.StoreContract.checks()})
        parser.error(f"--group: there is none of these; known: {', '.join(known)}")
    print("\n".join(found.lines()))
    sys.exit(1 if found.broken else 0)


def _find(place: str) -> type[base.Store] | type[kit.Ground]:
    module, colon, name = place.rpartition(":")
    if not colon:
        raise ValueError("write it as module:Class")
    folder = Path.cwd()
    if module.endswith(".py"):
        folder, module = Path(module).absolute().parent, Path(module).stem
    sys.path.insert(0, str(folder))
    kind = getattr(importlib.import_module(module), name)
    if isinstance(kind, type):
        if issubclass(kind, kit.Ground) and hasattr(kind, "store_type"):
            return kind
        if issubclass(kind, base.Store):
            return kind
    raise TypeError("it is no class over archgraph.stores.base.Store, nor a StoreContract of one")
