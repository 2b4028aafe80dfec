"""A suite to the plan of a run: histories and trials with their ids, in a fixed order.

Called by the doors. Datasets were opened and arms compiled by `load`; here they are crossed, and
everything is written down that a reader of the results may ask for (the manifest). Runs nothing.
"""

from __future__ import annotations

import dataclasses
import hashlib
import platform
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from archgraph import errors
from archgraph.llm import tokens
from archgraph.storage import driver
from archgraph.suites import plan as plans
from archgraph.suites.datasets import case as cases
from archgraph.suites.planning import confounds, identity, load, sources, spec, work
from archgraph.suites.scoring import base as scorers
from archgraph.suites.scoring import run as scoring


@dataclass(slots=True)
class _Crossing:
    """What the histories and trials of a run are made from, each part digested once."""

    suite: load.Suite
    scorers: list[tuple[plans.ScorerPlan, scorers.Scorer]]
    book: identity.Book = field(default_factory=identity.Book)
    arms: dict[str, identity.Parts] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)
    graders: dict[str, str] = field(default_factory=dict)
    sources: dict[str, str] = field(default_factory=dict)
    seeds: dict[tuple[str, int], str] = field(default_factory=dict)
    judge: str = ""
    histories: list[plans.History] = field(default_factory=list)
    trials: list[plans.Trial] = field(default_factory=list)
    evidence: dict[tuple[str, str], cases.Conversation] = field(default_factory=dict)
    """The histories of oracle arms, as `RunPlan.conversations`."""


# Public functions


def plan(made: load.Suite | spec.SuiteSpec, folder: Path | None = None) -> plans.RunPlan:
    """The plan of a suite.

    Args:
        made: what `load` gave, or a spec that was made in Python.
        folder: where the relative paths of such a spec start.

    Raises:
        SpecError: something is wrong with the spec, or two arms are the same in everything that
            can change a result.
    """
    suite = made if isinstance(made, load.Suite) else load.resolve(made, folder)
    said, done = suite.spec, suite.work
    crossing = _Crossing(suite, scoring.made(done.scorers))
    _prepare(crossing)
    _refuse_twins(crossing)
    for label in done.datasets:
        _cross(crossing, label)
    named = confounds.lint(suite)
    faults = plans.Faults(said.faults.rate, tuple(said.faults.kinds), said.faults.latency) \
        if said.faults else plans.Faults()  # fmt: skip
    return plans.RunPlan(
        name=said.suite,
        source=suite.source,
        digest=hashlib.sha256(identity.canonical(suite.source).encode()).hexdigest(),
        arms=tuple(suite.arms.found),
        datasets=done.datasets,
        histories=tuple(crossing.histories),
        trials=tuple(crossing.trials),
        conversations={**{(label, each.id): each
                          for label, found in done.conversations.items() for each in found},
                       **crossing.evidence},
        scorers=tuple(done.scorers),
        primary=done.primary,
        baseline=suite.arms.baseline,
        judge=said.judge,
        embedder=said.embedder,
        faults=faults,
        limits=plans.Limits(said.budget.tokens_per_case, said.budget.ingest_tokens,
                           said.max_calls, said.max_cost),
        alpha=said.alpha,
        margin=said.margin,
        confounds=named,
        unremovable=suite.arms.unremovable,
        parts=crossing.book.parts,
        inputs=crossing.book.inputs,
        manifest={**_manifest(crossing), "confounds": list(named)},
    )  # fmt: skip


# Private functions


def _prepare(crossing: _Crossing) -> None:
    """Digest what belongs to the whole run, to an arm, or to a scorer."""
    said, book = crossing.suite.spec, crossing.book
    machine = identity.machine(book)
    faults = said.faults.model_dump(mode="json") if said.faults else None
    shared = {
        **machine,
        "faults": book.part("faults", faults, "none" if faults is None else ""),
        "ingest budget": book.part("ingest budget", said.budget.ingest_tokens),
    }
    for arm in crossing.suite.arms.found:
        parts = {**shared, **identity.arm(book, arm.plan)}
        crossing.arms[arm.name], crossing.keys[arm.name] = parts, identity.together(parts)
    for each, scorer in crossing.scorers:
        digest, source = identity.scorer(book, each, type(scorer))
        crossing.graders[each.name], crossing.sources[each.name] = digest, source
    if said.judge:
        crossing.judge = identity.judge(book, said.judge)
    for name in ("ingest", "answer", "judge"):
        for number in _numbers(said, name):
            key = f"{name} seed"
            crossing.seeds[name, number] = book.part(key, number)


def _numbers(said: spec.SuiteSpec, name: str) -> range:
    """The seeds of a part: as many as it is repeated, from the suite's seed on."""
    return range(said.seed, said.seed + int(getattr(said.counts, name)))


def _refuse_twins(crossing: _Crossing) -> None:
    seen: dict[str, str] = {}
    for name, key in crossing.keys.items():
        if key in seen:
            message = f"the arms {seen[key]!r} and {name!r} are the same in all that counts"
            remedy = "delete one, or change what it does; for repeats of one arm there is `seeds`"
            raise errors.SpecError([
                errors.Problem("duplicate-name", message, remedy, str(crossing.suite.spec.suite))
            ])  # fmt: skip
        seen[key] = name


def _cross(crossing: _Crossing, label: str) -> None:
    """All histories and trials of one dataset: by conversation, ingest seed and arm."""
    suite, book = crossing.suite, crossing.book
    dataset = suite.work.datasets[label]
    shared = identity.dataset(book, label, dataset, work.mode_of(dataset))
    whole = [arm for arm in suite.arms.found if not _oracle(arm)]
    oracles = [arm for arm in suite.arms.found if _oracle(arm)]
    for conversation in suite.work.conversations[label]:
        fed = [(conversation, whole)]
        if oracles:
            parts_of = [_evidence(conversation, case) for case in conversation.cases]
            crossing.evidence.update({(label, each.id): each for each in parts_of})
            fed += [(each, oracles) for each in parts_of]
        for each, arms in fed:
            items = identity.conversation(book, each)
            asked = [(case, _case_parts(crossing, label, each, case)) for case in each.cases]
            for seed in _numbers(suite.spec, "ingest"):
                for arm in arms:
                    own = {**shared, "items": items, "ingest seed": crossing.seeds["ingest", seed]}
                    told = f"{each.id} fed to {arm.name}, seed {seed}"
                    parts = {**crossing.arms[arm.name], **own}
                    id = book.id(parts, told, {**own, "arm": crossing.keys[arm.name]})
                    history = plans.History(id, arm.name, label, each.id, seed)
                    crossing.histories.append(history)
                    _ask(crossing, history, asked)


def _oracle(arm: plans.Arm) -> bool:
    """Whether an arm is fed the evidence of a case, and not its history."""
    return arm.plan.source.get("feed") == "evidence"


def _evidence(conversation: cases.Conversation, case: cases.Case) -> cases.Conversation:
    """A conversation that holds nothing but the evidence of one of its cases."""
    gold = set(case.evidence)
    items = tuple(item for item in conversation.items if item.id in gold)
    return cases.Conversation(
        f"{conversation.id}/{case.id}", items, (dataclasses.replace(case, history=items),)
    )


def _case_parts(
    crossing: _Crossing, label: str, conversation: cases.Conversation, case: cases.Case
) -> identity.Parts:
    """A question's parts, with the scorers that have something to say about it."""
    said, book = crossing.suite.spec, crossing.book
    found = identity.case(book, case, conversation.items)
    found["budget"] = book.part("budget", said.budget.tokens_per_case)
    for each, scorer in crossing.scorers:
        if (not each.datasets or label in each.datasets) and _applies(scorer, case):
            found[f"scorer {each.name}"] = crossing.graders[each.name]
            if scorer.judged:
                found["judge"] = crossing.judge
    return found


def _applies(scorer: scorers.Scorer, case: cases.Case) -> bool:
    try:
        return bool(scorer.applies(case))
    except Exception:  # a plugin's bug is told when it scores
        return True


def _ask(
    crossing: _Crossing, history: plans.History, asked: list[tuple[cases.Case, identity.Parts]]
) -> None:
    said, book = crossing.suite.spec, crossing.book
    for case, parts in asked:
        for answer in _numbers(said, "answer"):
            for judge in _numbers(said, "judge"):
                id = book.id({
                    **parts,
                    identity.HISTORY: history.id,
                    "answer seed": crossing.seeds["answer", answer],
                    "judge seed": crossing.seeds["judge", judge],
                })  # fmt: skip
                category = "" if case.category is None else str(case.category)
                crossing.trials.append(plans.Trial(
                    id, history.id, history.arm, history.dataset, case.id, case.cluster, category,
                    history.seed, answer, judge,
                ))  # fmt: skip


def _manifest(crossing: _Crossing) -> Mapping[str, Any]:
    """Versions, hashes, seeds and data: what a reader needs to make the run again."""
    suite, said = crossing.suite, crossing.suite.spec
    models = sorted({t.model for arm in suite.arms.found for t in arm.plan.threads.values()})
    return {
        "archgraph": identity.version("archgraph"),
        "python": platform.python_version(),
        "sqlite": driver.driver().version,
        "sqlite_vec": identity.version("sqlite-vec"),
        "numpy": identity.version("numpy"),
        "litellm": identity.version("litellm"),
        "engine": sources.engine(),
        "tokenizers": sorted({tokens.counter(model).id for model in models}),
        "models": models,
        "judge": said.judge,
        "embedders": sorted({arm.plan.embedder for arm in suite.arms.found}),
        "seeds": {"first": said.seed, **said.counts.model_dump()},
        "arms": {arm.name: {"architecture": arm.architecture, "plan": arm.plan.digest,
                            "overrides": list(arm.overrides),
                            "prompts": {name: hashlib.sha256(text.encode()).hexdigest()
                                        for name, text in sorted(arm.plan.prompts.items())}}
                 for arm in suite.arms.found},
        "scorers": dict(crossing.sources),
        "unscored": list(suite.work.unscored),
        "unremovable": dict(suite.arms.unremovable),
        "data": {label: {"type": suite.work.types[label], "split": each.split,
                         "licence": each.licence, "mode": work.mode_of(each),
                         "options": _options(each), **each.provenance()}
                 for label, each in suite.work.datasets.items()},
    }  # fmt: skip


def _options(dataset: Any) -> Mapping[str, Any]:
    """A dataset's options in plain form; of a path the file's name is enough."""
    plain: dict[str, Any] = dataset.options.model_dump(mode="json", exclude_defaults=True)
    return {key: Path(value).name if key.endswith("path") and isinstance(value, str) else value
            for key, value in plain.items()}  # fmt: skip
