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
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from archgraph import errors
from archgraph.graph import compile as compiling
from archgraph.graph import plan as plans
from archgraph.spec import load as architectures
from archgraph.spec import merge, tree
from archgraph.suites import plan
from archgraph.suites.planning import spec, written

REFERENCE = ("no_memory", "fixed_window", "full_context", "text_rag", "oracle_evidence")
"""Arms that are there to be compared with, the first that a suite has being its baseline."""
_BASELINES = ("fixed_window", "no_memory", "text_rag", "full_context")

Override = tuple[str, tree.Path]
"""A `--set` text, and where in the suite it was written."""


@dataclass(frozen=True, slots=True)
class Entry:
    """An item of `architectures`: what it is called, and where it was found."""

    name: str
    architecture: str
    source: str
    model: str
    path: tree.Path
    loaded: architectures.Architecture
    overrides: tuple[Override, ...] = ()


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
    entry: Entry
    overrides: tuple[Override, ...]
    model: str
    factors: Mapping[str, Any] = field(default_factory=dict)
    of: str = ""
    ablated: str = ""


# Public functions


def make(draft: written.Draft, suite: spec.SuiteSpec) -> Arms:
    """The arms of a suite, in its order; problems go to the draft."""
    made = Arms()
    entries = list(_entries(draft, suite))
    factors = _factors(draft, suite, entries)
    _check_ablated(draft, suite, entries)
    models: dict[str, Any] = dict(spec.named(suite.models)) or {"": None}
    for entry in entries:
        usual = _compiled(draft, suite, _default(entry, models, 0))
        if usual is None:
            continue
        for number in range(len(models) if not entry.model else 1):
            start = _default(entry, models, number)
            for wanted in _varied(usual, start, factors.get(entry.name, {})):
                _add(made, _compiled(draft, suite, wanted))
        for wanted in _ablations(suite, usual, _default(entry, models, 0)):
            _ablate(made, suite, wanted)
    _check_names(draft, entries, made)
    made.baseline = _baseline(draft, suite, entries, made)
    return made


def setting(name: str, value: Any) -> str:
    """An override as it would stand after `--set`."""
    return f"{name}={_text(value)}"


# Entries


def _entries(draft: written.Draft, suite: spec.SuiteSpec) -> Iterator[Entry]:
    items = tree.child(draft.root, "architectures")
    for index, (text, options) in enumerate(spec.named(suite.architectures)):
        item = items.items[index] if items is not None and items.items else None
        named = item is not None and not item.text
        path: tree.Path = ("architectures", index, *([text] if named else []))
        source = _source(draft, text, path, key=named)
        if source is None:
            continue
        found = architectures.read(source)
        wrong = [each for each in found.problems if each.severity == "error"]
        if wrong:
            draft.problems += wrong
            continue
        given = options or spec.ArmOptions()
        file = text.endswith(architectures.SUFFIXES)
        name = given.label or (architectures.find(source).stem if file else text)
        start = Entry(name, text, source, given.model, path, found)
        yield dataclasses.replace(start, overrides=tuple(_settings(draft, suite, given, start)))


def _source(draft: written.Draft, text: str, path: tree.Path, *, key: bool) -> str | None:
    """The path or name that an architecture is loaded by; a path starts from the suite's folder."""
    folder = draft.folder(path, key=key)
    try:
        found = architectures.find(text, folder)
    except errors.UnknownName as error:
        what = "file" if text.endswith(architectures.SUFFIXES) else "architecture"
        remedy = errors.suggest(text, error.known)
        draft.report("unknown-name", f"no {what} {text!r}", remedy, path, key=key)
        return None
    return str(found) if text.endswith(architectures.SUFFIXES) else text


def _settings(
    draft: written.Draft, suite: spec.SuiteSpec, given: spec.ArmOptions, entry: Entry
) -> Iterator[Override]:
    """What the suite and the arm set, without what the architecture does not have."""
    for where, values in ((("set",), suite.set), ((*entry.path, "set"), given.set)):
        for name, value in values.items():
            at = (*where, name)
            if _settable(draft, entry, name, at):
                yield setting(name, value), at


def _settable(draft: written.Draft, entry: Entry, name: str, at: tree.Path) -> bool:
    """Whether an architecture has what a bare name means; compiling tells of dotted ones."""
    known = _known(entry)
    if "." in name or name in known:
        return True
    message = f"{entry.name} has no parameter or node {name!r}"
    draft.report("unknown-name", message, errors.suggest(name, known), at, key=True)
    return False


def _known(entry: Entry) -> list[str]:
    root = entry.loaded.root
    return [name for part in merge.SECTIONS for name in tree.child_mapping(root, part)]


def _default(entry: Entry, models: Mapping[str, Any], number: int) -> _Wanted:
    """The arm of an entry with the model of that number and nothing varied."""
    model, options = list(models.items())[number]
    several = len(models) > 1
    at: tree.Path = ("models", number)
    if entry.model:
        model, options, several, at = entry.model, None, False, (*entry.path, "model")
    chosen = tuple((text, at) for text in _model(entry, model, options or {}))
    name = f"{entry.name} @{model}" if several else entry.name
    factors = {"model": model} if several else {}
    return _Wanted(name, entry, (*entry.overrides, *chosen), model, factors)


def _model(entry: Entry, model: str, options: Mapping[str, Any]) -> Iterator[str]:
    """The overrides that put a model in the place of the one that an architecture names."""
    if not model:
        return
    own = entry.loaded.spec
    threads = dict(own.threads)
    if "model" in own.params:
        threads = {n: t for n, t in threads.items() if t.model == own.params["model"]}
        yield setting("model", model)
    else:
        yield from (setting(f"threads.{name}.model", model) for name in threads)
    if options:
        yield from (setting(f"threads.{name}.options", dict(options)) for name in threads)


# Factors


_Factor = tuple[str, list[Any], tree.Path]
"""What is set, to which values, and where the suite says so."""


def _factors(
    draft: written.Draft, suite: spec.SuiteSpec, entries: Sequence[Entry]
) -> dict[str, dict[str, _Factor]]:
    """What `vary` says of each entry: by its name, by what tables call the factor."""
    found: dict[str, dict[str, _Factor]] = {entry.name: {} for entry in entries}
    for key, values in suite.vary.items():
        head, _, rest = key.partition(".")
        meant = [e for e in entries if rest and head in (e.name, e.architecture)]
        if not meant and rest and head not in merge.SECTIONS:
            known = [entry.name for entry in entries]
            draft.report("unknown-name", f"no architecture {head!r} in this suite",
                         errors.suggest(head, known), ("vary", key), key=True)  # fmt: skip
            continue
        name = rest if meant else key
        for entry in meant or entries:
            if _settable(draft, entry, name, ("vary", key)):
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
        label = " ".join(setting(name, value) for name, value in chosen.items())
        texts = tuple((setting(name, value), factors[name][2]) for name, value in chosen.items())
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


def _check_ablated(draft: written.Draft, suite: spec.SuiteSpec, entries: Sequence[Entry]) -> None:
    """Report what `ablate` names and the suite, or the architecture, does not have."""
    if isinstance(suite.ablate, str):
        return
    for name, nodes in suite.ablate.items():
        entry = _entry(entries, name)
        if entry is None:
            known = [each.name for each in entries]
            draft.report("unknown-name", f"no architecture {name!r} in this suite",
                         errors.suggest(name, known), ("ablate", name), key=True)  # fmt: skip
            continue
        known = _nodes(entry.loaded)
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
            text = (setting(node, None), ("ablate", start.entry.name))
            yield dataclasses.replace(
                start, name=f"{head} without {node}{at}{model}", of=start.name, ablated=node,
                overrides=(*start.overrides, text),
            )  # fmt: skip


def _ablate(made: Arms, suite: spec.SuiteSpec, wanted: _Wanted) -> None:
    """Add the arm without a node, or say why there is none."""
    texts = [text for text, _ in wanted.overrides]
    try:
        found = compiling.compile(architectures.load(wanted.entry.source, texts))
    except errors.SpecError as error:
        first = error.problems[0]
        more = f" (and {len(error.problems) - 1} more)" if len(error.problems) > 1 else ""
        made.unremovable[wanted.name] = f"{first.message.splitlines()[0]}{more}"
        return
    _add(made, _arm(wanted, found, suite.embedder))


def _nodes(loaded: architectures.Architecture) -> list[str]:
    own = loaded.spec
    return [name for part in (own.stores, own.tools, own.threads) for name in part]


def _entry(entries: Iterable[Entry], name: str) -> Entry | None:
    return next((each for each in entries if name in (each.name, each.architecture)), None)


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
    return _arm(wanted, found, suite.embedder)


def _arm(wanted: _Wanted, found: compiling.Compiled, embedder: str) -> plan.Arm:
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
        warnings=tuple(str(each) for each in found.warnings),
    )


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


def _check_names(draft: written.Draft, entries: Sequence[Entry], made: Arms) -> None:
    seen: set[str] = set()
    for entry in entries:
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
    draft: written.Draft, suite: spec.SuiteSpec, entries: Sequence[Entry], made: Arms
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
    if _entry(entries, suite.baseline) is None or not draft.problems:
        draft.report("unknown-name", f"no arm {suite.baseline!r}",
                     errors.suggest(suite.baseline, names), ("baseline",))  # fmt: skip
    return next(iter(names), "")


def _text(value: Any) -> str:
    """A value as YAML of one line, bare where that reads back as the same."""
    if isinstance(value, str):
        node, problems = written.text_value(value, tree.Origin())
        if not problems and node is not None and node.value == value == value.strip():
            return value
    return json.dumps(value, ensure_ascii=False)
