"""`python`: a function of the user's own as a step.

The function runs outside of any lock, at least once: a process that is killed before the commit
runs it again. It gets the named values and returns a value; it does not touch stores.
"""

from __future__ import annotations

import json
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
        """`module:function`, looked for beside the architecture's file, then where Python looks."""
        of: base.Names = pydantic.Field(default=[])
        """The values, or stores, that it gets as positional arguments."""
        options: dict[str, Any] = pydantic.Field(default={})
        """Keyword arguments."""

        def uses(self) -> dict[str, str]:
            """The arguments."""
            return {f"of.{n}": name for n, name in enumerate(self.of)}

        def calls(self) -> dict[str, str]:
            """The function."""
            return {"call": self.call}

    options: Options

    def prepare(self, bench: base.Bench, answer: Any) -> Any:
        """Run the function."""
        function = bench.function(self.options.call)
        given = [bench.value(name) for name in self.options.of]
        try:
            result = function(*given, **self.options.options)
        except (Exception, SystemExit) as error:
            text = f"{self.options.call} failed inside: {errors.inside(error)}"
            raise errors.ToolError(text) from error
        return _plain(result, self.options.call)

    def apply(self, bench: base.Bench, answer: Any) -> Any:
        """What the function returned; it must be plain data (JSON)."""
        return bench.prepared


def _plain(result: Any, call: str) -> Any:
    """A result as the agent's file will give it back, for what cannot be kept is not gone on with.

    Raises:
        ToolError: it is no plain data.
    """
    try:
        text = json.dumps(result, ensure_ascii=False, allow_nan=False)
        text.encode()
        return json.loads(text)
    except (TypeError, ValueError, RecursionError) as error:
        told = f"{call} returned what is no plain data (text, numbers, lists, mappings): {error}"
        raise errors.ToolError(told[:300]) from error
