"""How a run is repeated: its suite as YAML, the commands, what was drawn and what was bounded.

Called by the page and by Markdown. Of a path from the root of a machine the file's name is kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any

from archgraph.suites import findings as found
from archgraph.suites.reporting import wording

_FIRST = ("suite", "about", "question", "architectures", "models", "datasets")
"""The keys that a suite begins with."""


def suite(findings: found.Findings) -> str:
    """The suite as a file that `archgraph run` takes; empty where the run kept none."""
    from archgraph.spec import writing

    if not findings.suite:
        return ""
    whole = without_folders(findings.suite)
    whole = {key: whole[key] for key in (*filter(whole.__contains__, _FIRST), *whole)}
    told = {key: value for key, value in whole.items() if value not in ("", [], {}, None)}
    return wording.encodable(writing.text(told))


def commands(findings: found.Findings) -> list[tuple[str, str]]:
    """Commands, and what each is for."""
    file = f"{findings.name}.yaml"
    made = [
        (f"archgraph run {file}", "makes the run again, from the suite below saved as this file"),
        (f"archgraph run {file} --replay FOLDER",
         "the same from the answers that --record FOLDER kept, without a key"),
    ] if findings.suite else []  # fmt: skip
    return [
        *made,
        ("archgraph run --verify RUN", "derives every number again from the rows of the run"),
        ("archgraph report RUN --format csv", "writes the rows and cells for your own statistics"),
        ("archgraph why TRIAL", "says what a trial's result depends on"),
    ]


def conditions(findings: found.Findings) -> Iterator[tuple[str, str]]:
    """What the suite let go wrong, what it bounded and how often it did things; name and words."""
    said = findings.suite
    faults = said.get("faults")
    if faults:
        kinds = ", ".join(map(str, faults.get("kinds", ()))) or "no kind"
        more = f"; {faults['latency']:g} s are added to every call" if faults.get("latency") else ""
        yield "Faults", (f"{100 * float(faults.get('rate', 0)):g} % of model calls go wrong on "
                         f"purpose, by seed: {kinds}{more}")  # fmt: skip
    bounds = list(_bounds(said))
    if bounds:
        yield "Budget", "; ".join(bounds)
    seeds = findings.manifest.get("seeds")
    if isinstance(seeds, Mapping):
        counts = ", ".join(f"{key} x{seeds[key]}" for key in ("ingest", "answer", "judge")
                           if key in seeds)  # fmt: skip
        yield "Seeds", f"from {seeds.get('first', 0)} on: {counts}"


def without_folders(value: Any) -> Any:
    """Plain data without the folders of the machine that it was written on."""
    if isinstance(value, Mapping):
        return {without_folders(str(key)): without_folders(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [without_folders(each) for each in value]
    if isinstance(value, str) and "\n" not in value:
        for kind in (PurePosixPath, PureWindowsPath):
            if kind(value).is_absolute() and kind(value).name:
                return kind(value).name
    return value


def _bounds(said: Mapping[str, Any]) -> Iterator[str]:
    budget = said.get("budget") or {}
    if count := budget.get("tokens_per_case"):
        yield f"a question is cut at {count:,} tokens"
    if count := budget.get("ingest_tokens"):
        yield f"feeding a history is cut at {count:,} tokens"
    if count := said.get("max_calls"):
        yield f"the run stops at {count:,} paid calls"
    if cost := said.get("max_cost"):
        yield f"the run stops at {cost:,.2f} US dollars"
