"""`run`: compare architectures on the same work."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from archgraph import clock, errors
from archgraph.cli import screen, suite_options

if TYPE_CHECKING:
    from archgraph import comparisons
    from archgraph.suites import plan as plans
    from archgraph.suites import results
    from archgraph.suites.running import coordinator

FAILED, INTERRUPTED = 3, 130


def _resources(function: Callable[..., Any]) -> Callable[..., Any]:
    """Where and with what a plan is run."""
    for option in (
        click.option("--out", metavar="FOLDER", help="Keep the run here, not in runs/NAME."),
        click.option("--resume", metavar="RUN", help="Go on with the run of a folder."),
        click.option("--verify", metavar="RUN", help="Derive a run's table from its rows again."),
        click.option("--workers", type=click.IntRange(0), default=2, show_default=True,
                     help="Processes; 0 runs everything in this one."),
        click.option("--engine", default="local", show_default=True,
                     help="local, or dask (extra `dask`)."),
        click.option("--scheduler", metavar="ADDRESS", default="",
                     help="Dask's scheduler, tcp://host:8786; without one it is started here."),
        click.option("--record", metavar="FOLDER", help="Keep every paid answer for --replay."),
        click.option("--replay", metavar="FOLDER", help="Answer from a recording, without a key."),
        click.option("--retry-failed", is_flag=True, help="Do again what failed or broke before."),
        click.option("--dry-run", is_flag=True, help="Show the plan, and what it may take; stop."),
        click.option("-y", "--yes", is_flag=True, help="Do not ask before money is spent. Where "
                     "there is no terminal, nobody is asked."),
        click.option("--no-report", is_flag=True, help="Write no report.html."),
        click.option("--json", "as_json", is_flag=True, help="Print the result as JSON."),
        click.option("-q", "--quiet", is_flag=True, help="Print nothing but the result."),
    ):  # fmt: skip
        function = option(function)
    return function


@click.command()
@suite_options.asked
@_resources
def run(asked: comparisons.Asked, **chosen: Any) -> int:
    """Compare architectures on the same cases, seeds and budget.

    Name a suite (a YAML file, or a shipped one such as demo), or architectures together with
    --dataset. What is finished already is not done again: the same command goes on after ctrl-C,
    a crash or a spent limit, and so does --resume from any folder; a change runs only what
    depends on it.
    """
    from archgraph import comparisons

    out = screen.Screen()
    if chosen["verify"]:
        return _verify(out, comparisons.find(chosen["verify"]))
    if chosen["resume"]:
        asked = _again(asked, chosen)
    elif not asked.what:
        raise click.UsageError("name a suite, or architectures together with --dataset")
    plan = comparisons.planned(asked)
    if chosen["dry_run"]:
        folder = comparisons.folder_of(plan, chosen["out"])
        _show_plan(out, plan, folder, pilot=True, as_json=chosen["as_json"])
        return 0
    return _run(out, plan, chosen)


def _run(out: screen.Screen, plan: plans.RunPlan, chosen: dict[str, Any]) -> int:
    from archgraph import comparisons
    from archgraph.cli import run_progress
    from archgraph.suites.running import coordinator

    aside = screen.Screen(err=True)
    folder = comparisons.folder_of(plan, chosen["out"])
    if not chosen["quiet"]:
        _show_plan(aside, plan, folder, pilot=False)
    _consent(plan, chosen)
    with run_progress.shown(aside, len(plan.trials), quiet=chosen["quiet"]) as watch:
        address = {"scheduler": chosen["scheduler"]} if chosen["scheduler"] else {}
        options = coordinator.Options(
            engine=chosen["engine"], workers=chosen["workers"], engine_options=address,
            record=chosen["record"], replay=chosen["replay"], watch=watch,
            retry_failed=chosen["retry_failed"],
        )  # fmt: skip
        end = comparisons.run(plan, folder, options)
    rows, shown = comparisons.read(folder)
    _show_results(out, shown, as_json=chosen["as_json"])
    if not chosen["no_report"]:
        place = comparisons.keep_report(folder, comparisons.page(folder, rows, shown))
        aside.line(f"\nreport: {place}", "dim")
    return _told(aside, end, rows, folder)


def _told(
    aside: screen.Screen, end: coordinator.RunEnd, rows: results.Results, folder: Path
) -> int:
    """Say how a run ended, where that is not as planned; its exit code."""
    for note in end.notes:
        aside.line(screen.clean(note), "warn")
    if end.state == "interrupted":
        aside.line(f"Stopped. To go on: archgraph run --resume {folder}")
        return INTERRUPTED
    if end.state == "stopped":
        aside.line(f"Stopped: {end.reason}. To go on: archgraph run --resume {folder}", "warn")
        return FAILED
    if end.broken:
        aside.line(f"{screen.plural(end.broken, 'trial')} broke and count as wrong; the report "
                   "lists them", "warn")  # fmt: skip
        return FAILED
    if rows.rows and all(row.status == "failed" for row in rows.rows):
        aside.line(f"Every trial failed: {rows.rows[0].reason}. To do them again: archgraph run "
                   f"--resume {folder} --retry-failed", "warn")  # fmt: skip
        return FAILED
    return FAILED if any(each.get("broke") for each in rows.scorers.values()) else 0


def _consent(plan: plans.RunPlan, chosen: dict[str, Any]) -> None:
    """Ask a person at a terminal before money can be spent."""
    from archgraph import comparisons

    paid = comparisons.paid_models(plan)
    person = sys.stdin.isatty()
    if not paid or chosen["replay"] or chosen["yes"] or not person:
        return
    click.confirm(f"This asks {', '.join(paid)}. Go on?", abort=True, err=True)


def _again(asked: comparisons.Asked, chosen: dict[str, Any]) -> comparisons.Asked:
    """What the run of a folder was asked for; from here on paths lead from where it was begun."""
    from archgraph import comparisons

    folder = comparisons.find(chosen["resume"])
    for name in ("record", "replay"):
        chosen[name] = chosen[name] and str(Path(chosen[name]).resolve())
    before, there = comparisons.again(folder, asked)
    here = Path.cwd()
    if there.is_dir() and there.resolve() != here:
        os.chdir(there)
        folder = Path(os.path.relpath(here / folder))
    chosen["out"] = folder
    return before


def _show_plan(
    out: screen.Screen, plan: plans.RunPlan, folder: Path, *, pilot: bool, as_json: bool = False
) -> None:
    from archgraph import comparisons
    from archgraph.suites.planning import estimate

    started = clock.elapsed()
    estimated = comparisons.estimated(plan, pilot=pilot)
    aside = screen.Screen(err=True)
    if pilot and aside.terminal:  # it is another time on every machine
        tried = screen.plural(estimated.measured, "trial")
        aside.line(f"tried {tried} in {clock.elapsed() - started:.0f} s", "dim")
    if as_json:
        out.json(estimate.plain(plan, estimated))
        return
    for line in estimate.lines(plan, estimated):
        out.line(line)
    held = comparisons.held(plan, folder)
    if held.over:
        left = len(plan.trials) - held.over
        out.line(f"  done      {held.over:,} of {len(plan.trials):,} trials are in {folder} and "
                 f"are not done again; {left:,} are left")  # fmt: skip
    if held.others:
        out.line(f"  kept      {folder} also holds {screen.plural(held.others, 'trial')} of other "
                 "plans, which are not shown")  # fmt: skip
    out.line()


def _show_results(out: screen.Screen, shown: Any, *, as_json: bool) -> None:
    from archgraph.suites.reporting import plain, table

    text = plain.text(shown) if as_json else table.text(shown, min(out.width, 120))
    out.line(text.rstrip("\n"))


def _verify(out: screen.Screen, folder: Path) -> int:
    """Tell whether a run's table follows from its rows."""
    from archgraph import comparisons

    wrong = comparisons.verify(folder)
    for line in wrong:
        out.line(line, "bad")
    if wrong:
        said = "1 thing does" if len(wrong) == 1 else f"{len(wrong):,} things do"
        raise errors.InputError(f"{folder}: {said} not agree")
    out.line(f"{folder}: every score follows from what its trial did, and every hash agrees")
    out.line(f"digest of this run: {comparisons.digest(folder)}")
    return 0
