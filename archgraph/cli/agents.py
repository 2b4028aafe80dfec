"""`blame`, `fork`, `reindex`: who wrote a store, a second agent with the same past, new indexes."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from archgraph import clock
from archgraph.cli import options, screen

if TYPE_CHECKING:
    from archgraph import api


@click.command()
@click.argument("agent", metavar="AGENT.db")
@click.argument("store")
@options.as_json
def blame(agent: str, store: str, as_json: bool) -> None:
    """Tell which step, thread and message wrote each line of a store.

    The file is opened for reading only, so this also works while another process writes to it.
    """
    from archgraph import api

    out = screen.Screen()
    with options.read_agent(agent) as opened:
        found = api.blame(opened, store)
    if as_json:
        out.json([api.plain(each) for each in found])
        return
    if not found:
        out.line(f"{store} is empty")
        return
    out.table(
        ("step", "thread", "time (UTC)", "because of", "line"),  # the widest last: not padded
        [
            (each.step or each.operator or _origin(each), each.thread or "",
             clock.stamp(each.at)[:16], screen.short(each.message, 60),
             screen.clean(each.line) + _end(each))
            for each in found
        ],
    )  # fmt: skip


def _origin(line: api.Blamed) -> str:
    """Where a line comes from that no step wrote."""
    return "at the start" if line.turn is None else "a message"


def _end(line: api.Blamed) -> str:
    """Since when a line holds no longer, if so."""
    return "" if line.ended is None else f" (until {clock.stamp(line.ended)[:16]})"


@click.command()
@click.argument("agent", metavar="AGENT.db")
@click.argument("new", metavar="NEW.db")
@click.option("--at", type=int, metavar="STEP", help="With the memory that it had after this step.")
@click.option(
    "--architecture", "other", metavar="OTHER", help="Go on with this architecture instead."
)
@options.varied
@options.quiet
def fork(
    agent: str, new: str, at: int | None, other: str | None, varied: Sequence[str], quiet: bool
) -> None:
    """Copy an agent as it is now, or as it was after a step, into a new file.

    With --architecture the copy goes on as another architecture; stores and threads of the same
    name and type keep what they hold. The original may be in use.
    """
    from archgraph import api

    plan = api.compile(other, varied) if other else None
    with options.read_agent(agent) as opened:
        if varied and not other:
            flags = " ".join(f"--set {shlex.quote(each)}" for each in varied)
            raise click.UsageError(
                "--set and --model vary the architecture that --architecture names: "
                f"archgraph fork {agent} {new} --architecture {opened.plan.name} {flags}"
            )
        made = opened.fork(new, at=at, plan=plan)
        made.close()
    if not quiet:
        when = f", as it was after step {at}" if at is not None else ""
        goes_on = f"; it goes on as {plan.name}" if plan else ""
        out = screen.Screen()
        out.line(f"{new} is a copy of {agent}{when}{goes_on}. Next: archgraph chat {new}")


@click.command()
@click.argument("agent", metavar="AGENT.db")
@options.quiet
def reindex(agent: str, quiet: bool) -> None:
    """Embed and index the stores of an agent again, with the embedder that its plan names.

    Needed when an embedder has changed since the agent was made; the records stay as they are.
    """
    from archgraph import api

    options.must_exist(agent)
    count = api.reindex(agent)
    if not quiet:
        screen.Screen().line(f"indexed {screen.plural(count, 'store')} of {agent} again")
