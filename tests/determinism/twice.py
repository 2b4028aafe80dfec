"""Runs a scene in a process of its own and prints a digest of every table; `python -m` with
SCENE, the file to make, and the recording to answer from (or `offline`).
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

from archgraph import api
from archgraph.graph import plan as plans
from tests.crash import scenes

SCENES = ("memgpt", "text_rag", "two_threads", *scenes.PAIRS)


def scene(name: str) -> tuple[plans.Plan, list[api.Row]]:
    """The plan and the transcript."""
    if name == "text_rag":
        return api.compile("text_rag"), scenes.rows(scenes.TALK, 400)
    plan, transcript, _ = scenes.scene(name)
    return plan, transcript


def run(name: str, path: Path, tape: str) -> dict[str, list[str]]:
    """The dump of a scene's file; with `offline` its own model answers, else a recording."""
    if tape != "offline":
        return scenes.replay(name, path, Path(tape))
    plan, transcript = scene(name)
    agent = scenes.opened(plan, str(path), None)
    api.feed(agent, transcript)
    agent.close()
    return scenes.dumped(path)


def main() -> None:
    dump = run(sys.argv[1], Path(sys.argv[2]), sys.argv[3])
    digests = {table: hashlib.sha256("\n".join(rows).encode()).hexdigest()
               for table, rows in dump.items()}  # fmt: skip
    print(json.dumps({"tables": digests, "rows": sum(map(len, dump.values()))}))


if __name__ == "__main__":
    main()
