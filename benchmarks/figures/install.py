"""How many packages an install brings, with litellm's tree and without it.

`report` is called by `benchmarks/run.py install`. pip resolves as for an empty environment and
says what it would install; nothing is installed. Needs the package index.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib

from benchmarks import harness, measure

TARGETS = (80, 25)


def report(quick: bool) -> None:
    """Print the counts, archgraph itself included, and LangGraph's for scale."""
    project = tomllib.loads((harness.ROOT / "pyproject.toml").read_text())["project"]
    wanted = project["dependencies"]
    without = [line for line in wanted if not line.startswith("litellm")]
    rows: list[list[object]] = [
        ["archgraph", len(_resolved(wanted)) + 1, TARGETS[0]],
        ["archgraph without litellm", len(_resolved(without)) + 1, TARGETS[1]],
    ]
    if not quick:
        bench = project["optional-dependencies"]["bench"]
        rows.append(["LangGraph, its SQLite checkpointer, ChatOpenAI", len(_resolved(bench)), "-"])
    print(measure.table(["what", "packages", "target, at most"], rows))


def _resolved(requirements: list[str]) -> list[str]:
    flags = ["--dry-run", "--ignore-installed", "--quiet", "--report", "-"]
    command = [sys.executable, "-m", "pip", "install", "--disable-pip-version-check", *flags]
    done = subprocess.run([*command, *requirements], stdout=subprocess.PIPE, text=True, check=True)
    return [item["metadata"]["name"] for item in json.loads(done.stdout)["install"]]
