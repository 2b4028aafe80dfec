"""Which options of a model are keys or passwords, and where a key is to come from instead.

What stands in an architecture stands in every agent made of it, in clear. So the checks refuse
such options in a file, the journal leaves them out, and the gateways read a key from the
environment variable that `api_key_env` names.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from typing import Any

from archgraph import errors

FROM_ENVIRONMENT = "api_key_env"
"""The option that names an environment variable; it is read when a model is called."""

_SECRET_NAME = re.compile(
    r"(^|_)(api_?key|private_key|access_key(_id)?|authorization|password|passwd|secret|"
    r"credentials?)$|secret|^(.*_)?(access|auth|bearer|session|refresh|api|ad|hf|id)_token$|"
    r"^token$|^apikey$|^cookie$"
)
_SECRET_TEXT = re.compile(r"^\s*(Bearer|Basic)\s+\S+|^(sk|gsk|xai|hf|AIza)[-_][\w-]{8,}$")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

Path = tuple[str | int, ...]


def places(options: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Secrets in (nested) options, by the option's name or the text's shape: path and value."""
    if isinstance(options, Mapping):
        for name, value in options.items():
            if is_secret(str(name)) and not isinstance(value, Mapping):
                yield (*path, name), value
            else:
                yield from places(value, (*path, name))
    elif isinstance(options, (list, tuple)):
        for index, value in enumerate(options):
            yield from places(value, (*path, index))
    elif isinstance(options, str) and _SECRET_TEXT.search(options):
        yield path, options


def is_secret(name: str) -> bool:
    """Whether an option of that name holds a secret: `api_key`, `X-Api-Key`, `aws_secret_...`."""
    return bool(_SECRET_NAME.search(name.lower().replace("-", "_")))


def is_variable(name: object) -> bool:
    """Whether a value can be the name of an environment variable."""
    return isinstance(name, str) and bool(_VARIABLE.fullmatch(name))


def with_key(options: Mapping[str, Any]) -> dict[str, Any]:
    """Options as a provider's library takes them: `api_key_env` replaced with the key itself.

    Raises:
        GatewayError: the environment variable is not set; the message names it.
    """
    given = dict(options)
    variable = given.pop(FROM_ENVIRONMENT, None)
    if variable is None:
        return given
    key = os.environ.get(str(variable), "")
    if not key:
        raise errors.GatewayError(
            f"the environment variable {variable}, which option `{FROM_ENVIRONMENT}` names, is "
            f"not set; set it: export {variable}=..."
        )
    return {**given, "api_key": key}
