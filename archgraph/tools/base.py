"""Tools as a model sees them: a schema from a signature, and arguments checked against it.

Store verbs and control verbs are plain Python methods; their signature and docstring become the
JSON Schema that the model is sent. Knows neither stores nor threads.
"""

from __future__ import annotations

import inspect
import json
import math
import re
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from archgraph import errors

_JSON_TYPES: dict[Any, str] = {str: "string", int: "integer", float: "number", bool: "boolean"}
_ACCEPTED: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
}


@dataclass(frozen=True, slots=True)
class Verb:
    """What a store or thread can do on a model's wish.

    `reads` and `writes` tell the checks which edge a tool with this verb is.
    """

    name: str
    description: str
    parameters: Mapping[str, Any]
    reads: bool
    writes: bool


@typing.overload
def verb(method: Callable[..., Any], /) -> Any: ...


@typing.overload
def verb(*, reads: bool = False, writes: bool = False) -> Callable[[Any], Any]: ...


def verb(
    method: Callable[..., Any] | None = None, /, *, reads: bool = False, writes: bool = False
) -> Any:
    """Mark a method as a verb; its signature and docstring become the tool's schema.

    Stands above a method as `@verb`, or as `@verb(writes=True)`.
    """

    def mark(method: Any) -> Any:
        method.archgraph_verb = (reads, writes)
        return method

    return mark if method is None else mark(method)


def verbs_of(owner: type) -> dict[str, Verb]:
    """The verbs of a class by name, in alphabetical order."""
    found = {}
    for name, member in inspect.getmembers(owner, inspect.isfunction):
        marked = getattr(member, "archgraph_verb", None)
        if marked is not None:
            description, parameters = describe(member)
            found[name] = Verb(name, description, parameters, *marked)
    return found


def describe(function: Callable[..., Any]) -> tuple[str, dict[str, Any]]:
    """Description and JSON Schema of a function's arguments, from signature and docstring.

    Raises:
        PluginError: an argument's type has no JSON Schema here.
    """
    doc = inspect.getdoc(function) or ""
    summary = re.split(r"\n\s*\n|\n(?=Args:|Returns:|Raises:)", doc, maxsplit=1)[0]
    notes = _argument_notes(doc)
    hints = typing.get_type_hints(function)
    properties: dict[str, Any] = {}
    required: list[str] = []
    for name, parameter in inspect.signature(function).parameters.items():
        if name == "self" or parameter.kind is inspect.Parameter.VAR_KEYWORD:
            continue  # a store's verb takes its declared fields so: `Store.verbs_for` names them
        schema = _schema_of(hints.get(name, str), f"{function.__qualname__}({name})")
        if name in notes:
            schema["description"] = notes[name]
        if parameter.default is inspect.Parameter.empty:
            required.append(name)
        elif parameter.default is not None:
            schema["default"] = parameter.default
        properties[name] = schema
    text = " ".join(summary.split())
    return text, {"type": "object", "properties": properties, "required": required}


def parse_arguments(raw: str) -> dict[str, Any]:
    """Read a model's arguments.

    Raises:
        ToolError: the text is not a JSON object; the message tells the model where it broke.
    """
    try:
        value = json.loads(raw or "{}")
    except (ValueError, RecursionError) as error:
        raise errors.ToolError(f"the arguments are not valid JSON: {error}") from error
    if not isinstance(value, dict):
        raise errors.ToolError("the arguments must be a JSON object")
    return value


def check_arguments(arguments: Mapping[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments with defaults filled in, checked against a schema.

    Raises:
        ToolError: names every missing, unknown or mistyped argument.
    """
    properties: Mapping[str, Any] = schema["properties"]
    wrong = [
        f"missing argument {name!r}" for name in schema.get("required", []) if name not in arguments
    ]
    checked = {name: part["default"] for name, part in properties.items() if "default" in part}
    for name, value in arguments.items():
        if name not in properties:
            wrong.append(f"unknown argument {name!r} ({errors.suggest(name, properties)})")
        elif value is None and name not in schema.get("required", []):
            continue
        elif complaint := _mistyped(value, properties[name]):
            wrong.append(f"argument {name!r} {complaint}")
        else:
            checked[name] = value
    if wrong:
        raise errors.ToolError("; ".join(wrong))
    return checked


def _mistyped(value: Any, schema: Mapping[str, Any]) -> str:
    kind = schema.get("type")
    if not isinstance(kind, str) or kind not in _ACCEPTED:
        return ""  # a server's schema may say it in other ways; the server looks for itself
    if isinstance(value, float) and not math.isfinite(value):
        return f"must be a number, not {value}"
    if isinstance(value, float) and kind == "integer" and value.is_integer():
        return ""
    wrong_bool = isinstance(value, bool) and kind != "boolean"
    if wrong_bool or not isinstance(value, _ACCEPTED[kind]):
        return f"must be of type {kind}, not {json.dumps(value)[:60]}"
    if "enum" in schema and value not in schema["enum"]:
        return f"must be one of {', '.join(map(repr, schema['enum']))}"
    if isinstance(value, list) and "items" in schema:
        complaints = (_mistyped(item, schema["items"]) for item in value)
        return next(filter(None, complaints), "")
    return ""


def _schema_of(hint: Any, place: str) -> dict[str, Any]:
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if hint in _JSON_TYPES:
        return {"type": _JSON_TYPES[hint]}
    if origin is typing.Literal:
        return {"type": "string", "enum": list(inner)}
    if origin is list:
        return {"type": "array", "items": _schema_of(inner[0], place)}
    if origin is dict or hint is dict:
        return {"type": "object"}
    if origin in (typing.Union, types.UnionType):
        options = [option for option in inner if option is not type(None)]
        if len(options) == 1:
            return _schema_of(options[0], place)
    told = hint.__name__ if isinstance(hint, type) else str(hint)
    raise errors.PluginError(f"{place}: no JSON Schema for the type {told}")


def _argument_notes(doc: str) -> dict[str, str]:
    match = re.search(r"^Args:\n((?:[ \t]+.*\n?|\n)*)", doc, re.MULTILINE)
    if not match:
        return {}
    notes: dict[str, str] = {}
    current = ""
    for line in match.group(1).splitlines():
        head = re.match(r"^\s{4}(\w+)(?: \([^)]*\))?: (.*)$", line)
        if head:
            current = head.group(1)
            notes[current] = head.group(2).strip()
        elif current and line.strip():
            notes[current] += " " + line.strip()
    return notes
