"""An OpenAI-compatible server for the tests: chat completions and embeddings on localhost.

Each request takes the next reply of the queue (or `server.default` when the queue is empty); a
reply is a `Text`, `Calls`, `Status`, `Hang`, `Cut` or `Raw`, or a function of the `Received`
request that gives one. Raw request bodies are kept in `server.received`.

    with FakeOpenAI() as server:
        server.queue(Status(429, retry_after=0), Text("hello"))
        ... options = server.options()          # api_base and api_key for the gateway

As a pytest fixture: `from tests.fake_openai import openai_server` in a test module or conftest.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

KEY = "sk-test-7f3a9c-must-never-be-shown"
"""The API key that `options()` hands out; no error message may contain it."""


@dataclass(frozen=True)
class Received:
    """One request as it arrived."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Text:
    """An ordinary answer in words."""

    text: str
    prompt_tokens: int = 11
    completion_tokens: int = 7
    cached_tokens: int = 3
    finish_reason: str = "stop"
    reasoning: str = ""


@dataclass(frozen=True)
class Calls:
    """Tool calls as (name, arguments); arguments are JSON text as it is, malformed or not."""

    calls: tuple[tuple[str, str], ...]
    text: str = ""
    prompt_tokens: int = 11
    completion_tokens: int = 7
    cached_tokens: int = 3

    @classmethod
    def of(cls, name: str, **arguments: Any) -> Calls:
        return cls(((name, json.dumps(arguments)),))


@dataclass(frozen=True)
class Status:
    """An HTTP error with an OpenAI error body (or `body` as it is)."""

    status: int
    message: str = "the fake server was told to fail"
    code: str | None = None
    type: str = "server_error"
    retry_after: float | None = None
    body: str | None = None


@dataclass(frozen=True)
class Hang:
    """Says nothing until the server is closed or the client goes away."""


@dataclass(frozen=True)
class Cut:
    """Breaks off after `events` events of `reply`; `clean` ends the body as if it were whole."""

    reply: Text | Calls = field(default_factory=lambda: Text("a text that is never finished"))
    events: int = 2
    clean: bool = False


@dataclass(frozen=True)
class Raw:
    """A 200 with this body, JSON or not."""

    body: str
    content_type: str = "application/json"


Reply = Text | Calls | Status | Hang | Cut | Raw
Answer = Reply | Callable[[Received], Reply]


class FakeOpenAI:
    """The server; a context manager. Thread-safe, keeps connections alive."""

    def __init__(self, default: Answer | None = None, dimension: int = 8) -> None:
        self.default: Answer = default if default is not None else Text("ok")
        self.dimension = dimension
        self.received: list[Received] = []
        self.closing = threading.Event()
        self._queue: deque[Answer] = deque()
        self._lock = threading.Lock()
        self._http = _Server(("127.0.0.1", 0), _Connection)
        self._http.fake = self
        self._thread = threading.Thread(
            target=self._http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
        )

    @property
    def url(self) -> str:
        """The base address, with `/v1`."""
        return f"http://127.0.0.1:{self._http.server_address[1]}/v1"

    def options(self, **more: Any) -> dict[str, Any]:
        """Gateway options that point at this server."""
        return {"api_base": self.url, "api_key": KEY, **more}

    def queue(self, *answers: Answer) -> None:
        """Answer the coming requests with these, in this order."""
        with self._lock:
            self._queue.extend(answers)

    def clear(self) -> None:
        """Drop the answers that were not used."""
        with self._lock:
            self._queue.clear()

    @property
    def chats(self) -> list[Received]:
        """The chat requests so far."""
        return [one for one in self.received if one.path.endswith("/chat/completions")]

    def take(self, request: Received) -> Reply:
        """The reply for a request, which is kept."""
        with self._lock:
            self.received.append(request)
            answer = self._queue.popleft() if self._queue else self.default
        return answer if isinstance(answer, Reply) else answer(request)

    def close(self) -> None:
        self.closing.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def __enter__(self) -> FakeOpenAI:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


@pytest.fixture
def openai_server() -> Iterator[FakeOpenAI]:
    """A fresh fake server for one test."""
    with FakeOpenAI() as server:
        yield server


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128
    fake: FakeOpenAI

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is part of the tests, not worth a traceback."""


class _Connection(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: _Server

    def log_message(self, format: str, *args: object) -> None:
        pass

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        request = Received(self.path, dict(self.headers), body)
        reply = self.server.fake.take(request)
        if isinstance(reply, Hang):
            self.server.fake.closing.wait()
            self.close_connection = True
        elif isinstance(reply, Status):
            self._fail(reply)
        elif isinstance(reply, Raw):
            self._send(200, reply.body.encode(), {"Content-Type": reply.content_type})
        elif self.path.endswith("/embeddings"):
            self._embed(request.json)
        elif request.json.get("stream"):
            self._stream(request.json, reply)
        elif isinstance(reply, Cut):
            self._cut_whole(request.json, reply)
        else:
            self._json(200, _completion(request.json, reply))

    def _json(self, status: int, data: Any, headers: dict[str, str] | None = None) -> None:
        body = json.dumps(data, ensure_ascii=False).encode()
        self._send(status, body, {"Content-Type": "application/json", **(headers or {})})

    def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def _fail(self, reply: Status) -> None:
        headers = {} if reply.retry_after is None else {"Retry-After": str(reply.retry_after)}
        if reply.body is not None:
            self._send(reply.status, reply.body.encode(), headers)
            return
        error = {"message": reply.message, "type": reply.type, "code": reply.code, "param": None}
        self._json(reply.status, {"error": error}, headers)

    def _cut_whole(self, request: Any, reply: Cut) -> None:
        body = json.dumps(_completion(request, reply.reply)).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) // 2])
        self.wfile.flush()
        self.close_connection = True

    def _embed(self, request: Any) -> None:
        texts = [request["input"]] if isinstance(request["input"], str) else request["input"]
        size = request.get("dimensions") or self.server.fake.dimension
        data = [
            {"object": "embedding", "index": i, "embedding": vector_of(text, size)}
            for i, text in enumerate(texts)
        ]
        usage = {"prompt_tokens": len(texts), "total_tokens": len(texts)}
        self._json(200, {"object": "list", "model": request["model"], "data": data, "usage": usage})

    def _stream(self, request: Any, reply: Text | Calls | Cut) -> None:
        events = list(_events(request, reply.reply if isinstance(reply, Cut) else reply))
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for event in events[: reply.events] if isinstance(reply, Cut) else events:
            self.wfile.write(b"%x\r\n%s\r\n" % (len(event), event))
            self.wfile.flush()
        if isinstance(reply, Cut) and not reply.clean:
            self.close_connection = True
            return
        self.wfile.write(b"0\r\n\r\n")
        self.wfile.flush()


def vector_of(text: str, dimension: int) -> list[float]:
    """The vector that the server gives to a text; not of unit length, on purpose."""
    digest = hashlib.shake_256(text.encode()).digest(dimension)
    return [(byte - 127.5) / 32 for byte in digest]


def _usage(reply: Text | Calls) -> dict[str, Any]:
    return {
        "prompt_tokens": reply.prompt_tokens,
        "completion_tokens": reply.completion_tokens,
        "total_tokens": reply.prompt_tokens + reply.completion_tokens,
        "prompt_tokens_details": {"cached_tokens": reply.cached_tokens},
    }


def _tool_calls(reply: Calls) -> list[dict[str, Any]]:
    return [
        {"id": f"call_{i}", "type": "function", "function": {"name": name, "arguments": arguments}}
        for i, (name, arguments) in enumerate(reply.calls)
    ]


def _completion(request: Any, reply: Text | Calls) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": reply.text or None}
    if isinstance(reply, Calls):
        message["tool_calls"] = _tool_calls(reply)
    elif reply.reasoning:
        message["reasoning_content"] = reply.reasoning
    reason = "tool_calls" if isinstance(reply, Calls) else reply.finish_reason
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1700000000,
        "model": request["model"],
        "choices": [{"index": 0, "message": message, "finish_reason": reason}],
        "usage": _usage(reply),
    }


def _events(request: Any, reply: Text | Calls) -> Iterator[bytes]:
    head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1700000000}
    head["model"] = request["model"]

    def event(delta: dict[str, Any], reason: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": reason}
        return _sse({**head, "choices": [choice]})

    yield event({"role": "assistant", "content": ""})
    if isinstance(reply, Text) and reply.reasoning:
        yield event({"reasoning_content": reply.reasoning})
    for piece in _pieces(reply.text, 5):
        yield event({"content": piece})
    for index, call in enumerate(_tool_calls(reply) if isinstance(reply, Calls) else []):
        function = {"name": call["function"]["name"], "arguments": ""}
        yield event({"tool_calls": [{**call, "index": index, "function": function}]})
        for piece in _pieces(call["function"]["arguments"], 7):
            yield event({"tool_calls": [{"index": index, "function": {"arguments": piece}}]})
    yield event({}, "tool_calls" if isinstance(reply, Calls) else reply.finish_reason)
    if (request.get("stream_options") or {}).get("include_usage"):
        yield _sse({**head, "choices": [], "usage": _usage(reply)})
    yield b"data: [DONE]\n\n"


def _pieces(text: str, size: int) -> list[str]:
    return [text[i : i + size] for i in range(0, len(text), size)]


def _sse(data: Any) -> bytes:
    return b"data: " + json.dumps(data, ensure_ascii=False).encode() + b"\n\n"
