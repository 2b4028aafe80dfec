"""Rules about what steps of pipelines say: what they set, what they ask, what they write into.

Called by `check` among the rules. They tell of what would do nothing, or fail only in a run.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection

from archgraph import errors, prompts
from archgraph.graph import design, rules_pipelines
from archgraph.operators import asking, reading, values, writing
from archgraph.spec import architecture, tree
from archgraph.stores import log

_SAID = frozenset({"role", "who", "content", "time", "id"})
"""What a message has that a step may ask for."""
_ALIKE = 0.75
"""How like two names are of which one is a slip of the pen."""
_ANEW = "accesses"
"""What `update` may set besides fields and envelope."""


def set_fields(found: design.Design) -> None:
    """What a step sets is a declared field, or looks like none that was meant."""
    for _, step, options, path in rules_pipelines.known_steps(found):
        for store in options.writes().values():
            declared = getattr(found.options(store), "fields", {}) if _sound(found, store) else {}
            known = {*declared, *values.ENVELOPE, _ANEW}
            for name in getattr(options, "set", {}):
                meant = _slip(name, known)
                if meant:
                    message = f"{store!r} declares no field {name!r}"
                    remedy = f'did you mean "{meant}"?'
                    at = (*path, step.operator, "set", name)
                    found.warn("undeclared-field", message, remedy, at, key=True)


def choices(found: design.Design) -> None:
    """The records that a model chooses from are shown to it: it cannot know them by their ids."""
    for _, step, options, path in rules_pipelines.known_steps(found):
        if not isinstance(options, asking.Extract.Options):
            continue
        shown = {each.partition(".")[0] for each in options.of} | _in_prompt(found, options.prompt)
        for name, field in options.fields.items():
            for listed in field.named():
                if listed.partition(".")[0] not in shown:
                    message = f"the model chooses from {listed!r} and is not shown it"
                    at = (*path, step.operator, "fields", name)
                    found.warn("unshown-choice", message, f"add {listed} to `of`", at)


def targets(found: design.Design) -> None:
    """What is written into can be written: a view shows another store; modes are for blocks."""
    for _, step, options, path in rules_pipelines.known_steps(found):
        if not isinstance(options, writing.Write.Options) or not _sound(found, options.to):
            continue
        over = getattr(found.options(options.to), "over", "")
        if over:
            message = f"{options.to!r} only shows {over!r}"
            remedy = f"write into {over}, or into a queue without `over`"
            found.report("wrong-kind", message, remedy, (*path, step.operator, "to"))
        elif "mode" in options.model_fields_set and not hasattr(found.types[options.to], "put"):
            kind = found.spec.stores[options.to].type
            message = f"{options.to!r} is a {kind}; `mode` says what becomes of a block's text"
            at: tree.Path = (*path, step.operator, "mode")
            found.report("wrong-value", message, "delete it", at, key=True)


def conditions(found: design.Design) -> None:
    """`where` of messages asks for what messages have."""
    for _, step, options, path in rules_pipelines.known_steps(found):
        if not isinstance(options, reading.Read.Options) or not _sound(found, options.store):
            continue
        if found.spec.stores[options.store].type != "log":
            continue
        for name in options.where:
            at: tree.Path = (*path, step.operator, "where", name)
            if name not in _SAID:
                message = f"a message has no {name!r}"
                found.report("unknown-field", message, errors.suggest(name, _SAID), at, key=True)
            elif name == "role":
                _roles(found, options.where[name], at)


def heard(found: design.Design) -> None:
    """A message of the user has a log of its own; where only pipelines hear it, it has none."""
    hearing: list[tree.Path] = []
    logs: set[str] = set()
    for thread, index, trigger in found.triggers():
        hears = trigger.event == "user_message"
        if hears and found.log_of(thread):
            return
        hearing += [("threads", thread, "triggers", index)] if hears else []
    for name, each in found.spec.threads.items():
        logs |= {found.log_of(name)} if isinstance(each, architecture.Thread) else set()
    if hearing and len(logs - {""}) > 1:
        into = ", ".join(sorted(logs - {""}))
        message = f"only pipelines hear the user, so each message goes into every log: {into}"
        remedy = "give the thread that answers `{event: user_message, mode: note}`"
        found.warn("heard-by-all", message, remedy, hearing[0])


# Private functions


def _roles(found: design.Design, wanted: object, path: tree.Path) -> None:
    """The values of `role` are those that spoken messages have."""
    for role in wanted if isinstance(wanted, list) else [wanted]:
        if isinstance(role, str) and "{{" not in role and role not in log.SPOKEN:
            message = f"no message has the role {role!r}"
            found.report("unknown-field", message, errors.suggest(role, log.SPOKEN), path)


def _slip(name: str, known: Collection[str]) -> str:
    """The known name of which a name is a slip of the pen; "" if it is a name of its own."""
    meant = errors.nearest(name, known) or ""
    close = abs(len(meant) - len(name)) <= 1 and name not in (*known, "id")
    alike = difflib.SequenceMatcher(a=name, b=meant).ratio() >= _ALIKE
    return meant if close and alike else ""


def _sound(found: design.Design, store: str) -> bool:
    """Whether there is such a store, of a known type."""
    return store in found.types and store in found.spec.stores


def _in_prompt(found: design.Design, prompt: str) -> set[str]:
    """The names that a template takes from outside."""
    template = found.templates.get(prompt)
    if template is None or template.missing or prompts.syntax_error(template.source):
        return set()
    return prompts.variables(template.source)
