"""Tools of MCP servers, over stdio or streamable HTTP: list them, call them, reconnect.

The official `mcp` package is async; this is its only home. One event loop in a background thread
serves all connections of the process, and everything here may be called from plain code. Called
by the checks (to list a server's tools) and by the runtime (to call them). Knows no agent.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import functools
import os
import sys
import tempfile
import threading
import weakref
from collections.abc import AsyncIterator, Coroutine, Mapping
from concurrent import futures
from dataclasses import dataclass
from importlib import metadata
from typing import IO, Any, TypeVar

from archgraph import errors
from archgraph.tools import base, outside

META_CALL_ID = "archgraph/call_id"
"""The key of a request's `_meta` that carries the id of a call."""

_INSTALL = "pip install '.[mcp]' in archgraph's checkout"
_CLOSED = -32000
"""The code of an MCP error that says that the connection is gone (mcp_types.CONNECTION_CLOSED)."""
_TAIL = 400
"""Characters of a server's own complaints that are shown."""
_PAGES = 100
"""The most pages of a server's list of tools that are read."""
_CONNECTING = 30.0
"""Seconds until a connection over HTTP must stand."""
_PARTING = 10.0
"""Seconds that a server is given to end."""

_Value = TypeVar("_Value")


@dataclass(frozen=True, slots=True)
class Address:
    """How a server is reached: a `command` to start, or a `url`.

    `env` and `headers` (header and variable) name environment variables whose values the server
    is given; the values are read when it is reached, and kept nowhere. `folder` is where the
    command runs.
    """

    command: tuple[str, ...] = ()
    url: str = ""
    env: tuple[str, ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    folder: str = ""

    @property
    def shown(self) -> str:
        """The server in words."""
        return self.url or " ".join(self.command)

    @property
    def variables(self) -> list[str]:
        """The environment variables that it names."""
        return [*self.env, *(name for _, name in self.headers)]

    def values(self) -> dict[str, str]:
        """The values of the variables that it names.

        Raises:
            Unusable: one of them is not set.
        """
        names = self.variables
        unset = [name for name in names if not os.environ.get(name)]
        if unset:
            message = f"the environment variable {' and '.join(unset)} is not set"
            raise outside.Unusable(message, f"set it: export {unset[0]}=...", server=True)
        return {name: os.environ[name] for name in names}


class Server:
    """One connection to one server. It is made at the first call, and again after it broke."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self._lock = threading.RLock()
        self._link: _Link | None = None

    def tools(self, seconds: float) -> dict[str, outside.Offer]:
        """What the server offers, by name; connects if need be.

        Raises:
            Unusable: it cannot be started or reached, or does not answer in time.
        """
        with self._lock:
            return self._connected(seconds).offers

    def call(self, tool: str, arguments: Mapping[str, Any], call_id: str, seconds: float) -> str:
        """Call a tool and give back what it answered, as text.

        Raises:
            ToolError: it failed, took too long, or the server is gone; the text is for the model.
        """
        with self._lock:
            try:
                link = self._connected(seconds)
            except outside.Unusable as error:
                raise errors.ToolError(str(error)) from error
            try:
                text, failed = link.call(tool, arguments, call_id, seconds)
            except _Gone as error:
                said = link.said()
                self.close()
                raise errors.ToolError(
                    f"the server {self.address.shown} is gone: {error}{said}; "
                    "the next call starts or reaches it anew"
                ) from error
        text = _hidden(text, self.address)
        if failed:
            raise errors.ToolError(text or f"{tool} failed and did not say why")
        return text or "Done."

    def close(self) -> None:
        """End the connection, and the process if one was started."""
        with self._lock:
            link, self._link = self._link, None
            if link is not None:
                link.close()

    def _connected(self, seconds: float) -> _Link:
        if self._link is not None and self._link.broken:
            self.close()
        if self._link is None:
            self._link = _Link(self.address, seconds)
        return self._link


class _Gone(Exception):
    """The connection broke during a call."""


class _Link:
    """A living connection: a task on the event loop holds it open until it is told to stop."""

    def __init__(self, address: Address, seconds: float) -> None:
        if not _installed():
            raise outside.Unusable("the package `mcp` is not installed", _INSTALL, server=True)
        self._address, self._values = address, address.values()
        self._client: Any = None
        self._errors = _scratch()
        self._stop: asyncio.Event | None = None
        self._own: asyncio.Task[Any] | None = None
        self._ended: futures.Future[None] = futures.Future()
        self._opened: futures.Future[dict[str, outside.Offer]] = futures.Future()
        self._task = asyncio.run_coroutine_threadsafe(self._hold(), _loop())
        _open_links.add(self)
        try:
            self.offers = self._opened.result(seconds)
        except BaseException as error:
            told = self._why(error, seconds)
            self.close()
            if told is None:
                raise
            remedy = "see that it runs and speaks MCP; `timeout` gives it more time"
            raise outside.Unusable(told, remedy, server=True) from error

    @property
    def broken(self) -> bool:
        """Whether the connection has ended."""
        return self._task.done()

    def call(
        self, tool: str, arguments: Mapping[str, Any], call_id: str, seconds: float
    ) -> tuple[str, bool]:
        """What a tool answered, and whether that is a failure."""
        from mcp import MCPError

        work = self._client.call_tool(tool, dict(arguments), meta={META_CALL_ID: call_id})
        try:
            result = _wait(work, seconds)
        except futures.TimeoutError:
            return outside.too_slow(tool, seconds), True
        except MCPError as error:
            if error.code == _CLOSED:
                raise _Gone(str(error)) from error
            return f"{tool}: {error}", True
        except Exception as error:  # of the transport: no more can be said of the connection
            raise _Gone(f"{type(error).__name__}: {error}".rstrip(": ")) from error
        return _text(result), bool(result.is_error)

    def said(self) -> str:
        """The end of what the server wrote on its standard error, for a complaint."""
        with contextlib.suppress(OSError, ValueError):
            self._errors.seek(0)
            text = " ".join(self._errors.read().split())[-_TAIL:]
            return f"; it said: {_hidden(text, self._address)}" if text else ""
        return ""

    def close(self) -> None:
        """Let the task end, and wait until its process, if it started one, is gone."""
        if self._opened.done() and self._stop is not None:
            _loop().call_soon_threadsafe(self._stop.set)
        elif self._own is not None:
            _loop().call_soon_threadsafe(self._own.cancel)
        else:
            self._task.cancel()
        with contextlib.suppress(futures.TimeoutError):
            self._ended.result(_PARTING if self._own else 0)
        if not self._task.done():
            self._task.cancel()
        _open_links.discard(self)
        self._errors.close()

    def _why(self, error: BaseException, seconds: float) -> str | None:
        """Why it could not be opened; None for what is no affair of the server."""
        name = self._address.shown
        if isinstance(error, futures.TimeoutError) and not self._opened.done():
            return f"the MCP server {name} did not answer in {seconds:g} seconds{self.said()}"
        if not isinstance(error, Exception):
            return None
        cause: BaseException = error
        while isinstance(cause, BaseExceptionGroup):
            cause = cause.exceptions[0]
        text = f"{type(cause).__name__}: {cause}".rstrip(": ")
        return f"the MCP server {name} cannot be reached: {text}{self.said()}"

    async def _hold(self) -> None:
        from mcp import Client

        self._own, self._stop = asyncio.current_task(), asyncio.Event()
        try:
            async with self._transport() as transport, Client(transport, cache=None) as client:
                self._client = client
                self._opened.set_result(await _list(client))
                await self._stop.wait()
        except BaseException as error:
            if not self._opened.done():
                self._opened.set_exception(error)
            elif isinstance(error, asyncio.CancelledError):
                raise
        finally:
            self._ended.set_result(None)

    @contextlib.asynccontextmanager
    async def _transport(self) -> AsyncIterator[Any]:
        """The way to the server, not yet entered."""
        if self._address.url:
            import httpx2
            from mcp.client.streamable_http import streamable_http_client

            headers = {
                header: _authorised(header, self._values[name])
                for header, name in self._address.headers
            }
            patience = httpx2.Timeout(_CONNECTING, read=None)  # the caller bounds the whole
            async with httpx2.AsyncClient(headers=headers, timeout=patience) as http:
                yield streamable_http_client(self._address.url, http_client=http)
            return
        from mcp.client import stdio

        program, *arguments = self._address.command
        started = stdio.StdioServerParameters(
            command=sys.executable if program == "python" else program,
            args=arguments,
            env=self._values,
            cwd=self._address.folder or None,
        )
        yield stdio.stdio_client(started, errlog=self._errors)  # type: ignore[arg-type]


# Private functions


def _authorised(header: str, value: str) -> str:
    """A header's value; a bare token of `Authorization` is a bearer's."""
    bare = header.lower() == "authorization" and " " not in value.strip()
    return f"Bearer {value}" if bare else value


def _hidden(text: str, address: Address) -> str:
    """A text without the values that the server was given."""
    for name in address.variables:
        value = os.environ.get(name, "")
        if len(value) > 5:  # shorter ones are no secrets, and stand in any text
            text = text.replace(value, f"[{name}]")
    return text


def _scratch() -> IO[str]:
    """A file for what a server complains of; it is gone when it is closed."""
    return tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")


async def _list(client: Any) -> dict[str, outside.Offer]:
    found: dict[str, outside.Offer] = {}
    cursor: str | None = None
    for _ in range(_PAGES):
        page = await client.list_tools(cursor=cursor)
        for tool in page.tools:
            schema = {"type": "object", "properties": {}, "required": []}
            schema |= outside.inlined(tool.input_schema)
            about = " ".join((tool.description or "").split())
            verb = base.Verb(outside.MCP, about, schema, False, False)
            found[tool.name] = outside.Offer(verb, True)
        cursor = page.next_cursor
        if not cursor:
            break
    return found


def _text(result: Any) -> str:
    parts = [_part(block) for block in result.content]
    if not parts and result.structured_content is not None:
        return outside.text_of(result.structured_content)
    return "\n".join(parts)


def _part(block: Any) -> str:
    """A block of a result as text; what is no text is named, with its size."""
    text = getattr(block, "text", None) or getattr(getattr(block, "resource", None), "text", None)
    if text is not None:
        return str(text)
    inner = getattr(block, "resource", block)
    uri, kind = getattr(inner, "uri", ""), getattr(inner, "mime_type", "") or ""
    data = getattr(block, "data", None) or getattr(inner, "blob", None) or ""
    size = f"{len(data)} characters of base64" if data else ""
    words = (block.type.replace("_", " "), str(uri), kind, size)
    return f"[{', '.join(word for word in words if word)}]"


@functools.cache
def _installed() -> bool:
    try:
        return int(metadata.version("mcp").partition(".")[0]) >= 2
    except metadata.PackageNotFoundError:
        return False


# --- the event loop ------------------------------------------------------------------------------

_open_links: weakref.WeakSet[_Link] = weakref.WeakSet()


@functools.cache
def _loop() -> asyncio.AbstractEventLoop:
    """The loop that serves all connections, in a thread that ends with the process."""
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="archgraph mcp", daemon=True).start()
    atexit.register(_close_all)
    return loop


def _close_all() -> None:
    """End what a caller left open, so that no server outlives the process."""
    for link in list(_open_links):
        link.close()


def _wait(work: Coroutine[Any, Any, _Value], seconds: float) -> _Value:
    """Wait for a coroutine on the loop; given up, it is cancelled."""
    future = asyncio.run_coroutine_threadsafe(work, _loop())
    try:
        return future.result(seconds)
    except BaseException:
        future.cancel()
        raise
