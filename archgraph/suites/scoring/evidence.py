"""Scorers of what was found: gold items among search results, and in the context window.

Called by `run`, once for each trial. They need no model and no judge, and they look at failed
turns too: what was found, was found. Knows no store; the arithmetic stands in `ranking`.

A case without gold has no score. LoCoMo's code counts it as 1.0, which flatters; `empty: one`
does so for comparison with published numbers.
"""

from __future__ import annotations

from collections.abc import Container
from typing import Literal

import pydantic

from archgraph.suites import record
from archgraph.suites.datasets import case as cases
from archgraph.suites.scoring import base, ranking

_DISCOUNTS = {"standard": ranking.standard, "longmemeval": ranking.longmemeval}


class Given(base.Options):
    """Keys that all scorers of evidence have."""

    empty: Literal["skip", "one"] = "skip"
    """A case without gold has no score (`skip`), or counts 1.0 as in LoCoMo's code (`one`)."""


class Found(Given):
    """Keys of scorers of search results."""

    short = "k"

    k: int = pydantic.Field(default=10, gt=0)
    """Only so many distinct items count: the first ones, over all search calls in their order."""


class _Evidence(base.Scorer):
    """What scorers of evidence share: which cases they apply to."""

    sees_failed = True
    options: Given

    def applies(self, case: cases.Case) -> bool:
        """To cases with gold; with `empty: one` to all."""
        return bool(case.evidence) or self.options.empty == "one"

    def score(self, outcome: record.Outcome, ask: base.Ask) -> base.Score | None:
        """0 to 1; None without gold."""
        if not self.applies(outcome.case):
            return None
        if not outcome.case.evidence:
            return base.Score(1.0, "no gold: counts in full, as published")
        return self._measured(outcome)

    def _measured(self, outcome: record.Outcome) -> base.Score:
        raise NotImplementedError


class EvidenceRecall(_Evidence):
    """Share of the gold items among the first k distinct items that search calls returned."""

    class Options(Found):
        """Keys of `evidence_recall`."""

    options: Options

    def _measured(self, outcome: record.Outcome) -> base.Score:
        found = ranking.distinct(outcome.searches)
        value = ranking.recall(outcome.case.evidence, found, self.options.k)
        return base.Score(value, _missing(outcome.case, found[: self.options.k]))


class EvidenceAll(_Evidence):
    """1 where all gold items are among the first k distinct items that search calls returned."""

    class Options(Found):
        """Keys of `evidence_all`."""

    binary = True
    options: Options

    def _measured(self, outcome: record.Outcome) -> base.Score:
        found = ranking.distinct(outcome.searches)
        value = ranking.every(outcome.case.evidence, found, self.options.k)
        return base.Score(value, _missing(outcome.case, found[: self.options.k]))


class EvidenceNdcg(_Evidence):
    """Normalised discounted cumulative gain of the first k distinct items of search calls."""

    class Options(Found):
        """Keys of `evidence_ndcg`."""

        discount: Literal["standard", "longmemeval"] = "standard"
        """`standard` divides by log2(rank + 1); `longmemeval` by log2(rank) from rank 2 on, as
        the code of that benchmark does, so that its first two ranks both count in full."""

    options: Options

    def _measured(self, outcome: record.Outcome) -> base.Score:
        found, gold = ranking.distinct(outcome.searches), outcome.case.evidence
        discount = _DISCOUNTS[self.options.discount]
        return base.Score(ranking.ndcg(gold, found, self.options.k, discount))


class WindowRecall(_Evidence):
    """Share of the gold items that really stood in a context window, by search or otherwise."""

    class Options(Given):
        """Keys of `window_recall`."""

        derived: bool = False
        """Count an item, too, that entered a window only through a record made from it (a
        summary, an extracted fact) which holds the normalised answer."""

    options: Options

    def _measured(self, outcome: record.Outcome) -> base.Score:
        there = {*outcome.window}
        there |= {e.item for e in outcome.gold if e.fate == record.REACHED and not e.derived}
        if self.options.derived:
            there |= {each.item for each in outcome.gold if each.derived}
        gold = set(outcome.case.evidence)
        return base.Score(len(gold & there) / len(gold), _missing(outcome.case, there))


def _missing(case: cases.Case, found: Container[str]) -> str:
    lost = [id for id in dict.fromkeys(case.evidence) if id not in found]
    return f"missing: {', '.join(lost)}" if lost else ""
