"""`doctor`: what this machine has, and how to mend what it lacks."""

from __future__ import annotations

import click

from archgraph.cli import machine, options, screen

AT_FAULT = 1


@click.command()
@options.as_json
def doctor(as_json: bool) -> int:
    """Tell what this machine has, and how to mend what it lacks.

    Exit code 1 if something is missing that archgraph cannot do without.
    """
    from archgraph import api

    out = screen.Screen()
    found = machine.findings()
    broken = [each for each in found if each.needed and not each.ok]
    if as_json:
        out.json([api.plain(each) for each in found])
        return AT_FAULT if broken else 0
    width = max(len(each.name) for each in found)
    for each in found:
        mark, style = _mark(each)
        out.line(f"{out.style(f'{mark:<8}', style)} {each.name:<{width}}  {each.found}")
        if each.remedy:
            out.line(f"{'':8} {'':{width}}  mend: {each.remedy}", style)
    out.line()
    if broken:
        out.line(f"{len(broken)} of {len(found)} are missing that archgraph needs", "bad")
        return AT_FAULT
    out.line("archgraph can run here", "good")
    return 0


def _mark(each: machine.Finding) -> tuple[str, str]:
    if each.ok:
        return "ok", "good"
    return ("missing", "bad") if each.needed else ("optional", "warn")
