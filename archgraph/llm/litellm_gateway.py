"""Any provider that litellm reaches, as a gateway.

The only module that imports litellm, on the first call (it takes seconds); the litellm embedder
gets it from `load`. Opened through `archgraph.llm.gateways` for every model name whose prefix is
not another gateway's. Knows no agents.

litellm is kept from fetching its price list, reading a `.env` file, writing log lines, retrying
on its own and walking every message of the history for each call (its own HTTP handler does not;
the openai client does). For providers with OpenAI's own message shape the messages go out as they
are, to the byte of each JSON value.
"""

from __future__ import annotations

import functools
import os
import threading
import warnings
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from typing import Any

from archgraph import clock, errors
from archgraph.llm import base, call_ids, litellm_faults, retrying, secret_options
from archgraph.messages import Completion, ToolCall, Usage

_ENVIRONMENT = {
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "LITELLM_LOCAL_ANTHROPIC_BETA_HEADERS": "True",
    "LITELLM_LOCAL_BLOG_POSTS": "True",
    "LITELLM_OFFLINE_MODE": "true",
    "LITELLM_MODE": "PRODUCTION",
    "LITELLM_LOG": "CRITICAL",
    "EXPERIMENTAL_OPENAI_BASE_LLM_HTTP_HANDLER": "true",
}
"""Set just before the import unless the user has set them."""

_OWN = ("retries", "timeout", "retry_cap")
_RESERVED = ("model", "messages", "tools", "stream", "stream_options", "num_retries", "max_retries")
_VERBATIM = frozenset({"openai", "hosted_vllm"})
"""Providers that take OpenAI's message shape as it is; for others litellm translates it."""

_loading = threading.Lock()


@functools.cache
def load() -> Any:
    """The litellm module, quiet and without a network look-up; slow the first time.

    Raises:
        MachineError: it cannot be imported.
    """
    with _loading:
        for name, value in _ENVIRONMENT.items():
            os.environ.setdefault(name, value)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                import litellm

                # pydantic builds these on first use, with a warning
                litellm.ModelResponse()
                litellm.types.utils.Delta()
        except ImportError as error:
            raise errors.MachineError(
                f"litellm cannot be imported ({error}); mend it with: pip install 'litellm<1.106'"
            ) from error
        litellm.suppress_debug_info = True
        litellm.disable_hf_tokenizer_download = True
        litellm.telemetry = False
        return litellm


def price(model: str) -> tuple[float, float] | None:
    """US dollars of a token that is sent, and of one that is written, by litellm's list of prices.

    None for a model that is not in the list. Asks no network.
    """
    try:
        parts = load().cost_per_token(model=model, prompt_tokens=1, completion_tokens=1)
    except Exception:  # an unknown model raises one of several classes, plain Exception too
        return None
    return float(parts[0]), float(parts[1])


class LitellmGateway:
    """Answers requests through litellm.

    Options, of the gateway or of a request (these win): `retries` (4), `timeout` (60, seconds),
    `retry_cap` (30, the longest wait between attempts in seconds), `api_key_env` (the environment
    variable that holds the key, read at each call); all others, such as `api_base`, `temperature`
    or `extra_body`, are passed on to litellm. So is `api_key`, which an architecture may not hold.
    """

    def __init__(
        self,
        options: Mapping[str, Any] | None = None,
        *,
        pause: Callable[[float], None] = clock.pause,
    ) -> None:
        self._options = dict(options or {})
        self._pause = pause
        _bounds(self._options)

    def complete(self, request: base.Request) -> Completion:
        """Answer one request; passing trouble is tried again to the bound.

        Raises:
            GatewayFault: passing trouble that lasted.
            ContextOverflow: the request is larger than the model's window.
            GatewayError: anything else; trying again would not help.
            InputError: an option that cannot be used.
        """
        call = _Call(request, self._options)
        return retrying.ask(call.complete, call.bounds, self._pause)

    def stream(self, request: base.Request) -> Generator[base.Delta, None, Completion]:
        """Answer one request piece by piece.

        Trouble before the first piece is tried again as in `complete`. Later it cannot be, since
        pieces were already shown: a stream that is cut raises `GatewayFault`, and the caller may
        ask again.
        """
        call = _Call(request, self._options)
        attempt = 0
        while True:
            pieces = call.stream()
            try:
                first = next(pieces)
            except StopIteration as end:
                return _answer(end)
            except errors.GatewayFault as fault:
                seconds = call.bounds.wait(attempt, fault)
                if seconds is None:
                    raise retrying.given_up(fault, attempt + 1) from None
                self._pause(seconds)
                attempt += 1
                continue
            yield first
            return (yield from pieces)


def _bounds(options: Mapping[str, Any]) -> retrying.Bounds:
    """The bounds among options, once it is clear that the options can be used."""
    reserved = [name for name in _RESERVED if name in options]
    if reserved:
        raise errors.InputError(
            f"option {reserved[0]!r} cannot be set: archgraph decides it; for retries there are "
            "`retries`, `timeout` and `retry_cap`"
        )
    return retrying.Bounds.of(options)


def _answer(end: StopIteration) -> Completion:
    answer: Completion = end.value
    return answer


class _Call:
    """One request with its options, ready to be sent any number of times."""

    def __init__(self, request: base.Request, options: Mapping[str, Any]) -> None:
        self.request = request
        self.options = secret_options.with_key({**options, **request.options})
        self.bounds = _bounds(self.options)
        self.litellm = load()
        missing = _missing_key(self.litellm, request.model, self.options)
        if missing:
            raise errors.GatewayError(
                f"{request.model}: there is no key: the environment variable {missing} is not set; "
                f"set it (export {missing}=...), or name another with option `api_key_env`"
            )

    def complete(self) -> Completion:
        """Ask once for the whole answer."""
        try:
            response = self.litellm.completion(**self._arguments())
        except Exception as error:  # litellm lets any class through, its own bugs included
            raise self._translated(error) from None
        if not response.choices:
            raise errors.GatewayFault(f"{self.request.model}: the answer holds no choice")
        choice = response.choices[0]
        calls = [
            self.tool_call(index, call.id, call.function.name, call.function.arguments)
            for index, call in enumerate(choice.message.tool_calls or [])
        ]
        cost = (getattr(response, "_hidden_params", None) or {}).get("response_cost")
        return Completion(
            text=choice.message.content or "",
            tool_calls=tuple(calls),
            usage=_usage(getattr(response, "usage", None), cost),
            finish_reason=choice.finish_reason or "stop",
            model=response.model or self.request.model,
            reasoning=getattr(choice.message, "reasoning_content", None) or "",
        )

    def stream(self) -> Generator[base.Delta, None, Completion]:
        """Ask once for the answer in pieces."""
        gathered = _Gathered(self)
        try:
            chunks = self.litellm.completion(
                **self._arguments(), stream=True, stream_options={"include_usage": True}
            )
            for chunk in chunks:
                yield from gathered.add(chunk)
        except Exception as error:  # as above
            raise self._translated(error) from None
        if chunks.received_finish_reason is None:
            raise errors.GatewayFault(f"{self.request.model}: the answer was cut off")
        return gathered.completion(chunks.received_finish_reason)

    def price(self, usage: Any) -> float | None:
        """US dollars of a usage by litellm's price list; None for a model that is not in it."""
        try:
            parts = self.litellm.cost_per_token(model=self.request.model, usage_object=usage)
        except Exception:  # an unknown model raises one of several classes, plain Exception too
            return None
        return float(sum(parts))

    def tool_call(self, index: int, id: str | None, name: str | None, text: Any) -> ToolCall:
        """A call as we keep it: never without an id; no arguments at all mean `{}`."""
        return ToolCall(id or call_ids.derive(self.request, index), name or "", text or "{}")

    def _translated(self, error: Exception) -> errors.GatewayError:
        return litellm_faults.translate(
            error, self.request.model, self.options, self.bounds.timeout
        )

    def _arguments(self) -> dict[str, Any]:
        request = self.request
        known = _known(self.litellm, request.model, self.options.get("api_base"))
        arguments = {key: value for key, value in self.options.items() if key not in _OWN}
        arguments.setdefault("max_tokens", request.max_tokens)
        arguments.update(model=request.model, messages=list(request.messages))
        arguments.update(timeout=self.bounds.timeout, max_retries=0, num_retries=0)
        if request.tools:
            arguments.update(tools=list(request.tools), tool_choice=request.tool_choice)
        if request.seed is not None and "seed" in known.parameters:
            arguments["seed"] = request.seed
        if known.provider in _VERBATIM:
            # litellm drops keys that are null; the body's own `messages` go out untouched
            body = {"messages": list(request.messages)}
            arguments["extra_body"] = {**(arguments.get("extra_body") or {}), **body}
        return arguments


def _missing_key(litellm: Any, model: str, options: Mapping[str, Any]) -> str:
    """The variable that must hold the provider's key and is not set; "" unless that is certain.

    A server of one's own may need none, and some providers take other credentials.
    """
    if {"api_key", "api_base", "base_url", "extra_headers"} & options.keys():
        return ""
    try:
        missing: list[str] = litellm.validate_environment(model)["missing_keys"]
    except Exception:  # an unknown model: the call itself says so, in better words
        return ""
    if len(missing) != 1 or not missing[0].endswith("_API_KEY"):
        return ""
    prefix = missing[0].removesuffix("API_KEY")
    others = ("API_BASE", "BASE_URL", "AUTH_TOKEN", "TOKEN")
    return "" if any(os.environ.get(prefix + each) for each in others) else missing[0]


@dataclass(frozen=True, slots=True)
class _Known:
    """What litellm knows of a model: its provider and the parameters that it takes."""

    provider: str
    parameters: frozenset[str]


@functools.lru_cache(maxsize=256)
def _known(litellm: Any, model: str, api_base: str | None) -> _Known:
    try:
        provider = litellm.get_llm_provider(model, api_base=api_base)[1]
        parameters = litellm.get_supported_openai_params(model) or []
    except Exception:  # an unknown model: the call itself says so, in better words
        return _Known("", frozenset())
    return _Known(provider, frozenset(parameters))


class _Gathered:
    """Puts the pieces of a streamed answer together again."""

    def __init__(self, call: _Call) -> None:
        self._call = call
        self._texts: list[str] = []
        self._reasons: list[str] = []
        self._tools: dict[int, list[Any]] = {}
        self._usage: Any = None
        self._model = ""

    def add(self, chunk: Any) -> Generator[base.Delta, None, None]:
        """Take one chunk and give its pieces."""
        self._model = self._model or getattr(chunk, "model", "") or ""
        self._usage = getattr(chunk, "usage", None) or self._usage
        if not chunk.choices:
            return
        delta = chunk.choices[0].delta
        self._reasons.append(getattr(delta, "reasoning_content", None) or "")
        if delta.content:
            self._texts.append(delta.content)
            yield base.Delta(text=delta.content)
        for piece in getattr(delta, "tool_calls", None) or []:
            yield self._add_tool(piece)

    def _add_tool(self, piece: Any) -> base.Delta:
        known = self._tools.setdefault(piece.index or 0, [None, "", []])
        known[0] = known[0] or piece.id
        known[1] = known[1] or piece.function.name or ""
        known[2].append(piece.function.arguments or "")
        return base.Delta(tool=known[1], arguments=known[2][-1])

    def completion(self, finish_reason: str) -> Completion:
        """The whole answer."""
        calls = [
            self._call.tool_call(index, id, name, "".join(pieces))
            for index, (_, (id, name, pieces)) in enumerate(sorted(self._tools.items()))
        ]
        cost = self._call.price(self._usage) if self._usage else None
        return Completion(
            text="".join(self._texts),
            tool_calls=tuple(calls),
            usage=_usage(self._usage, cost),
            finish_reason=finish_reason,
            model=self._model or self._call.request.model,
            reasoning="".join(self._reasons),
        )


def _usage(usage: Any, cost: float | None) -> Usage:
    if usage is None:
        return Usage(cost=cost)
    details = getattr(usage, "prompt_tokens_details", None)
    return Usage(
        prompt_tokens=usage.prompt_tokens or 0,
        completion_tokens=usage.completion_tokens or 0,
        cached_tokens=getattr(details, "cached_tokens", None) or 0,
        cost=cost,
    )
