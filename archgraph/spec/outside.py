"""What a file may say of tools outside of the agent: Python functions and MCP servers.

Part of `architecture`. Knows neither Python modules nor servers; the checks look them up.
"""

from __future__ import annotations

from typing import Annotated, Any

import pydantic
from pydantic_core import PydanticCustomError

from archgraph.spec import triggers

FUNCTION = r"^[A-Za-z_][\w.]*:[A-Za-z_][\w.]*$"
VARIABLE = r"^[A-Za-z_][A-Za-z0-9_]*$"
URL = r"^https?://\S+$"
KINDS = ("verb", "python", "mcp")
DEFAULT_TIMEOUT = "30s"
DEFAULT_CAP = 1000
"""Tokens of a result of an outside tool, unless said."""

Function = Annotated[str, pydantic.Field(pattern=FUNCTION)]
"""`module:function`."""
Variable = Annotated[str, pydantic.Field(pattern=VARIABLE)]
"""The name of an environment variable."""


class Mcp(triggers.Model):
    """An MCP server: the command that starts it, or the address at which it is reached."""

    command: Annotated[list[str] | None, pydantic.Field(min_length=1)] = None
    """Program and arguments; it is spoken to over its standard input and output. It runs in the
    folder of the architecture's file, and `python` is the Python that runs archgraph."""
    url: Annotated[str | None, pydantic.Field(pattern=URL)] = None
    """Where it is reached over streamable HTTP."""
    env: list[Variable] = pydantic.Field(default_factory=list)
    """With `command`: names of environment variables that it is given; never their values."""
    headers: dict[str, Variable] = pydantic.Field(default_factory=dict)
    """With `url`: HTTP headers, each with the environment variable that holds its value."""

    @pydantic.model_validator(mode="after")
    def _one_way(self) -> Mcp:
        if (self.command is None) == (self.url is None):
            hint = {"hint": "give either `command` or `url`"}
            code = "missing-key" if self.url is None else "wrong-value"
            raise PydanticCustomError(code, "how is the server reached?", hint)
        if self.env and self.url:
            raise PydanticCustomError("wrong-value", "`env` is for a `command`; use `headers`")
        if self.headers and self.command:
            raise PydanticCustomError("wrong-value", "`headers` are for a `url`; use `env`")
        return self


def one_kind(tool: Any) -> None:
    """See that a tool says in one way what it does, and has no key that is for another way.

    Raises:
        PydanticCustomError: it does not.
    """
    given = [kind for kind in KINDS if getattr(tool, kind)]
    if not given:
        hint = {"hint": "give a `verb`, a `python` function or an `mcp` server"}
        raise PydanticCustomError("missing-key", "the tool does not say what it does", hint)
    if len(given) > 1:
        hint = {"hint": "make a tool of each"}
        raise PydanticCustomError("wrong-value", " and ".join(given) + " in one tool", hint)
    owned = {"python": ("timeout", "result_cap"), "mcp": ("tool", "timeout", "result_cap")}
    foreign = {"tool", "timeout", "result_cap"} - set(owned.get(given[0], ()))
    if given[0] != "verb":
        foreign |= {"stores", "threads", "within", "mode"}
    for key in sorted(foreign & tool.model_fields_set):
        hint = {"hint": f"delete `{key}`"}
        raise PydanticCustomError("wrong-value", f"`{key}` goes not with `{given[0]}`", hint)
