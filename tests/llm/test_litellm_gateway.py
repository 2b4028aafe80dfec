"""The litellm gateway against a real HTTP server: what is sent, what comes back, what fails."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from archgraph import errors
from archgraph.llm import base, litellm_faults, litellm_gateway
from archgraph.messages import Completion, ToolCall
from tests.fake_openai import KEY, Calls, Cut, FakeOpenAI, Hang, Raw, Status, Text

TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "search",
            "description": "Search.",
            "parameters": {"type": "object", "properties": {"query": {"type": "string"}}},
        },
    }
]
MESSAGES = [
    {"role": "system", "content": "Grüße \u2028 \U0001f600"},
    {"role": "user", "content": "", "name": "bob"},
    {"role": "assistant", "content": None, "tool_calls": [ToolCall("c1", "search", "{bad").wire()]},
    {"role": "tool", "tool_call_id": "c1", "content": "nothing"},
    {"role": "system", "content": "a late one"},
]


@pytest.fixture(scope="module", autouse=True)
def _litellm_loaded() -> None:
    litellm_gateway.load()


class Answers:
    """A gateway, the pauses it made, and both ways of asking it."""

    def __init__(self, server: FakeOpenAI, **options: object) -> None:
        self.pauses: list[float] = []
        self.gateway = litellm_gateway.LitellmGateway(
            server.options(**options), pause=self.pauses.append
        )
        self.deltas: list[base.Delta] = []

    def ask(self, way: str, model: str = "openai/tiny", **more: object) -> Completion:
        request = base.Request(model, **{"messages": MESSAGES, "tools": TOOLS, **more})
        if way == "complete":
            return self.gateway.complete(request)
        stream = self.gateway.stream(request)
        while True:
            try:
                self.deltas.append(next(stream))
            except StopIteration as end:
                return end.value


both = pytest.mark.parametrize("way", ["complete", "stream"])


@both
def test_text(openai_server: FakeOpenAI, way: str) -> None:
    openai_server.queue(Text("Hello, wörld, how are you?", reasoning="let me think"))
    answers = Answers(openai_server)
    answer = answers.ask(way)
    assert (answer.text, answer.tool_calls) == ("Hello, wörld, how are you?", ())
    assert (answer.finish_reason, answer.model, answer.reasoning) == (
        "stop",
        "tiny",
        "let me think",
    )
    usage = answer.usage
    assert (usage.prompt_tokens, usage.completion_tokens, usage.cached_tokens) == (11, 7, 3)
    assert usage.cost is None
    if way == "stream":
        assert "".join(delta.text for delta in answers.deltas) == answer.text
        assert len(answers.deltas) > 3


@both
def test_tool_calls_with_text_are_reassembled(openai_server: FakeOpenAI, way: str) -> None:
    arguments = json.dumps({"query": "Grüße an 日本", "page": 2}, ensure_ascii=False)
    openai_server.queue(Calls((("search", arguments), ("search", "{}")), text="I look."))
    answers = Answers(openai_server)
    answer = answers.ask(way)
    assert answer.text == "I look."
    assert answer.finish_reason == "tool_calls"
    assert answer.tool_calls == (
        ToolCall("call_0", "search", arguments),
        ToolCall("call_1", "search", "{}"),
    )
    if way == "stream":
        pieces = [delta for delta in answers.deltas if delta.tool]
        assert "".join(delta.arguments for delta in pieces) == arguments + "{}"


@both
def test_malformed_arguments_stay_as_they_are(openai_server: FakeOpenAI, way: str) -> None:
    openai_server.queue(Calls((("search", '{"query": "no end'), ("seek", ""))))
    first, second = Answers(openai_server).ask(way).tool_calls
    assert first.arguments == '{"query": "no end'
    assert (second.name, second.arguments) == ("seek", "{}")


@both
def test_what_the_server_gets(openai_server: FakeOpenAI, way: str) -> None:
    answers = Answers(openai_server, temperature=0.5, extra_body={"top_k": 3})
    answers.ask(way, seed=7, max_tokens=99, tool_choice="required", options={"temperature": 0})
    sent = openai_server.chats[0].json
    assert sent["messages"] == MESSAGES
    assert json.dumps(sent["messages"]) == json.dumps(MESSAGES), "the order of keys is kept too"
    assert sent["tools"] == TOOLS
    expected = {"model": "tiny", "seed": 7, "max_tokens": 99, "tool_choice": "required"}
    assert {key: sent[key] for key in expected} == expected
    assert (sent["temperature"], sent["top_k"]) == (0, 3)
    assert openai_server.chats[0].headers["Authorization"] == f"Bearer {KEY}"
    assert "n" not in sent and "retries" not in sent


def test_no_tools_no_tool_choice(openai_server: FakeOpenAI) -> None:
    Answers(openai_server).ask("complete", tools=())
    assert not {"tools", "tool_choice"} & openai_server.chats[0].json.keys()


@both
def test_cost_of_a_known_model_counts_cached_tokens(openai_server: FakeOpenAI, way: str) -> None:
    openai_server.queue(Text("x", 1000, 10, 500), Text("x", 1000, 10, 0))
    answers = Answers(openai_server)
    cached = answers.ask(way, model="openai/gpt-4o-mini").usage.cost
    fresh = answers.ask(way, model="openai/gpt-4o-mini").usage.cost
    # 0.15 $ per million prompt tokens, half of it when cached, 0.6 $ per million completion tokens
    assert fresh == pytest.approx(1000 * 0.15e-6 + 10 * 0.6e-6)
    assert cached == pytest.approx(500 * 0.15e-6 + 500 * 0.075e-6 + 10 * 0.6e-6)


@both
def test_passing_trouble_is_tried_again(openai_server: FakeOpenAI, way: str) -> None:
    openai_server.queue(Status(500), Status(503, body="<html>busy</html>"), Text("at last"))
    answers = Answers(openai_server)
    assert answers.ask(way).text == "at last"
    assert answers.pauses == [0.5, 1.0]
    assert len(openai_server.chats) == 3


@both
def test_retry_after_is_respected(openai_server: FakeOpenAI, way: str) -> None:
    openai_server.queue(Status(429, retry_after=7), Text("ok"))
    answers = Answers(openai_server)
    assert answers.ask(way).text == "ok"
    assert answers.pauses == [7.0]


@both
def test_retry_after_beyond_the_cap_ends_at_once(openai_server: FakeOpenAI, way: str) -> None:
    openai_server.queue(Status(429, retry_after=3600))
    answers = Answers(openai_server, retry_cap=20)
    with pytest.raises(errors.GatewayFault, match="asks to wait 3600 s") as caught:
        answers.ask(way)
    assert caught.value.retry_after == 3600
    assert (answers.pauses, len(openai_server.chats)) == ([], 1)


@both
def test_retries_are_bounded(openai_server: FakeOpenAI, way: str) -> None:
    openai_server.default = Status(500)
    answers = Answers(openai_server, retries=3, retry_cap=1.5)
    with pytest.raises(errors.GatewayFault, match=r"500.*told to fail.*asked 4 times"):
        answers.ask(way)
    assert answers.pauses == [0.5, 1.0, 1.5]
    assert len(openai_server.chats) == 4


@both
def test_a_hanging_server_is_a_fault(openai_server: FakeOpenAI, way: str) -> None:
    openai_server.default = Hang()
    answers = Answers(openai_server, retries=1, timeout=0.1)
    with pytest.raises(errors.GatewayFault, match=r"no answer within 0\.1 s"):
        answers.ask(way)
    assert len(openai_server.chats) == 2


def test_nobody_listens(openai_server: FakeOpenAI) -> None:
    answers = Answers(openai_server, api_base="http://127.0.0.1:9/v1", retries=0)
    with pytest.raises(errors.GatewayFault, match="cannot reach the provider"):
        answers.ask("complete")


@pytest.mark.parametrize(
    "garbage", [Raw("{not json"), Raw("[]"), Raw('{"choices": []}'), Cut()], ids=repr
)
def test_an_answer_that_is_none_is_a_fault(openai_server: FakeOpenAI, garbage: Raw | Cut) -> None:
    openai_server.queue(garbage, Text("ok"), garbage)
    answers = Answers(openai_server, retries=1)
    assert answers.ask("complete").text == "ok"
    openai_server.default = garbage
    with pytest.raises(errors.GatewayFault) as caught:
        answers.ask("complete")
    assert "Traceback" not in str(caught.value)


@pytest.mark.parametrize("clean", [False, True])
def test_a_cut_stream_is_a_fault_once_pieces_were_shown(
    openai_server: FakeOpenAI, clean: bool
) -> None:
    openai_server.queue(Cut(Text("a long text that ends too soon"), events=4, clean=clean))
    answers = Answers(openai_server)
    with pytest.raises(errors.GatewayFault):
        answers.ask("stream")
    assert "".join(delta.text for delta in answers.deltas).startswith("a long")
    assert answers.pauses == []


@pytest.mark.parametrize("early", [Cut(events=1), Cut(events=1, clean=True), Raw("{no"), Raw("[]")])
def test_a_stream_that_says_nothing_is_tried_again(
    openai_server: FakeOpenAI, early: Cut | Raw
) -> None:
    openai_server.queue(early, Text("whole"))
    assert Answers(openai_server).ask("stream").text == "whole"


@pytest.mark.parametrize(
    "reply",
    [
        Status(400, "This model's maximum context length is 8192", code="context_length_exceeded"),
        Status(400, "prompt is too long: 9001 tokens > 8192 maximum"),
        Status(413, "too large"),
    ],
    ids=["code", "words", "413"],
)
@both
def test_overflow(openai_server: FakeOpenAI, way: str, reply: Status) -> None:
    openai_server.queue(reply)
    answers = Answers(openai_server)
    with pytest.raises(errors.ContextOverflow, match="too l"):
        answers.ask(way)
    assert len(openai_server.chats) == 1


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422])
@both
def test_hopeless_trouble_is_not_tried_again(
    openai_server: FakeOpenAI, way: str, status: int
) -> None:
    openai_server.queue(Status(status, f"no: {KEY}", type="invalid_request_error"))
    with pytest.raises(errors.GatewayError) as caught:
        Answers(openai_server).ask(way)
    assert type(caught.value) is errors.GatewayError
    assert str(caught.value).startswith("openai/tiny: no: [hidden]")
    assert len(openai_server.chats) == 1


def test_a_spent_quota_is_not_tried_again(openai_server: FakeOpenAI) -> None:
    openai_server.queue(Status(429, "You exceeded your quota", code="insufficient_quota"))
    with pytest.raises(errors.GatewayError) as caught:
        Answers(openai_server).ask("complete")
    assert not isinstance(caught.value, errors.GatewayFault)


def test_no_key_in_any_message(openai_server: FakeOpenAI) -> None:
    other = "a-secret-of-the-header"
    for status in (400, 401, 429, 500):
        openai_server.queue(Status(status, f"key {KEY} {other} sk-proj-abcdefgh*****xyz"))
        options = {"retries": 0, "extra_headers": {"X-Auth": f"Basic {other}"}}
        with pytest.raises(errors.GatewayError) as caught:
            Answers(openai_server, **options).ask("complete")
        shown = f"{caught.value!r} {caught.value.__cause__!r}"
        assert KEY not in shown and other not in shown and "abcdefgh" not in shown
        assert caught.value.__suppress_context__


def test_a_key_in_the_environment_is_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_API_KEY", "hunter2hunter2")
    assert litellm_faults.redact("key hunter2hunter2!", {}) == "key [hidden]!"


def test_retry_after_as_a_date_or_milliseconds() -> None:
    assert litellm_faults.retry_after({"retry-after-ms": "1500"}) == 1.5
    assert litellm_faults.retry_after({"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}) == 0.0
    assert litellm_faults.retry_after({"Retry-After": "soon"}) is None
    assert litellm_faults.retry_after({}) is None


def test_an_unknown_provider_says_how_to_write_a_model(openai_server: FakeOpenAI) -> None:
    with pytest.raises(errors.GatewayError, match="provider/name"):
        Answers(openai_server).ask("complete", model="nonsense")


@pytest.mark.parametrize(
    "options", [{"retries": -1}, {"timeout": "soon"}, {"num_retries": 3}, {"stream": True}]
)
def test_options_that_cannot_be_used(openai_server: FakeOpenAI, options: dict[str, object]) -> None:
    with pytest.raises(errors.InputError, match=next(iter(options))):
        Answers(openai_server).ask("complete", options=options)
    with pytest.raises(errors.InputError, match=next(iter(options))):
        litellm_gateway.LitellmGateway(options)


def test_many_threads_at_once(openai_server: FakeOpenAI) -> None:
    openai_server.default = lambda request: Text(request.json["messages"][0]["content"])
    gateway = Answers(openai_server).gateway
    texts = [f"text {number}" for number in range(60)]

    def ask(text: str) -> str:
        return gateway.complete(
            base.Request("openai/tiny", [{"role": "user", "content": text}])
        ).text

    with ThreadPoolExecutor(12) as pool:
        assert list(pool.map(ask, texts)) == texts


@both
def test_calls_without_an_id_get_one(openai_server: FakeOpenAI, way: str) -> None:
    call = {"index": 0, "type": "function", "function": {"name": "search", "arguments": "{}"}}
    message = {"role": "assistant", "content": None, "tool_calls": [call]}
    choice = {"index": 0, "message": message, "delta": message, "finish_reason": "tool_calls"}
    body = json.dumps({"id": "1", "model": "tiny", "choices": [choice]})
    reply = Raw(body)
    if way == "stream":
        reply = Raw(f"data: {body}\n\ndata: [DONE]\n\n", "text/event-stream")
    openai_server.queue(reply, reply)
    answers = Answers(openai_server)
    ids = {answers.ask(way, messages=MESSAGES[:count]).tool_calls[0].id for count in (2, 3)}
    assert len(ids) == 2 and all(ids)


SCRIPT = """
import socket, sys
looked_up = []
real = socket.getaddrinfo
def spy(host, *rest, **more):
    looked_up.append(host)
    return real(host, *rest, **more)
socket.getaddrinfo = spy
import os
from archgraph.llm import base, litellm_gateway, litellm_embedder
assert "litellm" not in sys.modules, "imported too early"
options = {"api_base": sys.argv[1], "api_key": "k", "retries": 0}
gateway = litellm_gateway.LitellmGateway(options)
assert "litellm" not in sys.modules, "imported too early"
tools = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]
request = base.Request("openai/llama-3-8b", [{"role": "user", "content": "hi"}], tools)
gateway.complete(request)
list(gateway.stream(request))
for ask in (gateway.complete, lambda request: list(gateway.stream(request))):
    for _ in range(3):
        try:
            ask(request)
        except Exception as error:
            assert type(error).__module__ == "archgraph.errors", error
        else:
            raise AssertionError("no error")
embedder = litellm_embedder.LitellmEmbedder("openai/emb", options)
embedder.embed(["a"])
assert set(looked_up) == {"127.0.0.1"}, looked_up
assert "LEAKED" not in os.environ, "a .env file was loaded"
assert "mcp" not in sys.modules
"""


def test_a_process_is_quiet_and_looks_nothing_up(openai_server: FakeOpenAI, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("LEAKED=1\n")
    replies = [Status(500), Status(401), Raw("{no"), Status(500), Cut(), Raw("{no")]
    openai_server.queue(Text("a"), Text("b"), *replies, Text("for the embedder"))
    environment = {
        key: value for key, value in os.environ.items() if not key.startswith(("LITELLM", "HF_"))
    }
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, openai_server.url],
        cwd=tmp_path,
        env={**environment, "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


# Names and keys that are missing


def asked(model: str, **options: object) -> base.Request:
    return base.Request(model, messages=[{"role": "user", "content": "hi"}], options=options)


@both
@pytest.mark.parametrize(
    ("model", "variable"),
    [("openai/gpt-4o-mini", "OPENAI_API_KEY"), ("groq/llama", "GROQ_API_KEY")],
)
def test_a_missing_key_is_named_at_once(
    monkeypatch: pytest.MonkeyPatch, way: str, model: str, variable: str
) -> None:
    monkeypatch.delenv(variable, raising=False)
    pauses: list[float] = []
    gateway = litellm_gateway.LitellmGateway(pause=pauses.append)
    with pytest.raises(errors.GatewayError, match=f"{variable} is not set") as caught:
        gateway.complete(asked(model)) if way == "complete" else next(gateway.stream(asked(model)))
    assert "api_key_env" in str(caught.value) and pauses == []


def test_a_server_of_ones_own_needs_no_key(
    openai_server: FakeOpenAI, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    openai_server.queue(Text("here"))
    gateway = litellm_gateway.LitellmGateway({"api_base": openai_server.url})
    assert gateway.complete(asked("openai/tiny")).text == "here"


@pytest.mark.parametrize("model", ["gpt4", "nope/foo"])
def test_an_unknown_provider_is_told_in_our_words(model: str) -> None:
    with pytest.raises(errors.GatewayError, match="knows no provider") as caught:
        litellm_gateway.LitellmGateway().complete(asked(model))
    assert "provider/name" in str(caught.value) and "docs.litellm.ai" not in str(caught.value)
