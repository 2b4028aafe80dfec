"""Rules about pipelines: steps name stores that can do it, and values that are there by then."""

from __future__ import annotations

from collections.abc import Iterator

from archgraph import errors, prompts
from archgraph.graph import design
from archgraph.operators import base
from archgraph.spec import architecture, tree
from archgraph.stores import base as stores
from archgraph.tools import outside, python

NAMES = frozenset({"thread", "now", "counts", "item"})
"""What every expression of a pipeline sees besides values and stores."""
_ASKED = {
    "write": "keep",
    "retrieve": "find_for",
    "resolve": "find_for",
    "place": "place",
    "group": "communities",
}
"""What a store's type must offer to a built-in operator, by the method that gives it."""


def triggers(found: design.Design) -> None:
    """A pipeline has no log, so nothing can be said to it."""
    for thread, index, trigger in found.triggers():
        if not isinstance(found.spec.threads[thread], architecture.Pipeline):
            continue
        path: tree.Path = ("threads", thread, "triggers", index)
        if trigger.say:
            message = f"{thread!r} is a pipeline, to which nothing can be said"
            found.report("pipeline-say", message, "delete `say`", (*path, "say"))
        if trigger.mode == "note":
            message = f"{thread!r} is a pipeline, which a note would not make due"
            found.report("pipeline-say", message, "choose another `mode`", (*path, "mode"))


def step_stores(found: design.Design) -> None:
    """The stores that steps name exist, and their type can do what the operator does."""
    for _, step, options, path in known_steps(found):
        for option, store in [*options.reads().items(), *options.writes().items()]:
            at = (*path, step.operator, *option.split("."))
            if not _known(found, store, at) or store not in found.types:
                continue
            needed = _ASKED.get(step.operator, "")
            if not _can(found.types[store], needed):
                message = f"{store!r} is a {found.spec.stores[store].type}, which cannot do that"
                able = [name for name, each in found.types.items() if _can(each, needed)]
                remedy = f"name one of: {', '.join(able)}" if able else "name a collection"
                found.report("wrong-kind", message, remedy, at)
            elif needed == "place" and not _has_vectors(found.options(store)):
                message = f"a tree is built by likeness; {store!r} has no vectors to compare"
                remedy = f"give {store!r} `index: [text, vector]`, and `backend: sqlite`"
                found.report("wrong-kind", message, remedy, at)


def step_functions(found: design.Design) -> None:
    """The functions of the user's own that steps call can be imported."""
    for _, step, options, path in known_steps(found):
        for option, target in options.calls().items():
            try:
                python.function(target, found.offers.folders)
            except outside.Unusable as error:
                at = (*path, step.operator, *option.split("."))
                found.report("python-tool", error.message, error.remedy, at)


def step_values(found: design.Design) -> None:
    """What a step takes was made by an earlier one, or is a store; no name means two things."""
    for thread, steps in found.spec.steps.items():
        made: set[str] = set()
        for _, step, options, path in known_steps(found, thread):
            needed = list(_needed(step, options))
            for at, name in needed:
                _one(found, thread, name, made, (*path, *at), bool(step.each))
            if step.result and step.result in found.spec.stores:
                message = f"{step.result!r} is a store as well"
                remedy = "give the value another name"
                found.report("duplicate-name", message, remedy, (*path, "as"))
            made |= {step.result} if step.result else set()
        _useless(found, thread, steps)


def _one(
    found: design.Design, thread: str, name: str, made: set[str], path: tree.Path, each: bool
) -> None:
    if name in made or name in found.spec.stores or name in NAMES - {"item"}:
        return
    if name == "item":
        if not each:
            message = "there is no `item` without `each`"
            found.report("unknown-value", message, "add `each:` to the step", path)
        return
    if ("stores", name) in found.loaded.removed or name in found.loaded.broken:
        return
    later = name in design.names_made(found, thread)
    message = f"no earlier step makes {name!r}"
    known = sorted(made | set(found.spec.stores))
    remedy = "move the step that makes it up" if later else errors.suggest(name, known)
    found.report("unknown-value", message, remedy, path)


def _needed(step: architecture.Step, options: base.Options) -> Iterator[tuple[tree.Path, str]]:
    """The names that a step takes: where they stand, and the name."""
    for option, name in options.uses().items():
        for each in _names(name):
            yield (step.operator, *option.split(".")), each
    for option, text in options.expressions().items():
        if ("{{" in text or "{%" in text) and not prompts.syntax_error(text):
            for each in prompts.variables(text):
                if each not in ("item", "candidates"):
                    yield (step.operator, *option.split(".")), each
    for key, expression in (("when", step.when), ("each", step.each)):
        for each in _names(expression or ""):
            yield (key,), each


def expressions(found: design.Design) -> None:
    """Every expression and every inline template can be parsed."""
    for _, step, options, path in known_steps(found):
        texts = [((step.operator, *key.split(".")), text, True)
                 for key, text in options.expressions().items()]  # fmt: skip
        texts += [((key,), text, False) for key, text in (("when", step.when), ("each", step.each))
                  if text]  # fmt: skip
        for at, text, inline in texts:
            bare = text.strip().removeprefix("{{").removesuffix("}}").strip()
            if not inline and text.strip().startswith("{{"):
                remedy = f"write `{at[0]}: {bare}`"
                found.report("template-syntax", "an expression stands bare here", remedy,
                             (*path, *at))  # fmt: skip
                continue
            broken = prompts.syntax_error(text if inline else "{{ " + text + " }}")
            if broken:
                found.report("template-syntax", broken[1], broken[2], (*path, *at))


def _useless(found: design.Design, thread: str, steps: list[architecture.Step]) -> None:
    known = list(known_steps(found, thread))
    if len(known) < len(steps) or not known or any(each[2].writes() for each in known):
        return
    message = f"{thread!r} writes nothing, so its work is lost"
    remedy = "end it with a step that writes, such as `write`"
    found.warn("useless-pipeline", message, remedy, ("threads", thread), key=True)


def known_steps(
    found: design.Design, only: str = ""
) -> Iterator[tuple[str, architecture.Step, base.Options, tree.Path]]:
    """The steps whose place in the file is known: those of pipelines without broken steps."""
    for thread, steps in found.spec.steps.items():
        listed = tree.get(found.loaded.root, ("threads", thread, "steps"))
        whole = listed is not None and len(listed.items) == len(steps)
        if (only and thread != only) or not whole:
            continue
        for index, step in enumerate(steps):
            options = found.loaded.operators[thread][index]
            yield thread, step, options, ("threads", thread, "steps", index)


def _names(expression: str) -> set[str]:
    if not expression or prompts.syntax_error("{{ " + expression + " }}"):
        return set()
    return prompts.names_in(expression)


def _known(found: design.Design, store: str, path: tree.Path) -> bool:
    from archgraph.graph import rules_names

    return rules_names.refer(found, "stores", store, path)


def _can(kind: type[stores.Store], needed: str) -> bool:
    """Whether a type of store offers what an operator asks of it."""
    if not needed or (needed == "keep" and hasattr(kind, "put")):  # a text, which is replaced
        return True
    return getattr(kind, needed, None) is not getattr(stores.Store, needed, None)


def _has_vectors(options: object) -> bool:
    """Whether records lie in the agent's file with their embeddings."""
    return getattr(options, "backend", "") == "sqlite" and "vector" in getattr(options, "index", ())
