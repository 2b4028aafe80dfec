"""The work of a suite: its datasets, opened and read once, and the scorers of each.

Called by `load`. Options are checked by the dataset's or scorer's own `Options`, with the place in
the file. Knows no architecture.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from archgraph import errors, registry
from archgraph.llm import gateways
from archgraph.spec import tree
from archgraph.suites import plan
from archgraph.suites.datasets import base as datasets
from archgraph.suites.datasets import case as cases
from archgraph.suites.planning import spec, written
from archgraph.suites.scoring import base as scorers
from archgraph.suites.scoring import run as scoring


@dataclass(slots=True)
class Work:
    """Datasets with their conversations, by the name that tables show; scorers; who decides."""

    datasets: dict[str, datasets.Dataset] = field(default_factory=dict)
    types: dict[str, str] = field(default_factory=dict)
    conversations: dict[str, tuple[cases.Conversation, ...]] = field(default_factory=dict)
    scorers: list[plan.ScorerPlan] = field(default_factory=list)
    primary: dict[str, str] = field(default_factory=dict)
    unscored: list[str] = field(default_factory=list)
    """Scorers of a dataset's own that are left out, because there is no judge."""


# Public functions


def make(draft: written.Draft, suite: spec.SuiteSpec) -> Work:
    """Open the datasets of a suite and choose its scorers; problems go to the draft."""
    made = Work()
    entries = tree.child(draft.root, "datasets")
    for index, (name, _) in enumerate(spec.named(suite.datasets)):
        item = entries.items[index] if entries is not None and entries.items else draft.root
        _dataset(draft, made, name, item, ("datasets", index), suite.mode)
    _scorers(draft, made, suite)
    _primary(draft, made, suite)
    return made


def mode_of(dataset: datasets.Dataset) -> str:
    """How a dataset's histories are fed: as the suite says, or as suits it."""
    options: datasets.Options = dataset.options
    return options.mode or dataset.mode


# Datasets


def _dataset(
    draft: written.Draft, made: Work, name: str, item: tree.Node, at: tree.Path, mode: str
) -> None:
    path: tree.Path = at if item.text else (*at, name)
    kind = _kind(draft, "datasets", "dataset", name, path, key=not item.text)
    if kind is None:
        return
    given = tree.child(item, name) or tree.Node({}, item.origin)
    _, options = written.model(draft, kind.Options, given, path)
    if options is None:
        return
    options = _placed(options, draft.folder(path, key=True))
    if mode and not options.mode:
        options = options.model_copy(update={"mode": mode})
    label = options.name or name
    if label in made.datasets:
        remedy = "give it a `name:` of its own"
        draft.report("duplicate-name", f"there are two datasets {label!r}", remedy, path, key=True)
        return
    try:
        opened = kind(options)
        found = tuple(opened.selected())
        opened.provenance()
    except errors.InputError as error:
        for line in str(error).splitlines():
            draft.report("unreadable-data", line, "see the page of datasets", path, key=True)
        return
    except (Exception, SystemExit) as error:  # a plugin's bug
        message = f"the dataset {name!r} fails inside: {errors.inside(error)}"
        draft.report("plugin-broken", message, "mend the dataset", path, key=True)
        return
    if not any(each.cases for each in found):
        draft.report("unreadable-data", f"{label} has no questions with these options",
                     "leave more of it: see `conversations`, `questions` and `categories`",
                     path, key=True)  # fmt: skip
        return
    made.datasets[label], made.types[label] = opened, name
    made.conversations[label] = tuple(each for each in found if each.cases)


def _placed(options: Any, folder: Path) -> Any:
    """Options whose relative paths start from the suite's folder, if that leads somewhere."""
    changed = {}
    for name in type(options).model_fields:
        value = getattr(options, name)
        if name in ("path", "file") or name.endswith(("_path", "_file")):
            changed[name] = [_led(v, folder) for v in value] if isinstance(value, list) \
                else _led(value, folder)  # fmt: skip
    return options.model_copy(update=changed) if changed else options


def _led(value: Any, folder: Path) -> Any:
    return str(folder / value) if value and (folder / str(value)).exists() else value


def _kind(
    draft: written.Draft, group: str, what: str, name: str, path: tree.Path, *, key: bool
) -> Any:
    try:
        return registry.get(group, name)
    except errors.UnknownName as error:
        remedy = errors.suggest(name, error.known)
        draft.report("unknown-type", f"no {what} {name!r}", remedy, path, key=key)
    except errors.PluginError as error:
        draft.report("plugin-broken", str(error), error.remedy, path, key=key)
    return None


# Scorers


def _scorers(draft: written.Draft, made: Work, suite: spec.SuiteSpec) -> None:
    if remedy := gateways.slip(suite.judge):
        draft.report("unknown-name", f"no model {suite.judge!r}", remedy, ("judge",))
    if suite.scorers:
        found = list(_written_scorers(draft, suite))
    else:
        found = list(_own_scorers(draft, made, suite))
    made.scorers = _with_names(found)
    if suite.scorers and suite.counts.judge > 1 and not any(map(judged, made.scorers)):
        draft.report("wrong-value", "`seeds.judge` repeats a judge, and no scorer asks one",
                     "delete it, or add the scorer `judge`", ("seeds", "judge"))  # fmt: skip


def _written_scorers(draft: written.Draft, suite: spec.SuiteSpec) -> Iterator[plan.ScorerPlan]:
    items = tree.child(draft.root, "scorers")
    for index, (name, value) in enumerate(spec.named(suite.scorers)):
        item = items.items[index] if items is not None and items.items else draft.root
        path: tree.Path = ("scorers", index) if item.text else ("scorers", index, name)
        folder = draft.folder(path, key=True)
        kind = _scorer_kind(draft, name, folder, path, key=not item.text)
        if kind is None:
            continue
        given = tree.child(item, name) or tree.Node({}, item.origin)
        if not isinstance(given.value, dict) and value is not None:
            if not kind.Options.short:
                message = f"{name!r} has no option that a bare value stands for"
                remedy = errors.suggest("", kind.Options.model_fields)
                draft.report("wrong-type", message, remedy, path)
                continue
            given = tree.Node({kind.Options.short: given}, given.origin)
        _, options = written.model(draft, kind.Options, given, path)
        made = None if options is None else _made(draft, name, kind, options, path)
        if options is None or made is None:
            continue
        if made.judged and not suite.judge:
            draft.report("missing-key", f"the scorer {name!r} asks a model, and there is no judge",
                         "add `judge:` and a model's name", path, key=True)  # fmt: skip
        plain = options.model_dump(mode="json", exclude_defaults=True)
        yield plan.ScorerPlan(name, name, plain, folder=str(folder) if ":" in name else "")


def _own_scorers(
    draft: written.Draft, made: Work, suite: spec.SuiteSpec
) -> Iterator[plan.ScorerPlan]:
    """Those of each dataset; one that needs a judge is left out where there is none."""
    wanted: dict[str, list[str]] = {}
    for label, dataset in made.datasets.items():
        kinds = {name: registry.get("scorers", name) for name in dataset.scorers}
        kept = [n for n, k in kinds.items() if suite.judge or not _needs_judge(k)]
        if not kept:
            draft.report("missing-key", f"{label} is scored by a judge, and there is none",
                         "add `judge:` and a model's name, or choose `scorers:`",
                         ("datasets",))  # fmt: skip
        made.unscored += [f"{label}: {name} needs a judge" for name in kinds if name not in kept]
        for name in kept:
            wanted.setdefault(name, []).append(label)
    for name, labels in wanted.items():
        everywhere = len(labels) == len(made.datasets)
        yield plan.ScorerPlan(name, name, {}, () if everywhere else tuple(labels))


def _made(
    draft: written.Draft, name: str, kind: type[scorers.Scorer], options: Any, path: tree.Path
) -> scorers.Scorer | None:
    """A scorer with its options, None once it was told that it cannot be made."""
    try:
        return kind(options)
    except (Exception, SystemExit) as error:  # a plugin's bug
        message = f"the scorer {name!r} fails as it is made: {errors.inside(error)}"
        draft.report("plugin-broken", message, "mend the scorer", path, key=True)
        return None


def judged(scorer: plan.ScorerPlan) -> bool:
    """Whether a scorer asks the judge."""
    return bool(scoring.made([scorer])[0][1].judged)


def _needs_judge(kind: type[scorers.Scorer]) -> bool:
    """Whether scorers of a class ask the judge; some only say so once they have their options."""
    try:
        return bool(kind(kind.Options()).judged)
    except (Exception, SystemExit):  # required options, or a bug that is told when it runs
        return bool(kind.judged)


def _scorer_kind(
    draft: written.Draft, name: str, folder: Path, path: tree.Path, *, key: bool
) -> type[scorers.Scorer] | None:
    if ":" not in name and not name.endswith(".py"):
        found: type[scorers.Scorer] | None = _kind(draft, "scorers", "scorer", name, path, key=key)
        return found
    try:
        return scoring.kind(name, folder)
    except errors.ArchgraphError as error:
        message, _, remedy = str(error).rpartition("; ")
        draft.report("unknown-type", message or remedy,
                     remedy if message else "see how to write a scorer", path, key=key)  # fmt: skip
        return None


def _with_names(found: list[plan.ScorerPlan]) -> list[plan.ScorerPlan]:
    """Scorers of one type told apart by their options."""
    types = [each.type for each in found]
    named = []
    for each in found:
        name = each.type.rpartition(":")[2]
        if types.count(each.type) > 1 and each.options:
            name += " " + " ".join(f"{key}={value}" for key, value in each.options.items())
        named.append(plan.ScorerPlan(name, each.type, each.options, each.datasets, each.folder))
    return list({each.name: each for each in named}.values())


def _primary(draft: written.Draft, made: Work, suite: spec.SuiteSpec) -> None:
    """Who decides on each dataset: what the suite says, else the first that scores it."""
    given = suite.primary
    wanted: Mapping[str, str] = given if isinstance(given, dict) else {}
    for label in wanted:
        if label not in made.datasets and made.datasets:
            draft.report("unknown-name", f"no dataset {label!r} in this suite",
                         errors.suggest(label, made.datasets), ("primary", label),
                         key=True)  # fmt: skip
    for label, dataset in made.datasets.items():
        there = [s.name for s in made.scorers if not s.datasets or label in s.datasets]
        own = [name for name in dataset.scorers if name in there]
        usual = next(iter(there if suite.scorers else own), "")
        name = wanted.get(label, given if isinstance(given, str) else "") or usual
        if name not in there and there:
            path: tree.Path = ("primary", label) if label in wanted else ("primary",)
            draft.report("unknown-name", f"no scorer {name!r} scores {label}",
                         errors.suggest(name, there), path)  # fmt: skip
        made.primary[label] = name
