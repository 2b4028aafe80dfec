"""`search`: look for better parameters of one architecture, and judge the winner honestly."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from archgraph.cli import options, screen, suite_options

if TYPE_CHECKING:
    from archgraph import comparisons


@click.command()
@suite_options.asked
@click.option("--space", "values", multiple=True, metavar="PARAM=A,B|LOW..HIGH",
              help="What may vary. Repeatable.")  # fmt: skip
@click.option("--remove", multiple=True, metavar="NODE|all",
              help="A node that may be taken away. Repeatable.")  # fmt: skip
@click.option("--method", type=click.Choice(["climb", "random"]), default="climb",
              show_default=True, help="Uphill from the default arm, or drawn.")  # fmt: skip
@click.option("--evaluations", type=click.IntRange(0), default=20, show_default=True,
              help="Candidates to try; 0: no limit.")  # fmt: skip
@click.option("--out", metavar="FOLDER", help="Keep the run here, not in runs/NAME.")
@click.option("--workers", type=click.IntRange(0), default=2, show_default=True,
              help="Processes; 0 runs everything in this one.")  # fmt: skip
@options.as_json
@options.quiet
def search(asked: comparisons.Asked, **chosen: Any) -> None:
    """Look for better parameters and nodes, and score the winner on cases it has not seen.

    The conversations are cut in two halves: candidates are compared on one, and the winner meets
    the default arm on the other. Its gain there is what may be quoted.
    """
    from archgraph import api, comparisons
    from archgraph.suites import search as searching

    if not asked.what:
        raise click.UsageError("name an architecture, together with --dataset")
    out, aside = screen.Screen(), screen.Screen(err=True)

    def watch(tried: searching.Tried) -> None:
        if not chosen["quiet"]:
            told = tried.wrong.splitlines()[0] if tried.wrong else f"{tried.score:.3f}"
            aside.line(f"{' '.join(tried.overrides) or 'the default arm'}: {told}", "dim")

    how = searching.How(
        method=chosen["method"], seed=int(asked.more.get("seed", 0)),
        evaluations=chosen["evaluations"], max_calls=int(asked.more.get("max_calls", 0)),
        max_cost=float(asked.more.get("max_cost", 0.0)),
    )  # fmt: skip
    found = comparisons.search(
        asked, chosen["values"], chosen["remove"], how,
        folder=chosen["out"], workers=chosen["workers"], watch=watch,
    )  # fmt: skip
    if chosen["as_json"]:
        out.json(api.plain(found))
        return
    for line in searching.lines(found):
        out.line(screen.clean(line))
