"""Turns what litellm raises into archgraph's own errors, without a secret in the text.

Called by the litellm gateway and embedder. Does not import litellm: the classes are recognised by
name, then by status code, because one status comes as different classes.
"""

from __future__ import annotations

import email.utils
import json
import os
import re
from collections.abc import Iterator, Mapping
from typing import Any

from archgraph import clock, errors

HIDDEN = "[hidden]"
_LONGEST = 400
_SHORTEST = 6
_SECRET_NAME = re.compile(r"key|token|secret|password|authorization|credential", re.IGNORECASE)
_SECRET_VARIABLE = re.compile(r"(KEY|TOKEN|SECRET|PASSWORD|CREDENTIALS)$")
_SECRET_SHAPE = re.compile(
    r"\b(?:sk|pk|gsk|hf|xai|AIza)[-_][\w*.-]{6,}|\bBearer\s+\S+|(?<=://)[^/@\s]+(?=@)"
)
_PREFIX = re.compile(r"^(?:(?:litellm\.)?\w*(?:Error|Exception|Timeout)\w*(?::| -)\s*)+")
_OVERFLOW = re.compile(
    r"context.{0,3}length|context.{0,3}window|prompt is too long|too many (?:input )?tokens|"
    r"maximum.{0,20}tokens.{0,20}exceed|exceeds? the (?:available )?context",
    re.IGNORECASE,
)


def translate(
    error: Exception, model: str, options: Mapping[str, Any], timeout: float
) -> errors.GatewayError:
    """The archgraph error for something that litellm raised.

    Args:
        error: what was raised.
        model: the full model name, for the text.
        options: the options of the call; secrets among them are hidden in the text.
        timeout: the seconds that the call was allowed to take, for the text.
    """
    names = {cls.__name__ for cls in type(error).__mro__}
    status = getattr(error, "status_code", None)
    status = status if isinstance(status, int) else 0
    said = redact(_said(str(error)), options)
    if "Provider NOT provided" in said:
        text = f"litellm knows no provider for the model {model!r}; write it as provider/name, "
        return errors.GatewayError(f"{text}for example openai/gpt-4o-mini")
    wait = retry_after(getattr(error, "litellm_response_headers", None) or {})
    if "ContextWindowExceededError" in names or status == 413 or _is_overflow(status, said):
        return errors.ContextOverflow(f"{model}: the request is too large: {said}")
    if "Timeout" in names or "APITimeoutError" in names or status == 408:
        return errors.GatewayFault(
            f"{model}: no answer within {timeout:g} s; option `timeout` sets this"
        )
    if status == 429 and "insufficient_quota" not in str(error):
        return errors.GatewayFault(f"{model}: too many requests (429): {said}", retry_after=wait)
    if status in (200, 409, 425) or status >= 500 or "APIConnectionError" in names:
        return errors.GatewayFault(f"{model}: {_trouble(status, said)}: {said}", retry_after=wait)
    return errors.GatewayError(f"{model}: {said}{_remedy(status, said)}")


def redact(text: str, options: Mapping[str, Any]) -> str:
    """`text` without the secrets in `options` or the environment, or anything shaped like a key."""
    for secret in sorted(_secrets(options), key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    return _SECRET_SHAPE.sub(HIDDEN, text)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that a provider asks to wait, from `retry-after-ms` or `Retry-After` (RFC 9110)."""
    found = {str(name).lower(): str(value) for name, value in headers.items()}
    try:
        if "retry-after-ms" in found:
            return max(0.0, float(found["retry-after-ms"]) / 1000)
        if "retry-after" not in found:
            return None
        text = found["retry-after"]
        if re.fullmatch(r"\s*\d+(\.\d+)?\s*", text):
            return float(text)
        return max(0.0, email.utils.parsedate_to_datetime(text).timestamp() - _now())
    except (ValueError, TypeError):
        return None


def _now() -> float:
    return clock.WallClock().now()


def _is_overflow(status: int, said: str) -> bool:
    return status == 400 and bool(_OVERFLOW.search(said))


def _said(text: str) -> str:
    """What the provider said, without litellm's prefixes, JSON wrapping and tracebacks."""
    text = _PREFIX.sub("", text.split("Traceback (most recent call last)")[0])
    text = text.split(" Original exception:")[0].strip()
    start = text.find("{")
    if start >= 0:
        text = _json_message(text[start:]) or text
    text = " ".join(text.split())
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def _json_message(text: str) -> str:
    try:
        data = json.loads(text)
    except ValueError:
        return ""
    inner = data.get("error", data) if isinstance(data, dict) else data
    message = inner.get("message") if isinstance(inner, dict) else inner
    return message if isinstance(message, str) else ""


def _trouble(status: int, said: str) -> str:
    if "refused" in said or "Connection error" in said or "Name or service" in said:
        return "cannot reach the provider; is it running, and is option `api_base` right?"
    if "without sending complete" in said:
        return "the answer was cut off"
    if status == 200:
        return "the answer is not a completion"
    return f"trouble at the provider ({status})" if status else "trouble at the provider"


def _remedy(status: int, said: str) -> str:
    if status in (401, 403) or "api_key" in said:
        return (
            "; check the environment variable with the provider's key (option `api_key_env` may "
            "name another)"
        )
    if status == 404:
        return "; check the model's name and option `api_base`"
    return f" ({status})" if status else ""


def _secrets(options: Mapping[str, Any]) -> Iterator[str]:
    for name, value in os.environ.items():
        if _SECRET_VARIABLE.search(name) and len(value) >= _SHORTEST:
            yield value
    for name, value in options.items():
        if isinstance(value, Mapping) and "header" in name:
            yield from (part for text in value.values() for part in _parts(text))
        elif isinstance(value, str) and _SECRET_NAME.search(name) and len(value) >= _SHORTEST:
            yield value


def _parts(header: object) -> list[str]:
    """A header's value and its words: `Bearer x` hides `x` too."""
    return [part for part in [str(header), *str(header).split()] if len(part) >= _SHORTEST]
