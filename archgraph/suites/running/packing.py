"""How an outcome lies in the ledger: compressed JSON, with long texts kept once.

A worker splits an outcome with `split`; the ledger keeps the pieces; `joined` puts them together
again, exactly. Knows no SQL.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Callable, Mapping
from typing import Any

from archgraph.suites.datasets import case as cases

LONG = 120
"""Characters from which a text is kept apart, by its hash."""

_MARK = "\x00"
"""Begins what stands for a text that is kept apart."""

Texts = dict[bytes, bytes]
"""Compressed texts by hash."""


def split(data: Any) -> tuple[bytes, dict[bytes, str]]:
    """Plain data as bytes, and its long texts by hash."""
    texts: dict[bytes, str] = {}
    body = json.dumps(_without(data, texts), separators=(",", ":"), check_circular=False)
    return zlib.compress(body.encode(), 1), texts


def joined(body: bytes, text: Callable[[bytes], str]) -> Any:
    """The data that `split` took apart; `text` finds a text by its hash."""
    return _with(json.loads(zlib.decompress(body)), text)


def key(text: str) -> bytes:
    """The hash that a long text is kept by."""
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def squeezed(text: str) -> bytes:
    """A text as the ledger keeps it."""
    return zlib.compress(text.encode("utf-8", "surrogatepass"), 1)


def unsqueezed(data: bytes) -> str:
    """The text of `squeezed`."""
    return zlib.decompress(data).decode("utf-8", "surrogatepass")


def conversation(found: cases.Conversation) -> str:
    """A conversation as JSON; the items that its cases share are written once."""
    written = []
    for case in found.cases:
        shared = len(case.history) if case.history == found.items[: len(case.history)] else None
        own = None if shared is not None else [_item(each) for each in case.history]
        written.append(
            {
                "id": case.id, "cluster": case.cluster, "shared": shared, "history": own,
                "question": case.question, "answers": case.answers, "evidence": case.evidence,
                "category": case.category, "asked_at": case.asked_at, "rejected": case.rejected,
                "details": case.details,
            }
        )  # fmt: skip
    items = [_item(each) for each in found.items]
    return json.dumps({"id": found.id, "items": items, "cases": written})


def read_conversation(text: str) -> cases.Conversation:
    """The conversation of such JSON."""
    data = json.loads(text)
    items = tuple(cases.Item(*each) for each in data["items"])
    return cases.Conversation(data["id"], items, tuple(_case(c, items) for c in data["cases"]))


def _item(item: cases.Item) -> list[Any]:
    return [item.id, item.text, item.role, item.name, item.at]


def _case(data: dict[str, Any], items: tuple[cases.Item, ...]) -> cases.Case:
    shared, own = data.pop("shared"), data.pop("history")
    history = items if shared == len(items) else items[: shared or 0]
    if own is not None:
        history = tuple(cases.Item(*each) for each in own)
    tuples = {name: tuple(data[name]) for name in ("answers", "evidence", "rejected")}
    return cases.Case(**{**data, **tuples}, history=history)


def _without(value: Any, texts: dict[bytes, str]) -> Any:
    if isinstance(value, str):
        if len(value) < LONG and not value.startswith(_MARK):
            return value
        hashed = key(value)
        texts[hashed] = value
        return _MARK + hashed.hex()
    if isinstance(value, Mapping):
        return {str(name): _without(each, texts) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_without(each, texts) for each in value]
    return value


def _with(value: Any, text: Callable[[bytes], str]) -> Any:
    if isinstance(value, str):
        return text(bytes.fromhex(value[1:])) if value.startswith(_MARK) else value
    if isinstance(value, dict):
        return {name: _with(each, text) for name, each in value.items()}
    if isinstance(value, list):
        return [_with(each, text) for each in value]
    return value
