"""Opens the gateway that a model's name asks for.

Called by the runtime. The part of the name before the first `/` picks a registered gateway
(`offline`, `scripted`, `replay`, or a plugin's); any other name is litellm's.

A registered class is opened with its classmethod `open(model, options)` where it has one, else
with `cls(options)`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from archgraph import errors, registry
from archgraph.llm import base

OFFLINE = ("offline/extractive",)
"""The names that `offline/` may stand before; any other is a slip, and would run unnoticed."""


def slip(model: str) -> str:
    """What to write instead of a model's name that cannot be; empty if it may be one."""
    wrong = model.startswith("offline/") and model not in OFFLINE
    return errors.suggest(model, OFFLINE) if wrong else ""


def open_gateway(model: str, options: Mapping[str, Any] | None = None) -> base.Gateway:
    """The gateway for a full model name, for example `offline/extractive` or `openai/gpt-4o`.

    Raises:
        InputError: the name is empty, or nothing stands behind its slash.
        UnknownName: there is no offline model of that name.
        PluginError: the gateway's package cannot be loaded.
    """
    first, _, rest = model.partition("/")
    known = registry.entries("gateways")
    if not first or (not rest and (first in known or first != model)):
        raise errors.InputError(
            f"model {model!r} is not complete; write for example offline/extractive, "
            "openai/gpt-4o-mini or scripted/<path>"
        )
    if first == "litellm":  # `litellm/openai/x` says the same as `openai/x`
        raise errors.InputError(f"model {model!r}: write it without `litellm/`")
    if slip(model):
        raise errors.UnknownName("model", model, OFFLINE)
    kind = registry.get("gateways", first if first in known else "litellm")
    opener = getattr(kind, "open", None)
    return cast(base.Gateway, opener(model, options) if opener else kind(options))
