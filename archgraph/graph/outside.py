"""Outside tools in a plan, and what they offer when an architecture is checked.

To know a tool's schema, a Python function is imported and an MCP server is started and asked;
what they say is frozen in the plan, so that the budget proof and a replay need neither. Used by
`design` and `assemble`. Judges nothing: whatever cannot be had is raised as `Unusable`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archgraph import errors
from archgraph.spec import architecture, triggers
from archgraph.tools import outside

if TYPE_CHECKING:
    from archgraph.tools import mcp


@dataclass(frozen=True, slots=True)
class OutsidePlan:
    """How an outside tool is called.

    `kind` is `python` or `mcp`; `target` the function as `module:function`, or the tool's name at
    its server. The server is started by `command` or reached at `url`; `env` and `headers` (header
    to variable) name environment variables. `folders` are those of the architecture's files, the
    last one first. `timeout` is in seconds, `result_cap` in tokens. `schema` is what the tool's
    arguments were when the plan was made, with those that are fixed.
    """

    kind: str
    target: str
    timeout: float
    result_cap: int
    folders: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    url: str = ""
    env: tuple[str, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    schema: Mapping[str, Any] = field(default_factory=dict)


class Offers:
    """What the outside tools of an architecture offer; each is looked up once."""

    def __init__(self, files: Sequence[Path] = ()) -> None:
        self.folders = tuple(dict.fromkeys(str(file.parent.absolute()) for file in files))
        self._found: dict[str, outside.Offer | outside.Unusable] = {}
        self._servers: dict[Any, Mapping[str, outside.Offer] | outside.Unusable] = {}

    def of(self, name: str, tool: architecture.Tool) -> outside.Offer:
        """What a tool of the architecture offers.

        Raises:
            Unusable: it cannot be had; the message says why, the remedy what to do.
        """
        if name not in self._found:
            try:
                self._found[name] = self._look(name, tool)
            except outside.Unusable as error:
                self._found[name] = error
        found = self._found[name]
        if isinstance(found, outside.Unusable):
            raise found
        return found

    def plan(self, name: str, tool: architecture.Tool) -> OutsidePlan:
        """How the runtime will call a tool that can be had."""
        schema = self.of(name, tool).verb.parameters
        timeout = triggers.seconds(tool.timeout)
        if tool.python:
            return OutsidePlan(
                outside.PYTHON, tool.python, timeout, tool.result_cap, self.folders, schema=schema
            )
        assert tool.mcp is not None
        return OutsidePlan(
            outside.MCP,
            tool.tool or name,
            timeout,
            tool.result_cap,
            self.folders,
            tuple(tool.mcp.command or ()),
            tool.mcp.url or "",
            tuple(tool.mcp.env),
            dict(tool.mcp.headers),
            schema,
        )

    def _look(self, name: str, tool: architecture.Tool) -> outside.Offer:
        if tool.python:
            from archgraph.tools import python

            return python.load(tool.python, self.folders).offer
        offered, wanted = self._listed(tool), tool.tool or name
        if wanted not in offered:
            message = f"the MCP server has no tool {wanted!r}"
            raise outside.Unusable(message, errors.suggest(wanted, offered))
        return offered[wanted]

    def _listed(self, tool: architecture.Tool) -> Mapping[str, outside.Offer]:
        """The tools of a server, which is started or reached for this and left again."""
        from archgraph.tools import mcp

        assert tool.mcp is not None
        address = _address(tool.mcp.command, tool.mcp.url, tool.mcp.env, tool.mcp.headers,
                           self.folders)  # fmt: skip
        if address not in self._servers:
            server = mcp.Server(address)
            try:
                self._servers[address] = server.tools(triggers.seconds(tool.timeout))
            except outside.Unusable as error:
                self._servers[address] = error
            finally:
                server.close()
        found = self._servers[address]
        if isinstance(found, outside.Unusable):
            raise found
        return found


def address_of(plan: OutsidePlan) -> mcp.Address:
    """The server of a planned tool; equal addresses share a connection."""
    return _address(plan.command, plan.url, plan.env, plan.headers, plan.folders)


def from_plain(data: Mapping[str, Any] | None) -> OutsidePlan | None:
    """What `dataclasses.asdict` and JSON have made of a plan, as it was."""
    if data is None:
        return None
    lists = {key: tuple(data[key]) for key in ("folders", "command", "env")}
    return OutsidePlan(**{**data, **lists})


def _address(
    command: Sequence[str] | None,
    url: str | None,
    env: Sequence[str],
    headers: Mapping[str, str],
    folders: Sequence[str],
) -> mcp.Address:
    from archgraph.tools import mcp

    folder = folders[0] if command and folders else ""
    pairs = tuple(sorted(headers.items()))
    return mcp.Address(tuple(command or ()), url or "", tuple(env), pairs, folder)
