"""Feeds a scene in a process that will be killed; forks one for each line of its input.

Run as `python -m tests.crash.feeder SCENE TAPE`. A line is a JSON object: `path` of the agent's
file, `notes` (a file to append to), `phase` and `nth` for the reaper, `after` in seconds to be
killed from outside. The answer is a line with the exit code (-9: it was killed). The parent never
opens a database, so that its children may.
"""

from __future__ import annotations

import importlib
import json
import os
import select
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from archgraph import api
from archgraph.llm import recording
from tests.crash import reaper, scenes


def live(scene: str, tape: recording.Replay, order: Mapping[str, Any]) -> None:
    """One life: go on with the feed until it is done or death comes."""
    notes = os.open(order["notes"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    following = reaper.Reaper(order.get("phase", ""), order.get("nth", 0))
    reaper.follow(following)
    agent: Any = None

    def note(kind: str, value: str) -> None:
        os.write(notes, f"{kind}\t{agent.db.version if agent else 0}\t{value}\n".encode())

    watched = reaper.Watched(
        tape, following, lambda request: note("ask", recording.digest(request))
    )
    plan, transcript, _ = scenes.scene(scene)
    agent = scenes.opened(plan, order["path"], watched)
    note("open", "")
    api.feed(agent, transcript, told=lambda count, row, turn: note("done", row.key))
    agent.close()


def main() -> None:
    scene, tape = sys.argv[1], recording.Replay(Path(sys.argv[2]))
    scenes.scene(scene)
    for slow in ("numpy", "sqlite_utils.migrations", "sqlite_vec", "tiktoken"):
        importlib.import_module(slow)  # here once, not in each life
    for line in sys.stdin:
        order = json.loads(line)
        child = os.fork()
        if child == 0:
            os._exit(_lived(scene, tape, order))
        _wait(child, order.get("after"))
        _, status = os.waitpid(child, 0)
        print(json.dumps(os.waitstatus_to_exitcode(status)), flush=True)


def _wait(child: int, seconds: float | None) -> None:
    """Wait for a child's end, or kill it after so many seconds."""
    ended = os.pidfd_open(child)
    if not select.select([ended], [], [], seconds)[0]:
        os.kill(child, signal.SIGKILL)
    os.close(ended)


def _lived(scene: str, tape: recording.Replay, order: Mapping[str, Any]) -> int:
    try:
        live(scene, tape, order)
    except BaseException:
        sys.excepthook(*sys.exc_info())
        return 1
    return 0


if __name__ == "__main__":
    main()
