"""What must be read before any number of a run. Called by `analysis`; computes nothing new."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from archgraph.suites import analysis_rows, findings, results
from archgraph.suites.stats import equivalence, paired

FEW = 10
"""Conversations up to which a note says what they can show."""

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
        *_answers(columns),
        *_few(columns, differences),
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


def _answers(columns: analysis_rows.Columns) -> Iterator[str]:
    """Datasets in which an arm that always abstains is right on some cases."""
    for name, work in columns.work.items():
        if not work.mixed:
            continue
        has = int(work.answerable.sum())
        none = len(work.cases) - has
        named = f" (category {', '.join(work.apart)})" if work.apart else ""
        yield (f"{name}: claims are about the {_questions(has, 'has', 'have')} an answer; the "
               f"{none:,} that {'has' if none == 1 else 'have'} none{named} "
               f"stand{'s' if none == 1 else ''} apart.")  # fmt: skip


def _questions(count: int, one: str, several: str) -> str:
    return f"1 question that {one}" if count == 1 else f"{count:,} questions that {several}"


def _few(
    columns: analysis_rows.Columns, differences: Sequence[findings.Difference]
) -> Iterator[str]:
    """What little a run with few conversations can show, by its own errors."""
    for name, work in columns.work.items():
        count = len(set(work.clusters[work.headline].tolist()))
        if not 0 < count <= FEW:
            continue
        said = f"{name} has {count} conversation{'' if count == 1 else 's'}"
        if paired.smallest(count) > 0.05:
            yield f"{said}: too few to claim any difference at the 5 % level."
            continue
        if count < equivalence.FLOOR:
            said += ": intervals are wide and may cover too little, and no equivalence is claimed"
        if sizes := detectable(each for each in differences if each.dataset == name):
            said += f"{';' if ':' in said else ':'} {sizes}"
        if ":" in said:
            yield f"{said}."


def detectable(differences: Iterable[findings.Difference]) -> str:
    """The true differences that these comparisons find, in words; empty where none is known."""
    known = [100 * d.detectable for d in differences if d.detectable > 0]
    if not known:
        return ""
    low, high = f"{min(known):.1f}", f"{max(known):.1f}"
    size = low if low == high else f"{low} to {high}"
    return f"a true difference of {size} points is found 4 times in 5"


def _uncommon(
    columns: analysis_rows.Columns, differences: Sequence[findings.Difference]
) -> Iterator[str]:
    """Arms that were compared on fewer cases than there are."""
    said = set()
    for each in differences:
        told = columns.work[each.dataset].headline
        both = [
            set(cases[told[cases]].tolist())
            for cases in (columns.parts[arm, each.dataset].cases
                          for arm in (each.arm, each.baseline))
        ]  # fmt: skip
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
        "failed": ("failed and counts as wrong", "failed and count as wrong"),
        "broken": ("broke and counts as wrong", "broke and count as wrong"),
        "cut": ("was cut by the budget and is scored on what was replied",
                "were cut by the budget and are scored on what was replied"),
    }  # fmt: skip
    for arm in given.arms:
        for status, (one, several) in words.items():
            if number := counts[arm, status]:
                yield f"{arm}: " + (f"1 trial {one}." if number == 1 else
                                    f"{number:,} trials {several}.")  # fmt: skip


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
