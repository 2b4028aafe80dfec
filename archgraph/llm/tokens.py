"""Counts tokens, offline and fast, for any model name.

Called by stores (caps and limits), the budget proof and the context window. Knows no gateway.

Three cases, told apart by the model's name:

- a model of OpenAI: exact, with tiktoken and the vocabulary files that litellm's wheel brings;
- `offline/...`, `scripted/...`, `replay/...`: these have no tokenizer, so `_SPLIT` below *is* their
  definition of a token, and the count is exact;
- any other model: the same times `FACTOR`, since its tokenizer is not known here.

What a chat API adds around texts (roles, separators, the frame of a tool call) is not published;
the constants below stand for it, from OpenAI's cookbook where it says something, else rounded up.
"""

from __future__ import annotations

import functools
import importlib.util
import json
import os
import re
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from archgraph.messages import Wire

PER_MESSAGE = 4
"""Tokens around each message: its separators and role."""
PER_NAME = 2
"""Tokens for a message's `name` field, beside the name itself."""
PER_CALL = 8
"""Tokens around each tool call in an assistant message: its separators and id."""
PER_TOOL = 4
"""Tokens around each tool schema, beside its JSON text."""
PER_REQUEST = 3
"""Tokens that open the model's answer."""

FACTOR = 1.3
"""Safety for models whose tokenizer is unknown.

Without it, on English dialogue, JSON, code and Markdown the count is between 0.95 and 1.15 times
that of cl100k_base and o200k_base, on five other languages at least 1 / 1.3 times; the tests hold
both. Vocabularies of 32,000 words need more tokens, and no test covers them.
"""

_SPLIT = re.compile(
    r"[A-Za-z]{1,8}|[0-9]{1,3}|\n\s*|[\u0370-\u052f]{1,2}|[!-/:-@\[-`{-~]{1,2}|[^\sA-Za-z0-9]"
    r"|(?<=[\U00010000-\U0010ffff])"  # matches nothing, once more: an emoji counts twice
)
_DEFINED = ("offline", "scripted", "replay")
_OPENAI = ("", "openai", "azure", "text-completion-openai")
_FILES = {
    "cl100k_base": "9b5ad71b2ce5302211f9c61530b329a4922fc6a4",
    "o200k_base": "fb374d419588a4632f3f557e76b4b70aebbca790",
    "p50k_base": "ec7223a39ce59f226a68acc30dc1af2788490e15",
}
"""Vocabularies in litellm's wheel, by the names that tiktoken's cache gives to the files."""

_loading = threading.Lock()


class TokenCounter:
    """Counts for one tokenizer.

    Attributes:
        id: names everything that changes a count; stored with counts that are kept.
        exact: whether a text's count is the model's own.
        factor: what counts are multiplied by, to be safe; 1.0 when exact. `count` has done so.
    """

    def __init__(self, id: str, *, exact: bool, factor: float = 1.0) -> None:
        self.id, self.exact, self.factor = id, exact, factor

    def count(self, text: str) -> int:
        """Tokens of a text, the safety factor included, rounded up."""
        number = len(_SPLIT.findall(text))
        return number if self.factor == 1.0 else -int(-number * self.factor // 1)

    def count_message(self, message: Wire) -> int:
        """Tokens of a message with its frame; parts that are not text count nothing."""
        total = PER_MESSAGE + self._count_content(message.get("content"))
        if name := message.get("name"):
            total += PER_NAME + self.count(name)
        for call in message.get("tool_calls") or ():
            function = call["function"]
            total += PER_CALL + self.count(function["name"]) + self.count(function["arguments"])
        return total

    def count_messages(self, messages: Iterable[Wire]) -> int:
        """Tokens of a list of messages, with those that open the answer."""
        return PER_REQUEST + sum(self.count_message(message) for message in messages)

    def count_tools(self, tools: Iterable[Wire]) -> int:
        """Tokens of tool schemas, taken as compact JSON."""
        return sum(PER_TOOL + self.count(_compact(tool.get("function", tool))) for tool in tools)

    def cut(self, text: str, limit: int, mark: str = "") -> str:
        """`text` if it has at most `limit` tokens, else a beginning that fits with `mark`.

        Empty when not even the mark fits.
        """
        if self.count(text) <= limit:
            return text
        low, high = 0, len(text)
        while low < high:
            middle = (low + high + 1) // 2
            if self.count(text[:middle] + mark) <= limit:
                low = middle
            else:
                high = middle - 1
        short = text[:low] + mark
        return short if self.count(short) <= limit else ""

    def _count_content(self, content: Any) -> int:
        if isinstance(content, str):
            return self.count(content)
        parts = content or ()
        return sum(self.count(part.get("text") or "") for part in parts if part["type"] == "text")


class TiktokenCounter(TokenCounter):
    """Counts with one of OpenAI's vocabularies, loaded on the first count."""

    def __init__(self, encoding: str) -> None:
        super().__init__(f"tiktoken/{encoding}", exact=True)
        self._encoding = encoding

    def count(self, text: str) -> int:
        """Tokens of a text; a special token's name in it counts as ordinary text."""
        return len(_encoding(self._encoding).encode_ordinary(text))


@functools.lru_cache(maxsize=256)
def counter(model: str) -> TokenCounter:
    """The counter for a full model name, for example `openai/gpt-4o-mini`. Reads no network."""
    provider, _, name = model.rpartition("/") if "/" in model else ("", "", model)
    first = model.split("/", 1)[0]
    if first in _DEFINED:
        return TokenCounter("archgraph/split-1", exact=True)
    encoding = _encoding_name(name) if provider in _OPENAI else None
    if encoding:
        return _tiktoken_counter(encoding)
    return TokenCounter(f"archgraph/split-1*{FACTOR}", exact=False, factor=FACTOR)


@functools.cache
def _tiktoken_counter(encoding: str) -> TokenCounter:
    return TiktokenCounter(encoding)


def _encoding_name(name: str) -> str | None:
    """The vocabulary of a model of OpenAI, where its file is on this machine."""
    folder = _folder()
    if folder is None:
        return None
    from tiktoken import model as tiktoken_model

    try:
        encoding = tiktoken_model.encoding_name_for_model(name)
    except KeyError:
        return None
    encoding = "o200k_base" if encoding == "o200k_harmony" else encoding
    return encoding if encoding in _FILES and (folder / _FILES[encoding]).is_file() else None


@functools.cache
def _folder() -> Path | None:
    """The vocabulary files in litellm's wheel, found without importing it (that takes seconds)."""
    found = importlib.util.find_spec("litellm")
    if not found or not found.origin or not importlib.util.find_spec("tiktoken"):
        return None
    return Path(found.origin).parent / "litellm_core_utils" / "tokenizers"


@functools.cache
def _encoding(name: str) -> Any:
    import tiktoken

    with _loading:
        before = os.environ.get("TIKTOKEN_CACHE_DIR")
        os.environ["TIKTOKEN_CACHE_DIR"] = str(_folder())
        try:
            return tiktoken.get_encoding(name)
        finally:
            if before is None:
                del os.environ["TIKTOKEN_CACHE_DIR"]
            else:
                os.environ["TIKTOKEN_CACHE_DIR"] = before


def _compact(schema: Mapping[str, Any]) -> str:
    return json.dumps(schema, ensure_ascii=False, separators=(",", ":"))
