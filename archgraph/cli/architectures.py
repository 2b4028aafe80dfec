"""`check`, `show`, `diff` and `schema`: what can be told of an architecture without running it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from archgraph import errors
from archgraph.cli import options, problems, screen

if TYPE_CHECKING:
    from archgraph.graph import plan as plans

AT_FAULT = 1


@click.command()
@click.argument("files", metavar="FILE...", nargs=-1, required=True)
@options.varied
@options.as_json
@options.quiet
def check(files: Sequence[str], varied: Sequence[str], as_json: bool, quiet: bool) -> int:
    """Tell everything that is wrong with architecture files, all at once.

    FILE is a YAML file or the name of an architecture. Errors stop an architecture from running
    (exit code 1); warnings tell of what is useless or not proven.
    """
    from archgraph import api

    out = screen.Screen()
    found = {file: api.check(file, varied) for file in files}
    told = [problem for each in found.values() for problem in each]
    wrong = [problem for problem in told if problem.severity == "error"]
    if as_json:
        out.json([{"checked": file, **api.plain(p)} for file, each in found.items() for p in each])
        return AT_FAULT if wrong else 0
    problems.show(out, wrong if quiet else told, quiet=quiet)
    if not quiet:
        for file, each in found.items():
            style = "bad" if any(p.severity == "error" for p in each) else "good"
            out.line(f"{file}: {out.style(problems.summary(each), style)}")
    return AT_FAULT if wrong else 0


@click.command()
@click.argument("arch", metavar="ARCH|AGENT.db")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "mermaid", "svg", "json"]),
    default="text",
    help="text for reading, mermaid and svg for pages, json for programs.",
)
@click.option("--budget", is_flag=True, help="The most tokens that each thread can need, summed.")
@click.option("--resolved", is_flag=True, help="Every value after all layers, and its origin.")
@options.varied
def show(arch: str, form: str, budget: bool, resolved: bool, varied: Sequence[str]) -> None:
    """Draw an architecture: stores, tools, threads, and who reads, writes and wakes whom."""
    from archgraph import api
    from archgraph.graph import draw

    out = screen.Screen()
    if budget or resolved:
        if api.is_agent(arch):
            raise errors.InputError("--budget and --resolved need an architecture, not an agent")
        if resolved:
            _show_resolved(out, arch, varied)
        if budget:
            out.line("\n\n".join(each.table() for each in api.budgets(arch, varied)))
        return
    plan = plan_of(arch, varied)
    if form == "json":
        out.json(draw.plain(plan))
    else:
        drawn = {"text": draw.text, "mermaid": draw.mermaid, "svg": draw.svg}[form]
        out.line(drawn(plan).rstrip("\n"))


def _show_resolved(out: screen.Screen, arch: str, varied: Sequence[str]) -> None:
    from archgraph import api

    out.table(
        ("place", "from", "value"),  # the widest last: not padded
        [(path, origin, screen.clean(str(value)))
         for path, value, origin in api.load(arch, varied).origins()],
    )  # fmt: skip


@click.command()
@click.argument("before", metavar="A")
@click.argument("after", metavar="B")
@options.as_json
def diff(before: str, after: str, as_json: bool) -> None:
    """Tell how two architectures (or agents) differ: nodes, edges, values and prompts."""
    from archgraph import api
    from archgraph.graph import diff as diffs

    out = screen.Screen()
    changes = diffs.diff(plan_of(before), plan_of(after))
    if as_json:
        out.json([api.plain(change) for change in changes])
        return
    styles = {"added": "good", "removed": "bad", "changed": "warn"}
    for change in changes:
        head, *rest = str(change).splitlines()
        out.line(head, styles[change.how])
        for line in rest:
            out.line(line)
    if not changes:
        out.line("no differences")


@click.command()
@click.argument("kind", type=click.Choice(["architecture"]), default="architecture")
def schema(kind: str) -> None:
    """Print the JSON Schema of the language, the types of installed plugins included.

    Save it, and name it in the first line of your file, to have an editor complete and check it:
    `# yaml-language-server: $schema=architecture.schema.json`.
    """
    from archgraph.graph import schema as schemas

    screen.Screen().json(schemas.schema())


def plan_of(source: str, varied: Sequence[str] = ()) -> plans.Plan:
    """The plan of an architecture, or of an agent as it is now."""
    from archgraph import api

    if not api.is_agent(source) and not source.endswith(options.AGENT_SUFFIXES):
        return api.compile(source, varied)
    if varied:
        raise errors.InputError(f"{source} is an agent: --set and --model are for architectures")
    with options.read_agent(source) as opened:
        return opened.plan
