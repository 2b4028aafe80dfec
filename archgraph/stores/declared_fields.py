"""Fields that a collection declares: arguments of its verbs, and how they are shown.

`fields: {subject: text, since: date}` makes `insert` take `subject` and `since`. The names of the
envelope (`importance`, `strength`, `valid_from`, `valid_to`) go there. Used by `collection`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal

import pydantic

from archgraph import clock, errors
from archgraph.tools import base as tools

Kind = Literal["text", "integer", "number", "boolean", "date", "list"]
ENVELOPE: Mapping[str, Kind] = {
    "importance": "number",
    "strength": "number",
    "valid_from": "date",
    "valid_to": "date",
}
"""Parts of a record's envelope that a field may stand for, with their types."""
TAKEN = ("content", "id", "query", "page", "store")
MASK = "****"
_TYPES = {"text": "string", "date": "string", "list": "array"}


class Field(pydantic.BaseModel):
    """What a declared field may hold."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    type: Kind = "text"
    """What it holds; `date` is YYYY-MM-DD, with a time if wanted; `list` is of texts."""
    about: str = ""
    """What it means, for the model that fills it in."""
    required: bool = False
    """Whether every record must have it; the fields of `key` must in any case."""
    one_of: list[str] = []
    """The texts that it may be."""
    secret: bool = False
    """Whether what a model reads shows it masked; pipelines and templates see it."""

    @pydantic.model_validator(mode="after")
    def _sound(self) -> Field:
        if self.one_of and self.type != "text":
            raise ValueError("`one_of` lists texts; it needs `type: text`")
        return self


Declared = dict[str, Kind | Field]


def whole(declared: Declared) -> dict[str, Field]:
    """Each field with all that it may say."""
    return {
        name: field if isinstance(field, Field) else Field(type=field)
        for name, field in declared.items()
    }


def check(declared: Declared, key: list[str]) -> None:
    """Refuse names that a verb cannot take, and wrong types of the envelope.

    Raises:
        ValueError: says which field is meant.
    """
    for name, field in whole(declared).items():
        if not name.isidentifier() or name in TAKEN:
            raise ValueError(f"{name!r} cannot be the name of a field")
        if name in ENVELOPE and field.type not in (ENVELOPE[name], "integer"):
            raise ValueError(f"the field {name!r} is a {ENVELOPE[name]}, not a {field.type}")
    for name in key:
        if declared and name not in declared:
            hint = errors.suggest(name, declared)
            raise ValueError(f"`key` names {name!r}, which is none of `fields`; {hint}")


def required(declared: Declared, key: list[str]) -> list[str]:
    """The fields without which there is no record: those that say so, and those of its key."""
    return [name for name, field in whole(declared).items() if field.required or name in key]


def extended(verb: tools.Verb, declared: Declared, must: list[str]) -> tools.Verb:
    """A verb that also takes the declared fields; those in `must` have to be given."""
    properties = dict(verb.parameters["properties"])
    for name, field in whole(declared).items():
        properties[name] = _schema(field)
    needed = [*verb.parameters.get("required", []), *must]
    parameters = {**verb.parameters, "properties": properties, "required": needed}
    return replace(verb, parameters=parameters)


def _schema(field: Field) -> dict[str, Any]:
    found: dict[str, Any] = {"type": _TYPES.get(field.type, field.type)}
    if field.one_of:
        found["enum"] = list(field.one_of)
    if field.type == "list":
        found["items"] = {"type": "string"}
    about = field.about or ("As YYYY-MM-DD." if field.type == "date" else "")
    return found | ({"description": about} if about else {})


def read(declared: Declared, given: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The fields and the envelope that a model's arguments come to.

    Raises:
        ToolError: a field is not declared, or does not hold what it may.
    """
    fields: dict[str, Any] = {}
    envelope: dict[str, Any] = {}
    known = whole(declared)
    for name, value in given.items():
        if name not in known:
            raise errors.ToolError(f"no field {name!r}; {errors.suggest(name, known)}")
        if value in (None, ""):
            continue
        if known[name].type == "date":
            moment = _moment(name, value)
            value = moment if name in ENVELOPE else str(value).strip()
        if name in ENVELOPE:
            envelope[name] = float(value)
        else:
            fields[name] = value
    return fields, envelope


def shown(declared: Declared, fields: Mapping[str, Any]) -> dict[str, str]:
    """Fields as text, secret ones masked."""
    told = whole(declared)
    secret = {name for name, field in told.items() if field.secret}
    dates = {name for name, field in told.items() if field.type == "date"}
    return {
        name: MASK if name in secret else _day(value) if name in dates else text(value)
        for name, value in fields.items()
    }


def _day(value: Any) -> str:
    """A date as it is read; pipelines keep moments, in seconds since 1970."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return text(value)
    return clock.stamp(value)[:10]


def text(value: Any) -> str:
    """A field's value as it is read."""
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _moment(name: str, value: Any) -> float:
    try:
        return clock.parse_moment(str(value))
    except ValueError as error:
        raise errors.ToolError(f"{name} must be a date such as 2024-05-08: {error}") from error
