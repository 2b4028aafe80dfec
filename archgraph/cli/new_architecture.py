"""`new architecture`: a commented YAML file and its prompt, which pass `check` and run at once."""

from __future__ import annotations

import click

from archgraph import errors


@click.command()
@click.argument("name")
def architecture(name: str) -> None:
    """Write an architecture and its prompt, ready to run."""
    raise errors.InputError(f"{name}: not written yet")
