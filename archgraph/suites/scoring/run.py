"""Makes the scorers of a run and lets them score a trial, whatever they raise.

Called by planning (`made` tells wrong options before anything runs; `kind` leads to a scorer's
source) and by running (`made` once in a worker, `score_all` for each trial). Names no scorer.

What stops a run and what does not: a scorer is code of a plugin and its judge a model that may
fail, and one trial must not cost the others, so whatever it raises becomes `wrong` with a note, and
`broke` marks it for the report.
Only what says that the run itself cannot go on passes through: `RecordingMissing` (a replay that
lacks the judge's answer would print another table), `MachineError`, and every other
`ArchgraphError` that is not one of those in `_OWN`, such as a spend limit.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Mapping, Sequence
from pathlib import Path

import pydantic

from archgraph import errors, registry
from archgraph.suites import plan, record
from archgraph.suites.scoring import base
from archgraph.tools import python

Scorers = Sequence[tuple[plan.ScorerPlan, base.Scorer]]

_OWN = (errors.ToolError, errors.PluginError, errors.InputError, errors.GatewayError)
"""Errors of archgraph's that a scorer or its judge may end in without stopping the run."""


def kind(name: str, folder: str | Path = "") -> type[base.Scorer]:
    """The class of a scorer: a registered name, or `module:Class` and `file.py:Class`.

    A module or file is looked for in `folder` (that of the suite) first, then among what is
    installed.

    Raises:
        UnknownName: nothing is registered under that name.
        InputError: there is no such file or class, or it is no scorer.
        PluginError: a registered scorer's package cannot be loaded.
    """
    if name.endswith(".py"):
        remedy = f"name its class, too: {name}:MyScorer"
        raise errors.InputError(f"scorer {name}: that is a file; {remedy}")
    if ":" not in name:
        found: type[base.Scorer] = registry.get("scorers", name)
        return found
    module, _, wanted = name.partition(":")
    path = module.removesuffix(".py").replace("/", ".")
    try:
        inside = python.find(f"{path}:__dict__", [str(folder or Path.cwd())])
    except errors.PluginError as error:
        text = str(error).replace("beside the architecture", "beside the suite")
        raise errors.InputError(f"scorer {name}: {text}") from error
    classes = {key: each for key, each in inside.items() if _is_scorer(each)}
    if wanted not in classes:
        place = f"{base.Scorer.__module__}.{base.Scorer.__name__}"
        what = f"{wanted!r} does not inherit from {place}" if wanted in inside else "no such class"
        raise errors.InputError(f"scorer {name}: {what}; {errors.suggest(wanted, classes)}")
    own: type[base.Scorer] = classes[wanted]
    return own


def made(plans: Sequence[plan.ScorerPlan]) -> list[tuple[plan.ScorerPlan, base.Scorer]]:
    """The scorers of a plan, with their options.

    Raises:
        UnknownName: nothing is registered under that name.
        InputError: an option is unknown or has a wrong value, or there is no such class.
        PluginError: its package cannot be loaded, or its constructor raises.
    """
    return [(each, _made(each)) for each in plans]


def score_all(
    outcome: record.Outcome, dataset: str, scorers: Scorers, ask: base.Ask
) -> dict[str, base.Score | None]:
    """The scores of a trial by scorer's name; None where a scorer does not apply.

    A broken trial gets each scorer's `wrong` without being shown; so does a failed turn, except
    from scorers that look at those. A scorer that raises, even `SystemExit`, gives its `wrong` with
    a note, marked as `broke`.

    Raises:
        RecordingMissing: a replay lacks an answer of the judge.
        ArchgraphError: the run cannot go on (a limit on spending, a machine at fault).
    """
    return {
        each.name: _scored(scorer, outcome, ask)
        if not each.datasets or dataset in each.datasets
        else None
        for each, scorer in scorers
    }


def _is_scorer(value: object) -> bool:
    return isinstance(value, type) and issubclass(value, base.Scorer) and value is not base.Scorer


def _made(each: plan.ScorerPlan) -> base.Scorer:
    found = kind(each.type, each.folder)
    try:
        return found(found.Options.model_validate(dict(each.options)))
    except pydantic.ValidationError as error:
        told = "; ".join(_told(one, found) for one in error.errors())
        raise errors.InputError(f"scorer {each.name}: {told}") from error
    except errors.ArchgraphError:
        raise
    except (Exception, SystemExit) as error:  # a plugin's bug
        message = f"the scorer {each.name} fails as it is made: {errors.inside(error)}"
        raise errors.PluginError(message, "mend the scorer") from error


def _told(problem: Mapping[str, object], found: type[base.Scorer]) -> str:
    """A problem of an option, as the author of a suite reads it."""
    path = ".".join(map(str, problem["loc"])) if isinstance(problem["loc"], tuple) else ""
    if problem["type"] == "extra_forbidden":
        return f"no option {path!r}; {errors.suggest(path, found.Options.model_fields)}"
    return f"{path}: {problem['msg']}" if path else str(problem["msg"])


def _scored(scorer: base.Scorer, outcome: record.Outcome, ask: base.Ask) -> base.Score | None:
    try:
        if not scorer.applies(outcome.case):
            return None
        if outcome.status == "broken" or (outcome.status == "failed" and not scorer.sees_failed):
            reason = f": {outcome.reason}" if outcome.reason else ""
            return _wrong(scorer, f"{outcome.status}{reason}")
        return _checked(scorer.score(outcome, ask))
    except errors.RecordingMissing:
        raise
    except _OWN as error:
        return _broken(scorer, str(error) if isinstance(error, _NoScore) else errors.inside(error))
    except errors.ArchgraphError:
        raise
    except (Exception, SystemExit) as error:  # a plugin's bug costs its own score, not the run
        return _broken(scorer, errors.inside(error))


class _NoScore(errors.PluginError):
    """A scorer gave back what is no score."""


def _checked(score: base.Score | None) -> base.Score | None:
    """Refuse what is no score: a mean over it would be nonsense.

    Raises:
        PluginError: it is something else, or its value is not between 0 and 1.
    """
    if score is None:
        return None
    if not isinstance(score, base.Score):
        raise _NoScore(f"it gave back {type(score).__name__}, not a Score or None")
    if not (isinstance(score.value, numbers.Real) and 0 <= score.value <= 1):
        raise _NoScore(f"its value is {score.value!r}, not a number from 0 to 1")
    return score


def _wrong(scorer: base.Scorer, note: str) -> base.Score | None:
    return None if scorer.wrong is None else base.Score(scorer.wrong, note)


def _broken(scorer: base.Scorer, reason: str) -> base.Score:
    value = math.nan if scorer.wrong is None else scorer.wrong
    return base.Score(value, f"the scorer broke: {reason}", broke=True)
