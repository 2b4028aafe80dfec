"""The command `archgraph`: which commands there are, and what a fault of the user looks like.

Called by the script, by `python -m archgraph` and by tests. Each command lives in a module that is
imported when the command is used, so that `--help` costs nothing.
"""

from __future__ import annotations

import importlib
import warnings
from typing import Any

import click

from archgraph import errors

SECTIONS: dict[str, dict[str, tuple[str, str]]] = {
    "Design": {
        "list": ("listing", "List what there is: architectures, stores, verbs, plugins..."),
        "check": ("architectures", "Tell everything that is wrong with architecture files."),
        "show": ("architectures", "Draw an architecture: its graph, budget or resolved file."),
        "diff": ("difference", "Tell how two architectures differ: in words, or drawn."),
        "new": ("new", "Write an architecture, a suite or a plugin to begin from."),
        "schema": ("architectures", "Print the JSON Schema of the language, for editors."),
    },
    "Talk": {
        "chat": ("chat", "Talk with an agent, and look into it while you do."),
        "send": ("talking", "Send one message and print the reply."),
        "feed": ("talking", "Give a transcript to an agent, message by message."),
    },
    "Compare": {
        "run": ("run", "Compare architectures on the same work, with honest statistics."),
        "report": ("report", "Tell what a run shows: tables, plots, one HTML page."),
        "compare": ("compare", "Follow two trials of one case to where they part."),
        "why": ("why", "Tell what a result depends on, and what changed."),
        "search": ("search", "Look for better parameters, and score the winner honestly."),
    },
    "Inspect": {
        "journal": ("journal", "Tell what an agent did: turns, steps, calls, exact windows."),
        "blame": ("agents", "Tell which step and message wrote each line of a store."),
        "fork": ("agents", "Copy an agent as it is now or was after a step."),
        "reindex": ("agents", "Embed and index an agent's stores again."),
        "doctor": ("doctor", "Tell what this machine has, and how to mend what it lacks."),
    },
}
"""Commands by section: the module in `archgraph.cli`, and the line that the overview shows."""

DONE, AT_FAULT, USAGE, FAILED, INTERRUPTED = 0, 1, 2, 3, 130
"""Exit codes. 2 is click's own."""


class Commands(click.Group):
    """A group whose commands are imported when they are used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in the order of the sections."""
        return [name for section in SECTIONS.values() for name in section]

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """Import a command's module."""
        for section in SECTIONS.values():
            if name in section:
                module = importlib.import_module(f"archgraph.cli.{section[name][0]}")
                found: click.Command = getattr(module, name.replace("list", "list_"))
                return found
        return None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; offer the nearest name where there is none."""
        if args and self.get_command(ctx, args[0]) is None and not args[0].startswith("-"):
            hint = errors.suggest(args[0], self.list_commands(ctx))
            ctx.fail(f"no command {args[0]!r}; {hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The overview, without importing any command."""
        for title, section in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl([(name, text) for name, (_, text) in section.items()])

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; a fault of the user becomes a message and an exit code."""
        warnings.showwarning = _warn
        try:
            code = super().invoke(ctx)
        except errors.ArchgraphError as error:
            from archgraph.cli import problems

            problems.tell(error)
            code = FAILED if isinstance(error, errors.GatewayError) else AT_FAULT
        except KeyboardInterrupt:
            click.echo("\nStopped.", err=True)
            code = INTERRUPTED
        except (click.ClickException, click.exceptions.Exit, click.Abort, OSError):
            raise  # click's own, and broken pipes, which click knows how to end
        except (
            Exception
        ) as error:  # damage to a file shows as the driver's own error; else it is raised
            from archgraph.cli import problems

            if not problems.tell_damage(error):
                raise
            code = AT_FAULT
        ctx.exit(code or DONE)


def _warn(message: Warning | str, *_: Any, **__: Any) -> None:
    """Show a warning as people read it, without the line of code that gave it."""
    from archgraph.cli import screen

    out = screen.Screen(err=True)
    out.line(out.style("warning: ", "warn") + screen.clean(str(message)))


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 96},
    epilog="Exit codes: 0 done, 1 the input is at fault, 2 wrong usage, 3 the run had failures, "
    "130 interrupted.",
)
@click.version_option(package_name="archgraph", message="archgraph %(version)s")
def cli() -> None:
    """Agent architectures, declared as YAML graphs of memory stores, tools and threads.

    \b
    Begin with:
      archgraph chat memgpt              talk with a shipped agent, no key needed
      archgraph show memgpt              see what it is made of
      archgraph check my_agent.yaml      find what is wrong with your own
      archgraph run demo                 compare six architectures, with intervals
    """  # noqa: D301 (\b is click's mark for text that is not to be wrapped)


def run() -> None:
    """Run a command and end the process."""
    cli(prog_name="archgraph")
