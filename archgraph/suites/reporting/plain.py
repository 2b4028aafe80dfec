"""Findings as JSON, for programs. What does not exist is null. Knows no layout."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping
from typing import Any

from archgraph.suites import findings as found
from archgraph.suites.reporting import repeating, wording

FORMAT = 1
"""Rises when a field changes its meaning or goes."""


def text(findings: found.Findings) -> str:
    """Everything but the drawings (`archgraph show` draws them) and wall times."""
    whole = {"format": FORMAT, **_plain(findings)}
    del whole["drawings"]
    whole["suite"] = repeating.without_folders(whole["suite"])
    for cost in whole["costs"]:
        del cost["times"]
    told = json.dumps(whole, indent=1, ensure_ascii=False, allow_nan=False)
    return wording.encodable(told) + "\n"


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: _plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if isinstance(value, str | int | float | bool | None) else str(value)
