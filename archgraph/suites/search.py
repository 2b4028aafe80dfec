"""Search for better parameters and fewer nodes, and score the winner honestly.

Called by the door, which supplies `evaluate`: run an arm with these overrides on one half of the
conversations. Pure but for that call: equal space, seed and scores give an equal search, so one
that was stopped goes on by being started again, since a ledger holds what was evaluated. Knows no
file and no model.

Why halves: the best of many candidates on some cases is partly the luckiest on them. So candidates
are compared on the *tune* half only; the winner, once chosen, is compared with the default arm on
the *validate* half, which no candidate has seen, and the difference between its two scores is
reported as optimism.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from archgraph import clock, errors
from archgraph.suites import findings, results
from archgraph.suites import space as spaces

Half = spaces.Half
Candidate = spaces.Candidate
Method = Literal["climb", "random"]

_TRIES = 200
"""Draws that may all be known before a space is taken for exhausted."""


@dataclass(frozen=True, slots=True)
class Scores:
    """What an arm reached on one half: score and conversation by case, and what that took."""

    scores: Mapping[str, float]
    clusters: Mapping[str, str]
    calls: int = 0
    cost: float = 0.0

    @property
    def mean(self) -> float:
        """The mean over cases; NaN of none."""
        return math.fsum(self.scores.values()) / len(self.scores) if self.scores else math.nan


Evaluate = Callable[[tuple[str, ...], Half], Scores]
"""Run an arm with these overrides on that half; SpecError if there is no such architecture."""


@dataclass(frozen=True, slots=True)
class How:
    """How to search. `evaluations` counts candidates, the default arm included; 0: no limit.

    `max_calls` and `max_cost` leave room for the two evaluations on the other half, estimated from
    those so far.
    """

    method: Method = "climb"
    seed: int = 0
    evaluations: int = 20
    max_calls: int = 0
    max_cost: float = 0.0
    alpha: float = 0.05
    margin: float = 0.05


@dataclass(frozen=True, slots=True)
class Tried:
    """One step of the search. `kept`: the search went on from it; `wrong`: why it cannot be."""

    overrides: tuple[str, ...]
    score: float
    kept: bool = False
    wrong: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """What a search found. Scores are means; `held_out` ones are on the validate half.

    `optimism` is the winner's score on the tune half less that on the other. The halves may be of
    unequal difficulty: `optimism_of_gain` is the same for the difference to the default arm.
    `difference` is None where the default arm won.
    """

    how: How
    path: tuple[Tried, ...]
    winner: tuple[str, ...]
    tuned: float
    held_out: float
    default_tuned: float
    default_held_out: float
    optimism: float
    optimism_of_gain: float
    difference: findings.Difference | None
    ended: str


def scores_of(found: results.Results) -> Scores:
    """The primary scores of a run by case, averaged over seeds, and what it took with its ingests.

    Every dataset counts by its cases; those without an answer count only where there are no others.
    A case that its scorer does not apply to is left out.
    """
    held: dict[str, list[float]] = {}
    clusters = {}
    for row in found.headline:
        value = row.scores.get(found.primary[row.dataset])
        if value is not None:
            name = f"{row.dataset}/{row.cluster}/{row.case}"
            held.setdefault(name, []).append(value)
            clusters[name] = f"{row.dataset}/{row.cluster}"
    means = {name: math.fsum(values) / len(values) for name, values in held.items()}
    spent = [*(row.metrics for row in found.rows), *(each.spent for each in found.ingests)]
    calls = sum(int(each.get("calls", 0)) for each in spent)
    return Scores(means, clusters, calls, math.fsum(each.get("paid", 0) for each in spent))


# The search


def search(
    among: spaces.Space,
    evaluate: Evaluate,
    how: How = How(),
    watch: Callable[[Tried], None] = lambda tried: None,
) -> Found:
    """Look for the best candidate on the tune half, then compare it on the other.

    `climb` goes from the default arm to the first neighbour that is better, in an order drawn by
    seed, and from a local best on to a candidate drawn by chance; `random` draws all but the
    default arm. No candidate is evaluated twice.

    Raises:
        SpecError: the default arm itself has problems.
        InputError: a half has no scores.
    """
    walk = _Walk(among, evaluate, how, watch)
    walk.visit(spaces.start(among), first=True)
    strategy = _climb if how.method == "climb" else _random
    for _ in strategy(walk):
        if walk.ended:
            break
    return _judged(walk)


@dataclass(slots=True)
class _Walk:
    """A search under way."""

    among: spaces.Space
    evaluate: Evaluate
    how: How
    watch: Callable[[Tried], None]
    seen: dict[Candidate, float] = field(default_factory=dict)
    scores: dict[Candidate, Scores] = field(default_factory=dict)
    path: list[Tried] = field(default_factory=list)
    ended: str = ""

    def visit(self, candidate: Candidate, above: float = -math.inf, *, first: bool = False) -> bool:
        """Evaluate a candidate on the tune half; whether it is better than `above`."""
        changes = spaces.overrides(self.among, candidate)
        try:
            found = self.evaluate(changes, "tune")
        except errors.SpecError as error:
            if first:
                raise
            self.seen[candidate] = -math.inf
            problem = error.problems[0].message if error.problems else str(error)
            self._keep(Tried(changes, math.nan, wrong=problem))
            return False
        if first and not found.scores:
            raise errors.InputError("no case of the tune half has a score; choose another scorer")
        value = found.mean if found.scores else -math.inf
        self.scores[candidate], self.seen[candidate] = found, value
        better = value > above + 1e-12
        self._keep(Tried(changes, found.mean, kept=better))
        self.ended = self._spent()
        return better

    def best(self) -> Candidate:
        """The candidate with the best score; of equal ones the first."""
        return max(self.scores, key=lambda each: self.seen[each])

    def drawn(self) -> Candidate | None:
        """A candidate by chance that was not evaluated; None if none can be found."""
        for number in range(_TRIES):
            candidate = spaces.draw(self.among, self.how.seed, len(self.path), number)
            if candidate not in self.seen:
                return candidate
        return None

    def _keep(self, tried: Tried) -> None:
        self.path.append(tried)
        self.watch(tried)

    def _spent(self) -> str:
        """Which limit is reached, if one is; two evaluations are still to come."""
        done = len(self.scores)
        ahead = (done + 3) / done  # the next one, and the two on the other half
        if self.how.evaluations and done >= self.how.evaluations:
            return f"{done} candidates were evaluated"
        if self.seen[self.best()] >= 1:
            return "no candidate can score more than 1"
        if self.how.max_calls and ahead * sum(s.calls for s in self.scores.values()) > (
            self.how.max_calls
        ):
            return f"another candidate may take more than {self.how.max_calls} calls"
        if self.how.max_cost and ahead * sum(s.cost for s in self.scores.values()) > (
            self.how.max_cost
        ):
            return f"another candidate may cost more than {self.how.max_cost:g} dollars"
        return ""


def _random(walk: _Walk) -> Iterator[None]:
    while (candidate := walk.drawn()) is not None and not walk.ended:
        walk.visit(candidate, walk.seen[walk.best()])
        yield
    walk.ended = walk.ended or "every candidate was evaluated"


def _climb(walk: _Walk) -> Iterator[None]:
    present = spaces.start(walk.among)
    while not walk.ended:
        ahead = [n for n in spaces.neighbours(walk.among, present) if n not in walk.seen]
        if not ahead:  # a local best: go on from elsewhere
            elsewhere = walk.drawn()
            if elsewhere is None:
                walk.ended = "every candidate was evaluated"
                return
            present = elsewhere if walk.visit(elsewhere) else present
            yield
            continue
        clock.derive_random(walk.how.seed, len(walk.path), 0).shuffle(ahead)
        for candidate in ahead:
            better = walk.visit(candidate, walk.seen[present])
            present = candidate if better else present
            yield
            if better:
                break


# The judgement


def _judged(walk: _Walk) -> Found:
    usual, best = spaces.start(walk.among), walk.best()
    changes = spaces.overrides(walk.among, best)
    before = walk.evaluate((), "validate")
    after = walk.evaluate(changes, "validate") if best != usual else before
    if not before.scores:
        raise errors.InputError("no case of the validate half has a score")
    tuned, default = walk.scores[best].mean, walk.scores[usual].mean
    gain, kept = tuned - default, after.mean - before.mean
    return Found(
        how=walk.how, path=tuple(walk.path), winner=changes, tuned=tuned, held_out=after.mean,
        default_tuned=default, default_held_out=before.mean, optimism=tuned - after.mean,
        optimism_of_gain=gain - kept, ended=walk.ended,
        difference=difference(after, before, walk.how) if best != usual else None,
    )  # fmt: skip


def difference(after: Scores, before: Scores, how: How) -> findings.Difference:
    """The winner minus the default arm on the cases that both have, paired by case.

    Sign flips by conversation, the cluster-robust interval, and equivalence as in a report: one
    comparison was chosen before these cases were seen, so nothing is adjusted.
    """
    from archgraph.suites import analysis_verdicts
    from archgraph.suites.stats import clusters as clustering
    from archgraph.suites.stats import equivalence, intervals, paired, power

    cases = sorted(set(after.scores) & set(before.scores))
    gaps = [after.scores[case] - before.scores[case] for case in cases]
    groups = [before.clusters[case] for case in cases]
    found = clustering.estimate(gaps, groups)
    interval = intervals.difference(gaps, groups, 1 - how.alpha)
    several = found.clusters > 1
    p = paired.sign_flip(gaps, groups, seed=how.seed) if several else math.nan
    verdict = findings.INCONCLUSIVE
    if p <= how.alpha and (interval.low > 0 or interval.high < 0):
        verdict = findings.A_BETTER if interval.value > 0 else findings.B_BETTER
    elif (
        found.clusters >= equivalence.FLOOR
        and equivalence.cautious(gaps, groups, how.margin) <= how.alpha
    ):
        verdict = findings.EQUIVALENT
    needed = 0
    if verdict == findings.INCONCLUSIVE:
        needed = power.needed(
            found.value, found.error, found.clusters, alpha=how.alpha, margin=how.margin
        )
    made = findings.Difference(
        arm="the winner", baseline="the default arm", dataset="", scorer="", difference=interval,
        p=p, adjusted=p, test="sign flips by conversation", n=len(cases), clusters=found.clusters,
        wins=sum(gap > 1e-9 for gap in gaps), losses=sum(gap < -1e-9 for gap in gaps),
        verdict=verdict, needed=needed,
        detectable=power.smallest_effect(found.error, found.df, how.alpha), sentence="",
        within=equivalence.interval(gaps, groups, 1 - 2 * how.alpha),
    )  # fmt: skip
    rules = analysis_verdicts.Rules(how.alpha, how.margin, "run", how.seed, several=False)
    return replace(made, sentence=analysis_verdicts.sentence(made, rules))


# Text


_SHOWN = 3
"""So many candidates that cannot be are all told; of more, those with one change."""


def lines(found: Found, name: str = "the default arm") -> list[str]:
    """The search as text: its path, the winner on both halves, and what can be claimed."""
    told = [f"{'tune':>7}  candidate ({found.how.method}, seed {found.how.seed})"]
    told += [
        f"{each.score:7.3f}  {' '.join(each.overrides) or name}{' *' if each.kept else ''}"
        for each in found.path
        if not each.wrong
    ]
    wrong = [each for each in found.path if each.wrong]
    if wrong:
        told.append(f"{len(wrong)} candidates cannot be:")
    for each in wrong:
        if len(each.overrides) == 1 or len(wrong) <= _SHOWN:
            told.append(f"  {' '.join(each.overrides)}: {each.wrong.splitlines()[0]}")
    told += [f"Ended: {found.ended}. *: the search went on from here.", ""]
    if found.difference is None:
        return [*told, f"Nothing better than {name} was found: {found.default_tuned:.3f} on the "
                f"tune half, {found.default_held_out:.3f} held out."]  # fmt: skip
    gap = found.difference
    told += [
        f"Winner: {' '.join(found.winner)}",
        f"{'':10}{'tune':>8}{'held out':>10}",
        f"{'winner':10}{found.tuned:8.3f}{found.held_out:10.3f}   optimism {found.optimism:+.3f}, "
        f"of the gain {found.optimism_of_gain:+.3f}",
        f"{'default':10}{found.default_tuned:8.3f}{found.default_held_out:10.3f}",
        f"Held out: {gap.sentence}.",
        f"{gap.n} cases of {gap.clusters} conversations, {gap.wins} won, {gap.losses} lost, "
        f"p {gap.p:.3f} ({gap.test}).",
    ]
    return told
