"""Plain data as YAML, for whoever shows a file that archgraph reads. Knows no meaning."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import yaml

_NUMBERLIKE = re.compile(r"[-+.]?[0-9.]")
"""How a text begins that YAML 1.2 may take for a number (`0E0`); PyYAML writes YAML 1.1."""


class _Dumper(yaml.SafeDumper):
    """Quotes what `reading` would not read as text."""


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    style = "'" if _NUMBERLIKE.match(value) else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Dumper.add_representer(str, _text)


def text(data: Mapping[str, Any]) -> str:
    """The text of a YAML file, keys in the order of the data; equal data gives equal text."""
    return str(yaml.dump(dict(data), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=96))
