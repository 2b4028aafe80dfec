"""What must be read before any number of a run. Called by `analysis`; computes nothing new."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from archgraph.suites import analysis_rows, findings, results
from archgraph.suites.stats import paired

FEW = 10
"""Conversations below which, and at which, small differences are not to be claimed."""

BROKE = "the scorer broke: "
"""How the note of a scoring that broke begins."""

OFFLINE = (
    "The model is offline/...: a deterministic policy, not a language model. A ranking of "
    "architectures made with it is a check of plumbing, not a finding."
)
MIXED = (
    "Some arms ran on an offline policy, which is not a language model: a ranking that includes "
    "them is a check of plumbing, not a finding."
)


def notes(
    given: results.Results,
    columns: analysis_rows.Columns,
    differences: Sequence[findings.Difference],
) -> list[str]:
    """All notes, the gravest first."""
    return [
        *_models(given),
        *_missing(given),
        *_broke(given),
        *_splits(given),
        *_few(columns),
        *_uncommon(columns, differences),
        *_bad(given),
        *_faults(given),
        *_probes(given),
        *_left_out(given),
        *_nothing(differences),
    ]


def _models(given: results.Results) -> Iterator[str]:
    models = [str(each.get("model", "")) for each in given.arms.values()]
    offline = [model.startswith("offline/") for model in models]
    if offline and all(offline):
        yield OFFLINE
    elif any(offline):
        yield MIXED


def _missing(given: results.Results) -> Iterator[str]:
    missing = given.planned - len(given.rows)
    why = f": {given.stopped}" if given.stopped else ""
    if missing > 0:
        yield (f"{missing:,} of {given.planned:,} trials are missing{why}. What is shown is of a "
               "run that is not complete.")  # fmt: skip
    elif given.stopped:
        yield f"The run was stopped{why}."


def _broke(given: results.Results) -> Iterator[str]:
    """Scorers that could not score: without this, what they left reads as a result."""
    for name, about in given.scorers.items():
        broke = about.get("broke")
        if not broke:
            continue
        fate = "these count as wrong" if about.get("wrong") is not None else "these have no score"
        yield (f"The scorer {name} broke in {int(broke['count']):,} of {int(broke['of']):,} "
               f"trials, and {fate}: {str(broke['note']).removeprefix(BROKE)}.")  # fmt: skip


def _splits(given: results.Results) -> Iterator[str]:
    for name, about in given.datasets.items():
        split = str(about.get("split", ""))
        if split == "dev":
            yield (f"{name}: development data, looked at while archgraph was made. What is shown "
                   "on it is no evidence about unseen data.")  # fmt: skip
        elif split == "own":
            yield f"{name}: your own data; whether anything was tuned on it, only you know."
        elif split:
            yield f"{name}: {split} data."
        provenance = about.get("provenance") or {}
        if isinstance(provenance, Mapping) and provenance.get("verified") is False:
            yield (f"{name}: the file's sha256 is not one that archgraph knows, so these are not "
                   "the published data.")  # fmt: skip


def _few(columns: analysis_rows.Columns) -> Iterator[str]:
    for name, work in columns.work.items():
        count = len(set(work.clusters.tolist()))
        if not 0 < count <= FEW:
            continue
        said = f"{name} has {count} conversation{'' if count == 1 else 's'}"
        if paired.smallest(count) > 0.05:
            yield f"{said}: too few to claim any difference at the 5 % level."
        elif count < FEW:
            yield (f"{said}: their intervals are wide and may cover too little; differences under "
                   "4 points must not be claimed.")  # fmt: skip
        else:
            yield f"{said}: differences under 4 points must not be claimed."


def _uncommon(
    columns: analysis_rows.Columns, differences: Sequence[findings.Difference]
) -> Iterator[str]:
    """Arms that were compared on fewer cases than there are."""
    said = set()
    for each in differences:
        both = [
            set(columns.parts[arm, each.dataset].cases.tolist())
            for arm in (each.arm, each.baseline)
        ]
        common, either = len(both[0] & both[1]), len(both[0] | both[1])
        key = (each.arm, each.baseline, each.dataset)
        if common == either or key in said:
            continue
        said.add(key)
        if common:
            yield (f"{each.arm} and {each.baseline} are compared on the {common:,} of {either:,} "
                   f"cases of {each.dataset} that both have.")  # fmt: skip
        else:
            yield f"{each.arm} and {each.baseline} share no case of {each.dataset}."


def _bad(given: results.Results) -> Iterator[str]:
    counts = Counter((row.arm, row.status) for row in given.rows if row.status != "done")
    words = {
        "failed": "failed and count as wrong",
        "broken": "broke and count as wrong",
        "cut": "were cut by the budget and are scored on what was replied",
    }
    for arm in given.arms:
        for status, said in words.items():
            if number := counts[arm, status]:
                yield f"{arm}: {number:,} trial{'' if number == 1 else 's'} {said}."


def _faults(given: results.Results) -> Iterator[str]:
    faults = given.suite.get("faults")
    if isinstance(faults, Mapping) and faults.get("rate"):
        yield f"A share of {float(faults['rate']):.0%} of model calls was made to go wrong."


def _probes(given: results.Results) -> Iterator[str]:
    """How the scorers themselves did when they were tested."""
    for told in (given.manifest.get("probes") or {}).values():
        said = str(told["said"])
        yield f"{said[:1].upper()}{said[1:]}."


def _left_out(given: results.Results) -> Iterator[str]:
    """What the suite asked for and the plan could not do."""
    unremovable = given.manifest.get("unremovable") or {}
    for name, reason in unremovable.items():
        yield f"{name} could not be made: {reason}"
    for said in given.manifest.get("unscored") or ():
        yield f"Not scored: {said}."


def _nothing(differences: Sequence[findings.Difference]) -> Iterator[str]:
    claimed = (findings.A_BETTER, findings.B_BETTER)
    if differences and not any(each.verdict in claimed for each in differences):
        yield "No difference can be claimed."
