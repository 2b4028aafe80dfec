"""The arms of a suite: each architecture as it is compared, compiled once.

Called by `load`. `models` and `vary` cross, the default arm stays, and each ablation applies to the
default arm alone. What is wrong is reported at its place in the suite; an ablation that leaves
something dangling is no fault, but listed with its reason. Knows no dataset.
"""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from archgraph import errors
from archgraph.graph import compile as compiling
from archgraph.graph import plan as plans
from archgraph.spec import load as architectures
from archgraph.spec import merge, tree
from archgraph.suites import plan
from archgraph.suites.planning import entries, spec, written

REFERENCE = ("no_memory", "fixed_window", "full_context", "text_rag", "oracle_evidence")
"""Arms that are there to be compared with, the first that a suite has being its baseline."""
setting = entries.setting
"""A parameter, or path, with its value as one `--set` text."""

_BASELINES = ("fixed_window", "no_memory", "text_rag", "full_context")


@dataclass(slots=True)
class Arms:
    """The arms of a suite; `unremovable` maps an ablation that cannot be to its reason."""

    found: list[plan.Arm] = field(default_factory=list)
    unremovable: dict[str, str] = field(default_factory=dict)
    baseline: str = ""


@dataclass(frozen=True, slots=True)
class _Wanted:
    """An arm before it is compiled."""

    name: str
    entry: entries.Entry
    overrides: tuple[entries.Override, ...]
    model: str
    factors: Mapping[str, Any] = field(default_factory=dict)
    of: str = ""
    ablated: str = ""


# Public functions


def make(draft: written.Draft, suite: spec.SuiteSpec) -> Arms:
    """The arms of a suite, in its order; problems go to the draft."""
    made = Arms()
    listed = list(entries.entries(draft, suite))
    factors = _factors(draft, suite, listed)
    _check_ablated(draft, suite, listed)
    models = entries.models(draft, suite) or {"": None}
    for entry in listed:
        usual = _compiled(draft, suite, _default(entry, models, 0))
        if usual is None:
            continue
        for number in range(len(models) if not entry.model else 1):
            start = _default(entry, models, number)
            for wanted in _varied(usual, start, factors.get(entry.name, {})):
                _add(made, _compiled(draft, suite, wanted))
        for wanted in _ablations(suite, usual, _default(entry, models, 0)):
            _ablate(draft, made, suite, wanted)
    _check_names(draft, listed, made)
    made.baseline = _baseline(draft, suite, listed, made)
    return made


def _default(entry: entries.Entry, models: Mapping[str, Any], number: int) -> _Wanted:
    """The arm of an entry with the model of that number and nothing varied."""
    model, options = list(models.items())[number]
    several = len(models) > 1
    at: tree.Path = ("models", number)
    if entry.model:
        model, options, several, at = entry.model, None, False, (*entry.path, "model")
    chosen = tuple((text, at) for text in entries.override_model(entry, model, options or {}))
    name = f"{entry.name} @{model}" if several else entry.name
    factors = {"model": model} if several else {}
    return _Wanted(name, entry, (*entry.overrides, *chosen), model, factors)


# Factors


_Factor = tuple[str, list[Any], tree.Path]
"""What is set, to which values, and where the suite says so."""


def _factors(
    draft: written.Draft, suite: spec.SuiteSpec, listed: Sequence[entries.Entry]
) -> dict[str, dict[str, _Factor]]:
    """What `vary` says of each entry: by its name, by what tables call the factor."""
    found: dict[str, dict[str, _Factor]] = {entry.name: {} for entry in listed}
    for key, values in suite.vary.items():
        head, _, rest = key.partition(".")
        meant = [e for e in listed if rest and head in (e.name, e.architecture)]
        if not meant and rest and head not in merge.SECTIONS:
            known = [entry.name for entry in listed]
            draft.report("unknown-name", f"no architecture {head!r} in this suite",
                         errors.suggest(head, known), ("vary", key), key=True)  # fmt: skip
            continue
        name = rest if meant else key
        for entry in meant or listed:
            if entries.settable(draft, entry, name, ("vary", key)):
                found[entry.name][name] = (name, list(values), ("vary", key))
    return found


def _varied(usual: plan.Arm, start: _Wanted, factors: Mapping[str, _Factor]) -> Iterator[_Wanted]:
    """The default arm, then one for each combination of other values."""
    present = {name: _present(usual.plan, name) for name in factors}
    yield dataclasses.replace(start, factors={**start.factors, **present})
    head, at, model = start.name.partition(" @")
    for values in itertools.product(*(values for _, values, _ in factors.values())):
        chosen = dict(zip(factors, values, strict=True))
        if chosen == present:
            continue
        settings = {name: entries.setting(name, value) for name, value in chosen.items()}
        label = " ".join(settings.values())
        texts = tuple((text, factors[name][2]) for name, text in settings.items())
        yield dataclasses.replace(
            start, name=f"{head} {label}{at}{model}", overrides=(*start.overrides, *texts),
            factors={**start.factors, **chosen}, of=start.name,
        )  # fmt: skip


def _present(made: plans.Plan, name: str) -> Any:
    """The value of a parameter, or at a dotted path: as it is written, else its default."""
    steps = name.split(".") if "." in name else ["params", name]
    said = _at(made.source, steps)
    return _at(made, steps) if said is None else said


def _at(value: Any, steps: Sequence[str]) -> Any:
    """What a file, or a plan, holds at a path; None where there is nothing."""
    for step in steps:
        value = value.options if isinstance(value, plans.StorePlan) else value
        value = value.get(step) if isinstance(value, Mapping) else getattr(value, step, None)
    return value


# Ablations


def _check_ablated(
    draft: written.Draft, suite: spec.SuiteSpec, listed: Sequence[entries.Entry]
) -> None:
    """Report what `ablate` names and the suite, or the architecture, does not have."""
    if isinstance(suite.ablate, str):
        return
    for name, nodes in suite.ablate.items():
        entry = entries.entry_of(listed, name)
        if entry is None:
            known = [each.name for each in listed]
            draft.report("unknown-name", f"no architecture {name!r} in this suite",
                         errors.suggest(name, known), ("ablate", name), key=True)  # fmt: skip
            continue
        known = entries.nodes(entry.loaded)
        for index, node in enumerate(nodes if isinstance(nodes, list) else ()):
            if node not in known:
                draft.report("unknown-name", f"{name} has no node {node!r}",
                             errors.suggest(node, known), ("ablate", name, index))  # fmt: skip


def _ablations(suite: spec.SuiteSpec, usual: plan.Arm, start: _Wanted) -> Iterator[_Wanted]:
    named: Any = suite.ablate
    if not isinstance(named, str):
        named = named.get(start.entry.name, named.get(start.entry.architecture, []))
    known = [*usual.plan.stores, *usual.plan.tools, *usual.plan.threads]
    head, at, model = start.name.partition(" @")
    for node in known if named == spec.ALL else dict.fromkeys(named):
        if node in known:
            text = (entries.setting(node, None), ("ablate", start.entry.name))
            yield dataclasses.replace(
                start, name=f"{head} without {node}{at}{model}", of=start.name, ablated=node,
                overrides=(*start.overrides, text),
            )  # fmt: skip


def _ablate(draft: written.Draft, made: Arms, suite: spec.SuiteSpec, wanted: _Wanted) -> None:
    """Add the arm without a node, or say why there is none."""
    texts = [text for text, _ in wanted.overrides]
    try:
        found = compiling.compile(architectures.load(wanted.entry.source, texts))
    except errors.SpecError as error:
        first = error.problems[0]
        more = f" (and {len(error.problems) - 1} more)" if len(error.problems) > 1 else ""
        reason = f"{first.message.splitlines()[0]}{more}"
        made.unremovable[wanted.name] = written.without_folders(draft, reason)
        return
    _add(made, _arm(draft, wanted, found, suite.embedder))


# Compiling


def _compiled(draft: written.Draft, suite: spec.SuiteSpec, wanted: _Wanted) -> plan.Arm | None:
    """The arm, or None once its problems have been reported at their place in the suite."""
    texts = [text for text, _ in wanted.overrides]
    try:
        found = compiling.compile(architectures.load(wanted.entry.source, texts))
    except errors.SpecError as error:
        # by the name alone: a secret in the value is hidden
        places = {f"--set {text.partition('=')[0]}": path for text, path in wanted.overrides}
        for each in error.problems:
            place = places.get(each.file.partition("=")[0])
            if place is not None:
                message = f"{wanted.entry.name}: {each.message}"
                draft.report(each.code, message, each.remedy, place)
            else:
                draft.problems.append(each)
        return None
    return _arm(draft, wanted, found, suite.embedder)


def _arm(
    draft: written.Draft, wanted: _Wanted, found: compiling.Compiled, embedder: str
) -> plan.Arm:
    made = _embedding(found.plan, embedder) if embedder else found.plan
    models = dict.fromkeys(thread.model for thread in made.threads.values())
    return plan.Arm(
        name=wanted.name,
        architecture=wanted.entry.architecture,
        overrides=tuple(text for text, _ in wanted.overrides),
        model=wanted.model or ", ".join(models),
        plan=made,
        factors=wanted.factors,
        of=wanted.of,
        ablated=wanted.ablated,
        warnings=tuple(_warning(draft, each) for each in found.warnings),
    )


def _warning(draft: written.Draft, problem: errors.Problem) -> str:
    """A warning as reports show it: they are read on other machines than this one."""
    file = written.without_folders(draft, problem.file)
    file = Path(file).name if Path(file).is_absolute() else file
    return written.without_folders(draft, str(dataclasses.replace(problem, file=file)))


def _embedding(made: plans.Plan, embedder: str) -> plans.Plan:
    """A plan with the suite's embedder in the place of its own."""
    source = {**made.source, "embedder": embedder}
    text = json.dumps([source, made.prompts], sort_keys=True, ensure_ascii=False)
    digest = hashlib.sha256(text.encode()).hexdigest()
    return dataclasses.replace(made, embedder=embedder, source=source, digest=digest)


def _add(made: Arms, arm: plan.Arm | None) -> None:
    if arm is not None:
        made.found.append(arm)


# The whole


def _check_names(draft: written.Draft, listed: Sequence[entries.Entry], made: Arms) -> None:
    seen: set[str] = set()
    for entry in listed:
        if entry.name in seen:
            remedy = f"give it another name: {{{entry.architecture}: {{as: another}}}}"
            message = f"there are two arms {entry.name!r}"
            draft.report("duplicate-name", message, remedy, entry.path, key=True)
        seen.add(entry.name)
    if draft.sound and len({arm.name for arm in made.found}) < len(made.found):
        names = [arm.name for arm in made.found]
        twice = next(name for name in names if names.count(name) > 1)
        remedy = "let `vary` name each value once"
        draft.report("duplicate-name", f"there are two arms {twice!r}", remedy, ("vary",))


def _baseline(
    draft: written.Draft, suite: spec.SuiteSpec, listed: Sequence[entries.Entry], made: Arms
) -> str:
    """The arm that the others are compared with; of several models, that with the first."""
    names = [arm.name for arm in made.found]
    if not suite.baseline:
        usual = [name.partition(" @")[0] for name in names]
        chosen = next((each for each in _BASELINES if each in usual), None)
        return names[usual.index(chosen)] if chosen else next(iter(names), "")
    if suite.baseline in names:
        return suite.baseline
    of_entry = [name for name in names if name.partition(" @")[0] == suite.baseline]
    if of_entry:
        return of_entry[0]
    if entries.entry_of(listed, suite.baseline) is None or not draft.problems:
        draft.report("unknown-name", f"no arm {suite.baseline!r}",
                     errors.suggest(suite.baseline, names), ("baseline",))  # fmt: skip
    return next(iter(names), "")
