"""`diff`: how two architectures differ, in words by consequence, as a drawing, or as data."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from archgraph.cli import architectures, options, screen

if TYPE_CHECKING:
    from archgraph.graph import budget, explain


@click.command()
@click.argument("before", metavar="A")
@click.argument("after", metavar="B")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "mermaid", "svg", "json"]),
    default="text",
    help="text tells what follows; mermaid and svg draw both as one, with marks.",
)
@options.as_json
def diff(before: str, after: str, form: str, as_json: bool) -> None:
    """Tell how two architectures (or agents) differ, and what follows from it.

    What the model sees, what it may do, when it runs, what is kept, and what a step can cost.
    JSON has every node, edge, value and line of a prompt that differs.
    """
    from archgraph import api
    from archgraph.graph import diff as diffs
    from archgraph.graph import draw
    from archgraph.graph import explain as explaining

    out = screen.Screen()
    plans = architectures.plan_of(before), architectures.plan_of(after)
    if as_json or form == "json":
        out.json([api.plain(change) for change in diffs.diff(*plans)])
        return
    if form != "text":
        out.line(draw.compared(*plans, form).rstrip("\n"))
        return
    _tell(out, explaining.explain(*plans, (_sums(before), _sums(after))))


def _sums(source: str) -> list[budget.Budget]:
    """The budgets of an architecture; of an agent they are not proven."""
    from archgraph import api

    return [] if api.is_agent(source) else api.budgets(source)


def _tell(out: screen.Screen, told: explain.Explanation) -> None:
    if not told.head and not told.groups:
        out.line("no differences")
        return
    for sentence in told.head:
        _wrapped(out, screen.clean(sentence), "")
    for name, lines in told.groups.items():
        out.line()
        out.line(name, "bold")
        for line in lines:
            inner = line.startswith("  ")
            style = {"+": "good", "-": "bad"}.get(line.strip()[:1], "dim") if inner else ""
            _wrapped(out, screen.clean(line.strip()), style, "    " if inner else "- ")


def _wrapped(out: screen.Screen, text: str, style: str, head: str = "") -> None:
    """A line, broken between words so that it fits."""
    import textwrap

    for line in textwrap.wrap(
        text, max(40, min(out.width, 100)), initial_indent=head, subsequent_indent=" " * len(head),
        break_long_words=False, break_on_hyphens=False,
    ):  # fmt: skip
        out.line(line, style)
