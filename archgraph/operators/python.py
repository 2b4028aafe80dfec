"""`python`: a function of the user's own as a step.

The function runs outside of any lock, at least once: a process that is killed before the commit
runs it again. It gets the named values and returns a value; it does not touch stores.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any, ClassVar

import pydantic

from archgraph import errors
from archgraph.operators import base


class Python(base.Operator):
    """Calls a Python function with values of the run; its result is the step's value."""

    class Options(base.Options):
        """Keys of a `python` step."""

        short: ClassVar[str] = "call"

        call: str = pydantic.Field(pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$")
        """`module:function`, found on Python's path or beside the architecture's file."""
        of: base.Names = pydantic.Field(default=[])
        """The values, or stores, that it gets as positional arguments."""
        options: dict[str, Any] = pydantic.Field(default={})
        """Keyword arguments."""

        def uses(self) -> dict[str, str]:
            """The arguments."""
            return {f"of.{n}": name for n, name in enumerate(self.of)}

    options: Options

    def prepare(self, bench: base.Bench, answer: Any) -> Any:
        """Run the function."""
        function = found(self.options.call)
        given = [bench.value(name) for name in self.options.of]
        try:
            return function(*given, **self.options.options)
        except Exception as error:
            text = f"{self.options.call} failed inside: {type(error).__name__}: {error}"
            raise errors.ToolError(text) from error

    def apply(self, bench: base.Bench, answer: Any) -> Any:
        """What the function returned; it must be plain data (JSON)."""
        return bench.prepared


def found(call: str) -> Callable[..., Any]:
    """The function that `module:function` names.

    Raises:
        PluginError: it cannot be imported, or is no function.
    """
    module, _, name = call.partition(":")
    try:
        function = getattr(importlib.import_module(module), name)
    except Exception as error:  # a foreign module may raise anything as it is imported
        text = f"{call} cannot be loaded: {type(error).__name__}: {error}"
        raise errors.PluginError(text) from error
    if not callable(function):
        raise errors.PluginError(f"{call} is no function")
    return function  # type: ignore[no-any-return]
