"""What an engine is: it brings workers to a coordinator.

An engine is a class over `Engine` with an `Options` model, registered in the entry-point group
`archgraph.engines`. It may run a worker twice or lose one: the ledger decides what counts.
"""

from __future__ import annotations

from typing import ClassVar

import pydantic

from archgraph.suites.running import wire


class Options(pydantic.BaseModel):
    """An engine's options. Every engine's `Options` inherits from this."""

    model_config = pydantic.ConfigDict(
        extra="forbid", frozen=True, use_attribute_docstrings=True, populate_by_name=True
    )

    host: str = ""
    """The address of this machine under which workers find the coordinator. Left out: the engine
    knows it."""


AnyOptions = Options
"""The same class, under a name that `Engine` does not hide."""


class Engine:
    """Brings workers.

    A worker is `worker.work(door)`, in a process of its own or in a thread.
    """

    Options: ClassVar[type[Options]] = Options

    def __init__(self, options: AnyOptions, workers: int) -> None:
        """Take the options; nothing is started yet.

        Raises:
            InputError: an option cannot be used.
            MachineError: a library or a cluster is not there.
        """
        self.options, self.workers = options, workers

    def host(self) -> str:
        """The address of this machine that workers will connect to."""
        return self.options.host or "127.0.0.1"

    def start(self, door: wire.Door) -> None:
        """Bring the workers."""
        raise NotImplementedError

    def tend(self, missing: int) -> None:
        """Called several times a second: bring others for those that are gone.

        Args:
            missing: how many fewer workers are connected than were asked for.

        Raises:
            MachineError: no workers can be had.
        """

    def stop(self, *, kill: bool) -> None:
        """Let the workers go, which have been told; with `kill`, do not wait for them."""
