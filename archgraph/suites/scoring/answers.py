"""Scorers of what was replied: exact, contains, F1, ROUGE-L, LoCoMo's own rules, abstention.

Called by `run`, once for each trial. Knows no store and no model; the rules over texts stand in
`text` and `abstaining`.

What they share: a case without `answers` has no answer, and abstaining is right; a case with
answers is not answered by abstaining, whatever words the reply holds besides. `locomo` alone
follows its paper's code to the letter instead.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

from archgraph.suites import record
from archgraph.suites.datasets import case as cases
from archgraph.suites.scoring import abstaining, base, text

Measure = Callable[[str, Sequence[str]], float]

_LOCOMO = range(1, text.ADVERSARIAL + 1)
"""LoCoMo's categories; its code raises ValueError for any other."""


def replied(outcome: record.Outcome) -> str:
    """What was replied; in a choice form (`details.choices`), the option that was picked."""
    options = outcome.case.details.get("choices", {})
    if set(options) >= {"a", "b"}:
        return text.chosen(outcome.reply, options)
    return outcome.reply


def declinable(case: cases.Case) -> bool:
    """Whether abstaining is wrong here: there are answers, and none of them reads as abstaining."""
    return bool(case.answers) and not any(map(abstaining.abstains, case.answers))


def measured(outcome: record.Outcome, measure: Measure) -> base.Score:
    """A reply against the accepted answers, with the rule of abstaining."""
    case, reply = outcome.case, replied(outcome)
    abstained = abstaining.abstains(reply)
    if not case.answers:
        note = "abstained, which is right" if abstained else "answered what has no answer"
        return base.Score(float(abstained), note)
    if abstained and declinable(case):
        return base.Score(0.0, "abstained, though there is an answer")
    return base.Score(measure(reply, case.answers))


class Exact(base.Scorer):
    """The reply equals an accepted answer, but for case, punctuation and articles."""

    binary = True

    def score(self, outcome: record.Outcome, ask: base.Ask) -> base.Score:
        """1 or 0."""
        return measured(outcome, text.exact)


class Contains(base.Scorer):
    """An accepted answer stands in the reply as whole words, normalised as for `exact`."""

    binary = True

    class Options(base.Options):
        """Keys of `contains`."""

        rejected: Literal["allow", "wrong"] = "allow"
        """What becomes of a reply that holds an answer known to be wrong (an older fact) besides:
        `allow` asks for the right one only, `wrong` counts such a reply as wrong."""

    options: Options

    def score(self, outcome: record.Outcome, ask: base.Ask) -> base.Score:
        """1 or 0."""
        found = measured(outcome, text.contains)
        wrong = self.options.rejected == "wrong" and bool(outcome.case.answers)
        if found.value and wrong and text.contains(replied(outcome), outcome.case.rejected):
            return base.Score(0.0, "holds an answer that is known to be wrong, too")
        return found


class F1(base.Scorer):
    """The F1 of stemmed tokens, as LoCoMo defines it, for the best of the accepted answers."""

    def score(self, outcome: record.Outcome, ask: base.Ask) -> base.Score:
        """0 to 1."""
        return measured(outcome, text.f1)


class RougeL(base.Scorer):
    """ROUGE-L recall (Lin, 2004), as MemGPT's deep memory retrieval task reports it."""

    def score(self, outcome: record.Outcome, ask: base.Ask) -> base.Score:
        """0 to 1."""
        return measured(outcome, text.rouge_l_recall)


class LoCoMo(base.Scorer):
    """LoCoMo's published scoring by integer category (task_eval/evaluation.py), to the letter."""

    def applies(self, case: cases.Case) -> bool:
        """Only to the categories that its code knows."""
        return isinstance(case.category, int) and case.category in _LOCOMO

    def score(self, outcome: record.Outcome, ask: base.Ask) -> base.Score | None:
        """0 to 1; None for a category that LoCoMo does not have."""
        case = outcome.case
        if not self.applies(case) or not isinstance(case.category, int):
            return None
        return base.Score(text.locomo(replied(outcome), case.answers, case.category))


class Abstention(base.Scorer):
    """Whether the reply abstains where it should, and with `both` does not where it should not."""

    binary = True

    class Options(base.Options):
        """Keys of `abstention`."""

        both: bool = False
        """Score answerable cases as well, 1 for a reply that does not abstain; without it they
        have no score, and the value is the share of unanswerable questions that were declined."""

    options: Options

    def applies(self, case: cases.Case) -> bool:
        """To cases without an answer; with `both` to those where abstaining is wrong, too."""
        return not case.answers or (self.options.both and declinable(case))

    def score(self, outcome: record.Outcome, ask: base.Ask) -> base.Score | None:
        """1 or 0; None where it does not apply."""
        if not self.applies(outcome.case):
            return None
        abstained = abstaining.abstains(replied(outcome))
        note = "abstained" if abstained else "did not abstain"
        return base.Score(float(abstained != bool(outcome.case.answers)), note)
