"""The table of the gallery and the graphs on its pages, as `make reference` writes them.

`docs/reference/gallery.md` has the table. A page `docs/architectures/NAME.md` holds the graph of
its architecture between `<!-- graph:NAME -->` and `<!-- /graph -->`.
"""

from __future__ import annotations

import importlib
import inspect
import re
from collections import Counter
from pathlib import Path

from archgraph import api, registry
from archgraph.graph import draw, wording
from archgraph.graph import plan as plans
from archgraph.spec import load
from tests.conftest import ROOT

PAGES = ROOT / "docs" / "architectures"
GRAPH = re.compile(r"(<!-- graph:(?P<name>[\w.-]+) -->\n).*?(<!-- /graph -->)", re.DOTALL)
_CITED = re.compile(r"\(([^()]*\b(?:19|20)\d\d\b(?:[^()]|\([^()]*\))*)\)")
_ARXIV = re.compile(r"arXiv:(\d{4}\.\d{4,5})")
HEAD = ("architecture", "stores", "threads", "due", "tools", "YAML", "Python", "paper")


def graphs(source: str) -> str:
    """A page with the graphs between its marks made anew."""

    def make(match: re.Match[str]) -> str:
        return f"{match[1]}\n```mermaid\n{chart(match['name'])}```\n\n{match[3]}"

    return GRAPH.sub(make, source)


def chart(name: str) -> str:
    return draw.mermaid(api.compile(name))


def with_mark(page: Path, source: str) -> str:
    """A page of the gallery has a graph; where its marks are missing, they come at the end."""
    if page.parent != PAGES or page.stem not in load.names() or GRAPH.search(source):
        return source
    return f"{source.rstrip()}\n\n## The graph\n\n<!-- graph:{page.stem} -->\n<!-- /graph -->\n"


def rows() -> list[tuple[str, ...]]:
    return [row(name) for name in load.names()]


def row(name: str) -> tuple[str, ...]:
    plan = api.compile(name)
    page = PAGES / f"{name}.md"
    link = f"../architectures/{name}.md" if page.exists() else f"../../architectures/{name}.yaml"
    types = Counter(store.type for store in plan.stores.values())
    threads = [thread + (" (pipeline)" if each.steps else "")
               for thread, each in plan.threads.items()]  # fmt: skip
    due = [wording.trigger(each) for thread in plan.threads.values() for each in thread.triggers]
    return (
        f"[{name}]({link})",
        ", ".join(kind if n == 1 else f"{n} {kind}s" for kind, n in types.items()),
        ", ".join(threads),
        "; ".join(dict.fromkeys(due)),
        str(len(plan.tools)),
        str(lines_of(load.find(name))),
        str(lines_of_python(plan)),
        papers(plan.about),
    )


def lines_of(file: Path) -> int:
    """Lines that say something: neither empty nor a comment."""
    lines = file.read_text(encoding="utf-8").splitlines()
    return sum(bool(line.strip()) and not line.lstrip().startswith("#") for line in lines)


def lines_of_python(plan: plans.Plan) -> int:
    """Lines of Python outside the package that an architecture's tools and steps are made of."""
    files = set()
    for tool in plan.tools.values():
        if tool.outside and tool.outside.kind == "python":
            module = tool.outside.target.partition(":")[0].replace(".", "/")
            files |= {Path(folder) / f"{module}.py" for folder in tool.outside.folders}
    for thread in plan.threads.values():
        for step in thread.steps:
            if registry.entries("operators")[step.operator].package != "archgraph":
                files.add(Path(inspect.getfile(registry.get("operators", step.operator))))
            elif step.operator == "python":
                module = importlib.import_module(step.options["call"].partition(":")[0])
                files.add(Path(inspect.getfile(module)))
    return sum(lines_of(file) for file in files if file.exists())


def papers(about: str) -> str:
    """The works that are cited in parentheses, with links where they are on arXiv."""
    flat = " ".join(about.split())
    found = dict.fromkeys(cited.strip() for cited in _CITED.findall(flat))
    return "; ".join(_ARXIV.sub(r"[arXiv:\1](https://arxiv.org/abs/\1)", cited) for cited in found)
