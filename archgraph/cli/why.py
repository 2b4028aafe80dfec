"""`why`: what a result depends on."""

from __future__ import annotations

import click

from archgraph.cli import options, screen


@click.command()
@click.argument("trial")
@click.option("--run", "run", metavar="RUN", help="A folder or a name in runs/; else the newest.")
@options.as_json
def why(trial: str, run: str | None, as_json: bool) -> None:
    """Tell what a result depends on, and what changed since it was last made.

    TRIAL is a trial's id or its beginning, or ARM/CASE as reports show them.
    """
    from archgraph import comparisons

    out = screen.Screen()
    lines = comparisons.why(comparisons.find(run), trial)
    if as_json:
        out.json(lines)
        return
    for line in lines:
        out.line(screen.clean(line))
