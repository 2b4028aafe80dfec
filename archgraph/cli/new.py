"""`new`: files to begin from. Each command lives in a module of its own, `new_<what>`."""

from __future__ import annotations

import importlib

import click

MADE = {
    "architecture": "Write an architecture and its prompt, ready to run.",
    "suite": "Write a suite: which architectures to compare, on what, and how.",
    "plugin": "Write a package that brings a memory type, with its tests.",
}
"""What can be made, and the line that `archgraph new --help` shows. The command `x` is the function
`x` of the module `new_x`."""


class Makers(click.Group):
    """A group whose commands are imported when they are used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of those that are there."""
        return list(MADE)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """Import a command's module."""
        if name not in MADE:
            return None
        module = importlib.import_module(f"archgraph.cli.new_{name}")
        found: click.Command = getattr(module, name)
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The overview, without importing any command."""
        with formatter.section("Commands"):
            formatter.write_dl(list(MADE.items()))


@click.group(cls=Makers)
def new() -> None:
    """Write files to begin from. Nothing that is there already is overwritten."""
