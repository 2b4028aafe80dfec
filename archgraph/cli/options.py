"""Flags that several commands share, and what their arguments mean.

Used by the command modules. Knows no command.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from archgraph import errors

if TYPE_CHECKING:
    from archgraph.runtime import agent as agents

Function = TypeVar("Function", bound=Callable[..., Any])

AGENT_SUFFIXES = (".db", ".sqlite", ".sqlite3")


def as_json(function: Function) -> Function:
    """`--json`."""
    return click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")(
        function
    )


def quiet(function: Function) -> Function:
    """`--quiet`."""
    return click.option("-q", "--quiet", is_flag=True, help="Print nothing but the result.")(
        function
    )


def varied(function: Function) -> Function:
    """`--set` and `--model`."""
    function = click.option(
        "--model", metavar="NAME", help="The model to use; short for --set model=NAME."
    )(function)
    return click.option(
        "--set",
        "sets",
        multiple=True,
        metavar="NAME=VALUE",
        help="Set a parameter (core_limit=500), or a place in the file "
        "(threads.main.refresh=turn); null removes. Repeatable.",
    )(function)


def overrides(sets: Sequence[str], model: str | None) -> tuple[str, ...]:
    """What `--set` and `--model` say together."""
    return (*sets, *([f"model={model}"] if model else ()))


def read_agent(path: str) -> agents.Agent:
    """Open an agent for looking only: also while another process is writing to it.

    Raises:
        AgentFileError: there is no such file, or it is no agent.
    """
    from archgraph import api

    if Path(path).is_file() and not api.is_agent(path):
        raise errors.AgentFileError(f"{path} is not an agent's file")
    _must_exist(path)
    return api.open_agent(path, readonly=True)


def meant(source: str, kept: str | None) -> None:
    """Refuse what cannot have been meant, before anything is made.

    Raises:
        InputError: the message says which command was probably meant.
    """
    from archgraph import api

    if source.endswith(AGENT_SUFFIXES):
        _must_exist(source)
    if kept and api.is_agent(source):
        raise errors.InputError(
            f"{source} is an agent already and is kept where it is; leave --agent out"
        )


def _must_exist(path: str) -> None:
    if not Path(path).exists():
        raise errors.AgentFileError(
            f"there is no agent {path}; to make one: archgraph chat memgpt --agent {path}"
        )
