"""A process that has everything imported and makes workers by forking, so that each costs little.

Started by `local` as a program of its own: nothing of the user's script or notebook is run again,
and the workers are in a session apart, where ctrl-C does not reach them. It lives as long as its
workers: they end when the run is over or the coordinator is gone.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Mapping
from typing import Any

from archgraph import clock, prompts, registry
from archgraph.llm import embedders
from archgraph.storage import database, driver
from archgraph.suites.running import wire, worker

_YOUNG = 1.0
"""Seconds within which the death of a worker is no bad luck."""

_TRIES = 5
"""Young deaths in a row after which no more workers are made."""


def main() -> int:
    """Read where the coordinator is from the standard input, make workers, wait for them.

    Returns:
        0 when all workers ended well, 3 when they cannot live here.
    """
    told = json.loads(sys.stdin.readline())
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    warm()
    door = wire.Door(**told["door"])
    if not hasattr(os, "fork"):
        return _alone(door)
    born: dict[int, float] = {}
    for _ in range(told["workers"]):
        born[_fork(door)] = clock.elapsed()
    young = 0
    while born:
        pid, status = os.wait()
        age = clock.elapsed() - born.pop(pid)
        if status == 0:
            continue
        young = young + 1 if age < _YOUNG else 0
        if young >= _TRIES:
            return 3
        born[_fork(door)] = clock.elapsed()
    return 0


def warm() -> None:
    """Import what a trial needs, before the first fork.

    What is only imported at its first use is used once: each worker would import it for itself,
    which takes longer than a trial.
    """
    driver.driver()
    for kind in ("gateways", "embedders", "stores", "backends", "operators", "scorers"):
        registry.entries(kind)
    for kind, names in _USED.items():
        for name in names:
            registry.get(kind, name)
    database.create(":memory:", seed=0).close()  # no connection outlives this
    prompts.render("{{ now }}", dict.fromkeys(prompts.variables("{{ now }}"), ""))
    embedders.open_embedder("hashed").embed(["warm"])


_USED: Mapping[str, tuple[str, ...]] = {
    "gateways": ("offline",),
    "embedders": ("hashed",),
    "stores": ("block", "log", "queue", "collection", "tasks"),
    "backends": ("sqlite",),
    "operators": ("read", "write"),
    "scorers": ("contains",),
}


def _fork(door: wire.Door) -> int:
    pid = os.fork()
    if pid:
        return pid
    code: Any = 1
    try:
        worker.work(door)
        code = 0
    except BaseException as error:
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
    finally:
        sys.stderr.flush()
        os._exit(code)


def _alone(door: wire.Door) -> int:
    """Where processes cannot be forked, this one is the worker."""
    worker.work(door)
    return 0
