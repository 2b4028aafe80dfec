"""`report`: read what came of a run, or of two."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from archgraph import errors
from archgraph.cli import screen

if TYPE_CHECKING:
    from archgraph.suites import findings as found
    from archgraph.suites import results

FORMATS = ("text", "md", "csv", "differences", "costs", "trials", "json", "latex", "html")


@click.command()
@click.argument("run", metavar="[RUN]", required=False)
@click.argument("other", metavar="[OTHER]", required=False)
@click.option("--format", "form", type=click.Choice(FORMATS), default="text", show_default=True,
              help="csv: a row for each score; differences, costs, trials: a row for each of "
              "them.")  # fmt: skip
@click.option("-o", "--output", metavar="FILE", help="Write to a file.")
@click.option("--open", "open_", is_flag=True, help="Show the HTML page in a browser.")
@click.option("--baseline", default="", metavar="ARM", help="Compare with another arm.")
@click.option("--scorer", "scorers", multiple=True, metavar="NAME",
              help="Compare by another scorer of the run.")  # fmt: skip
@click.option("--timing", is_flag=True, help="Also the wall times, which no two runs share.")
@click.option(
    "--tokens", is_flag=True, help="Also where each arm's tokens go, by thread and store."
)
@click.option("--details", type=click.Choice(["all", "wrong", "some", "none"]), default="all",
              show_default=True, help="Which trials the page holds whole.")  # fmt: skip
def report(run: str | None, other: str | None, form: str, **chosen: Any) -> None:
    """Tell what a run shows: tables, differences with intervals, where facts were lost.

    RUN is a folder, or a name in runs/; without one the newest run is told. With OTHER both
    are compared: the same arms on the same data, in two runs.
    """
    from archgraph import comparisons

    if other and form not in ("text", "html"):
        raise click.UsageError("two runs are compared as text or html")
    out, folder = screen.Screen(), comparisons.find(run)
    form = "html" if chosen["open_"] and form == "text" else form
    rows, shown = comparisons.read(folder, baseline=chosen["baseline"], scorers=chosen["scorers"])
    if other:
        text = comparisons.compared(folder, comparisons.find(other), as_page=form == "html")
    elif form == "html":
        text = comparisons.page(folder, rows, shown, chosen["details"])
    else:
        text = _written(rows, shown, form, min(out.width, 120), tokens=chosen["tokens"])
        if chosen["timing"] and form == "text":
            from archgraph.suites.reporting import table

            text = f"{text.rstrip()}\n\n{table.timing(shown)}"
    _put(out, text, chosen, folder, form)


def _put(out: screen.Screen, text: str, chosen: dict[str, Any], folder: Path, form: str) -> None:
    from archgraph import comparisons

    target = chosen["output"]
    if chosen["open_"]:
        target = target or str(folder / "report.html")
    if not target:
        out.line(text.rstrip("\n"))
        return
    try:
        Path(target).write_text(text, encoding="utf-8")
        if Path(target).resolve() == (folder / comparisons.REPORT).resolve():
            comparisons.note_report(folder, text)
    except OSError as error:
        raise errors.InputError(f"cannot write {target}: {error.strerror}") from error
    screen.Screen(err=True).line(f"wrote {target}", "dim")
    if chosen["open_"] and form == "html":
        click.launch(target)


def _written(
    rows: results.Results, shown: found.Findings, form: str, width: int, *, tokens: bool
) -> str:
    from archgraph.suites.reporting import delimited, latex, markdown, plain, table

    if form == "trials":
        return delimited.trials(rows)
    if form == "text":
        return table.text(shown, width, tokens=tokens)
    made = {"md": markdown.text, "csv": delimited.cells, "differences": delimited.differences,
            "costs": delimited.costs, "json": plain.text, "latex": latex.text}  # fmt: skip
    return made[form](shown)
