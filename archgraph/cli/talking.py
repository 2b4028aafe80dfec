"""`send` and `feed`: one message, or a whole transcript."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from archgraph import errors
from archgraph.cli import options, screen

if TYPE_CHECKING:
    from archgraph import api
    from archgraph.clock import Clock
    from archgraph.runtime import agent as agents

FAILED, INTERRUPTED = 3, 130
_UNFINISHED = (
    "SELECT EXISTS (SELECT 1 FROM turn WHERE status = 'open') "
    "OR EXISTS (SELECT 1 FROM tick WHERE died IS NULL AND kind = 'message')"
)
_IN_A_ROW = 3
"""Failed turns in a row after which `feed` stops: the model is not there."""


@click.command()
@options.with_agent
@click.argument("text")
@click.option(
    "--approve",
    is_flag=True,
    help="Agree to every call that needs a person's approval; without it such calls are refused.",
)
@options.as_json
@options.quiet
def send(who: options.Who, text: str, approve: bool, as_json: bool, quiet: bool) -> int:
    """Send one message and print the reply.

    With an architecture the agent lives only for this message, unless --agent names a file. With
    an agent's file, the conversation goes on there. `-` reads the text from standard input.
    """
    from archgraph.storage import journal

    said = sys.stdin.read() if text == "-" else text
    if not said.strip():
        raise errors.InputError("the message is empty: there is nothing to send")
    refused: list[str] = []

    def asked(tool: str, arguments: Mapping[str, Any]) -> bool | str:
        refused.extend([] if approve else [tool])
        return approve or "nobody can be asked here"

    with who.open() as opened:
        opened.world.approve = asked
        behind = journal.failures(opened.db)
        try:
            turn = opened.send(said)
            code = _answer(turn, opened, as_json=as_json, quiet=quiet)
            if refused and not quiet:
                told = f"{', '.join(dict.fromkeys(refused))} was refused: it needs approval"
                screen.Screen(err=True).line(f"({told}; --approve gives it)", "warn")
            if opened.db.path != ":memory:":
                opened.work()
                code = _behind(journal.failures(opened.db)[len(behind) :]) or code
        except KeyboardInterrupt:
            return stopped(opened)
    return code


def _answer(turn: agents.Turn, agent: agents.Agent, *, as_json: bool, quiet: bool) -> int:
    out, err = screen.Screen(), screen.Screen(err=True)
    if as_json:
        from archgraph import api

        file = None if agent.db.path == ":memory:" else agent.db.path
        out.json({**api.plain(turn), "reply": turn.reply, "agent": file})
    elif turn.replies:
        out.line(turn.reply)
    elif turn.status != "failed" and not quiet:
        err.line("(no reply: the agent ended its turn without one)", "dim")
    out.stream.flush()
    if turn.status == "failed":
        err.line(err.style("the turn failed: ", "bad") + turn.reason)
        return FAILED
    return 0


def stopped(agent: agents.Agent) -> int:
    """Tell what becomes of what was interrupted."""
    err = screen.Screen(err=True)
    file = agent.db.path
    if file == ":memory:":
        err.line("\nStopped. The agent lived in memory only and is gone.")
    elif agent.db.value(_UNFINISHED):
        err.line(
            f"\nStopped. Your message is safe in {file}; the turn is finished when the agent is "
            f"opened next: archgraph chat {file}"
        )
    else:
        err.line(f"\nStopped. Nothing is lost; the agent is in {file}")
    return INTERRUPTED


@click.command()
@options.with_agent
@click.argument("file")
@click.option(
    "--mode",
    type=click.Choice(["converse", "observe"]),
    default="converse",
    help="converse: the agent answers each message of the user. observe: it only overhears them.",
)
@click.option(
    "--clock",
    type=click.Choice(["virtual", "wall"]),
    help="The clock of a new agent: virtual moves with the times in the transcript (the default "
    "where it has any), wall is this machine's.",
)
@options.as_json
@options.quiet
def feed(
    who: options.Who, file: str, mode: str, clock: str | None, as_json: bool, quiet: bool
) -> int:
    """Give a transcript to an agent, message by message.

    FILE holds one JSON object a line: {"text": ..., "role": "user" or "assistant", "name": ...,
    "time": ISO 8601}; only text is needed. Messages that the agent has taken before are skipped,
    so a feed that was stopped goes on when it is started again.
    """
    from archgraph import api
    from archgraph.storage import journal

    rows = api.read_transcript(file)
    place = who.source if api.is_agent(who.source) else who.kept
    if place is None:
        raise click.UsageError(
            f"{who.source} is an architecture: say where its agent is kept, with --agent FILE"
        )
    if clock and api.is_agent(place):
        raise errors.InputError(f"{place} has its clock already; --clock is for new agents")
    moving = None if api.is_agent(place) else _clock(clock, rows)
    with who.open(clock=moving) as opened:
        told = _Progress(len(rows), quiet=quiet or as_json)
        before, behind = api.spent(opened), journal.failures(opened.db)
        try:
            with told:
                fresh = api.feed(opened, rows, mode=mode, told=told)
        except KeyboardInterrupt:
            again = f"{told.done:,} of {len(rows):,} rows done; the same command goes on from there"
            screen.Screen(err=True).line(f"\nStopped. {again}.")
            return INTERRUPTED
        except _ModelGone:
            fresh = told.fresh
        told.spent = [now - then for now, then in zip(api.spent(opened), before, strict=True)]
        code = _fed(told, fresh, len(rows), str(place), as_json=as_json, quiet=quiet)
        return _behind(journal.failures(opened.db)[len(behind) :]) or code


def _clock(wanted: str | None, rows: Sequence[api.Row]) -> Clock:
    """The clock of a new agent; a virtual one starts with the first time that is known."""
    from archgraph import clock as clocks

    first = next((row.at for row in rows if row.at is not None), None)
    if wanted == "wall" or (wanted is None and first is None):
        return clocks.WallClock()
    return clocks.VirtualClock(clocks.WallClock().now() if first is None else first)


def _fed(told: _Progress, fresh: int, total: int, place: str, *, as_json: bool, quiet: bool) -> int:
    out, err = screen.Screen(), screen.Screen(err=True)
    if as_json:
        steps, tokens = told.spent
        found = {"rows": total, "new": fresh, "failed": told.failed, "agent": place}
        out.json({**found, "steps": steps, "tokens": tokens})
    elif not quiet:
        known = f", {told.done - fresh:,} known before" if told.done > fresh else ""
        steps, tokens = told.spent
        cost = f"; {screen.plural(steps, 'step')}, {tokens:,} tokens" if steps else ""
        out.line(f"{screen.plural(total, 'row')}: {fresh:,} new{known}{cost}. Kept in {place}")
    if told.failed:
        err.line(
            err.style(f"{screen.plural(told.failed, 'turn')} failed; ", "bad")
            + f"the first: {told.reason}"
        )
        if told.in_a_row >= _IN_A_ROW:
            err.line(f"Stopped after {told.done:,} rows: {_IN_A_ROW} turns in a row failed.")
        return FAILED
    return 0


def _behind(failed: Sequence[str]) -> int:
    """Tell of background runs that failed: no turn shows them."""
    if not failed:
        return 0
    err = screen.Screen(err=True)
    runs = screen.plural(len(failed), "run")
    err.line(err.style(f"{runs} in the background failed; ", "bad") + f"the first: {failed[0]}")
    return FAILED


class _ModelGone(Exception):
    """So many turns in a row failed that going on is no use."""


class _Progress:
    """Counts what `feed` tells, and draws a bar on a terminal."""

    def __init__(self, total: int, *, quiet: bool) -> None:
        self.done = self.fresh = self.failed = self.in_a_row = 0
        self.spent = [0, 0]
        self.reason = ""
        self._total = total
        self._bar: Any = None
        err = screen.Screen(err=True)
        if err.terminal and not quiet:
            from rich import console, progress

            shown = console.Console(file=err.stream, no_color=not err.coloured)
            self._bar = progress.Progress(
                *progress.Progress.get_default_columns(),
                progress.MofNCompleteColumn(),
                console=shown,
            )
            self._task = self._bar.add_task("feeding", total=total)

    def __enter__(self) -> _Progress:
        if self._bar:
            self._bar.start()
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            self.done = self._total  # rows that were known before are not told one by one
        if self._bar:
            self._bar.update(self._task, completed=self.done)
            self._bar.stop()

    def __call__(self, count: int, row: api.Row, turn: agents.Turn | None) -> None:
        """One row has been taken."""
        self.done, self.fresh = count, self.fresh + 1
        if self._bar:
            self._bar.update(self._task, completed=count)
        if turn is not None and turn.status == "failed":
            self.failed, self.in_a_row = self.failed + 1, self.in_a_row + 1
            self.reason = self.reason or turn.reason
            if self.in_a_row >= _IN_A_ROW:
                raise _ModelGone
        elif turn is not None:
            self.in_a_row = 0
