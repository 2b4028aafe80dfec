"""The fields of a typed answer: a short form in YAML, a JSON Schema for the model.

Used by the operators that ask. `{fact: text, importance: {type: integer, least: 1, most: 10}}`
becomes the parameters of the tool `answer`. Knows no operator.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Literal

import pydantic

from archgraph.operators import values

Kind = Literal["text", "texts", "integer", "number", "boolean", "date"]
Schema = dict[str, Any]

_TYPES: Mapping[str, Schema] = {
    "text": {"type": "string"},
    "texts": {"type": "array", "items": {"type": "string"}},
    "integer": {"type": "integer"},
    "number": {"type": "number"},
    "boolean": {"type": "boolean"},
    "date": {"type": "string"},
}
_DATE = "a date or moment as YYYY-MM-DD or YYYY-MM-DD HH:MM:SS; empty if none is known"
_NONE = "empty if none fits"


class Field(pydantic.BaseModel):
    """One field of a typed answer."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    type: Kind = "text"
    """`text`, `texts` (a list), `integer`, `number`, `boolean` or `date`."""
    about: str = ""
    """What belongs in it, told to the model."""
    least: float | None = None
    """The smallest number."""
    most: float | None = None
    """The greatest number, or the most texts of a list."""
    one_of: list[str] | str = pydantic.Field(default=[])
    """The allowed texts; or the name of a list of records, of which the model gives one id."""
    some_of: str = ""
    """The name of a list of records, of which the model gives the ids that fit."""
    optional: bool = False
    """The model may leave it out."""

    @pydantic.model_validator(mode="before")
    @classmethod
    def _short(cls, value: Any) -> Any:
        if isinstance(value, str):
            return {"type": value}
        return {"one_of": value} if isinstance(value, list) else value

    @pydantic.model_validator(mode="after")
    def _sound(self) -> Field:
        if self.one_of and self.some_of:
            raise ValueError("`one_of` and `some_of` exclude each other")
        if (self.one_of or self.some_of) and self.type != "text":
            raise ValueError("what is chosen among texts or ids has no `type`")
        bounded = self.type in ("integer", "number", "texts")
        if (self.least is not None or self.most is not None) and not bounded:
            raise ValueError(f"`least` and `most` bound numbers and lists, not a {self.type}")
        return self

    def named(self) -> list[str]:
        """Values that the field needs, by name."""
        return [name for name in (self.some_of, self.one_of) if isinstance(name, str) and name]


Fields = Annotated[dict[str, Field], pydantic.Field(min_length=1)]


def schema(
    wanted: Mapping[str, Field],
    ids: Callable[[str], Sequence[str]] = lambda name: (),
    *,
    many: int = 0,
) -> Schema:
    """The parameters of `answer`.

    Args:
        wanted: the fields.
        ids: the ids of a value's records, for `one_of` and `some_of`.
        many: at most so many items, each with the fields, under `items`; 0: one answer.
    """
    properties = {name: _property(field, ids) for name, field in wanted.items()}
    required = [name for name, field in wanted.items() if not field.optional]
    one: Schema = {"type": "object", "properties": properties, "required": required}
    if not many:
        return one
    listed = {"type": "array", "items": one, "maxItems": many}
    return {"type": "object", "properties": {"items": listed}, "required": ["items"]}


def _property(field: Field, ids: Callable[[str], Sequence[str]]) -> Schema:
    found: Schema = {key: part for key, part in _TYPES[field.type].items()}
    about = [field.about] if field.about else []
    if field.some_of:
        known = list(ids(field.some_of))
        found = {"type": "array", "items": {"type": "string", "enum": known or [""]}}
    elif isinstance(field.one_of, str):
        found["enum"] = ["", *ids(field.one_of)]
        about.append(_NONE)
    elif field.one_of:
        found["enum"] = list(field.one_of)
    if field.type == "date":
        found["format"] = "date-time"
        about.append(_DATE)
    if field.type in ("integer", "number"):
        bounds = {"minimum": field.least, "maximum": field.most}
        found |= {key: bound for key, bound in bounds.items() if bound is not None}
    elif field.type == "texts" and field.most is not None:
        found["maxItems"] = int(field.most)
    if about:
        found["description"] = "; ".join(about)
    return found


def complaint(given: Any, wanted: Schema) -> str:
    """What is wrong with an answer; empty if nothing is."""
    from archgraph import errors
    from archgraph.tools import base as tools

    many = wanted["properties"].get("items", {}).get("items", {})
    if "properties" in many and isinstance(given, Mapping):
        listed = given.get("items")
        if not isinstance(listed, list):
            return "`items` must be a list"
        found = (complaint(each, many) for each in listed)
        return next((f"item {n}: {text}" for n, text in enumerate(found, 1) if text), "")
    if not isinstance(given, Mapping):
        return "an object was expected"
    try:
        tools.check_arguments(given, wanted)
    except errors.ToolError as error:
        return str(error)
    return ""


def cleaned(given: Mapping[str, Any], wanted: Mapping[str, Field]) -> dict[str, Any]:
    """An answer's fields with dates as seconds, numbers within bounds, and nothing else."""
    found: dict[str, Any] = {}
    for name, field in wanted.items():
        value = given.get(name)
        if field.type == "date":
            value = values.moment(value)
        elif field.type in ("integer", "number") and isinstance(value, int | float):
            value = max(value, field.least) if field.least is not None else value
            value = min(value, field.most) if field.most is not None else value
            value = int(value) if field.type == "integer" else float(value)
        elif isinstance(value, list):
            value = [each for each in dict.fromkeys(map(str, value)) if each.strip()]
        elif isinstance(value, str):
            value = value.strip()
        if value is not None:
            found[name] = value
    return found
