"""What a scorer is: the contract of built-in ones and plugins alike.

A scorer is a class over `Scorer` with an `Options` model (its keys in a suite file), registered in
the entry-point group `archgraph.scorers`. It is called in a worker, once for each trial, with all
that the trial did. Knows no agent and no statistics.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import pydantic

from archgraph.suites import record
from archgraph.suites.datasets import case as cases

Ask = Callable[[str, str], str]
"""Asks the judge: (system prompt, question) -> its whole answer as text."""


class Options(pydantic.BaseModel):
    """A scorer's keys in a suite file. Every scorer's `Options` inherits from this."""

    model_config = pydantic.ConfigDict(
        extra="forbid", frozen=True, use_attribute_docstrings=True, populate_by_name=True
    )

    short: ClassVar[str] = ""
    """The option that a bare value stands for: `evidence_recall: 10` is `{k: 10}`."""
    aside: ClassVar[frozenset[str]] = frozenset()
    """Options that change no score: a trial that is done stays done when they change."""


@dataclass(frozen=True, slots=True)
class Score:
    """A number between 0 and 1, and why: `note` for people, `details` for whoever looks closer.

    `broke` is set by archgraph, never by a scorer: it could not score, and `value` is its `wrong`
    (not a number where it has none), so that a report can tell it from a result.
    """

    value: float
    note: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)
    broke: bool = False

    @property
    def counted(self) -> float | None:
        """The value, None where there is no number."""
        return float(self.value) if self.value == self.value else None


class Scorer:
    """A function of a trial.

    Attributes:
        binary: its values are 0 and 1 only, so that McNemar's test fits.
        judged: it asks a model; such scorers are part of a trial's identity with their judge.
        wrong: the value of a trial that broke or failed, None where it then has none.
        sees_failed: it looks at trials whose turn failed, too (what was found, which steps were
            done); a scorer of replies does not, so that a failed turn counts as wrong.
    """

    Options: ClassVar[type[Options]] = Options
    binary: bool = False
    judged: bool = False
    wrong: float | None = 0.0
    sees_failed: bool = False

    def __init__(self, options: Any) -> None:
        self.options = options

    def applies(self, case: cases.Case) -> bool:
        """Whether it has anything to say about this case, however the trial ends.

        Asked before a broken trial gets `wrong`, so that arms are compared on the same cases.
        """
        return True

    def score(self, outcome: record.Outcome, ask: Ask) -> Score | None:
        """The score of a trial; None where it does not apply to this case.

        A trial whose status is `broken` is never shown to a scorer: it gets `wrong`.
        """
        raise NotImplementedError("it has no method `score`")

    def probe(self, questions: Sequence[cases.Case], ask: Ask) -> Mapping[str, Any] | None:
        """A test of the scorer itself, made once in a run, after its trials.

        Args:
            questions: the cases of the run that it scores, in the order of the plan.
            ask: as for `score`.

        Returns:
            Plain data for the run's manifest, with a sentence for the report under `said`; None
            where there is nothing to test.
        """
        return None
