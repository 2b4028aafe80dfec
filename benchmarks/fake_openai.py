"""A fake OpenAI-compatible server with no model behind it, fast enough not to be measured itself.

Started by `benchmarks.harness.server()`; by hand: `python benchmarks/fake_openai.py --port 8123`.
Answers `POST .../chat/completions` at once; what it answers depends on the model's name:

    reply   the reply: a text, or a call of `send_message` where that tool is offered
    hb10    ten tool calls, one a request, then the reply. How many have been made is counted in
            the request itself: the tool results after the present turn's message

`GET /stats` tells how many completions were asked for and the bytes of their bodies since
`POST /reset`. Knows nothing of any peer; speaks HTTP/1.1 with keep-alive, and does not stream.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import signal
from typing import Any

MARK = b"[bench]"
"""Every benchmark message carries it, so that a turn's start is found whatever wraps the text."""

CALLS = 10
REPLY = "Noted. Is there anything else that you would like me to keep in mind?"
NOTE = "The user's cat is called Miso, is four years old and prefers the window seat in winter."
WRITING = ("remember", "archival_memory_insert", "core_memory_append")

_MODEL = re.compile(rb'"model"\s*:\s*"([^"]*)"')
_TOOLS = re.compile(rb'"tools"\s*:\s*(?=\[)')
_STREAM = re.compile(rb'"stream"\s*:\s*true')
_USER = re.compile(rb'"role"\s*:\s*"user"')
_TOOL = re.compile(rb'"role"\s*:\s*"tool"')
_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d+)", re.IGNORECASE)
# None of these can be found inside a JSON string: a quote in there is escaped.


def calls_made(body: bytes) -> int:
    """The tool results that stand after the message that began the present turn."""
    start = body.rfind(MARK)
    if start < 0:
        start = max((match.start() for match in _USER.finditer(body)), default=0)
    return sum(1 for _ in _TOOL.finditer(body, start))


def offered(body: bytes) -> dict[str, dict[str, Any]]:
    """The tools that the request offers: name to JSON schema of the arguments."""
    found = _TOOLS.search(body)
    if not found:
        return {}
    tools, _ = json.JSONDecoder().raw_decode(body[found.end() :].decode())
    return {tool["function"]["name"]: tool["function"].get("parameters", {}) for tool in tools}


def arguments(schema: dict[str, Any], text: str, heartbeat: bool) -> dict[str, Any]:
    """Arguments that fit the schema: all that is required, and the heartbeat where it exists."""
    properties = schema.get("properties", {})
    made = {name: _value(properties.get(name, {}), text) for name in schema.get("required", ())}
    if "request_heartbeat" in properties:
        made["request_heartbeat"] = heartbeat
    return made


def _value(schema: dict[str, Any], text: str) -> Any:
    if schema.get("enum"):
        return schema["enum"][0]
    return {"boolean": False, "integer": 1, "number": 1, "array": [], "object": {}}.get(
        schema.get("type", "string"), text
    )


def answer(body: bytes, serial: int) -> dict[str, Any]:
    """The assistant's message for a request."""
    model = (_MODEL.search(body) or [b"", b"reply"])[1].decode()
    tools = offered(body)
    writing = next((name for name in WRITING if name in tools), None)
    made = calls_made(body) if model == "hb10" else CALLS
    if writing and made < CALLS:
        return _call(writing, arguments(tools[writing], f"{NOTE} ({made})", True), serial)
    if "send_message" in tools:
        return _call("send_message", arguments(tools["send_message"], REPLY, False), serial)
    return {"role": "assistant", "content": REPLY}


def _call(name: str, filled: dict[str, Any], serial: int) -> dict[str, Any]:
    function = {"name": name, "arguments": json.dumps(filled)}
    call = {"id": f"call_{serial}", "type": "function", "function": function}
    return {"role": "assistant", "content": None, "tool_calls": [call]}


def completion(body: bytes, serial: int) -> bytes:
    """The whole response body. Tokens are bytes / 4: nobody here has a tokenizer."""
    message = answer(body, serial)
    spent = {"prompt_tokens": len(body) // 4, "completion_tokens": 24}
    spent["total_tokens"] = sum(spent.values())
    reason = "tool_calls" if "tool_calls" in message else "stop"
    return json.dumps(
        {
            "id": f"chatcmpl-{serial}",
            "object": "chat.completion",
            "created": 1_700_000_000,
            "model": "fake",
            "choices": [{"index": 0, "message": message, "finish_reason": reason}],
            "usage": spent,
        }
    ).encode()


class Count:
    """What the server has been asked."""

    requests = 0
    prompt_bytes = 0
    serial = 0


class Connection(asyncio.Protocol):
    """One kept-alive connection: bytes in, whole responses out, in order."""

    def __init__(self, count: Count) -> None:
        self.count = count
        self.buffer = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            head = bytes(self.buffer[:end])
            length = int((_LENGTH.search(head) or [b"", b"0"])[1])
            if len(self.buffer) < end + 4 + length:
                return
            body = bytes(self.buffer[end + 4 : end + 4 + length])
            del self.buffer[: end + 4 + length]
            self.transport.write(self.respond(head, body))

    def respond(self, head: bytes, body: bytes) -> bytes:
        path = head.split(b" ", 2)[1]
        if path.endswith(b"/chat/completions"):
            if _STREAM.search(body):
                return _http(b"400 Bad Request", b'{"error":{"message":"does not stream"}}')
            self.count.requests += 1
            self.count.prompt_bytes += len(body)
            self.count.serial += 1
            return _http(b"200 OK", completion(body, self.count.serial))
        if path == b"/reset":
            self.count.requests = self.count.prompt_bytes = 0
        if path in (b"/stats", b"/reset"):
            told = {"requests": self.count.requests, "prompt_bytes": self.count.prompt_bytes}
            return _http(b"200 OK", json.dumps(told).encode())
        return _http(b"404 Not Found", b'{"error":{"message":"no such path"}}')


def _http(status: bytes, body: bytes) -> bytes:
    return b"HTTP/1.1 %b\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (
        status,
        len(body),
        body,
    )


async def serve(port: int) -> None:
    """Serve until told to stop; the first line on stdout is the address."""
    loop = asyncio.get_running_loop()
    count = Count()
    server = await loop.create_server(lambda: Connection(count), "127.0.0.1", port, backlog=512)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1", flush=True)
    stop = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    await stop.wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--port", type=int, default=0, help="0: any free port")
    asyncio.run(serve(parser.parse_args().port))
