"""Problems as people see them: where, what, what to do, and the line with a caret under it.

Called by `check` and by whatever ends in an error of the user's.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path

from archgraph import errors
from archgraph.cli import screen

_MOST = 1_000_000
"""Characters of a file from which snippets are taken."""


def tell(error: errors.ArchgraphError) -> None:
    """Show an error on stderr."""
    out = screen.Screen(err=True)
    if not isinstance(error, errors.SpecError):
        out.line(out.style("error: ", "bad") + screen.clean(str(error)))
        return
    show(out, error.problems)
    out.line(summary(error.problems))


def tell_damage(error: Exception) -> bool:
    """Show an error of the database on stderr: the file is damaged, full or not reachable.

    False if the error is something else, which then is a bug.
    """
    from archgraph.storage import database, driver

    if not isinstance(error, driver.driver().module.DatabaseError):
        return False
    out = screen.Screen(err=True)
    out.line(
        out.style("error: ", "bad")
        + f"the agent's file cannot be used: {error}; {database.remedy(error)}"
    )
    return True


def show(out: screen.Screen, problems: Sequence[errors.Problem], *, quiet: bool = False) -> None:
    """Show problems, each with its line; only the first lines of each when `quiet`."""
    for problem in problems:
        style = "bad" if problem.severity == "error" else "warn"
        place = ":".join([problem.file, *(str(n) for n in (problem.line, problem.column) if n)])
        where = out.style(place, "bold") + (f"  {problem.path}" if problem.path else "")
        what = out.style(f"{problem.severity}: ", style) + screen.clean(problem.message)
        remedy = f"; {screen.clean(problem.remedy)}" if problem.remedy else ""
        out.line(f"{where}: {what}{remedy} {out.style(f'[{problem.code}]', 'dim')}")
        if not quiet:
            for line in snippet(problem, out.width - 2):
                out.line(f"  {line}", "dim")
            out.line()


def summary(problems: Sequence[errors.Problem]) -> str:
    """`2 errors and 1 warning`."""
    wrong = sum(each.severity == "error" for each in problems)
    doubtful = len(problems) - wrong
    parts = [screen.plural(wrong, "error")] if wrong else []
    parts += [screen.plural(doubtful, "warning")] if doubtful else []
    return " and ".join(parts) or "no problems"


def snippet(problem: errors.Problem, width: int) -> list[str]:
    """The line of a problem and a caret under its column; empty if it has no place in a file."""
    lines = _lines(problem.file) if problem.line else ()
    if not 0 < problem.line <= len(lines):
        return []
    head = f"{problem.line:>5} | "
    room = max(20, width - len(head) - 2)
    text = screen.clean(lines[problem.line - 1]).replace("\t", " ")
    column = max(0, problem.column - 1)
    start = max(0, column - room // 2) if len(text) > room else 0
    shown = text[start : start + room]
    left, right = ("…" if start else ""), ("…" if start + room < len(text) else "")
    before = left + shown[: column - start]
    caret = [" " * (len(head) - 2) + "| " + " " * screen.columns(before) + "^"]
    return [f"{head}{left}{shown}{right}", *(caret if problem.column else [])]


@functools.lru_cache(maxsize=8)
def _lines(file: str) -> tuple[str, ...]:
    try:
        with Path(file).open(encoding="utf-8", errors="replace", newline=None) as opened:
            return tuple(opened.read(_MOST).split("\n"))
    except OSError:
        return ()
