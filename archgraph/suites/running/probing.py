"""Tests of the scorers themselves, once in a run: what a judge makes of answers that are wrong.

Called by `coordinator` when all trials are done. Models are asked as for a worker, so that what
they answer is paid within the limits, kept, recorded and replayed. What came of it is noted in the
ledger, and becomes `probes` of the run's manifest.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator
from typing import Any

from archgraph import errors
from archgraph.suites import plan as plans
from archgraph.suites.datasets import case as cases
from archgraph.suites.running import brokered, desk, wire
from archgraph.suites.scoring import base as scorers
from archgraph.suites.scoring import run as scoring


def probe(table: desk.Desk) -> None:
    """Let each scorer of a run be tested, and note what came of it."""
    models = brokered.Models(wire.Direct(functools.partial(table.answer, desk.Seat("probe"))))
    found: dict[str, Any] = {}
    for each, scorer in scoring.made(table.plan.scorers):
        models.begin(f"probe/{each.name}")
        ask = brokered.asking(models, table.plan.judge, 0)
        try:
            told = scorer.probe(list(_questions(table.plan, each, scorer)), ask)
        except brokered.Halted:
            told = _untested(each, table.stopped)
        except errors.ArchgraphError as error:
            told = _untested(each, str(error))
        except Exception as error:  # a plugin may raise anything; the trials are done
            told = _untested(each, errors.inside(error))
        if told is not None:
            found[each.name] = dict(told)
    table.ledger.note(probes=json.dumps(found, ensure_ascii=False, default=str))


def _questions(
    plan: plans.RunPlan, each: plans.ScorerPlan, scorer: scorers.Scorer
) -> Iterator[cases.Case]:
    asked = {(trial.dataset, trial.case) for trial in plan.trials}
    for (dataset, _), conversation in plan.conversations.items():
        if not each.datasets or dataset in each.datasets:
            yield from (case for case in conversation.cases
                        if (dataset, case.id) in asked and scorer.applies(case))  # fmt: skip


def _untested(each: plans.ScorerPlan, reason: str) -> dict[str, str]:
    return {"said": f"the scorer {each.name} itself could not be tested: {reason}"}
