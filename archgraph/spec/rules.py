"""Tool rules as a file writes them: the order in which a run may call its thread's tools.

Part of `architecture`. Each tool that a rule names is an edge; whether the thread offers it, and
whether the rules leave a way to the end, is for the checks.
"""

from __future__ import annotations

from typing import Annotated, Any

import pydantic

from archgraph.spec import triggers

NAME = r"^[A-Za-z][A-Za-z0-9_]{0,62}$"
ELSE, ANY, NOTHING = "else", "all", "none"
"""In a branch: the key for any other result, and the two values of it that are no tools."""

Name = Annotated[str, pydantic.Field(pattern=NAME)]
PositiveInt = Annotated[int, pydantic.Field(ge=1)]


def listed(value: Any) -> Any:
    """A name as a list of names."""
    return [value] if isinstance(value, str) else value


def _called(value: Any) -> Any:
    """Names as a mapping to their prefilled arguments, of which most have none."""
    if isinstance(value, str):
        return {value: {}}
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        return {each: {} for each in value}
    return value


Names = Annotated[
    list[Name],
    pydantic.BeforeValidator(listed, json_schema_input_type=Name | list[Name]),
]
"""One name, or a list of names."""

Calls = Annotated[
    dict[Name, dict[str, Any]],
    pydantic.BeforeValidator(
        _called, json_schema_input_type=Name | list[Name] | dict[Name, dict[str, Any]]
    ),
]
"""One name, a list of names, or names with the arguments that are set for the call."""


class Rules(triggers.Model):
    """The order in which tools may be called within a run. Only successful calls count."""

    first: Calls = pydantic.Field(default_factory=dict)
    """The run's first call must be one of these; `{search: {query: hello}}` sets arguments of it,
    over what the model writes."""
    last: Names = pydantic.Field(default_factory=list)
    """A successful call of one of these ends the run."""
    go_on: Names = pydantic.Field(default_factory=list, alias="continue")
    """After a successful call of one of these the run goes on."""
    then: dict[str, Calls] = pydantic.Field(default_factory=dict)
    """After a tool, the next call must be one of these; arguments are set as in `first`."""
    after: dict[str, Names] = pydantic.Field(default_factory=dict)
    """A tool that may only be called right after one of these."""
    branch: dict[str, dict[str, Names]] = pydantic.Field(default_factory=dict)
    """After a tool, what its result lets follow: `{grade: {good: send, "bad*": search, else:
    grade}}`. In a pattern `*` stands for anything. `else` is a tool, `all` (any tool, the default),
    or `none`: the tool has to be called again."""
    at_most: dict[str, PositiveInt] = pydantic.Field(default_factory=dict)
    """How often a tool may be called in a run."""
    required: Names = pydantic.Field(default_factory=list)
    """Must have been called before the run may end."""
    approval: Names = pydantic.Field(default_factory=list)
    """A person must agree to each call."""
