"""Rules about prompts: they exist, can be parsed, and name only what their thread shows."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable

from archgraph import errors, prompts
from archgraph.graph import design, plan
from archgraph.spec import architecture, merge, tree

PIPELINE_NAMES = frozenset({"thread", "now", "counts", "item", "candidates"})
"""What every template of a pipeline sees besides values and stores."""


def missing(found: design.Design) -> None:
    """Every template that is named can be found."""
    for template in found.templates.values():
        if template.missing:
            for path in template.paths:
                message, _, remedy = template.missing.rpartition("; ")
                found.report("template-missing", message, remedy or "write it", path)


def syntax(found: design.Design) -> None:
    """Every template can be parsed."""
    for template in _readable(found):
        broken = prompts.syntax_error(template.source)
        if broken:
            line, message, cure = broken
            remedy = f"{cure}; `{tree.dotted(template.paths[0])}` uses it"
            _in_template(found, "template-syntax", message, remedy, template, line, r"\{[{%#]")


def tool_names(found: design.Design) -> None:
    """No tool's name stands in a template's prose: an ablated tool would live on in the text."""
    names = list(found.spec.tools)
    if not names:
        return
    pattern = re.compile(rf"(?<![\w-])({'|'.join(map(re.escape, names))})(?![\w-])")
    for template in _parsed(found):
        told: set[str] = set()
        for line, text in prompts.prose(template.source):
            for match in pattern.finditer(text):
                name = match[1]
                if name not in told and ("_" in name or _called(text, match)):
                    told.add(name)
                    message = f"the tool {name!r} is named in prose"
                    remedy = "describe what it does, or list the tools with {% for tool in tools %}"
                    near = rf"\b{name}\b"
                    _in_template(found, "tool-in-prose", message, remedy, template, line, near)


def store_names(found: design.Design) -> None:
    """A template names only stores in the context of its thread, and what all templates see."""
    for template in _parsed(found):
        uses = prompts.uses(template.source)
        for path in template.paths:
            allowed = _allowed(found, path)
            if allowed is None:
                continue
            for use in uses:
                if use.name in allowed or use.guarded or use.name in found.loaded.broken:
                    continue
                owner = f"thread {path[1]!r}"
                message = f"{use.name!r} is not shown by the {owner}, whose template this is"
                remedy = errors.suggest(use.name, allowed)
                if use.name in _shown(found, path):
                    message = f"{use.name!r} is shown as messages, and is no text in a template"
                    remedy = f"delete {use.name} here; the messages follow the prompt"
                elif use.name in found.spec.stores:
                    remedy = f"add {use.name} to threads.{path[1]}.context"
                elif ("stores", use.name) in found.loaded.removed:
                    remedy = f"put it into {{% if {use.name} is defined %}} ... {{% endif %}}"
                near = rf"\b{use.name}\b"
                _in_template(found, "template-name", message, remedy, template, use.line, near)


def attributes(found: design.Design) -> None:
    """A template asks of a tool, and of `counts`, only what they have."""
    of_tool = {each.name for each in dataclasses.fields(plan.ToolPlan)}
    stores = set(tree.child_mapping(found.loaded.root, "stores"))
    for template in _parsed(found):
        if all(_allowed(found, path) is None for path in template.paths):
            continue
        for use in prompts.attributes(template.source, "tools", each=True):
            if use.name not in of_tool and not use.guarded:
                remedy = errors.suggest(use.name, of_tool)
                _unknown_part(found, f"a tool has no {use.name!r}", remedy, template, use)
        for use in prompts.attributes(template.source, "counts"):
            if use.name not in stores and not use.guarded and not hasattr(dict, use.name):
                remedy = errors.suggest(use.name, stores)
                if ("stores", use.name) in found.loaded.removed:
                    remedy = f"write {{% if counts.{use.name} is defined %}} ... {{% endif %}}"
                _unknown_part(found, f"there is no store {use.name!r}", remedy, template, use)


def _unknown_part(
    found: design.Design,
    message: str,
    remedy: str,
    template: design.Template,
    use: prompts.Variable,
) -> None:
    near = rf"(?<=\.){use.name}\b"
    _in_template(found, "template-name", message, remedy, template, use.line, near)


def _allowed(found: design.Design, path: tree.Path) -> set[str] | None:
    """The names that a template at a path may use; None where its owner decides."""
    inside = len(path) > 1 and path[0] == "threads"
    thread = found.spec.threads.get(str(path[1])) if inside else None
    if thread is None:
        return None
    if thread.kind == "pipeline":
        made = design.names_made(found, str(path[1]))
        return {*made, *found.spec.stores, *PIPELINE_NAMES}
    if any(each[:3] == (*path[:2], "context") for each in found.loaded.dropped):
        return None
    say = path[-1] == "say"
    shown = {item.store for item in thread.context if say or not _as_messages(found, item)}
    shown |= {errors.nearest(name, found.spec.stores) or name for name in shown}
    return shown | (prompts.SAY_NAMES if say else prompts.NAMES)


def _shown(found: design.Design, path: tree.Path) -> set[str]:
    thread = found.spec.threads[str(path[1])]
    return {item.store for item in thread.context}


def _as_messages(found: design.Design, item: architecture.ContextItem) -> bool:
    """Whether a part of a context stands in the window as messages, and so not in the prompt."""
    if item.since or item.search:
        return item.since == "turn"
    if item.store not in found.types:
        return False
    over = getattr(found.options(item.store), "over", "")
    return found.keeps_messages(item.store) or bool(over)


def _called(text: str, match: re.Match[str]) -> bool:
    """Whether a name of one plain word is written as code or as a call."""
    before, after = text[: match.start()], text[match.end() :]
    return after.startswith("(") or (before.endswith("`") and after.startswith("`"))


def _readable(found: design.Design) -> Iterable[design.Template]:
    return [template for template in found.templates.values() if not template.missing]


def _parsed(found: design.Design) -> Iterable[design.Template]:
    return [each for each in _readable(found) if prompts.syntax_error(each.source) is None]


def _in_template(
    found: design.Design,
    code: str,
    message: str,
    remedy: str,
    template: design.Template,
    line: int,
    near: str,
) -> None:
    """Report at the first match of a pattern in a template's line, else at the line's beginning."""
    lines = template.source.splitlines()
    match = re.search(near, lines[line - 1]) if 0 < line <= len(lines) else None
    origin = tree.Origin(template.file, line, match.start() + 1 if match else 1)
    found.problems.append(merge.problem(code, message, remedy, origin))
