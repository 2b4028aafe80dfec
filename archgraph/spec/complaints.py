"""What pydantic says of a value, as problems in our words.

Called by `validate`. One fault gives one problem: the branches of a union are told together, and
a key that is missing because it is misspelt is told once. Knows nothing of architectures.
"""

from __future__ import annotations

import re
import types
import typing
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pydantic

from archgraph import errors
from archgraph.spec import architecture, outside, triggers

_KINDS = {
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "string_type": "text",
    "bool_type": "true or false",
    "list_type": "a list",
    "tuple_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "none_required": "nothing",
}
_SHAPES = {
    architecture.NAME: "a name of letters, digits and _",
    triggers.DURATION: "a time such as 30s, 10m, 2h or 1d",
    triggers.EVENT: "node.event, for example window.pressure",
    outside.FUNCTION: "module:function",
    outside.VARIABLE: "the name of an environment variable",
    outside.URL: "an address that begins with http:// or https://",
    r"\.jinja2$": "the name of a template, ending in .jinja2",
    r"^[A-Za-z]\w*\.open$": "store.open",
    r"^\S+( +\S+){4}$": "a cron line of five fields",
}
_BOUNDS = {
    "greater_than": ("more than", "gt"),
    "greater_than_equal": ("at least", "ge"),
    "less_than": ("less than", "lt"),
    "less_than_equal": ("at most", "le"),
}

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Complaint:
    """One fault below a validated value.

    `key` says that its place is the key, not the value; `meant` is the key that was probably meant.
    """

    code: str
    message: str
    remedy: str
    path: Path
    key: bool = False
    meant: str = ""


# Public functions


def of(error: pydantic.ValidationError, model: type, data: Any) -> list[Complaint]:
    """All faults that a validation found, in the order of the file where there is one."""
    groups: dict[Path, list[tuple[Path, Mapping[str, Any]]]] = {}
    for each in error.errors(include_url=False):
        path, branch = _real_path(each["loc"], data)
        groups.setdefault(branch, []).append((path, typing.cast("Mapping[str, Any]", each)))
    found: list[Complaint] = []
    for branch, members in groups.items():
        deeper = [item for item in members if item[0] != branch]
        value = _value(data, branch)
        if deeper and isinstance(value, (dict, list)):
            members = deeper  # the value chose a branch of the union; tell what is wrong in it
        found += _told(members, model, data)
    return _without_echoes(found)


def nearest(name: str, known: Iterable[str]) -> str:
    """A remedy for a misspelt name."""
    return errors.suggest(name, known)


def kind_of(value: Any) -> str:
    """What a value is, in words, with the value where it is short."""
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, str):
        return f"the text {value[:40]!r}"
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list" if value else "an empty list"
    return "nothing" if value is None else f"`{value}`"


# Private functions


def _real_path(loc: Sequence[str | int], data: Any) -> tuple[Path, Path]:
    """A location without pydantic's names of union branches, and where its first union stands."""
    path: list[str | int] = []
    branch: Path | None = None
    value = data
    for position, step in enumerate(loc):
        below = _step(value, step)
        last = position == len(loc) - 1
        if below is _NOWHERE and not (last and isinstance(value, dict) and _keylike(step)):
            branch = tuple(path) if branch is None else branch
            continue
        if step == "[key]":
            continue
        path.append(step)
        value = None if below is _NOWHERE else below
    whole = tuple(path)
    return whole, whole if branch is None else branch


_NOWHERE = object()


def _keylike(step: str | int) -> bool:
    return isinstance(step, str) and re.fullmatch(r"[a-z_][a-z0-9_]*", step) is not None


def _step(value: Any, step: str | int) -> Any:
    if isinstance(value, dict) and step in value:
        return value[step]
    if isinstance(value, list) and isinstance(step, int) and step < len(value):
        return value[step]
    return _NOWHERE


def _value(data: Any, path: Path) -> Any:
    for step in path:
        data = _step(data, step)
        if data is _NOWHERE:
            return None
    return data


def _told(
    members: Sequence[tuple[Path, Mapping[str, Any]]], model: type, data: Any
) -> list[Complaint]:
    by_path: dict[Path, list[Mapping[str, Any]]] = {}
    for path, each in members:
        by_path.setdefault(path, []).append(each)
    return [
        _one(path, each[0], model, data) if len(each) == 1 else _several(path, each, data)
        for path, each in by_path.items()
    ]


def _several(path: Path, members: Sequence[Mapping[str, Any]], data: Any) -> Complaint:
    """Branches of a union that all refuse the same value."""
    wanted = list(dict.fromkeys(_wanted(each) for each in members))
    choices = [name for each in members for name in _choices(each)]
    value = _value(data, path)
    remedy = f"give {' or '.join(wanted)}"
    if isinstance(value, str) and choices:
        hint = errors.suggest(value, choices)
        remedy = hint if hint.startswith("did") else remedy
    code = "wrong-value" if isinstance(value, str) else "wrong-type"
    return Complaint(code, f"this is {kind_of(value)}", remedy, path)


def _one(path: Path, each: Mapping[str, Any], model: type, data: Any) -> Complaint:
    kind, context = each["type"], each.get("ctx", {})
    if kind == "extra_forbidden":
        known, name = _known_keys(model, path[:-1]), str(path[-1])
        text, meant = f"there is no key {name!r} here", errors.nearest(name, known) or ""
        remedy = errors.suggest(name, known)
        return Complaint("unknown-key", text, remedy, path, key=True, meant=meant)
    if kind == "missing":
        return Complaint("missing-key", f"{path[-1]!r} is missing", f"add `{path[-1]}:`", path[:-1])
    if kind in ("wrong-value", "missing-key"):  # our own validators
        return Complaint(kind, each["msg"], context.get("hint", "delete one of them"), path)
    value = _value(data, path)
    choices = _choices(each)
    if choices:
        remedy = errors.suggest(str(value), choices)
        code = "wrong-value" if isinstance(value, (str, int)) else "wrong-type"
        return Complaint(code, f"this is {kind_of(value)}", remedy, path)
    if kind == "string_type" and (shape := _shape(model, path)):
        return Complaint("wrong-type", f"this is {kind_of(value)}", f"give {shape}", path)
    code = "wrong-type" if kind in _KINDS else "wrong-value"
    if kind.startswith(("value_error", "assertion_error")):
        return _refusal(code, str(context.get("error", each["msg"])), path, value)
    if _KINDS.get(kind) == "a whole number" and isinstance(value, float) and value.is_integer():
        return Complaint("wrong-value", f"this is {kind_of(value)}", "give a smaller number", path)
    return Complaint(code, f"this is {kind_of(value)}", f"give {_wanted(each)}", path)


def _refusal(code: str, text: str, path: Path, value: Any) -> Complaint:
    """What a validator says: `message; remedy`, at the key that it names first."""
    message, _, remedy = text.rpartition("; ")
    named = re.match(r"`(\w+)`", text)
    key = named is not None and isinstance(value, dict) and named[1] in value
    at = (*path, named[1]) if named is not None and key else path
    return Complaint(code, message or text, remedy if message else "correct it", at, key=key)


def _choices(each: Mapping[str, Any]) -> list[str]:
    if each["type"] not in ("literal_error", "enum"):
        return []
    return re.findall(r"'([^']*)'|(?<![\w'])(\d+)", each["ctx"]["expected"]) and [
        quoted or number
        for quoted, number in re.findall(r"'([^']*)'|(?<![\w'])(\d+)", each["ctx"]["expected"])
    ]


def _wanted(each: Mapping[str, Any]) -> str:
    """What would have been right, in words."""
    kind, context = each["type"], each.get("ctx", {})
    if kind in _KINDS:
        return _KINDS[kind]
    if kind in _BOUNDS:
        words, key = _BOUNDS[kind]
        return f"a number of {words} {context[key]}"
    if kind == "string_pattern_mismatch":
        return _SHAPES.get(context["pattern"], f"text that matches {context['pattern']}")
    if kind == "string_too_short":
        return "text that is not empty"
    if kind == "too_short":
        least = context["min_length"]
        return "at least one" if least == 1 else f"a list of at least {least}"
    choices = _choices(each)
    if choices:
        return " or ".join(choices)
    text = each["msg"]
    return text[0].lower() + text[1:] if text.startswith("Input") else str(text)


def _known_keys(model: Any, path: Path) -> list[str]:
    """The keys that a model may have at a path; those of all branches of a union."""
    places = [model]
    for step in path:
        places = [below for place in places for below in _below(place, step)]
    keys: list[str] = []
    for place in places:
        for part in _parts(place):
            if isinstance(part, type) and issubclass(part, pydantic.BaseModel):
                keys += [info.alias or name for name, info in part.model_fields.items()]
    return keys


def _below(place: Any, step: str | int) -> list[Any]:
    found = []
    for part in _parts(place):
        origin, inner = typing.get_origin(part), typing.get_args(part)
        if isinstance(part, type) and issubclass(part, pydantic.BaseModel):
            found += [
                info.annotation
                for name, info in part.model_fields.items()
                if step in (name, info.alias)
            ]
        elif origin in (list, tuple, set, frozenset) and inner:
            found.append(inner[0])
        elif origin in (dict, Mapping) and len(inner) == 2:
            found.append(inner[1])
    return found


def _shape(model: Any, path: Path) -> str:
    """What the text at a path must look like, in words; empty where any text will do."""
    places = [model]
    for step in path:
        places = [below for place in places for below in _below(place, step)]
    patterns = [
        getattr(info, "pattern", "")
        for place in places
        for branch in (place, *typing.get_args(place))
        for field in getattr(branch, "__metadata__", ())
        for info in getattr(field, "metadata", ())
    ]
    return next((_SHAPES[each] for each in patterns if each in _SHAPES), "")


def _parts(annotation: Any) -> list[Any]:
    """The branches of a union, without `Annotated`."""
    origin = typing.get_origin(annotation)
    if origin is typing.Annotated:
        return _parts(typing.get_args(annotation)[0])
    if origin in (typing.Union, types.UnionType):
        return [part for each in typing.get_args(annotation) for part in _parts(each)]
    return [annotation]


def _without_echoes(found: list[Complaint]) -> list[Complaint]:
    """Without `missing` where a misspelt key of the same mapping was meant for it."""
    meant = {(each.path[:-1], each.meant) for each in found if each.meant}
    return [
        each
        for each in found
        if each.code != "missing-key"
        or not (match := re.match(r"'(.+)' is missing", each.message))
        or (each.path, match[1]) not in meant
    ]
