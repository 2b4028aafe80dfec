"""Ids for tool calls where a model gives none: the same request gives the same ids.

Used by gateways; a process-wide counter would make replays differ.
"""

from __future__ import annotations

import hashlib
import json

from archgraph.llm import base


def derive(request: base.Request, index: int) -> str:
    """The id of the call number `index` in the answer to `request`.

    It depends on the number of messages and the last two of them, so ids differ along a
    conversation although nothing is remembered.
    """
    tail = json.dumps(list(request.messages[-2:]), ensure_ascii=False, sort_keys=True)
    text = f"{len(request.messages)}/{index}/{tail}"
    return f"call_{hashlib.blake2b(text.encode(), digest_size=8).hexdigest()}"
