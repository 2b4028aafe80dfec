"""Flags that several commands share, and what their arguments mean.

Used by the command modules. Knows no command.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
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


def varied(function: Callable[..., Any]) -> Callable[..., Any]:
    """`--set` and `--model`; the command gets them as `varied`, in the order of the line."""

    @functools.wraps(function)
    def collapsed(*, sets: Sequence[str], model: str | None, **rest: Any) -> Any:
        return function(varied=(*sets, *([f"model={model}"] if model else ())), **rest)

    decorated = click.option(
        "--model", metavar="NAME", help="The model to use; short for --set model=NAME."
    )(collapsed)
    return click.option(
        "--set",
        "sets",
        multiple=True,
        metavar="NAME=VALUE",
        help="Set a parameter (core_limit=500), or a place in the file "
        "(threads.main.refresh=turn); null removes. Repeatable.",
    )(decorated)


@dataclass(frozen=True, slots=True)
class Who:
    """The agent that a command talks with.

    `source` is an architecture or an agent's file; `kept` the file of a new agent, if it is kept;
    `varied` what `--set` and `--model` say.
    """

    source: str
    kept: str | None
    varied: Sequence[str]

    def open(self, **setup: Any) -> agents.Agent:
        """Make or open the agent."""
        from archgraph import api

        return api.open_agent(self.source, self.kept, overrides=self.varied, **setup)


def with_agent(function: Callable[..., Any]) -> Callable[..., Any]:
    """The argument ARCH|AGENT.db with `--agent`, `--set` and `--model`; the command gets `who`."""

    @functools.wraps(function)
    def collapsed(*, agent: str, kept: str | None, varied: Sequence[str], **rest: Any) -> Any:
        _meant(agent, kept)
        return function(who=Who(agent, kept, varied), **rest)

    decorated = varied(collapsed)
    decorated = click.option(
        "--agent", "kept", metavar="FILE", help="Keep the agent in a file, or go on with it there."
    )(decorated)
    return click.argument("agent", metavar="ARCH|AGENT.db")(decorated)


def read_agent(path: str) -> agents.Agent:
    """Open an agent for looking only: also while another process is writing to it.

    Raises:
        AgentFileError: there is no such file, or it is no agent.
    """
    from archgraph import api

    if Path(path).exists() and not api.is_agent(path):
        what = "a folder" if Path(path).is_dir() else "not an agent's file"
        raise errors.AgentFileError(f"{path} is {what}; name an agent's file, such as nadia.db")
    must_exist(path)
    return api.open_agent(path, readonly=True)


def _meant(source: str, kept: str | None) -> None:
    """Refuse what cannot have been meant, before anything is made.

    Raises:
        InputError: the message says which command was probably meant.
    """
    from archgraph import api

    if source.endswith(AGENT_SUFFIXES):
        must_exist(source)
    if kept and api.is_agent(source):
        raise errors.InputError(
            f"{source} is an agent already and is kept where it is; leave --agent out"
        )


def must_exist(path: str) -> None:
    """Refuse an agent that is not there.

    Raises:
        AgentFileError: the message says how to make one.
    """
    if not Path(path).exists():
        raise errors.AgentFileError(
            f"there is no agent {path}; to make one: archgraph chat memgpt --agent {path}"
        )
