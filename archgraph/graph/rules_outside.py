"""Rules about outside tools: they can be had, can be described, and keep their secrets out.

To see that, Python modules are imported and MCP servers are started; `outside` does it once.
"""

from __future__ import annotations

import dataclasses
import re
from urllib import parse

from archgraph.graph import design
from archgraph.llm import secret_options
from archgraph.spec import architecture, tree
from archgraph.tools import outside as tools

_INJECTED = ("request_heartbeat", "inner_thoughts")
_FLAG = re.compile(r"^-{1,2}([\w-]+?)(?:=(.*))?$", re.DOTALL)


def offers(found: design.Design) -> None:
    """Every function can be imported and described, every server be reached and has the tool."""
    silent: set[str] = set()
    for name, tool in found.spec.tools.items():
        if tool.verb:
            continue
        kind = tools.PYTHON if tool.python else tools.MCP
        path: tree.Path = ("tools", name, kind)
        try:
            offer = found.offers.of(name, tool)
        except tools.Unusable as error:
            if error.message not in silent:  # a server that is down is told once
                code = "python-tool" if kind == tools.PYTHON else "mcp-tool"
                code = "mcp-server" if error.server else code
                at = ("tools", name, "tool") if code == "mcp-tool" and tool.tool else path
                found.report(code, error.message, error.remedy, at)
            if error.server:
                silent.add(error.message)
            continue
        _described(found, name, tool, offer, path)


def result_caps(found: design.Design) -> None:
    """A declared cap of a result is no larger than what the reader's log shows of a message."""
    for thread in found.spec.threads:
        log = found.log_of(thread)
        shown = getattr(found.options(log), "message_cap", None) if log in found.types else None
        for name in found.tools_of(thread):
            tool = found.spec.tools[name]
            declared = "result_cap" in tool.model_fields_set
            if shown is not None and declared and tool.result_cap > shown:
                message = f"{thread!r} reads at most {shown} tokens of a result"
                remedy = f"lower it, or raise `message_cap` of {log}"
                found.warn("cap-unused", message, remedy, ("tools", name, "result_cap"))


def secrets(found: design.Design) -> None:
    """No key or password stands in a command, an address or a fixed argument."""
    for name, tool in found.spec.tools.items():
        at: tree.Path = ("tools", name)
        for place, value in secret_options.places(tool.fixed, ("fixed",)):
            _secret(found, (*at, *place), value, "let the tool read it from the environment")
        if tool.mcp is None:
            continue
        for index, value in _told(tool.mcp.command or []):
            remedy = "name its environment variable in `env`; servers read keys from there"
            _secret(found, (*at, "mcp", "command", index), value, remedy)
        if tool.mcp.url and _in_address(tool.mcp.url):
            remedy = "put it into `headers`: {Authorization: NAME_OF_A_VARIABLE}"
            _secret(found, (*at, "mcp", "url"), tool.mcp.url, remedy)


# Private functions


def _described(
    found: design.Design,
    name: str,
    tool: architecture.Tool,
    offer: tools.Offer,
    path: tree.Path,
) -> None:
    for argument in _INJECTED:
        if argument in offer.verb.parameters["properties"]:
            message = f"it has an argument {argument!r}, which means something else here"
            found.report(f"{path[-1]}-tool", message, "give the argument another name", path)
    if not offer.verb.description and not tool.about:
        message = "nothing tells the model what it does"
        remedy = "write a docstring" if tool.python else "describe it with `about`"
        found.warn("no-description", message, remedy, ("tools", name), key=True)


def _told(command: list[str]) -> list[tuple[int, str]]:
    """Arguments that look like keys or passwords, by flag or by shape."""
    found = []
    for index, argument in enumerate(command):
        flag = _FLAG.match(argument)
        named = flag is not None and secret_options.is_secret(flag[1])
        if flag and named and flag[2]:
            found.append((index, argument))
        elif named and index + 1 < len(command) and not command[index + 1].startswith("-"):
            found.append((index + 1, command[index + 1]))
        elif list(secret_options.places(argument)):
            found.append((index, argument))
    return found


def _in_address(url: str) -> bool:
    split = parse.urlsplit(url)
    named = [key for key, _ in parse.parse_qsl(split.query)]
    return split.password is not None or any(map(secret_options.is_secret, named))


def _secret(found: design.Design, path: tree.Path, value: object, remedy: str) -> None:
    message = "a key or password would be kept in every agent made of this, in clear"
    told = found.loaded.problem("secret-in-file", message, remedy, path)
    shown = told.file.replace(str(value), "[hidden]")  # a `--set` is told with what it set
    found.problems.append(dataclasses.replace(told, file=shown))
