"""`compare`: two trials of the same case, to where they part."""

from __future__ import annotations

import click

from archgraph import errors
from archgraph.cli import options, screen


@click.command()
@click.argument("first", metavar="TRIAL")
@click.argument("second", metavar="TRIAL")
@click.option("--run", "run", metavar="RUN", help="A folder or a name in runs/; else the newest.")
@options.as_json
def compare(first: str, second: str, run: str | None, as_json: bool) -> None:
    """Follow two trials of the same case, turn by turn, to the first divergence.

    TRIAL is a trial's id or its beginning, or ARM/CASE as reports show them.
    """
    from archgraph import api, comparisons
    from archgraph.suites.reporting import divergence

    out, folder = screen.Screen(), comparisons.find(run)
    (one, left), (two, right) = (comparisons.outcome(folder, each) for each in (first, second))
    if left.case.id != right.case.id:
        raise errors.InputError(
            f"{first} is about the case {left.case.id}, {second} about {right.case.id}; "
            "trials are compared on the same case"
        )
    found = divergence.diverge(left, right, (one, two))
    if as_json:
        out.json(api.plain(found))
        return
    for line in divergence.lines(found, out.width):
        out.line(screen.clean(line))
