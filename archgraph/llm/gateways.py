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


def open_gateway(model: str, options: Mapping[str, Any] | None = None) -> base.Gateway:
    """The gateway for a full model name, for example `offline/extractive` or `openai/gpt-4o`.

    Raises:
        InputError: the name is empty, or nothing stands behind its slash.
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
    kind = registry.get("gateways", first if first in known else "litellm")
    opener = getattr(kind, "open", None)
    return cast(base.Gateway, opener(model, options) if opener else kind(options))
