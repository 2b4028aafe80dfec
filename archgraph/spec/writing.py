"""Plain data as YAML, for whoever shows a file that archgraph reads. Knows no meaning."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml


def text(data: Mapping[str, Any]) -> str:
    """The text of a YAML file, keys in the order of the data; equal data gives equal text."""
    return str(yaml.safe_dump(dict(data), sort_keys=False, allow_unicode=True, width=96))
