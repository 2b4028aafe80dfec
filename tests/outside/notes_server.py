"""An MCP server for tests: `python notes_server.py`, with a port over HTTP.

What it is asked to do to itself, it does: it dies, hangs, fails, and changes its tools.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import anyio
from mcp.server.mcpserver import Context, MCPServer

server = MCPServer("notes")


@server.tool()
def add(a: int, b: int = 2) -> int:
    """Add two numbers."""
    return a + b


@server.tool()
def note(text: str, ctx: Context) -> str:
    """Write a note into a file, with the id of the call.

    The file is the one that NOTES_FILE names.
    """
    meta: Any = ctx.request_context.meta
    with Path(os.environ["NOTES_FILE"]).open("a", encoding="utf-8") as file:
        file.write(f"{meta['archgraph/call_id']} {text}\n")
    return "Noted."


@server.tool()
def greet(name: str | None = None, times: int | None = None, tags: list[str] | None = None) -> str:
    """Greet, perhaps by name."""
    return f"Hello {name or 'you'}" * (times or 1) + "".join(tags or [])


@server.tool()
def tell_key() -> str:
    """Give away what it was told in confidence."""
    return f"the key is {os.environ.get('NOTES_KEY', 'not set')}"


@server.tool()
def authorised(ctx: Context) -> str:
    """Tell the header Authorization of this very request."""
    request: Any = ctx.request_context.request
    return str(request.headers.get("authorization"))


@server.tool()
def long() -> str:
    """Say much."""
    return "word " * 5000


@server.tool()
def die() -> str:
    """End this process at once."""
    print("the server ends itself", file=sys.stderr, flush=True)
    os._exit(3)


@server.tool()
def fail() -> str:
    """Raise something."""
    raise ValueError("this cannot be done")


@server.tool()
async def hang() -> str:
    """Never answer."""
    await anyio.sleep_forever()
    return ""


if os.environ.get("NOTES_CHANGED"):

    @server.tool()
    def grown(text: str, loud: bool) -> str:
        """Take more than before."""
        return text.upper() if loud else text
else:

    @server.tool()
    def grown(text: str) -> str:  # type: ignore[misc]
        """Take a text."""
        return text


if __name__ == "__main__":
    if len(sys.argv) > 1:
        server.run("streamable-http", host="127.0.0.1", port=int(sys.argv[1]))
    else:
        server.run()
