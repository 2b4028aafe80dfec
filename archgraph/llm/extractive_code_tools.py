"""Guesses which tools try, keep and run code, from their words and parameters, as a model would.

Called by `extractive_tools`. Knows no names of tools.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

TRY_CODE, SAVE_CODE, RUN_CODE = "try code", "save code", "run code"

_CODE = re.compile(r"\b(?:code|script|program|source|snippet)\b", re.I)
_NAME = re.compile(r"^(?:name|skill|program|script)\b|\bname (?:of|for)\b", re.I)
_ACTS = re.compile(r"\b(?:execut\w+|runs?|try|tries|perform\w*|invoke\w*|call|use)\b", re.I)
_KEPT = re.compile(r"\b(?:skills?|programs?|scripts?|functions?|code)\b", re.I)


def understand(
    name: str, about: str, properties: Mapping[str, Any], required: Collection[str]
) -> dict[str, Any]:
    """The role of a tool that works on code, with its parameters; empty if it does not.

    `text` is the parameter for the code, `id` the one for the name, `value` for the description.
    """
    texts = [key for key in properties if properties[key].get("type", "string") == "string"]
    needed = [key for key in texts if key in required]
    code = next((key for key in needed if _CODE.search(_words(key))), "")
    called = next((key for key in needed if key != code and _NAME.search(_words(key))), "")
    items = next((key for key in properties if properties[key].get("type") == "object"), "")
    if code and called:
        told = next((key for key in needed if key not in (code, called)), "")
        return {"role": SAVE_CODE, "text": code, "id": called, "value": told, "items": items}
    acts = _ACTS.search(name) or _ACTS.search(" ".join(about.split()[:3]))
    if code and acts:
        return {"role": TRY_CODE, "text": code, "items": items}
    if needed == [called] and called and acts and _KEPT.search(f"{name} {about}"):
        return {"role": RUN_CODE, "id": called, "items": items}
    return {}


def _words(name: str) -> str:
    return re.sub(r"[_\-.]+", " ", name)
