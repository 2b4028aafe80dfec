"""archgraph: LLM agent architectures, declared as graphs of memory stores, tools and threads.

This is the whole face. `load` reads a YAML file, `check` lists what is wrong with it, `compile`
makes the plan that runs, `open_agent` makes or opens a living agent, `run_suite` compares
architectures. Everything else is inside.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archgraph import errors

if TYPE_CHECKING:
    from archgraph.api import check, compile, load, open_agent
    from archgraph.comparisons import run_suite

__all__ = ["check", "compile", "errors", "load", "open_agent", "run_suite"]

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """The verbs are imported when first used, so that `import archgraph` costs nothing."""
    if name == "run_suite":
        from archgraph import comparisons

        return comparisons.run_suite
    if name in __all__:
        from archgraph import api

        return getattr(api, name)
    raise AttributeError(f"module 'archgraph' has no attribute {name!r}")


def __dir__() -> list[str]:
    """What can be found here, the verbs that are not imported yet included."""
    return sorted({*globals(), *__all__})
