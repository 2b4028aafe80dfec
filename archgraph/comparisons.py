"""The verbs of suites that the doors share: plan a run, run it, read it, search.

Called by the commands and exported as `archgraph.run_suite`. Joins planning, running, analysis and
reporting; decides only where a run is kept. Knows no terminal.
"""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archgraph import errors

if TYPE_CHECKING:
    from archgraph.suites import findings as found
    from archgraph.suites import plan as plans
    from archgraph.suites import record, results, space
    from archgraph.suites import search as searching
    from archgraph.suites.planning import estimate
    from archgraph.suites.reporting import page_pack
    from archgraph.suites.running import coordinator

RUNS = Path("runs")
"""Where runs are kept unless said otherwise: a folder for each suite."""

LEDGER = "run.db"
REPORT = "report.html"


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be compared: a suite (a file or a shipped name), or architectures and datasets.

    The fields after `datasets` go over what a suite says; `sets` are overrides for every arm, as
    after `--set`. Empty fields leave things as they are.
    """

    what: Sequence[str]
    datasets: Sequence[str] = ()
    models: Sequence[str] = ()
    sets: Sequence[str] = ()
    scorers: Sequence[str] = ()
    ablate: Sequence[str] = ()
    vary: Sequence[str] = ()
    more: dict[str, Any] = field(default_factory=dict)
    """Other keys of a suite: `repeats`, `baseline`, `judge`, `max_cost`, `faults`..."""


@dataclass(frozen=True)
class Run:
    """A run that has ended: its folder, how it ended, and what it shows."""

    folder: Path
    end: coordinator.RunEnd
    results: results.Results
    findings: found.Findings

    def table(self, width: int = 100) -> str:
        """The table as `archgraph run` prints it."""
        from archgraph.suites.reporting import table

        return table.text(self.findings, width)


def planned(asked: Asked) -> plans.RunPlan:
    """The plan of a run.

    Raises:
        SpecError: the suite has problems; all of them are in `.problems`.
        InputError: a dataset's file is missing or has another shape.
    """
    from archgraph.suites.planning import build, load

    for text in asked.what:
        if text.endswith((".yaml", ".yml")) and not Path(text).is_file():
            beside = [str(path) for path in Path(text).parent.glob("*.y*ml")]
            raise errors.InputError(f"there is no file {text}; {errors.suggest(text, beside)}")
    return build.plan(load.asked(asked))


def folder_of(plan: plans.RunPlan, out: str | Path | None = None) -> Path:
    """Where a run is kept: `runs/<suite>` unless said."""
    return Path(out) if out else RUNS / plan.name


def run(
    plan: plans.RunPlan, folder: Path, options: coordinator.Options | None = None
) -> coordinator.RunEnd:
    """Run a plan, or go on with it; trials that are in the folder already are not run again.

    Raises:
        InputError: another process runs in the folder, or an option cannot be used.
        MachineError: the disk is full, or workers cannot be had; what is done is safe.
    """
    from archgraph.suites.running import coordinator

    begun = {"begun_in": os.path.relpath(Path(), folder)}
    manifest = {**plan.manifest, **begun}
    return coordinator.run(dataclasses.replace(plan, manifest=manifest), folder, options)


@dataclass(frozen=True, slots=True)
class Held:
    """What a run's folder holds of a plan: trials that are over, and others that are not in it."""

    over: int
    others: int


def held(plan: plans.RunPlan, folder: Path) -> Held:
    """What of a plan is done already."""
    from archgraph.suites.running import ledger

    if not (folder / LEDGER).is_file():
        return Held(0, 0)
    with ledger.Ledger.open(folder, readonly=True) as kept:
        known = {str(each["id"]) for each in kept.trials() if each["status"]}
    wanted = {trial.id for trial in plan.trials}
    return Held(len(known & wanted), len(known - wanted))


def run_suite(source: str | Path | Sequence[str], *, folder: str | Path | None = None,
              workers: int = 2, **more: Any) -> Run:  # fmt: skip
    """Run a suite (a file or a shipped name) or compare architectures, and read what came of it.

    `more` are fields of `Asked` (`datasets`, `models`, `sets`, `scorers`, `vary`, `ablate`) and
    keys of a suite (`repeats`, `baseline`, `max_cost`...), which go over what the suite says. What
    was finished in the folder before is not run again.

    Raises:
        SpecError: the suite has problems.
        InputError: data is missing, or the folder holds something else.
    """
    from archgraph.suites.running import coordinator

    what = [str(source)] if isinstance(source, str | Path) else list(map(str, source))
    fields = {each.name for each in dataclasses.fields(Asked)} - {"what", "more"}
    given = {key: value for key, value in more.items() if key in fields}
    rest = {key: value for key, value in more.items() if key not in fields}
    plan = planned(Asked(what, **given, more=rest))
    place = folder_of(plan, folder)
    end = run(plan, place, coordinator.Options(workers=workers))
    results, shown = read(place)
    return Run(place, end, results, shown)


def find(name: str | Path | None = None) -> Path:
    """The folder of a run: a path, a name in `runs`, or the newest in `runs` if none is given.

    Raises:
        InputError: there is none.
    """
    if name is None:
        held = sorted(RUNS.glob(f"*/{LEDGER}"), key=lambda path: path.stat().st_mtime)
        if not held:
            raise errors.InputError(
                f"there is no run in {RUNS}/; name a run's folder, or make one: archgraph run demo"
            )
        return held[-1].parent
    for place in (Path(name), RUNS / name):
        if (place / LEDGER).is_file():
            return place
    known = [path.parent.name for path in RUNS.glob(f"*/{LEDGER}")]
    raise errors.InputError(f"{name} is no run (a folder with {LEDGER}); "
                            f"{errors.suggest(Path(name).name, known)}")  # fmt: skip


def read(
    folder: Path, *, baseline: str = "", scorers: Sequence[str] = ()
) -> tuple[results.Results, found.Findings]:
    """The rows of a run and what they show.

    Args:
        folder: of the run.
        baseline: compare with another arm than the suite says.
        scorers: the primary scorers to compare by, instead of the suite's.
    """
    from archgraph.suites import analysis
    from archgraph.suites.running import ledger

    with ledger.Ledger.open(folder, readonly=True) as held:
        rows = held.results()
    return rows, analysis.analyse(rows, baseline=baseline, scorers=scorers)


def estimated(plan: plans.RunPlan, *, pilot: bool) -> estimate.Estimate:
    """What a run may take; with `pilot` a few cases are tried with the offline policy first."""
    from archgraph.suites.planning import estimate

    if not pilot:
        return estimate.estimate(plan)
    from archgraph.suites.running import piloting

    tried = piloting.Pilot(plan)
    try:
        return estimate.estimate(plan, tried)
    finally:
        tried.close()


def page(
    folder: Path, rows: results.Results, shown: found.Findings, which: page_pack.Details = "all"
) -> str:
    """The HTML report of a run, with what its trials did."""
    from archgraph.suites import record
    from archgraph.suites.reporting import page
    from archgraph.suites.running import ledger, losses

    primary = {row.trial: row.scores.get(rows.primary.get(row.dataset, "")) for row in rows.rows}
    with ledger.Ledger.open(folder, readonly=True) as held:

        def told(trial: str) -> dict[str, Any]:
            case = held.case(trial)
            done = losses.with_score(record.outcome(held.outcome(trial), case), primary[trial])
            return {**record.plain(done), "case": record.plain(case), "scores": held.scores(trial)}

        return page.html(shown, rows, told, which=which)


def compared(folder: Path, other: Path, *, as_page: bool = False) -> str:
    """Two runs side by side, as text or as an HTML page."""
    from archgraph.suites.reporting import page, table

    (rows, shown), (others, told) = read(folder), read(other)
    make = page.compare if as_page else table.compare
    return make(shown, told, (rows, others))


def outcome(folder: Path, trial: str) -> tuple[str, record.Outcome]:
    """A trial's arm and all that it did; `trial` is an id, its beginning, or `arm/case`.

    Raises:
        InputError: there is no such trial, or several.
    """
    from archgraph.suites import record
    from archgraph.suites.running import ledger

    with ledger.Ledger.open(folder, readonly=True) as held:
        id = held.find_trial(trial)
        arm = next(str(each["arm"]) for each in held.trials() if each["id"] == id)
        return arm, record.outcome(held.outcome(id), held.case(id))


def why(folder: Path, trial: str) -> list[str]:
    """What a trial's result depends on, and what changed against the nearest other one.

    Raises:
        InputError: there is no such trial, or several.
    """
    from archgraph.suites.reporting import why
    from archgraph.suites.running import ledger

    with ledger.Ledger.open(folder, readonly=True) as held:
        return why.told(held, held.find_trial(trial))


def verify(folder: Path) -> list[str]:
    """What in a run does not follow from its own rows and hashes; empty where all does."""
    from archgraph.suites.running import verifying

    return verifying.verify(folder)


def digest(folder: Path) -> str:
    """The digest of a run: over all that its report is made from, except times."""
    from archgraph.suites.running import verifying

    return verifying.digest(folder)


def keep_report(folder: Path, text: str) -> Path:
    """Write the page of a run into its folder, and note it in the run's manifest."""
    place = folder / REPORT
    place.write_text(text, encoding="utf-8")
    note_report(folder, text)
    return place


def note_report(folder: Path, text: str) -> None:
    """Let `verify` know the page that was just written into a run's folder."""
    from archgraph.suites.running import recordings

    recordings.note_report(folder, text)


def again(folder: Path, asked: Asked) -> tuple[Asked, Path]:
    """What a run was asked for, as its folder keeps it, with what is asked now on top.

    Also the folder that it was begun in, from which the paths in it lead.
    """
    from archgraph.suites.running import ledger

    with ledger.Ledger.open(folder, readonly=True) as held:
        source = json.loads(held.meta("suite"))
        begun = str(json.loads(held.meta("manifest")).get("begun_in", ""))
    more = {**source, **asked.more}
    place = folder.resolve() / begun if begun else Path()
    return dataclasses.replace(asked, what=(), more=more), place


def paid_models(plan: plans.RunPlan) -> list[str]:
    """The models of a plan that may cost money."""
    from archgraph.llm import embedders
    from archgraph.suites.planning import cells

    named = {model for arm in plan.arms for model in cells.models(arm.plan)} | {plan.judge}
    paid = {model for model in named if model and cells.is_paid(model)}
    return sorted(paid | {arm.plan.embedder for arm in plan.arms
                          if embedders.is_paid(plan.embedder or arm.plan.embedder)})  # fmt: skip


def search(
    asked: Asked, values: Sequence[str], remove: Sequence[str], how: searching.How, **run: Any
) -> searching.Found:
    """Look for a better form of one architecture, and judge the winner on cases it has not seen.

    Args:
        asked: one architecture and its datasets, or a suite with one.
        values: what may vary, as `core_limit=500,1000` or `evict_to=0.25..0.75`.
        remove: nodes that may be taken away; `all` is every one that can go.
        how: method, seed and limits.
        run: `folder`, `workers`, and `watch` (told every candidate).

    Raises:
        InputError: there is nothing to vary, or more than one architecture.
    """
    from archgraph.suites import search as searching
    from archgraph.suites import space
    from archgraph.suites.running import coordinator, ledger

    first = planned(asked)
    if len(first.arms) != 1:
        names = ", ".join(arm.name for arm in first.arms)
        raise errors.InputError(
            f"a search is of one architecture, not of {len(first.arms)}: {names}"
        )
    folder = folder_of(first, run.get("folder") or RUNS / f"{first.name}-search")
    arm = first.arms[0]
    among = _space(asked, arm, values, remove)

    def evaluate(overrides: tuple[str, ...], half: space.Half) -> searching.Scores:
        plan = planned(dataclasses.replace(asked, sets=(*asked.sets, *overrides)))
        part = space.halves(plan, how.seed)[half]
        coordinator.run(part, folder, coordinator.Options(workers=run.get("workers", 2)))
        with ledger.Ledger.open(folder, readonly=True) as held:
            return searching.scores_of(held.results())

    return searching.search(among, evaluate, how, run.get("watch") or (lambda tried: None))


def _space(
    asked: Asked, arm: plans.Arm, values: Sequence[str], remove: Sequence[str]
) -> space.Space:
    from archgraph.suites import space

    source = arm.plan.source
    nodes = [name for part in ("stores", "tools", "threads") for name in source.get(part) or {}]
    chosen = list(remove)
    if chosen == ["all"]:
        every = planned(dataclasses.replace(asked, ablate=(f"{arm.architecture}=all",)))
        chosen = [each.ablated for each in every.arms if each.ablated]
    return space.made(space.written(values), source.get("params") or {}, chosen, nodes)
