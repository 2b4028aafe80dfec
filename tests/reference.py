"""The parts of the reference pages that are made from the code.

A page marks such a part by `<!-- reference: KIND NAME -->` and `<!-- end -->`. `make reference`
writes these parts anew (it runs this module); `test_docs.py` fails when one is out of date. The
prose around them is written by hand.
"""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import re
import types
import typing
from collections.abc import Callable, Container, Iterator, Mapping
from typing import Any

import annotated_types
import click
import pydantic

from archgraph import registry
from archgraph.spec import codes
from archgraph.stores import base as stores
from archgraph.suites.datasets import base as datasets
from archgraph.tools import base as tools
from archgraph.tools import messaging
from tests import gallery_pages, pages

PART = re.compile(
    r"(?P<open><!-- reference: (?P<kind>\w+) ?(?P<name>[^>]*?) -->\n)(?P<text>.*?)"
    r"(?P<close><!-- end -->)",
    re.DOTALL,
)


def renewed(source: str) -> str:
    """A page's text with every marked part made anew."""

    def make(match: re.Match[str]) -> str:
        text = MAKERS[match["kind"]](match["name"].strip())
        return f"{match['open']}\n{text.strip()}\n\n{match['close']}"

    return gallery_pages.graphs(PART.sub(make, source))


def main() -> None:
    for page in pages.all_pages():
        source = pages.text_of(page)
        if (text := renewed(gallery_pages.with_mark(page, source))) != source:
            page.write_text(text, encoding="utf-8")
            print(f"wrote {page}")


# Stores and verbs


def store_options(name: str) -> str:
    """The keys of a store type, of the models inside its options, its events and measures."""
    store = registry.get("stores", name)
    parts = [keys_of_model(store.Options)]
    for inner in dict.fromkeys(models_inside(store.Options)):
        if inner.__module__ != store.__module__:
            continue  # shared by several types, and has a part of its own on the page
        parts.append(f"Keys of {name_of(inner)}:\n\n{keys_of_model(inner)}")
    verbs = ", ".join(f"[`{v}`](verbs.md#{name}-{v})" for v in stores.verbs(store)) or "none"
    parts.append(
        f"Events: {quoted(store.events)}. Measures: {quoted(store.measures)}.\nVerbs: {verbs}."
    )
    return "\n\n".join(parts)


def dataset_options(name: str) -> str:
    """What a dataset is, and the keys that are its own."""
    kind = registry.get("datasets", name)
    shared = set(datasets.Options.model_fields)
    facts = [f"Fed by `{kind.mode}`"]
    facts += [f"split `{kind.split}`"] if kind.split == "generated" else []
    facts += [f"licence {kind.licence}"] if kind.licence else []
    scorers = f"Scorers: {quoted(kind.scorers)}."
    head = f"{first_line(kind)} {'; '.join(facts)}. {scorers}"
    return f"{head}\n\n{keys_of_model(kind.Options, without=shared)}"


def scorer_options(name: str) -> str:
    """What a scorer gives, and its keys."""
    kind = registry.get("scorers", name)
    usual = kind(kind.Options())
    told = ["0 or 1" if usual.binary else "0 to 1"]
    told += ["asks the judge"] if usual.judged else []
    told += ["looks at failed turns, too"] if usual.sees_failed else []
    short = kind.Options.short
    parts = [first_line(kind), f"Values: {'; '.join(told)}.", keys_of_model(kind.Options)]
    parts += [f"Short form: `{name}: ...` is `{name}: {{{short}: ...}}`."] if short else []
    return "\n\n".join(parts)


def operator_pages(_: str) -> str:
    """Every operator under a heading, with its keys."""
    parts = []
    for name in registry.names("operators"):
        kind = registry.get("operators", name)
        parts += [f"## {name}", first_line(kind), keys_of_model(kind.Options)]
        short = kind.Options.short
        parts += [f"Short form: `{name}: ...` is `{name}: {{{short}: ...}}`."] if short else []
    return "\n\n".join(parts)


def verb_pages(name: str) -> str:
    """All verbs of a store type, or the control verbs, each under a heading."""
    control = name == "control"
    found: Mapping[str, tools.Verb] = (
        messaging.VERBS if control else stores.verbs(registry.get("stores", name))
    )
    return "\n\n".join(
        verb_page(verb if control else f"{name}: {verb}", described)
        for verb, described in found.items()
    )


def verb_page(title: str, verb: tools.Verb) -> str:
    effect = {(1, 0): "Reads.", (0, 1): "Writes.", (1, 1): "Reads and writes."}
    properties = verb.parameters["properties"]
    needed = verb.parameters.get("required", [])
    rows = [
        (
            f"`{argument}`",
            schema.get("type", "string") + choices(schema),
            "required" if argument in needed else shown(schema.get("default")),
            schema.get("description", ""),
        )
        for argument, schema in properties.items()
    ]
    parts = [f"### {title}", verb.description]
    if note := effect.get((int(verb.reads), int(verb.writes))):
        parts[-1] = f"{note} {verb.description}"
    if rows:
        parts.append(table(("argument", "type", "default", "meaning"), rows))
    return "\n\n".join(parts)


def choices(schema: Mapping[str, Any]) -> str:
    return f": {quoted(schema['enum'])}" if "enum" in schema else ""


# Keys of pydantic models


def model_keys(path: str) -> str:
    """The keys of one model, given as `module:Class`."""
    return keys_of_model(imported(path))


def keys_of_model(model: type[pydantic.BaseModel], without: Container[str] = ()) -> str:
    rows = [
        (
            f"`{field.alias or name}`",
            kind_of(field.annotation, field.metadata),
            "required" if field.is_required() else shown(default_of(field)),
            " ".join((field.description or "").split()),
        )
        for name, field in model.model_fields.items()
        if name not in without
    ]
    return table(("key", "value", "default", "meaning"), rows) if rows else "No keys."


def default_of(field: pydantic.fields.FieldInfo) -> object:
    return field.get_default(call_default_factory=True, validated_data={})


def kind_of(annotation: Any, limits: list[Any] | None = None) -> str:
    """A type as an author of YAML reads it."""
    origin, inner = typing.get_origin(annotation), typing.get_args(annotation)
    simple = {str: "text", int: "whole number", float: "number", bool: "true or false"}
    if annotation in simple:
        return simple[annotation] + "".join(map(bound, limits or []))
    if origin is typing.Annotated:
        return kind_of(inner[0], list(inner[1:]))
    if origin is typing.Literal:
        return quoted(inner)
    if origin in (typing.Union, types.UnionType):
        return " or ".join(
            dict.fromkeys(kind_of(part, limits) for part in inner if part is not type(None))
        )
    if origin in (list, tuple) and inner:
        return f"list of {kind_of(inner[0])}"
    if origin is dict:
        return f"mapping of names to {kind_of(inner[1])}"
    if isinstance(annotation, type) and issubclass(annotation, pydantic.BaseModel):
        return name_of(annotation)
    return "any value"


def bound(limit: Any) -> str:
    for kind, sign in (("gt", ">"), ("ge", ">="), ("lt", "<"), ("le", "<=")):
        if isinstance(limit, getattr(annotated_types, kind.capitalize())):
            return f" {sign} {getattr(limit, kind)}"
    return ""


def models_inside(model: type[pydantic.BaseModel]) -> Iterator[type[pydantic.BaseModel]]:
    for field in model.model_fields.values():
        for inner in models_in(field.annotation):
            yield inner
            yield from models_inside(inner)


def models_in(annotation: Any) -> Iterator[type[pydantic.BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, pydantic.BaseModel):
        yield annotation
    for part in typing.get_args(annotation):
        yield from models_in(part)


def name_of(model: type[pydantic.BaseModel]) -> str:
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", model.__name__).lower()
    return f"`{words}`"


def chat_verbs(_: str) -> str:
    """What may be typed in `archgraph chat` besides messages."""
    verbs = vars(importlib.import_module("archgraph.cli.chat_verbs"))["_VERBS"]
    rows = [(f"`{f'/{name} {usage}'.strip()}`", text) for name, (_, usage, text) in verbs.items()]
    return table(("line", "what it does"), [*rows, ("`/quit`", "leave, as ctrl-D does")])


# Python


def methods(path: str) -> str:
    """The public methods and properties of a class, with the first line of their docstrings."""
    rows = []
    for name, member in vars(imported(path)).items():
        if name.startswith("_"):
            continue
        if isinstance(member, property):
            rows.append((f"`{name}`", first_line(member.fget)))
        elif inspect.isfunction(member):
            arguments = [*inspect.signature(member).parameters.values()][1:]
            rows.append((f"`{name}({', '.join(map(argument, arguments))})`", first_line(member)))
    return table(("name", "what it does"), rows)


def attributes(path: str) -> str:
    """The fields and properties of a dataclass, after what its docstring says of them."""
    owner = imported(path)
    names = [field.name for field in dataclasses.fields(owner)]
    names += [name for name, member in vars(owner).items() if isinstance(member, property)]
    return f"{inspect.getdoc(owner)}\n\nAttributes: {quoted(names)}."


def imported(path: str) -> Any:
    module, _, name = path.partition(":")
    return getattr(importlib.import_module(module), name)


def argument(parameter: inspect.Parameter) -> str:
    optional = parameter.default is not inspect.Parameter.empty
    return f"{parameter.name}=…" if optional else parameter.name


def first_line(member: Any) -> str:
    return (inspect.getdoc(member) or "").split("\n\n", 1)[0].replace("\n", " ")


# Problems and commands


def problem_codes(_: str) -> str:
    return table(("code", "what is wrong"), [(f"`{k}`", v) for k, v in codes.CODES.items()])


def command_help(path: str) -> str:
    """What `archgraph PATH --help` prints."""
    command: click.Command = root_command()
    context = click.Context(command, info_name="archgraph", **command.context_settings)
    for name in path.split():
        assert isinstance(command, click.Group)
        found = command.get_command(context, name)
        assert found is not None, f"no command {path}"
        command, context = found, click.Context(found, info_name=name, parent=context)
    context.terminal_width = context.max_content_width = 96
    return f"```text\n{command.get_help(context).rstrip()}\n```"


def root_command() -> click.Group:
    cli_main = importlib.import_module("archgraph.cli.main")
    groups = [value for value in vars(cli_main).values() if isinstance(value, click.Group)]
    assert groups, "archgraph.cli.main has no click group"
    return max(groups, key=lambda group: len(group.list_commands(click.Context(group))))


def gallery_table(_: str) -> str:
    """All shipped architectures."""
    return table(gallery_pages.HEAD, gallery_pages.rows())


# Markdown


def table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(map(cell, line)) + " |" for line in lines)


def cell(text: str) -> str:
    return text.replace("|", "\\|")


def quoted(words: Any) -> str:
    return ", ".join(f"`{plain(word)}`" for word in words)


def shown(default: object) -> str:
    return "" if default is None else f"`{plain(default)}`"


def plain(value: object) -> str:
    """A value as YAML would have it, on one line."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return f"[{', '.join(map(plain, value))}]"
    if isinstance(value, pydantic.BaseModel):
        return "{}"
    return str(value) if value != "" else '""'


MAKERS: dict[str, Callable[[str], str]] = {
    "options": store_options,
    "verbs": verb_pages,
    "operators": operator_pages,
    "dataset_options": dataset_options,
    "scorer_options": scorer_options,
    "keys": model_keys,
    "codes": problem_codes,
    "help": command_help,
    "chat": chat_verbs,
    "methods": methods,
    "attributes": attributes,
    "gallery": gallery_table,
}

if __name__ == "__main__":
    main()
