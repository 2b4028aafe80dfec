"""The live progress of a run: rate, cost, failures, time left. On a terminal only."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from archgraph.cli import screen

if TYPE_CHECKING:
    from archgraph.suites.running import coordinator

Watch = Callable[["coordinator.Progress"], None]

EVERY = 0.1
"""In a pipe a line is written when at least this share of the trials was done since the last."""


@contextlib.contextmanager
def shown(aside: screen.Screen, total: int, *, quiet: bool) -> Iterator[Watch | None]:
    """Show progress while a run goes on; gives what the run is to tell."""
    if quiet or not total:
        yield None
    elif not aside.terminal:
        yield _lines(aside)
    else:
        with _bar(aside, total) as watch:
            yield watch


def _lines(aside: screen.Screen) -> Watch:
    last = 0.0

    def watch(now: coordinator.Progress) -> None:
        nonlocal last
        share = now.done / now.total if now.total else 1.0
        if share - last >= EVERY or (share == 1.0 and last < 1.0):
            last = share
            aside.line(f"{now.done}/{now.total} trials{_details(now)}")

    return watch


@contextlib.contextmanager
def _bar(aside: screen.Screen, total: int) -> Iterator[Watch]:
    from rich import console, progress

    columns = (
        progress.TextColumn("trials"), progress.BarColumn(), progress.MofNCompleteColumn(),
        progress.TextColumn("{task.fields[details]}"), progress.TimeElapsedColumn(),
        progress.TextColumn("left"), progress.TimeRemainingColumn(),
    )  # fmt: skip
    out = console.Console(file=aside.stream, no_color=not aside.coloured)
    with progress.Progress(*columns, console=out, transient=True) as bar:
        task = bar.add_task("", total=total, details="")

        def watch(now: coordinator.Progress) -> None:
            bar.update(task, completed=now.done, total=now.total, details=_details(now))

        yield watch


def _details(now: coordinator.Progress) -> str:
    parts = [f"{now.rate * 60:.0f}/min"] if now.rate else []
    parts += [f"{now.calls} calls"] if now.calls else []
    parts += [f"${now.cost:.2f}"] if now.cost else []
    bad = now.failed + now.broken
    parts += [f"{bad} failed"] if bad else []
    return ", " + ", ".join(parts) if parts else ""
