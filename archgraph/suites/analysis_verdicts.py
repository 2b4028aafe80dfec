"""Arm against arm: the paired difference, its test, and the verdict in words.

Called by `analysis`. Decides what may be claimed; docs/explanation/statistics.md gives the reasons.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from archgraph.suites import analysis_rows, findings, results
from archgraph.suites.stats import clusters as clustering
from archgraph.suites.stats import equivalence, intervals, multiplicity, paired, power

Difference = findings.Difference

MCNEMAR = "McNemar's exact test"
FLIPS = "sign flips of cases"
CLUSTER_FLIPS = "sign flips of conversations"


class Pair(NamedTuple):
    """A comparison to be made."""

    arm: str
    baseline: str
    dataset: str
    scorer: str


@dataclass(frozen=True, slots=True)
class Rules:
    """What a claim takes: the suite's `alpha`, `margin` and `family`, and the seed of draws."""

    alpha: float
    margin: float
    family: str
    seed: int
    several: bool
    """Whether sentences must name the dataset."""


@dataclass(frozen=True, slots=True)
class _Compared:
    """A comparison before the correction for several."""

    pair: Pair
    interval: findings.Interval
    estimate: clustering.Estimate
    p: float
    same: float
    within: findings.Interval
    test: str
    mcnemar: float
    wins: int
    losses: int


def compare(
    columns: analysis_rows.Columns,
    given: results.Results,
    pairs: Sequence[Pair],
    rules: Rules,
) -> dict[Pair, Difference]:
    """Every pair's difference; p values are corrected over the family that each belongs to."""
    made = [_compared(columns, given, pair, rules) for pair in dict.fromkeys(pairs)]
    out: dict[Pair, Difference] = {}
    for group in _families(made, rules.family):
        adjusted = multiplicity.holm([each.p for each in group])
        same = multiplicity.holm([each.same for each in group])
        for each, p, alike in zip(group, adjusted, same, strict=True):
            out[each.pair] = _judged(each, float(p), float(alike), len(group), rules)
    return {pair: out[pair] for pair in dict.fromkeys(pairs)}


def _families(made: Sequence[_Compared], family: str) -> list[list[_Compared]]:
    groups: dict[str, list[_Compared]] = {}
    for each in made:
        groups.setdefault("" if family == "run" else each.pair.dataset, []).append(each)
    return list(groups.values())


def _compared(
    columns: analysis_rows.Columns, given: results.Results, pair: Pair, rules: Rules
) -> _Compared:
    work = columns.work[pair.dataset]
    by_case = gaps(columns, pair)
    common = ~np.isnan(by_case)
    clusters, values = work.clusters[common], by_case[common]
    found = clustering.estimate(values, clusters)
    interval = intervals.difference(values, clusters, 1 - rules.alpha)
    wins, losses = int((values > 1e-9).sum()), int((values < -1e-9).sum())
    binary = bool(given.scorers[pair.scorer].get("binary"))
    mcnemar = paired.mcnemar(wins, losses) if binary and len(values) else math.nan
    alone = found.clusters == found.n
    whole = bool(np.isin(values, (-1.0, 0.0, 1.0)).all())
    test = CLUSTER_FLIPS if not alone else MCNEMAR if binary and whole else FLIPS
    if found.clusters < 2:
        p = math.nan
    else:
        p = mcnemar if test == MCNEMAR else paired.sign_flip(values, clusters, seed=rules.seed)
    same = equivalence.cautious(values, clusters, rules.margin)
    within = equivalence.interval(values, clusters, 1 - 2 * rules.alpha)
    return _Compared(pair, interval, found, p, same, within, test, mcnemar, wins, losses)


def gaps(columns: analysis_rows.Columns, pair: Pair) -> analysis_rows.Numbers:
    """The difference of each case of the dataset, seeds averaged first; NaN where an arm lacks it.

    An arm against itself is its trials with one half of its seeds against those with the other.
    """
    first = columns.parts[pair.arm, pair.dataset]
    if pair.arm != pair.baseline:
        second = columns.parts[pair.baseline, pair.dataset]
        return _means(columns, first, pair) - _means(columns, second, pair)
    codes = np.stack([first.seeds[name] for name in ("ingest", "answer", "judge")], axis=1)
    _, seeds = np.unique(codes, axis=0, return_inverse=True)
    odd = seeds % 2 == 1
    return _means(columns, first, pair, odd) - _means(columns, first, pair, ~odd)


def _means(
    columns: analysis_rows.Columns, part: analysis_rows.Part, pair: Pair, keep: Any = True
) -> analysis_rows.Numbers:
    """An arm's score of each case, averaged over the trials that are kept."""
    scores = part.scores[pair.scorer]
    work = columns.work[pair.dataset]
    there = ~np.isnan(scores) & keep & work.headline[part.cases]
    count = len(work.cases)
    means: analysis_rows.Numbers = clustering.means_of(scores[there], part.cases[there], count)
    return means


def _judged(each: _Compared, adjusted: float, same: float, family: int, rules: Rules) -> Difference:
    """The verdict. `family` is how many comparisons share alpha."""
    alpha = rules.alpha / family
    found, interval = each.estimate, each.interval
    claimable = found.clusters > 1 and paired.smallest(found.clusters) <= alpha
    verdict = findings.INCONCLUSIVE
    if adjusted <= rules.alpha and interval.low > 0:
        verdict = findings.A_BETTER
    elif adjusted <= rules.alpha and interval.high < 0:
        verdict = findings.B_BETTER
    elif same <= rules.alpha and claimable and found.clusters >= equivalence.FLOOR:
        verdict = findings.EQUIVALENT
    needed = 0
    if verdict == findings.INCONCLUSIVE:
        needed = power.needed(
            found.value, found.error, found.clusters, alpha=alpha, margin=rules.margin
        )
    detectable = math.nan
    if claimable:
        detectable = power.smallest_effect(found.error, found.df, alpha)
    difference = Difference(
        arm=each.pair.arm,
        baseline=each.pair.baseline,
        dataset=each.pair.dataset,
        scorer=each.pair.scorer,
        difference=interval,
        p=each.p,
        adjusted=adjusted,
        test=each.test,
        n=found.n,
        clusters=found.clusters,
        wins=each.wins,
        losses=each.losses,
        verdict=verdict,
        needed=needed,
        detectable=detectable,
        sentence="",
        within=each.within,
        mcnemar=each.mcnemar,
    )
    return dataclasses.replace(difference, sentence=sentence(difference, rules, family))


def sentence(difference: Difference, rules: Rules, family: int = 1) -> str:
    """The verdict in words, in percentage points."""
    arm, other = difference.arm, difference.baseline
    on = f" on {difference.dataset}" if rules.several else ""
    value, low, high = (
        100 * each
        for each in (
            difference.difference.value, difference.difference.low, difference.difference.high,
        )
    )  # fmt: skip
    if difference.verdict == findings.A_BETTER:
        return f"{arm} is better than {other}{on} by {value:.1f} points [{low:.1f}, {high:.1f}]"
    if difference.verdict == findings.B_BETTER:
        return f"{arm} is worse than {other}{on} by {-value:.1f} points [{-high:.1f}, {-low:.1f}]"
    if difference.verdict == findings.EQUIVALENT:
        within = difference.within or difference.difference
        low, high = 100 * within.low, 100 * within.high
        return (f"{arm} and {other} are equivalent{on} within {100 * rules.margin:g} points: "
                f"{_signed(value)}, {100 * within.level:g}% interval "
                f"[{_signed(low)}, {_signed(high)}]")  # fmt: skip
    claim = f"no difference can be claimed between {arm} and {other}{on}"
    if not difference.n:
        return f"{claim}: they have no case in common"
    if difference.clusters < 2:
        return f"{claim}: {_signed(value)} points, and one conversation has no spread to judge by"
    shown = f"{claim}: {_signed(value)} points [{_signed(low)}, {_signed(high)}]"
    if paired.smallest(difference.clusters) > rules.alpha / family:
        shown += f"; {difference.clusters} conversations are too few for any claim"
    return f"{shown}; {_more(difference)}"


def _more(difference: Difference) -> str:
    if difference.needed >= power.MOST:
        return "no number of conversations up to a million would decide"
    more = _rounded(difference.needed - difference.clusters)
    return (f"about {more} would decide 4 times in 5, "
            "if the difference is as observed")  # fmt: skip


def _rounded(count: int) -> str:
    """Two significant digits: more would pretend to know."""
    step = 10 ** max(0, len(str(count)) - 2)
    number = round(count / step) * step
    return f"{number:,} more conversation{'' if number == 1 else 's'}"


def _signed(points: float) -> str:
    text = f"{points:+.1f}"
    return "0.0" if float(text) == 0 else text


def pairs(
    given: results.Results, baseline: str, primary: Mapping[str, Sequence[str]]
) -> tuple[list[Pair], list[Pair]]:
    """What is compared: every arm with the baseline, and each ablation with what it was made of."""
    arms = [(arm, d, s) for d in given.datasets for s in primary.get(d, ()) for arm in given.arms]
    main = [Pair(arm, baseline, d, s) for arm, d, s in arms if arm != baseline]
    cut = [
        Pair(arm, str(given.arms[arm]["of"]), d, s)
        for arm, d, s in arms
        if given.arms[arm].get("ablated") and given.arms[arm].get("of") in given.arms
    ]
    return main, cut
