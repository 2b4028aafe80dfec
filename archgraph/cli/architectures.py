"""`check`, `show` and `schema`: what can be told of an architecture without running it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

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
@options.as_json
@options.varied
def show(
    arch: str, form: str, budget: bool, resolved: bool, varied: Sequence[str], as_json: bool
) -> None:
    """Draw an architecture: stores, tools, threads, and who reads, writes and wakes whom."""
    out = screen.Screen()
    if as_json and form not in ("text", "json"):
        raise click.UsageError(f"--json and --format {form} exclude each other")
    form = "json" if as_json else form
    if (budget or resolved) and form not in ("text", "json"):
        raise click.UsageError(f"--budget and --resolved are told as text or json, not as {form}")
    if resolved:
        _show_resolved(out, arch, varied, as_json=form == "json")
    if budget:
        _show_budget(out, arch, varied, as_json=form == "json")
    if not budget and not resolved:
        _show_graph(out, arch, varied, form)


def _show_graph(out: screen.Screen, arch: str, varied: Sequence[str], form: str) -> None:
    from archgraph import api
    from archgraph.graph import draw

    plan = plan_of(arch, varied)
    if form == "json":
        out.json(draw.plain(plan))
    elif form == "svg":
        sums = [] if api.is_agent(arch) else api.budgets(arch, varied)
        out.line(draw.svg(plan, draw.shares(sums)).rstrip("\n"))
    else:
        out.line((draw.mermaid(plan) if form == "mermaid" else draw.text(plan)).rstrip("\n"))


def _show_budget(out: screen.Screen, arch: str, varied: Sequence[str], *, as_json: bool) -> None:
    from archgraph import api
    from archgraph.cli import budget_table

    if api.is_agent(arch):
        name = plan_of(arch, varied).name
        raise errors.InputError(
            "the budget is proven of an architecture, not of an agent made of it: "
            f"archgraph show {name} --budget"
        )
    sums = api.budgets(arch, varied)
    if as_json:
        out.json([budget_table.plain(each) for each in sums])
    else:
        budget_table.tell(out, sums)


def _show_resolved(out: screen.Screen, arch: str, varied: Sequence[str], *, as_json: bool) -> None:
    from archgraph import api

    if api.is_agent(arch):
        found = [(*each, arch) for each in _leaves(plan_of(arch, varied).source, "")]
    else:
        found = api.load(arch, varied).origins()
    if as_json:
        out.json([{"place": path, "value": value, "from": at} for path, value, at in found])
        return
    out.table(
        ("place", "from", "value"),  # the widest last: not padded
        [(path, origin, screen.clean(str(value))) for path, value, origin in found],
    )


def _leaves(node: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Every value of a resolved architecture and its place."""
    named = dict(enumerate(node)) if isinstance(node, list) else node
    if not isinstance(named, Mapping) or not named:
        yield path, node
        return
    for key, value in named.items():
        yield from _leaves(value, f"{path}.{key}" if path else str(key))


@click.command()
@click.argument("kind", type=click.Choice(["architecture", "suite"]), default="architecture")
def schema(kind: str) -> None:
    """Print the JSON Schema of architectures or suites, the types of installed plugins included.

    Save it, and name it in the first line of your file, to have an editor complete and check it:
    `# yaml-language-server: $schema=architecture.schema.json`.
    """
    from archgraph.graph import schema as schemas

    if kind == "architecture":
        screen.Screen().json(schemas.schema())
        return
    from archgraph.suites.planning import schema as suites

    screen.Screen().json(suites.schema())


def plan_of(source: str, varied: Sequence[str] = ()) -> plans.Plan:
    """The plan of an architecture, or of an agent as it is now."""
    from archgraph import api

    if not api.is_agent(source) and not source.endswith(options.AGENT_SUFFIXES):
        return api.compile(source, varied)
    if varied:
        raise errors.InputError(f"{source} is an agent: --set and --model are for architectures")
    with options.read_agent(source) as opened:
        return opened.plan
